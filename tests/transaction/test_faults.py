"""Killed at any operation, or any operation failing: old or new, never between."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from envctl.errors import BrokenError, MachineError, SwitchError
from envctl.transaction import switch
from envctl.transaction.held import Held
from envctl.transaction.journal import Journal, format_journal
from envctl.transaction.leftovers import sweep
from envctl.transaction.lent import give_back, lend
from envctl.transaction.merge import choose_gone
from envctl.transaction.recover import pending
from envctl.transaction.site import read_number
from transaction.bench import Bench, Count, Hooked, check_complete, replacement, snapshot

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")

#: More operations than any run here has.
MANY = 2000


@contextmanager
def exchange_off(*, off: bool) -> Iterator[None]:
    former = switch.exchange_allowed
    switch.exchange_allowed = not off
    try:
        yield
    finally:
        switch.exchange_allowed = former


def kill(operation: str, path: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run_and_kill(at: int, act: Callable[[], Any]) -> bool:
    """Run in a child that is killed before its operation number ``at``; whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            with Hooked(Count(at, kill)):
                act()
        except BaseException:  # noqa: BLE001 - a forked child must never return to pytest
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def lock_text(bench: Bench) -> str | None:
    lock = bench.project / "pylock.toml"
    return lock.read_text() if lock.exists() else None


def version_of(tree: Path) -> str | None:
    """The one version that all of an environment has, all files read; None when it is not there."""
    return check_complete(tree).get("tool") if tree.exists() else None


def recover_twice(bench: Bench) -> str | None:
    """Put right what a kill left; the second time there is nothing to do."""
    first: str | None = bench.held(lambda held: held.recovered)
    second = bench.held(lambda held: held.recovered)
    assert second is None
    assert pending(bench.site) is None
    return first


def place_tool(bench: Bench, version: str) -> Any:
    return bench.place(
        "tool",
        version,
        requested=True,
        files={"tool/__init__.py": f"V = {version!r}\n"},
        scripts={"tool": "tool:x"},
    )


def leftovers(bench: Bench) -> list[str]:
    """What is there besides what belongs there."""
    expected = {".venv", ".venv.envctl", "pylock.toml", "env.toml"}
    found = [name for name in os.listdir(bench.project) if name not in expected]
    found += os.listdir(bench.site.staging) if os.path.isdir(bench.site.staging) else []
    state = {".gitignore", "lock", "history.jsonl", "generations", "staging", "spare", "trash"}
    found += [name for name in os.listdir(bench.site.folder) if name not in state]
    return found


@pytest.mark.parametrize("keep", [0, 1], ids=["made-anew", "made-of-the-spare"])
@pytest.mark.parametrize("two_renames", [False, True], ids=["exchange", "two-renames"])
def test_an_apply_that_is_killed_is_whole_with_its_lock(
    bench: Bench, *, two_renames: bool, keep: int
) -> None:
    tools = {version: place_tool(bench, version) for version in ("1", "2")}
    bench.apply(tools["1"], replacements=(replacement(bench.project / "pylock.toml", "1"),))
    at, outcomes, missing = 1, set(), 0
    with exchange_off(off=two_renames):
        while at < MANY:
            current = version_of(bench.venv)
            following = "2" if current == "1" else "1"
            wanted = replacement(bench.project / "pylock.toml", following)
            killed = run_and_kill(
                at,
                lambda tool=tools[following], wanted=wanted: bench.apply(  # type: ignore[misc]
                    tool, replacements=(wanted,), keep=keep
                ),
            )
            if not killed:
                break
            if bench.venv.exists():
                assert version_of(bench.venv) in {current, following}
            else:
                missing += 1
                assert pending(bench.site) is not None
            recover_twice(bench)
            now = version_of(bench.venv)
            assert now in {current, following}
            assert lock_text(bench) == now
            assert leftovers(bench) == []
            outcomes.add(now == following)
            at += 1

    assert at < MANY
    assert outcomes == {True, False}
    assert missing == (1 if two_renames else 0)


