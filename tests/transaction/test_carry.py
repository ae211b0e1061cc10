"""What tools write into an environment while its successor is made is not lost."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl import atomic
from envctl.transaction.carry import carry_over, catch_up, find_fresh
from transaction.bench import Bench


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    """A live tree with data, and the folder of its successor."""
    live, root = tmp_path / "live", tmp_path / "root"
    (live / "share/models").mkdir(parents=True)
    (live / "share/models/one").write_text("one")
    (live / "share/models/two").write_text("two")
    root.mkdir()
    return live, root


def texts(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def replace(path: Path, text: str) -> None:
    """Write as careful tools do: another file, renamed."""
    (path.parent / ".part").write_text(text)
    (path.parent / ".part").rename(path)


PATHS = ("share/models",)


def test_data_is_the_same_file_in_both(trees: tuple[Path, Path]) -> None:
    live, root = trees

    carried = carry_over(str(live), str(root), PATHS)

    assert set(carried) == {"share/models/one", "share/models/two"}
    assert (root / "share/models/one").samefile(live / "share/models/one")


def test_what_came_was_replaced_or_went_meanwhile_is_made_the_same(trees: tuple[Path, Path]) -> None:
    live, root = trees
    carried = carry_over(str(live), str(root), PATHS)
    (live / "share/models/deep").mkdir()
    (live / "share/models/deep/three").write_text("three")
    replace(live / "share/models/one", "newer")
    (live / "share/models/two").unlink()

    catch_up(str(live), str(root), PATHS, carried)

    assert texts(root) == texts(live) == {"share/models/one": "newer", "share/models/deep/three": "three"}
    assert set(carried) == set(texts(root))


def test_what_the_new_tree_got_of_its_own_is_left(trees: tuple[Path, Path]) -> None:
    live, root = trees
    carried = carry_over(str(live), str(root), PATHS)
    replace(live / "share/models/one", "of the old tree")
    replace(root / "share/models/one", "of the new tree")
    (root / "share/models/two").unlink()

    catch_up(str(live), str(root), PATHS, carried)

    assert texts(root) == {"share/models/one": "of the new tree"}


def test_where_nothing_can_be_linked_a_copy_follows_too(
    trees: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError(errno.EPERM, "not permitted", source)

    monkeypatch.setattr(atomic, "link", refuse)
    live, root = trees
    carried = carry_over(str(live), str(root), PATHS)
    (live / "share/models/one").write_text("written into, and longer")

    catch_up(str(live), str(root), PATHS, carried)

    assert texts(root)["share/models/one"] == "written into, and longer"
    assert not (root / "share/models/one").samefile(live / "share/models/one")


def test_links_are_carried_as_links(trees: tuple[Path, Path]) -> None:
    live, root = trees
    (live / "share/models/latest").symlink_to("one")
    carried = carry_over(str(live), str(root), PATHS)
    (live / "share/models/latest").unlink()
    (live / "share/models/latest").symlink_to("two")

    catch_up(str(live), str(root), PATHS, carried)

    assert os.readlink(root / "share/models/latest") == "two"


def test_only_folders_that_changed_are_read_for_what_came(trees: tuple[Path, Path]) -> None:
    live, _ = trees
    (live / "lib/pkg").mkdir(parents=True)
    (live / "lib/pkg/a.py").touch()
    (live / "lib/pkg/unknown-before").touch()
    known = frozenset({"lib/pkg/a.py", "share/models"})
    since = max(path.lstat().st_ctime_ns for path in [live, *live.rglob("*")]) + 1
    os.utime(live / "lib/pkg", ns=(since, since))

    assert find_fresh(str(live), known, since) == []


def test_what_came_is_found_but_for_bytecode_and_litter(trees: tuple[Path, Path]) -> None:
    live, _ = trees
    (live / "lib/pkg").mkdir(parents=True)
    known = frozenset({"lib/pkg/a.py", "share/models", "bin/tool"})
    since = live.stat().st_mtime_ns
    for name in (
        "lib/pkg/a.py",
        "lib/pkg/cache.bin",
        "lib/pkg/.DS_Store",
        "lib/pkg/__pycache__/a.pyc",
        "top",
    ):
        (live / name).parent.mkdir(exist_ok=True)
        (live / name).touch()

    assert find_fresh(str(live), known, since) == ["lib/pkg/cache.bin", "top"]


def test_a_folder_that_is_none_any_more_tells_nothing(trees: tuple[Path, Path]) -> None:
    live, _ = trees
    (live / "lib").write_text("a file now")

    assert find_fresh(str(live), frozenset({"lib/pkg/a.py", "gone/b.py"}), 0) == ["share"]


def test_nothing_is_taken_through_a_link(trees: tuple[Path, Path]) -> None:
    live, root = trees
    (live.parent / "outside/deep").mkdir(parents=True)
    (live.parent / "outside/deep/secret").touch()
    (live / "linked").symlink_to(live.parent / "outside")

    assert carry_over(str(live), str(root), ["linked/deep"]) == {}
    assert not (root / "linked").exists()


def write_when(monkeypatch: pytest.MonkeyPatch, operation: str, act: Callable[[], object]) -> list[str]:
    """Do something once, just before an operation of the given kind."""
    done: list[str] = []

    def hook(name: str, path: str) -> None:
        if name == operation and not done:
            done.append(path)
            act()

    monkeypatch.setattr(atomic, "hook", hook)
    return done


@pytest.mark.parametrize("operation", ["exchange", "syncfs", "write"])
def test_what_a_tool_writes_while_an_apply_runs_is_in_the_new_environment(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    alpha = bench.place("alpha", "1")
    bench.apply(alpha)
    (bench.venv / "share").mkdir()
    (bench.venv / "share/old").write_text("old")
    known = frozenset({f"{bench.site_packages.relative_to(bench.venv)}/alpha/__init__.py", "share"})
    before = bench.venv

    def write() -> None:
        (before / "share/new").write_text("written late")
        (before / "nltk_data").mkdir()
        (before / "nltk_data/corpus").write_text("the same")
        (bench.site_packages / "alpha/cache.bin").write_text("in a package")
        replace(before / "share/old", "newer")

    done = write_when(monkeypatch, operation, write)
    bench.apply(alpha, carry=("share",), known=known)

    assert done
    assert not bench.codes()
    assert (bench.venv / "share/new").read_text() == "written late"
    assert (bench.venv / "share/old").read_text() == "newer"
    assert (bench.venv / "nltk_data/corpus").read_text() == "the same"
    assert (bench.site_packages / "alpha/cache.bin").read_text() == "in a package"


def test_what_cannot_be_taken_along_any_more_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha = bench.place("alpha", "1")
    bench.apply(alpha)

    def refuse(live: str, known: object, since_ns: int) -> list[str]:
        raise OSError(errno.EIO, "input/output error", live)

    monkeypatch.setattr("envctl.transaction.held.find_fresh", refuse)
    bench.apply(alpha, known=frozenset())

    assert "data-left" in bench.codes()
    assert bench.number() == 2


_DOWNLOADER = """
import os, time
number = 0
while os.path.exists("go"):
    folder = f".venv/models/{number % 7}"
    try:
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{number}.part", "w") as file:
            file.write(str(number))
        os.rename(f"{folder}/{number}.part", f"{folder}/{number}")
    except FileNotFoundError:
        continue  # the environment was switched meanwhile: the download is begun anew
    number += 1
    time.sleep(0.003)
print(number)
"""


def test_nothing_that_a_tool_downloads_is_lost_whatever_is_applied_meanwhile(bench: Bench) -> None:
    placed = [bench.place("alpha", version) for version in ("1", "2")]
    bench.apply(placed[0])
    (bench.project / "go").touch()
    command = [sys.executable, "-I", "-c", _DOWNLOADER]
    process = subprocess.Popen(command, cwd=bench.project, stdout=subprocess.PIPE, text=True)
    for number in range(12):
        data = ("models",) if (bench.venv / "models").exists() else ()
        bench.apply(placed[number % 2], carry=data, known=frozenset(data))
    (bench.project / "go").unlink()
    count = int(process.communicate(timeout=60)[0])

    texts = {path.name: path.read_text() for path in (bench.venv / "models").rglob("*") if path.is_file()}

    assert count > 12
    assert "data-left" not in bench.codes()
    assert {str(number): str(number) for number in range(count)}.items() <= texts.items()
    # A part may be there of a download that was begun anew: its first half lay in the tree that left.
