"""`--no-cache` uses a cache that is gone afterwards."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from envctl.cli.console import Console
from envctl.cli.scratch import with_scratch_cache
from envctl.model.settings import Settings


def make(cache: Path) -> tuple[Settings, Console]:
    console = Console(environ={}, stdout=io.StringIO(), stderr=io.StringIO())
    return with_scratch_cache(Settings(cache_dir=str(cache), no_cache=True), console), console


def test_a_run_has_a_cache_of_its_own_until_it_ends(tmp_path: Path) -> None:
    settings, console = make(tmp_path / "caches" / "envctl")
    (Path(settings.cache_dir) / "wheels-v1").mkdir()

    before = os.listdir(tmp_path / "caches")
    console.finish()

    assert before == [os.path.basename(settings.cache_dir)]
    assert os.listdir(tmp_path / "caches") == []


def test_two_runs_have_two(tmp_path: Path) -> None:
    assert make(tmp_path / "cache")[0].cache_dir != make(tmp_path / "cache")[0].cache_dir


def test_the_locks_between_runs_stay_where_the_others_look(tmp_path: Path) -> None:
    assert make(tmp_path / "cache")[0].lock_dir == str(tmp_path / "cache")


@pytest.mark.skipif(os.name != "posix", reason="made of a file where a folder is needed")
def test_a_cache_that_cannot_be_written_is_not_needed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    settings, console = make(tmp_path / "file" / "envctl")
    console.finish()

    assert not settings.cache_dir.startswith(str(tmp_path))
    assert settings.lock_dir == settings.cache_dir
