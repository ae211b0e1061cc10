"""Least change: after an edit of the manifest, every locked version that still fits stays.

The law, for locked versions, an edited request that has a solution, and what is picked for it:

1. Where the locked versions, without those that nothing reaches any more, still are a solution, they are
   what is picked.
2. Else each locked version that was given up is in the way of something: what is picked, with that one
   version put back and all else as it is (without what nothing reaches then), is no solution.

A version that is locked may be picked even if it is yanked or a pre-release by now: for the law as for
the solver it is admitted. Which of two locked versions stays where both cannot is not said by the law.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.errors import ResolutionError
from support.brute import Picks, Puzzle, ask, is_solution, make_puzzle, restrict
from support.edits import edit, put_back
from support.universes import resolve, versions

SEEDS = st.integers(min_value=0, max_value=1_000_000)

#: Edits after which a search alone gave up a locked version that could have stayed.
GIVEN_UP_IN_VAIN = (1582, 10885, 15231, 17198, 30529)


def pick(puzzle: Puzzle) -> Picks | None:
    try:
        found = resolve(puzzle.releases, ask(puzzle))
    except ResolutionError:
        return None
    return {name: str(version) for name, version in versions(found).items()}


def make_edit(seed: int) -> tuple[Puzzle, Picks, Picks] | None:
    """Lock a universe made at random, edit what is asked of it, and lock it again.

    Returns the edited puzzle with the locked versions, these, and those that are picked now; None where
    either has no solution.
    """
    random = Random(seed)
    puzzle = replace(make_puzzle(random), kept={})
    old = pick(puzzle)
    if old is None:
        return None
    edited = replace(edit(puzzle, random), kept=old)
    now = pick(edited)
    return None if now is None else (edited, old, now)


@settings(max_examples=400, deadline=None)
@given(SEEDS)
def test_an_edit_that_the_locked_versions_satisfy_moves_none_of_them(seed: int) -> None:
    made = make_edit(seed)
    if made is None:
        return
    edited, old, now = made
    still = restrict(edited, old)

    if still is not None and is_solution(edited, still):
        assert now == still


@settings(max_examples=400, deadline=None)
@given(SEEDS)
def test_no_locked_version_is_given_up_that_could_be_put_back(seed: int) -> None:
    made = make_edit(seed)
    if made is None:
        return
    edited, old, now = made

    assert is_solution(edited, now)
    assert put_back(now, old, edited) == []


@pytest.mark.parametrize("seed", GIVEN_UP_IN_VAIN)
def test_what_a_search_gave_up_in_vain_is_put_back(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_edit(seed)
    monkeypatch.setattr("envctl.resolve.keep.keep", lambda _universe, picks, _wants: picks)
    without = make_edit(seed)

    assert made is not None
    assert without is not None
    assert put_back(made[2], made[1], made[0]) == []
    assert put_back(without[2], without[1], without[0]) != []
