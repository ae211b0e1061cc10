"""Run envctl several times at once, on one environment and on one cache, and read what comes of it.

Each trial draws commands and the moments at which they start from the seed:

- ``one``: on one environment, two manifests that pin everything differently: applies, plans, statuses,
  rollbacks, destroys, locks and upgrades, beside ``cache purge`` and ``cache prune``;
- ``many``: eight projects on one cold cache, some of them on a terminal, so that processes are left behind
  that compile and delete; sometimes beside a purge or a prune;
- ``edits``: one manifest, whose bounds are changed between the starts: what ``lock``, ``upgrade`` and
  ``apply`` write is of one of its versions.

Then these hold: each command did what it says or waited in vain (5); an environment holds one version of
everything, every byte of it; no plan or status has seen a mixture, or drift; the lock is whole and what the
next plan makes it; all of the cache is what was put in, without litter once it is pruned; and where nobody
purged, each wheel was fetched once.

    python tests/torture/together.py --count 200 --seed 1

Prints one line a trial and a summary; exit 1 when any trial failed.
"""

from __future__ import annotations

import json
import os
import pty
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.project import PYTHON, find_command
from support.server import IndexServer
from support.wheels import make_wheel
from torture.figures import conclude_trials, make_parser

PACKAGES = [f"part{number}" for number in range(10)]
MODULES = 15
VERSIONS = ("1", "2")
#: Seconds in which commands start; about as long as one of them takes.
SPREAD = 0.7


def contents(name: str, version: str) -> dict[str, bytes]:
    """Give the files of a package, by their path in site-packages."""
    files = {f"{name}/__init__.py": b"", f"{name}/data.bin": version.encode() * 3000}
    for number in range(MODULES):
        files[f"{name}/m{number}.py"] = f"VERSION = {version!r}\nNUMBER = {number}\n".encode()
    return files


