"""The ways to a server, and the end of each: proxies, TLS, passwords, what may be kept, what takes too long."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from e2e.conftest import publish_basics
from support.project import PYTHON, Project, walk
from support.server import CERTIFICATE, IndexServer
from support.socks import socks

BASICS = {"alpha": "1.0", "beta": "1.0"}
BETA = "beta-1.0-py3-none-any.whl"
PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
#: No proxy, and no host that needs none.
NONE = dict.fromkeys((*PROXIES, "no_proxy", "NO_PROXY"), "")


@pytest.fixture
def shop(make_project: Callable[..., Project]) -> Project:
    """A project that declares `alpha`, which needs `beta`, with a cache of its own."""
    project = make_project(fresh_cache=True)
    publish_basics(project)
    project.write_manifest("alpha")
    return project


def declare(project: Project, url: str, *, name: str = "loop") -> None:
    lines = [f'python = "{PYTHON}"', 'dependencies = ["alpha"]', "[[index]]", f'name = "{name}"']
    project.write("env.toml", "\n".join([*lines, f'url = "{url}"', ""]))


def without(module: str, place: Path) -> dict[str, str]:
    """Make a command's Python one that lacks a module."""
    (place / "sitecustomize.py").write_text(f"import sys\nsys.modules[{module!r}] = None\n", "utf-8")
    return {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}


# Proxies


@pytest.mark.parametrize(
    "variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "ENVCTL_PROXY", "https_proxy"]
)
def test_variables_name_the_proxy(shop: Project, variable: str) -> None:
    with socks() as proxy:
        shop.succeed("apply", environ=NONE | {variable: f"socks5://{proxy.address}"})

    went_through = variable != "https_proxy"
    assert set(proxy.connected) == ({("127.0.0.1", shop.index.port)} if went_through else set())
    assert shop.installed() == BASICS


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"])
def test_variables_name_the_proxy_of_encrypted_connections(shop: Project, variable: str) -> None:
    with IndexServer(shop.index.folder, tls=True) as server, socks() as proxy:
        declare(shop, server.url)
        more = {variable: f"socks5://{proxy.address}", "SSL_CERT_FILE": CERTIFICATE}
        shop.succeed("lock", environ=NONE | more)

    went_through = variable != "http_proxy"
    assert set(proxy.connected) == ({("127.0.0.1", server.port)} if went_through else set())


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize("exempt", ["*", "127.0.0.1", "other.example, 127.0.0.0/8", "127.0.0.1:{port}"])
def test_hosts_that_need_no_proxy(shop: Project, variable: str, exempt: str) -> None:
    with socks() as proxy:
        more = {"http_proxy": f"socks5://{proxy.address}", variable: exempt.format(port=shop.index.port)}
        shop.succeed("lock", environ=NONE | more)

    assert proxy.connected == []


@pytest.mark.parametrize("exempt", ["other.example", "10.0.0.0/8", "127.0.0.1:1", "7.0.0.1"])
def test_hosts_that_others_need_no_proxy_for(shop: Project, exempt: str) -> None:
    with socks() as proxy:
        shop.succeed("lock", environ=NONE | {"http_proxy": f"socks5://{proxy.address}", "NO_PROXY": exempt})

    assert proxy.connected


def test_a_socks_proxy_looks_names_up_itself(shop: Project) -> None:
    declare(shop, f"http://localhost:{shop.index.port}/simple/")
    with socks() as proxy:
        shop.succeed("lock", environ=NONE | {"ALL_PROXY": f"socks5h://{proxy.address}"})

    assert ("localhost", shop.index.port) in proxy.connected


def test_a_socks_proxy_that_wants_a_password(shop: Project) -> None:
    with socks(login="me:s3cret-word") as proxy:
        wrong = shop.run("lock", environ=NONE | {"ALL_PROXY": f"socks5://me:s3cret-work@{proxy.address}"})
        shop.succeed("apply", environ=NONE | {"ALL_PROXY": f"socks5://me:s3cret-word@{proxy.address}"})

    assert (wrong.code, wrong.codes) == (1, ["proxy-failed"])
    assert "s3cret" not in wrong.err
    assert shop.installed() == BASICS


def test_a_socks_proxy_needs_an_extra(shop: Project, tmp_path: Path) -> None:
    environ = NONE | without("socksio", tmp_path) | {"ALL_PROXY": "socks5://127.0.0.1:9"}

    result = shop.run("lock", environ=environ)

    assert (result.code, result.codes) == (1, ["bad-proxy"])
    assert "hint: install envctl[socks] for proxies that speak SOCKS" in result.err


# TLS


def test_a_certificate_that_has_expired(shop: Project, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    now = datetime.now(UTC)
    issued = authority.issue_cert(
        "127.0.0.1", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1)
    )
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "me.pem"))
    with IndexServer(shop.index.folder, tls=True, certificate=str(tmp_path / "me.pem")) as server:
        declare(shop, server.url)
        result = shop.run("lock", environ={"SSL_CERT_FILE": str(tmp_path / "ca.pem")})

    assert (result.code, result.codes) == (1, ["tls-failed"])
    assert "the certificate of `127.0.0.1` is not trusted: certificate has expired" in result.err
    assert "hint: look at the clock of this machine, then ask who runs the server" in result.err


