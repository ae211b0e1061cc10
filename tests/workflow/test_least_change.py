"""Least change for several targets at once: the law of tests/resolve/test_least_change.py for each of them."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.errors import ResolutionError
from envctl.lock.compose import compose
from envctl.lock.lock import Lock
from envctl.model.resolution import Resolution
from envctl.model.target import Target
from envctl.model.targets import make_target, sort_targets
from envctl.workflow.resolving import resolve_targets
from support.brute import Picks, Puzzle, ask, make_puzzle
from support.edits import edit, put_back
from support.manifests import make_manifest
from support.universes import DictCatalog

TARGETS = sort_targets([make_target("linux-x86_64", python) for python in ("3.11", "3.12")])

PYTHONS = (None, None, None, ">=3.12", "<3.12")


def make_split(random: Random) -> Puzzle:
    """Make a universe some of whose releases are for one of the Pythons only."""
    puzzle = replace(make_puzzle(random), kept={}, elsewhere={})
    releases = {
        name: {
            version: replace(release, python=random.choice(PYTHONS)) for version, release in several.items()
        }
        for name, several in puzzle.releases.items()
    }
    return replace(puzzle, releases=releases)


def as_on(target: Target, puzzle: Puzzle, kept: Picks) -> Puzzle:
    """Leave what counts for one target."""
    is_new = target.python == "3.12"
    releases = {
        name: {
            version: release
            for version, release in several.items()
            if release.python is None or (release.python == ">=3.12") is is_new
        }
        for name, several in puzzle.releases.items()
    }
    return replace(puzzle, releases=releases, kept=kept)


def attempt(puzzle: Puzzle, old: Lock | None) -> tuple[Resolution, ...] | None:
    options: Any = {"old": old, "released": frozenset()}
    try:
        return resolve_targets(ask(puzzle), TARGETS, DictCatalog(puzzle.releases), lambda _: None, **options)
    except ResolutionError:
        return None


def picks_of(resolution: Resolution) -> Picks:
    return {name: str(package.version) for name, package in resolution.packages.items()}


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0, max_value=1_000_000))
def test_no_target_gives_up_a_locked_version_that_could_be_put_back(seed: int) -> None:
    random = Random(seed)
    puzzle = make_split(random)
    first = attempt(puzzle, None)
    if first is None:
        return
    edited = edit(puzzle, random)
    again = attempt(edited, compose(first, manifest=make_manifest(), digest="", old=None))
    if again is None:
        return

    for before, after in zip(first, again, strict=True):
        old, now = picks_of(before), picks_of(after)
        assert put_back(now, old, as_on(after.target, edited, old)) == []