@dataclass
class Command:
    """A command with its start (seconds after the others may start), and what it ended with."""

    folder: Path
    words: tuple[str, ...]
    start: float = 0.0
    terminal: bool = False
    code: int = 0
    out: str = ""
    err: str = ""

    def run(self, environ: dict[str, str], began: float) -> None:
        time.sleep(max(0.0, began + self.start - time.monotonic()))
        if self.terminal:
            self._run_on_terminal({k: v for k, v in environ.items() if k != "CI"})
            return
        done = subprocess.run(
            [*find_command(), *self.words],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def _run_on_terminal(self, environ: dict[str, str]) -> None:
        mine, its = pty.openpty()
        process = subprocess.Popen(
            [*find_command(), *self.words],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=its,
            text=True,
        )
        os.close(its)
        shown: list[bytes] = []
        reader = threading.Thread(target=lambda: shown.extend(_read(mine)))
        reader.start()
        self.out, _ = process.communicate(timeout=180)
        reader.join(180)
        os.close(mine)
        self.code, self.err = process.returncode, b"".join(shown).decode(errors="replace")

    def demand(self, *codes: int) -> None:
        if "Traceback" in self.err or self.code not in codes:
            raise AssertionError(
                f"`{' '.join(self.words)}` ended with {self.code}: {self.err[-800:]}{self.out[-200:]}"
            )


def _read(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(descriptor, 65536)
        except OSError:
            return
        if not data:
            return
        yield data


class Bench:
    """A folder with projects and a cache, and the index that serves them."""

    def __init__(self, place: str, server: IndexServer) -> None:
        self.place = Path(place)
        self.cache = self.place / "cache"
        self.server = server

    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_", "ENVCTL_"))}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        return {
            **kept,
            "ENVCTL_CACHE_DIR": str(self.cache),
            "CI": "1",
            "HOME": str(self.place),
            "TERM": "xterm",
        }

    def make_project(self, name: str) -> Path:
        folder = self.place / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def write_manifest(
        self, folder: Path, version: str, *, file: str = "env.toml", lock: str = "", rest: str = ""
    ) -> None:
        lines = [
            f'python = "{PYTHON}"',
            f"dependencies = {json.dumps([f'{name}=={version}' for name in PACKAGES])}",
            f'[[index]]\nname = "local"\nurl = "{self.server.url}"',
            f'[lock]\npath = "{lock}"' if lock else "",
            '[env.default]\npath = ".venv"',
            rest,
        ]
        (folder / file).write_text("\n".join(lines) + "\n")

    def run_together(self, commands: Sequence[Command]) -> None:
        began, environ = time.monotonic() + 0.05, self.environ()
        threads = [threading.Thread(target=each.run, args=(environ, began)) for each in commands]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def run(self, folder: Path, *words: str, codes: tuple[int, ...] = (0,)) -> Command:
        command = Command(folder, words)
        command.run(self.environ(), time.monotonic())
        command.demand(*codes)
        return command

    def find_version(self, folder: Path) -> str | None:
        """Read every byte of an environment: the version that all of it is of; None where there is none."""
        venv = folder / ".venv"
        if not venv.exists():
            return None
        site = venv / "lib" / f"python{PYTHON}" / "site-packages"
        versions = {
            path.read_bytes().split(b"'")[1].decode()
            for name in PACKAGES
            for path in (site / name).glob("m*.py")
        }
        infos = {
            path.name.partition("-")[2].removesuffix(".dist-info") for path in site.glob("part*.dist-info")
        }
        if len(versions) != 1 or infos != versions:
            raise AssertionError(f"a mixture in {folder.name}: {sorted(versions)}, {sorted(infos)}")
        (version,) = versions
        for name in PACKAGES:
            for path, content in contents(name, version).items():
                if (site / path).read_bytes() != content:
                    raise AssertionError(f"a wrong byte in {folder.name}: {path}")
        return version

    def find_locked(self, folder: Path, lock: str = "pylock.toml") -> str | None:
        path = folder / lock
        if not path.exists():
            return None
        packages = tomllib.loads(path.read_text())["packages"]
        versions = {package["version"] for package in packages}
        if len(versions) != 1 or len(packages) != len(PACKAGES):
            raise AssertionError(f"a mixture in {lock}: {packages}")
        version: str = versions.pop()
        return version

    def check_cache(self, folder: Path) -> None:
        """Read all of the cache; after a prune there must be no litter, once nobody is at work any more."""
        deadline = time.monotonic() + 30
        while True:
            document = json.loads(self.run(folder, "cache", "prune", "--verify", "--json").out)
            if document["damaged"]:
                raise AssertionError(f"the cache holds what is damaged: {document['damaged']}")
            left = [path for name in ("new", "trash") for path in (self.cache / name).glob("*")]
            locks = list(self.cache.glob("*-v*/*/*.lock"))
            if not left and not locks:
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"litter is left: {[*left, *locks][:5]}")
            time.sleep(0.2)


def judge_view(command: Command) -> None:
    """A plan, or a status, has seen one environment, whole: nothing drifts, all changes are alike."""
    document = json.loads(command.out)
    if document.get("drift"):
        raise AssertionError(f"`{' '.join(command.words)}` has seen drift: {document['drift'][:2]}")
    if document["kind"] == "envctl.status":
        # Beside the packages, the environment and its Python may be to be made.
        if document["changes"] not in {0, 1, *(len(PACKAGES) + more for more in range(3))}:
            raise AssertionError(f"a status has seen a mixture: {document}")
        return
    seen = {
        (change["action"], (change["before"] or {}).get("version"))
        for change in document["changes"]
        if change["address"].startswith("package.part")
    }
    if len(seen) > 1:
        raise AssertionError(f"`{' '.join(command.words)}` has seen a mixture: {sorted(map(str, seen))}")


# --- kinds of trials ---


