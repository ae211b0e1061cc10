"""What `IndexClient.project` finds, and whom it asks."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from envctl.errors import InputError, UpstreamError
from envctl.index.client import IndexClient
from envctl.index.location import make_file_url
from envctl.manifest.manifest import Index
from envctl.model.events import Event, Notice
from envctl.resolve.port import Project
from support.server import JSON_TYPE, IndexServer
from support.wheels import make_sdist, make_wheel

OpenClient = Callable[..., IndexClient]


def found(client: IndexClient, name: str) -> Project:
    project = client.project(name)
    assert project is not None
    return project


def listed(client: IndexClient, name: str) -> dict[str, list[str]]:
    project = found(client, name)
    return {str(version): [file.filename for file in project.files(version)] for version in project.versions}


def refused(client: IndexClient, name: str) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        client.project(name)
    return caught.value


@pytest.mark.parametrize("served_as", ["json", "html"])
def test_versions_are_newest_first_with_their_wheels_and_sdists(
    server: IndexServer, open_client: OpenClient, served_as: str
) -> None:
    server.json = served_as == "json"
    for version in ("1.9", "1.10", "2.0rc1"):
        make_wheel(server.folder, "alpha", version)
    make_sdist(server.folder, "alpha", "1.9")

    assert list(listed(open_client(), "alpha").items()) == [
        ("2.0rc1", ["alpha-2.0rc1-py3-none-any.whl"]),
        ("1.10", ["alpha-1.10-py3-none-any.whl"]),
        ("1.9", ["alpha-1.9-py3-none-any.whl", "alpha-1.9.tar.gz"]),
    ]


@pytest.mark.parametrize("served_as", ["json", "html"])
def test_a_file_is_described_as_the_index_lists_it(
    server: IndexServer, open_client: OpenClient, served_as: str
) -> None:
    server.json = served_as == "json"
    make_wheel(server.folder, "alpha", "1.0", requires_python=">=3.8,<4")
    filename = "alpha-1.0-py3-none-any.whl"
    server.yanked[filename] = "breaks & burns"

    (file,) = found(open_client(), "alpha").files(Version("1.0"))

    assert file.url == server.file_url(filename)
    assert file.hashes == server.hashes(filename)
    assert file.requires_python == ">=3.8,<4"
    assert file.yanked == "breaks & burns"
    assert file.core_metadata is not None
    assert len(file.core_metadata["sha256"]) == 64
    if served_as == "json":
        assert file.size == os.path.getsize(os.path.join(server.folder, filename))
        assert file.upload_time == "2024-01-01T00:00:00Z"


def test_a_version_is_found_however_it_is_spelled(server: IndexServer, open_client: OpenClient) -> None:
    make_wheel(server.folder, "alpha", "1.0")
    make_wheel(server.folder, "alpha", "1.0.0", tag="py2-none-any")

    project = found(open_client(), "alpha")

    assert len(project.versions) == 1
    assert len(project.files(Version("1.0.0.0"))) == 2


@pytest.mark.parametrize("seed", range(4))
def test_of_two_spellings_the_shorter_one_counts_in_any_order_of_the_page(
    server: IndexServer, open_client: OpenClient, seed: int
) -> None:
    server.whims = random.Random(seed)
    for version in ("1.0.0", "1.0", "1.0.0.0"):
        make_wheel(server.folder, "alpha", version, tag=f"py3{len(version)}-none-any")

    assert [str(version) for version in found(open_client(), "alpha").versions] == ["1.0"]


def test_a_project_that_is_not_there_is_none(open_client: OpenClient) -> None:
    assert open_client().project("nothing") is None


def test_a_project_is_asked_for_once_in_a_run(server: IndexServer, open_client: OpenClient) -> None:
    make_wheel(server.folder, "alpha", "1.0")
    client = open_client()

    client.prefetch(["alpha", "beta"])
    client.project("alpha")
    client.project("alpha")
    client.project("beta")

    assert sorted(server.paths()) == ["/simple/alpha/", "/simple/beta/"]


def test_files_with_invalid_names_or_of_other_projects_are_left_out(
    server: IndexServer, open_client: OpenClient
) -> None:
    names = [
        "alpha-1.0-py3-none-any.whl",
        "alpha-1.0-py3-none.whl",
        "alpha-one-py3-none-any.whl",
        "alpha-1.0.tar.bz2",
        "alpha-1.0.exe",
        "beta-9.0-py3-none-any.whl",
        "../alpha-2.0.tar.gz",
        "alpha-2.0\x1b[2J.tar.gz",
        "alpha-3.0-py3-none-any.whl/",
    ]
    files = [{"filename": name, "url": f"/files/{name}", "hashes": {}} for name in names]
    page = {"meta": {"api-version": "1.0"}, "name": "alpha", "files": files}
    server.pages["/simple/alpha/"] = (JSON_TYPE, json.dumps(page).encode())

    assert listed(open_client(), "alpha") == {"1.0": ["alpha-1.0-py3-none-any.whl"]}


@pytest.mark.parametrize("status", [400, 401, 403, 451])
def test_a_refusal_names_status_index_and_url_and_is_not_repeated(
    server: IndexServer, open_client: OpenClient, status: int
) -> None:
    server.fail["/simple/alpha/"] = status

    error = refused(open_client(), "alpha")

    assert error.code == "index-error"
    assert f"index `test` answers {status} for `{server.url}alpha/`" in error.message
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_trouble_of_the_server_is_given_four_tries(
    server: IndexServer, open_client: OpenClient, status: int
) -> None:
    server.fail["/simple/alpha/"] = status

    assert refused(open_client(), "alpha").code == "index-error"
    assert len(server.requests) == 4


@pytest.mark.parametrize("status", [503, 0], ids=["unavailable", "hung-up"])
def test_trouble_that_passes_is_not_noticed(
    server: IndexServer, open_client: OpenClient, status: int
) -> None:
    make_wheel(server.folder, "alpha", "1.0")
    server.fail["/simple/alpha/"] = (status, 2)

    assert listed(open_client(), "alpha") == {"1.0": ["alpha-1.0-py3-none-any.whl"]}
    assert len(server.requests) == 3


def test_a_retry_after_beyond_the_budget_ends_it_at_once(
    server: IndexServer, open_client: OpenClient
) -> None:
    server.fail["/simple/alpha/"] = 429
    server.retry_after = "3600"

    assert refused(open_client(), "alpha").code == "index-error"
    assert len(server.requests) == 1


def test_an_index_that_is_down_is_unreachable(server: IndexServer, open_client: OpenClient) -> None:
    server.stop()

    error = refused(open_client(), "alpha")

    assert error.code == "index-unreachable"
    assert "`127.0.0.1` refuses the connection" in error.message


def test_a_failure_of_one_project_does_not_show_before_it_is_asked_for(
    server: IndexServer, open_client: OpenClient
) -> None:
    make_wheel(server.folder, "alpha", "1.0")
    server.fail["/simple/beta/"] = 403
    client = open_client()

    client.prefetch(["beta", "alpha"])

    assert listed(client, "alpha")
    assert refused(client, "beta").code == "index-error"


def test_a_newer_minor_version_of_the_api_is_told_once(
    server: IndexServer, open_client: OpenClient, events: list[Event]
) -> None:
    for name in ("alpha", "beta"):
        page: dict[str, Any] = {"meta": {"api-version": "1.99"}, "name": name, "files": []}
        server.pages[f"/simple/{name}/"] = (JSON_TYPE, json.dumps(page).encode())
    client = open_client()

    for name in ("alpha", "beta"):
        client.project(name)

    assert [event.code for event in events if isinstance(event, Notice)] == ["index-api-newer"]


# Several indexes


@pytest.fixture
def second(tmp_path: Path) -> Iterator[IndexServer]:
    with IndexServer(tmp_path / "second") as server:
        yield server


def both(server: IndexServer, second: IndexServer, *, packages: tuple[str, ...] = ()) -> tuple[Index, ...]:
    return (Index(name="one", url=server.url), Index(name="two", url=second.url, packages=packages))


def test_the_first_index_that_has_a_name_is_the_only_one_asked(
    server: IndexServer, second: IndexServer, open_client: OpenClient
) -> None:
    make_wheel(server.folder, "alpha", "1.0")
    make_wheel(second.folder, "alpha", "99.0")

    project = found(open_client(indexes=both(server, second)), "alpha")

    assert (project.index, [str(version) for version in project.versions]) == ("one", ["1.0"])
    assert second.requests == []


def test_the_next_index_is_asked_for_what_the_first_lacks(
    server: IndexServer, second: IndexServer, open_client: OpenClient
) -> None:
    make_wheel(second.folder, "alpha", "2.0")

    assert found(open_client(indexes=both(server, second)), "alpha").index == "two"


def test_an_index_that_fails_is_not_passed_over(
    server: IndexServer, second: IndexServer, open_client: OpenClient
) -> None:
    """Or whoever can make the private index fail could serve the name from the public one."""
    make_wheel(second.folder, "alpha", "2.0")
    server.fail["/simple/*"] = 500

    assert refused(open_client(indexes=both(server, second)), "alpha").code == "index-error"


def test_a_name_that_an_index_claims_comes_from_no_other(
    server: IndexServer, second: IndexServer, open_client: OpenClient
) -> None:
    make_wheel(server.folder, "acme-sdk", "99.0")

    client = open_client(indexes=both(server, second, packages=("acme-*",)))

    assert client.project("acme-sdk") is None
    assert server.requests == []


def test_an_index_that_claims_names_is_asked_for_no_other(
    server: IndexServer, second: IndexServer, open_client: OpenClient
) -> None:
    make_wheel(second.folder, "alpha", "1.0")

    client = open_client(indexes=both(server, second, packages=("acme-*",)))

    assert client.project("alpha") is None
    assert second.requests == []


def test_a_pinned_name_comes_from_its_index_alone(
    server: IndexServer, second: IndexServer, open_client: OpenClient
) -> None:
    make_wheel(server.folder, "alpha", "99.0")
    make_wheel(second.folder, "alpha", "1.0")

    project = found(open_client(indexes=both(server, second), pinned={"alpha": "two"}), "alpha")

    assert project.index == "two"
    assert server.requests == []


def test_a_pin_to_an_unknown_index_is_refused(open_client: OpenClient) -> None:
    with pytest.raises(InputError) as caught:
        open_client(pinned={"alpha": "nowhere"}).project("alpha")

    assert caught.value.code == "unknown-index"


def test_a_mirror_is_asked_in_place_of_the_index(
    server: IndexServer, second: IndexServer, open_client: OpenClient
) -> None:
    make_wheel(second.folder, "alpha", "1.0")

    project = found(open_client(mirrors={"test": second.url}), "alpha")

    assert project.index == "test"
    assert project.files(Version("1.0"))[0].url.startswith(second.origin)
    assert server.requests == []


# Flat and local indexes


def test_a_flat_page_lists_many_projects_and_is_fetched_once(
    server: IndexServer, open_client: OpenClient
) -> None:
    for name in ("alpha", "beta"):
        make_wheel(server.folder, name, "1.0")
    links = "".join(f'<a href="{server.file_url(name)}">{name}</a>' for name in server.filenames())
    server.pages["/links"] = ("text/html", links.encode())
    client = open_client(indexes=(Index(name="flat", url=f"{server.origin}/links", flat=True),))

    assert listed(client, "alpha") == {"1.0": ["alpha-1.0-py3-none-any.whl"]}
    assert listed(client, "beta") == {"1.0": ["beta-1.0-py3-none-any.whl"]}
    assert client.project("gamma") is None
    assert server.paths() == ["/links"]


def test_a_folder_of_files_is_an_index_with_hashes(
    tmp_path: Path, server: IndexServer, open_client: OpenClient
) -> None:
    folder = tmp_path / "my wheels"
    make_wheel(folder, "alpha", "1.0")
    make_wheel(server.folder, "alpha", "1.0")
    (folder / "notes.txt").write_text("not a distribution")

    for url in (str(folder), make_file_url(str(folder))):
        project = found(open_client(indexes=(Index(name="here", url=url, flat=True),), offline=True), "alpha")
        (file,) = project.files(Version("1.0"))

        assert file.hashes == server.hashes("alpha-1.0-py3-none-any.whl")
        assert file.url == make_file_url(str(folder / "alpha-1.0-py3-none-any.whl"))


def test_a_tree_of_pages_on_this_machine_is_an_index(tmp_path: Path, open_client: OpenClient) -> None:
    make_wheel(tmp_path / "mirror" / "files", "alpha", "1.0")
    page = tmp_path / "mirror" / "simple" / "alpha" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text('<a href="../../files/alpha-1.0-py3-none-any.whl#sha256=' + "a" * 64 + '">alpha</a>')
    index = Index(name="here", url=make_file_url(str(tmp_path / "mirror" / "simple")))
    client = open_client(indexes=(index,), offline=True)

    (file,) = found(client, "alpha").files(Version("1.0"))

    assert file.url == make_file_url(str(tmp_path / "mirror" / "files" / "alpha-1.0-py3-none-any.whl"))
    assert file.hashes == {"sha256": "a" * 64}
    assert client.project("beta") is None


def test_a_folder_that_is_not_there_is_an_unreachable_index(tmp_path: Path, open_client: OpenClient) -> None:
    client = open_client(indexes=(Index(name="here", url=str(tmp_path / "nowhere"), flat=True),))

    assert refused(client, "alpha").code == "index-unreachable"


# Names that look alike


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("reqeusts", "requests"),
        ("requestss", "requests"),
        ("num-py", "numpy"),
        ("dateutil", "python-dateutil"),
        ("yaml", "pyyaml"),
        ("python-attrs", "attrs"),
        ("colection", "collection"),
        ("djagno", "django"),
    ],
)
def test_a_name_that_exists_and_looks_alike_is_found(
    server: IndexServer, open_client: OpenClient, written: str, meant: str
) -> None:
    make_wheel(server.folder, meant, "1.0")

    assert open_client().near_names(written) == (meant,)
    assert len(server.requests) <= 16


def test_a_name_that_was_seen_before_is_near_though_letters_are_missing(
    server: IndexServer, open_client: OpenClient
) -> None:
    make_wheel(server.folder, "requests", "1")
    client = open_client()
    assert client.project("requests") is not None

    assert open_client().near_names("rquests") == ("requests",)


def test_near_names_of_an_index_that_is_down_are_none(server: IndexServer, open_client: OpenClient) -> None:
    server.stop()

    assert open_client().near_names("alhpa") == ()


def test_near_names_are_not_asked_for_offline(server: IndexServer, open_client: OpenClient) -> None:
    assert open_client(offline=True).near_names("alhpa") == ()
    assert server.requests == []
