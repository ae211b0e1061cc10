"""Files: streamed, hashed, resumed, refused."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl import atomic
from envctl.errors import EnvctlError, MachineError, UpstreamError
from envctl.index.client import IndexClient
from envctl.index.location import make_file_url
from support.server import IndexServer
from support.wheels import make_wheel

OpenClient = Callable[..., IndexClient]
WHEEL = "alpha-1.0-py3-none-any.whl"


@pytest.fixture(autouse=True)
def content(server: IndexServer) -> bytes:
    make_wheel(server.folder, "alpha", "1.0", files={"alpha/data": os.urandom(300_000)})
    return Path(server.folder, WHEEL).read_bytes()


class Fetch:
    """One call of `fetch`, and what it told."""

    def __init__(self, client: IndexClient, target: Path) -> None:
        self.client = client
        self.target = target
        self.told: list[int] = []

    def __call__(self, url: str, size: int | None = None, /, **hashes: str) -> str:
        return self.client.fetch(url, str(self.target), hashes=hashes, size=size, on_bytes=self.told.append)

    def refused(self, url: str, size: int | None = None, /, **hashes: str) -> EnvctlError:
        with pytest.raises(EnvctlError) as caught:
            self(url, size, **hashes)
        assert not self.target.exists()
        return caught.value


@pytest.fixture
def fetch(open_client: OpenClient, tmp_path: Path) -> Fetch:
    return Fetch(open_client(), tmp_path / "arrived.whl")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_file_arrives_whole_and_its_sha256_is_returned(
    server: IndexServer, fetch: Fetch, content: bytes
) -> None:
    digest = fetch(server.file_url(WHEEL), len(content), sha256=sha256(content))

    assert digest == sha256(content)
    assert fetch.target.read_bytes() == content
    assert sum(fetch.told) == len(content)


def test_a_file_without_known_digest_arrives_and_tells_it(
    server: IndexServer, fetch: Fetch, content: bytes
) -> None:
    assert fetch(server.file_url(WHEEL)) == sha256(content)


def test_a_target_that_exists_is_not_overwritten(server: IndexServer, fetch: Fetch) -> None:
    fetch.target.write_text("mine")

    with pytest.raises(MachineError) as caught:
        fetch(server.file_url(WHEEL))

    assert caught.value.code == "cannot-write"
    assert fetch.target.read_text() == "mine"


def test_a_wrong_digest_is_refused_with_both_digests_named(
    server: IndexServer, fetch: Fetch, content: bytes
) -> None:
    error = fetch.refused(server.file_url(WHEEL), sha256="a" * 64)

    assert error.code == "hash-mismatch"
    assert "a" * 64 in error.message
    assert sha256(content) in error.message
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["sha512", "sha384", "md5", "sha1"])
def test_every_digest_that_is_given_has_to_fit(
    server: IndexServer, fetch: Fetch, content: bytes, name: str
) -> None:
    wrong = "b" * hashlib.new(name).digest_size * 2

    error = fetch.refused(server.file_url(WHEEL), **{"sha256": sha256(content), name: wrong})

    assert error.code == "hash-mismatch"


def test_a_digest_may_be_of_any_strong_algorithm_and_case(
    server: IndexServer, fetch: Fetch, content: bytes
) -> None:
    digest = hashlib.sha512(content).hexdigest().upper()

    assert fetch(server.file_url(WHEEL), sha512=digest) == sha256(content)


@pytest.mark.parametrize("name", ["md5", "sha1", "sha224", "blake2b", "unknown"])
def test_a_file_known_by_weak_digests_alone_is_not_fetched(
    server: IndexServer, fetch: Fetch, content: bytes, name: str
) -> None:
    digest = hashlib.new(name, content).hexdigest() if name != "unknown" else "0"

    assert fetch.refused(server.file_url(WHEEL), **{name: digest}).code == "weak-hash"
    assert server.requests == []


@pytest.mark.parametrize("digest", ["", "abc", "a" * 63, "a" * 65, "g" * 64], ids=len)
def test_what_is_no_whole_digest_is_refused(server: IndexServer, fetch: Fetch, digest: str) -> None:
    assert fetch.refused(server.file_url(WHEEL), sha256=digest).code == "bad-hash"


@pytest.mark.parametrize("difference", [-1, 1])
def test_another_size_than_listed_is_refused(
    server: IndexServer, fetch: Fetch, content: bytes, difference: int
) -> None:
    error = fetch.refused(server.file_url(WHEEL), len(content) + difference)

    assert error.code == "size-mismatch"


def test_a_broken_download_is_resumed_where_it_broke_off(
    server: IndexServer, fetch: Fetch, content: bytes
) -> None:
    server.truncate_once.add(WHEEL)

    fetch(server.file_url(WHEEL), sha256=sha256(content))

    assert fetch.target.read_bytes() == content
    assert sum(fetch.told) == len(content)
    assert [headers.get("range") for _, _, headers in server.requests] == [
        None,
        f"bytes={len(content) // 2}-",
    ]


def test_a_broken_download_begins_anew_where_the_server_knows_no_ranges(
    server: IndexServer, fetch: Fetch, content: bytes
) -> None:
    server.truncate_once.add(WHEEL)
    server.ranges = False

    fetch(server.file_url(WHEEL), sha256=sha256(content))

    assert fetch.target.read_bytes() == content
    assert sum(fetch.told) == len(content)


def test_a_broken_download_of_an_unknown_file_begins_anew(
    server: IndexServer, fetch: Fetch, content: bytes
) -> None:
    """Nothing could show that the two halves belong together."""
    server.truncate_once.add(WHEEL)

    assert fetch(server.file_url(WHEEL)) == sha256(content)
    assert all("range" not in headers for _, _, headers in server.requests)


def test_a_file_that_changes_between_two_halves_is_fetched_in_one_piece(
    server: IndexServer, fetch: Fetch, content: bytes, tmp_path: Path
) -> None:
    """The digest is that of the new file: the old half does not fit to it."""
    new = os.urandom(len(content))
    server.truncate_once.add(WHEEL)
    on_bytes = fetch.told.append

    def replace_meanwhile(amount: int) -> None:
        on_bytes(amount)
        Path(server.folder, WHEEL).write_bytes(new)

    fetch.client.fetch(
        server.file_url(WHEEL),
        str(fetch.target),
        hashes={"sha256": sha256(new)},
        size=len(new),
        on_bytes=replace_meanwhile,
    )

    assert fetch.target.read_bytes() == new
    assert sum(fetch.told) == len(new)


def test_a_download_that_always_breaks_off_is_given_up(
    server: IndexServer, fetch: Fetch, content: bytes
) -> None:
    server.truncate.add(WHEEL)
    server.ranges = False

    assert fetch.refused(server.file_url(WHEEL), sha256=sha256(content)).code == "truncated"
    # The first brought half of it, and none of the four after it any more.
    assert len(server.requests) == 5


def test_a_file_that_is_gone_is_an_error(server: IndexServer, fetch: Fetch) -> None:
    error = fetch.refused(server.file_url("beta-1.0.tar.gz"))

    assert error.code == "index-error"
    assert "404" in error.message


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk-full"), (errno.EACCES, "cannot-write"), (errno.EIO, "cannot-write")],
)
def test_a_disk_that_refuses_is_a_fault_of_the_machine(
    server: IndexServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(operation: str, path: str) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(atomic, "hook", refuse)

    with pytest.raises(MachineError) as caught:
        fetch(server.file_url(WHEEL))

    assert caught.value.code == code
    assert len(server.requests) == 1


def test_a_file_of_this_machine_is_copied_and_checked(
    server: IndexServer, fetch: Fetch, content: bytes
) -> None:
    url = make_file_url(os.path.join(server.folder, WHEEL))

    assert fetch(url, sha256=sha256(content)) == sha256(content)
    assert fetch.target.read_bytes() == content
    assert server.requests == []


def test_a_file_of_this_machine_with_another_digest_is_refused(server: IndexServer, fetch: Fetch) -> None:
    url = make_file_url(os.path.join(server.folder, WHEEL))

    assert fetch.refused(url, sha256="a" * 64).code == "hash-mismatch"


def test_a_file_of_this_machine_that_is_missing_is_refused(tmp_path: Path, fetch: Fetch) -> None:
    assert fetch.refused(make_file_url(str(tmp_path / "nothing.whl"))).code == "no-such-file"


def test_offline_no_socket_is_opened(server: IndexServer, open_client: OpenClient, tmp_path: Path) -> None:
    fetch = Fetch(open_client(offline=True), tmp_path / "arrived.whl")

    assert isinstance(error := fetch.refused(server.file_url(WHEEL)), UpstreamError)
    assert error.code == "offline"
    assert server.requests == []