@pytest.mark.parametrize(("times", "code"), [(3, 0), (4, 1)])
def test_a_handshake_that_breaks_off_is_tried_again(shop: Project, times: int, code: int) -> None:
    with IndexServer(shop.index.folder, tls=True) as server, hanging_up(server.port, times) as port:
        declare(shop, f"https://127.0.0.1:{port}/simple/")
        result = shop.run("lock", environ={"SSL_CERT_FILE": CERTIFICATE})

    assert (result.code, result.codes) == (code, ["index-unreachable"] * code)


@contextmanager
def hanging_up(port: int, times: int) -> Iterator[int]:
    """Stand before a server: hang up on the first connections as soon as they say something."""

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            for number in range(1000):
                client = listener.accept()[0]
                if number < times:
                    client.recv(65536)
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", port))
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=copy, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


# Passwords


@pytest.mark.parametrize("name", [".netrc", "_netrc"])
def test_a_netrc_at_home(shop: Project, tmp_path: Path, name: str) -> None:
    shop.index.credentials = ("robot", "s3cret-word")
    (tmp_path / name).write_text("machine 127.0.0.1 login robot password s3cret-word\n", "utf-8")

    refused = shop.run("apply")
    shop.succeed("apply", environ={"HOME": str(tmp_path)})

    assert refused.codes == ["index-error"]
    assert shop.installed() == BASICS


def test_a_netrc_that_a_variable_names_goes_before_the_one_at_home(shop: Project, tmp_path: Path) -> None:
    shop.index.credentials = ("robot", "s3cret-word")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login robot password old\n", "utf-8")
    (tmp_path / "mine").write_text("machine 127.0.0.1 login robot password s3cret-word\n", "utf-8")

    shop.succeed("apply", environ={"HOME": str(tmp_path), "NETRC": str(tmp_path / "mine")})

    assert shop.installed() == BASICS


def make_keyring(place: Path, script: str) -> dict[str, str]:
    """Put a program called `keyring` on the path of a command whose Python lacks that library."""
    program = place / "bin" / "keyring"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return {**without("keyring", place), "PATH": path}


def test_the_keyring_command_is_asked_by_url_then_by_host(shop: Project, tmp_path: Path) -> None:
    shop.index.credentials = ("robot", "s3cret-word")
    script = f"""echo "$@" >> "{tmp_path}/asked"
[ "$4" = 127.0.0.1 ] || exit 1
printf 'robot\\ns3cret-word\\n'"""

    shop.succeed("apply", environ=make_keyring(tmp_path, script))

    asked = (tmp_path / "asked").read_text("utf-8").splitlines()
    places = (shop.index.url, f"127.0.0.1:{shop.index.port}", "127.0.0.1")
    assert asked == [f"--mode creds get {place}" for place in places]
    assert shop.installed() == BASICS


def test_the_keyring_command_has_a_time_limit(shop: Project, tmp_path: Path) -> None:
    shop.index.credentials = ("robot", "s3cret-word")
    environ = make_keyring(tmp_path, "exec sleep 60")
    began = time.monotonic()

    result = shop.run("lock", environ={**environ, "ENVCTL_TIMEOUT": "1"})

    assert (result.code, result.codes) == (1, ["index-error"])
    assert result.err.count("the keyring was asked for a password and did not answer within 1 seconds") == 1
    assert time.monotonic() - began < 20


# What may be kept


def asked_for_beta(project: Project) -> list[dict[str, str]]:
    return [headers for _, path, headers in project.index.requests if path == "/simple/beta/"]


@pytest.mark.parametrize(
    ("control", "age", "asks"),
    [
        ("max-age=600", None, False),
        ("max-age=600", 60, False),
        ("max-age=600", 600, True),
        ("max-age=600, no-cache", None, True),
        ("public", None, True),
    ],
)
def test_a_page_is_fresh_as_long_as_its_index_says(
    shop: Project, control: str, age: int | None, *, asks: bool
) -> None:
    shop.index.cache_control, shop.index.age = control, age
    shop.succeed("lock")
    shop.index.requests.clear()

    shop.succeed("lock", "--upgrade")

    assert ["if-none-match" in headers for headers in asked_for_beta(shop)] == [True] * asks
    shop.succeed("lock", "--upgrade", "--offline")


def kept_pages(project: Project) -> list[str]:
    return sorted(os.path.basename(path) for path in walk(project.cache) if path.endswith(".page"))


