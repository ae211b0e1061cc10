"""What makes a lock out of date, and what never does."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from packaging.requirements import Requirement

from envctl.lock.freshness import digest, is_fresh
from envctl.lock.parse import parse
from envctl.manifest.manifest import BuildSettings, GitSource, Index, IndexSource, PathSource
from support.manifests import make_manifest
from support.universes import asked


def of(
    manifest: Any, *, targets: Any = ("linux-x86_64",), pythons: Any = ("3.11",), projects: Any = None
) -> Any:
    return digest(manifest, targets=targets, pythons=pythons, projects=projects or {})


BASE: dict[str, Any] = {
    "dependencies": asked("flask>=3", "requests[socks]"),
    "groups": {"dev": asked("ruff"), "test": asked("pytest")},
    "extras": {"pg": asked("psycopg")},
    "sources": {"core": PathSource(path="/projects/core", written="../core", editable=True)},
    "indexes": (Index(name="one", url="https://one.example/"), Index(name="two", url="https://two.example/")),
    "prerelease": {"*": "if-necessary"},
    "exclude_newer": {"*": timedelta(days=3)},
}


@pytest.mark.parametrize(
    "change",
    [
        {"dependencies": asked("flask>=3.1", "requests[socks]")},
        {"dependencies": asked("flask>=3; os_name == 'nt'", "requests[socks]")},
        {"dependencies": asked("flask>=3", "requests")},
        {"groups": {"dev": asked("ruff")}},
        {"extras": {"pg": asked("psycopg2")}},
        {"default_groups": ("dev",)},
        {"default_extras": ("pg",)},
        {"sources": {"core": PathSource(path="/projects/core", written="../core", editable=False)}},
        {"sources": {"core": GitSource(url="https://x.example/r", tag="v1")}},
        {"sources": {"core": IndexSource(index="two")}},
        {"indexes": (Index(name="one", url="https://one.example/"),)},
        {"prerelease": {"*": "allow"}},
        {"exclude_newer": {"*": timedelta(days=4)}},
        {"exclude_newer": {"*": timedelta(days=3), "core": None}},
        {"resolution": "lowest"},
        {"constraints": (Requirement("idna<4"),)},
        {"overrides": (Requirement("idna<4"),)},
        {"excludes": frozenset({"typing"})},
        {"conflicts": ((("group", "dev"), ("group", "test")),)},
        {"build": BuildSettings(allow=True)},
        {"build": BuildSettings(allow=frozenset({"docopt"}))},
        {"build": BuildSettings(deny=frozenset({"docopt"}))},
        {"build": BuildSettings(no_binary=frozenset({"docopt"}))},
        {"project": "/projects/shop"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_it_moves_with_what_went_in(change: Any) -> None:
    assert of(make_manifest(**BASE)) != of(make_manifest(**{**BASE, **change}))


@pytest.mark.parametrize(
    "change",
    [
        {"dependencies": asked("Requests[SOCKS]", "flask >= 3")},
        {"groups": {"test": asked("pytest"), "dev": asked("ruff", "ruff")}},
        {"folder": "/elsewhere"},
        {"name": "another"},
        {"sources": {"core": PathSource(path="/elsewhere/core", written="../core", editable=True)}},
        {"indexes": (Index(name="one", url="https://mirror.example/"), Index(name="two", url="https://x.example/"))},
        {"build": BuildSettings(config_settings={"x": {"y": "z"}})},
    ],
    ids=["spelling and order", "order of groups", "folder", "name", "place of a source", "urls", "config settings"],
)  # fmt: skip
def test_it_stays_for_everything_else(change: Any) -> None:
    assert of(make_manifest(**BASE)) == of(make_manifest(**{**BASE, **change}))


def test_targets_pythons_and_projects_count_but_not_their_order() -> None:
    manifest = make_manifest(**BASE)

    assert of(manifest, targets=("a", "b"), pythons=("3.11", "3.12")) == of(
        manifest, targets=("b", "a"), pythons=("3.12", "3.11")
    )
    assert len(
        {of(manifest), of(manifest, targets=("a",)), of(manifest, pythons=("3.12",)), of(manifest, projects={"core": "1"})}
    ) == 4  # fmt: skip


def test_the_policy_and_the_install_settings_do_not_count() -> None:
    manifest = make_manifest(**BASE)
    other = dataclasses.replace(manifest, install=dataclasses.replace(manifest.install, link="copy"))

    assert of(manifest) == of(other)


def test_a_lock_is_fresh_for_the_digest_it_holds_only() -> None:
    text = 'lock-version = "1.0"\ncreated-by = "x"\npackages = []\n'
    own = parse((text + '[tool.envctl]\ndigest = "sha256:1"\n').encode(), path="/p/pylock.toml")

    assert is_fresh(own, "sha256:1")
    assert not is_fresh(own, "sha256:2")
    assert not is_fresh(parse(text.encode(), path="/p/pylock.toml"), "sha256:1")
