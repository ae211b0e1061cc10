"""What is kept of pages between runs, and what is believed of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from envctl import atomic
from envctl.errors import UpstreamError
from envctl.index.client import IndexClient
from envctl.index.fetcher import read_max_age
from support.server import IndexServer
from support.wheels import make_wheel

OpenClient = Callable[..., IndexClient]
NOON = 1_700_000_000.0


def versions(client: IndexClient, name: str = "alpha") -> list[str]:
    project = client.project(name)
    return [] if project is None else [str(version) for version in project.versions]


def filenames(client: IndexClient, version: str, name: str = "alpha") -> list[str]:
    project = client.project(name)
    assert project is not None
    return [file.filename for file in project.files(Version(version))]


def pages_in(folder: Path) -> list[Path]:
    return sorted((folder / "cache").glob("pages-v2/*/*"))


@pytest.fixture(autouse=True)
def alpha(server: IndexServer) -> None:
    make_wheel(server.folder, "alpha", "1.0")


def test_a_fresh_page_is_not_asked_for_again(server: IndexServer, open_client: OpenClient) -> None:
    versions(open_client(clock=lambda: NOON))

    again = versions(open_client(clock=lambda: NOON + 599))

    assert again == ["1.0"]
    assert len(server.requests) == 1


def test_a_stale_page_is_asked_for_by_its_etag_and_kept_when_it_still_holds(
    server: IndexServer, open_client: OpenClient
) -> None:
    versions(open_client(clock=lambda: NOON))

    for seconds in (601, 1000):
        assert versions(open_client(clock=lambda late=seconds: NOON + late)) == ["1.0"]

    assert len(server.requests) == 2
    assert "if-none-match" in server.requests[1][2]


def test_a_stale_page_that_changed_is_replaced(server: IndexServer, open_client: OpenClient) -> None:
    versions(open_client(clock=lambda: NOON))
    make_wheel(server.folder, "alpha", "2.0")

    assert versions(open_client(clock=lambda: NOON + 601)) == ["2.0", "1.0"]


def test_a_page_without_max_age_is_asked_for_in_every_run(
    server: IndexServer, open_client: OpenClient
) -> None:
    server.max_age = None

    for _ in range(2):
        versions(open_client())

    assert len(server.requests) == 2


def test_offline_a_page_is_right_however_old_it_is(server: IndexServer, open_client: OpenClient) -> None:
    versions(open_client(clock=lambda: NOON))
    server.stop()

    assert versions(open_client(offline=True, clock=lambda: NOON * 2)) == ["1.0"]


def test_offline_a_page_that_was_never_fetched_is_an_error_and_no_socket_is_opened(
    server: IndexServer, open_client: OpenClient
) -> None:
    client = open_client(offline=True)
    client.prefetch(["alpha"])

    with pytest.raises(UpstreamError) as caught:
        client.project("alpha")

    assert caught.value.code == "offline"
    assert server.requests == []


def test_offline_a_project_that_was_not_there_is_not_there(
    server: IndexServer, open_client: OpenClient
) -> None:
    open_client().project("gamma")

    assert open_client(offline=True).project("gamma") is None


def test_that_a_project_is_not_there_is_not_kept_where_nothing_may_be(
    server: IndexServer, open_client: OpenClient, tmp_path: Path
) -> None:
    versions(open_client())
    assert len(pages_in(tmp_path)) == 1
    for name in os.listdir(server.folder):
        os.unlink(os.path.join(server.folder, name))
    server.cache_controls = {"/simple/*": "no-store"}
    client = open_client(clock=lambda: time.time() + 10_000)

    for _ in range(2):
        assert client.project("alpha") is None

    assert pages_in(tmp_path) == []
    assert len(server.requests) == 2
    with pytest.raises(UpstreamError) as caught:
        open_client(offline=True).project("alpha")
    assert caught.value.code == "offline"


def test_online_a_project_that_was_not_there_is_asked_for_again(
    server: IndexServer, open_client: OpenClient
) -> None:
    open_client().project("gamma")
    make_wheel(server.folder, "gamma", "1.0")

    assert versions(open_client(), "gamma") == ["1.0"]


def test_without_a_cache_nothing_is_read_and_nothing_written(
    server: IndexServer, open_client: OpenClient, tmp_path: Path
) -> None:
    versions(open_client())
    kept = pages_in(tmp_path)[0].read_bytes()
    server.requests.clear()

    for _ in range(2):
        assert filenames(open_client(no_cache=True), "1.0") == ["alpha-1.0-py3-none-any.whl"]

    assert len(server.requests) == 2
    assert [path.read_bytes() for path in pages_in(tmp_path)] == [kept]


def test_two_indexes_do_not_share_pages(server: IndexServer, open_client: OpenClient, tmp_path: Path) -> None:
    versions(open_client())

    with IndexServer(tmp_path / "other") as other:
        make_wheel(other.folder, "alpha", "7.0")
        assert versions(open_client(mirrors={"test": other.url})) == ["7.0"]


def flip_last_byte(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"", id="emptied"),
        pytest.param(lambda data: data[:-1], id="torn"),
        pytest.param(lambda data: data + b"x", id="grown"),
        pytest.param(lambda data: data[:40], id="only-the-first-line"),
        pytest.param(lambda data: data.replace(b'"1.0"', b'"9.0"'), id="another-version-in-the-head"),
        pytest.param(lambda data: data.replace(b"alpha-1.0", b"alpha-9.0"), id="another-file-in-a-blob"),
        pytest.param(flip_last_byte, id="a-flipped-bit"),
        pytest.param(lambda data: os.urandom(len(data)), id="noise"),
        pytest.param(lambda data: data.replace(b"envctl-page 1", b"envctl-page 2"), id="another-format"),
    ],
)
def test_a_damaged_page_counts_as_absent(
    server: IndexServer, open_client: OpenClient, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    versions(open_client())
    (path,) = pages_in(tmp_path)
    damaged = damage(path.read_bytes())
    assert damaged != path.read_bytes()
    path.write_bytes(damaged)

    client = open_client()

    assert versions(client) == ["1.0"]
    assert filenames(client, "1.0") == ["alpha-1.0-py3-none-any.whl"]
    assert len(server.requests) == 2


def test_a_page_that_another_run_replaces_meanwhile_is_not_mixed_up(
    server: IndexServer, open_client: OpenClient, tmp_path: Path
) -> None:
    for number in range(2, 400):
        make_wheel(server.folder, "alpha", f"{number}.0", files={})
    client = open_client()
    project = client.project("alpha")
    assert project is not None
    (path,) = pages_in(tmp_path)
    assert path.stat().st_size > 100_000, "the oldest version is not in the first read"
    make_wheel(server.folder, "alpha", "500.0")
    versions(open_client(clock=lambda: 1e12))

    assert [file.filename for file in project.files(Version("1.0"))] == ["alpha-1.0-py3-none-any.whl"]


def test_a_cache_that_cannot_be_written_is_done_without(
    open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(operation: str, path: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "hook", full)

    assert filenames(open_client(), "1.0") == ["alpha-1.0-py3-none-any.whl"]


@pytest.mark.parametrize("operation", ["write", "rename"])
def test_a_write_that_fails_leaves_nothing_behind(
    open_client: OpenClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    def fail(announced: str, path: str) -> None:
        if announced == operation:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(atomic, "hook", fail)

    versions(open_client())

    assert pages_in(tmp_path) == []


def test_a_warm_run_does_not_load_the_http_library(
    server: IndexServer, open_client: OpenClient, tmp_path: Path
) -> None:
    """The tenth of a second that it takes is half of such a run."""
    import subprocess
    import sys

    client = open_client()
    project = client.project("alpha")
    assert project is not None
    client.core_metadata(project.files(Version("1.0"))[0])
    program = f"""
