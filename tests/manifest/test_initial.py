"""The manifest that ``envctl init`` writes."""

from __future__ import annotations

import pytest

from envctl.manifest.initial import initial_manifest
from envctl.manifest.parse import parse
from envctl.manifest.project import find_project

PYPROJECT = (
    b"[project]\nname = 'shop'\nversion = '1'\nrequires-python = '==3.10.*'\ndependencies = ['flask']\n"
)


def uncomment(text: str) -> str:
    """Make the examples that stand in comments part of the file."""
    lines = []
    for line in text.splitlines():
        body = line.strip().removeprefix("# ")
        is_example = line.strip().startswith("# ") and (body[:1] in "[\"'" or " = " in body)
        lines.append(body if is_example else line)
    return "\n".join(lines)


def test_it_is_valid_and_names_the_project() -> None:
    manifest = parse(
        initial_manifest(python=">=3.11", has_pyproject=False, name="shop").encode(), path="/srv/env.toml"
    )

    assert manifest.name == "shop"
    assert [request.text for request in manifest.pythons] == [">=3.11"]
    assert manifest.environments["default"].groups == ("dev",)


def test_beside_a_pyproject_it_takes_the_lists_from_there() -> None:
    text = initial_manifest(python=">=3.11", has_pyproject=True, name="shop").encode()

    manifest = parse(text, path="/srv/env.toml", pyproject=PYPROJECT)

    assert find_project(text, path="/srv/env.toml") == "/srv/pyproject.toml"
    assert [str(asked.requirement) for asked in manifest.dependencies] == ["flask"]


def test_beside_a_pyproject_requires_python_alone_says_which_python() -> None:
    text = initial_manifest(python=">=3.11", has_pyproject=True, name="shop").encode()

    manifest = parse(text, path="/srv/env.toml", pyproject=PYPROJECT)

    assert [request.text for request in manifest.pythons] == ["==3.10.*"]


@pytest.mark.parametrize("name", ["", 'a"b', "a\\b", "a\nb", "\x1b[0m", "x" * 200])
def test_a_folder_whose_name_is_no_plain_line_gives_no_name(name: str) -> None:
    text = initial_manifest(python=">=3.11", has_pyproject=False, name=name)

    assert parse(text.encode(), path="/srv/env.toml").name is None


@pytest.mark.parametrize("name", ["ein größer Ordner", "日本", "$HOME", "a'b"])
def test_a_folder_with_an_unusual_name_keeps_it(name: str) -> None:
    text = initial_manifest(python=">=3.11", has_pyproject=False, name=name)

    assert parse(text.encode(), path="/srv/env.toml").name == name


def test_what_stands_in_comments_is_valid_too() -> None:
    text = uncomment(initial_manifest(python=">=3.11", has_pyproject=False, name="shop"))
    text = text.replace('groups = ["test"]', 'groups = ["dev"]')

    manifest = parse(text.encode(), path="/srv/env.toml")

    assert list(manifest.environments) == ["default", "ci"]
    assert [index.name for index in manifest.indexes] == ["company"]
    assert set(manifest.sources) == {"our-library"}
