"""The second switch: file by file, only what differs, and a rollback that brings all of it back."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from envctl.errors import MachineError, SwitchError
from envctl.transaction import switch
from envctl.transaction.choice import choose_way
from envctl.transaction.site import ADOPTED, locate, read_number
from transaction.bench import Bench, Hooked, check_complete, run, snapshot


def place_tool(bench: Bench, version: str, **more: str) -> Any:
    files = {"tool/__init__.py": f"V = {version!r}\n", "tool/same.py": "S = 1\n", **more}
    return bench.place("tool", version, requested=True, files=files, scripts={"tool": "tool:x"})


def place_other(bench: Bench) -> Any:
    return bench.place("other", "1", files={"other/__init__.py": "", "other/data.txt": "x" * 5000})


def merge(bench: Bench, *placed: Any, **how: Any) -> int:
    return bench.apply(*placed, switch="merge", **how)


def inodes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.lstat().st_ino
        for path in folder.rglob("*")
        if not path.is_dir() and ".envctl" not in path.parts
    }


def test_only_what_differs_is_written(bench: Bench) -> None:
    bench.apply(place_tool(bench, "1"), place_other(bench))
    folder, before = bench.venv.stat().st_ino, inodes(bench.venv)
    operations: list[tuple[str, str]] = []

    with Hooked(lambda operation, path: operations.append((operation, path))):
        assert merge(bench, place_tool(bench, "2"), place_other(bench)) == 2

    after = inodes(bench.venv)
    moved = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert bench.venv.stat().st_ino == folder
    assert {path.partition("site-packages/")[2].partition("/")[0] for path in moved} == {
        "tool",
        "tool-1.dist-info",
        "tool-2.dist-info",
    }
    assert ("exchange", str(bench.venv)) not in operations
    assert bench.check_complete() == {"tool": "2", "other": "1"}
    assert bench.run("-c", "import tool; print(tool.V)") == "2"


def test_copies_that_are_equal_stay_where_they_are(bench: Bench) -> None:
    """Where nothing can be linked from the store, each generation has files of its own."""
    bench.apply(place_tool(bench, "1"), place_other(bench), link="copy")
    before = inodes(bench.venv)

    merge(bench, place_tool(bench, "2"), place_other(bench), link="copy")

    after = inodes(bench.venv)
    kept = {path for path in before if "other" in path or path.startswith("bin/") or path == "pyvenv.cfg"}
    assert {path: before[path] for path in kept} == {path: after[path] for path in kept}


def test_a_copy_that_was_edited_without_a_trace_is_replaced(bench: Bench) -> None:
    bench.apply(place_other(bench), link="copy")
    path = bench.site_packages / "other/data.txt"
    status = path.stat()
    path.write_text("y" * 5000)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    merge(bench, place_other(bench), link="copy")

    assert path.read_text() == "x" * 5000


def test_the_first_apply_needs_no_merge(bench: Bench) -> None:
    assert merge(bench, place_tool(bench, "1")) == 1

    assert bench.check_complete() == {"tool": "1"}


def test_bytecode_of_a_replaced_module_does_not_outlive_it(bench: Bench) -> None:
    """Equal size and equal time: Python could not tell."""
    bench.apply(place_tool(bench, "1"), link="copy")
    second = place_tool(bench, "2")
    module = bench.site_packages / "tool/__init__.py"
    stamp = (Path(second.wheel.tree) / "site/tool/__init__.py").stat().st_mtime_ns
    os.utime(module, ns=(stamp, stamp))
    bench.run("-c", "import sys; sys.dont_write_bytecode = False; import tool")
    assert list((bench.site_packages / "tool/__pycache__").iterdir())

    merge(bench, second, link="copy")

    assert bench.run("-c", "import tool; print(tool.V)") == "2"


def test_what_nobody_spoke_of_stays(bench: Bench) -> None:
    bench.apply(place_tool(bench, "1"))
    data = bench.venv / "share/models/weights.bin"
    data.parent.mkdir(parents=True)
    data.write_bytes(b"gigabytes")
    late = bench.site_packages / "written_meanwhile.py"
    late.write_text("")
    before = data.stat().st_ino

    merge(bench, place_tool(bench, "2"), carry=("share/models",))

    assert data.stat().st_ino == before
    assert late.exists()


def test_what_the_plan_prunes_goes_and_comes_back_with_a_rollback(bench: Bench) -> None:
    bench.apply(place_tool(bench, "1"))
    foreign = bench.site_packages / "byhand"
    foreign.mkdir()
    (foreign / "mod.py").write_text("mine")
    before = snapshot(bench.venv)

    relative = str(foreign.relative_to(bench.venv))
    merge(bench, place_tool(bench, "2"), pruned=(relative,))
    assert not foreign.exists()
    assert bench.rollback(switch="merge") == 1

    assert snapshot(bench.venv) == before


def test_a_rollback_brings_the_generation_as_it_was_and_keeps_the_other(bench: Bench) -> None:
    bench.apply(place_tool(bench, "1"), place_other(bench))
    first = snapshot(bench.venv)
    merge(bench, place_tool(bench, "2"))
    (bench.venv / "share").mkdir(exist_ok=True)
    (bench.venv / "share/new.txt").write_text("since then")
    second = snapshot(bench.venv)

    assert bench.rollback(switch="merge") == 1
    assert snapshot(bench.venv) == first
    assert snapshot(Path(bench.site.generation(2))) == second
    assert not os.path.exists(bench.site.generation(1))

    assert bench.rollback(2, switch="merge") == 2
    assert snapshot(bench.venv) == second


def test_a_generation_left_by_a_merge_can_be_exchanged(bench: Bench) -> None:
    bench.apply(place_tool(bench, "1"))
    first = snapshot(bench.venv)
    merge(bench, place_tool(bench, "2"))

    bench.rollback(1)

    assert snapshot(bench.venv) == first


def test_without_earlier_generations_only_what_changes_is_laid_aside(bench: Bench) -> None:
    bench.apply(place_tool(bench, "1"), place_other(bench))
    linked: list[str] = []

    def note(operation: str, path: str) -> None:
        if operation == "link" and "-leaving" in path:
            linked.append(os.path.basename(path))

    with Hooked(note):
        merge(bench, place_tool(bench, "2"), place_other(bench), keep=0)

    assert linked
    assert "data.txt" not in linked
    assert os.listdir(bench.site.generations) == []
    assert os.listdir(bench.site.staging) == []


def test_an_environment_of_others_is_taken_over_and_kept_whole(bench: Bench) -> None:
    run(str(bench.interpreter.executable), "-m", "venv", "--without-pip", str(bench.venv))
    (bench.venv / "notes.txt").write_text("mine")
    before = snapshot(bench.venv)

    assert merge(bench, place_tool(bench, "1"), keep=0) == 1

    assert snapshot(Path(bench.site.generation(ADOPTED))) == before
    assert not (bench.venv / "bin/Activate.ps1").exists()
    assert (bench.venv / "notes.txt").exists()
    assert bench.rollback(ADOPTED, switch="merge") == ADOPTED
    assert snapshot(bench.venv) == before


def test_a_package_that_was_linked_elsewhere_is_not_written_through(bench: Bench) -> None:
    bench.apply(place_tool(bench, "1"))
    package, checkout = bench.site_packages / "tool", bench.root / "checkout"
    package.rename(checkout)
    package.symlink_to(checkout)
    before = snapshot(checkout)

    merge(bench, place_tool(bench, "2"))

    assert snapshot(checkout) == before
    assert not package.is_symlink()
    assert bench.check_complete() == {"tool": "2"}


def test_a_folder_keeps_the_mode_that_its_owner_gave_it(bench: Bench) -> None:
    bench.apply(place_tool(bench, "1"))
    secret = bench.venv / "share/secret"
    secret.mkdir(parents=True)
    secret.chmod(0o700)
    (secret / "key").write_text("k")

    merge(bench, place_tool(bench, "2"), pruned=("share/secret",))
    bench.rollback(1, switch="merge")

    assert stat.S_IMODE(secret.stat().st_mode) == 0o700


def test_an_equal_environment_under_another_number_costs_three_files(bench: Bench) -> None:
    bench.apply(place_tool(bench, "1"))
    put: list[str] = []

    def note(operation: str, path: str) -> None:
        if operation == "rename" and path.startswith(f"{bench.venv}/"):
            put.append(path[len(str(bench.venv)) + 1 :])

    with Hooked(note):
        merge(bench, place_tool(bench, "1"))

    assert set(put) <= {".envctl/inventory", ".envctl/receipt", ".envctl/generation.json"}


# --- where the other switch does not work -------------------------------------


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EBUSY], ids=errno.errorcode.get)
def test_a_folder_that_cannot_be_moved_is_merged(bench: Bench, number: int) -> None:
    bench.apply(place_tool(bench, "1"))

    def fail(operation: str, path: str) -> None:
        if operation == "exchange":
            raise OSError(number, os.strerror(number), path)

    with Hooked(fail):
        bench.apply(place_tool(bench, "2"))

    assert "merged" in bench.codes()
    assert bench.check_complete() == {"tool": "2"}
    assert read_number(bench.site.generation(1)) == 1


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EBUSY, errno.EPERM], ids=errno.errorcode.get)
def test_an_exchange_that_was_asked_for_is_not_replaced_by_a_merge(bench: Bench, number: int) -> None:
    bench.apply(place_tool(bench, "1"))
    before = snapshot(bench.project)

    def fail(operation: str, path: str) -> None:
        if operation == "exchange":
            raise OSError(number, os.strerror(number), path)

    with Hooked(fail), pytest.raises(SwitchError) as caught:
        bench.apply(place_tool(bench, "2"), switch="exchange")

    assert caught.value.code == "cannot-switch"
    assert snapshot(bench.project) == before


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES, errno.EROFS], ids=errno.errorcode.get)
def test_what_may_not_be_moved_is_not_merged(bench: Bench, number: int) -> None:
    bench.apply(place_tool(bench, "1"))
    before = snapshot(bench.project)

    def fail(operation: str, path: str) -> None:
        if operation == "exchange":
            raise OSError(number, os.strerror(number), path)

    with Hooked(fail), pytest.raises(SwitchError):
        bench.apply(place_tool(bench, "2"))

    assert snapshot(bench.project) == before


def test_another_file_system_gets_copies(bench: Bench) -> None:
    """A subvolume: renames and links into it are refused, though it is no mount point."""
    bench.apply(place_tool(bench, "1"))

    def fail(operation: str, path: str) -> None:
        outside = operation == "link" and "-leaving" in path
        into = operation == "rename" and path.startswith(f"{bench.venv}/") and not path.endswith(".tmp")
        if operation == "exchange" or outside or (into and os.path.basename(path) == "__init__.py"):
            if into and copied.pop(path, False):
                return
            copied[path] = True
            raise OSError(errno.EXDEV, "another device", path)

    copied: dict[str, bool] = {}
    with Hooked(fail):
        bench.apply(place_tool(bench, "2"))

    assert bench.check_complete() == {"tool": "2"}
    assert check_complete(Path(bench.site.generation(1))) == {"tool": "1"}
    assert [name for name in os.listdir(bench.venv / ".envctl") if name.endswith(".tmp")] == []


# --- Windows, simulated: no exchange, no rename of a folder with an open file in it, nor over one --------


class Windows:
    """Refuses as Windows does while ``open_files`` (paths in the environment) are open."""

    def __init__(self, bench: Bench, *open_files: str) -> None:
        self.generations = f"{bench.site.generations}/"
        self.open = {f"{bench.venv}/{path}" for path in open_files}
        self.asked = False
        self.aside: list[str] = []

    def __call__(self, operation: str, path: str) -> None:
        if operation == "rename" and path.startswith(self.generations) and not self.asked:
            self.asked = True  # the first of two renames: the environment would move away
            self.refuse(path)
        if operation in {"rename", "unlink"} and path in self.open and os.path.lexists(path):
            self.refuse(path)
        if operation == "rename" and "/trash/" in path:
            self.aside.append(os.path.basename(path))

    def refuse(self, path: str) -> None:
        error = PermissionError(errno.EACCES, "the file is in use", path)
        error.winerror = 32  # type: ignore[attr-defined]
        raise error


def test_open_files_are_renamed_aside(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "exchange_allowed", False)
    site = bench.site_packages.relative_to(bench.venv)
    bench.apply(place_tool(bench, "1", **{"tool/fast.pyd": "1", "tool/gone.pyd": "1"}))
    second = place_tool(bench, "2", **{"tool/fast.pyd": "22"})
    windows = Windows(bench, f"{site}/tool/fast.pyd", f"{site}/tool/gone.pyd", "bin/tool")

    with Hooked(windows):
        bench.apply(second)

    assert windows.asked
    assert "merged" in bench.codes()
    assert {name.partition("-")[0] for name in windows.aside} >= {"fast.pyd", "gone.pyd"}
    assert bench.check_complete() == {"tool": "2"}
    assert not (bench.site_packages / "tool/gone.pyd").exists()


def test_the_exchange_is_refused_early_where_it_was_asked_for_and_something_lies_inside(bench: Bench) -> None:
    bench.apply(place_tool(bench, "1"))
    (bench.venv / ".envctl/lock").write_text("")

    with pytest.raises(MachineError) as caught:
        choose_way(locate(str(bench.venv)), "exchange")

    assert caught.value.code == "cannot-exchange"
    assert choose_way(locate(str(bench.venv)), "auto").merge
