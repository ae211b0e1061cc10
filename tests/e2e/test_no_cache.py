"""`--no-cache` neither reads nor leaves anything."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from support.project import Project, changes_of


@pytest.fixture
def fresh(make_project: Callable[..., Project]) -> Project:
    project = make_project(fresh_cache=True)
    project.publish("alpha", "1.0")
    project.write_manifest("alpha")
    return project


def _cached(project: Project) -> set[str]:
    """Name what lies in the cache, but for the locks that keep runs apart."""
    folder = os.path.join(project.cache, "envctl")
    return set(os.listdir(folder)) - {"locks"} if os.path.isdir(folder) else set()


def test_an_apply_without_a_cache_leaves_none(fresh: Project) -> None:
    fresh.apply("--no-cache")

    assert fresh.installed() == {"alpha": "1.0"}
    assert fresh.python("import alpha; print(alpha.__version__)") == "1.0\n"
    assert _cached(fresh) == set()
    assert sorted(os.listdir(fresh.cache)) in (["envctl", "home"], ["home"])
    assert fresh.is_settled("--no-cache")


def test_a_cache_that_is_there_is_not_used(fresh: Project) -> None:
    fresh.apply()
    before = len(fresh.index.paths())
    cached = _cached(fresh)

    fresh.apply("--no-cache", "--reinstall", "alpha")

    assert [path for path in fresh.index.paths()[before:] if path.endswith(".whl")]
    assert _cached(fresh) == cached


def test_offline_without_a_cache_nothing_can_be_fetched(fresh: Project) -> None:
    fresh.apply()

    result = fresh.run("apply", "--offline", "--no-cache", "--reinstall", "alpha")

    assert (result.code, result.codes) == (1, ["offline"])
    assert changes_of(fresh.plan()) == {}


def test_the_cache_that_others_use_is_told(fresh: Project) -> None:
    assert fresh.succeed("--no-cache", "cache", "dir").out == os.path.join(fresh.cache, "envctl") + "\n"
