"""From a resolution to a lock and its text, and back."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.errors import UpstreamError
from envctl.lock.compose import compose
from envctl.lock.format import format_lock
from envctl.lock.freshness import covers, preferences
from envctl.lock.parse import parse
from envctl.model.artifact import Archive, Checkout, Directory, Wheel
from envctl.model.resolution import Resolution, Resolved
from support.manifests import make_manifest
from support.universes import Notation, Release, make_target, request, resolve

UNIVERSE: Notation = {
    "requests": {"2.0": Release(["idna<4,>=2.5"], extras={"socks": ["pysocks"]}, python=">=3.8")},
    "idna": {"3.9": [], "3.10": []},
    "pysocks": {"1.0": []},
    "ruff": {"0.1": Release(wheels=("py3-none-any", "cp311-cp311-linux_x86_64"), sdist=True)},
    "psycopg": {"3.0": ["idna"]},
}
CORE = Directory(path="/projects/core", display_path="../core", editable=True, metadata_digest="sha256:1")


def make(
    *wanted: Any,
    manifest: Any = None,
    old: Any = None,
    universe: Any = UNIVERSE,
    digest: Any = "sha256:d",
    target: Any = None,
    **lists: Any,
) -> Any:
    resolution = resolve(universe, request(*wanted, **lists), target)
    manifest = manifest or make_manifest(groups=lists.get("groups"), extras=lists.get("extras"))
    return compose([resolution], manifest=manifest, digest=digest, old=old)


def compose_one(package: Any, **more: Any) -> Any:
    resolution = Resolution(target=make_target(), packages={package.name: package})
    return compose([resolution], manifest=make_manifest(), digest="", old=None, **more)


def entry(lock: Any, name: Any) -> Any:
    return next(
        package for package in tomllib.loads(lock.data.decode())["packages"] if package["name"] == name
    )


class TestText:
    def test_the_whole_file_reads_well(self) -> None:
        lock = make("requests", groups={"dev": ["ruff"]})

        assert lock.data.decode() == EXPECTED

    def test_parsing_gives_the_lock_back(self) -> None:
        lock = make("requests[socks]", "ruff", groups={"dev": ["ruff"]}, allow=True)

        parsed = parse(lock.data, path=lock.path)

        assert parsed == lock
        assert parsed.pylock == lock.pylock
        assert format_lock(parsed) == lock.data

    def test_the_same_resolution_gives_the_same_bytes(self) -> None:
        assert make("requests", "ruff").data == make("ruff", "requests").data

    def test_credentials_of_an_index_are_not_written(self) -> None:
        assert b"secret" not in make("requests").data
        assert entry(make("requests"), "idna")["index"] == "https://index.example/simple/"

    def test_nothing_of_the_machine_is_written(self) -> None:
        lock = compose_one(Resolved(name="core", version="1.0", artifacts=(CORE,)))

        assert b"/projects" not in lock.data

    def test_text_that_needs_quoting_survives(self) -> None:
        name = 'quote"back\\slash\tünïcode'
        checkout = Checkout(vcs="git", url="https://x.example/r", commit="a" * 40, requested_revision=name)

        lock = compose_one(Resolved(name="a", version="1.0", artifacts=(checkout,)))

        vcs = parse(lock.data, path=lock.path).packages[0].vcs
        assert vcs is not None
        assert vcs.requested_revision == name

    def test_a_lock_without_packages_is_valid(self) -> None:
        lock = make()

        assert parse(lock.data, path=lock.path).packages == []

    def test_a_lock_of_another_tool_is_formatted_whole(self) -> None:
        data = b"""
