"""How envctl speaks to servers: what it keeps, tries again, resumes and gives up, and what it says of it."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from e2e.conftest import publish_basics
from support.project import Project
from support.server import IndexServer

BASICS = {"alpha": "1.0", "beta": "1.0"}
BETA = "beta-1.0-py3-none-any.whl"


@pytest.fixture
def shop(make_project: Callable[..., Project]) -> Project:
    """A project that declares `alpha`, which needs `beta`, with a cache of its own."""
    project = make_project(fresh_cache=True)
    publish_basics(project)
    project.write_manifest("alpha")
    return project


def headers_of(index: IndexServer, path: str) -> list[dict[str, str]]:
    return [headers for _, asked, headers in index.requests if asked == path]


# What is kept


def test_a_page_that_is_fresh_is_not_asked_for(shop: Project) -> None:
    shop.index.max_age = 600
    shop.succeed("lock")
    shop.index.requests.clear()

    shop.succeed("lock", "--upgrade")

    assert shop.index.requests == []


def test_a_page_that_is_stale_is_asked_for_by_what_is_known_of_it(shop: Project) -> None:
    shop.succeed("lock")
    shop.index.requests.clear()

    shop.succeed("lock", "--upgrade")

    (headers,) = headers_of(shop.index, "/simple/beta/")
    assert "if-none-match" in headers
    assert not any(path.endswith(".metadata") for path in shop.index.paths())


def test_connections_are_used_again(shop: Project) -> None:
    for number in range(30):
        shop.publish(f"one{number}", "1.0")
    shop.write_manifest(*(f"one{number}" for number in range(30)))

    shop.succeed("apply")

    assert len(shop.index.requests) >= 90
    assert len(shop.index.connected) <= 16 + 8


# What is tried again


@pytest.mark.parametrize("status", [429, 503, 0], ids=["too many", "unavailable", "hangs up"])
def test_trouble_that_passes_is_not_noticed(shop: Project, status: int) -> None:
    shop.index.fail = {"/simple/beta/": (status, 2), f"/files/{BETA}": (status, 2)}
    shop.index.retry_after = "0"

    shop.succeed("apply")

    assert shop.installed() == BASICS


def test_the_server_is_left_alone_as_long_as_it_asks_for(shop: Project) -> None:
    shop.index.fail = {"/simple/beta/": (429, 1)}
    shop.index.retry_after = "2"
    began = time.monotonic()

    shop.succeed("lock")

    assert time.monotonic() - began > 2


def test_four_tries_are_enough(shop: Project) -> None:
    shop.index.fail = {"/simple/beta/": 503}

    result = shop.run("lock")

    assert (result.code, result.codes) == (1, ["index-error"])
    assert "index `loop` answers 503 for" in result.err
    assert "it was tried several times" in result.err
    assert len(headers_of(shop.index, "/simple/beta/")) == 4


def test_who_is_to_come_back_in_an_hour_is_told_at_once(shop: Project) -> None:
    shop.index.fail = {"/simple/beta/": 429}
    shop.index.retry_after = "3600"
    began = time.monotonic()

    assert shop.run("lock").codes == ["index-error"]
    assert time.monotonic() - began < 10


# What is resumed


def test_a_download_that_broke_off_goes_on_where_it_did(shop: Project) -> None:
    shop.succeed("lock")
    shop.index.truncate_once = {BETA}

    shop.succeed("apply", "--locked")

    first, second = headers_of(shop.index, f"/files/{BETA}")
    half = os.path.getsize(os.path.join(shop.index.folder, BETA)) // 2
    assert "range" not in first
    assert second["range"] == f"bytes={half}-"
    assert shop.installed() == BASICS


def test_two_halves_of_different_files_make_none(shop: Project) -> None:
    shop.succeed("lock")
    path = Path(shop.index.folder, BETA)
    data = path.read_bytes()
    shop.index.etag = False
    shop.index.truncate_once = {BETA}
    path.write_bytes(data[:-200] + b"x" * 200)

    result = shop.run("apply", "--locked")

    assert (result.code, result.codes) == (1, ["hash-mismatch"])
    assert not os.path.exists(shop.path(".venv"))


# What is given up


def test_a_time_limit_for_all_of_it_is_kept(shop: Project) -> None:
    shop.succeed("lock")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=trickle, args=(listener,), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        shop.write("pylock.toml", shop.read("pylock.toml").replace(f"{shop.index.origin}/files/", url))
        shop.index.stop()
        began = time.monotonic()

        result = shop.run("apply", "--locked", environ={"ENVCTL_TIMEOUT": "1"})

    assert (result.code, result.codes) == (1, ["timeout"])
    assert "took longer than it may take in all" in result.err
    assert "`timeout` in config.toml, or ENVCTL_TIMEOUT" in result.err
    assert time.monotonic() - began < 20


def test_a_server_that_accepts_and_says_nothing_is_given_up(shop: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        shop.write("env.toml", shop.read("env.toml").replace(f":{shop.index.port}/", f":{port}/"))
        began = time.monotonic()

        result = shop.run("lock", environ={"ENVCTL_TIMEOUT": "1"})

    assert (result.code, result.codes) == (1, ["timeout"])
    assert "127.0.0.1" in result.err
    assert time.monotonic() - began < 20


def trickle(listener: socket.socket) -> None:
    """Answer everybody with a body that never ends."""

    def answer(connection: socket.socket) -> None:
        with connection:
            connection.recv(4096)
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while True:
                    connection.sendall(b"x")
                    time.sleep(0.05)
            except OSError:
                pass

    try:
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
    except OSError:
        pass


@pytest.mark.parametrize("value", ["0", "-1", "soon", "inf"])
def test_a_time_limit_that_is_none_is_refused(shop: Project, value: str) -> None:
    result = shop.run("lock", environ={"ENVCTL_TIMEOUT": value})

    assert (result.code, result.codes) == (64, ["bad-variable"])


# What is said


def ask(project: Project, url: str) -> tuple[str, str]:
    """Lock from another index; give the code of the error, and what is said about it."""
    project.write("env.toml", re.sub(r'url = ".*"', f'url = "{url}"', project.read("env.toml")))
    result = project.run("lock", environ={"no_proxy": "*", "NO_PROXY": "*"})
    assert result.code == 1
    (code,) = result.codes
    return code, result.err


def test_a_name_that_nobody_knows(shop: Project) -> None:
    code, said = ask(shop, "http://nowhere.invalid/simple/")

    assert code == "index-unreachable"
    assert "error: `nowhere.invalid` cannot be found: its name does not resolve" in said
    assert "  --> http://nowhere.invalid/simple/alpha/" in said
    assert "hint: check the network and the proxy settings" in said


def test_a_port_that_nobody_listens_on(shop: Project) -> None:
    shop.index.stop()

    code, said = ask(shop, shop.index.url)

    assert code == "index-unreachable"
    assert "error: `127.0.0.1` refuses the connection" in said


def test_a_port_that_speaks_no_tls(shop: Project) -> None:
    code, said = ask(shop, shop.index.url.replace("http:", "https:"))

    assert code == "tls-failed"
    assert "error: no encrypted connection to `127.0.0.1`" in said
    assert "hint: the port may speak no TLS" in said


def test_a_certificate_that_nobody_signed(shop: Project) -> None:
    with IndexServer(shop.index.folder, tls=True) as server:
        code, said = ask(shop, server.url)

    assert code == "tls-failed"
    assert "error: the certificate of `127.0.0.1` is not trusted" in said
    assert "hint: name the authority's certificate with `ca-bundle` in config.toml or SSL_CERT_FILE" in said


def test_a_certificate_of_another_name(shop: Project, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("other.example").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "me.pem")
    )
    shop.environ["SSL_CERT_FILE"] = str(tmp_path / "ca.pem")
    with IndexServer(shop.index.folder, tls=True, certificate=str(tmp_path / "me.pem")) as server:
        code, said = ask(shop, server.url)

    assert code == "tls-failed"
    assert "hint: the server is another one, or its certificate lacks this name: check the URL" in said


def test_a_page_that_is_no_index(shop: Project) -> None:
    shop.index.pages["/simple/alpha/"] = ("image/png", b"\x89PNG")

    code, said = ask(shop, shop.index.url)

    assert code == "bad-index-page"
    assert "its content type is `image/png`" in said


# Offline


_WATCH = """\
import os, sys
def watch(event, arguments):
    if event.startswith("socket."):
        os.write(2, f"SOCKET {event}\\n".encode())
        os._exit(99)
