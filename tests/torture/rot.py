"""Damage the cache in every way, then install from it: no wrong byte may arrive, and all of it heals.

Three projects share one cache by hard links. In each trial two of them have an environment; something is
damaged (a file of an entry, of its manifest, of its mark, of bytecode, a kept answer, a receipt; through the
cache or through a link in an environment; one thing or several), then the third project's environment is
made anew, and these hold:

- every file of the new environment is the wheel's, every module says what it shall, with its bytecode;
- each environment that shares a wrong file tells so, in a plain plan, without reading it;
- nothing ends with a traceback, and nothing is refused but a cache that others may write to;
- another apply (``--verify hash``) mends the two others, ``plan --verify hash`` finds nothing in any of the three, and
  ``cache prune --verify`` nothing in the cache.

    python tests/torture/rot.py --count 300 --seed 1

Prints one line a trial and a summary; exit 1 when any trial failed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from envctl.store.manifest import parse_manifest
from support.project import PYTHON, find_command
from support.server import IndexServer
from support.wheels import make_wheel
from torture.figures import conclude_trials, make_parser

PACKAGES = [f"part{number}" for number in range(8)]
MODULES = 12
IMPORTS = (
    "import importlib, json; "
    "print(json.dumps({f'{n}.m{i}': importlib.import_module(f'{n}.m{i}').VALUE "
    f"for n in {PACKAGES!r} for i in range({MODULES})" + "}))"
)
PROJECTS = ("first", "second", "third")


def value(name: str, number: int) -> str:
    return hashlib.sha256(f"{name} {number}".encode()).hexdigest()


def contents(name: str) -> dict[str, bytes]:
    """Give the files of a package, by their path in site-packages."""
    files = {f"{name}/__init__.py": b"", f"{name}/data/table.bin": value(name, 99).encode() * 50}
    for number in range(MODULES):
        files[f"{name}/m{number}.py"] = f"VALUE = {value(name, number)!r}\n".encode()
    return files


class Bench:
    """Three projects, one cache, and the index they are served from."""

    def __init__(self, place: str, url: str) -> None:
        self.place = Path(place)
        self.cache = self.place / "cache"
        for name in PROJECTS:
            folder = self.place / name
            folder.mkdir()
            lines = [
                f'python = "{PYTHON}"',
                f"dependencies = {json.dumps(PACKAGES)}",
                f'[[index]]\nname = "local"\nurl = "{url}"',
                "[install]\ncompile = true",
            ]
            (folder / "env.toml").write_text("\n".join(lines) + "\n")

    def start(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_", "ENVCTL_"))}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        return subprocess.Popen(
            [*find_command(), *arguments],
            cwd=self.place / name,
            env={**kept, "ENVCTL_CACHE_DIR": str(self.cache), "CI": "1", "HOME": str(self.place)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, process: subprocess.Popen[str], *codes: int) -> str:
        out, err = process.communicate(timeout=120)
        if "Traceback" in err or process.returncode not in (codes or (0,)):
            raise AssertionError(f"it ended with {process.returncode}: {err[-1500:]}{out[-300:]}")
        return out

    def run(self, name: str, *arguments: str) -> str:
        return self.end(self.start(name, *arguments))

    def run_all(self, *arguments: str) -> dict[str, str]:
        processes = {name: self.start(name, *arguments) for name in PROJECTS}
        return {name: self.end(process) for name, process in processes.items()}

    def site(self, name: str) -> Path:
        return self.place / name / ".venv" / "lib" / f"python{PYTHON}" / "site-packages"

    def find_entries(self, bucket: str) -> list[Path]:
        return sorted(path.parent for path in self.cache.glob(f"{bucket}/??/*/manifest"))

    def find_answers(self) -> list[Path]:
        buckets = (path for path in self.cache.iterdir() if "-v" in path.name)
        return sorted(
            path
            for bucket in buckets
            if bucket.name not in {"wheels-v1", "bytecode-v1", "built-v1", "virtualenv-v1"}
            for path in bucket.rglob("*")
            if path.is_file()
        )

    def check_third(self) -> None:
        """Hold every file of the new environment against its wheel, and run what its bytecode says."""
        for name in PACKAGES:
            for path, content in contents(name).items():
                found = (self.site("third") / path).read_bytes()
                if found != content:
                    raise AssertionError(f"a wrong byte arrived in {path}")
        python = self.place / "third/.venv/bin/python"
        done = subprocess.run([python, "-I", "-B", "-c", IMPORTS], capture_output=True, text=True)
        expected = {f"{n}.m{i}": value(n, i) for n in PACKAGES for i in range(MODULES)}
        if done.returncode or json.loads(done.stdout) != expected:
            raise AssertionError(f"a wrong module was imported: {done.stderr[-300:]}")

    def find_reached(self) -> dict[str, set[str]]:
        """Tell which wrong files the two other environments share with the cache.

        What they share with each other alone, after an entry was made anew, only hashes can tell; and so
        it is where nobody knows what the files of an entry were, for its manifest is damaged.
        """
        stored = {
            path.stat().st_ino
            for entry in self.find_entries("wheels-v1")
            if parse_manifest(_read(entry / "manifest") or b"", entry.name) is not None
            for path in entry.glob("tree/site/part*/**/*")
            if path.is_file()
        }
        return {
            name: {
                path
                for package in PACKAGES
                for path, content in contents(package).items()
                if _read(self.site(name) / path) != content
                and (self.site(name) / path).exists()
                and (self.site(name) / path).stat().st_ino in stored
            }
            for name in ("first", "second")
        }


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


# --- kinds of damage: each takes the chance and the bench, and says what it did ---

Damage = Callable[[random.Random, Bench], str]


def _pick_file(chance: random.Random, bench: Bench) -> Path:
    bucket = chance.choice(("wheels-v1", "wheels-v1", "bytecode-v1"))
    entry = chance.choice(bench.find_entries(bucket))
    return chance.choice(sorted(path for path in (entry / "tree").rglob("*") if path.is_file()))


def _flip(chance: random.Random, path: Path) -> None:
    """Change one byte in place."""
    with path.open("r+b") as file:
        data = bytearray(file.read())
        if not data:
            file.write(b"x = 1\n")
            return
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(7)
        file.seek(0)
        file.write(data)


def _with_times(path: Path, act: Callable[[], object]) -> None:
    seen = path.stat()
    act()
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


FILE_DAMAGES: dict[str, Callable[[random.Random, Path], object]] = {
    "flipped": _flip,
    "flipped, its time put back": lambda chance, path: _with_times(path, lambda: _flip(chance, path)),
    "truncated": lambda chance, path: os.truncate(path, chance.randrange(max(1, path.stat().st_size))),
    "emptied": lambda _, path: os.truncate(path, 0),
    "appended to": lambda _, path: path.open("ab").write(b"\n# more\n"),
    "deleted": lambda _, path: path.unlink(),
    "a link elsewhere": lambda _, path: _replace_by_link(path),
    "a folder": lambda _, path: _replace(path, os.mkdir),
    "a pipe": lambda _, path: _replace(path, os.mkfifo),
    "mode 0600": lambda _, path: path.chmod(0o600),
    "mode 0777": lambda _, path: path.chmod(0o777),
    "mode 0000": lambda _, path: path.chmod(0),
    "touched": lambda _, path: path.touch(),
    "copied over": lambda _, path: _copy_over(path),
    "of another user": lambda _, path: os.chown(path, 12345, -1) if os.geteuid() == 0 else path.unlink(),
}


def _replace_by_link(path: Path) -> None:
    elsewhere = path.parent / f"{path.name}.elsewhere"
    elsewhere.write_bytes(b"VALUE = 'evil'\n")
    path.unlink()
    path.symlink_to(elsewhere)


def _replace(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def _copy_over(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)


def damage_file(chance: random.Random, bench: Bench) -> str:
    path = _pick_file(chance, bench)
    kind = chance.choice(sorted(FILE_DAMAGES))
    FILE_DAMAGES[kind](chance, path)
    return f"{path.relative_to(bench.cache).parts[0]} {path.name} {kind}"


def edit_through_link(chance: random.Random, bench: Bench) -> str:
    """Change a module in an environment in place, with its size and time put back."""
    name, package = chance.choice(("first", "second")), chance.choice(PACKAGES)
    path = bench.site(name) / package / f"m{chance.randrange(MODULES)}.py"
    before = path.stat()
    if chance.random() < 0.5:
        path.chmod(0o600)
    data = path.read_bytes()
    with path.open("r+b") as file:
        file.write(data[:10] + bytes([data[10] ^ 1]) + data[11:])
    if chance.random() < 0.5:
        path.chmod(0o644)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return f"{package}/{path.name} edited through a link in {name}, its time put back"


def edit_bytecode_through_link(chance: random.Random, bench: Bench) -> str:
    name, package = chance.choice(("first", "second")), chance.choice(PACKAGES)
    path = chance.choice(sorted((bench.site(name) / package / "__pycache__").glob("m*.pyc")))
    data = path.read_bytes()
    position = data.index(b"VALUE") - 40 if b"VALUE" in data else len(data) // 2
    _with_times(path, lambda: path.open("r+b").write(_flipped(data, max(16, position))))
    return f"{package}/{path.name} edited through a link in {name}, its time put back"


def _flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


def append_through_link(chance: random.Random, bench: Bench) -> str:
    name, package = chance.choice(("first", "second")), chance.choice(PACKAGES)
    path = bench.site(name) / package / "data/table.bin"
    with path.open("ab") as file:
        file.write(b"more")
    return f"{package}/data/table.bin appended to through a link in {name}"


def edit_and_delete_environment(chance: random.Random, bench: Bench) -> str:
    """The link that was written through is gone, and with it the ctimes of all files have moved."""
    what = edit_through_link(chance, bench)
    name = what.rpartition(" in ")[2].partition(",")[0]
    shutil.rmtree(bench.place / name / ".venv")
    shutil.rmtree(bench.place / name / ".venv.envctl")
    return f"{what}; {name} deleted by hand"


def delete_half_an_entry(chance: random.Random, bench: Bench) -> str:
    entry = chance.choice(bench.find_entries(chance.choice(("wheels-v1", "bytecode-v1"))))
    folders = [path for path in entry.rglob("*") if path.is_dir()]
    victim = chance.choice(sorted(folders))
    shutil.rmtree(victim)
    return f"{victim.relative_to(entry)} of an entry deleted"


def damage_manifest(chance: random.Random, bench: Bench) -> str:
    path = chance.choice(bench.find_entries(chance.choice(("wheels-v1", "bytecode-v1")))) / "manifest"
    kind = chance.choice(sorted(set(FILE_DAMAGES) - {"mode 0000", "mode 0600", "mode 0777", "touched"}))
    FILE_DAMAGES[kind](chance, path)
    return f"a manifest {kind}"


def damage_mark(chance: random.Random, bench: Bench) -> str:
    """Lose the mark, or have it say nonsense; then change a file unseen."""
    entry = chance.choice(bench.find_entries("wheels-v1"))
    (mark,) = entry.glob("mark-*")
    kind = chance.choice(("deleted", "in the future", "at the beginning", "a link", "a folder"))
    match kind:
        case "deleted":
            mark.unlink()
        case "in the future":
            os.utime(mark, (time.time() + 1e8, time.time() + 1e8))
        case "at the beginning":
            os.utime(mark, (0, 0))
        case "a link":
            mark.unlink()
            mark.symlink_to("/dev/null")
        case _:
            mark.unlink()
            mark.mkdir()
    path = chance.choice(sorted(path for path in (entry / "tree").rglob("m*.py")))
    _with_times(path, lambda: _flip(chance, path))
    return f"a mark {kind}, and {path.name} flipped, its time put back"


def confuse_entries(chance: random.Random, bench: Bench) -> str:
    first, second = chance.sample(bench.find_entries("wheels-v1"), 2)
    kind = chance.choice(("swapped", "a link to the other", "a file", "gone", "manifests swapped"))
    aside = bench.place / "aside"
    match kind:
        case "swapped":
            first.rename(aside)
            second.rename(first)
            aside.rename(second)
        case "a link to the other":
            shutil.rmtree(first)
            first.symlink_to(second)
        case "a file":
            shutil.rmtree(first)
            first.write_text("x")
        case "gone":
            shutil.rmtree(first)
        case _:
            (first / "manifest").rename(aside)
            (second / "manifest").rename(first / "manifest")
            aside.rename(second / "manifest")
    return f"two entries: {kind}"


def link_folder(chance: random.Random, bench: Bench) -> str:
    """A folder of an entry is a link to a copy of it, in which a file is another."""
    entry = chance.choice(bench.find_entries("wheels-v1"))
    folder = next(path for path in sorted((entry / "tree/site").iterdir()) if path.name.startswith("part"))
    copy = bench.place / f"copy-{chance.randrange(10**9)}"
    shutil.copytree(folder, copy)
    if chance.random() < 0.5 and (copy / "m1.py").exists():
        _with_times(copy / "m1.py", lambda: _flip(chance, copy / "m1.py"))
    shutil.rmtree(folder)
    folder.symlink_to(copy)
    return "a folder of an entry is a link elsewhere"


ANSWER_DAMAGES: dict[str, Callable[[random.Random, Path], object]] = {
    **{kind: FILE_DAMAGES[kind] for kind in FILE_DAMAGES if kind not in {"touched", "copied over"}},
    "garbage": lambda chance, path: path.write_bytes(chance.randbytes(chance.randrange(2000))),
    "an empty object": lambda _, path: path.write_text("{}"),
    "a list": lambda _, path: path.write_text("[1, 2]\n"),
    "null": lambda _, path: path.write_text("null"),
}


def damage_answers(chance: random.Random, bench: Bench) -> str:
    answers = bench.find_answers()
    chosen = chance.sample(answers, min(len(answers), chance.choice((1, 5, 50))))
    kind = chance.choice(sorted(ANSWER_DAMAGES))
    for path in chosen:
        ANSWER_DAMAGES[kind](chance, path)
    return f"{len(chosen)} kept answers {kind}"


def mix_answers(chance: random.Random, bench: Bench) -> str:
    """Put one answer in the place of another of its kind."""
    first, second = chance.sample(bench.find_answers(), 2)
    shutil.copyfile(first, second)
    buckets = [path.relative_to(bench.cache).parts[0] for path in (first, second)]
    return f"an answer of {buckets[0]} in the place of one of {buckets[1]}"


def damage_receipt(chance: random.Random, bench: Bench) -> str:
    name = chance.choice(("first", "second"))
    path = bench.place / name / ".venv/.envctl/receipt"
    kind = chance.choice(("flipped", "truncated", "emptied", "deleted", "garbage", "an empty object"))
    ANSWER_DAMAGES[kind](chance, path)
    return f"the receipt of {name} {kind}"


def delete_bucket(chance: random.Random, bench: Bench) -> str:
    bucket = chance.choice(sorted(path.name for path in bench.cache.iterdir() if "-v" in path.name))
    shutil.rmtree(bench.cache / bucket)
    return f"all of {bucket} deleted"


def litter(chance: random.Random, bench: Bench) -> str:
    for name in ("new", "trash"):
        (bench.cache / name).mkdir(exist_ok=True)
        (bench.cache / name / "litter").mkdir(exist_ok=True)
        (bench.cache / name / "file").write_text("x")
    for lock in (bench.cache / "locks").glob("*.lock"):
        lock.write_text(chance.choice(("", "999999999999999999999", "garbage", "-1")))
    return "litter"


DAMAGES: tuple[Damage, ...] = (
    damage_file, damage_file, damage_file, damage_file, damage_file,
    edit_through_link, edit_through_link, edit_bytecode_through_link, append_through_link,
    edit_and_delete_environment, delete_half_an_entry, damage_manifest, damage_manifest, damage_mark,
    confuse_entries, confuse_entries, link_folder, damage_answers, damage_answers, damage_answers,
    mix_answers, damage_receipt, delete_bucket, litter,
)  # fmt: skip


def try_once(bench: Bench, chance: random.Random) -> str:
    """Damage something, install, judge; says what was damaged."""
    count = 1 if chance.random() < 0.7 else chance.randrange(2, 6)
    what = []
    for _ in range(count):
        try:
            what.append(chance.choice(DAMAGES)(chance, bench))
        except (OSError, ValueError, IndexError, StopIteration):
            continue  # damaged before, so that this cannot be
    told = "; ".join(what)
    try:
        judge(bench, chance)
    except AssertionError as error:
        raise AssertionError(f"{told}: {error}") from error
    return told


def judge(bench: Bench, chance: random.Random) -> None:
    if chance.random() < 0.5:
        bench.end(bench.start("first", chance.choice(("plan", "status", "lock", "history"))))
    if chance.random() < 0.5:
        bench.run("third", "destroy", "--yes")
    else:
        for folder in (".venv", ".venv.envctl"):
            shutil.rmtree(bench.place / "third" / folder, ignore_errors=True)
    if chance.random() < 0.3:
        (bench.place / "third/pylock.toml").unlink()
    reached = bench.find_reached()
    bench.run("third", "apply", "-q")
    bench.check_third()
    plans = bench.run_all("plan", "--json")
    for name, paths in reached.items():
        if not (bench.place / name / ".venv").exists():
            continue
        told = {each["path"].partition("site-packages/")[2] for each in json.loads(plans[name])["drift"]}
        if not paths <= told:
            raise AssertionError(f"{name} does not tell of {sorted(paths - told)}")
    bench.run_all("apply", "-q", "--verify", "hash")
    for name, text in bench.run_all("plan", "--verify", "hash").items():
        if text != "No changes.\n":
            raise AssertionError(f"{name} is not mended: {text}")
    document = json.loads(bench.run("first", "cache", "prune", "--verify", "--json"))
    still = [each for each in document["damaged"] if each["bucket"] == "wheels-v1"]
    if still:
        raise AssertionError(f"the cache still holds {still}")
    if chance.random() < 0.5:
        for name in ("first", "second"):  # so that they share files with the cache again
            bench.run(name, "destroy", "--yes")
            bench.run(name, "apply", "-q")


def trials(place: str, count: int, seed: int) -> Iterator[tuple[str, bool]]:
    """Run the trials in the folder ``place``; give what each was, and whether it held."""
    chance = random.Random(seed)
    wheels = os.path.join(place, "wheels")
    for name in PACKAGES:
        make_wheel(wheels, name, "1.0", files=contents(name), scripts={name: f"{name}.m0:print"})
    with IndexServer(wheels) as server:
        bench = Bench(place, server.url)
        for name in PROJECTS:
            bench.run(name, "apply", "-q")
        for _ in range(count):
            try:
                yield try_once(bench, random.Random(chance.random())), True
            except (AssertionError, subprocess.SubprocessError, OSError, ValueError) as error:
                yield str(error), False
                shutil.rmtree(bench.cache)
                for name in PROJECTS:
                    shutil.rmtree(bench.place / name / ".venv", ignore_errors=True)
                    bench.run(name, "apply", "-q")


def main() -> int:
    parser = make_parser(__doc__, count=50)
    options = parser.parse_args()
    began = time.monotonic()
    failures = 0
    with tempfile.TemporaryDirectory(prefix="envctl-rot-", ignore_cleanup_errors=True) as place:
        for number, (what, held) in enumerate(trials(place, options.count, options.seed)):
            failures += not held
            print(f"{number:4d} {'' if held else 'FAILED: '}{what}", flush=True)
    what = "something in the cache damaged, and an environment made from it"
    return conclude_trials("rot", what, options, failures=failures, began=began)


if __name__ == "__main__":
    sys.exit(main())