def test_a_first_apply_that_is_killed_is_there_whole_or_not_at_all(bench: Bench) -> None:
    tool = place_tool(bench, "1")
    lock = bench.project / "pylock.toml"
    at, outcomes = 1, set()
    while at < MANY:
        wanted = replacement(lock, "1")
        if not run_and_kill(
            at,
            lambda wanted=wanted: bench.apply(tool, replacements=(wanted,)),  # type: ignore[misc]
        ):
            break
        recover_twice(bench)
        assert version_of(bench.venv) == lock_text(bench)
        outcomes.add(lock_text(bench))
        shutil.rmtree(bench.venv, ignore_errors=True)
        shutil.rmtree(bench.site.folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        assert os.listdir(bench.project) == []
        at += 1

    assert at < MANY
    assert outcomes == {None, "1"}


@pytest.mark.parametrize("two_renames", [False, True], ids=["exchange", "two-renames"])
def test_a_rollback_that_is_killed_is_whole_and_loses_no_generation(
    bench: Bench, *, two_renames: bool
) -> None:
    for version in ("1", "2"):
        bench.apply(place_tool(bench, version))
    at, outcomes = 1, set()
    with exchange_off(off=two_renames):
        while at < MANY:
            current = bench.number()
            other = 3 - current
            if not run_and_kill(at, lambda other=other: bench.rollback(other)):  # type: ignore[misc]
                break
            recover_twice(bench)
            assert version_of(bench.venv) == str(bench.number())
            assert version_of(Path(bench.site.generation(3 - bench.number()))) == str(3 - bench.number())
            assert leftovers(bench) == []
            outcomes.add(bench.number() == other)
            at += 1

    assert at < MANY
    assert outcomes == {True, False}


def test_two_files_are_replaced_both_or_none(bench: Bench) -> None:
    lock, manifest = bench.project / "pylock.toml", bench.project / "env.toml"
    lock.write_text("0")
    manifest.write_text("0")
    at, outcomes = 1, set()
    while at < MANY:
        current = int(lock.read_text())
        wanted = tuple(replacement(path, str(current + 1)) for path in (lock, manifest))
        if not run_and_kill(
            at,
            lambda wanted=wanted: bench.held(lambda held: held.replace_files(wanted)),  # type: ignore[misc]
        ):
            break
        recover_twice(bench)
        assert lock.read_text() == manifest.read_text()
        assert lock.read_text() in {str(current), str(current + 1)}
        outcomes.add(lock.read_text() == str(current))
        assert set(os.listdir(bench.project)) == {"pylock.toml", "env.toml"}
        at += 1

    assert at < MANY
    assert outcomes == {True, False}


@pytest.mark.slow
@pytest.mark.parametrize("two_renames", [False, True], ids=["exchange", "two-renames"])
def test_a_recovery_that_is_killed_is_recovered(bench: Bench, *, two_renames: bool) -> None:
    tools = {version: place_tool(bench, version) for version in ("1", "2")}
    lock = bench.project / "pylock.toml"
    bench.apply(tools["1"], replacements=(replacement(lock, "1"),))
    template = bench.root / "template"
    at, tried = 1, 0
    with exchange_off(off=two_renames):
        while at < MANY:
            current = lock_text(bench)
            following = "2" if current == "1" else "1"
            wanted = replacement(lock, following)
            if not run_and_kill(
                at,
                lambda tool=tools[following], wanted=wanted: bench.apply(tool, replacements=(wanted,)),  # type: ignore[misc]
            ):
                break
            if os.path.exists(bench.site.journal):
                shutil.copytree(bench.project, template, symlinks=True)
                again = 1
                while run_and_kill(again, lambda: bench.held(lambda held: None)):
                    recover_twice(bench)
                    assert lock_text(bench) == version_of(bench.venv)
                    assert leftovers(bench) == []
                    shutil.rmtree(bench.project)
                    shutil.copytree(template, bench.project, symlinks=True, dirs_exist_ok=True)
                    again += 1
                    tried += 1
                shutil.rmtree(template)
            recover_twice(bench)
            at += 1

    assert tried > 20


# --- failing operations ------------------------------------------------------


def failing(number: int) -> Callable[[str, str], None]:
    def fail(operation: str, path: str) -> None:
        raise OSError(number, os.strerror(number), path)

    return fail


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from-then-on"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES], ids=errno.errorcode.get)
@pytest.mark.parametrize(
    ("two_renames", "keep"), [(False, 1), (True, 0)], ids=["exchange-of-the-spare", "two-renames-made-anew"]
)
def test_an_operation_that_fails_leaves_old_or_new(
    bench: Bench, *, number: int, lasting: bool, two_renames: bool, keep: int
) -> None:
    tools = {version: place_tool(bench, version) for version in ("1", "2")}
    lock = bench.project / "pylock.toml"
    bench.apply(tools["1"], replacements=(replacement(lock, "1"),))
    at, outcomes = 1, set()
    with exchange_off(off=two_renames):
        while at < MANY:
            current = lock_text(bench)
            following = "2" if current == "1" else "1"
            count = Count(at, failing(number), lasting=lasting)
            broken = False
            try:
                with Hooked(count):
                    bench.apply(tools[following], replacements=(replacement(lock, following),), keep=keep)
            except BrokenError:
                broken = True
                assert lasting
            except MachineError as error:
                assert lock_text(bench) == current
                assert version_of(bench.venv) == current
                assert lasting or leftovers(bench) == []
                outcomes.add(type(error))
            else:
                assert lock_text(bench) == following
                assert version_of(bench.venv) == following
            if count.seen < at:
                break
            if broken:
                assert pending(bench.site) is not None
            recover_twice(bench)
            assert lock_text(bench) == version_of(bench.venv)
            assert leftovers(bench) == []
            at += 1

    assert at < MANY
    assert SwitchError in outcomes


def test_a_file_that_cannot_be_replaced_takes_the_switch_back(bench: Bench) -> None:
    lock, manifest = bench.project / "pylock.toml", bench.project / "env.toml"
    for path in (lock, manifest):
        path.write_text("old")
    bench.apply(place_tool(bench, "1"))
    before = snapshot(bench.project)

    def fail(operation: str, path: str) -> None:
        if operation == "rename" and path == str(manifest):
            raise OSError(errno.EIO, "broken disk", path)

    with Hooked(fail), pytest.raises(SwitchError) as caught:
        bench.apply(
            place_tool(bench, "2"), replacements=(replacement(lock, "new"), replacement(manifest, "new"))
        )

    assert caught.value.code == "cannot-write"
    assert snapshot(bench.project) == before


def test_a_file_that_cannot_be_written_is_named_as_people_know_it(bench: Bench) -> None:
    lock = bench.project / "pylock.toml"
    lock.write_text("old")

    def fail(operation: str, path: str) -> None:
        if path.startswith(f"{lock}.envctl-"):
            raise OSError(errno.ENOSPC, "no room", path)

    with Hooked(fail), pytest.raises(SwitchError) as caught:
        bench.apply(place_tool(bench, "1"), replacements=(replacement(lock, "new"),))

    assert caught.value.code == "cannot-write"
    assert caught.value.where == str(lock)
    assert caught.value.message.startswith(f"`{lock}` could not be written")
    assert caught.value.hints


def test_housekeeping_that_fails_after_the_switch_is_left_to_the_next_run(bench: Bench) -> None:
    bench.apply(place_tool(bench, "1"))

    def fail(operation: str, path: str) -> None:
        if "history" in path:
            raise OSError(errno.ENOSPC, "disk full", path)

    with Hooked(fail):
        bench.apply(place_tool(bench, "2"))

    assert "unfinished" in bench.codes()
    assert version_of(bench.venv) == "2"
    assert recover_twice(bench) is not None
    assert read_number(bench.site.generation(1)) == 1


def test_a_recovery_that_cannot_read_the_tree_decides_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = bench.project / "pylock.toml"
    tools = {version: place_tool(bench, version) for version in ("1", "2")}
    bench.apply(tools["1"], replacements=(replacement(lock, "1"),))
    wanted = replacement(lock, "2")

    def stop(operation: str, path: str) -> None:
        if operation == "rename" and path == str(lock):
            kill(operation, path)

    child = os.fork()
    if child == 0:
        with Hooked(stop):
            bench.apply(tools["2"], replacements=(wanted,))
        os._exit(0)
    os.waitpid(child, 0)
    real = open

    def refuse(path: Any, *arguments: Any, **how: Any) -> Any:
        if str(path).endswith("generation.json"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
        return real(path, *arguments, **how)

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(BrokenError) as caught:
        bench.held(lambda held: None)
    monkeypatch.undo()

    assert caught.value.code == "cannot-recover"
    recover_twice(bench)
    assert lock_text(bench) == version_of(bench.venv) == "2"


def test_a_destruction_that_breaks_off_says_so_and_goes_on(bench: Bench) -> None:
    bench.apply(place_tool(bench, "1"))

    def fail(operation: str, path: str) -> None:
        if operation == "rmtree":
            raise OSError(errno.EIO, "broken disk", path)

    with Hooked(fail), pytest.raises(BrokenError) as caught:
        bench.held(lambda held: held.destroy())
    bench.held(lambda held: held.destroy())

    assert caught.value.code == "not-deleted"
    assert os.listdir(bench.project) == []


@pytest.mark.parametrize("kept", [0, 1, 40, -1], ids=["nothing", "a byte", "a part", "all but the last byte"])
def test_a_journal_that_a_power_cut_tore_says_that_nothing_was_begun(bench: Bench, kept: int) -> None:
    bench.apply(place_tool(bench, "1"))
    whole = format_journal(Journal(leaving=1, entering=2, source="staging/2", parked="generations/1"))
    Path(bench.site.journal).write_bytes(whole[:kept])

    message = recover_twice(bench)

    assert message is not None
    assert "not touched" in message
    assert version_of(bench.venv) == "1"


def test_a_journal_of_another_version_is_nobodys_to_guess_at(bench: Bench) -> None:
    bench.apply(place_tool(bench, "1"))
    Path(bench.site.journal).write_text('{"format": 2}')

    with pytest.raises(BrokenError) as caught:
        bench.held(lambda held: None)

    assert caught.value.code == "journal-damaged"


def test_what_killed_runs_left_beside_the_lock_is_swept_away(tmp_path: Path) -> None:
    left = ["pylock.toml.0123456789abcdef.tmp", "env.toml.envctl-0123456789ab"]
    others = ["pylock.toml", "notes.tmp", "env.toml.orig", "pylock.toml.envctl-mine"]
    others += ["pylock.ci.toml.0123456789abcdef.tmp"]  # of a run with another manifest, which is at work
    for name in left + others:
        (tmp_path / name).write_text("x")

    sweep(str(tmp_path / "env.toml"), str(tmp_path / "pylock.toml"))

    assert sorted(os.listdir(tmp_path)) == sorted(others)


def test_a_file_that_was_lent_is_given_back_by_the_next_command_wherever_it_was_killed(bench: Bench) -> None:
    manifest = bench.project / "pyproject.toml"
    manifest.write_text("old")
    bench.apply(place_tool(bench, "1"))
    at, seen = 1, set()

    def build(held: Held) -> None:
        lend(held.site, str(manifest), before=b"old", after=b"new")
        give_back(held.site)

    while at < MANY and run_and_kill(at, lambda: bench.held(build)):
        seen.add(manifest.read_text())
        recover_twice(bench)
        assert manifest.read_text() == "old"
        sweep(str(bench.project))
        assert set(os.listdir(bench.project)) == {"pyproject.toml", ".venv", ".venv.envctl"}
        at += 1

    assert at < MANY
    assert seen == {"old", "new"}


def test_a_file_that_somebody_else_wrote_while_it_was_lent_stays(bench: Bench) -> None:
    manifest = bench.project / "pyproject.toml"
    manifest.write_text("old")
    bench.apply(place_tool(bench, "1"))
    lend(bench.site, str(manifest), before=b"old", after=b"new")
    manifest.write_text("theirs")

    recover_twice(bench)

    assert manifest.read_text() == "theirs"


def test_a_merge_that_cannot_read_what_it_put_there_does_not_begin(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.apply(place_tool(bench, "1"))
    real = open

    def refuse(path: Any, *arguments: Any, **how: Any) -> Any:
        if str(path) == str(bench.venv / ".envctl/inventory"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
        return real(path, *arguments, **how)

    monkeypatch.setattr("builtins.open", refuse)

    with pytest.raises(OSError, match="Too many open files"):
        choose_gone(str(bench.venv), pruned=(), carried=())
