"""Several projects of one repository that depend on each other."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from support.backends import make_tree
from support.project import Project, changes_of, reasons_of


@pytest.fixture
def monorepo(project: Project) -> Project:
    """`app` needs `left` and `right[fast]`, both of which need `core`; `right[fast]` needs `gamma` too."""
    make_tree(project.path("core"), "core", dependencies=("beta",), code="ANSWER = 42\n")
    make_tree(project.path("left"), "left", dependencies=("core",), code="from core import ANSWER\n")
    rest = '[project.optional-dependencies]\nfast = ["gamma"]\n'
    make_tree(project.path("right"), "right", dependencies=("core",), rest=rest)
    make_tree(project.path("app"), "app", dependencies=("left", "right[fast]"))
    names = ("core", "left", "right")
    sources = "".join(f'{name} = {{ path = "{name}", editable = true }}\n' for name in names)
    project.write_manifest(head='project = "app"', lists=False, rest=f"[sources]\n{sources}")
    return project


def test_all_are_installed_with_what_they_need(monorepo: Project) -> None:
    monorepo.apply()

    assert set(monorepo.installed()) == {"app", "left", "right", "core", "beta", "gamma"}
    assert monorepo.python("import left; print(left.ANSWER)") == "42\n"
    assert monorepo.is_settled()


def test_no_index_is_asked_for_them(monorepo: Project) -> None:
    monorepo.apply()

    asked = {path.split("/")[2] for _, path, _ in monorepo.index.requests if path.startswith("/simple/")}
    assert asked == {"beta", "gamma"}


def test_an_edit_of_the_code_of_one_is_seen_by_the_others_and_is_no_change(monorepo: Project) -> None:
    monorepo.apply()
    monorepo.write("core/src/core.py", "ANSWER = 43\n")

    assert monorepo.is_settled()
    assert monorepo.python("import left; print(left.ANSWER)") == "43\n"


def test_an_edit_of_the_metadata_of_one_moves_the_plan(monorepo: Project) -> None:
    monorepo.apply()
    monorepo.publish("delta", "1.0")
    text = monorepo.read("core/pyproject.toml")
    monorepo.write("core/pyproject.toml", text.replace('["beta"]', '["beta", "delta"]'))

    plan = monorepo.apply()["plan"]

    assert changes_of(plan) == {"package.core": "update", "package.delta": "create"}
    assert "source-changed" in reasons_of(plan, "package.core")
    assert monorepo.is_settled()


def test_the_lock_is_the_same_in_every_checkout(monorepo: Project) -> None:
    monorepo.succeed("lock")

    assert monorepo.folder not in monorepo.read("pylock.toml")
    packages = tomllib.loads(monorepo.read("pylock.toml"))["packages"]
    paths = {each["name"]: each["directory"]["path"] for each in packages if "directory" in each}
    assert paths == {"app": "app", "core": "core", "left": "left", "right": "right"}


def test_why_leads_through_them(monorepo: Project) -> None:
    monorepo.succeed("lock")

    told = monorepo.succeed("why", "beta").out

    assert "core" in told
    assert "left" in told


@pytest.fixture
def referring(project: Project) -> Project:
    """`core` refers to its neighbour `side` by URL, in its own lists."""
    side = Path(project.path("side"))
    make_tree(os.fspath(side), "side")
    make_tree(project.path("core"), "core", dependencies=(f"side @ {side.as_uri()}",))
    project.write_manifest("core", rest='[sources]\ncore = { path = "core" }\n')
    return project


def test_a_folder_may_refer_to_another_by_url(referring: Project) -> None:
    referring.apply()

    assert referring.installed() == {"core": "1.0", "side": "1.0"}
    assert referring.is_settled()


def test_an_edit_of_what_is_referred_to_moves_the_plan(referring: Project) -> None:
    referring.apply()
    text = referring.read("side/pyproject.toml")
    referring.write("side/pyproject.toml", text.replace('"1.0"', '"1.1"'))

    plan = referring.apply()["plan"]

    assert changes_of(plan) == {"package.side": "update"}
    assert referring.installed()["side"] == "1.1"


def test_a_reference_and_a_source_that_mean_the_same_are_one(referring: Project) -> None:
    sources = '[sources]\ncore = { path = "core" }\nside = { path = "side", editable = true }\n'
    referring.write_manifest("core", rest=sources)

    plan = referring.apply()["plan"]

    flags = {change["address"]: change["flags"] for change in plan["changes"]}
    assert flags["package.side"] == ["editable"]


def test_a_reference_and_a_source_that_disagree_are_refused(referring: Project) -> None:
    make_tree(referring.path("other"), "side")
    sources = '[sources]\ncore = { path = "core" }\nside = { path = "other" }\n'
    referring.write_manifest("core", rest=sources)

    result = referring.run("plan")

    assert (result.code, result.codes) == (65, ["two-origins"])


def test_a_folder_may_refer_to_a_file_at_a_url(project: Project) -> None:
    wheel = project.publish("delta", "1.0")
    url = project.index.url.replace("/simple/", f"/files/{os.path.basename(wheel)}")
    make_tree(project.path("core"), "core", dependencies=(f"delta @ {url}",))
    project.write_manifest("core", rest='[sources]\ncore = { path = "core" }\n')

    project.apply()

    assert project.installed() == {"core": "1.0", "delta": "1.0"}
    assert project.is_settled()
    assert project.run("outdated").code == 0


def test_folders_that_need_each_other_are_installed(project: Project) -> None:
    make_tree(project.path("one"), "one", dependencies=("two",))
    make_tree(project.path("two"), "two", dependencies=("one",))
    project.write_manifest(
        "one", rest='[sources]\none = { path = "one" }\ntwo = { path = "two", editable = true }\n'
    )

    project.apply()

    assert project.installed() == {"one": "1.0", "two": "1.0"}


def test_a_folder_in_the_lock_of_another_tool_is_installed(project: Project) -> None:
    make_tree(project.path("core"), "core", dependencies=("beta",))
    project.write(
        "other/pyproject.toml",
        '[project]\nname = "other"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["core"]\n'
        '[tool.uv.sources]\ncore = { path = "../core", editable = true }\n',
    )
    project.uv(
        "export", "--quiet", "--project", "other", "--default-index", project.index.url,
        "--format", "pylock.toml", "--no-emit-project", "-o", "pylock.other.toml",
    )  # fmt: skip
    project.write_manifest()

    project.apply("--from", "pylock.other.toml")

    assert project.installed() == {"core": "1.0", "beta": "1.0"}
    assert project.is_settled("--from", "pylock.other.toml")
