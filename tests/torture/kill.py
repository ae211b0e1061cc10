"""Kill envctl with SIGKILL at random moments, and look at what is left.

Each trial runs one command on a project that is served from a loopback index, and kills it at a moment of
its measured duration (spread evenly, with a seeded jitter), or of the part of it that begins with the stage:
its process alone, or all that it started.

- ``install``, ``change`` (another lock), ``removal``, ``upgrade`` (which edits the manifest), ``rollback``
  and ``destroy`` of a few small packages;
- ``wide``: a change of 24 packages with 2,000 files, which two processes lay;
- ``recovery``: a run killed in the middle of its switch, then the command that puts it right, once or twice;
- ``detached``: what goes on after a command ended: emptying the trash, compiling into the store.

`stand.judge` demands that environment, lock and manifest are old or new, together and complete, all files
read; that the next command says so and cleans up; and that a plain re-run reaches the goal.

    python tests/torture/kill.py --trials 50 --seed 1

Prints one line a trial and a summary; exit 1 when any trial failed.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from torture.faults import find_journal, kill_at
from torture.figures import Figure, conclude, make_parser
from torture.stand import (
    BEGINNINGS,
    NAMES,
    Failed,
    Scenario,
    Stand,
    Started,
    check_bytecode,
    judge,
    look,
    prepare,
    publish,
    scratch,
    served,
    tell_time,
    warm,
)
from torture.workers import spread

WIDE = [f"part{number:02d}" for number in range(24)]
#: So many modules that two processes lay them.
_WIDE_FILES = 85
#: What each trial in turn is of: all but the costly one more than once.
KINDS = (
    *("install", "change", "removal", "upgrade", "rollback", "recovery"),
    *("install", "change", "wide", "upgrade", "destroy", "recovery", "detached"),
)
#: Those that stage, switch or delete after a while that is not of interest.
_STAGING = frozenset({"install", "change", "removal", "upgrade", "wide", "destroy"})
_SUBREAPER = 36  # linux/prctl.h: PR_SET_CHILD_SUBREAPER


@dataclass(frozen=True)
class Trial:
    """One kill: ``share`` is the moment, as a part of the undisturbed duration, or if ``late`` of its end."""

    number: int
    kind: str
    late: bool
    share: float
    seed: int

    def __str__(self) -> str:
        return f"{self.number:4d} {self.kind:9s} {'late ' if self.late else 'whole'} {self.share:6.1%}"


@dataclass(frozen=True)
class Bench:
    """What one process works with: a project of few files, and one of many.

    ``durations`` are what commands take, ``endings`` what they take from the stage on (seconds).
    """

    narrow: Stand
    wide: Stand
    scenarios: Mapping[str, Scenario]
    durations: Mapping[str, float]
    endings: Mapping[str, float]
    journals: Mapping[str, tuple[int, int]]

    def stand_of(self, kind: str) -> Stand:
        return self.wide if kind == "wide" else self.narrow


def begin(place: str, url: str, switch: str) -> Bench:
    """Prepare every scenario and measure its command: the best of three, or most would be over."""
    libc = ctypes.CDLL(None)
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)  # what a killed command leaves running becomes a child of this process
    own = os.path.join(place, f"worker-{os.getpid()}")
    narrow, wide = (Stand(os.path.join(own, name), url, switch=switch) for name in ("narrow", "wide"))
    scenarios = {name: prepare(narrow, name) for name in BEGINNINGS if name != "lock"}
    scenarios["detached"] = prepare(narrow, "detached", _begin_detached)
    scenarios["wide"] = prepare(wide, "wide", _begin_wide)
    durations, endings = {}, {}
    for name, scenario in scenarios.items():
        measured = [_measure(wide if name == "wide" else narrow, scenario) for _ in range(3)]
        durations[name], endings[name] = map(min, zip(*measured, strict=True))
    journals = {name: find_journal(narrow, scenarios[name]) for name in ("change", "upgrade", "rollback")}
    return Bench(narrow, wide, scenarios, durations, endings, journals)


def _begin_wide(stand: Stand) -> tuple[str, ...]:
    for version in ("1", "2"):
        stand.declare(*(f"{name}=={version}" for name in WIDE))
        if version == "1":
            stand.must("apply")
    return ("apply",)


def _begin_detached(stand: Stand) -> tuple[str, ...]:
    """No generation is kept, so that there is something to throw away."""
    for version in ("1", "2"):
        stand.declare(*(f"{name}=={version}" for name in NAMES), rest="[install]\nkeep-generations = 0")
        if version == "1":
            stand.must("apply")
    return ("apply",)


def _measure(stand: Stand, scenario: Scenario) -> tuple[float, float]:
    """Measure a command whole, and from the stage on; nothing of it may be after a stage."""
    scenario.snapshot.put_back(stand.root)
    start = time.perf_counter()
    started = stand.start(*scenario.command)
    _await_stage(stand, started)
    staged = time.perf_counter()
    if started.wait().code:
        raise Failed(f"undisturbed, `{scenario.name}` fails")
    end = time.perf_counter()
    return end - start, end - staged


def _await_stage(stand: Stand, started: Started) -> None:
    """Wait until a command has begun to stage, or to delete, or has ended."""
    folders = [os.path.join(stand.state, name) for name in ("staging", "trash")]
    while not any(map(_is_filled, folders)):
        if os.waitid(os.P_PID, started.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        time.sleep(0.0002)


def _is_filled(folder: str) -> bool:
    return os.path.isdir(folder) and bool(os.listdir(folder))


def attempt(bench: Bench, trial: Trial) -> str:
    """Do one trial; says what was there afterwards."""
    chance = random.Random(trial.seed)
    match trial.kind:
        case "recovery":
            return _kill_recovery(bench, trial, chance)
        case "detached":
            return _kill_detached(bench, chance)
        case _:
            return _kill(bench, trial, chance)


def _kill(bench: Bench, trial: Trial, chance: random.Random) -> str:
    stand, scenario = bench.stand_of(trial.kind), bench.scenarios[trial.kind]
    scenario.snapshot.put_back(stand.root)
    started = stand.start(*scenario.command)
    if trial.late:
        _await_stage(stand, started)
    delay = (bench.endings if trial.late else bench.durations)[trial.kind] * trial.share
    ended = started.wait(delay, whole=chance.random() < 0.5)
    staged = trial.late and ended.killed
    state = judge(stand, scenario, ended=None if ended.killed else ended)
    _reap()
    return f"{'staged ' if staged else ''}{state}{'' if ended.killed else ' (had ended)'}"


def _kill_recovery(bench: Bench, trial: Trial, chance: random.Random) -> str:
    """Kill a run while there is a journal, then the same command while it puts that right, once or twice."""
    stand, name = bench.narrow, chance.choice(sorted(bench.journals))
    scenario = bench.scenarios[name]
    kill_at(stand, scenario, chance.randint(*bench.journals[name]))
    told = []
    for share in (trial.share, chance.random())[: chance.choice((1, 2))]:
        ended = stand.start(*scenario.command).wait(bench.durations[name] * share)
        told.append("killed" if ended.killed else f"ended {ended.code}")
        if not ended.killed:
            break
    # A rollback that went through is one step further than where the first was to lead.
    if name == "rollback" and told[-1] == "ended 0" and look(stand).substance == scenario.old.substance:
        return f"{name} {', '.join(told)}: there and back"
    return f"{name} {', '.join(told)}: {judge(stand, scenario)}"


def _kill_detached(bench: Bench, chance: random.Random) -> str:
    """Let a command end, and kill the processes that it left at work."""
    stand, scenario = bench.narrow, bench.scenarios["detached"]
    scenario.snapshot.put_back(stand.root)
    ours, theirs = os.openpty()
    stand.environ["CI"] = ""
    try:
        ended = stand.start(*scenario.command, terminal=theirs).wait()
    finally:
        del stand.environ["CI"]
        os.close(theirs)
        os.close(ours)
    if ended.code:
        raise Failed(f"exit {ended.code}")
    time.sleep(chance.random())
    killed = _reap()
    state = judge(stand, scenario)
    if state != "new":
        raise Failed(f"it had ended, and what is there is {state}")
    # What the compiler left in the store is whole: a new environment takes it from there.
    stand.must("destroy", "--yes")
    stand.must("apply")
    compiled = check_bytecode(stand.venv)
    look(stand)
    return f"{killed} killed, {compiled} compiled"


def _reap() -> int:
    """Kill what commands left running, and wait for it; gives how many there were."""
    killed = 0
    while True:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            children = [int(word) for word in file.read().split()]
        if not children:
            return killed
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
                killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
            except (ProcessLookupError, ChildProcessError):
                pass  # it ended meanwhile, or is what another of them has just waited for


def list_trials(count: int, seed: int) -> list[Trial]:
    """Spread the moments of each kind evenly over its duration, with some chance."""
    chance = random.Random(seed)
    kinds = [KINDS[number % len(KINDS)] for number in range(count)]
    seen: dict[str, int] = {}
    trials = []
    for number, kind in enumerate(kinds):
        share = (seen.get(kind, 0) + chance.random()) / kinds.count(kind)
        seen[kind] = seen.get(kind, 0) + 1
        late = kind in _STAGING and chance.random() < 0.5
        trials.append(Trial(number, kind, late, share, chance.getrandbits(32)))
    return trials


def main() -> int:
    parser = make_parser(__doc__, count=50, flag="--trials")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--switch", choices=("", "exchange", "merge"), default="", help="for every manifest")
    parser.add_argument("--keep", action="store_true", help="keep the folder of the trials")
    options = parser.parse_args()
    began = time.monotonic()
    warm()
    failures = staged = 0
    with scratch("kill", keep=options.keep) as place:
        wheels = os.path.join(place, "wheels")
        publish(wheels, NAMES)
        publish(wheels, WIDE, files=_WIDE_FILES)
        with served(wheels) as url:
            trials = list_trials(options.trials, options.seed)
            for trial, outcome, failure in spread(
                trials, lambda: begin(place, url, options.switch), attempt, jobs=options.jobs
            ):
                failures += bool(failure)
                staged += outcome.startswith("staged")
                print(f"{trial} {f'FAILED: {failure}' if failure else outcome}", flush=True)
    merging = options.switch == "merge"
    figure = Figure(
        name="kill-merge" if merging else "kill",
        what="a command, its recovery or its detached children killed at a random moment"
        + (", the environment changed file by file" if merging else ""),
        command=f"tests/torture/kill.py --trials {options.trials} --seed {options.seed}"
        + (" --switch merge" if merging else ""),
        trials=options.trials,
        failures=failures,
        seed=options.seed,
        seconds=tell_time(began),
    )
    summary = (
        f"trials {options.trials}, failures {failures}, killed after staging began {staged}, "
        f"seed {options.seed}, {tell_time(began)} s"
    )
    return conclude(figure, summary, recorded=options.record)


if __name__ == "__main__":
    sys.exit(main())
