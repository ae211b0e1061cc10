"""A generation is made from real wheels, switched to, and run."""

from __future__ import annotations

import csv
import errno
import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl import twofold
from envctl.environment.inventory import INVENTORY, parse_inventory
from envctl.errors import BusyError, MachineError, StaleError, SwitchError
from envctl.model.events import Ended, Notice
from envctl.receipt import read_receipt
from envctl.transaction import stage
from envctl.transaction.blueprint import Placed
from envctl.transaction.generations import history
from envctl.treedigest import digest_tree
from transaction.bench import Bench, Count, Hooked, replacement, run, snapshot

BAR = {"bar/__init__.py": "VERSION = 1\n"}


@pytest.fixture(autouse=True, params=["alone", "together"])
def hands(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay in one process, and again with a second one, as where there is much to lay."""
    if request.param == "together":
        monkeypatch.setattr(stage, "_WORTH_SHARING", 0)
        monkeypatch.setattr(twofold, "may_fork", lambda: True)


def test_what_is_applied_runs(bench: Bench) -> None:
    placed = bench.place(
        "shop",
        "1.0",
        files={"shop/__init__.py": "def main():\n    print('hello')\n"},
        scripts={"hello": "shop:main"},
    )

    number = bench.apply(placed)

    assert number == 1
    assert run(str(bench.venv / "bin/hello")) == "hello"


def test_the_interpreter_is_of_the_environment(bench: Bench) -> None:
    bench.apply()

    assert bench.run("-c", "import sys; print(sys.prefix)") == str(bench.venv)


def test_scripts_name_the_final_path(bench: Bench) -> None:
    bench.apply(
        bench.place(
            "tool",
            "1",
            files={
                "tool.py": "",
                "tool-1.data/scripts/tool-run": "#!python\nimport sys\nprint(sys.prefix)\n",
            },
        )
    )

    script = bench.venv / "bin/tool-run"
    assert run(str(script)) == str(bench.venv)
    assert stat.S_IMODE(script.stat().st_mode) == 0o755


def test_data_and_headers_go_where_they_belong(bench: Bench) -> None:
    bench.apply(
        bench.place(
            "tool",
            "1",
            files={
                "tool.py": "",
                "tool-1.data/data/share/tool/logo.txt": "logo",
                "tool-1.data/headers/tool.h": "int x;",
            },
        )
    )

    minor = bench.interpreter.minor
    assert (bench.venv / "share/tool/logo.txt").read_text() == "logo"
    assert (bench.venv / f"include/site/python{minor}/tool/tool.h").read_text() == "int x;"


def test_record_lists_every_file_with_its_hash(bench: Bench) -> None:
    bench.apply(
        bench.place(
            "tool",
            "1",
            requested=True,
            direct_url='{"url": "file:///x"}',
            files={"tool.py": "x = 1\n", "tool-1.data/data/share/a,b.txt": "comma"},
            scripts={"tool": "tool:x"},
        )
    )

    info = bench.site_packages / "tool-1.dist-info"
    with open(info / "RECORD", newline="") as file:
        rows = {path: digest for path, digest, _ in csv.reader(file)}
    assert {
        "tool.py",
        "tool-1.dist-info/REQUESTED",
        "tool-1.dist-info/INSTALLER",
        "tool-1.dist-info/direct_url.json",
        "tool-1.dist-info/RECORD",
        "../../../bin/tool",
        "../../../share/a,b.txt",
    } <= rows.keys()
    for path, digest in rows.items():
        if digest:
            expected = hashlib.sha256((bench.site_packages / path).read_bytes()).digest()
            assert digest == "sha256=" + _base64(expected)


def _base64(data: bytes) -> str:
    import base64

    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_importlib_finds_every_file_of_a_distribution(bench: Bench) -> None:
    bench.apply(bench.place("tool", "1", requested=True, scripts={"tool": "tool:x"}))

    code = "import importlib.metadata as m; print(all(f.locate().exists() for f in m.files('tool')))"
    assert bench.run("-c", code) == "True"


def test_a_distribution_nobody_asked_for_has_no_requested(bench: Bench) -> None:
    bench.apply(bench.place("tool", "1"))

    assert not (bench.site_packages / "tool-1.dist-info/REQUESTED").exists()


def test_files_are_links_into_the_store(bench: Bench) -> None:
    placed = bench.place("tool", "1")

    bench.apply(placed, link="hardlink")

    assert os.path.samefile(
        bench.site_packages / "tool/__init__.py", f"{placed.wheel.tree}/site/tool/__init__.py"
    )


def test_copying_because_nothing_can_be_linked_is_told_once_with_its_size(bench: Bench) -> None:
    def other_file_system(operation: str, path: str) -> None:
        if operation in {"link", "clone"}:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)

    placed = bench.place("tool", "1", files={"tool.bin": b"x" * 2_000_000})

    with Hooked(other_file_system):
        bench.apply(placed)

    told = [event.message for event in bench.events if isinstance(event, Notice)]
    assert [message.partition(":")[0] for message in told] == ["copying 2.0 MB"]
    assert next(event.summary for event in bench.events if isinstance(event, Ended)).startswith("Copied")


def test_copies_that_were_asked_for_are_not_told(bench: Bench) -> None:
    bench.apply(bench.place("tool", "1"), link="copy")

    assert "copying" not in bench.codes()


def test_copies_share_nothing_with_the_store_and_keep_the_mtime(bench: Bench) -> None:
    placed = bench.place("tool", "1")

    bench.apply(placed, link="copy")

    mine, stored = (
        (bench.site_packages / "tool/__init__.py").stat(),
        os.stat(f"{placed.wheel.tree}/site/tool/__init__.py"),
    )
    assert mine.st_ino != stored.st_ino
    assert mine.st_mtime_ns == stored.st_mtime_ns


def test_bytecode_from_the_store_is_used(bench: Bench) -> None:
    placed = bench.place("tool", "1", files={"tool.py": "x = 1\n"})
    tag = bench.interpreter.cache_tag

    def compile_into(target: str) -> dict[str, object]:
        import py_compile

        os.mkdir(f"{target}/__pycache__")
        py_compile.compile(
            f"{placed.wheel.tree}/site/tool.py", f"{target}/__pycache__/tool.{tag}.pyc", dfile="tool.py"
        )
        return {}

    bytecode = bench.store.add("bytecode-v1", placed.wheel.key, compile_into)
    from dataclasses import replace

    bench.apply(replace(placed, bytecode=bytecode))

    pyc = bench.site_packages / f"__pycache__/tool.{tag}.pyc"
    before = pyc.stat()
    bench.run("-c", "import tool")
    assert (pyc.stat().st_ino, pyc.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_receipt_holds_the_labels_and_the_tree(bench: Bench) -> None:
    bench.apply(bench.place("tool", "1"), receipt={"lock": "sha256:abc"})

    receipt = read_receipt(str(bench.venv / ".envctl/receipt"))
    assert receipt == {"lock": "sha256:abc", "tree": digest_tree(str(bench.venv))}


def test_the_inventory_says_whose_each_file_is(bench: Bench) -> None:
    bench.apply(bench.place("tool", "1", scripts={"tool": "tool:x"}))

    inventory = parse_inventory((bench.venv / INVENTORY).read_bytes())
    assert inventory.owners == ("-", "tool")
    assert "pyvenv.cfg" in {file.path for file in inventory.files("-")}
    assert "bin/tool" in {file.path for file in inventory.files("tool")}


def test_each_apply_is_a_generation_and_the_last_ones_are_kept(bench: Bench) -> None:
    for version in ("1", "2", "3", "4"):
        bench.apply(bench.place("tool", version), keep=2)

    assert bench.number() == 4
    assert sorted(os.listdir(bench.site.generations)) == ["2", "3"]
    assert not os.path.isdir(bench.site.trash) or not os.listdir(bench.site.trash)
    assert [(line.number, line.live, line.kept) for line in history(bench.site)] == [
        (4, True, False),
        (3, False, True),
        (2, False, True),
        (1, False, False),
    ]


def test_an_environment_at_a_path_with_a_blank_runs(tmp_path: Path, cache: Path) -> None:
    bench = Bench(tmp_path / "my project", cache)
    bench.root.mkdir()
    bench.apply(
        bench.place(
            "tool",
            "1",
            files={"tool.py": "def main():\n    print('hi')\n"},
            scripts={"tool": "tool:main"},
        )
    )

    assert run(str(bench.venv / "bin/tool")) == "hi"


def test_modes_do_not_depend_on_the_umask(bench: Bench) -> None:
    placed = bench.place("tool", "1", requested=True, scripts={"tool": "tool:x"})
    former = os.umask(0)
    try:
        bench.apply(placed)
    finally:
        os.umask(former)

    modes = {stat.S_IMODE(path.stat().st_mode) for path in bench.venv.rglob("*") if not path.is_symlink()}
    assert modes == {0o644, 0o755}


def test_the_state_folder_ignores_itself_in_git(bench: Bench) -> None:
    bench.apply()

    assert (Path(bench.site.folder) / ".gitignore").read_text() == "*\n"


# --- the files that go with a switch -----------------------------------------


def test_lock_and_manifest_are_replaced_with_the_switch(bench: Bench) -> None:
    lock, manifest = bench.project / "pylock.toml", bench.project / "env.toml"
    manifest.write_text("old")
    manifest.chmod(0o600)

    bench.apply(replacements=(replacement(lock, "locked"), replacement(manifest, "new")))

    assert (lock.read_text(), manifest.read_text()) == ("locked", "new")
    assert stat.S_IMODE(manifest.stat().st_mode) == 0o600
    assert sorted(os.listdir(bench.project)) == [".venv", ".venv.envctl", "env.toml", "pylock.toml"]


def test_a_file_that_somebody_changed_meanwhile_is_left_and_told(bench: Bench) -> None:
    lock = bench.project / "pylock.toml"
    lock.write_text("old")
    wanted = replacement(lock, "new")
    lock.write_text("somebody else's")

    number = bench.apply(replacements=(wanted,))

    assert lock.read_text() == "somebody else's"
    assert bench.number() == number
    assert bench.codes() == ["file-changed-meanwhile"]


def test_files_can_be_replaced_without_an_environment(bench: Bench) -> None:
    lock = bench.project / "pylock.toml"

    bench.held(lambda held: held.replace_files((replacement(lock, "new"),)))

    assert lock.read_text() == "new"
    assert os.listdir(bench.project) == ["pylock.toml"]


# --- conflicts ---------------------------------------------------------------


def test_two_distributions_with_one_path_and_different_content_are_refused(bench: Bench) -> None:
    bench.apply(bench.place("old", "1"))
    before = snapshot(bench.project)
    one = bench.place("one", "1", files={"shared.py": "1"})
    two = bench.place("two", "1", files={"shared.py": "2"})

    with pytest.raises(MachineError) as caught:
        bench.apply(one, two)

    assert caught.value.code == "file-conflict"
    assert "shared.py" in caught.value.message
    assert snapshot(bench.project) == before


def test_two_distributions_with_one_path_and_equal_content_share_it(bench: Bench) -> None:
    one = bench.place("one", "1", files={"shared.py": "1"})
    two = bench.place("two", "1", files={"shared.py": "1"})

    bench.apply(one, two)

    assert (bench.site_packages / "shared.py").read_text() == "1"


@pytest.mark.parametrize("winner", ["one", "two"])
def test_who_may_overwrite_wins(bench: Bench, winner: str) -> None:
    placed = [bench.place(name, "1", files={"shared.py": name}) for name in ("one", "two")]

    bench.apply(*placed, allow_overwrite=frozenset({winner}))

    assert (bench.site_packages / "shared.py").read_text() == winner
    loser = {"one": "two", "two": "one"}[winner]
    assert "shared.py" not in (bench.site_packages / f"{loser}-1.dist-info/RECORD").read_text()


def test_console_scripts_of_one_name_are_a_conflict(bench: Bench) -> None:
    placed = [bench.place(name, "1", scripts={"run": f"{name}:main"}) for name in ("one", "two")]

    with pytest.raises(MachineError, match="bin/run"):
        bench.apply(*placed)


def test_no_distribution_replaces_a_file_of_the_environment(bench: Bench) -> None:
    thief = bench.place("thief", "1", files={"thief-1.data/data/bin/sub": "", "thief.py": ""})
    from dataclasses import replace

    files = tuple(
        file._replace(path="data/pyvenv.cfg") if file.path == "data/bin/sub" else file
        for file in thief.wheel.files
    )
    thief = replace(thief, wheel=replace(thief.wheel, files=files))

    with pytest.raises(MachineError) as caught:
        bench.apply(thief, allow_overwrite=frozenset({"thief"}))

    assert caught.value.code == "file-conflict"
    assert not bench.venv.exists()


# --- foreign files -----------------------------------------------------------


def test_foreign_data_is_carried_into_the_next_generation(bench: Bench) -> None:
    bench.apply()
    model = bench.venv / "share/models/big.bin"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"weights")
    (bench.venv / "share/latest").symlink_to("models/big.bin")

    bench.apply(carry=("share/models", "share/latest"))

    assert model.read_bytes() == b"weights"
    assert (bench.venv / "share/latest").read_bytes() == b"weights"
    assert os.path.samefile(model, f"{bench.site.generation(1)}/share/models/big.bin")


def test_what_is_not_carried_stays_in_the_generation_before(bench: Bench) -> None:
    bench.apply()
    (bench.venv / "bin/mine").write_text("x")

    bench.apply()

    assert not (bench.venv / "bin/mine").exists()
    assert Path(bench.site.generation(1), "bin/mine").read_text() == "x"


def test_a_distribution_wins_over_a_carried_file(bench: Bench) -> None:
    bench.apply()
    (bench.site_packages / "tool.py").write_text("foreign")

    bench.apply(bench.place("tool", "1", files={"tool.py": "ours"}), carry=(f"{_inside(bench)}/tool.py",))

    assert (bench.site_packages / "tool.py").read_text() == "ours"


def test_bytecode_of_foreign_modules_is_not_carried(bench: Bench) -> None:
    bench.apply()
    cached = bench.site_packages / "mine/__pycache__/a.pyc"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"")
    (bench.site_packages / "mine/a.py").write_text("")

    bench.apply(carry=(f"{_inside(bench)}/mine",))

    assert os.listdir(bench.site_packages / "mine") == ["a.py"]


def _inside(bench: Bench) -> str:
    return str(bench.site_packages.relative_to(bench.venv))


# --- refusing and failing ----------------------------------------------------


def test_a_stale_plan_changes_nothing(bench: Bench) -> None:
    bench.apply(bench.place("tool", "1"))
    before = snapshot(bench.project)

    def refuse() -> None:
        raise StaleError("stale", "it moved")

    with pytest.raises(StaleError):
        bench.execute(bench.blueprint(), guard=refuse)

    assert snapshot(bench.project) == before


def test_a_stale_first_apply_leaves_no_folder(bench: Bench) -> None:
    def refuse() -> None:
        raise StaleError("stale", "it moved")

    with pytest.raises(StaleError):
        bench.execute(bench.blueprint(), guard=refuse)

    assert os.listdir(bench.project) == []


def lengthen(placed: Placed) -> None:
    with open(f"{placed.wheel.tree}/site/tool/__init__.py", "a") as file:
        file.write("# longer\n")


@pytest.mark.parametrize(("keep", "has_spare"), [(3, False), (1, True)])
def test_a_damaged_entry_of_the_store_is_not_laid(bench: Bench, *, keep: int, has_spare: bool) -> None:
    """Neither where all is laid, nor where a tree that fell out of those that are kept is used."""
    for version in ("1", "2", "3"):
        bench.apply(bench.place("tool", version), keep=keep)
    assert os.path.isdir(bench.site.spare) == has_spare
    before = snapshot(bench.project)
    placed = bench.place("tool", "4")
    lengthen(placed)

    with pytest.raises(SwitchError) as caught:
        bench.apply(placed)

    assert caught.value.code == "stage-failed"
    assert placed.wheel.folder in caught.value.message
    assert not os.path.exists(placed.wheel.folder)
    assert snapshot(bench.project) == before


def test_an_entry_that_is_damaged_after_the_look_is_noticed_in_the_stage(bench: Bench) -> None:
    bench.apply(bench.place("tool", "1"))
    before = snapshot(bench.project)
    placed = bench.place("tool", "2")

    def damage(operation: str, path: str) -> None:
        if operation == "link" and path.endswith("tool/__init__.py"):
            lengthen(placed)

    with Hooked(damage), pytest.raises(SwitchError) as caught:
        bench.apply(placed)

    assert caught.value.code == "stage-differs"
    assert "tool/__init__.py" in caught.value.message
    assert snapshot(bench.project) == before


def test_an_interrupt_while_staging_leaves_all_as_it_was(bench: Bench) -> None:
    bench.apply(bench.place("tool", "1"))
    before = snapshot(bench.project)

    def interrupt(operation: str, path: str) -> None:
        raise KeyboardInterrupt

    with Hooked(Count(25, interrupt)), pytest.raises(KeyboardInterrupt):
        bench.apply(bench.place("tool", "2"))

    assert snapshot(bench.project) == before


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interrupt_after_the_switch_changes_nothing_any_more(bench: Bench) -> None:
    import signal

    bench.apply(bench.place("tool", "1"))
    placed = bench.place("tool", "2")
    lock = bench.project / "pylock.toml"
    switched = []

    def interrupt(operation: str, path: str) -> None:
        if operation == "exchange":
            switched.append(True)
        if switched:
            signal.raise_signal(signal.SIGINT)

    with Hooked(interrupt):
        number = bench.apply(placed, replacements=(replacement(lock, "new"),))

    assert (bench.number(), number, lock.read_text()) == (2, 2, "new")


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interrupt_while_the_journal_is_written_cancels_the_switch(bench: Bench) -> None:
    import signal

    bench.apply(bench.place("tool", "1"))
    before = snapshot(bench.project)

    def interrupt(operation: str, path: str) -> None:
        if operation == "rename" and path.endswith("/journal"):
            signal.raise_signal(signal.SIGINT)

    with Hooked(interrupt), pytest.raises(KeyboardInterrupt):
        bench.apply(bench.place("tool", "2"))

    assert snapshot(bench.project) == before


def test_nothing_is_imported_after_the_switch(bench: Bench) -> None:
    """Because envctl may live in the very environment that it changes."""
    bench.apply(bench.place("tool", "1"), keep=0)
    placed = bench.place("tool", "2")
    imported: list[str] = []
    switched: list[bool] = []

    class Finder:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> None:
            if switched:
                imported.append(name)

    def watch(operation: str, path: str) -> None:
        if operation == "exchange":
            switched.append(True)

    sys.meta_path.insert(0, Finder)
    try:
        with Hooked(watch):
            bench.apply(placed, keep=0)
    finally:
        sys.meta_path.remove(Finder)

    assert switched
    assert imported == []


def test_a_second_run_waits_no_longer_than_it_was_told(bench: Bench) -> None:
    bench.apply()

    def second(held: object) -> None:
        with pytest.raises(BusyError) as caught:
            bench.execute(bench.blueprint(), lock_timeout=0.1)
        assert caught.value.code == "locked"
        assert str(os.getpid()) in caught.value.message

    bench.held(second)

    assert bench.codes() == ["waiting"]


@pytest.mark.parametrize("name", ["back\\slash.txt", "ünï.txt"], ids=["backslash", "accents"])
def test_odd_names_are_listed_and_found(bench: Bench, name: str) -> None:
    from dataclasses import replace

    placed = bench.place("tool", "1", files={"tool.py": "", "tool_data/plain.txt": "odd"})
    old, new = "site/tool_data/plain.txt", f"site/tool_data/{name}"
    entry = bench.store.add(
        "wheels-v1", f"{placed.wheel.key[:32]}{len(name):032x}", _copy_with(placed, old, new)
    )

    bench.apply(replace(placed, wheel=replace(entry, about=placed.wheel.about)))

    assert (bench.site_packages / "tool_data" / name).read_text() == "odd"
    bench.check_complete()


def _copy_with(placed: Placed, old: str, new: str) -> Callable[[str], dict[str, object]]:
    def produce(target: str) -> dict[str, object]:
        shutil.copytree(placed.wheel.tree, target, dirs_exist_ok=True)
        os.rename(f"{target}/{old}", f"{target}/{new}")
        return {}

    return produce
