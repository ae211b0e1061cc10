"""METADATA of a wheel, by the cheapest way its server allows."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from envctl.errors import UpstreamError
from envctl.index.client import IndexClient
from envctl.index.location import make_file_url
from envctl.resolve.port import ListedFile
from support.server import IndexServer
from support.wheels import make_wheel

OpenClient = Callable[..., IndexClient]
WHEEL = "alpha-1.0-py3-none-any.whl"


@pytest.fixture(autouse=True)
def alpha(server: IndexServer) -> None:
    """A wheel of half a megabyte that does not shrink."""
    files = {f"alpha/data{number}": os.urandom(50_000) for number in range(10)}
    make_wheel(server.folder, "alpha", "1.0", requires=["beta>=2"], files=files)


def only_file(client: IndexClient) -> ListedFile:
    project = client.project("alpha")
    assert project is not None
    return project.files(Version("1.0"))[0]


def refused(client: IndexClient, file: ListedFile) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        client.core_metadata(file)
    return caught.value


def sent(server: IndexServer) -> list[str]:
    return [path for path in server.paths() if path.startswith("/files/")]


def test_the_metadata_file_beside_a_wheel_is_fetched(server: IndexServer, open_client: OpenClient) -> None:
    client = open_client()

    data = client.core_metadata(only_file(client))

    assert data == server.metadata(WHEEL)
    assert sent(server) == [f"/files/{WHEEL}.metadata"]


def test_a_metadata_file_with_another_digest_is_refused(server: IndexServer, open_client: OpenClient) -> None:
    server.wrong_metadata_hash.add(WHEEL)
    client = open_client()

    error = refused(client, only_file(client))

    assert error.code == "metadata-hash-mismatch"
    assert f"{WHEEL}.metadata" in error.message


def test_a_metadata_file_that_is_missing_after_all_is_done_without(
    server: IndexServer, open_client: OpenClient
) -> None:
    server.fail[f"/files/{WHEEL}.metadata"] = 404
    client = open_client()

    assert client.core_metadata(only_file(client)) == server.metadata(WHEEL)


@pytest.mark.parametrize("sizes", ["with-sizes", "without-sizes"])
def test_without_metadata_files_a_few_ranges_are_fetched(
    server: IndexServer, open_client: OpenClient, sizes: str
) -> None:
    server.core_metadata = False
    server.sizes = sizes == "with-sizes"
    client = open_client()

    data = client.core_metadata(only_file(client))

    assert data == server.metadata(WHEEL)
    ranges = [headers.get("range") for _, path, headers in server.requests if path.startswith("/files/")]
    assert len(ranges) == 1
    assert None not in ranges


def test_metadata_at_the_beginning_of_a_wheel_is_found_by_ranges_too(
    server: IndexServer, open_client: OpenClient
) -> None:
    server.core_metadata = False
    path = os.path.join(server.folder, WHEEL)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("alpha-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\n")
        for number in range(10):
            archive.writestr(f"alpha/data{number}", os.urandom(50_000))
    client = open_client()

    data = client.core_metadata(only_file(client))

    assert b"Name: alpha" in data
    assert all("range" in headers for _, path, headers in server.requests if path.startswith("/files/"))


def test_without_ranges_the_whole_wheel_is_fetched_and_checked(
    server: IndexServer, open_client: OpenClient, tmp_path: Path
) -> None:
    server.core_metadata = server.ranges = False
    client = open_client()

    assert client.core_metadata(only_file(client)) == server.metadata(WHEEL)

    assert list((tmp_path / "cache").rglob("*.tmp")) == []


def test_a_whole_wheel_with_another_digest_is_refused(
    server: IndexServer, open_client: OpenClient, tmp_path: Path
) -> None:
    server.core_metadata = server.ranges = False
    server.wrong_hash.add(WHEEL)
    client = open_client()

    assert refused(client, only_file(client)).code == "hash-mismatch"
    assert list((tmp_path / "cache").rglob("*.tmp")) == []


def test_metadata_is_kept_for_later_runs(server: IndexServer, open_client: OpenClient) -> None:
    client = open_client()
    data = client.core_metadata(only_file(client))

    offline = open_client(offline=True)

    assert offline.core_metadata(only_file(offline)) == data


@pytest.fixture(params=["beside", "ranges", "whole"])
def way(request: pytest.FixtureRequest, server: IndexServer) -> str:
    """Let metadata be had in one way only."""
    way: str = request.param
    server.core_metadata, server.ranges = way == "beside", way != "whole"
    return way


def test_metadata_that_must_not_be_stored_is_remembered_for_this_run_alone(
    server: IndexServer, open_client: OpenClient, tmp_path: Path, way: str
) -> None:
    server.cache_controls = {"/files/*": "max-age=600, no-store"}
    client = open_client()
    metadata = client.metadata(only_file(client))
    asked = len(sent(server))

    again = client.metadata(only_file(client))
    in_this_run = len(sent(server))
    later, offline = open_client(), open_client(offline=True)
    later.prefetch_metadata(only_file(later))
    later.metadata(only_file(later))

    assert again == metadata
    assert (in_this_run, len(sent(server))) == (asked, 2 * asked)
    assert refused(offline, only_file(offline)).code == "offline"
    assert not (tmp_path / "cache" / "metadata-v2").exists()
    assert not (tmp_path / "cache" / "stated-v2").exists()
    assert not any(each.seen.is_all for each in (client, later))


def test_metadata_that_must_not_be_used_unasked_is_kept_for_offline_alone(
    server: IndexServer, open_client: OpenClient, way: str
) -> None:
    server.cache_controls = {"/files/*": "no-cache"}
    client = open_client()
    metadata = client.metadata(only_file(client))
    asked = len(sent(server))

    offline, later = open_client(offline=True), open_client()

    assert offline.metadata(only_file(offline)) == metadata
    assert len(sent(server)) == asked
    assert later.metadata(only_file(later)) == metadata
    assert len(sent(server)) == 2 * asked
    assert not offline.seen.is_all


def test_metadata_that_was_never_fetched_is_an_error_offline(open_client: OpenClient) -> None:
    only_file(open_client())
    offline = open_client(offline=True)

    assert refused(offline, only_file(offline)).code == "offline"


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-1], id="torn"),
        pytest.param(lambda data: data.replace(b"beta>=2", b"evil>=2"), id="edited"),
        pytest.param(lambda data: b"", id="emptied"),
    ],
)
def test_damaged_metadata_counts_as_absent(
    server: IndexServer, open_client: OpenClient, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    client = open_client()
    client.core_metadata(only_file(client))
    (path,) = (tmp_path / "cache" / "metadata-v2").glob("*/*")
    path.write_bytes(damage(path.read_bytes()))

    again = open_client()

    assert again.core_metadata(only_file(again)) == server.metadata(WHEEL)


def test_forged_metadata_of_one_index_does_not_reach_another(
    server: IndexServer, open_client: OpenClient, tmp_path: Path
) -> None:
    """The same wheel, listed by a second index with metadata of its own making."""
    client = open_client()
    honest = only_file(client)
    forged = ListedFile(
        filename=WHEEL,
        url="http://127.0.0.1:9/x.whl",
        hashes=honest.hashes,
        core_metadata={"sha256": "0" * 64},
    )
    client.core_metadata(honest)

    assert refused(open_client(tries=1), forged).code == "index-unreachable"


def test_without_a_cache_nothing_is_written(open_client: OpenClient, tmp_path: Path) -> None:
    client = open_client(no_cache=True)

    client.core_metadata(only_file(client))

    assert not (tmp_path / "cache").exists()


def test_metadata_fetched_ahead_is_not_fetched_again(server: IndexServer, open_client: OpenClient) -> None:
    client = open_client()
    file = only_file(client)

    client.prefetch_metadata(file)

    assert client.core_metadata(file) == server.metadata(WHEEL)
    assert len(sent(server)) == 1


def test_metadata_of_a_local_wheel_is_read_from_it(server: IndexServer, open_client: OpenClient) -> None:
    url = make_file_url(os.path.join(server.folder, WHEEL))

    data = open_client(offline=True).core_metadata(ListedFile(filename=WHEEL, url=url))

    assert data == server.metadata(WHEEL)


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"alpha/__init__.py": ""}, id="none"),
        pytest.param({"beta-1.0.dist-info/METADATA": ""}, id="of-another-project"),
        pytest.param({"alpha-1.0.dist-info/METADATA": "", "alpha-2.0.dist-info/METADATA": ""}, id="several"),
        pytest.param({"x/alpha-1.0.dist-info/METADATA": ""}, id="below-the-top"),
    ],
)
def test_a_wheel_without_metadata_of_its_own_is_refused(
    tmp_path: Path, open_client: OpenClient, members: dict[str, str]
) -> None:
    path = tmp_path / WHEEL
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)

    error = refused(open_client(), ListedFile(filename=WHEEL, url=make_file_url(str(path))))

    assert error.code == "bad-wheel"


@pytest.mark.parametrize("ranges", ["ranges", "no-ranges"])
@pytest.mark.parametrize(
    "data", [b"", b"<html>not found</html>", b"PK\x05\x06" + b"\xff" * 18], ids=["empty", "html", "lying"]
)
def test_what_is_no_wheel_is_refused(
    server: IndexServer, open_client: OpenClient, data: bytes, ranges: str
) -> None:
    Path(server.folder, WHEEL).write_bytes(data)
    server.ranges = ranges == "ranges"
    client = open_client()

    assert refused(client, only_file(client)).code == "bad-wheel"


def test_metadata_that_inflates_without_end_is_refused(server: IndexServer, open_client: OpenClient) -> None:
    server.core_metadata = False
    with zipfile.ZipFile(os.path.join(server.folder, WHEEL), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("alpha-1.0.dist-info/METADATA", b" " * 17 * 1024 * 1024)
    client = open_client()

    assert refused(client, only_file(client)).code == "bad-wheel"
