"""Stop envctl before its Nth file operation, for every N, or fail that operation, through whole commands.

Operations are those of the whole process: store, cached pages, locks, journal, stage, switch, history,
trash. In each trial the process is killed before one of them, or one of them fails with ENOSPC, EDQUOT,
EIO, EACCES or EMFILE, once or it and all after it; openings for reading fail, too. Afterwards `stand.judge`
demands that environment, lock and manifest are old or new, together and complete; that the exit code says
which; that the next command says so and cleans up; and that a plain re-run reaches the goal.

    python tests/torture/faults.py --count 3000 --seed 1        # as many of them, drawn at random
    python tests/torture/faults.py --count 0                    # all of them

With a count, every operation has its first trial, the kill, before any has its second. Prints each failure and a summary; exit 1 when there was one.
"""

from __future__ import annotations

import errno
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from torture.figures import Figure, conclude, make_parser
from torture.points import READS, WRITES, Points, die, failing
from torture.stand import (
    BEGINNINGS,
    NAMES,
    Failed,
    Scenario,
    Snapshot,
    Stand,
    judge,
    prepare,
    publish,
    scratch,
    served,
    tell_time,
    warm,
)
from torture.workers import spread

#: In how many states that a killed run left recovery is disturbed in turn.
_RECOVERIES = 6
KILL = 0
_ERRORS = {
    # A quota that is used up is told by every other call than a disk that is full, and not by `statvfs`.
    WRITES: (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE, errno.EDQUOT),
    READS: (errno.EIO, errno.EACCES, errno.EMFILE),
}


@dataclass(frozen=True)
class Trial:
    """What is done to which operation: ``number`` is an error number, or `KILL`."""

    scenario: str
    kind: str
    at: int
    number: int
    lasting: bool = False

    def __str__(self) -> str:
        what = "killed" if self.number == KILL else errno.errorcode[self.number]
        when = "from then on" if self.lasting else "once"
        return f"{self.scenario:12s} {self.kind} {self.at:4d} {what} {when if self.number else ''}".rstrip()


def count(stand: Stand, scenario: Scenario, kind: str) -> list[tuple[str, str]]:
    """Run a scenario undisturbed; name its operations."""
    note = f"{stand.root}.points"
    scenario.snapshot.put_back(stand.root)

    def before() -> None:
        scenario.prepare_process()
        Points(stand.root, kind, note=note).install()

    ended = stand.run(*scenario.command, before=before)
    if ended.code:
        raise Failed(f"undisturbed, `{scenario.name}` exits {ended.code}: {ended.err}")
    with open(note, encoding="utf-8", errors="surrogateescape") as file:
        return [(line[: line.index("\t")], line[line.index("\t") + 1 : -1]) for line in file]


def disturb(bench: tuple[Stand, dict[str, Scenario]], trial: Trial) -> str:
    """Do one trial; says what is there then: ``old`` or ``new``.

    Raises:
        Failed: what was promised is not so.
    """
    stand, scenarios = bench
    scenario = scenarios[trial.scenario]
    scenario.snapshot.put_back(stand.root)
    act = die if trial.number == KILL else failing(trial.number)

    def before() -> None:
        scenario.prepare_process()
        Points(stand.root, trial.kind, at=trial.at, act=act, lasting=trial.lasting).install()

    ended = stand.run(*scenario.command, before=before)
    if trial.number == KILL and not ended.killed and ended.code:
        raise Failed(f"not killed, and exit {ended.code}: {ended.err}")
    return judge(stand, scenario, ended=None if ended.killed else ended, tidy=not trial.lasting)


def find_recoveries(stand: Stand, scenario: Scenario) -> Iterator[Scenario]:
    """Give states that a killed run leaves with a journal, for recovery to be disturbed in."""
    first, last = find_journal(stand, scenario)
    for number in range(_RECOVERIES):
        at = first + number * (last - first) // (_RECOVERIES - 1)
        kill_at(stand, scenario, at)
        yield replace(
            scenario, name=f"recovery-{number + 1}", snapshot=Snapshot.take(stand.root), settled=False
        )


