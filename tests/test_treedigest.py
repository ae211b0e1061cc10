"""What moves the digest of a tree, and what does not; and that two processes find what one does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl import twofold
from envctl.environment.inventory import OwnedFile, make_inventory
from envctl.treedigest import digest_tree, measure_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "env"
    package = root / "lib" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("x = 1\n")
    (package / "data.json").write_text("{}")
    (root / "bin").mkdir()
    (root / "bin" / "python").symlink_to("/usr/bin/python3")
    tool = root / "bin" / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    return root


def replace_keeping_times(path: Path, text: str) -> None:
    status = path.stat()
    path.write_text(text)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def add(root: Path, path: str) -> None:
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).touch()


def relink(root: Path) -> None:
    (root / "bin" / "python").unlink()
    (root / "bin" / "python").symlink_to("/usr/bin/python4")


def turn_into_link(root: Path) -> None:
    (root / "lib/shop/data.json").rename(root.parent / "elsewhere")
    (root / "lib/shop/data.json").symlink_to(root.parent / "elsewhere")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file deleted": lambda root: (root / "lib/shop/data.json").unlink(),
    "a file added": lambda root: (root / "lib/shop/new.py").touch(),
    "a file in a new folder": lambda root: add(root, "lib/new/a"),
    "size": lambda root: replace_keeping_times(root / "lib/shop/data.json", "{} "),
    "mtime": lambda root: os.utime(root / "lib/shop/data.json", ns=(1, 1)),
    "exec bit": lambda root: (root / "bin/tool").chmod(0o644),
    "unreadable": lambda root: (root / "lib/shop/data.json").chmod(0),
    "a link's text": relink,
    "a file turned into a link": turn_into_link,
    "renamed": lambda root: (root / "lib/shop").rename(root / "lib/pohs"),
    "moved up": lambda root: (root / "lib/shop/data.json").rename(root / "lib/data.json"),
    "litter that a wheel might own": lambda root: (root / "lib/shop/.DS_Store").touch(),
    "bytecode without source": lambda root: (root / "lib/shop/module.pyc").touch(),
}

NO_CHANGES: dict[str, Callable[[Path], object]] = {
    "read again": lambda root: (root / "lib/shop/data.json").read_text(),
    "bytecode": lambda root: add(root, "lib/shop/__pycache__/a.cpython-311.pyc"),
    "our own folder": lambda root: add(root, ".envctl/receipt"),
    "group's write bit": lambda root: (root / "lib/shop/data.json").chmod(0o664),
    "others cannot read": lambda root: (root / "lib/shop/data.json").chmod(0o600),
    "linked elsewhere": lambda root: os.link(root / "lib/shop/data.json", root.parent / "link"),
    "an empty folder": lambda root: (root / "share").mkdir(),
    "a folder's mtime": lambda root: os.utime(root / "lib", ns=(1, 1)),
    "moved as a whole": lambda root: root.rename(root.parent / "other").rename(root),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_tree_s_digest_moves_with(tree: Path, change: Callable[[Path], object]) -> None:
    before = digest_tree(str(tree))

    change(tree)

    assert digest_tree(str(tree)) != before


@pytest.mark.parametrize("change", NO_CHANGES.values(), ids=NO_CHANGES.keys())
def test_a_tree_s_digest_does_not_move_with(tree: Path, change: Callable[[Path], object]) -> None:
    before = digest_tree(str(tree))

    change(tree)

    assert digest_tree(str(tree)) == before


def test_a_folder_named_as_ours_further_down_counts(tree: Path) -> None:
    before = digest_tree(str(tree))

    (tree / "lib" / ".envctl").mkdir()
    (tree / "lib" / ".envctl" / "file").touch()

    assert digest_tree(str(tree)) != before


def test_names_that_are_no_text_are_digested(tree: Path) -> None:
    before = digest_tree(str(tree))

    os.close(os.open(os.fsencode(tree) + b"/lib/\xff\n\t", os.O_CREAT))

    assert digest_tree(str(tree)) != before


def test_a_deep_tree_is_digested(tree: Path) -> None:
    before = digest_tree(str(tree))
    deep = str(tree) + "/d" * 300
    for end in range(len(str(tree)) + 2, len(deep) + 1, 2):
        os.mkdir(deep[:end])
    open(f"{deep}/file", "w").close()

    assert digest_tree(str(tree)) != before


def test_a_tree_that_is_not_there_has_a_digest_of_its_own(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert digest_tree(str(tmp_path / "absent")) != digest_tree(str(tmp_path / "empty"))


def test_the_newest_mtime_is_told(tree: Path) -> None:
    future = time.time_ns() + 5_000_000_000
    os.utime(tree / "lib/shop/data.json", ns=(future, future))

    assert measure_tree(str(tree))[1] == (tree / "lib/shop/data.json").stat().st_mtime_ns


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Make a tree of so many packages that two processes share it; one of them has odd names."""
    root = tmp_path / "large"
    for number in range(150):
        package = root / "lib" / "python3.12" / "site-packages" / f"package{number}" / "inner"
        package.mkdir(parents=True)
        (package / "module.py").write_text("x" * number)
        (package.parent / "odd\tname\\").touch()
    return root


def test_two_processes_find_what_one_does(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forks: list[int] = []
    fork = os.fork

    def note_fork() -> int:
        forks.append(1)
        return fork()

    monkeypatch.setattr(twofold, "may_fork", lambda: True)
    monkeypatch.setattr(os, "fork", note_fork)

    def count(_: str, lines: list[str]) -> int:
        return len(lines)

    together = measure_tree(str(large), count=count)

    assert forks
    assert together == measure_tree(str(large), count=count, alone=True)
    assert together[2] == 300


def test_two_processes_notice_a_change_in_any_package(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twofold, "may_fork", lambda: True)
    before = digest_tree(str(large))

    (large / "lib/python3.12/site-packages/package77/inner/module.py").unlink()

    assert digest_tree(str(large)) != before


def test_what_is_found_reads_as_in_a_file_list(tree: Path) -> None:
    (tree / "lib" / "odd\tname\\").write_text("odd")
    listed = [
        OwnedFile("lib/odd\tname\\", 3, (tree / "lib/odd\tname\\").stat().st_mtime_ns, False, "0" * 64),
        OwnedFile(
            "lib/shop/__init__.py", 6, (tree / "lib/shop/__init__.py").stat().st_mtime_ns, False, "1" * 64
        ),
        OwnedFile("lib/shop/data.json", 2, (tree / "lib/shop/data.json").stat().st_mtime_ns, False, "2" * 64),
        OwnedFile("bin/tool", 10, (tree / "bin/tool").stat().st_mtime_ns, True, "3" * 64),
        OwnedFile("bin/python", 0, 0, False, "", "/usr/bin/python3"),
    ]
    found: set[str] = set()

    def note(folder: str, lines: list[str]) -> int:
        found.update(f"{folder[1:]}/{line}" for line in lines)
        return 0

    measure_tree(str(tree), count=note, alone=True)

    assert found == make_inventory({"shop": listed}).outlines()
