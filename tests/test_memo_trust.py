"""Answers that somebody else could have put there are not believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from envctl.memo import Memo

KEY = "ab" * 32


def test_answers_of_our_own_come_back(tmp_path: Path) -> None:
    Memo(str(tmp_path)).keep("kind-v1", KEY, b"answer")

    assert Memo(str(tmp_path)).find("kind-v1", KEY) == b"answer"


@pytest.mark.parametrize("mode", [0o777, 0o775], ids=oct)
def test_answers_in_a_folder_that_others_may_write_to_are_not_read(tmp_path: Path, mode: int) -> None:
    Memo(str(tmp_path)).keep("kind-v1", KEY, b"answer")

    tmp_path.chmod(mode)

    assert Memo(str(tmp_path)).find("kind-v1", KEY) is None


def test_answers_in_a_folder_of_somebody_else_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Memo(str(tmp_path)).keep("kind-v1", KEY, b"answer")

    monkeypatch.setattr("envctl.memo.os.geteuid", lambda: 12345)

    assert Memo(str(tmp_path)).find("kind-v1", KEY) is None
