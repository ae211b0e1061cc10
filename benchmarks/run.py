"""Time envctl beside uv and pip on a recorded index: interleaved whole processes, printed as ratios.

    python benchmarks/mirror.py record ROOT &        # once: then run with --record URL to fill it
    python benchmarks/run.py --mirror ROOT
    python benchmarks/run.py --mirror ROOT --workloads small,medium --cases apply-warm,plan-noop --runs 7

A case is a command a tool runs and what must be true before it, which is made so untimed before each
run. The tools of a case run in turn (A B C A B C …), so that a drift of the machine's speed hits all
alike; a ratio is the median of the ratios of each round. Only ratios mean anything elsewhere. Nothing
here passes or fails.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mirror import Served

HERE = os.path.dirname(os.path.abspath(__file__))
CHANGED = "idna==3.10"

#: The grids of `lock-targets`; the first is held against the others.
PLATFORMS = ("linux-x86_64", "macos-arm64", "windows-x86_64")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
TARGETS = {
    "envctl": (PLATFORMS, PYTHONS),
    "six targets": (PLATFORMS, PYTHONS[:2]),
    "one target": (PLATFORMS[:1], PYTHONS[:1]),
}

#: What has files for one platform only.
ONE_PLATFORM = ("xgboost-cpu",)


@dataclass(frozen=True)
class Side:
    """One tool in one case: its command, where it runs, and what is made true before, untimed.

    ``rounds`` limits how often it runs: what takes a minute need not take its turn each time.
    """

    tool: str
    command: list[str]
    prepare: Callable[[], None]
    folder: str
    rounds: int | None = None


@dataclass
class Times:
    """Wall seconds of one side, one a round, and the largest resident set seen, in MB."""

    wall: list[float] = field(default_factory=list)
    peak: float = 0.0


def remove(*paths: str) -> None:
    for path in paths:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)


class Workload:
    """One workload's folders, manifests and pins, below the working folder."""

    def __init__(self, name: str, work: str, url: str, python: str) -> None:
        self.name = name
        self.python = python
        self.work = os.path.join(work, name)
        self.project = os.path.join(self.work, "project")
        self.uv_folder = os.path.join(self.work, "uv")
        self.caches = {tool: os.path.join(self.work, f"cache-{tool}") for tool in ("envctl", "uv", "pip")}
        self.requirements = os.path.join(HERE, "workloads", f"{name}.txt")
        self.imports = os.path.join(HERE, "workloads", f"{name}.import.py")
        kept = {
            key: value for key, value in os.environ.items() if key in {"LANG", "LC_ALL", "TERM", "TMPDIR"}
        }
        # Bytecode is part of what is measured: PYTHONDONTWRITEBYTECODE must not leak in.
        self.environ = kept | {
            "PATH": os.defpath,
            "HOME": os.path.join(self.work, "home"),
            "NO_COLOR": "1",
            "ENVCTL_CACHE_DIR": self.caches["envctl"],
            "UV_CACHE_DIR": self.caches["uv"], "UV_NO_CONFIG": "1", "UV_DEFAULT_INDEX": url,
            "UV_PYTHON": python, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "UV_LINK_MODE": "hardlink",
            "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": url, "PIP_CACHE_DIR": self.caches["pip"],
            "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_PROGRESS_BAR": "off",
        }  # fmt: skip
        for folder in (self.project, self.uv_folder, self.environ["HOME"]):
            os.makedirs(folder, exist_ok=True)
        self.url = url
        self.declare()
        self.log = os.path.join(self.work, "output.log")

    @property
    def venv(self) -> str:
        return os.path.join(self.project, ".venv")

    @property
    def lock(self) -> str:
        return os.path.join(self.project, "pylock.toml")

    @property
    def uv_venv(self) -> str:
        return os.path.join(self.uv_folder, ".venv")

    @property
    def pip_venv(self) -> str:
        return os.path.join(self.uv_folder, ".venv-pip")

    @property
    def pins(self) -> str:
        return os.path.join(self.uv_folder, "pins.txt")

    def wanted(self) -> list[str]:
        with open(self.requirements) as file:
            lines = [line.split("#")[0].strip() for line in file]
        return [line for line in lines if line]

    def declare(self, *more: str) -> None:
        """Write the manifest, perhaps with constraints."""
        text = (
            f"python = {json.dumps(self.python)}\ndependencies = {json.dumps(self.wanted(), indent=4)}\n"
            f'[[index]]\nname = "mirror"\nurl = "{self.url}"\n'
        )
        if more:
            text += f"[lock]\nconstraints = {json.dumps(more)}\n"
        with open(os.path.join(self.project, "env.toml"), "w") as file:
            file.write(text)

    def declare_targets(self, folder: str, platforms: Sequence[str], pythons: Sequence[str]) -> None:
        """Write a manifest whose lock covers these platforms and Pythons."""
        wanted = [line for line in self.wanted() if line not in ONE_PLATFORM]
        text = (
            f'dependencies = {json.dumps(wanted)}\n[[index]]\nname = "mirror"\nurl = "{self.url}"\n'
            f"[lock]\ntargets = {json.dumps(platforms)}\npython = {json.dumps(pythons)}\n"
        )
        with open(os.path.join(folder, "env.toml"), "w") as file:
            file.write(text)

    def call(self, command: list[str], folder: str) -> None:
        """An untimed step that must succeed."""
        done = subprocess.run(
            command, cwd=folder, env=self.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"exit {done.returncode}: {' '.join(command)}\n{done.stdout}{done.stderr}")

    def once(self, side: Side) -> tuple[float, float]:
        """Run one side; give wall seconds and peak resident MB."""
        side.prepare()
        os.sync()
        with open(self.log, "ab") as log:
            start = time.perf_counter()
            child = subprocess.Popen(
                side.command,
                cwd=side.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError(f"exit {child.returncode}: {' '.join(side.command)} (see {self.log})")
        return wall, usage.ru_maxrss / 1024


class Cases:
    """The sides of each case of one workload."""

    def __init__(self, load: Workload, tools: dict[str, str], *, pip_rounds: int) -> None:
        self.load = load
        self.envctl, self.uv, self.pip = tools["envctl"], tools["uv"], tools["pip"]
        self.pip_rounds = pip_rounds

    # -- states that cases begin from

    def ready(self) -> None:
        """Lock and pins are there, and both caches are warm, bytecode included."""
        load = self.load
        if not os.path.exists(load.pins):
            self._uv_compile(load.pins)
        load.declare()
        if not os.path.exists(load.lock):
            load.call([self.envctl, "lock", "-q"], load.project)
        self._compile_all()
        self.fresh_uv()
        load.call(self._uv_sync(load.pins), load.uv_folder)

    def _compile_all(self) -> None:
        """Have all bytecode in the store: it is laid, and compiled where an apply has to lay anything."""
        remove(self.load.venv, self.load.venv + ".envctl")
        command = ["/usr/bin/env", "ENVCTL_COMPILE=true", self.envctl, "apply", "-q"]
        self.load.call(command, self.load.project)

    def fresh_uv(self) -> None:
        remove(self.load.uv_venv)
        self.load.call(self._uv_make(), self.load.uv_folder)

    def _uv_make(self) -> list[str]:
        return [self.uv, "venv", "-q", "-p", self.load.python, self.load.uv_venv]

    def _after_venv(self, command: list[str]) -> list[str]:
        first, then = (" ".join(f"'{word}'" for word in each) for each in (self._uv_make(), command))
        return ["/bin/sh", "-c", f"{first} && exec {then}"]

    def no_envctl(self) -> None:
        remove(self.load.venv, self.load.venv + ".envctl")

    def _uv_compile(self, output: str, *more: str) -> None:
        self.load.call([*self._compile(output), *more], self.load.uv_folder)

    def _compile(self, output: str) -> list[str]:
        return [
            self.uv, "pip", "compile", "-q", "--no-header", "--no-annotate", "--only-binary", ":all:",
            "--generate-hashes", "-p", self.load.python, self.load.requirements, "-o", output,
        ]  # fmt: skip

    def _uv_sync(self, pins: str, *more: str) -> list[str]:
        python = os.path.join(self.load.uv_venv, "bin/python")
        return [self.uv, "pip", "sync", "-q", "-p", python, "--no-build", "--require-hashes", *more, pins]

    # -- pip, which takes its turn less often

    def _pip(self, command: list[str], prepare: Callable[[], None]) -> list[Side]:
        python = os.path.join(self.load.pip_venv, "bin/python")
        whole = [self.pip, "--python", python, "-q", *command]
        return [Side("pip", whole, prepare, self.load.uv_folder, self.pip_rounds)] if self.pip_rounds else []

    def _pip_lock(self, prepare: Callable[[str], None]) -> list[Side]:
        output = os.path.join(self.load.uv_folder, "pylock.pip.toml")
        command = ["lock", "--only-binary", ":all:", "-r", self.load.requirements, "-o", output]

        def ready() -> None:
            if not os.path.exists(self.load.pip_venv):
                self.fresh_pip()
            prepare(output)

        return self._pip(command, ready)

    def _pip_install(self, pins: str, prepare: Callable[[], None]) -> list[Side]:
        options = ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
        return self._pip(["install", *options, "-r", pins], prepare)

    def fresh_pip(self) -> None:
        remove(self.load.pip_venv)
        self.load.call(
            [self.uv, "venv", "-q", "-p", self.load.python, self.load.pip_venv], self.load.uv_folder
        )

    def filled_pip(self) -> None:
        self.fresh_pip()
        python = os.path.join(self.load.pip_venv, "bin/python")
        command = [self.uv, "pip", "sync", "-q", "-p", python, "--no-build", "--require-hashes"]
        self.load.call([*command, self.load.pins], self.load.uv_folder)

    # -- the cases

    def lock_cold(self) -> list[Side]:
        load, output = self.load, os.path.join(self.load.uv_folder, "cold.txt")
        return [
            Side(
                "envctl",
                [self.envctl, "lock", "-q"],
                lambda: remove(load.lock, load.caches["envctl"]),
                load.project,
            ),
            Side("uv", self._compile(output), lambda: remove(output, load.caches["uv"]), load.uv_folder),
            *self._pip_lock(lambda made: remove(made, load.caches["pip"])),
        ]

    def lock_warm(self) -> list[Side]:
        load, output = self.load, os.path.join(self.load.uv_folder, "warm.txt")
        return [
            Side("envctl", [self.envctl, "lock", "-q"], lambda: remove(load.lock), load.project),
            Side("uv", self._compile(output), lambda: remove(output), load.uv_folder),
            *self._pip_lock(remove),
        ]

    def lock_resolve(self) -> list[Side]:
        """The same, where envctl does not know the lock that it made."""
        load, output = self.load, os.path.join(self.load.uv_folder, "warm.txt")
        return [
            Side(
                "envctl", [self.envctl, "lock", "-q"], lambda: remove(load.lock, self._kept()), load.project
            ),
            Side("uv", self._compile(output), lambda: remove(output), load.uv_folder),
        ]

    def _kept(self) -> str:
        """Say where envctl keeps the locks that it made."""
        return os.path.join(self.load.caches["envctl"], "locks-made-v1")

    def lock_noop(self) -> list[Side]:
        load = self.load
        return [
            Side("envctl", [self.envctl, "lock", "-q"], lambda: None, load.project),
            Side("uv", self._compile(load.pins), lambda: None, load.uv_folder),
            *self._pip_lock(lambda _: None),
        ]

    def lock_edit(self) -> list[Side]:
        """A requirement has changed that moves nothing: the whole way, with the lock of before."""
        load, edits = self.load, itertools.count()

        def edit() -> None:
            load.declare(f"idna>=2,!=0.{next(edits)}")

        return [
            Side("envctl", [self.envctl, "lock", "-q"], edit, load.project),
            Side("uv", self._compile(load.pins), lambda: None, load.uv_folder),
        ]

    def lock_targets(self) -> list[Side]:
        """Twelve targets beside six and one, from warm caches."""
        sides = []
        for name, (platforms, pythons) in TARGETS.items():
            folder = f"{self.load.project}-{len(platforms) * len(pythons)}"
            lock = os.path.join(folder, "pylock.toml")
            os.makedirs(folder, exist_ok=True)
            self.load.declare_targets(folder, platforms, pythons)
            sides.append(
                Side(name, [self.envctl, "lock", "-q"], functools.partial(remove, lock, self._kept()), folder)
            )
        return sides

    def apply_cold(self) -> list[Side]:
        load = self.load

        def envctl_cold() -> None:
            self.no_envctl()
            remove(load.caches["envctl"])

        def uv_cold() -> None:
            remove(load.caches["uv"])
            self.fresh_uv()

        def pip_cold() -> None:
            remove(load.caches["pip"])
            self.fresh_pip()

        return [
            Side("envctl", [self.envctl, "apply", "-q"], envctl_cold, load.project),
            Side("uv", self._uv_sync(load.pins), uv_cold, load.uv_folder),
            *self._pip_install(load.pins, pip_cold),
        ]

    def apply_warm(self) -> list[Side]:
        load = self.load
        return [
            Side("envctl", [self.envctl, "apply", "-q"], self.no_envctl, load.project),
            Side("uv", self._uv_sync(load.pins), self.fresh_uv, load.uv_folder),
            Side(
                "uv +venv",
                self._after_venv(self._uv_sync(load.pins)),
                lambda: remove(load.uv_venv),
                load.uv_folder,
            ),
            Side("uv +pyc", self._uv_sync(load.pins, "--compile-bytecode"), self.fresh_uv, load.uv_folder),
            *self._pip_install(load.pins, self.fresh_pip),
        ]

    def apply_import(self) -> list[Side]:
        load = self.load

        def then_import(command: list[str], venv: str) -> list[str]:
            quoted = " ".join(f"'{word}'" for word in command)
            return ["/bin/sh", "-c", f"{quoted} && exec '{venv}/bin/python' '{load.imports}'"]

        return [
            Side(
                "envctl", then_import([self.envctl, "apply", "-q"], load.venv), self.no_envctl, load.project
            ),
            Side("uv", then_import(self._uv_sync(load.pins), load.uv_venv), self.fresh_uv, load.uv_folder),
        ]

    def plan_noop(self) -> list[Side]:
        load = self.load
        load.call([self.envctl, "apply", "-q"], load.project)
        load.call(self._uv_sync(load.pins), load.uv_folder)
        return [
            Side("envctl", [self.envctl, "plan", "-q"], lambda: None, load.project),
            Side("uv", self._uv_sync(load.pins), lambda: None, load.uv_folder),
            *self._pip_install(load.pins, self.filled_pip),
        ]

    def change_one(self) -> list[Side]:
        load = self.load
        changed = os.path.join(load.uv_folder, "changed.txt")
        constraint = os.path.join(load.uv_folder, "constraint.txt")
        with open(constraint, "w") as file:
            file.write(CHANGED + "\n")
        if not os.path.exists(changed):
            self._uv_compile(changed, "-c", constraint)
        kept = {}
        for name, more in (("before", ()), ("after", (CHANGED,))):
            self.lock_for(*more)
            with open(load.lock, "rb") as file:
                kept[name] = (more, file.read())
        self._warm_changed(changed)

        def put(name: str) -> None:
            more, text = kept[name]
            load.declare(*more)
            with open(load.lock, "wb") as file:
                file.write(text)

        def envctl_before() -> None:
            put("before")
            load.call([self.envctl, "apply", "-q"], load.project)
            put("after")
            self.settle()

        return [
            Side("envctl", [self.envctl, "apply", "-q"], envctl_before, load.project),
            Side(
                "uv",
                self._uv_sync(changed),
                lambda: load.call(self._uv_sync(load.pins), load.uv_folder),
                load.uv_folder,
            ),
            *self._pip_install(changed, self.filled_pip),
        ]

    def _warm_changed(self, changed: str) -> None:
        self._compile_all()
        self.load.call(self._uv_sync(changed), self.load.uv_folder)

    def rollback(self) -> list[Side]:
        load = self.load

        def forward() -> None:
            for more in ((), (CHANGED,)):
                self.lock_for(*more)
                load.call([self.envctl, "apply", "-q"], load.project)
            self.settle()

        return [Side("envctl", [self.envctl, "rollback", "-q"], forward, load.project)]

    def settle(self) -> None:
        """Wait until nothing is deleted in the background any more."""
        trash = os.path.join(self.load.venv + ".envctl", "trash")
        while os.path.isdir(trash) and os.listdir(trash):
            time.sleep(0.02)

    def lock_for(self, *more: str) -> None:
        """Lock anew, keeping nothing: what is locked would stay where it fits."""
        self.load.declare(*more)
        self.load.call([self.envctl, "lock", "-q", "--upgrade"], self.load.project)

    def finish(self) -> None:
        """Bring manifest and caches back to what the other cases begin from."""
        self.lock_for()
        self._compile_all()


NAMES = {
    "lock-cold": Cases.lock_cold,
    "lock-warm": Cases.lock_warm,
    "lock-resolve": Cases.lock_resolve,
    "lock-noop": Cases.lock_noop,
    "lock-edit": Cases.lock_edit,
    "lock-targets": Cases.lock_targets,
    "apply-cold": Cases.apply_cold,
    "apply-warm": Cases.apply_warm,
    "apply-import": Cases.apply_import,
    "plan-noop": Cases.plan_noop,
    "change-one": Cases.change_one,
    "rollback": Cases.rollback,
}


def measure(load: Workload, sides: list[Side], runs: int) -> dict[str, Times]:
    """One round to warm up, then ``runs`` rounds; the tools take turns."""
    times = {side.tool: Times() for side in sides}
    for number in range(-1, runs):
        for side in sides:
            if side.rounds is not None and not 0 <= number < side.rounds:
                continue
            wall, peak = load.once(side)
            if number >= 0:
                times[side.tool].wall.append(wall)
                times[side.tool].peak = max(times[side.tool].peak, peak)
    return times


def row(name: str, load: Workload, times: dict[str, Times]) -> str:
    """One line of the table: medians, and envctl as a multiple of each other tool."""
    ours = times["envctl"].wall
    shown = [f"{tool} {statistics.median(each.wall):.3f}" for tool, each in times.items()]
    ratios = [
        f"{statistics.median(a / b for a, b in zip(ours, each.wall, strict=False)):.2f} of {tool}"
        for tool, each in times.items()
        if tool != "envctl"
    ]
    return f"| {name} | {load.name} | {' / '.join(shown)} | {', '.join(ratios) or 'alone'} | {times['envctl'].peak:.0f} |"


def main() -> None:
    beside = os.path.dirname(sys.executable)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mirror", required=True, help="the folder of a recorded mirror")
    parser.add_argument(
        "--record", action="store_true", help="record what is missing in the mirror, time nothing"
    )
    parser.add_argument("--workloads", default="small,medium,large")
    parser.add_argument("--cases", default=",".join(NAMES))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pip-rounds", type=int, default=1, help="in how many rounds pip takes its turn")
    parser.add_argument("--work", help="folder for caches and environments (default: a temporary one)")
    parser.add_argument("--python", default=os.path.realpath(sys.executable))
    parser.add_argument("--envctl", default=os.path.join(beside, "envctl"))
    parser.add_argument("--uv", default=os.path.join(beside, "uv"))
    parser.add_argument("--pip", default=os.path.join(beside, "pip"))
    options = parser.parse_args()
    work = options.work or tempfile.mkdtemp(prefix="envctl-bench-")
    tools = {"envctl": options.envctl, "uv": options.uv, "pip": options.pip}
    with Served(options.mirror, recording=options.record) as served:
        print(
            f"CPython {platform.python_version()}, {os.cpu_count()} cores, {options.runs} rounds; wall seconds, medians\n"
        )
        print("| case | workload | seconds | envctl is | peak MB |\n|---|---|---|---|---|", flush=True)
        for name in options.workloads.split(","):
            load = Workload(name, work, served.url, options.python)
            cases = Cases(load, tools, pip_rounds=options.pip_rounds)
            cases.ready()
            if options.record:
                load.declare(CHANGED)
                load.call([options.envctl, "apply", "-q"], load.project)
                for side in cases.lock_targets():
                    side.prepare()
                    load.call(side.command, side.folder)
                continue
            for case in options.cases.split(","):
                print(row(case, load, measure(load, NAMES[case](cases), options.runs)), flush=True)
                cases.finish()
    if not options.work:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
