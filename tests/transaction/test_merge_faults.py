"""A merge that is killed at any operation, or in which any fails: the next run makes it the one or the other."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envctl import atomic
from envctl.errors import BrokenError, MachineError, SwitchError
from envctl.transaction.recover import pending
from envctl.transaction.site import read_number
from transaction.bench import Bench, Count, Hooked, check_complete, replacement, snapshot
from transaction.test_faults import (
    MANY,
    failing,
    leftovers,
    lock_text,
    recover_twice,
    run_and_kill,
    version_of,
)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")


def place_tool(bench: Bench, version: str) -> Any:
    """Two versions that differ in every way: a file replaced, one only here, one only there, one as before."""
    return bench.place(
        "tool",
        version,
        requested=True,
        files={
            "tool/__init__.py": f"V = {version!r}\n",
            "tool/same.py": "S = 1\n",
            f"tool/only{version}/a.py": "",
        },
        scripts={"tool": "tool:x", f"tool{version}": "tool:x"},
    )


def apply(bench: Bench, tool: Any, version: str, **how: Any) -> None:
    wanted = replacement(bench.project / "pylock.toml", version)
    bench.apply(tool, replacements=(wanted,), switch="merge", **how)


def begin(bench: Bench) -> dict[str, Any]:
    """An environment with version 1, and a file of somebody's."""
    tools = {version: place_tool(bench, version) for version in ("1", "2")}
    bench.apply(tools["1"], replacements=(replacement(bench.project / "pylock.toml", "1"),))
    (bench.venv / "share").mkdir()
    (bench.venv / "share/mine.txt").write_text("mine")
    return tools


def check_whole(bench: Bench) -> str | None:
    """Demand that all belongs together; give the version."""
    version = version_of(bench.venv)
    assert lock_text(bench) == version
    names = {path.name for path in (bench.site_packages / "tool").iterdir()} - {"__pycache__"}
    assert names == {"__init__.py", "same.py", f"only{version}"}
    assert {path.name for path in (bench.venv / "bin").glob("tool*")} == {"tool", f"tool{version}"}
    assert (bench.venv / "share/mine.txt").read_text() == "mine"
    assert leftovers(bench) == []
    for number in os.listdir(bench.site.generations):
        tree = Path(bench.site.generation(int(number)))
        assert read_number(str(tree)) == int(number)
        assert check_complete(tree)["tool"] in {"1", "2"}
        assert (tree / "share/mine.txt").exists()
    return version


@pytest.mark.parametrize("keep", [3, 0], ids=["kept", "not-kept"])
def test_a_merge_that_is_killed_is_completed_or_never_begun(bench: Bench, keep: int) -> None:
    tools = begin(bench)
    at, outcomes, between = 1, set(), 0
    while at < MANY:
        current = version_of(bench.venv)
        following = "2" if current == "1" else "1"
        killed = run_and_kill(
            at,
            lambda following=following: apply(bench, tools[following], following, keep=keep),  # type: ignore[misc]
        )
        if not killed:
            break
        between += "between" in (pending(bench.site) or "")
        recover_twice(bench)
        outcomes.add(check_whole(bench) == following)
        at += 1

    assert at < MANY
    assert outcomes == {True, False}
    assert between > 10


def test_a_rollback_by_merge_that_is_killed_loses_no_generation(bench: Bench) -> None:
    tools = begin(bench)
    apply(bench, tools["2"], "2")
    lock = bench.project / "pylock.toml"
    at, outcomes = 1, set()
    while at < MANY:
        current = bench.number()
        other = 3 - current
        if not run_and_kill(at, lambda other=other: bench.rollback(other, switch="merge")):  # type: ignore[misc]
            break
        recover_twice(bench)
        lock.write_text(str(bench.number()))
        assert check_whole(bench) == str(bench.number())
        assert check_complete(Path(bench.site.generation(3 - bench.number()))) == {
            "tool": str(3 - bench.number())
        }
        outcomes.add(bench.number() == other)
        at += 1

    assert at < MANY
    assert outcomes == {True, False}