lock-version = "1.0"
created-by = "other"
[[packages]]
name = "a"
version = "1.0"
wheels = [{url = "https://x.example/a-1.0-py3-none-any.whl", hashes = {sha256 = "%s"}}]
[[packages.attestation-identities]]
kind = "GitHub"
repository = "x/y"
[packages.tool.other]
deep = [{list = [1, 2.5, true], when = 2024-01-01T00:00:00Z}]
[tool.other]
key = "value"
""" % (b"0" * 64)
        lock = parse(data, path="/x/pylock.toml")

        assert tomllib.loads(format_lock(lock).decode()) == tomllib.loads(data.decode())


EXPECTED = """\
lock-version = "1.0"
environments = [
    'sys_platform == "linux" and platform_machine == "x86_64" and implementation_name == "cpython" and python_version == "3.11"',
]
requires-python = ">=3.11"
extras = []
dependency-groups = [
    "dev",
]
default-groups = []
created-by = "envctl"

[[packages]]
name = "idna"
version = "3.10"
index = "https://index.example/simple/"
wheels = [
    { name = "idna-3.10-py3-none-any.whl", url = "https://files.example/idna-3.10-py3-none-any.whl", upload-time = 2024-01-01T00:00:00Z, size = 26, hashes = { sha256 = "cb0c73b778992a64913402aa2b222077f09ad1627b85526d8b9c2aa770daa1f1" } },
]

[packages.tool.envctl]
requires = []
index = "main"

[[packages]]
name = "requests"
version = "2.0"
requires-python = ">=3.8"
dependencies = [
    { name = "idna" },
]
index = "https://index.example/simple/"
wheels = [
    { name = "requests-2.0-py3-none-any.whl", url = "https://files.example/requests-2.0-py3-none-any.whl", upload-time = 2024-01-01T00:00:00Z, size = 29, hashes = { sha256 = "4cd4c3e3a5f27e6a0c9487f19a64ec673a21dd822031c884da505881175c6d16" } },
]

[packages.tool.envctl]
requires = [
    "idna<4,>=2.5",
]
index = "main"

[[packages]]
name = "ruff"
version = "0.1"
marker = '"dev" in dependency_groups'
index = "https://index.example/simple/"
wheels = [
    { name = "ruff-0.1-cp311-cp311-linux_x86_64.whl", url = "https://files.example/ruff-0.1-cp311-cp311-linux_x86_64.whl", upload-time = 2024-01-01T00:00:00Z, size = 37, hashes = { sha256 = "954335b5edfeb62b0954f48e6f02d0ab7fd5f0e50af1fa04c6b24988ea807c13" } },
    { name = "ruff-0.1-py3-none-any.whl", url = "https://files.example/ruff-0.1-py3-none-any.whl", upload-time = 2024-01-01T00:00:00Z, size = 25, hashes = { sha256 = "897b02145482a05b25c5c48a53d894a2961adfba4ca9bc420fb6e38157915424" } },
]

[packages.tool.envctl]
requires = []
index = "main"

