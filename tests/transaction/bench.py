"""A folder with wheels, a store and an environment, for the tests of transactions."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envctl import atomic
from envctl.environment.identity import GENERATION, parse_generation
from envctl.environment.inventory import INVENTORY, parse_inventory
from envctl.environment.probe import probe
from envctl.model.artifact import Wheel
from envctl.model.events import Event, Notice
from envctl.model.interpreter import Interpreter
from envctl.model.selection import Pin
from envctl.store.store import Store
from envctl.transaction.blueprint import Blueprint, Placed, Replacement
from envctl.transaction.held import Held
from envctl.transaction.opening import open_site
from envctl.transaction.site import Site
from envctl.wheel.unpack import unpack
from support.wheels import make_wheel

#: For making a bare environment: the least there is.
ENVIRON = {"PATH": os.environ.get("PATH", "")}


@dataclass
class Bench:
    """``root`` holds all: ``project/.venv``, ``cache``, ``wheels``."""

    root: Path
    cache: Path
    events: list[Event] = field(default_factory=list)
    _interpreter: Interpreter | None = None

    @property
    def interpreter(self) -> Interpreter:
        if self._interpreter is None:
            self._interpreter = probe(sys.executable, cache_dir=str(self.cache), environ=ENVIRON)
        return self._interpreter

    @property
    def project(self) -> Path:
        folder = self.root / "project"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def venv(self) -> Path:
        return self.project / ".venv"

    @property
    def site(self) -> Site:
        return Site(str(self.venv))

    @property
    def store(self) -> Store:
        return Store(str(self.cache))

    @property
    def site_packages(self) -> Path:
        return self.venv / "lib" / f"python{self.interpreter.minor}" / "site-packages"

    def place(
        self, name: str, version: str, *, requested: bool = False, direct_url: str | None = None, **how: Any
    ) -> Placed:
        """Make a wheel, unpack it into the store, and pin it."""
        path = make_wheel(self.root / "wheels", name, version, **how)
        data = Path(path).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        filename = os.path.basename(path)
        entry = self.store.add(
            "wheels-v1",
            digest,
            lambda target: unpack(path, target, filename=filename, name=name, version=version),
        )
        wheel = Wheel(filename=filename, path=path, hashes={"sha256": digest})
        pin = Pin(name=name, version=version, artifact=wheel, requested=requested)
        return Placed(pin=pin, wheel=entry, direct_url=direct_url)

    def blueprint(self, *placed: Placed, **how: Any) -> Blueprint:
        return Blueprint(interpreter=self.interpreter, prompt=None, placed=placed, **how)

    def apply(self, *placed: Placed, keep: int = 3, **how: Any) -> int:
        return self.execute(self.blueprint(*placed, **how), keep=keep)

    def execute(
        self,
        blueprint: Blueprint,
        *,
        keep: int = 3,
        guard: Callable[[], None] | None = None,
        lock_timeout: float = 10,
    ) -> int:
        with open_site(self.site, emit=self.events.append, lock_timeout=lock_timeout) as held:
            applied = held.apply(blueprint, store=self.store, environ=ENVIRON, keep=keep, guard=guard)
            return applied.number

    def held(self, act: Callable[[Held], Any]) -> Any:
        """Do something with the environment held."""
        with open_site(self.site, emit=self.events.append, lock_timeout=10) as held:
            return act(held)

    def rollback(self, number: int | None = None, *, switch: str = "auto") -> int:
        found: int = self.held(lambda held: held.rollback(number, switch=switch))
        return found

    def run(self, *arguments: str) -> str:
        """Run the environment's interpreter; give what it prints."""
        return run(str(self.venv / "bin" / "python"), *arguments)

    def codes(self) -> list[str]:
        """The codes of the notices that were emitted."""
        return [event.code for event in self.events if isinstance(event, Notice)]

    def number(self) -> int:
        return parse_generation((self.venv / GENERATION).read_bytes()).number

    def check_complete(self) -> Mapping[str, str]:
        """Read every file that the environment says it has; give the versions it says it has."""
        return check_complete(self.venv)


def run(*command: str) -> str:
    environ = {**ENVIRON, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def check_complete(tree: Path) -> Mapping[str, str]:
    inventory = parse_inventory((tree / INVENTORY).read_bytes())
    for _, file in inventory:
        path = tree / file.path
        if file.link is not None:
            assert os.readlink(path) == file.link
        else:
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256, file.path
    record = parse_generation((tree / GENERATION).read_bytes())
    return {name: each.version for name, each in record.distributions.items()}


def replacement(path: Path, after: str) -> Replacement:
    """Replace what is in ``path`` now."""
    before = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
    return Replacement(path=str(path), before=before, after=after.encode())


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below a folder: mode and content of each path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            content = os.readlink(path).encode()
        else:
            content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (status.st_mode, content)
    return found


class Count:
    """A hook that acts at the operation of one number, counted from 1, and after it if ``lasting``."""

    def __init__(self, at: int, act: Callable[[str, str], None], *, lasting: bool = False) -> None:
        self.at = at
        self.act = act
        self.lasting = lasting
        self.seen = 0

    def __call__(self, operation: str, path: str) -> None:
        self.seen += 1
        if self.seen == self.at or (self.lasting and self.seen > self.at):
            self.act(operation, path)


class Hooked:
    """Sets `envctl.atomic.hook` for a while."""

    def __init__(self, hook: Callable[[str, str], None]) -> None:
        self.hook = hook

    def __enter__(self) -> None:
        atomic.hook = self.hook

    def __exit__(self, *_: object) -> None:
        atomic.hook = None
