"""Kill envctl with SIGKILL during installs, upgrades and rollbacks, and look at what is left.

Each trial runs one command on an environment of 24 packages served from a loopback index, kills it
at a moment of its measured duration (spread evenly, with a seeded jitter), and then demands:

- the environment holds one version of everything, complete: every module imports;
- ``plan --verify hash`` names no drift but what is pending;
- after a plain re-run the lock and the environment agree, and there is nothing to do.

    python tests/torture/kill.py --trials 50 --seed 1

Prints one line a trial and a summary; exit 1 when any trial failed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass, field

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.server import IndexServer
from support.wheels import make_wheel
from torture.figures import Figure, record

PACKAGES = [f"part{number:02d}" for number in range(24)]
FILES = 85  # so many in all that two processes lay them
KINDS = ("install", "upgrade", "rollback")
IMPORTS = (
    "import importlib, json; names = " + repr(PACKAGES) + "\n"
    "print(json.dumps(sorted({importlib.import_module(f'{n}.m{i}').VERSION for n in names "
    f"for i in range({FILES})" + "})))"
)


@dataclass
class Bench:
    """One project folder, its cache and the index it is served from."""

    folder: str
    url: str
    durations: dict[str, float] = field(default_factory=dict)

    @property
    def venv(self) -> str:
        return os.path.join(self.folder, ".venv")

    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_", "ENVCTL_"))}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        return kept | {"ENVCTL_CACHE_DIR": os.path.join(self.folder, "cache"), "CI": "1"}

    def declare(self, version: int) -> None:
        lines = [
            'python = ">=3.11"',
            f"dependencies = {json.dumps([f'{name}=={version}' for name in PACKAGES])}",
            f'[[index]]\nname = "local"\nurl = "{self.url}"',
        ]
        with open(os.path.join(self.folder, "env.toml"), "w") as file:
            file.write("\n".join(lines) + "\n")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "envctl", *arguments],
            cwd=self.folder,
            env=self.environ(),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def must(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self.run(*arguments)
        if done.returncode:
            raise AssertionError(
                f"`{' '.join(arguments)}` exited {done.returncode}: {done.stderr}{done.stdout}"
            )
        return done

    def prepare(self, kind: str) -> tuple[list[str], int, int | None]:
        """Bring the project to where ``kind`` begins; give the command, and the versions after and before."""
        for path in (self.venv, self.venv + ".envctl"):
            shutil.rmtree(path, ignore_errors=True)
        lock = os.path.join(self.folder, "pylock.toml")
        if os.path.exists(lock):
            os.unlink(lock)
        self.declare(1)
        if kind == "install":
            return ["apply"], 1, None
        self.must("apply", "-q")
        self.declare(2)
        if kind == "upgrade":
            return ["apply"], 2, 1
        self.must("apply", "-q")
        return ["rollback"], 1, 2

    def versions(self) -> list[str]:
        """Import every module; give the set of versions seen."""
        done = subprocess.run(
            [os.path.join(self.venv, "bin/python"), "-I", "-c", IMPORTS], capture_output=True, text=True
        )
        if done.returncode:
            raise AssertionError(f"imports failed: {done.stderr.strip().splitlines()[-1]}")
        found: list[str] = json.loads(done.stdout)
        return found

    def locked_versions(self) -> list[str]:
        with open(os.path.join(self.folder, "pylock.toml"), "rb") as file:
            return sorted({package["version"] for package in tomllib.load(file)["packages"]})

    def judge(self, kind: str, after: int, before: int | None) -> str:
        """Demand what the module says; give ``old`` or ``new``."""
        if not os.path.lexists(self.venv):
            if before is not None:
                raise AssertionError("the environment is gone")
            state = "old"
        else:
            versions = self.versions()
            if versions not in ([str(after)], [str(before)]):
                raise AssertionError(f"a mixture: versions {versions}")
            state = "new" if versions == [str(after)] else "old"
            document = json.loads(self.run("plan", "--verify", "hash", "--json").stdout)
            if document.get("kind") != "envctl.plan":
                raise AssertionError(f"plan failed: {document}")
            if document["drift"]:
                raise AssertionError(f"drift: {document['drift'][:3]}")
        self.must("apply", "-q")
        wanted = ["2"] if kind in {"upgrade", "rollback"} else ["1"]
        if self.versions() != wanted or self.locked_versions() != wanted:
            raise AssertionError(f"after a re-run: {self.versions()}, lock {self.locked_versions()}")
        again = self.run("plan", "--detailed-exitcode", "--verify", "hash")
        if again.returncode:
            raise AssertionError(
                f"after a re-run plan exits {again.returncode}: {again.stdout}{again.stderr}"
            )
        return state

    def staged(self) -> bool:
        state = self.venv + ".envctl"
        staging = os.path.join(state, "staging")
        return (
            (os.path.isdir(staging) and bool(os.listdir(staging)))
            or os.path.exists(os.path.join(state, "journal"))
            or bool(
                os.path.isdir(os.path.join(state, "generations"))
                and os.listdir(os.path.join(state, "generations"))
            )
        )


def measure(bench: Bench, kind: str) -> float:
    """Measure how long an undisturbed run takes: the best of three, in seconds, or most would be over."""
    times = []
    for _ in range(3):
        command, _, _ = bench.prepare(kind)
        start = time.perf_counter()
        bench.must(*command)
        times.append(time.perf_counter() - start)
    return min(times)


def trial(bench: Bench, kind: str, delay: float) -> tuple[str, bool]:
    """Run one command, kill it after ``delay`` seconds, judge; give the outcome and whether it had staged."""
    command, after, before = bench.prepare(kind)
    process = subprocess.Popen(
        [sys.executable, "-m", "envctl", *command],
        cwd=bench.folder,
        env=bench.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(timeout=delay)
        ended = True
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        ended = False
    staged = not ended and bench.staged()
    state = bench.judge(kind, after, before)
    return f"{state}{' (had ended)' if ended else ''}", staged


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the folder of the trials")
    parser.add_argument("--record", action="store_true", help="write the figures into the documentation")
    options = parser.parse_args()
    began = time.monotonic()
    chance = random.Random(options.seed)
    place = tempfile.mkdtemp(prefix="envctl-kill-")
    wheels = os.path.join(place, "wheels")
    for name in PACKAGES:
        for version in ("1", "2"):
            files = {f"{name}/__init__.py": ""}
            files |= {
                f"{name}/m{i}.py": f"VERSION = {version!r}\nPAD = {'x' * 400!r}\n" for i in range(FILES)
            }
            make_wheel(wheels, name, version, files=files, scripts={name: f"{name}.m0:print"})
    failures = staged_count = 0
    with IndexServer(wheels) as server:
        folder = os.path.join(place, "project")
        os.mkdir(folder)
        bench = Bench(folder, server.url)
        for kind in KINDS:
            bench.durations[kind] = measure(bench, kind)
            print(f"{kind}: {bench.durations[kind] * 1000:.0f} ms undisturbed", flush=True)
        rounds = -(-options.trials // len(KINDS))
        for number in range(options.trials):
            kind = KINDS[number % len(KINDS)]
            share = (number // len(KINDS) + chance.random()) / rounds
            delay = bench.durations[kind] * share
            try:
                outcome, staged = trial(bench, kind, delay)
                staged_count += staged
            except (AssertionError, subprocess.SubprocessError, OSError, ValueError) as error:
                outcome, staged, failures = f"FAILED: {error}", False, failures + 1
            print(
                f"{number:4d} {kind:9s} killed at {share:5.1%}{' staged' if staged else '':8s} {outcome}",
                flush=True,
            )
    print(
        f"trials {options.trials}, failures {failures}, killed after staging began {staged_count}, seed {options.seed}"
    )
    if options.record:
        record(
            Figure(
                name="kill",
                what="an install, upgrade or rollback killed at a random moment",
                command=f"tests/torture/kill.py --trials {options.trials} --seed {options.seed}",
                trials=options.trials,
                failures=failures,
                seed=options.seed,
                seconds=round(time.monotonic() - began),
            )
        )
    if not options.keep:
        shutil.rmtree(place, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