def try_one(bench: Bench, chance: random.Random) -> str:
    """Everything at once on one environment, which two manifests describe differently."""
    folder = bench.make_project("one")
    for version in VERSIONS:
        rest = f'[install]\nswitch = "auto"\nkeep-generations = {chance.choice((0, 1, 3))}'
        bench.write_manifest(
            folder, version, file=f"v{version}.toml", lock=f"pylock.v{version}.toml", rest=rest
        )
    if chance.random() < 0.3:
        shutil.rmtree(bench.cache, ignore_errors=True)
    for version in chance.sample(VERSIONS, chance.randrange(3)):
        bench.run(folder, "-f", f"v{version}.toml", "apply", "-q")
    commands = [
        Command(folder, ("-f", f"v{v}.toml", "apply", "-q"), chance.random() * SPREAD) for v in VERSIONS
    ]
    for _ in range(chance.randrange(1, 6)):
        manifest = ("-f", f"v{chance.choice(VERSIONS)}.toml")
        words = chance.choice(
            (
                ("apply", "-q"),
                ("apply", "-q", "--lock-timeout", "0"),
                ("plan", "--json"),
                ("plan", "--json"),
                ("status", "--json"),
                ("list", "--json"),
                ("lock",),
                ("upgrade", "-q"),
                ("rollback",),
                ("destroy", "--yes"),
                ("cache", "purge"),
                ("cache", "prune", "--max-size", chance.choice(("0", "20kB"))),
                ("cache", "prune", "--verify"),
            )
        )
        commands.append(Command(folder, (*manifest, *words), chance.random() * SPREAD))
    bench.run_together(commands)
    for command in commands:
        _judge_one(command)
    told = f"{' | '.join(' '.join(each.words[1:3]) for each in commands)}"
    found = bench.find_version(folder)
    for each in VERSIONS:
        if bench.find_locked(folder, f"pylock.v{each}.toml") not in {None, each}:
            raise AssertionError(f"the lock of {each} is of another")
    _judge_end(bench, folder, chance.choice(VERSIONS))
    return f"{told} -> {found}"


def _judge_one(command: Command) -> None:
    name = command.words[2]
    match name:
        case "plan" | "status":
            command.demand(0)
            judge_view(command)
        case "apply" if "--lock-timeout" in command.words:
            command.demand(0, 5)
        case "list" | "rollback" | "destroy":
            command.demand(0, 1)  # there may be none
        case _:
            command.demand(0)


def _judge_end(bench: Bench, folder: Path, version: str) -> None:
    """Bring the environment to a version, and demand that then all is well."""
    manifest = ("-f", f"v{version}.toml")
    bench.run(folder, *manifest, "apply", "-q")
    if bench.find_version(folder) != version:
        raise AssertionError("a plain apply does not bring it to its goal")
    if bench.run(folder, *manifest, "plan", "--verify", "hash").out != "No changes.\n":
        raise AssertionError("after a plain apply there is something to do")
    bench.check_cache(folder)


def try_many(bench: Bench, chance: random.Random) -> str:
    """Eight projects on one cold cache, of two versions."""
    shutil.rmtree(bench.cache, ignore_errors=True)
    bench.server.requests.clear()
    commands, wanted = [], {}
    for number in range(8):
        folder = bench.make_project(f"many{number}")
        wanted[folder] = chance.choice(VERSIONS)
        rest = "[install]\ncompile = true" if chance.random() < 0.3 else ""
        bench.write_manifest(folder, wanted[folder], rest=rest)
        terminal = chance.random() < 0.5
        commands.append(Command(folder, ("apply", "-q"), chance.random() * SPREAD, terminal))
    disturbers = []
    if chance.random() < 0.5:
        words = chance.choice((("cache", "purge"), ("cache", "prune", "--max-size", "0")))
        disturbers = [
            Command(bench.place, words, chance.random() * 3 * SPREAD) for _ in range(chance.choice((1, 3)))
        ]
    bench.run_together([*commands, *disturbers])
    for command in [*commands, *disturbers]:
        command.demand(0)
    for folder, version in wanted.items():
        if bench.find_version(folder) != version or bench.find_locked(folder) != version:
            raise AssertionError(f"{folder.name} is not of version {version}")
    if not disturbers:
        fetched = [path for _, path, _ in bench.server.requests if path.endswith(".whl")]
        if len(fetched) > len(PACKAGES) * len(set(wanted.values())):
            raise AssertionError(f"{len(fetched)} wheels were fetched")
    bench.check_cache(next(iter(wanted)))
    return f"eight projects, {len(disturbers)} purges or prunes"


