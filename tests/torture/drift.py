"""Damage environments at random, one to five ways at once, and demand that all of it is told and mended.

Two environments of 13 packages take turns: one declared with ``prune = "managed"``, with a distribution, a
script and a module that somebody put there by hand, one with ``prune = "all"``; both have data of tools,
litter and bytecode. Each trial demands:

- ``plan`` and ``status --check`` (in text or as JSON) name every damage: path, kind and package;
- ``apply`` mends all: afterwards ``plan --detailed-exitcode --verify hash`` has nothing to do;
- every file of the environment is again what it was, and what others put there is still there;
- manifest, lock and the rest of the project are untouched.

    python tests/torture/drift.py --count 200 --seed 4

Prints one line a trial and a summary; exit 1 when any trial failed.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.damages import ALL, SITE, Line, furnish, put_by_hand
from support.project import Project, changes_of
from support.server import IndexServer
from torture.figures import conclude_trials, make_parser

MOST = 5


class Bench:
    """One environment that is damaged again and again; ``place`` gets the project, its cache and its index."""

    def __init__(self, place: str, server: IndexServer, prune: str) -> None:
        for name in ("shop", "cache/home"):
            os.makedirs(os.path.join(place, name), exist_ok=True)
        cache = os.path.join(place, "cache")
        self.prune = prune
        self.project = Project(folder=os.path.join(place, "shop"), cache=cache, index=server)
        furnish(self.project, prune=prune)
        self.project.apply()
        self._put_data()
        if prune == "managed":
            put_by_hand(
                self.project, "by-hand", "1.0", files={"by_hand/__init__.py": "", "by_hand.pth": "\n"}
            )
            self._put(f"{SITE}/loose.py", b"LOOSE = 1\n")
            self._put("bin/tool", b"#!/bin/sh\n")
        self.before = self.look()

    def _put_data(self) -> None:
        self._put("share/models/big.bin", bytes(5000))
        self._put("nltk_data/corpora/words.zip", b"words")
        self._put(f"{SITE}/part0/cache.bin", b"cached")
        self._put(f"{SITE}/part1/.local-browsers/chrome/run.py", b"# part of a download\n")
        for litter in (".DS_Store", "app.py~", "app.cpython.nbi"):
            self._put(f"{SITE}/part2/{litter}", b"")
        self.project.execute([self.project.path(".venv/bin/python"), "-c", "import part3.app, space.a"])

    def _put(self, path: str, data: bytes) -> None:
        place = self.project.path(".venv", path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(data)

    def look(self) -> dict[str, tuple[object, ...]]:
        """Describe the project and its environment, without what envctl writes of itself, and what it ignores."""
        return {
            path: seen
            for path, seen in self.project.snapshot().items()
            if not path.startswith((".venv.envctl", ".venv/.envctl"))
            and "__pycache__" not in path.split("/")
            and "/part2/" not in path
            and path != "calls.txt"
        }

    def damage(self, chance: random.Random) -> tuple[list[str], list[Line]]:
        """Do one to five kinds of damage, each to another package."""
        free = {name for damage in ALL.values() for name in damage.victims}
        done: list[str] = []
        lines: list[Line] = []
        for name in chance.sample(sorted(ALL), chance.randint(1, MOST)):
            victims = sorted(free.intersection(ALL[name].victims))
            if ALL[name].victims and not victims:
                continue
            victim = chance.choice(victims) if victims else ""
            free.discard(victim)
            lines.append(ALL[name].do(self.project, victim, chance))
            done.append(f"{name} ({victim})" if victim else name)
        return done, lines

    def judge(self, lines: list[Line], chance: random.Random) -> None:
        """Demand what the module says."""
        # A foreign distribution that prune keeps is told, and is no change: alone it is no reason to say no.
        kept = self.prune == "managed" and {line[0] for line in lines} == {"package.stranger"}
        if chance.random() < 0.5:
            self._judge_documents(lines, kept=kept)
        else:
            self._judge_text(lines, kept=kept)
        self.project.succeed("apply", "-q")
        if not self.project.is_settled("--verify", "hash"):
            raise AssertionError(f"not mended: {changes_of(self.project.plan())}")
        if self.prune == "managed":
            shutil.rmtree(self.project.site("stranger"), ignore_errors=True)
            shutil.rmtree(self.project.site("stranger-3.0.dist-info"), ignore_errors=True)
            if os.path.exists(self.project.site("stranger.pth")):
                os.unlink(self.project.site("stranger.pth"))
        after = self.look()
        if after != self.before:
            paths = after.keys() | self.before.keys()
            wrong = sorted(each for each in paths if after.get(each) != self.before.get(each))
            raise AssertionError(f"not as it was: {wrong[:5]}")

    def _judge_documents(self, lines: list[Line], *, kept: bool) -> None:
        for command in (["plan", "--json", "--detailed-exitcode"], ["status", "--json", "--check"]):
            result = self.project.run(*command)
            _demand(result.code == (0 if kept else 2 if command[0] == "plan" else 3), command, result.code)
            told = {(each["address"], each["kind"], each["path"]) for each in result.json["drift"]}
            _demand(told.issuperset(lines), command, sorted(set(lines) - told))

    def _judge_text(self, lines: list[Line], *, kept: bool) -> None:
        for command in (["plan", "--detailed-exitcode"], ["status", "--check"]):
            result = self.project.run(*command)
            _demand(result.code == (0 if kept else 2 if command[0] == "plan" else 3), command, result.code)
            for _, kind, path in lines:
                named = any(kind in row.split() and path in row for row in result.out.splitlines())
                _demand(named, command, (kind, path, result.out))


def _demand(condition: object, *about: object) -> None:
    if not condition:
        raise AssertionError(" ".join(map(str, about)))


@contextmanager
def open_benches(place: str) -> Iterator[list[Bench]]:
    """Make both environments in a folder, each with a cache of its own: one cache would share the damage."""
    with IndexServer(os.path.join(place, "index"), max_age=0) as server:
        yield [Bench(os.path.join(place, prune), server, prune) for prune in ("managed", "all")]


def run(count: int, seed: int, *, say: bool = True) -> int:
    """Run trials; give the number of failures."""
    chance = random.Random(seed)
    failures = 0
    place = tempfile.mkdtemp(prefix="envctl-drift-")
    with open_benches(place) as benches:
        for number in range(count):
            bench = benches[number % len(benches)]
            done, lines = bench.damage(chance)
            outcome = "mended"
            try:
                bench.judge(lines, chance)
            except Exception as error:  # noqa: BLE001 - one trial is told, the others go on
                failures += 1
                outcome = f"FAILED: {error}"
                if not isinstance(error, AssertionError):
                    traceback.print_exc()
                bench.project.run("apply", "-q")
                bench.before = bench.look()
            if say:
                print(f"{number:4d} {bench.prune:8s} {'; '.join(done)}: {outcome}", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    return failures


def main() -> int:
    parser = make_parser(__doc__, count=100, seed=4)
    options = parser.parse_args()
    began = time.monotonic()
    failures = run(options.count, options.seed)
    what = "one to five kinds of damage at once, told by plan and status and mended by apply"
    return conclude_trials("drift", what, options, failures=failures, began=began)


if __name__ == "__main__":
    sys.exit(main())
