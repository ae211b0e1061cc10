"""The memory of the last apply, as text."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from envctl.receipt import (
    RACY_NS,
    compare,
    digest_file,
    format_receipt,
    parse_receipt,
    read_receipt,
    settle,
)

GOOD = format_receipt({"file /a": "1", "v": "2"})


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
    [
        b"",
        GOOD.replace(b"receipt 2", b"receipt 3"),
        GOOD[:-1],
        GOOD[:-5],
        GOOD.replace(b"file", b"fire"),
        b"\xff",
    ],
    ids=["empty", "later format", "cut short", "a line less", "flipped", "no text"],
)
def test_a_damaged_receipt_is_none(data: bytes) -> None:
    assert parse_receipt(GOOD) == {"file /a": "1", "v": "2"}
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

    assert done.stdout.split() == [
        "__future__",
        "envctl",
        "envctl.receipt",
        "envctl.treedigest",
        "envctl.twofold",
    ]