def try_edits(bench: Bench, chance: random.Random) -> str:
    """One manifest that is edited between the starts; all that is written is of one of its versions."""
    folder = bench.make_project("edits")
    bench.write_manifest(folder, chance.choice(VERSIONS))
    if chance.random() < 0.5:
        bench.run(folder, "apply", "-q")
    commands = []
    for _ in range(chance.randrange(2, 5)):
        words = chance.choice((("apply", "-q"), ("lock",), ("upgrade", "-q"), ("plan", "--json")))
        commands.append(Command(folder, words, chance.random() * SPREAD))
    moments = sorted(chance.random() * SPREAD for _ in range(2))
    versions = [chance.choice(VERSIONS) for _ in moments]

    def edit() -> None:
        began = time.monotonic()
        for moment, version in zip(moments, versions, strict=True):
            time.sleep(max(0.0, began + moment - time.monotonic()))
            staging = folder / "next.toml"
            bench.write_manifest(folder, version, file="next.toml")
            staging.rename(folder / "env.toml")

    editor = threading.Thread(target=edit)
    editor.start()
    bench.run_together(commands)
    editor.join()
    for command in commands:
        # `upgrade` edits the manifest itself, and refuses to when somebody else has.
        command.demand(0, 1) if command.words[0] == "upgrade" else command.demand(0)
        if command.words[0] == "plan":
            judge_view(command)
    bench.find_version(folder)
    bench.find_locked(folder)
    bench.run(folder, "apply", "-q")
    if not bench.find_version(folder) == bench.find_locked(folder) == versions[-1]:
        raise AssertionError("a plain apply does not bring all to the manifest")
    if bench.run(folder, "plan", "--verify", "hash").out != "No changes.\n":
        raise AssertionError("after a plain apply there is something to do")
    return f"{' | '.join(' '.join(each.words) for each in commands)}, edited to {' and '.join(versions)}"


KINDS: tuple[Callable[[Bench, random.Random], str], ...] = (try_one, try_one, try_one, try_many, try_edits)


def trials(place: str, count: int, seed: int) -> Iterator[tuple[str, bool]]:
    """Run the trials in the folder ``place``; give what each was, and whether it held."""
    chance = random.Random(seed)
    wheels = os.path.join(place, "wheels")
    for name in PACKAGES:
        for version in VERSIONS:
            make_wheel(wheels, name, version, files=contents(name, version))
    with IndexServer(wheels) as server:
        bench = Bench(place, server)
        for number in range(count):
            kind = KINDS[number % len(KINDS)]
            try:
                yield f"{kind.__name__[4:]:6s} {kind(bench, random.Random(chance.random()))}", True
            except (AssertionError, subprocess.SubprocessError, OSError, ValueError, KeyError) as error:
                yield f"{kind.__name__[4:]:6s} {error!r}", False


def main() -> int:
    parser = make_parser(__doc__, count=50)
    options = parser.parse_args()
    began = time.monotonic()
    failures = 0
    with tempfile.TemporaryDirectory(prefix="envctl-together-", ignore_cleanup_errors=True) as place:
        for number, (what, held) in enumerate(trials(place, options.count, options.seed)):
            failures += not held
            print(f"{number:4d} {'' if held else 'FAILED: '}{what}", flush=True)
    what = "several commands at once on one environment, or on one cache"
    return conclude_trials("together", what, options, failures=failures, began=began)


if __name__ == "__main__":
    sys.exit(main())
