"""The server that other tests lean on does what it says."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from support.server import IndexServer
from support.wheels import make_sdist, make_wheel


@pytest.fixture
def server(tmp_path: Path) -> Iterator[IndexServer]:
    make_wheel(tmp_path / "files", "alpha", "1.0", requires_python=">=3.8")
    with IndexServer(tmp_path / "files") as server:
        yield server


def get(url: str, **headers: str) -> tuple[int, Message, bytes]:
    request = urllib.request.Request(
        url, headers={key.replace("_", "-"): value for key, value in headers.items()}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as response:
        return response.status, response.headers, response.read()


def page(server: IndexServer, name: str = "alpha") -> Any:
    return json.loads(get(server.url + name + "/", Accept="application/vnd.pypi.simple.v1+json")[2])


def test_a_page_lists_what_the_folder_holds_at_that_moment(server: IndexServer) -> None:
    before = [entry["filename"] for entry in page(server)["files"]]
    make_sdist(server.folder, "alpha", "2.0")

    after = [entry["filename"] for entry in page(server)["files"]]

    assert before == ["alpha-1.0-py3-none-any.whl"]
    assert after == ["alpha-1.0-py3-none-any.whl", "alpha-2.0.tar.gz"]


def test_html_is_served_to_who_does_not_ask_for_json(server: IndexServer) -> None:
    _, headers, body = get(server.url + "alpha/", Accept="text/html")

    assert headers["Content-Type"] == "text/html"
    assert b'data-requires-python="&gt;=3.8"' in body


def test_a_range_of_a_file_is_served(server: IndexServer) -> None:
    url = page(server)["files"][0]["url"]
    whole = get(url)[2]

    status, headers, body = get(url, Range="bytes=-10")

    assert (status, body) == (206, whole[-10:])
    assert headers["Content-Range"] == f"bytes {len(whole) - 10}-{len(whole) - 1}/{len(whole)}"


def test_a_failure_can_be_counted(server: IndexServer) -> None:
    server.fail["/simple/alpha/"] = (503, 1)

    with pytest.raises(urllib.error.HTTPError) as caught:
        page(server)
    caught.value.close()

    assert caught.value.code == 503
    assert page(server)["name"] == "alpha"


def test_a_stopped_server_refuses_and_a_restarted_one_has_the_same_url(server: IndexServer) -> None:
    url = server.url
    server.stop()
    with pytest.raises(urllib.error.URLError):
        page(server)

    server.restart()

    assert server.url == url
    assert page(server)["name"] == "alpha"
