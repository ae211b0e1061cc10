"""Every key of the manifest either counts for the lock or does not, and here it says which.

A new key fails the first test until somebody has decided it.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import tomli_w

from envctl.lock.lock import Lock
from envctl.lock.parse import parse as parse_lock
from envctl.manifest.keys import MANIFEST
from envctl.manifest.manifest import Manifest
from envctl.manifest.parse import parse
from envctl.manifest.shape import walk
from envctl.workflow.staleness import expected_digest

PATH = "/srv/shop/env.toml"
BASE: dict[str, Any] = {
    "name": "shop",
    "python": ">=3.11",
    "dependencies": ["flask>=3", "core", "patched", "blob", "acme-sdk"],
    "optional-dependencies": {"pg": ["psycopg"]},
    "dependency-groups": {"dev": ["ruff"], "cpu": ["one"], "gpu": ["two"], "all": [{"include-group": "dev"}]},
    "sources": {
        "core": {"path": "../core", "editable": True, "subdirectory": "py"},
        "patched": {"git": "https://git.example/patched.git", "tag": "v1"},
        "blob": {"url": "https://files.example/blob-1.0.tar.gz", "subdirectory": "py"},
        "acme-sdk": {"index": "acme"},
    },
    "index": [
        {"name": "acme", "url": "https://acme.example/simple/", "packages": ["acme-*"]},
        {"name": "main", "url": "https://main.example/simple/"},
    ],
    "lock": {
        "path": "pylock.toml",
        "targets": ["linux-x86_64"],
        "python": ["3.11"],
        "resolution": "highest",
        "prerelease": "if-necessary",
        "exclude-newer": "3 days",
        "constraints": ["urllib3<3"],
        "overrides": ["idna==3.10"],
        "excludes": ["typing"],
        "conflicts": [[{"group": "cpu"}, {"group": "gpu"}]],
    },
    "build": {"allow": ["docopt"], "deny": [], "no-binary": [], "constraints": ["setuptools<81"]},
    "install": {"link": "auto"},
    "policy": {"yanked": "warn"},
    "env": {"default": {"path": ".venv", "groups": ["dev"], "extras": ["pg"]}, "ci": {"groups": ["cpu"]}},
}
PYPROJECT = b"""\
[project]
name = "shop"
version = "1.0"
dependencies = ["flask"]
[build-system]
requires = ["hatchling"]
"""

#: Keys that count: where to put what, so that the digest moves.
COUNTS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "python": (("python",), ">=3.12"),  # the lock covers 3.11, which nobody can have any more
    "project": (("project",), "py"),
    "project.path": (("project",), {"path": "py"}),
    "project.editable": (("project",), {"path": ".", "editable": False}),
    "project.install": (("project",), {"path": ".", "install": False}),
    "dependencies": (("dependencies", 0), "flask>=3.1"),
    "optional-dependencies": (("optional-dependencies", "pg"), []),
    "dependency-groups": (("dependency-groups", "dev"), ["ruff<1"]),
    "dependency-groups.GROUP.include-group": (("dependency-groups", "all"), [{"include-group": "cpu"}]),
    "sources": (("sources", "flask"), {"index": "main"}),
    "sources.NAME.path": (("sources", "core", "path"), "../other"),
    "sources.NAME.editable": (("sources", "core", "editable"), False),
    "sources.NAME.index": (("sources", "acme-sdk", "index"), "main"),
    "sources.NAME.git": (("sources", "patched", "git"), "https://git.example/other.git"),
    "sources.NAME.branch": (("sources", "patched"), {"git": "https://git.example/patched.git", "branch": "v1"}),
    "sources.NAME.tag": (("sources", "patched", "tag"), "v2"),
    "sources.NAME.rev": (("sources", "patched"), {"git": "https://git.example/patched.git", "rev": "v1"}),
    "sources.NAME.url": (("sources", "blob", "url"), "https://files.example/blob-2.0.tar.gz"),
    "sources.NAME.subdirectory": (("sources", "blob", "subdirectory"), "src"),
    "index": (("index",), [BASE["index"][0]]),
    "index.name": (("index", 1, "name"), "other"),
    "index.packages": (("index", 0, "packages"), ["acme-*", "flask"]),
    "lock": (("lock", "excludes"), []),
    "lock.targets": (("lock", "targets"), ["linux-x86_64", "macos-arm64"]),
    "lock.python": (("lock", "python"), ["3.12"]),
    "lock.resolution": (("lock", "resolution"), "lowest"),
    "lock.prerelease": (("lock", "prerelease"), {"flask": "allow"}),
    "index.exclude-newer": (("index", 0, "exclude-newer"), "7 days"),
    "lock.exclude-newer": (("lock", "exclude-newer"), {"*": "3 days", "flask": False}),
    "lock.constraints": (("lock", "constraints"), ["urllib3<2"]),
    "lock.overrides": (("lock", "overrides"), ["idna==3.9"]),
    "lock.excludes": (("lock", "excludes"), ["typing", "enum34"]),
    "lock.conflicts": (("lock", "conflicts"), []),
    "lock.conflicts.group": (("lock", "conflicts"), [[{"group": "cpu"}, {"group": "all"}]]),
    "lock.conflicts.extra": (("lock", "conflicts"), [[{"group": "cpu"}, {"extra": "pg"}]]),
    "build": (("build", "allow"), True),
    "build.allow": (("build", "allow"), []),
    "build.deny": (("build", "deny"), ["docopt"]),
    "build.no-binary": (("build", "no-binary"), ["ruff"]),
    "env": (("env", "default", "groups"), []),
    "env.NAME.groups": (("env", "default", "groups"), ["dev", "cpu"]),
    "env.NAME.extras": (("env", "default", "extras"), []),
    "env.NAME.python": (("env",), {"default": {"python": ">=3.12", "groups": ["dev"], "extras": ["pg"]}}),
}  # fmt: skip

#: Keys that do not count, with a change that leaves the digest as it is. Those below them do not, either.
DOES_NOT_COUNT: dict[str, tuple[tuple[Any, ...], Any]] = {
    "name": (("name",), "other"),
    "requires-envctl": (("requires-envctl",), ">=0.0.1"),
    "index.url": (("index", 1, "url"), "https://mirror.example/simple/"),
    "index.flat": (("index", 1, "flat"), True),
    "lock.path": (("lock", "path"), "pylock.shop.toml"),
    "build.constraints": (("build", "constraints"), ["setuptools<80"]),
    "build.config-settings": (("build", "config-settings"), {"flask": {"x": "y"}}),
    "build.timeout": (("build", "timeout"), 300),
    "install": (("install",), {"link": "copy", "prune": "never", "compile": True}),
    "policy": (("policy",), {"yanked": "enforce", "sdists": "enforce"}),
    "env.NAME.path": (("env", "default", "path"), "there"),
}

#: Keys that are written in place of others.
_INSTEAD_OF_LISTS = ("dependencies", "optional-dependencies", "dependency-groups")


def read(data: dict[str, Any]) -> Manifest:
    pyproject = PYPROJECT if "project" in data else None
    return parse(tomli_w.dumps(data).encode(), path=PATH, pyproject=pyproject)


def base_for(key: str) -> dict[str, Any]:
    """Give the manifest that a change of ``key`` is made to."""
    data = copy.deepcopy(BASE)
    if key.startswith("project"):
        for name in _INSTEAD_OF_LISTS:
            del data[name]
        del data["env"], data["lock"]["conflicts"]
        data["project"] = "."
    if key in {"python", "env.NAME.python"}:
        del data["lock"]["python"]  # then the lock's own count
    if key == "env.NAME.python":
        del data["env"]["ci"]
    return data


def change(data: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    place: Any = changed
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return changed


def lock_of(digest: str = "sha256:0") -> Lock:
    text = (
        'lock-version = "1.0"\ncreated-by = "envctl"\npackages = []\n'
        f'[tool.envctl]\ndigest = "{digest}"\ntargets = ["linux-x86_64"]\npython = ["3.11", "3.12"]\n'
    )
    return parse_lock(text.encode(), path="/srv/shop/pylock.toml")


def digest_of(data: dict[str, Any]) -> str:
    return expected_digest(read(data), lock_of(), {})


def is_decided(key: str) -> bool:
    return key in COUNTS or any(key == other or key.startswith(f"{other}.") for other in DOES_NOT_COUNT)


def test_every_key_of_the_manifest_is_decided() -> None:
    assert [key for key in walk(MANIFEST) if not is_decided(key)] == []


def test_no_key_is_decided_that_there_is_not() -> None:
    assert (COUNTS.keys() | DOES_NOT_COUNT.keys()) - set(walk(MANIFEST)) == set()
    assert COUNTS.keys() & DOES_NOT_COUNT.keys() == set()


@pytest.mark.parametrize("key", sorted(COUNTS))
def test_the_digest_moves_with_the_key(key: str) -> None:
    path, value = COUNTS[key]
    data = base_for(key)

    assert digest_of(change(data, path, value)) != digest_of(data)


@pytest.mark.parametrize("key", sorted(DOES_NOT_COUNT))
def test_the_digest_stays_with_the_key(key: str) -> None:
    path, value = DOES_NOT_COUNT[key]
    data = base_for(key)

    assert digest_of(change(data, path, value)) == digest_of(data)


def reverse(value: Any) -> Any:
    """Turn every list and table round, but that of the indexes, whose order decides."""
    match value:
        case dict():
            return {
                key: [reverse(one) for one in member]
                if key == "index" and isinstance(member, list)
                else reverse(member)
                for key, member in reversed(value.items())
            }
        case list():
            return [reverse(one) for one in reversed(value)]
        case _:
            return value


def test_the_order_of_lists_and_tables_does_not_count() -> None:
    data = change(BASE, ("lock", "targets"), ["linux-x86_64", "macos-arm64"])
    data = change(data, ("lock", "constraints"), ["urllib3<3", "idna<4", "idna>2"])

    assert reverse(data) != data
    assert digest_of(reverse(data)) == digest_of(data)


def test_the_order_of_indexes_counts() -> None:
    data = change(BASE, ("index",), BASE["index"][::-1])

    assert digest_of(data) != digest_of(BASE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("dependencies",), ["Flask >= 3", "core", "patched", "blob", "acme_sdk", "core"]),
        (("lock", "exclude-newer"), "72 hours"),
        (("lock", "prerelease"), {"*": "if-necessary"}),
        (("lock", "excludes"), ["Typing"]),
        (("build", "deny"), []),
    ],
    ids=["spelling", "another unit", "a default", "case", "nothing"],
)
def test_what_means_the_same_is_the_same(path: tuple[Any, ...], value: Any) -> None:
    assert digest_of(change(BASE, path, value)) == digest_of(BASE)
