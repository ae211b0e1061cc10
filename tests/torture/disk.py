"""Run envctl on disks that are full, have no inodes left, or may not be written.

Each trial mounts a small file system (tmpfs, or ext4 in an image) under the whole project with its cache,
under the project alone, or under the cache alone; leaves so much room on it, or so many inodes; and runs a
command. Then it demands

- what `stand.judge` demands of an operation that fails: the old environment is whole, or the new one is,
  the exit code says which, in one clear sentence and without a traceback;
- that room is estimated rightly: what would not fit is refused before anything is staged (exit 1, never 6),
  and what fits with 2 MB and 100 inodes to spare is done;
- that commands which only look work on a full disk, and that once there is room, a plain re-run reaches the
  goal.

(On tmpfs every link takes an inode, which no file system on a disk does and nothing tells.) The same for a file system that is read-only, and for files and folders that a user who is not root may not
write. Quotas are an error of the calls that write (EDQUOT), which `faults.py` gives to each of them.

    python tests/torture/disk.py --count 40 --seed 1        # sizes for each file system, layout and command

Needs root on Linux: it mounts in a namespace of its own. Prints each failure and a summary; exit 1 when there
was one.
"""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from torture.figures import Figure, conclude, make_parser
from torture.stand import (
    BEGINNINGS,
    NAMES,
    Ended,
    Failed,
    Scenario,
    Stand,
    Started,
    empty,
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

_SIZE = 48 << 20
_INODES = 4000
#: Random bytes in each package, so that sizes say something.
_BALLAST = 700_000
KINDS = ("tmpfs", "ext4")
#: What lies on the small file system.
LAYOUTS = ("all", "project", "cache")
COMMANDS = ("install", "change", "upgrade", "rollback", "destroy", "lock")
ROOM, INODES, READ_ONLY, PERMISSION = "room", "inodes", "read-only", "permission"
#: Beyond what a command was seen to take, in bytes and inodes: who has so much more is not refused.
_MARGIN = 2 << 20
_SPARE_INODES = 100
_ENOUGH = 1.3
_NOBODY = 65534
_CLEAR = re.compile(
    r"no space|no room|enough room|are free|read-only|not writable|permi|belongs|trusted|denied",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Trial:
    """One command; ``share`` says how much is left, where that matters: see `_choose`."""

    limit: str
    kind: str
    layout: str
    command: str
    share: float = 0.0

    def __str__(self) -> str:
        return f"{self.limit:10s} {self.kind:14s} {self.layout:7s} {self.command:8s} {self.share:7.1%}"


# --- the small file system ---------------------------------------------------------


class Disk:
    """A small file system mounted at ``place``, with a file and a folder that take its room."""

    def __init__(self, kind: str, place: str, image: str) -> None:
        self.place = place
        os.makedirs(place, exist_ok=True)
        if kind == "tmpfs":
            _call("mount", "-t", "tmpfs", "-o", f"size={_SIZE},nr_inodes={_INODES},mode=755", "tmpfs", place)
        else:
            with open(image, "wb") as file:
                file.truncate(_SIZE)
            _call("mkfs.ext4", "-q", "-m", "0", "-N", str(_INODES), image)
            _call("mount", "-o", "loop", image, place)

    def unmount(self) -> None:
        _call("umount", self.place)

    def used(self) -> tuple[int, int]:
        """Tell the bytes and the inodes in use."""
        status = os.statvfs(self.place)
        return (status.f_blocks - status.f_bfree) * status.f_frsize, status.f_files - status.f_ffree

    @contextmanager
    def leave(self, room: int) -> Iterator[None]:
        """Leave so many bytes, for a while."""
        ballast = os.path.join(self.place, ".ballast")
        status = os.statvfs(self.place)
        descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            taken = max(0, status.f_bavail * status.f_frsize - room)
            while taken > 0 and not _take(descriptor, taken):
                taken -= 16 << 10  # what the file system needs to remember where it is
            yield
        finally:
            os.close(descriptor)
            os.unlink(ballast)

    @contextmanager
    def leave_inodes(self, count: int) -> Iterator[None]:
        """Leave so many inodes, for a while."""
        folder = os.path.join(self.place, ".ballast")
        os.mkdir(folder)
        try:
            for number in range(os.statvfs(self.place).f_favail - count):
                os.close(os.open(os.path.join(folder, str(number)), os.O_CREAT | os.O_WRONLY, 0o600))
            yield
        finally:
            shutil.rmtree(folder)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Let nothing be written, for a while."""
        _call("mount", "-o", "remount,ro", self.place)
        try:
            yield
        finally:
            _call("mount", "-o", "remount,rw", self.place)


def _take(descriptor: int, size: int) -> bool:
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    return True


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


# --- a user who is not root --------------------------------------------------------


class Nobodys(Stand):
    """A project of a user who is not root: commands are processes of theirs, who may read everything."""

    def start(
        self, *arguments: str, before: Callable[[], None] | None = None, terminal: int | None = None
    ) -> Started:
        os.makedirs(os.path.join(self.root, "tmp"), exist_ok=True)
        out, err = os.memfd_create("out"), os.memfd_create("err")
        command = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
        # The checkout may lie where others cannot look.
        command += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        command += [sys.executable, "-m", "envctl", "-C", self.project, *arguments]
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, out, 1),
            (os.POSIX_SPAWN_DUP2, err, 2),
        ]
        return Started(
            os.posix_spawnp("setpriv", command, self.variables(), file_actions=actions, setsid=True), out, err
        )


def _give(path: str, user: int) -> None:
    for parent, folders, files in os.walk(path):
        for name in (".", *folders, *files):
            os.chown(os.path.join(parent, name), user, user, follow_symlinks=False)


def _set_mode(path: str, mode: int) -> Callable[[], None]:
    before = os.stat(path).st_mode & 0o7777
    os.chmod(path, mode)

    def undo() -> None:
        if os.path.exists(path):
            os.chmod(path, before)

    return undo


#: What a user may not do, by name: done to a stand, it gives back what undoes it.
_FORBIDDEN: Mapping[str, Callable[[Stand], Callable[[], None]]] = {
    "project": lambda stand: _set_mode(stand.project, 0o555),
    "environment": lambda stand: _set_mode(stand.venv, 0o555),
    "state": lambda stand: _set_mode(stand.state, 0o555),
    "staging": lambda stand: _set_mode(os.path.join(stand.state, "staging"), 0o555),
    "generations": lambda stand: _set_mode(os.path.join(stand.state, "generations"), 0o555),
    "lock of runs": lambda stand: _set_mode(os.path.join(stand.state, "lock"), 0o000),
    "cache": lambda stand: _set_mode(stand.cache, 0o555),
    "store": lambda stand: _set_mode(os.path.join(stand.cache, "new"), 0o555),
    "strangers": lambda stand: _give_away(stand.venv),
    "stranger's": lambda stand: _give_away(stand.cache),
}


def _give_away(path: str) -> Callable[[], None]:
    _give(path, 0)
    return lambda: _give(path, _NOBODY)


# --- trials ------------------------------------------------------------------------


@dataclass
class Bench:
    """One process's place, in a mount namespace of its own, with one small file system at a time."""

    place: str
    url: str
    current: tuple[str, str] | None = None
    stand: Stand | None = None
    disk: Disk | None = None
    scenarios: dict[str, Scenario] | None = None
    needs: dict[str, tuple[int, int]] | None = None

    def go_to(self, kind: str, layout: str) -> None:
        """Mount, and prepare every scenario there; how much each takes is measured."""
        if self.current == (kind, layout):
            return
        self.leave()
        root = os.path.join(self.place, "root")
        place = root if layout == "all" else os.path.join(root, layout)
        self.disk = Disk(kind, place, os.path.join(self.place, "image"))
        self.stand = Stand(root, self.url)
        self.scenarios = {name: prepare(self.stand, name) for name in COMMANDS}
        self.needs = {name: self._measure(each) for name, each in self.scenarios.items()}
        self.current = kind, layout

    def _measure(self, scenario: Scenario) -> tuple[int, int]:
        """Measure what a command takes at most while it runs: bytes and inodes."""
        assert self.stand is not None
        assert self.disk is not None
        scenario.snapshot.put_back(self.stand.root)
        before = self.disk.used()
        highest = before
        started = self.stand.start(*scenario.command)
        while os.waitid(os.P_PID, started.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            highest = tuple(map(max, highest, self.disk.used()))  # type: ignore[assignment]
            time.sleep(0.001)
        started.wait()
        highest = tuple(map(max, highest, self.disk.used()))  # type: ignore[assignment]
        return highest[0] - before[0], highest[1] - before[1]

    def leave(self) -> None:
        if self.disk is not None and self.stand is not None:
            self.disk.unmount()
            self.disk = None
            empty(self.stand.root)
            self.current = None


def begin(place: str, url: str) -> Bench:
    """Enter a mount namespace of this process alone."""
    os.unshare(os.CLONE_NEWNS)
    _call("mount", "--make-rprivate", "/")
    own = os.path.join(place, f"worker-{os.getpid()}")
    os.makedirs(own)
    _show_interpreter(os.path.join(own, "python"))
    return Bench(own, url)


def _show_interpreter(place: str) -> None:
    """Let a user who is not root reach an interpreter below root's home folder: here alone, it holds that only."""
    prefix, home = os.path.realpath(sys.base_prefix), "/root"
    if prefix.startswith(f"{home}/") and not os.stat(home).st_mode & 0o001:
        os.mkdir(place)
        _call("mount", "--bind", prefix, place)
        _call("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", home)
        os.makedirs(prefix)
        _call("mount", "--bind", place, prefix)


def attempt(bench: Bench, trial: Trial) -> str:
    """Do one trial; says what was there afterwards."""
    if trial.limit == PERMISSION:
        return _forbid(bench, trial)
    bench.go_to(trial.kind, trial.layout)
    assert bench.stand is not None
    assert bench.disk is not None
    assert bench.scenarios is not None
    assert bench.needs is not None
    stand, scenario = bench.stand, bench.scenarios[trial.command]
    scenario.snapshot.put_back(stand.root)
    need, inodes = bench.needs[trial.command]
    limits = {
        ROOM: lambda disk: disk.leave(_choose(trial.share, need, _MARGIN)),
        INODES: lambda disk: disk.leave_inodes(_choose(trial.share, inodes, _SPARE_INODES)),
        READ_ONLY: lambda disk: disk.read_only(),
    }
    with limits[trial.limit](bench.disk):
        ended = stand.run(*scenario.command)
        _judge_words(ended)
        if ended.code == 6 and _is_estimated(trial):
            raise Failed(f"the estimate is too low: {ended.err}")
        if trial.limit in {ROOM, INODES} and trial.share >= _ENOUGH and ended.code:
            raise Failed(f"the estimate is too high: {ended.err}")
        _look_only(stand)
    return f"{ended.code} {judge(stand, scenario, ended=ended)}"


def _is_estimated(trial: Trial) -> bool:
    """Whether room was to be looked at before: a rollback takes next to none, and on tmpfs links are inodes."""
    return trial.command != "rollback" and (
        trial.limit == ROOM or (trial.limit, trial.kind) == (INODES, "ext4")
    )


def _choose(share: float, need: int, margin: int) -> int:
    """Choose what is left: up to a share of 1 that of what is needed, then more up to the margin at `_ENOUGH`."""
    if share < 1:
        return int(need * share)
    return need + int(margin * (share - 1) / (_ENOUGH - 1))


def _judge_words(ended: Ended) -> None:
    if ended.code and not (ended.errors and _CLEAR.search(ended.err)):
        raise Failed(f"exit {ended.code}, and nobody can tell why: {ended.err}")


def _look_only(stand: Stand) -> None:
    """Commands that only look may find it hard, but have no traceback, and no excuse to change anything."""
    before = look(stand)
    for command in ("status", "plan", "history"):
        ended = stand.run(command)
        if "Traceback" in ended.err or ended.code not in {0, 1}:
            raise Failed(f"`{command}` exits {ended.code}: {ended.err}")
    if look(stand) != before:
        raise Failed("a command that only looks has changed something")


def _forbid(bench: Bench, trial: Trial) -> str:
    """Let a user who is not root run a command where something may not be written."""
    bench.leave()
    root = os.path.join(bench.place, "root")
    os.makedirs(root, exist_ok=True)
    stand = Nobodys(root, bench.url)
    empty(root)
    os.chown(root, _NOBODY, _NOBODY)
    os.mkdir(stand.project)
    os.chown(stand.project, _NOBODY, _NOBODY)
    scenario = prepare(stand, trial.command, lambda _: _begin_as_nobody(stand, trial.command))
    scenario.snapshot.put_back(root)
    _give(root, _NOBODY)
    undo = _FORBIDDEN[trial.kind](stand)
    ended = stand.run(*scenario.command)
    if ended.code:
        _judge_words(ended)
    _look_only(stand)
    undo()
    return f"{ended.code} {judge(stand, scenario, ended=ended)}"


def _begin_as_nobody(stand: Stand, command: str) -> tuple[str, ...]:
    os.chown(stand.project, _NOBODY, _NOBODY)
    return BEGINNINGS[command](stand)


def list_trials(count: int, seed: int) -> list[Trial]:
    """List every trial: ``count`` sizes for each file system and layout, spread evenly with some chance.

    With fewer than four, on ext4 alone, and a third of what may be forbidden.
    """
    chance = random.Random(seed)
    trials = []
    short = count < 4
    for kind in KINDS[1:] if short else KINDS:
        for layout in LAYOUTS:
            for number in range(count):
                command = COMMANDS[number % 3] if number % 8 else COMMANDS[3 + number // 8 % 3]
                share = (number + chance.random()) / count * 1.4
                trials.append(Trial(ROOM, kind, layout, command, share))
            for number in range(max(1, count // 5)):
                share = (number + chance.random()) / max(1, count // 5) * 1.4
                trials.append(Trial(INODES, kind, layout, COMMANDS[number % 3], share))
            trials += [Trial(READ_ONLY, kind, layout, command) for command in COMMANDS[: max(1, count // 6)]]
    trials += [
        Trial(PERMISSION, what, "all", command)
        for what in list(_FORBIDDEN)[:: 3 if short else 1]
        for command in COMMANDS[1 : max(2, count // 8)]
    ]
    return trials


def main() -> int:
    parser = make_parser(__doc__, count=8, counts="sizes for each file system and layout")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="only trials whose line begins with this")
    options = parser.parse_args()
    began = time.monotonic()
    warm()
    failures = 0
    with scratch("disk") as place:
        os.chmod(place, 0o755)
        wheels = os.path.join(place, "wheels")
        publish(wheels, NAMES, ballast=_BALLAST)
        with served(wheels) as url:
            trials = [
                each
                for each in list_trials(options.count, options.seed)
                if str(each).startswith(options.only)
            ]
            for trial, outcome, failure in spread(
                trials, lambda: begin(place, url), attempt, jobs=options.jobs
            ):
                failures += bool(failure)
                print(f"{trial} {f'FAILED: {failure}' if failure else outcome}", flush=True)
    figure = Figure(
        name="disk",
        what="a disk that is full, has no inodes left, or may not be written",
        command=f"tests/torture/disk.py --count {options.count} --seed {options.seed}",
        trials=len(trials),
        failures=failures,
        seed=options.seed,
        seconds=tell_time(began),
    )
    summary = f"trials {len(trials)}, failures {failures}, seed {options.seed}, {tell_time(began)} s"
    return conclude(figure, summary, recorded=options.record)


if __name__ == "__main__":
    sys.exit(main())
