"""Entries of the lists: added, changed and removed, with lock and environment or not at all."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from support.backends import make_tree
from support.documents import validate
from support.project import Project, publish_all

LISTS = """\
dependencies = [
    # what we sell
    "alpha",  # first
    'gamma >= 1, < 3',
]

[dependency-groups]
dev = ["tool==1.0"]   # pinned

[[index]]
name = "loop"
url = "{url}"
"""


@pytest.fixture
def shop(project: Project) -> Project:
    publish_all(project, [("tool", "1.0"), ("delta", "1.0"), ("delta", "2.1"), ("gamma", "2.0")])
    project.write("env.toml", LISTS.format(url=project.index.url))
    project.apply()
    return project


def manifest_of(project: Project) -> Any:
    return tomllib.loads(project.read("env.toml"))


def test_what_is_added_gets_a_lower_bound_and_is_installed(shop: Project) -> None:
    before = shop.read("env.toml")

    report = shop.succeed("add", "Delta", "--json").json

    validate(report)
    assert shop.read("env.toml") == before.replace("# first\n", '# first\n    "Delta>=2.1",\n')
    assert shop.installed()["delta"] == "2.1"
    assert report["manifest_changes"] == [
        {"path": shop.path("env.toml"), "by": "env.toml", "before": None, "after": "Delta>=2.1"}
    ]
    assert shop.is_settled("--locked")


@pytest.mark.parametrize(
    ("words", "entry"),
    [
        (("delta", "--bounds", "exact"), "delta==2.1"),
        (("delta", "--bounds", "none"), "delta"),
        (("delta<2",), "delta<2"),
        (("delta; python_version >= '3'",), "delta>=2.1; python_version >= '3'"),
    ],
)
def test_bounds_are_written_as_asked_and_never_over_those_that_were_given(
    shop: Project, words: tuple[str, ...], entry: str
) -> None:
    shop.succeed("add", *words)

    assert manifest_of(shop)["dependencies"] == ["alpha", entry, "gamma >= 1, < 3"]


def test_groups_and_extras_are_added_to_and_made(shop: Project) -> None:
    shop.succeed("add", "--group", "dev", "delta")
    shop.succeed("add", "--extra", "web", "tool", "--no-apply")

    manifest = manifest_of(shop)
    assert manifest["dependency-groups"] == {"dev": ["tool==1.0", "delta>=2.1"]}
    assert manifest["optional-dependencies"] == {"web": ["tool>=1.0"]}
    assert shop.run("add", "--group", "dev", "--extra", "web", "delta").codes == ["bad-usage"]


def test_an_entry_that_is_there_is_changed_and_keeps_its_comment(shop: Project) -> None:
    shop.publish("alpha", "1.5", extras={"fast": ["delta"]}, requires=["beta"])

    shop.succeed("add", "alpha[fast]>=1.5")

    assert '    "alpha[fast]>=1.5",  # first\n' in shop.read("env.toml")
    assert shop.installed()["alpha"] == "1.5"
    assert shop.installed()["delta"] == "2.1"


def test_an_entry_that_says_enough_already_stays(shop: Project) -> None:
    before = shop.read("env.toml")

    report = shop.succeed("add", "gamma", "--json").json

    assert (report["outcome"], shop.read("env.toml")) == ("nothing-to-do", before)


def test_locked_versions_stay_when_something_is_added(shop: Project) -> None:
    shop.publish("alpha", "1.5", requires=["beta"])
    shop.publish("beta", "2.0")

    shop.succeed("add", "delta")

    assert shop.installed()["alpha"] == shop.installed()["beta"] == "1.0"


def test_what_a_package_brought_along_can_be_asked_for_at_its_version(shop: Project) -> None:
    shop.publish("beta", "2.0")

    shop.succeed("add", "beta")

    assert "beta>=1.0" in manifest_of(shop)["dependencies"]


@pytest.mark.parametrize("more", [[], ["--no-apply"]])
def test_what_cannot_be_added_leaves_every_file_as_it_was(shop: Project, more: list[str]) -> None:
    before = shop.snapshot()

    unknown = shop.run("add", "nowhere", *more)
    conflict = shop.run("add", "gamma>=9", *more)
    word = shop.run("add", "delta==", "../there", *more)

    assert (unknown.code, conflict.code, word.code) == (1, 1, 64)
    assert word.codes == ["bad-requirement", "bad-requirement"]
    assert shop.snapshot() == before


def test_without_apply_the_environment_stays(shop: Project) -> None:
    document = shop.succeed("add", "delta", "--no-apply", "--json").json

    validate(document)
    assert document["kind"] == "envctl.lock"
    assert "delta" not in shop.installed()
    assert shop.run("lock", "--check").code == 0
    assert shop.run("plan", "--detailed-exitcode").code == 2


def test_what_is_removed_takes_along_what_only_it_needed(shop: Project) -> None:
    before = shop.read("env.toml")

    report = shop.succeed("remove", "alpha", "--json").json

    assert shop.installed() == {"gamma": "2.0", "tool": "1.0"}
    assert shop.read("env.toml") == before.replace('    "alpha",  # first\n', "")
    assert [(each["before"], each["after"]) for each in report["manifest_changes"]] == [("alpha", None)]
    assert shop.is_settled("--locked")


def test_what_stands_in_one_other_list_is_found_there(shop: Project) -> None:
    shop.succeed("remove", "tool")

    assert manifest_of(shop)["dependency-groups"] == {"dev": []}


def test_it_is_never_guessed_which_list_is_meant(shop: Project) -> None:
    shop.succeed("add", "--group", "test", "tool", "--no-apply")
    before = shop.snapshot()

    assert shop.run("remove", "tool").codes == ["several-lists"]
    assert shop.run("remove", "--group", "test", "alpha").codes == ["not-listed"]
    assert shop.run("remove", "nowhere", "beta").codes == ["not-listed", "not-listed"]
    assert shop.snapshot() == before

    shop.succeed("remove", "--group", "test", "tool", "--no-apply")
    assert manifest_of(shop)["dependency-groups"] == {"dev": ["tool==1.0"], "test": []}


def test_several_entries_of_one_package_are_told_apart_by_their_markers(shop: Project) -> None:
    shop.succeed("add", "delta<2; sys_platform == 'win32'")
    shop.succeed("add", "delta; sys_platform != 'win32'")

    assert manifest_of(shop)["dependencies"][1:3] == [
        "delta<2; sys_platform == 'win32'",
        "delta>=2.1; sys_platform != 'win32'",
    ]
    assert shop.run("add", "delta").codes == ["several-entries"]
    shop.succeed("remove", "delta")
    assert manifest_of(shop)["dependencies"] == ["alpha", "gamma >= 1, < 3"]


def test_what_becomes_of_the_manifest_is_shown_with_the_plan(shop: Project) -> None:
    out = shop.succeed("add", "delta", "--color", "never").out

    assert out.startswith("Manifest: 1 change in env.toml\n  + add     delta>=2.1  env.toml\n\nEnvironment ")


def test_a_no_leaves_every_file_as_it_was(shop: Project) -> None:
    before = shop.snapshot()

    shown = shop.converse("remove", "alpha", answer="n\n", environ={"NO_COLOR": "1"})

    assert shown.code == 1
    assert "  - remove  alpha  env.toml" in shown.out
    assert shop.snapshot() == before


PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "shop"
version = "1.0"
dependencies = ["alpha"]  # sold
"""


def test_with_a_project_its_own_lists_are_edited_and_it_is_installed_with_them(shop: Project) -> None:
    make_tree(shop.folder, "shop")
    shop.write("pyproject.toml", PYPROJECT)
    shop.write_manifest(head='project = "."', lists=False)
    manifest = shop.read("env.toml")
    shop.apply()

    shop.succeed("add", "delta")
    shop.succeed("remove", "alpha")

    assert shop.read("pyproject.toml") == PYPROJECT.replace('["alpha"]', '["delta>=2.1"]')
    assert shop.read("env.toml") == manifest
    code = "import importlib.metadata as m, json; print(json.dumps(m.requires('shop')))"
    assert json.loads(shop.python(code)) == ["delta>=2.1"]
    assert shop.installed() == {"delta": "2.1", "shop": "1.0"}