@pytest.mark.slow
def test_a_recovery_of_a_merge_that_is_killed_is_recovered(bench: Bench) -> None:
    tools = begin(bench)
    template = bench.root / "template"
    at, tried = 1, 0
    while at < MANY:
        current = lock_text(bench)
        following = "2" if current == "1" else "1"
        if not run_and_kill(
            at,
            lambda following=following: apply(bench, tools[following], following),  # type: ignore[misc]
        ):
            break
        if "between" in (pending(bench.site) or "") and at % 3 == 0:
            shutil.copytree(bench.project, template, symlinks=True)
            again = 1
            while run_and_kill(again, lambda: bench.held(lambda held: None)):
                recover_twice(bench)
                assert check_whole(bench) == following
                shutil.rmtree(bench.project)
                shutil.copytree(template, bench.project, symlinks=True, dirs_exist_ok=True)
                again += 3
                tried += 1
            shutil.rmtree(template)
        recover_twice(bench)
        check_whole(bench)
        at += 1

    assert tried > 100


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from-then-on"])
@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE], ids=errno.errorcode.get
)
def test_an_operation_of_a_merge_that_fails_leaves_old_or_new(
    bench: Bench, number: int, *, lasting: bool
) -> None:
    tools = begin(bench)
    at, outcomes = 1, set()
    while at < MANY:
        current = lock_text(bench)
        following = "2" if current == "1" else "1"
        count = Count(at, failing(number), lasting=lasting)
        broken = False
        try:
            with Hooked(count):
                apply(bench, tools[following], following)
        except BrokenError:
            broken = True
            assert lasting
        except MachineError as error:
            assert version_of(bench.venv) == lock_text(bench) == current
            assert lasting or leftovers(bench) == []
            outcomes.add(type(error))
        else:
            assert version_of(bench.venv) == lock_text(bench) == following
        if count.seen < at:
            break
        if broken:
            assert pending(bench.site) is not None
        recover_twice(bench)
        check_whole(bench)
        at += 1

    assert at < MANY
    assert SwitchError in outcomes


def only(part: str, operation: str = "rename") -> Callable[[str, str], None]:
    """Fail each time that an operation on a path with ``part`` in it comes up."""

    def fail(name: str, path: str) -> None:
        if name == operation and part in path:
            raise OSError(errno.EPERM, "it may not be changed", path)

    return fail


def files_of(bench: Bench) -> dict[str, tuple[int, bytes]]:
    """All there is, but for a trash that was emptied."""
    found = snapshot(bench.project)
    found.pop(".venv.envctl/trash", None)
    return found


@pytest.mark.parametrize("keep", [3, 0], ids=["kept", "not-kept"])
def test_a_file_that_may_not_be_replaced_takes_the_merge_back(bench: Bench, keep: int) -> None:
    tools = begin(bench)
    before = files_of(bench)

    with Hooked(only("/.venv/bin/tool")), pytest.raises(SwitchError) as caught:
        apply(bench, tools["2"], "2", keep=keep)

    assert caught.value.code == "cannot-switch"
    assert files_of(bench) == before


def test_a_lock_that_may_not_be_replaced_takes_the_merge_back(bench: Bench) -> None:
    tools = begin(bench)
    before = files_of(bench)

    with Hooked(only("pylock.toml")), pytest.raises(SwitchError) as caught:
        apply(bench, tools["2"], "2")

    assert caught.value.code == "cannot-write"
    assert files_of(bench) == before


def test_a_rollback_that_is_taken_back_keeps_its_generation(bench: Bench) -> None:
    tools = begin(bench)
    apply(bench, tools["2"], "2")
    before = files_of(bench)

    with Hooked(only("/.venv/bin/tool1")), pytest.raises(SwitchError):
        bench.rollback(1, switch="merge")

    assert files_of(bench) == before


@pytest.mark.slow
def test_taking_back_may_be_killed_as_well(bench: Bench) -> None:
    tools = begin(bench)

    def act() -> None:
        inner = only("pylock.toml")

        counted = atomic.hook
        assert counted is not None

        def both(operation: str, path: str) -> None:
            counted(operation, path)
            inner(operation, path)

        with Hooked(both), pytest.raises(SwitchError):
            apply(bench, tools["2"], "2")

    at, versions = 1, set()
    while at < MANY and run_and_kill(at, act):
        recover_twice(bench)
        version = check_whole(bench)
        versions.add(version)
        if version == "2":
            apply(bench, tools["1"], "1")
        at += 1

    assert at < MANY
    assert versions == {"1", "2"}


def test_an_environment_that_somebody_removed_meanwhile_is_not_filled_by_halves(bench: Bench) -> None:
    tools = begin(bench)
    at = 1
    while "between" not in (pending(bench.site) or ""):
        assert run_and_kill(at, lambda: apply(bench, tools["2"], "2"))
        at += 1
        if "between" not in (pending(bench.site) or ""):
            recover_twice(bench)
    shutil.rmtree(bench.venv)

    recover_twice(bench)

    assert not bench.venv.exists()
    assert leftovers(bench) == []
    assert version_of(Path(bench.site.generation(1))) == "1"
