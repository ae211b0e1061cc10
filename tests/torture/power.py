"""Cut the power: replay what a command did to the disk without what had not been flushed, and recover.

A command is recorded: every operation of `envctl.atomic`, with what it wrote. Then states are built that a
power cut after each of them could leave, and from each `stand.judge` demands what it demands of a kill:
environment, lock and manifest old or new, together and complete.

Two models of what survives, for a cut after operation K:

``ordered``
    ext4 with ``data=ordered``, XFS: names and attributes survive up to some operation J, in order; every
    flush of anything before K is before J. The content of a file that was not flushed is whole, cut off
    anywhere, or empty.
``logged``
    btrfs, F2FS: J need only be behind the last flush of the whole file system. Of what comes after it,
    what a flush of a file or a folder covers survives, though operations before it are lost; the name of a
    file that was flushed without its folder, by chance.

Both are harsher than the file systems: for each file the content is decided by itself, and a rename onto
another file does not bring its content along. What no model has: bytes that were flushed and are gone
(disks that lie), and files whose size is right and whose bytes are not (ext4 with ``data=writeback``).

    python tests/torture/power.py --count 2000 --seed 1

Prints each failure and a summary; exit 1 when there was one.
"""

from __future__ import annotations

import os
import pickle
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Self

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from envctl import atomic
from torture.figures import Figure, conclude, make_parser
from torture.stand import (
    BEGINNINGS,
    NAMES,
    Failed,
    Scenario,
    Stand,
    judge,
    make_inodes_known,
    prepare,
    publish,
    scratch,
    served,
    tell_time,
    warm,
)
from torture.workers import spread

ORDERED, LOGGED = "ordered", "logged"
_SYNCS = frozenset({"flush", "flush_directory"})


@dataclass(frozen=True)
class Operation:
    """One operation: its name in `envctl.atomic`, its paths, and what it wrote (``mtime_ns`` of that)."""

    name: str
    paths: tuple[str, ...]
    content: bytes = b""
    mode: int = 0
    mtime_ns: int = 0

    @property
    def folders(self) -> set[str]:
        """The folders whose entries it changes."""
        return {os.path.dirname(path) for path in self.paths}


class Recorder:
    """Wraps the functions of `envctl.atomic` in a process that is about to end, and keeps what they do."""

    def __init__(self, root: str, note: str) -> None:
        self.root = root + os.sep
        self.note = note

    def install(self) -> None:
        self._file = open(self.note, "wb")  # noqa: SIM115 - until the process ends
        atomic.hook = lambda operation, path: None  # so that nobody takes a short cut
        for name in _RECORDERS:
            self._wrap(name, getattr(atomic, name))

    def _wrap(self, name: str, function: Callable[..., Any]) -> None:
        def recorded(*arguments: Any, **how: Any) -> Any:
            if name == "remove_tree":
                for operation in _list_removals(arguments[0]):
                    self.keep(operation)
                return function(*arguments, **how)
            result = function(*arguments, **how)
            if name == "create":
                return _Stream(result, arguments[0], self)
            self.keep(_RECORDERS[name](name, *arguments, **how))
            return result

        setattr(atomic, name, recorded)

    def keep(self, operation: Operation) -> None:
        if all(path.startswith(self.root) for path in operation.paths):
            pickle.dump(operation, self._file)
            self._file.flush()


class _Stream:
    """A file that is written piece by piece, recorded when it is closed."""

    def __init__(self, file: BinaryIO, path: str, recorder: Recorder) -> None:
        self._file = file
        self._path = path
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if not self._file.closed:
            self._file.close()
            self._recorder.keep(_see_file("write", self._path))


def _see_file(name: str, path: str, *_: Any, **__: Any) -> Operation:
    status = os.lstat(path)
    with open(path, "rb") as file:
        return Operation(name, (path,), file.read(), status.st_mode & 0o7777, status.st_mtime_ns)


def _see_appended(name: str, path: str, data: bytes) -> Operation:
    return Operation(name, (path,), bytes(data))


def _see_paths(name: str, *paths: str, **_: Any) -> Operation:
    return Operation(name, paths)


def _see_folder(name: str, path: str, *, mode: int = 0o755) -> Operation:
    return Operation(name, (path,), mode=mode)


