"""The chain and PubGrub alone against brute force, on universes made at random with a fixed seed."""

from __future__ import annotations

from collections import Counter

import pytest

from torture.universes import judge, puzzle_of

COUNT = 2_000
SEED = 20


#: Seeds and numbers that were wrong once, when runs of a hundred thousand found them.
FOUND = [(20261126, 72563)]


@pytest.mark.parametrize(("seed", "number"), FOUND)
def test_what_was_wrong_once_is_right(seed: int, number: int) -> None:
    assert list(judge(puzzle_of(seed, number), Counter())) == []


@pytest.mark.slow
def test_what_is_found_or_called_impossible_is_so() -> None:
    tally: Counter[str] = Counter()

    faults = [(number, fault) for number in range(COUNT) for fault in judge(puzzle_of(SEED, number), tally)]

    assert faults == []
    # The seed is worth something only while every link of the chain is needed.
    assert tally.keys() == {"walk", "resolvelib", "pubgrub", "impossible"}
