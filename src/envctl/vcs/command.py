"""Git as a program: started without a shell, with an environment that leads it nowhere else.

What the caller's variables say about repositories (``GIT_DIR`` and its kin, set inside a hook of git) is
dropped, and so is every setting of envctl and of other installers, credentials among them. What the user
told git itself stays: configuration, helpers for credentials, the agent of ssh. Nothing is asked for: there
is no terminal.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO
from urllib.parse import urlsplit

from envctl.errors import MachineError, UpstreamError
from envctl.frozen import dataclass, field
from envctl.model.events import Emit, ignore, insecure_host
from envctl.model.settings import Identity

#: Variables of git that say how to reach a server, and not which repository or which work tree is meant.
_KEPT = frozenset(
    {
        "GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH",
        "GIT_CONFIG_COUNT", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM",
    }
)  # fmt: skip
_KEPT_PREFIXES = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_")
_DROPPED_PREFIXES = ("GIT_", "ENVCTL_", "PIP_", "UV_")

#: Which schemes a repository may lead to, itself and through redirects and submodules, by its own.
PROTOCOLS = {
    "https": "https:ssh",
    "ssh": "https:ssh",
    "http": "http:https:ssh",
    "file": "file:http:https:ssh",
}

#: A connection that brings less than so many bytes a second, so many seconds long, is given up.
_SLOWEST, _PATIENCE = 1000, 60

#: Seconds for one command; the history of the largest repositories takes minutes.
TIMEOUT = 1800.0

_OPTIONS = (
    # Nothing of the machine runs beside a checkout, and files are as they are in the repository.
    f"core.hooksPath={os.devnull}",
    "core.fsmonitor=false",
    "core.autocrlf=false",
    "core.symlinks=true",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "advice.detachedHead=false",
    "credential.interactive=never",
    "init.defaultBranch=main",
    "protocol.version=2",
    f"http.lowSpeedLimit={_SLOWEST}",
    f"http.lowSpeedTime={_PATIENCE}",
)

#: What git prints after the reason why the other side could not be asked.
_SAYS_NOTHING = frozenset(
    {
        "fatal: Could not read from remote repository.",
        "Please make sure you have the correct access rights",
        "and the repository exists.",
    }
)

_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")


class GitError(Exception):
    """A command of git failed; ``output`` is what it printed on stderr, without user names and passwords."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output

    @property
    def reason(self) -> str:
        """The line that says most: the last that git itself calls fatal or an error."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        # That it could not read is what everybody knows by then; who ended before says why.
        lines = [line for line in lines if line not in _SAYS_NOTHING] or lines
        told = [line for line in lines if line.startswith(("fatal: ", "error: ", "ERROR: "))]
        line = told[-1].partition(": ")[2] if told else (lines[-1] if lines else "it gives no reason")
        return line.replace("`", "'")


class Running:
    """The commands that run now, in all threads of a run."""

    def __init__(self) -> None:
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._is_stopped = False

    def start(
        self, command: Sequence[str], environ: Mapping[str, str], feed: int = subprocess.PIPE
    ) -> subprocess.Popen[bytes]:
        """Start a command that reads ``feed``, a descriptor.

        Raises InterruptedError when the run was stopped, and what the system does.
        """
        with self._lock:
            if self._is_stopped:
                raise InterruptedError("the run was stopped")
            process = subprocess.Popen(
                command,
                env=dict(environ),
                # Not in the caller's folder: git would read the configuration of the repository around it.
                cwd=os.path.abspath(os.sep),
                stdin=feed,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Away from the terminal, so that neither git nor ssh can ask there.
                start_new_session=True,
            )
            self._processes.add(process)
            return process

    def forget(self, process: subprocess.Popen[bytes]) -> None:
        """Forget a command that has ended."""
        with self._lock:
            self._processes.discard(process)

    def stop(self) -> None:
        """End all that runs, and let nothing more begin."""
        with self._lock:
            self._is_stopped = True
            running = list(self._processes)
        for process in running:
            _end(process)


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """Git with the machine's settings, which are as in `Settings`.

    ``authorities`` are the file and the folder of certificates to trust, None for what git itself does.
    ``timeout`` is seconds for one command; ``told`` are the hosts that ``emit`` was told of.
    """

    environ: Mapping[str, str]
    offline: bool = False
    proxy: str | None = None
    authorities: tuple[str | None, str | None] = (None, None)
    client_certificates: Mapping[str, Identity] = field(default_factory=dict)
    insecure_hosts: tuple[str, ...] = ()
    timeout: float = TIMEOUT
    emit: Emit = ignore
    told: set[str] = field(default_factory=set)
    running: Running = field(default_factory=Running)

    def run(self, *arguments: str, folder: str | None = None, url: str = "file:", feed: bytes = b"") -> bytes:
        """Run one command and return what it printed; ``url`` is that of the repository it asks.

        Raises:
            GitError: it failed.
            MachineError: `git-missing`; UpstreamError: `timeout`.
        """
        with self._started(arguments, folder, url) as process:
            try:
                output, errors = process.communicate(feed, timeout=self.timeout)
            except subprocess.TimeoutExpired as error:
                raise UpstreamError("timeout", f"git took more than {self.timeout:.0f} s") from error
        _refuse_failure(process.returncode, errors)
        return output

    @contextmanager
    def reading(self, *arguments: str, folder: str, feed: str) -> Iterator[IO[bytes]]:
        """Run one command that reads the file ``feed``, and give what it prints: too much to be held.

        Raises:
            GitError: it failed, once that was read to its end; MachineError: `git-missing`.
        """
        with open(feed, "rb") as file, self._started(arguments, folder, "file:", file.fileno()) as process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            assert process.stderr is not None  # noqa: S101 - likewise
            with process.stdout as output, process.stderr as errors:
                yield output
                # The little that git has to say of its own fits into a pipe.
                told = errors.read()
            process.wait()
        _refuse_failure(process.returncode, told)

    def at(self, scheme: str, url: str) -> None:
        """Refuse to leave the machine while offline, and say once where anybody could answer.

        Raises:
            UpstreamError: `offline`.
        """
        if self.offline and scheme != "file":
            raise UpstreamError(
                "offline",
                f"the repository `{url}` has to be asked, and `--offline` forbids it",
                where=url,
            )
        host = urlsplit(url).netloc
        if scheme == "https" and host not in self.told and not self._is_checked(url):
            self.told.add(host)
            self.emit(insecure_host(host))

    def _is_checked(self, url: str) -> bool:
        return set(self.insecure_hosts).isdisjoint(_list_places(url))

    @contextmanager
    def _started(
        self, arguments: Sequence[str], folder: str | None, url: str, feed: int = subprocess.PIPE
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Give a command that runs; it is ended unless it was waited for."""
        options = [part for option in (*_OPTIONS, *self._introduce(url)) for part in ("-c", option)]
        place = [] if folder is None else [f"--git-dir={folder}"]
        environ = {**scrub(self.environ), **self._variables(url.partition(":")[0])}
        try:
            process = self.running.start(["git", *options, *place, *arguments], environ, feed)
        except FileNotFoundError as error:
            raise MachineError(
                "git-missing",
                "there is no `git` in the PATH, and a source of the manifest is a repository",
                hints=["install git, or name the source by `path` or `url`"],
            ) from error
        try:
            yield process
        except BaseException:
            _end(process)
            raise
        finally:
            self.running.forget(process)

    def _introduce(self, url: str) -> Iterator[str]:
        """Yield options: whether a server has to prove who it is, and who to be for it; for its URL alone."""
        if not url.startswith("https:"):
            return
        key = f"http.https://{urlsplit(url).netloc}/"
        if not self._is_checked(url):
            yield f"{key}.sslVerify=false"
        known = (self.client_certificates.get(place) for place in (*_list_places(url), "*"))
        identity = next(filter(None, known), None)
        if identity is not None:
            yield f"{key}.sslCert={identity[0]}"
            yield f"{key}.sslKey={identity[1] or identity[0]}"

    def _variables(self, scheme: str) -> dict[str, str]:
        variables = {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": PROTOCOLS[scheme],
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "LC_ALL": "C.UTF-8",
        }
        if self.proxy is not None:
            variables |= dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), self.proxy)
        bundle, folder = self.authorities
        if bundle is not None:
            variables["GIT_SSL_CAINFO"] = bundle
        if folder is not None:
            variables["GIT_SSL_CAPATH"] = folder
        return variables


def _list_places(url: str) -> tuple[str, str]:
    """List what settings may call the host of an https URL."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 443}", parts.hostname or ""


def scrub(environ: Mapping[str, str]) -> dict[str, str]:
    """Take from ``environ`` what would lead git elsewhere, and what is none of its business."""
    return {
        name: value
        for name, value in environ.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES) or not name.startswith(_DROPPED_PREFIXES)
    }


def _refuse_failure(code: int, errors: bytes) -> None:
    if code != 0:
        raise GitError(_USERINFO.sub("***@", errors.decode(errors="replace")))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git, if it runs, and the helpers that it started."""
    if sys.platform != "win32":
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except OSError:
            pass  # nobody is left in it
    elif process.poll() is None:
        process.kill()
    process.wait()
