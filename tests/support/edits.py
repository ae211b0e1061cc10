"""Edits of what is asked of a universe, and whether they moved more than they had to."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from support.brute import Picks, Puzzle, is_solution, make_puzzle, restrict


def edit(puzzle: Puzzle, random: Random) -> Puzzle:
    """Ask for something more, for something less, or for something else."""
    roots, more = list(puzzle.roots), list(make_puzzle(random).roots)
    if random.random() < 0.6 and len(roots) > 1:
        roots.pop(random.randrange(len(roots)))
    if random.random() < 0.8 or not roots:
        roots.append(random.choice(more))
    return replace(puzzle, roots=roots)


def put_back(now: Picks, old: Picks, edited: Puzzle) -> list[str]:
    """Name the locked versions that were given up and that nothing is against."""
    return [
        name
        for name in now
        if name in old
        and old[name] != now[name]
        and (tried := restrict(edited, {**now, name: old[name]})) is not None
        and is_solution(edited, tried)
    ]