def _see_link(name: str, text: str, path: str) -> Operation:
    return Operation(name, (path,), os.fsencode(text))


def _see_copy(name: str, source: str, target: str, **_: Any) -> Operation:
    return _see_file("write", target)


def _see_number(name: str, path: str, number: int, **_: Any) -> Operation:
    return (
        Operation(name, (path,), mode=number)
        if name == "set_mode"
        else Operation(name, (path,), b"", 0, number)
    )


_RECORDERS: Mapping[str, Callable[..., Operation]] = {
    "write": _see_file,
    "create": _see_file,
    "append": _see_appended,
    "make_directory": _see_folder,
    "link": _see_paths,
    "symlink": _see_link,
    "rename": _see_paths,
    "rename_new": _see_paths,
    "exchange": _see_paths,
    "remove_directory": _see_paths,
    "remove": _see_paths,
    "remove_tree": _see_paths,
    "flush": _see_paths,
    "flush_directory": _see_paths,
    "flush_file_system": _see_paths,
    "copy": _see_copy,
    "set_mode": _see_number,
    "set_mtime": _see_number,
}


def _list_removals(path: str) -> list[Operation]:
    """A tree is removed file by file, and the power may go in between."""
    found = []
    for parent, folders, files in os.walk(path, topdown=False):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        found += [Operation("remove", (os.path.join(parent, name),)) for name in files + links]
        found.append(Operation("remove_directory", (parent,)))
    return found


def record_run(stand: Stand, scenario: Scenario) -> list[Operation]:
    """Run a scenario, recorded."""
    note = f"{stand.root}.recorded"
    scenario.snapshot.put_back(stand.root)
    ended = stand.run(*scenario.command, before=Recorder(stand.root, note).install)
    if ended.code:
        raise Failed(f"recorded, `{scenario.name}` exits {ended.code}: {ended.err}")
    operations = []
    with open(note, "rb") as file:
        while True:
            try:
                operations.append(pickle.load(file))
            except EOFError:
                return operations


# --- what survives -----------------------------------------------------------------


def survive(operations: Sequence[Operation], cut: int, model: str, chance: random.Random) -> list[Operation]:
    """Choose what is on the disk after a power cut that came after the first ``cut`` operations."""
    done = operations[:cut]
    whole = _last(done, {"flush_file_system"})
    kept = chance.randint(_last(done, {"flush_file_system", *_SYNCS}) if model == ORDERED else whole, cut)
    covered = set() if model == ORDERED else _cover(done, chance)
    flushed = _find_flushed(done, whole)
    return [
        _tear(operation, chance)
        if operation.name in {"write", "append"} and number not in flushed
        else operation
        for number, operation in enumerate(done)
        if number < kept or number in covered
    ]


def _last(done: Sequence[Operation], names: set[str]) -> int:
    return max((number + 1 for number, each in enumerate(done) if each.name in names), default=0)


def _cover(done: Sequence[Operation], chance: random.Random) -> set[int]:
    """Name the operations that flushes of single folders and files cover."""
    covered = set()
    for number, each in enumerate(done):
        if each.name == "flush_directory":
            covered |= {n for n in range(number) if each.paths[0] in done[n].folders}
        elif each.name == "flush" and chance.random() < 0.5:
            covered |= {n for n in range(number) if done[n].name == "write" and done[n].paths == each.paths}
    return covered


def _find_flushed(done: Sequence[Operation], whole: int) -> set[int]:
    """Name the operations whose content is on the disk."""
    flushed = set(range(whole))
    for number, each in enumerate(done):
        if each.name == "flush":
            flushed |= {n for n in range(number) if done[n].paths == each.paths}
    return flushed


def _tear(operation: Operation, chance: random.Random) -> Operation:
    size = len(operation.content)
    kept = chance.choice((0, size, chance.randint(0, size)))
    return Operation(
        operation.name, operation.paths, operation.content[:kept], operation.mode, operation.mtime_ns
    )


def replay(operations: Sequence[Operation]) -> None:
    """Do operations again; one whose ground was lost is lost with it."""
    for operation in operations:
        try:
            _do(operation)
        except OSError:
            pass