def test_a_page_that_must_not_be_stored_is_not(shop: Project) -> None:
    shop.index.cache_control = "max-age=600, no-store"
    shop.succeed("lock")
    shop.index.requests.clear()

    shop.succeed("lock", "--upgrade")
    offline = shop.run("lock", "--upgrade", "--offline")

    assert ["if-none-match" in headers for headers in asked_for_beta(shop)] == [False]
    assert offline.codes == ["offline"]
    assert kept_pages(shop) == []


def test_a_page_that_must_not_be_stored_any_more_is_forgotten(shop: Project) -> None:
    shop.succeed("lock")
    assert kept_pages(shop) == ["alpha.page", "beta.page"]
    shop.index.cache_control = "no-store"

    shop.succeed("lock", "--upgrade")

    assert kept_pages(shop) == []


@pytest.mark.parametrize(("control", "offline"), [("no-store", ["offline"]), ("no-cache", [])])
def test_metadata_and_missing_names_are_asked_for_in_each_run_where_their_index_says_so(
    shop: Project, control: str, offline: list[str]
) -> None:
    """`other` has neither, and is asked first."""
    with IndexServer(os.path.join(shop.index.folder, "other"), max_age=0) as other:
        declare(shop, other.url)
        index = f'[[index]]\nname = "second"\nurl = "{shop.index.url}"\n'
        shop.write("env.toml", f"{shop.read('env.toml')}\n{index}")
        other.cache_controls = {"*": control}
        shop.index.cache_controls = {"/files/*.metadata": control}
        shop.succeed("lock")
        shop.index.requests.clear()

        shop.succeed("lock", "--upgrade")
        told = shop.run("lock", "--upgrade", "--offline")

    assert f"/files/{BETA}.metadata" in shop.index.paths()
    assert (told.codes if told.code else []) == offline


# What breaks off, and what takes too long


@pytest.fixture
def large(shop: Project) -> str:
    """A locked wheel of 300 kB; the path that it is served at."""
    wheel = shop.publish("large", "1.0", files={"large/data.bin": os.urandom(300_000)})
    shop.write_manifest("large")
    shop.succeed("lock")
    return f"/files/{os.path.basename(wheel)}"


def ranges_of(index: IndexServer, path: str) -> list[str | None]:
    return [headers.get("range") for _, asked, headers in index.requests if asked == path]


def test_a_download_that_breaks_off_goes_on_as_often_as_that_brings_it_on(shop: Project, large: str) -> None:
    shop.index.cut = {os.path.basename(large): 50_000}

    shop.succeed("apply", "--locked")

    assert ranges_of(shop.index, large) == [
        None,
        *(f"bytes={place}-" for place in range(50_000, 300_001, 50_000)),
    ]
    assert shop.installed() == {"large": "1.0"}


def test_a_download_that_comes_byte_by_byte_is_given_up(shop: Project, large: str) -> None:
    shop.index.cut = {os.path.basename(large): 1}

    result = shop.run("apply", "--locked")

    assert ranges_of(shop.index, large) == [None, "bytes=1-", "bytes=2-", "bytes=3-"]
    assert (result.code, result.codes) == (1, ["truncated"])
    assert not os.path.exists(shop.path(".venv"))


def test_a_download_that_breaks_off_on_and_on_ends_with_the_time_for_all_of_it(
    shop: Project, large: str
) -> None:
    shop.index.cut = {os.path.basename(large): 5_000}
    began = time.monotonic()

    result = shop.run("apply", "--locked", environ={"ENVCTL_TIMEOUT": "1"})

    assert (result.code, result.codes) == (1, ["timeout"])
    assert 1 < len(ranges_of(shop.index, large)) < 30
    assert time.monotonic() - began < 20


#: Loaded by Python when it starts: the minute in which tries begin is a second.
_SHORTER = """\
import envctl.index.client as client
from envctl.index.retry import RetryPolicy
client.RetryPolicy = lambda: RetryPolicy(budget=1.0)
"""


@pytest.mark.parametrize("half", [200_000, 0])
def test_a_download_that_breaks_off_after_a_minute_is_resumed_if_anything_came(
    shop: Project, large: str, tmp_path: Path, half: int
) -> None:
    (tmp_path / "sitecustomize.py").write_text(_SHORTER)
    shop.index.cut = {os.path.basename(large): half}
    shop.index.delay = 1.2
    environ = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}

    result = shop.run("apply", "--locked", environ=environ)

    assert (result.codes if result.code else []) == ([] if half else ["truncated"])
    assert ranges_of(shop.index, large) == ([None, f"bytes={half}-"] if half else [None])


def test_the_head_of_an_answer_has_a_time_limit_however_it_trickles(shop: Project) -> None:
    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while True:
                connection.sendall(b"x")
                time.sleep(0.05)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        declare(shop, f"http://127.0.0.1:{listener.getsockname()[1]}/simple/")
        began = time.monotonic()

        result = shop.run("lock", environ={"ENVCTL_TIMEOUT": "1"})

    assert (result.code, result.codes) == (1, ["timeout"])
    assert "took longer than it may take in all" in result.err
    assert time.monotonic() - began < 20
