"""A small project that envctl is run on thousands of times, each time in a fork of a warm process.

A command costs some 50 ms that way, and its state is put back from memory before each trial: so that
every moment of a command can be tried. `judge` is what all long runs demand of what is left.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import marshal
import os
import pkgutil
import re
import select
import shutil
import signal
import stat
import struct
import subprocess
import sys
import time
import tomllib
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import envctl
from envctl.cli.main import main
from envctl.environment.identity import GENERATION, parse_generation
from envctl.environment.inventory import INVENTORY, parse_inventory
from envctl.store.manifest import format_manifest, parse_manifest
from envctl.transaction import switch
from support.wheels import make_wheel

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
#: No command of these trials takes longer, even on a busy machine.
_PATIENCE = 120.0
#: Modules that are programs: importing them would run them.
_PROGRAMS = {"envctl.__main__", "envctl.wheel.bytecode_worker"}


class Failed(AssertionError):
    """A promise was broken."""


@dataclass(frozen=True)
class Ended:
    """How a command ended; ``code`` is negative for a signal, as in `subprocess`."""

    code: int
    out: str
    err: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def errors(self) -> list[str]:
        """The codes of the errors on stderr."""
        return re.findall(r"^error: .*\[([a-z0-9-]+)\]$", self.err, re.MULTILINE)


def warm() -> None:
    """Import all that a command may import, so that forks need not."""
    for module in pkgutil.walk_packages(envctl.__path__, "envctl."):
        if module.name not in _PROGRAMS and ".in_process" not in module.name:
            importlib.import_module(module.name)


@contextmanager
def served(wheels: str) -> Iterator[str]:
    """Serve a folder of wheels from a process of its own, so that this one has no threads; gives the URL."""
    program = (
        f"import sys; sys.path.insert(0, {os.path.dirname(os.path.dirname(os.path.abspath(__file__)))!r})\n"
        "from support.server import IndexServer\n"
        "with IndexServer(sys.argv[1]) as server: print(server.url, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, wheels], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()


def publish(
    wheels: str,
    names: Sequence[str],
    *,
    versions: Sequence[str] = ("1", "2"),
    files: int = 3,
    ballast: int = 0,
) -> None:
    """Make wheels of which every module says its version, with a script each, and ``ballast`` random bytes."""
    for name in names:
        for version in versions:
            content: dict[str, str | bytes] = {f"{name}/__init__.py": f"VERSION = {version!r}\n"}
            content |= {
                f"{name}/inner/m{number}.py": f"VERSION = {version!r}\nPAD = {'x' * 400!r}\n"
                for number in range(files)
            }
            if ballast:
                content[f"{name}/ballast.bin"] = os.urandom(ballast)
            make_wheel(wheels, name, version, files=content, scripts={name: f"{name}:print"})


@dataclass
class Stand:
    """A project at ``root/project`` with its cache at ``root/cache``, and an index at ``url``.

    ``switch`` is what its manifests say of how to switch; empty for nothing.
    """

    root: str
    url: str
    environ: dict[str, str] = field(default_factory=dict)
    cache_dir: str = ""
    switch: str = ""

    def __post_init__(self) -> None:
        self.project = os.path.join(self.root, "project")
        self.cache = self.cache_dir or os.path.join(self.root, "cache")
        os.makedirs(self.project, exist_ok=True)

    @property
    def venv(self) -> str:
        return os.path.join(self.project, ".venv")

    @property
    def state(self) -> str:
        return os.path.join(self.project, ".venv.envctl")

    def variables(self) -> dict[str, str]:
        """Make the environment of a command: no settings of who runs the trials."""
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": os.path.join(self.root, "home"),
            "LANG": "C.UTF-8",
            "CI": "1",  # what is thrown away is deleted before the command ends
            "no_proxy": "127.0.0.1",
            "TMPDIR": os.path.join(self.root, "tmp"),
            "ENVCTL_CACHE_DIR": self.cache,
            **self.environ,
        }

    def declare(self, *dependencies: str, rest: str = "") -> None:
        if self.switch and "switch =" not in rest:
            rest = f'[install]\nswitch = "{self.switch}"\n' + rest.removeprefix("[install]\n")
        lines = [
            f'python = "{PYTHON}"',
            f"dependencies = {json.dumps(dependencies)}",
            f'[[index]]\nname = "local"\nurl = "{self.url}"',
            rest,
        ]
        with open(os.path.join(self.project, "env.toml"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def start(
        self, *arguments: str, before: Callable[[], None] | None = None, terminal: int | None = None
    ) -> Started:
        """Start a command in a fork that leads a session; ``before`` is called there first.

        Its stderr is kept, or is ``terminal``.
        """
        os.makedirs(os.path.join(self.root, "tmp"), exist_ok=True)
        out, err = os.memfd_create("out"), os.memfd_create("err")
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            self._be_command(arguments, before, out, err if terminal is None else terminal)
        return Started(child, out, err)

    def _be_command(
        self, arguments: Sequence[str], before: Callable[[], None] | None, out: int, err: int
    ) -> None:
        code = 1
        try:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDONLY)
            for descriptor, number in ((nothing, 0), (out, 1), (err, 2)):
                os.dup2(descriptor, number)
            os.closerange(3, 1024)
            sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115 - until the process ends
            sys.stdout = io.TextIOWrapper(io.FileIO(1, "w"), "utf-8", write_through=True)
            sys.stderr = io.TextIOWrapper(io.FileIO(2, "w"), "utf-8", write_through=True)
            os.environ.clear()
            os.environ.update(self.variables())
            os.chdir(self.project)
            if before is not None:
                before()
            code = main(list(arguments))
        except BaseException:  # noqa: BLE001 - a fork must never return to its caller
            traceback.print_exc()
            code = 70
        finally:
            os._exit(code)

    def run(self, *arguments: str, before: Callable[[], None] | None = None) -> Ended:
        return self.start(*arguments, before=before).wait()

    def must(self, *arguments: str) -> Ended:
        """Run a command, which must exit with 0."""
        ended = self.run(*arguments)
        if ended.code:
            raise Failed(f"`{' '.join(arguments)}` exited {ended.code}: {ended.err}{ended.out}")
        return ended


@dataclass
class Started:
    """A command under way."""

    pid: int
    out: int
    err: int

    def wait(self, seconds: float = _PATIENCE, *, whole: bool = False) -> Ended:
        """Wait for its end; after so many seconds it is killed, and all that it started if ``whole``."""
        watched = os.pidfd_open(self.pid)
        try:
            if not select.select([watched], [], [], seconds)[0]:
                self._kill(whole=whole)
        finally:
            os.close(watched)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return Ended(code, _read_and_close(self.out), _read_and_close(self.err))

    def _kill(self, *, whole: bool) -> None:
        try:
            (os.killpg if whole else os.kill)(self.pid, signal.SIGKILL)
        except ProcessLookupError:  # so early that it leads no session yet
            os.kill(self.pid, signal.SIGKILL)


def _read_and_close(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, encoding="utf-8", errors="replace") as file:
        return file.read()


# --- what is there -------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """The three that belong together: manifest, lock, and what the environment holds, all files read."""

    manifest: str
    lock: str | None
    versions: Mapping[str, str] | None
    number: int | None = None

    @property
    def substance(self) -> tuple[object, ...]:
        """All but the number of the generation."""
        return (self.manifest, self.lock, None if self.versions is None else sorted(self.versions.items()))


def look(stand: Stand) -> Found:
    """Read manifest, lock and every file of the environment.

    Raises:
        Failed: when the environment is not whole, or holds more than it says.
    """
    number, versions = (None, None) if not os.path.lexists(stand.venv) else read_tree(stand.venv)
    return Found(
        manifest=_read(os.path.join(stand.project, "env.toml")) or "",
        lock=_read(os.path.join(stand.project, "pylock.toml")),
        versions=versions,
        number=number,
    )


_OWN = {f".envctl/{name}" for name in ("generation.json", "inventory", "receipt")}


def read_tree(tree: str) -> tuple[int, Mapping[str, str]]:
    """Read an environment whole: its number, and the versions by name."""
    try:
        with open(os.path.join(tree, GENERATION), "rb") as file:
            record = parse_generation(file.read())
        with open(os.path.join(tree, INVENTORY), "rb") as file:
            inventory = parse_inventory(file.read())
    except OSError as error:
        raise Failed(f"the environment does not say what it is: {error}") from error
    promised = set()
    for _, owned in inventory:
        path = os.path.join(tree, owned.path)
        promised.add(owned.path)
        try:
            right = os.readlink(path) == owned.link if owned.link is not None else _hash(path) == owned.sha256
        except OSError as error:
            raise Failed(f"a file of the environment cannot be read: {error}") from error
        if not right:
            raise Failed(f"`{owned.path}` is not what generation {record.number} says")
    for path in _walk(tree):
        if "__pycache__" not in path and path not in promised | _OWN and not _is_half_made(path):
            raise Failed(f"`{path}` is in the environment, and nobody's")
    versions = {name: each.version for name, each in record.distributions.items()}
    for name, version in versions.items():
        text = _read(os.path.join(tree, "lib", f"python{PYTHON}", "site-packages", name, "__init__.py"))
        if text != f"VERSION = {version!r}\n":
            raise Failed(f"`{name}` should be {version}, and its module says {text!r}")
    return record.number, versions


def _is_half_made(path: str) -> bool:
    """Whether it is what a killed run was writing of itself; the next one that writes removes it."""
    return path.startswith(".envctl/") and path.endswith(".tmp")


def locked(found: Found) -> Mapping[str, str]:
    """Give names and versions of a lock."""
    packages = tomllib.loads(found.lock or "").get("packages", [])
    return {package["name"]: package["version"] for package in packages}


_BELONGS = {"env.toml", "pylock.toml", ".venv", ".venv.envctl"}
_STATE = {".gitignore", "lock", "history.jsonl", "generations", "staging", "trash"}


def check_bytecode(tree: str) -> int:
    """Demand that all bytecode of an environment is whole, and of its source; gives how much there is.

    Raises:
        Failed: when it is not.
    """
    found = 0
    for path in _walk(tree):
        if path.endswith(f".{sys.implementation.cache_tag}.pyc"):
            folder, _, name = path.partition("/__pycache__/")
            source = os.stat(os.path.join(tree, folder, name.split(".")[0] + ".py"))
            with open(os.path.join(tree, path), "rb") as file:
                data = file.read()
            expected = struct.pack(
                "<4sLLL", importlib.util.MAGIC_NUMBER, 0, int(source.st_mtime), source.st_size
            )
            try:
                marshal.loads(data[16:])
            except (ValueError, EOFError, TypeError) as error:
                raise Failed(f"`{path}` is torn: {error}") from error
            if data[:16] != expected:
                raise Failed(f"`{path}` is not of its source")
            found += 1
    return found


def leftovers(stand: Stand, *, temporary: bool = True) -> list[str]:
    """Name what lies in the project, beside what belongs there, once a command that writes has ended.

    And what lies in the folder for temporary files, if ``temporary``.
    """
    found = [name for name in _list(stand.project) if name not in _BELONGS]
    found += [f".venv.envctl/{name}" for name in _list(stand.state) if name not in _STATE]
    for folder in ("staging", "trash"):
        found += [f"{folder}/{name}" for name in _list(os.path.join(stand.state, folder))]
    found += [f".venv/{path}" for path in _walk(stand.venv) if _is_half_made(path)]
    if temporary:
        found += [f"tmp/{name}" for name in _list(os.path.join(stand.root, "tmp"))]
    return found


def litter(stand: Stand) -> list[str]:
    """Name half-made files in the cache; the store's own folders for them aside, which its next use clears."""
    return [
        path
        for path in _walk(stand.cache)
        if not path.startswith(("new/", "trash/", "locks/"))
        and re.search(r"\.tmp$|/\.probe-|/renewed-|/manifest\.\d+$|\.memo\.", path)
    ]


