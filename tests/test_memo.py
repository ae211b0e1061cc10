"""Answers come back as they were kept; what is damaged or could be of somebody else is not believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envctl.memo import Memo

KEY = "ab" * 32


def test_answers_of_our_own_come_back(tmp_path: Path) -> None:
    Memo(str(tmp_path)).keep("kind-v1", KEY, b"answer")

    assert Memo(str(tmp_path)).find("kind-v1", KEY) == b"answer"


def test_the_last_answer_counts(tmp_path: Path) -> None:
    Memo(str(tmp_path)).keep("kind-v1", KEY, b"first")
    Memo(str(tmp_path)).keep("kind-v1", KEY, b"second\nline\0")

    assert Memo(str(tmp_path)).find("kind-v1", KEY) == b"second\nline\0"


def test_a_dropped_answer_is_gone(tmp_path: Path) -> None:
    memo = Memo(str(tmp_path))
    memo.keep("kind-v1", KEY, b"answer")

    memo.drop("kind-v1", KEY)
    memo.drop("kind-v1", KEY)

    assert memo.find("kind-v1", KEY) is None


@pytest.mark.parametrize("length", [0, 10, 78, 79, 84])
def test_a_torn_answer_is_absent(tmp_path: Path, length: int) -> None:
    Memo(str(tmp_path)).keep("kind-v1", KEY, b"answer")
    path = tmp_path / "kind-v1/ab" / KEY
    assert path.stat().st_size == 85

    os.truncate(path, length)

    assert Memo(str(tmp_path)).find("kind-v1", KEY) is None


def test_an_answer_to_another_question_is_absent(tmp_path: Path) -> None:
    memo, other = Memo(str(tmp_path)), "ac" * 32
    memo.keep("kind-v1", KEY, b"answer")

    (tmp_path / "kind-v1/ac").mkdir()
    (tmp_path / "kind-v1/ab" / KEY).rename(tmp_path / "kind-v1/ac" / other)

    assert memo.find("kind-v1", other) is None


@pytest.mark.parametrize("kind", ["folder", "loop", "fifo"])
def test_what_is_no_file_is_no_answer(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "kind-v1/ab" / KEY
    path.parent.mkdir(parents=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    else:
        os.mkfifo(path)

    assert Memo(str(tmp_path)).find("kind-v1", KEY) is None


@pytest.mark.parametrize("mode", [0o777, 0o775], ids=oct)
def test_answers_in_a_folder_that_others_may_write_to_are_not_read(tmp_path: Path, mode: int) -> None:
    Memo(str(tmp_path)).keep("kind-v1", KEY, b"answer")

    tmp_path.chmod(mode)

    assert Memo(str(tmp_path)).find("kind-v1", KEY) is None


@pytest.mark.parametrize("mode", [0o777, 0o775], ids=oct)
def test_nothing_is_put_where_others_may_lay_links(tmp_path: Path, mode: int) -> None:
    cache, elsewhere = tmp_path / "cache", tmp_path / "elsewhere"
    elsewhere.mkdir()
    cache.mkdir()
    cache.chmod(mode)
    (cache / "kind-v1").symlink_to(elsewhere)

    Memo(str(cache)).keep("kind-v1", KEY, b"answer")

    assert list(elsewhere.iterdir()) == []


def test_a_cache_that_is_made_is_ours_alone(tmp_path: Path) -> None:
    Memo(str(tmp_path / "a/cache")).keep("kind-v1", KEY, b"answer")

    assert (tmp_path / "a/cache").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o666, 0o664], ids=oct)
def test_a_file_that_others_may_write_to_is_not_read(tmp_path: Path, mode: int) -> None:
    Memo(str(tmp_path)).keep("kind-v1", KEY, b"answer")

    (tmp_path / "kind-v1/ab" / KEY).chmod(mode)

    assert Memo(str(tmp_path)).find("kind-v1", KEY) is None


def test_answers_in_a_folder_of_somebody_else_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Memo(str(tmp_path)).keep("kind-v1", KEY, b"answer")

    monkeypatch.setattr("envctl.trust.os.geteuid", lambda: 12345)

    assert Memo(str(tmp_path)).find("kind-v1", KEY) is None
