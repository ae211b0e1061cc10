"""The digest of a manifest: moved by what is said, not by how it is written."""

from __future__ import annotations

import random
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from envctl.manifest.parse import parse

PATH = "/srv/env.toml"

DATA: dict[str, Any] = {
    "name": "shop",
    "python": ">=3.11",
    "dependencies": ["flask>=3", "requests[socks]"],
    "optional-dependencies": {"postgres": ["psycopg"], "redis": ["redis"]},
    "dependency-groups": {"test": ["pytest"], "dev": ["ruff", {"include-group": "test"}]},
    "sources": {"core": {"path": "../core", "editable": True}, "sdk": {"index": "acme"}},
    "index": [
        {"name": "acme", "url": "https://acme.example/simple/", "packages": ["acme-*"]},
        {"name": "mirror", "url": "https://mirror.example/simple/"},
    ],
    "lock": {"resolution": "lowest", "prerelease": {"*": "disallow", "rich": "allow"}},
    "install": {"link": "copy", "compile": True},
    "env": {"default": {"groups": ["dev"]}, "ci": {"python": "3.12"}},
}


def digest(text: str, pyproject: str | None = None) -> str:
    return parse(text.encode(), path=PATH, pyproject=None if pyproject is None else pyproject.encode()).digest


def shuffle(value: Any, chance: random.Random) -> Any:
    """Give the tables of ``value`` another order, and its lists the same."""
    if isinstance(value, dict):
        items = [(key, shuffle(item, chance)) for key, item in value.items()]
        chance.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [shuffle(item, chance) for item in value]
    return value


def annotate(text: str, chance: random.Random) -> str:
    """Put comments, blank lines and spaces into TOML that has no text of several lines."""
    lines = []
    for line in text.splitlines():
        if chance.random() < 0.4:
            lines.append(chance.choice(["# a note", "", "   # [table]", '# key = "value"']))
        lines.append(line + chance.choice(["", "  ", " # why"]))
    return "\n".join(lines) + "\n"


@given(st.randoms(use_true_random=False))
def test_order_of_keys_and_comments_leave_the_digest(chance: random.Random) -> None:
    rewritten = annotate(tomli_w.dumps(shuffle(DATA, chance)), chance)

    assert digest(rewritten) == digest(tomli_w.dumps(DATA))


@given(st.randoms(use_true_random=False))
def test_order_of_keys_leaves_the_requirements(chance: random.Random) -> None:
    rewritten = parse(annotate(tomli_w.dumps(shuffle(DATA, chance)), chance).encode(), path=PATH)

    plain = parse(tomli_w.dumps(DATA).encode(), path=PATH)
    assert [one.requirement for one in rewritten.dependencies] == [
        one.requirement for one in plain.dependencies
    ]
    assert rewritten.sources == plain.sources
    assert rewritten.lock == plain.lock


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("dependencies = ['a']", "dependencies = ['b']"),
        ("dependencies = ['a', 'b']", "dependencies = ['b', 'a']"),
        ("", "dependencies = []"),
        ("[lock]\nexclude-newer = 2026-01-31", "[lock]\nexclude-newer = '2026-01-31'"),
        ("[install]\nlink = 'copy'", "[install]\nlink = 'auto'"),
    ],
)
def test_what_is_said_moves_the_digest(one: str, other: str) -> None:
    assert digest(one) != digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("[lock]\nresolution = 'lowest'", "lock.resolution = 'lowest'"),
        ("[sources.a]\npath = 'x'", "[sources]\na = { path = 'x' }"),
        ("name = 'a'", 'name = """\\\n  a"""'),
    ],
)
def test_another_spelling_of_the_same_data_leaves_the_digest(one: str, other: str) -> None:
    assert digest(one) == digest(other)


PYPROJECT = "[project]\nname = 'a'\nversion = '1'\ndependencies = ['x']\n[tool.x]\ny = 1\n"


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        (("'x'", "'y'"), True),
        (("[tool.x]", "[dependency-groups]\ng = []\n[tool.x]"), True),
        (("[tool.x]", "[build-system]\nrequires = []\n[tool.x]"), True),
        (("y = 1", "y = 2"), False),
        (("version = '1'", "version = '2'"), False),
        (("name", "# note\nname"), False),
    ],
    ids=["dependency", "group", "build system", "another tool", "version", "comment"],
)
def test_of_the_pyproject_only_what_is_used_moves_the_digest(change: tuple[str, str], *, moves: bool) -> None:
    before = digest("project = '.'", PYPROJECT)

    after = digest("project = '.'", PYPROJECT.replace(*change))

    assert (after != before) is moves