[tool.envctl]
digest = "sha256:d"
targets = [
    "linux-x86_64",
]
python = [
    "3.11",
]
"""


class TestPackages:
    def test_a_dependency_has_no_marker(self) -> None:
        assert "marker" not in entry(make("idna"), "idna")

    def test_what_only_lists_reach_names_them(self) -> None:
        lock = make(groups={"dev": ["psycopg"], "test": ["idna"]}, extras={"pg": ["psycopg"]})

        assert entry(lock, "idna")["marker"] == (
            '"dev" in dependency_groups or "test" in dependency_groups or "pg" in extras'
        )

    def test_a_directory_has_no_version_and_no_absolute_path(self) -> None:
        package = entry(compose_one(Resolved(name="core", version="1.0", artifacts=(CORE,))), "core")

        assert package["directory"] == {"path": "../core", "editable": True}
        assert "version" not in package
        assert package["tool"]["envctl"] == {"requires": [], "metadata": "sha256:1", "version": "1.0"}

    def test_an_archive_keeps_its_hashes(self) -> None:
        archive = Archive(url="https://x.example/a.zip", hashes={"sha256": "0" * 64}, size=3)

        package = entry(compose_one(Resolved(name="a", version="1.0", artifacts=(archive,))), "a")

        assert package["archive"] == {
            "url": "https://x.example/a.zip",
            "size": 3,
            "hashes": {"sha256": "0" * 64},
        }
        assert package["version"] == "1.0"

    def test_a_source_distribution_is_written_where_builds_are_allowed(self) -> None:
        assert entry(make("ruff", allow=True), "ruff")["sdist"]["name"] == "ruff-0.1.tar.gz"
        assert "sdist" not in entry(make("ruff"), "ruff")

    def test_a_file_without_a_strong_hash_cannot_be_locked(self) -> None:
        wheel = Wheel(filename="a-1.0-py3-none-any.whl", url="https://x.example/a", hashes={"md5": "0" * 32})

        with pytest.raises(UpstreamError) as caught:
            compose_one(Resolved(name="a", version="1.0", artifacts=(wheel,)))

        assert caught.value.code == "no-hash"

    def test_a_file_in_the_locks_folder_is_written_as_a_path(self) -> None:
        wheel = Wheel(
            filename="a-1.0-py3-none-any.whl",
            url="file:///projects/shop/wheels/with%20space/a-1.0-py3-none-any.whl",
            hashes={"sha256": "0" * 64},
        )

        package = entry(compose_one(Resolved(name="a", version="1.0", artifacts=(wheel,))), "a")

        assert package["wheels"][0]["path"] == "wheels/with space/a-1.0-py3-none-any.whl"
        assert "url" not in package["wheels"][0]


class TestDefaultGroup:
    def test_what_the_default_environment_holds_is_in_the_default_group(self) -> None:
        lists: dict[str, Any] = {
            "groups": {"dev": ["ruff"], "doc": ["pysocks"]},
            "extras": {"pg": ["psycopg"]},
        }
        manifest = make_manifest(**lists, default_groups=("dev",), default_extras=("pg",))

        lock = make(manifest=manifest, **lists)

        assert lock.pylock.default_groups == ["default"]
        assert entry(lock, "ruff")["marker"] == '"default" in dependency_groups or "dev" in dependency_groups'
        assert entry(lock, "psycopg")["marker"] == '"default" in dependency_groups or "pg" in extras'
        assert entry(lock, "pysocks")["marker"] == '"doc" in dependency_groups'

    def test_there_is_none_where_the_default_environment_holds_only_dependencies(self) -> None:
        assert make("idna", groups={"dev": ["ruff"]}).pylock.default_groups == []


class TestOldUrls:
    def test_a_file_whose_hash_stays_keeps_its_url(self) -> None:
        old = make("idna")
        moved = parse(old.data.replace(b"files.example", b"elsewhere.example"), path=old.path)

        again = make("idna", old=moved)

        assert again.data == moved.data

    def test_another_file_has_its_own_url(self) -> None:
        old = make("idna<3.10")

        assert b"files.example/idna-3.10" in make("idna", old=old).data


def test_versions_to_prefer_are_those_of_the_lock() -> None:
    lock = make("requests[socks]")

    assert preferences(lock) == {"idna": "3.10", "pysocks": "1.0", "requests": "2.0"}
    assert preferences(None) == {}


def test_a_lock_covers_its_targets_and_pythons_only() -> None:
    lock = make("idna")

    assert covers(lock, make_target("3.11.2"))
    assert not covers(lock, make_target("3.12.1"))
    assert not covers(lock, make_target(system="win32", machine="AMD64"))


@settings(max_examples=60, deadline=None)
@given(st.permutations(["requests", "idna", "ruff", "psycopg"]), st.sets(st.sampled_from(["dev", "test"])))
def test_the_order_of_lists_does_not_change_a_byte(wanted: Any, groups: Any) -> None:
    lists = {name: ["ruff", "pysocks"] for name in groups}
    backwards = {name: ["pysocks", "ruff"] for name in sorted(groups, reverse=True)}

    assert make(*wanted, groups=lists).data == make(*reversed(wanted), groups=backwards).data