import sys
from packaging.version import Version
from envctl.index.client import IndexClient
from envctl.index.http import HttpTransport
from envctl.manifest.manifest import Index
from envctl.model.settings import Settings
settings = Settings(cache_dir={str(tmp_path / "cache")!r})
client = IndexClient(indexes=(Index(name="test", url={server.url!r}),), pinned={{}}, settings=settings,
                     transport=HttpTransport(settings), emit=print)
client.prefetch(["alpha"])
file = client.project("alpha").files(Version("1.0"))[0]
client.prefetch_metadata(file)
assert client.core_metadata(file).startswith(b"Metadata-Version")
client.close()
print(sorted({{"httpcore", "httpx", "ssl", "zipfile", "email", "socket"}} & set(sys.modules)))
"""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("text", "age", "seconds"),
    [
        ("", "", 0),
        ("max-age=600", "", 600),
        ("public, max-age=600", "90", 510),
        ("max-age=600", "900", 0),
        ("max-age=600", "old", 600),
        ('max-age="600"', "", 600),
        ("max-age=600, no-cache", "", 0),
        ("max-age=99999999999999", "", 86400),
    ],
)
def test_how_long_a_page_is_fresh(text: str, age: str, seconds: int) -> None:
    assert read_max_age(text, age) == seconds