def find_journal(stand: Stand, scenario: Scenario) -> tuple[int, int]:
    """Name the first and the last operation before which there is a journal."""
    journal = os.path.join(stand.state, "journal")
    touched = [
        number
        for number, (operation, path) in enumerate(count(stand, scenario, WRITES), start=1)
        if path == journal and operation in {"rename", "unlink"}
    ]
    return touched[0] + 1, touched[-1]


def kill_at(stand: Stand, scenario: Scenario, at: int) -> None:
    """Let a scenario begin, and kill it before an operation at which there is a journal."""
    scenario.snapshot.put_back(stand.root)
    stand.run(*scenario.command, before=Points(stand.root, WRITES, at=at, act=die).install)
    if not os.path.exists(os.path.join(stand.state, "journal")):
        raise Failed(f"killed before operation {at}, and there is no journal")


def prepare_all(stand: Stand, names: tuple[str, ...] = tuple(BEGINNINGS)) -> dict[str, Scenario]:
    """Prepare the scenarios, and the states for recovery."""
    scenarios = {name: prepare(stand, name) for name in names}
    if "change" in scenarios:
        scenarios["two-renames"] = replace(scenarios["change"], name="two-renames", exchange=False)
    if "upgrade" in scenarios:
        scenarios |= {each.name: each for each in find_recoveries(stand, scenarios["upgrade"])}
    return scenarios


def list_trials(stand: Stand, scenarios: dict[str, Scenario]) -> list[Trial]:
    """List every trial there is."""
    trials = []
    for name, scenario in scenarios.items():
        for kind in (WRITES, READS):
            seen = len(count(stand, scenario, kind))
            print(f"{name:12s} {seen:4d} {kind}", flush=True)
            for at in range(1, seen + 1):
                if kind == WRITES:
                    trials.append(Trial(name, kind, at, KILL))
                for number in _ERRORS[kind]:
                    trials += [Trial(name, kind, at, number, lasting) for lasting in (False, True)]
    return trials


def draw(trials: Sequence[Trial], *, seed: int, count: int) -> list[Trial]:
    """Draw trials at random, so that each operation has its first before any has its second: the kill."""
    chance = random.Random(seed)
    ranks: dict[tuple[str, str, int], int] = {}
    ranked = []
    for trial in sorted(trials, key=lambda each: (each.number != KILL, chance.random())):
        point = (trial.scenario, trial.kind, trial.at)
        ranks[point] = rank = ranks.get(point, -1) + 1
        ranked.append((rank, chance.random(), trial))
    return [trial for _, _, trial in sorted(ranked, key=lambda each: each[:2])][: count or None]


def main() -> int:
    parser = make_parser(__doc__, count=300, counts="how many of all trials; 0 for all")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", help="only trials whose line begins with this")
    options = parser.parse_args()
    began = time.monotonic()
    warm()
    with scratch("faults") as place:
        wheels = os.path.join(place, "wheels")
        publish(wheels, NAMES)
        with served(wheels) as url:
            stand = Stand(os.path.join(place, "first"), url)
            scenarios = prepare_all(stand)
            every = list_trials(stand, scenarios)
            wanted = [each for each in every if str(each).startswith(options.only or "")]
            trials = draw(wanted, seed=options.seed, count=options.count)

            def begin() -> tuple[Stand, dict[str, Scenario]]:
                # Prepared once more, because an environment names its own path.
                own = Stand(os.path.join(place, f"worker-{os.getpid()}"), url)
                return own, prepare_all(own)

            failures, outcomes = 0, {"old": 0, "new": 0}
            for trial, outcome, failure in spread(trials, begin, disturb, jobs=options.jobs):
                if failure:
                    failures += 1
                    print(f"{trial} FAILED: {failure}", flush=True)
                else:
                    outcomes[outcome] += 1
    figure = Figure(
        name="faults",
        what="a command killed before its Nth file operation, or that operation failing",
        command=f"tests/torture/faults.py --count {options.count} --seed {options.seed}",
        trials=len(trials),
        failures=failures,
        seed=options.seed,
        seconds=tell_time(began),
    )
    summary = (
        f"trials {len(trials)} of {len(every)}, failures {failures}, old {outcomes['old']}, "
        f"new {outcomes['new']}, seed {options.seed}, {tell_time(began)} s"
    )
    return conclude(figure, summary, recorded=options.record)


if __name__ == "__main__":
    sys.exit(main())
