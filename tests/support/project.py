"""A project on disk with an index of its own, driven through the command as a user would.

Nothing of envctl is imported here: what these tests see is exit codes, stdout, stderr and files.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import pty
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from packaging.utils import canonicalize_name

from support.server import IndexServer
from support.wheels import make_wheel

#: The Python of the environments: the one that runs the tests, which is there for certain.
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

#: Its base interpreter, for tools that would not find it by its version.
INTERPRETER = os.path.realpath(sys.executable)

#: Nobody listens there, so whatever would leave loopback fails at once.
_NOWHERE = "http://127.0.0.1:9"

#: No command of these tests takes longer, even on a busy machine.
TIMEOUT = 120.0


def find_command() -> list[str]:
    """Find the installed command, else the package as a module; never one in the working folder."""
    installed = os.path.join(os.path.dirname(sys.executable), "envctl")
    return [installed] if os.access(installed, os.X_OK) else [sys.executable, "-P", "-m", "envctl"]


@dataclass(frozen=True, slots=True)
class Result:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on stdout, which holds nothing else."""
        return json.loads(self.out)

    @property
    def codes(self) -> list[str]:
        """The codes of the errors on stderr, in order."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        return [line.rpartition("[")[2].removesuffix("]") for line in lines]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder with a manifest, a cache and an index; ``environ`` is added to every command's."""

    folder: str
    cache: str
    index: IndexServer
    environ: dict[str, str] = field(default_factory=dict)

    # Files.

    def path(self, *parts: str) -> str:
        return os.path.join(self.folder, *parts)

    def site(self, *parts: str, environment: str = ".venv") -> str:
        return self.path(environment, "lib", f"python{PYTHON}", "site-packages", *parts)

    def read(self, *parts: str) -> str:
        with open(self.path(*parts), encoding="utf-8") as file:
            return file.read()

    def write(self, relative: str, text: str) -> str:
        path = self.path(relative)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def write_manifest(self, *dependencies: str, rest: str = "", head: str = "", lists: bool = True) -> None:
        """Write ``env.toml``: ``head``, the dependencies unless ``lists`` is off, the index, ``rest``."""
        lines = [f'python = "{PYTHON}"', head]
        if lists:
            lines.append(f"dependencies = {json.dumps(dependencies)}")
        lines += ["[[index]]", 'name = "loop"', f'url = "{self.index.url}"', rest]
        self.write("env.toml", "\n".join(lines) + "\n")

    def publish(self, name: str, version: str, **details: Any) -> str:
        """Put a wheel on the index; the details are those of `make_wheel`."""
        return make_wheel(self.index.folder, name, version, **details)

    def snapshot(self, *, times: bool = False) -> dict[str, tuple[object, ...]]:
        """Describe all that lies in the folder; with ``times`` the moments of change too.

        The times of folders betray even a file that was written and deleted again. Without ``times`` the
        kernel locks are left out: they name the process that held them last.
        """
        return {
            path: describe(os.path.join(self.folder, path), times=times)
            for path in walk(self.folder)
            if times or not path.endswith(".envctl/lock")
        }

    def installed(self, environment: str = ".venv") -> dict[str, str]:
        return installed_in(self.path(environment))

    def locked(self) -> dict[str, str]:
        """Read names and versions out of the lock."""
        import tomllib

        packages = tomllib.loads(self.read("pylock.toml"))["packages"]
        return {package["name"]: package.get("version", "") for package in packages}

    # Commands.

    def variables(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Make the environment of a command: no settings of the person who runs the tests."""
        kept = {key: os.environ[key] for key in ("PATH", "SYSTEMROOT") if key in os.environ}
        if "PYTHONPATH" in os.environ:  # the checkout, where envctl is not installed
            parts = os.environ["PYTHONPATH"].split(os.pathsep)
            kept["PYTHONPATH"] = os.pathsep.join(os.path.abspath(part) for part in parts if part)
        return {
            **kept,
            "HOME": os.path.join(self.cache, "home"),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "CI": "true",  # old generations are deleted before the command ends, not by a process after it
            "ENVCTL_CACHE_DIR": os.path.join(self.cache, "envctl"),
            **{
                name: _NOWHERE
                for scheme in ("http", "https", "all")
                for name in _both_cases(f"{scheme}_proxy")
            },
            **dict.fromkeys(_both_cases("no_proxy"), "127.0.0.1"),
            **self.environ,
            **(more or {}),
        }

    def run(
        self,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        directory: str | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> Result:
        """Run envctl in the folder. A bug of envctl, with its traceback, is never an expected result.

        One that a build backend printed is indented.
        """
        done = subprocess.run(
            [*find_command(), *arguments],
            cwd=directory or self.folder,
            env=self.variables(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            check=False,
            preexec_fn=prepare,
        )
        assert "\nTraceback" not in f"\n{done.stderr}", done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def succeed(self, *arguments: str, environ: Mapping[str, str] | None = None) -> Result:
        """Run envctl, which must exit with 0."""
        result = self.run(*arguments, environ=environ)
        assert result.code == 0, (arguments, result.out, result.err)
        return result

    def apply(self, *arguments: str) -> dict[str, Any]:
        """Apply, and return the report."""
        report: dict[str, Any] = self.succeed("apply", "--json", *arguments).json
        return report

    def plan(self, *arguments: str) -> dict[str, Any]:
        """Plan, and return the plan."""
        document: dict[str, Any] = self.succeed("plan", "--json", *arguments).json
        return document

    def is_settled(self, *arguments: str) -> bool:
        """Whether a plan has nothing to do."""
        code = self.run("plan", "--detailed-exitcode", *arguments).code
        assert code in {0, 2}
        return code == 0

    def interrupt(self, *arguments: str, number: int = signal.SIGINT, when: Callable[[], bool]) -> Result:
        """Start envctl, send it a signal as soon as ``when`` says so, and wait for its end."""
        process = subprocess.Popen(
            [*find_command(), *arguments],
            cwd=self.folder,
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + TIMEOUT
        while not when():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT)
        assert "Traceback" not in err, err
        return Result(process.returncode, out, err)

    def converse(self, *arguments: str, answer: str = "", environ: Mapping[str, str] | None = None) -> Result:
        """Run envctl on a terminal, with ``answer`` typed ahead; ``out`` is all that the terminal shows."""
        mine, its = pty.openpty()
        process = subprocess.Popen(
            [*find_command(), *arguments],
            cwd=self.folder,
            env=self.variables(environ),
            stdin=its,
            stdout=its,
            stderr=its,
        )
        os.close(its)
        os.write(mine, answer.encode())
        shown = b"".join(_read_terminal(mine))
        os.close(mine)
        return Result(process.wait(TIMEOUT), shown.decode().replace("\r\n", "\n"), "")

    def python(self, code: str, environment: str = ".venv") -> str:
        """Run code with the environment's interpreter, writing no bytecode, and return what it prints."""
        return self.execute([self.path(environment, "bin", "python"), "-I", "-B", "-c", code]).out

    def execute(self, command: Sequence[str], *, code: int = 0) -> Result:
        """Run another program in the folder; it must exit with ``code``."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.variables(_OTHER_TOOLS),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == code, (command, done.returncode, done.stdout, done.stderr)
        return Result(done.returncode, done.stdout, done.stderr)

    def pip(self, *arguments: str, code: int = 0) -> Result:
        """Run the pip of the tests' own environment."""
        command = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", *arguments]
        return self.execute(command, code=code)

    def uv(self, *arguments: str, code: int = 0) -> Result:
        """Run the uv of the tests' own environment."""
        uv = os.path.join(os.path.dirname(sys.executable), "uv")
        cache = os.path.join(self.cache, "uv")
        return self.execute(
            [uv, "--no-config", "--cache-dir", cache, "--no-python-downloads", *arguments], code=code
        )


#: pip and uv write no bytecode, so that they leave nothing behind that envctl would have to judge.
_OTHER_TOOLS = {"PIP_CONFIG_FILE": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"}


def _read_terminal(descriptor: int) -> Iterator[bytes]:
    """Read until the last process on the other side is gone, which Linux tells by an error."""
    while True:
        try:
            data = os.read(descriptor, 65536)
        except OSError:
            return
        if not data:
            return
        yield data


def _both_cases(name: str) -> tuple[str, str]:
    return name, name.upper()


def installed_in(environment: str) -> dict[str, str]:
    """Read names and versions of what is installed, by the names' normal form."""
    site = os.path.join(environment, "lib", f"python{PYTHON}", "site-packages")
    found = importlib.metadata.distributions(path=[site])
    return {canonicalize_name(each.metadata["Name"]): each.version for each in found}


def walk(folder: str) -> Iterator[str]:
    """Name all that lies in a folder, itself (as ``.``) included, links not followed."""
    yield "."
    for parent, folders, files in os.walk(folder):
        for name in sorted(folders + files):
            yield os.path.relpath(os.path.join(parent, name), folder)


def describe(path: str, *, times: bool) -> tuple[object, ...]:
    """Describe one file: kind and permissions, content, and with ``times`` when it changed."""
    status = os.lstat(path)
    content: object = None
    if stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    return (status.st_mode, content, *((status.st_mtime_ns,) if times else ()))


def changes_of(plan: Mapping[str, Any], *, quiet: bool = False) -> dict[str, str]:
    """Give the actions of a plan by address, ``no-op`` only with ``quiet``."""
    return {
        change["address"]: change["action"]
        for change in plan["changes"]
        if quiet or change["action"] != "no-op"
    }


def reasons_of(plan: Mapping[str, Any], address: str) -> set[str]:
    """Give the kinds of reasons of one line of a plan."""
    return {
        reason["kind"]
        for change in plan["changes"]
        if change["address"] == address
        for reason in change["reasons"]
    }


def drift_of(plan: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Give kind and file name of all drift in a plan."""
    return {(each["kind"], os.path.basename(each["path"])) for each in plan["drift"]}


def publish_all(project: Project, wheels: Iterable[tuple[str, str]]) -> None:
    """Put several plain wheels on the index."""
    for name, version in wheels:
        project.publish(name, version)
