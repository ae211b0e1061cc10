"""The memory of the last apply: what moves the digest of a tree, and what does not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl.receipt import (
    RACY_NS,
    compare,
    digest_file,
    digest_tree,
    format_receipt,
    measure_tree,
    parse_receipt,
    read_receipt,
    settle,
)


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


def test_after_settling_a_write_gets_another_mtime(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a")
    before = path.stat().st_mtime_ns

    settle(before)
    path.write_text("b")

    assert path.stat().st_mtime_ns != before


@pytest.mark.parametrize("offset", [-10 * RACY_NS, 10**12], ids=["long ago", "in the future"])
def test_settling_does_not_wait_for_what_cannot_come_again(offset: int) -> None:
    start = time.monotonic()

    settle(time.time_ns() + offset)

    assert time.monotonic() - start < RACY_NS / 1e9


def test_a_receipt_comes_back_as_it_was(tmp_path: Path) -> None:
    labels = {"manifest": "sha256:00", "tree": "sha256:01", "expires": ""}
    (tmp_path / "receipt").write_bytes(format_receipt(labels))

    assert read_receipt(str(tmp_path / "receipt")) == labels


@pytest.mark.parametrize(
    "data",
    [b"", b"envctl-receipt 2\na\tb\n", b"envctl-receipt 1\na\tb", b"envctl-receipt 1\na\n"],
    ids=["empty", "later format", "cut short", "no digest"],
)
def test_a_damaged_receipt_is_none(data: bytes) -> None:
    assert parse_receipt(data) is None


def test_a_receipt_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_receipt(str(tmp_path / "receipt")) is None


@pytest.mark.parametrize("labels", [{"a\tb": ""}, {"a": "x\ny"}], ids=["tab", "line feed"])
def test_labels_that_would_break_the_text_are_a_bug(labels: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        format_receipt(labels)


def test_comparing_names_what_differs_on_either_side() -> None:
    assert compare({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}) == ["b", "c", "d"]


def test_a_file_s_digest_is_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    assert digest_file(str(tmp_path / "file")) == (
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_a_file_that_is_not_there_has_no_digest(tmp_path: Path) -> None:
    assert digest_file(str(tmp_path / "file")) is None


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import os, hashlib, time; before = set(sys.modules);"
        "import envctl.receipt; print(*sorted(set(sys.modules) - before))"
    )
    source = os.path.dirname(os.path.dirname(sys.modules["envctl.receipt"].__file__ or ""))

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, source], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["__future__", "envctl", "envctl.receipt"]
