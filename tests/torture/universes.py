"""Compare the resolver with brute force on small universes made at random.

For each universe the whole chain, and PubGrub alone, must find a solution exactly where there is one;
what they find must be one; and the roots named in an explanation must fail without the others.

    python tests/torture/universes.py --count 100000 --seed 1

Prints a line for each universe that fails, with its number: ``--seed N --count 1 --start NUMBER`` runs
it again. Exit 1 when any failed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from random import Random

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from envctl.errors import ResolutionError
from envctl.resolve.conflict import Ask, Conflict
from envctl.resolve.listing import Shelf
from envctl.resolve.pubgrub import prove
from envctl.resolve.reach import reach
from envctl.resolve.request import Request
from envctl.resolve.roots import distinct_wants, find_roots
from envctl.resolve.search import search
from envctl.resolve.solve import solve
from envctl.resolve.statements import Refutation
from envctl.resolve.universe import Universe
from envctl.resolve.walk import walk
from support.brute import Picks, Puzzle, ask, is_solution, make_puzzle, solutions
from support.universes import DictCatalog, make_target

TARGET = make_target()


def judge(puzzle: Puzzle, tally: Counter[str] | None = None) -> list[str]:
    """Return what is wrong with the answers to a puzzle; count in ``tally`` which solver answered."""
    expected = next(solutions(puzzle), None)
    wanted = ask(puzzle)
    faults = _judge_chain(puzzle, wanted, expected)
    faults += _judge_pubgrub(puzzle, wanted, expected)
    if tally is not None:
        tally[_answered_by(puzzle, wanted) if expected is not None else "impossible"] += 1
    return faults


def _judge_chain(puzzle: Puzzle, wanted: Request, expected: Picks | None) -> list[str]:
    try:
        found = solve(wanted, TARGET, DictCatalog(puzzle.releases), lambda _: None)
    except ResolutionError as error:
        if expected is not None:
            return [f"chain: impossible [{error.code}], and there is {expected}"]
        facts = error.conflict.facts if isinstance(error.conflict, Conflict) else ()
        roots = [fact.requirement for fact in facts if isinstance(fact, Ask)]
        if next(solutions(puzzle, roots), None) is not None:
            return [f"chain: blames {roots}, which have a solution"]
        return []
    picks = {name: str(package.version) for name, package in found.packages.items()}
    return [] if is_solution(puzzle, picks) else [f"chain: {picks} is no solution"]


def _judge_pubgrub(puzzle: Puzzle, wanted: Request, expected: Picks | None) -> list[str]:
    universe = _universe(puzzle, wanted)
    wants = distinct_wants(find_roots(universe))
    found = prove(universe, wants, lowest=frozenset(), advance=lambda _: None)
    if isinstance(found, Refutation):
        if found.gave_up:
            return ["pubgrub: gave up"]
        return [] if expected is None else [f"pubgrub: impossible, and there is {expected}"]
    picks = {
        name: str(universe.listing(name).versions[found[name]]) for name in reach(universe, found, wants)
    }
    return [] if is_solution(puzzle, picks) else [f"pubgrub: {picks} is no solution"]


def _answered_by(puzzle: Puzzle, wanted: Request) -> str:
    universe = _universe(puzzle, wanted)
    wants = distinct_wants(find_roots(universe))
    for name, link in (("walk", walk), ("resolvelib", search)):
        if link(universe, wants, lowest=frozenset(), advance=lambda _: None) is not None:
            return name
    return "pubgrub"


def _universe(puzzle: Puzzle, wanted: Request) -> Universe:
    return Universe(wanted, TARGET, Shelf(DictCatalog(puzzle.releases), {}))


def puzzle_of(seed: int, number: int) -> Puzzle:
    """Return the universe of a number; the same on every machine."""
    return make_puzzle(Random(f"{seed} {number}"))


def main() -> int:
    """Run the recipe."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0)
    options = parser.parse_args()
    began, failed = time.monotonic(), 0
    tally: Counter[str] = Counter()
    for number in range(options.start, options.start + options.count):
        puzzle = puzzle_of(options.seed, number)
        for fault in judge(puzzle, tally):
            failed += 1
            print(f"{number}: {fault}", flush=True)
            if options.count == 1:
                print(puzzle)
    seconds = time.monotonic() - began
    print(f"{options.count} universes in {seconds:.0f} s, {failed} faults; {dict(tally)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