sys.addaudithook(watch)
"""


@pytest.mark.parametrize("state", ["nothing kept", "all kept"])
def test_offline_no_command_opens_a_socket(shop: Project, tmp_path: Path, state: str) -> None:
    if state == "all kept":
        shop.index.max_age = 0
        shop.succeed("apply")
    (tmp_path / "sitecustomize.py").write_text(_WATCH)
    environ = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    assert shop.run("lock", "--upgrade", environ=environ).code == 99, "the watch does not work"
    shop.write_manifest("alpha", "gamma" if state == "nothing kept" else "beta")

    codes = {
        " ".join(command): shop.run(*command, "--offline", environ=environ).code
        for command in (
            ("lock",),
            ("lock", "--upgrade"),
            ("plan",),
            ("apply", "--reinstall", "alpha"),
            ("outdated",),
            ("why-not", "alpha==2.0"),
            ("status",),
        )
    }

    assert 99 not in codes.values(), codes
    assert codes["lock"] == (1 if state == "nothing kept" else 0)
    assert codes["apply --reinstall alpha"] == codes["lock"]


def test_offline_what_is_missing_is_named(shop: Project) -> None:
    result = shop.run("lock", "--offline")

    assert result.codes == ["offline"]
    assert "is not in the cache, and --offline forbids to fetch it" in result.err
    assert "hint: run again without --offline" in result.err