def _walk(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        for name in files + links:
            yield os.path.relpath(os.path.join(parent, name), folder)


def _list(folder: str) -> list[str]:
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _hash(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


# --- putting it back -----------------------------------------------------------


@dataclass(frozen=True)
class _Kept:
    mode: int
    mtime_ns: int
    content: bytes
    inode: int


@dataclass(frozen=True)
class Snapshot:
    """All that lies below a folder, in memory: files that are one inode are one again when it is put back."""

    kept: Mapping[str, _Kept]

    @classmethod
    def take(cls, root: str) -> Snapshot:
        kept = {}
        for parent, folders, files in os.walk(root):
            for name in folders + files:
                path = os.path.join(parent, name)
                seen = os.lstat(path)
                content = b""
                if stat.S_ISLNK(seen.st_mode):
                    content = os.readlink(path).encode()
                elif stat.S_ISREG(seen.st_mode):
                    with open(path, "rb") as file:
                        content = file.read()
                kept[os.path.relpath(path, root)] = _Kept(
                    seen.st_mode, seen.st_mtime_ns, content, seen.st_ino
                )
        return cls(kept)

    def put_back(self, root: str) -> None:
        empty(root)
        inodes: dict[int, str] = {}
        for path, each in self.kept.items():
            target = os.path.join(root, path)
            if stat.S_ISDIR(each.mode):
                if not os.path.ismount(target):
                    os.mkdir(target)
                os.chmod(target, stat.S_IMODE(each.mode))
            elif stat.S_ISLNK(each.mode):
                os.symlink(each.content.decode(), target)
            elif each.inode in inodes:
                os.link(inodes[each.inode], target)
            else:
                inodes[each.inode] = target
                with open(target, "wb") as file:
                    file.write(each.content)
                os.chmod(target, stat.S_IMODE(each.mode))
                os.utime(target, ns=(each.mtime_ns, each.mtime_ns))
        for path, each in reversed(tuple(self.kept.items())):
            if stat.S_ISDIR(each.mode):
                os.utime(os.path.join(root, path), ns=(each.mtime_ns, each.mtime_ns))
        make_inodes_known(os.path.join(root, "cache"))


def empty(folder: str) -> None:
    """Remove all that is in a folder, but for folders on which something is mounted: these are emptied."""
    for name in _list(folder):
        path = os.path.join(folder, name)
        if os.path.ismount(path):
            empty(path)
        elif os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def make_inodes_known(cache: str) -> None:
    """Let the store know the inodes that its files got by being put back: nothing moved, for all it can tell."""
    for parent, _, files in os.walk(cache):
        marks = [name for name in files if name.startswith("mark-")]
        if "manifest" not in files or not marks:
            continue
        manifest = os.path.join(parent, "manifest")
        with open(manifest, "rb") as file:
            parsed = parse_manifest(file.read(), os.path.basename(parent))
        if parsed is None:
            continue
        about, generation, stored = parsed
        seen = {each.path: _lstat(os.path.join(parent, "tree", each.path)) for each in stored}
        renumbered = tuple(
            each._replace(inode=status.st_ino) if (status := seen[each.path]) else each for each in stored
        )
        status = os.stat(manifest)
        with open(manifest, "wb") as file:
            file.write(format_manifest(os.path.basename(parent), about, generation, renumbered))
        os.utime(manifest, ns=(status.st_mtime_ns, status.st_mtime_ns))
        highest = max((each.st_ctime_ns for each in seen.values() if each), default=0)
        os.utime(os.path.join(parent, marks[0]), ns=(highest, highest))


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


# --- scenarios -----------------------------------------------------------------

NAMES = ("alpha", "beta", "gamma")


@dataclass(frozen=True)
class Scenario:
    """One command in one situation: where it begins, and where it leads.

    One that is not ``settled`` begins where a killed run has left things to be finished or undone. Without
    an ``exchange`` the switch is two renames, and there may be no environment until the next command that
    writes.
    """

    name: str
    command: tuple[str, ...]
    snapshot: Snapshot
    old: Found
    new: Found
    settled: bool = True
    exchange: bool = True

    def prepare_process(self) -> None:
        """Set in the process of the command what it shall find."""
        switch.exchange_allowed = self.exchange


def _pins(version: str, names: Sequence[str] = NAMES) -> list[str]:
    return [f"{name}=={version}" for name in names]


def _begin_cold(stand: Stand) -> tuple[str, ...]:
    """Nothing but an interpreter that is known: probing it is no file operation of interest."""
    stand.declare()
    stand.must("apply")
    stand.must("destroy", "--yes")
    os.unlink(os.path.join(stand.project, "pylock.toml"))
    stand.declare(*_pins("1"))
    return ("apply",)


def _begin_upgraded_lock(stand: Stand) -> tuple[str, ...]:
    stand.declare(*_pins("1"))
    stand.must("apply")
    stand.declare(*_pins("2"))
    return ("apply",)


def _begin_merge(stand: Stand) -> tuple[str, ...]:
    for version in ("1", "2"):
        stand.declare(*_pins(version), rest='[install]\nswitch = "merge"')
        if version == "1":
            stand.must("apply")
    return ("apply",)


def _begin_removal(stand: Stand) -> tuple[str, ...]:
    stand.declare(*_pins("1"))
    stand.must("apply")
    stand.declare(*_pins("1", NAMES[:2]))
    return ("apply",)


def _begin_upgrade(stand: Stand) -> tuple[str, ...]:
    stand.declare(*_pins("1"))
    stand.must("apply")
    stand.declare(*(f"{name}>=1" for name in NAMES))
    stand.must("apply")
    return ("upgrade", "--bounds", "lower")


def _begin_rollback(stand: Stand) -> tuple[str, ...]:
    for version in ("1", "2"):
        stand.declare(*_pins(version))
        stand.must("apply")
    return ("rollback",)


def _begin_lock(stand: Stand) -> tuple[str, ...]:
    stand.declare(*_pins("1"))
    stand.must("apply")
    stand.declare(*_pins("2"))
    return ("lock",)


def _begin_destroy(stand: Stand) -> tuple[str, ...]:
    for version in ("1", "2"):
        stand.declare(*_pins(version))
        stand.must("apply")
    return ("destroy", "--yes")


BEGINNINGS: Mapping[str, Callable[[Stand], tuple[str, ...]]] = {
    "install": _begin_cold,
    "change": _begin_upgraded_lock,
    "merge": _begin_merge,
    "removal": _begin_removal,
    "upgrade": _begin_upgrade,
    "rollback": _begin_rollback,
    "lock": _begin_lock,
    "destroy": _begin_destroy,
}


def prepare(stand: Stand, name: str, begin: Callable[[Stand], tuple[str, ...]] | None = None) -> Scenario:
    """Bring a project to where a scenario begins, and find out where it leads."""
    empty(stand.root)
    os.makedirs(stand.project, exist_ok=True)
    command = (begin or BEGINNINGS[name])(stand)
    snapshot, old = Snapshot.take(stand.root), look(stand)
    stand.must(*command)
    new = look(stand)
    if old.substance == new.substance:
        raise Failed(f"`{name}` changes nothing")
    return Scenario(name=name, command=command, snapshot=snapshot, old=old, new=new)


# --- the judgement -------------------------------------------------------------

#: Recovers, and then fails before it changes anything: there is no such generation.
_RECOVERING = ("rollback", "999")


def judge(stand: Stand, scenario: Scenario, *, ended: Ended | None = None, tidy: bool = True) -> str:
    """Demand what is promised after a command was disturbed; says ``old`` or ``new``.

    ``ended`` is how it ended, where it was not killed; it was able to delete if ``tidy``.

    Raises:
        Failed: what was promised is not so.
    """
    if ended is not None:
        _judge_end(ended)
    pending = os.path.exists(os.path.join(stand.state, "journal"))
    before = _look_before(stand, scenario, pending=pending)
    if ended is not None and before not in _fitting(ended, settled=scenario.settled):
        raise Failed(f"exit {ended.code}, and what is there is {before}: {ended.err}")
    told = stand.run("status")
    if told.code not in {0, 1} or "Traceback" in told.err:
        raise Failed(f"`status` exits {told.code}: {told.err}")
    if pending and "killed" not in told.err + told.out:
        raise Failed(f"`status` does not tell that a run was killed: {told.out}{told.err}")
    recovering = stand.run(*_RECOVERING)
    if recovering.code != 1 or recovering.errors != ["no-such-generation"]:
        raise Failed(f"recovery exits {recovering.code}: {recovering.err}")
    if pending and "killed" not in recovering.err:
        raise Failed(f"recovery says nothing: {recovering.err}")
    state = _compare(look(stand), scenario)
    # Who was killed, or cannot delete, leaves to the system what is in the folder for temporary files.
    if left := leftovers(stand, temporary=tidy and ended is not None):
        raise Failed(f"left behind: {left}")
    _reach_goal(stand, scenario, state)
    return state


def _judge_end(ended: Ended) -> None:
    if "Traceback" in ended.err or "[bug]" in ended.err:
        raise Failed(f"a traceback: {ended.err}")
    if ended.code not in {0, 1, 6, 7}:
        raise Failed(f"exit {ended.code}: {ended.err}")
    if len(ended.errors) != (1 if ended.code else 0):
        raise Failed(f"exit {ended.code} with {len(ended.errors)} errors: {ended.err}")


def _fitting(ended: Ended, *, settled: bool) -> set[str]:
    """Say what may be there after an exit code."""
    if ended.code == 0:
        return {"new"}
    if ended.code == 7 or not settled:
        return {"old", "new", "between", "absent"}
    return {"old"}


def _look_before(stand: Stand, scenario: Scenario, *, pending: bool) -> str:
    """Look at what is there before anybody recovers; the files may still wait for the next command."""
    if pending and not scenario.exchange and not os.path.lexists(stand.venv):
        return "absent"
    try:
        found = look(stand)
    except Failed:
        if pending and _is_merging(stand):
            return "between"
        raise
    if found.versions not in (scenario.old.versions, scenario.new.versions):
        raise Failed(f"neither old nor new: {found.versions}")
    try:
        return _compare(found, scenario)
    except Failed:
        if not pending:
            raise
        return "between"


def _is_merging(stand: Stand) -> bool:
    """Whether a merge has begun: until it is completed the environment may be a mixture."""
    with open(os.path.join(stand.state, "journal"), "rb") as file:
        return b'"merge": {' in file.read()


def _compare(found: Found, scenario: Scenario) -> str:
    for state, expected in (("new", scenario.new), ("old", scenario.old)):
        if found.substance == expected.substance:
            return state
    raise Failed(
        f"not together: environment {found.versions}, lock {locked(found)}, "
        f"manifest {'old' if found.manifest == scenario.old.manifest else 'new'}"
    )


def _reach_goal(stand: Stand, scenario: Scenario, state: str) -> None:
    """Run the same command again, where it has something left to do, and be where it leads."""
    again = {"rollback": state == "old", "destroy": state == "old" or os.path.lexists(stand.state)}
    if again.get(scenario.command[0], True):
        stand.must(*scenario.command)
    found = look(stand)
    if found.substance != scenario.new.substance:
        raise Failed(f"a plain re-run does not reach the goal: {found}")
    if left := leftovers(stand, temporary=False):
        raise Failed(f"left behind by the re-run: {left}")
    if scenario.command[0] == "destroy":
        if os.path.lexists(stand.state):
            raise Failed("destroyed, and its folder is still there")
        return
    wanted = {"rollback": 2, "lock": 2}.get(scenario.command[0], 0)
    plan = stand.run("plan", "--detailed-exitcode", "--verify", "hash", "--json")
    if plan.code != wanted or json.loads(plan.out).get("drift"):
        raise Failed(f"at the goal, `plan` exits {plan.code}: {plan.err}{plan.out[:2000]}")


@contextmanager
def scratch(name: str, *, keep: bool = False) -> Iterator[str]:
    """Give a folder, in memory where there is room for it, removed at the end."""
    import tempfile

    shared = "/dev/shm"
    place = tempfile.mkdtemp(prefix=f"envctl-{name}-", dir=shared if os.access(shared, os.W_OK) else None)
    try:
        yield place
    finally:
        if not keep:
            shutil.rmtree(place, ignore_errors=True)


def tell_time(began: float) -> int:
    """Tell the seconds since ``began`` (monotonic)."""
    return round(time.monotonic() - began)
