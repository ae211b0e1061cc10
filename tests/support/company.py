"""What stands between a project and its index in a company, started by a test on loopback.

Nothing of it is ours: a pypiserver that wants passwords, nginx that speaks TLS with the certificate of a private
authority and asks for one of the client, and a proxy. All ports are chosen by the system.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

#: Seconds that a program may take until it listens.
_PATIENCE = 30.0


@contextlib.contextmanager
def running(command: list[str], log: Path, port: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the end of the block; with a port, wait until it listens there."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            if port is not None:
                wait_for(lambda: _listens(port), process, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(condition: object, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a condition holds; a server that ends before fails the test with its log."""
    assert callable(condition)
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert process.poll() is None, log.read_text("utf-8", "replace")
        assert time.monotonic() < deadline, log.read_text("utf-8", "replace")
        time.sleep(0.02)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


# An index


_PYPISERVER = """
import sys
import pypiserver
from wsgiref.simple_server import make_server
root, port, login = sys.argv[1], int(sys.argv[2]), sys.argv[3]
app = pypiserver.app(
    roots=[root],
    disable_fallback=True,
    authenticate=["list", "download", "update"],
    auther=lambda user, password: f"{user}:{password}" == login,
)
make_server("127.0.0.1", port, app).serve_forever()
"""


@contextlib.contextmanager
def pypiserver(folder: str, place: Path, *, login: str) -> Iterator[str]:
    """Serve a folder of wheels to who knows ``login`` (``user:password``); gives the index's URL."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-c", _PYPISERVER, folder, str(port), login]
    with running(command, place / "pypiserver.log", port):
        yield f"http://127.0.0.1:{port}/simple/"


# TLS


@dataclass(frozen=True, slots=True)
class Authority:
    """A private authority: the paths of its certificate, and of a client's with its key."""

    certificate: str
    server: str
    client: str
    client_certificate: str
    client_key: str


def make_authority(place: Path) -> Authority:
    """Make an authority, a certificate for 127.0.0.1 that it signed, and one for a client."""
    place.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    client = authority.issue_cert("robot@company.example")
    paths = {name: place / f"{name}.pem" for name in ("ca", "server", "client", "certificate", "key")}
    authority.cert_pem.write_to_path(str(paths["ca"]))
    server.private_key_and_cert_chain_pem.write_to_path(str(paths["server"]))
    client.private_key_and_cert_chain_pem.write_to_path(str(paths["client"]))
    client.cert_chain_pems[0].write_to_path(str(paths["certificate"]))
    client.private_key_pem.write_to_path(str(paths["key"]))
    return Authority(*(os.fspath(paths[name]) for name in ("ca", "server", "client", "certificate", "key")))


_NGINX = """
daemon off;
master_process off;
pid {place}/nginx.pid;
error_log {place}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log {place}/access.log;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxied;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {authority.server};
        ssl_certificate_key {authority.server};
        {client}
        location / {{
            proxy_pass {behind};
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(behind: str, authority: Authority, place: Path, *, wants_client: bool = False) -> Iterator[str]:
    """Put nginx before a server; gives its origin. The test is skipped where there is no nginx."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    place.mkdir(parents=True, exist_ok=True)
    port = free_port()
    client = f"ssl_client_certificate {authority.certificate}; ssl_verify_client on;" if wants_client else ""
    text = _NGINX.format(place=place, port=port, authority=authority, client=client, behind=behind)
    (place / "nginx.conf").write_text(text, "utf-8")
    command = [program, "-p", os.fspath(place), "-c", os.fspath(place / "nginx.conf"), "-e", "stderr"]
    with running(command, place / "nginx.log", port):
        yield f"https://127.0.0.1:{port}"


# A proxy


@contextlib.contextmanager
def proxy(place: Path, *, login: str = "") -> Iterator[str]:
    """Run a proxy; gives ``HOST:PORT``. With a ``login`` (``user:password``) it wants to be told that."""
    place.mkdir(parents=True, exist_ok=True)
    port_file, log = place / "port", place / "proxy.log"
    command = [sys.executable, "-W", "ignore", "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0"]
    command += ["--port-file", os.fspath(port_file), "--num-workers", "1", "--num-acceptors", "1"]
    command += ["--data-dir", os.fspath(place / "data"), "--log-level", "w"]
    command += ["--basic-auth", login] if login else []
    with running(command, log) as process:
        wait_for(lambda: port_file.exists() and port_file.read_text().strip(), process, log)
        port = int(port_file.read_text())
        wait_for(lambda: _listens(port), process, log)
        yield f"127.0.0.1:{port}"