def _do(operation: Operation) -> None:
    path = operation.paths[-1]
    match operation.name:
        case "write":
            with open(path, "wb") as file:
                file.write(operation.content)
            os.chmod(path, operation.mode)
            os.utime(path, ns=(operation.mtime_ns, operation.mtime_ns))
        case "append":
            with open(path, "ab") as file:
                file.write(operation.content)
        case "make_directory":
            os.mkdir(path)
            os.chmod(path, operation.mode)
        case "symlink":
            os.symlink(os.fsdecode(operation.content), path)
        case "link":
            os.link(operation.paths[0], path, follow_symlinks=False)
        case "rename":
            os.replace(operation.paths[0], path)
        case "rename_new":
            atomic.rename_new(operation.paths[0], path)
        case "exchange":
            atomic.exchange(operation.paths[0], path)
        case "remove":
            os.unlink(path)
        case "remove_directory":
            os.rmdir(path)
        case "set_mode":
            os.chmod(path, operation.mode)
        case "set_mtime":
            os.utime(path, ns=(operation.mtime_ns, operation.mtime_ns))
        case _:  # a flush changes nothing that can be seen
            pass


# --- trials --------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """A power cut: ``share`` says after which part of the operations."""

    scenario: str
    model: str
    share: float
    seed: int

    def __str__(self) -> str:
        return f"{self.scenario:9s} {self.model:7s} cut at {self.share:6.1%} seed {self.seed}"


@dataclass(frozen=True)
class Bench:
    """What one process works with."""

    stand: Stand
    scenarios: Mapping[str, Scenario]
    recorded: Mapping[str, Sequence[Operation]]


def begin(place: str, url: str) -> Bench:
    """Prepare and record every scenario."""
    stand = Stand(os.path.join(place, f"worker-{os.getpid()}"), url)
    scenarios = {name: prepare(stand, name) for name in BEGINNINGS}
    return Bench(stand, scenarios, {name: record_run(stand, each) for name, each in scenarios.items()})


def attempt(bench: Bench, trial: Trial) -> str:
    """Do one trial; says what was there: ``old`` or ``new``."""
    scenario, operations = bench.scenarios[trial.scenario], bench.recorded[trial.scenario]
    cut = min(int(trial.share * (len(operations) + 1)), len(operations))
    scenario.snapshot.put_back(bench.stand.root)
    replay(survive(operations, cut, trial.model, random.Random(trial.seed)))
    make_inodes_known(bench.stand.cache)
    return judge(bench.stand, scenario)


def list_trials(count: int, seed: int) -> list[Trial]:
    """Spread the cuts over the operations of every scenario, in both models; half of them over the last part."""
    chance = random.Random(seed)
    names = list(BEGINNINGS)
    trials = []
    for number in range(count):
        share = chance.random() if number % 2 else 1 - chance.random() ** 2 / 3
        model = ORDERED if chance.random() < 0.5 else LOGGED
        trials.append(Trial(names[number // 2 % len(names)], model, share, chance.getrandbits(32)))
    return trials


def main() -> int:
    parser = make_parser(__doc__, count=200)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    began = time.monotonic()
    warm()
    failures, outcomes = 0, {"old": 0, "new": 0}
    with scratch("power") as place:
        wheels = os.path.join(place, "wheels")
        publish(wheels, NAMES)
        with served(wheels) as url:
            trials = list_trials(options.count, options.seed)
            for trial, outcome, failure in spread(
                trials, lambda: begin(place, url), attempt, jobs=options.jobs
            ):
                if failure:
                    failures += 1
                    print(f"{trial} FAILED: {failure}", flush=True)
                else:
                    outcomes[outcome] += 1
    figure = Figure(
        name="power",
        what="a command replayed without writes that were not flushed",
        command=f"tests/torture/power.py --count {options.count} --seed {options.seed}",
        trials=options.count,
        failures=failures,
        seed=options.seed,
        seconds=tell_time(began),
    )
    summary = (
        f"trials {options.count}, failures {failures}, old {outcomes['old']}, new {outcomes['new']}, "
        f"seed {options.seed}, {tell_time(began)} s"
    )
    return conclude(figure, summary, recorded=options.record)


if __name__ == "__main__":
    sys.exit(main())
