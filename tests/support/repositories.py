"""Repositories of git made in the test, and servers that hand them out on loopback."""

from __future__ import annotations

import base64
import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import pytest

from support.backends import make_tree
from support.project import Project

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

#: Nothing of the person who runs the tests.
_ENVIRON = {
    "PATH": os.environ.get("PATH", os.defpath),
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "file",
    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (
        ("NAME", "somebody"), ("EMAIL", "somebody@host.example"), ("DATE", "2026-01-01T00:00:00Z"),
    )},
}  # fmt: skip


class Repository:
    """A repository with a work tree in ``folder``; ``url`` is its ``file:`` URL."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        return Path(self.folder).as_uri()

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=_ENVIRON, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        target = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)

    def commit(self, message: str = "Change it") -> str:
        """Commit all that is there, and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")


#: Permission to build `core`.
ALLOW = '[build]\nallow = ["core"]\n'


def make_core(folder: str | os.PathLike[str]) -> Repository:
    """Make a repository of the project `core`, which needs `beta`; its first commit is tagged `v1`."""
    made = Repository(folder)
    make_tree(made.folder, "core", dependencies=("beta",))
    made.commit()
    made.git("tag", "--annotate", "--message", "The first", "v1")
    return made


def declare(
    project: Project, repository: Repository, *more: str, url: str | None = None, allow: str = ALLOW
) -> Project:
    """Take `core` from a repository, at another ``url`` if given; ``more`` are keys of the source."""
    keys = ", ".join([f'git = "{url or repository.url}"', *more])
    project.write_manifest("core", rest=f"[sources]\ncore = {{ {keys} }}\n{allow}")
    return project


def move(repository: Repository, answer: int = 2) -> str:
    """Commit another answer."""
    repository.write("src/core.py", f"ANSWER = {answer}\n")
    return repository.commit()


class GitServer:
    """``git http-backend`` over a folder of repositories, on ``127.0.0.1``; a context manager.

    ``requests`` collects paths with their headers. ``credentials`` are asked of every request; one that
    ``hangs`` is not answered.
    """

    def __init__(self, folder: str | os.PathLike[str], *, credentials: tuple[str, str] | None = None) -> None:
        self.folder = os.fspath(folder)
        self.credentials = credentials
        self.requests: list[tuple[str, Mapping[str, str]]] = []
        self.hangs = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Stay silent."""

            def do_GET(self) -> None:
                outer.answer(self)

            def do_POST(self) -> None:
                outer.answer(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Run the backend as a CGI program (RFC 3875)."""
        headers = {key.lower(): value for key, value in request.headers.items()}
        self.requests.append((request.path, headers))
        body = request.rfile.read(int(headers.get("content-length", 0)))
        while self.hangs:
            time.sleep(0.05)
        if self.credentials is not None:
            wanted = base64.b64encode(":".join(self.credentials).encode()).decode()
            if headers.get("authorization") != f"Basic {wanted}":
                request.send_response(401)
                request.send_header("WWW-Authenticate", 'Basic realm="git"')
                request.send_header("Content-Length", "0")
                request.end_headers()
                return
        parts = urlsplit(request.path)
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            env={
                **_ENVIRON,
                "GIT_PROJECT_ROOT": self.folder,
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": headers.get("git-protocol", ""),
                "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
                "REQUEST_METHOD": request.command,
                "PATH_INFO": parts.path,
                "QUERY_STRING": parts.query,
                "CONTENT_TYPE": headers.get("content-type", ""),
                "REMOTE_ADDR": "127.0.0.1",
            },
            capture_output=True,
            check=False,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().split("\r\n")]
        stated = {key.lower(): value for key, _, value in lines if key}
        request.send_response(int(stated.pop("status", "200").split()[0]))
        for key, value in stated.items():
            request.send_header(key, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


_SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
needs_sshd = pytest.mark.skipif(
    not (os.path.exists(_SSHD) and shutil.which("ssh") and shutil.which("ssh-keygen")),
    reason="needs sshd, ssh and ssh-keygen",
)


@contextmanager
def serve_ssh(place: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Run an ssh server on loopback; give the beginning of its URLs, and variables that let git in."""
    place.mkdir(parents=True)
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.fspath(place / name)], check=True
        )
    shutil.copyfile(place / "user.pub", place / "authorized")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lines = [
        f"ListenAddress 127.0.0.1:{port}",
        f"HostKey {place / 'host'}",
        f"AuthorizedKeysFile {place / 'authorized'}",
        f"PidFile {place / 'pid'}",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
    ]
    (place / "config").write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.makedirs("/run/sshd", exist_ok=True)
    server = subprocess.Popen(
        [_SSHD, "-D", "-e", "-f", os.fspath(place / "config")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        command = (
            f"ssh -F none -i {place / 'user'} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no"
            f" -o UserKnownHostsFile={place / 'known'} -o LogLevel=ERROR"
        )
        yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}", {"GIT_SSH_COMMAND": command}
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
