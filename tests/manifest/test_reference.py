"""The reference page names every key and every code, and its examples are valid."""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Iterator

import pytest

from envctl.manifest import parse as parser
from envctl.manifest.keys import MANIFEST
from envctl.manifest.parse import parse
from envctl.manifest.shape import walk
from envctl.version import VERSION

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROOM = os.path.dirname(os.path.abspath(parser.__file__))


def read(*path: str) -> str:
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


PAGE = read("docs", "reference", "manifest.md")


@pytest.mark.parametrize("key", sorted(set(walk(MANIFEST))))
def test_the_page_names_the_key(key: str) -> None:
    written = key.removeprefix("dependency-groups.GROUP.")

    assert f"`{written}`" in PAGE


def test_the_page_names_no_key_that_there_is_not() -> None:
    known = set(walk(MANIFEST))
    tables = {key.partition(".")[0] for key in known if "." in key}

    named = {
        word for word in re.findall(r"`([a-z-]+(?:\.[A-Za-z-]+)+)`", PAGE) if word.partition(".")[0] in tables
    }

    assert named - {"env.toml"} <= known


def codes() -> Iterator[str]:
    """Find the codes in the source: first arguments of `refuse` and of the errors."""
    for name in sorted(os.listdir(ROOM)):
        if not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(read(ROOM, name))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("refuse", "InputError") and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)


def test_the_page_lists_exactly_the_codes_there_are() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \|", PAGE.partition("## Codes")[2], re.MULTILINE)
    kinds = {"unknown-group", "unknown-extra", "unknown-index"}  # made from the kind of the name

    others = {"import-not-supported"}  # says nothing of a manifest

    assert set(listed) == (set(codes()) | kinds) - others
    assert len(listed) == len(set(listed))


def test_the_examples_of_the_page_are_one_valid_manifest() -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    top = [one for one in examples if not one.startswith("[") and "requires-envctl" not in one]
    tables = [one for one in examples if one.startswith("[")]
    text = "\n".join([*top, *tables]).replace(
        "[dependency-groups]", "[dependency-groups]\ncpu = []\ngpu = []"
    )

    manifest = parse(text.encode(), path="/srv/env.toml")

    assert set(tomllib.loads(text)) >= {"name", "dependencies", "sources", "index", "lock", "policy", "env"}
    assert list(manifest.environments) == ["default", "ci"]


@pytest.mark.parametrize(
    "example",
    re.findall(r"```toml\n(project.*?)```", read("docs", "how-to", "use-a-pyproject.md"), re.DOTALL),
)
def test_the_examples_of_the_how_to_are_valid(example: str) -> None:
    (pyproject,) = re.findall(
        r"```toml\n(\[build-system\].*?)```", read("docs", "how-to", "use-a-pyproject.md"), re.DOTALL
    )

    manifest = parse(example.encode(), path="/srv/env.toml", pyproject=pyproject.encode())

    assert "flask>=3" in [str(asked.requirement) for asked in manifest.dependencies]


def test_the_example_manifest_of_the_project_is_valid() -> None:
    manifest = parse(read("env.toml.example").encode(), path=os.path.join(ROOT, "env.toml"))

    assert manifest.environments["default"].groups == ("dev",)


def test_the_example_manifest_shows_every_key() -> None:
    """Those that are commented out are right, too."""
    text = re.sub(r"^# (?=\[|[a-z-]+ = )", "", read("env.toml.example"), flags=re.MULTILINE)
    text = text.replace("[dependency-groups]", "[dependency-groups]\ncpu = []\ngpu = []")

    parse(text.encode(), path=os.path.join(ROOT, "env.toml"))

    shown = tomllib.loads(text)
    for table in ("lock", "build", "install"):
        assert {f"{table}.{key}" for key in shown[table]} == {
            key for key in walk(MANIFEST) if re.fullmatch(rf"{table}\.[a-z-]+", key)
        }
    assert {key.partition(".")[0] for key in walk(MANIFEST)} - set(shown) == {"project"}


def test_the_version_that_manifests_may_require_is_that_of_the_project() -> None:
    assert tomllib.loads(read("pyproject.toml"))["project"]["version"] == VERSION
