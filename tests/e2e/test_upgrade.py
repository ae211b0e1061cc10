"""Versions moved, and bounds with them: manifest, lock and environment together or not at all."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from support.backends import make_tree
from support.documents import validate
from support.project import TIMEOUT, Project, publish_all

LISTS = """\
# the shop
python = "{python}"

dependencies = [
    "alpha",        # what we sell
    'gamma >= 1, < 3',
]

[dependency-groups]
dev = ["tool==1.0"]   # pinned

[[index]]
name = "loop"
url = "{url}"
"""


def write_lists(project: Project) -> str:
    text = LISTS.format(python=f"{sys.version_info.major}.{sys.version_info.minor}", url=project.index.url)
    project.write("env.toml", text)
    return text


@pytest.fixture
def shop(project: Project) -> Project:
    """Applied: `alpha` (needs `beta`) and `gamma<3`, and the group `dev` with `tool==1.0`; all have newer."""
    publish_all(project, [("tool", "1.0")])
    write_lists(project)
    project.apply()
    publish_all(project, [("beta", "2.0"), ("gamma", "2.0"), ("gamma", "3.0"), ("tool", "1.5")])
    project.publish("alpha", "1.1", requires=["beta>=1"])
    return project


def files(project: Project) -> tuple[str, str, Mapping[str, str]]:
    return project.read("env.toml"), project.read("pylock.toml"), project.installed()


def test_everything_moves_within_the_bounds_and_the_manifest_stays(shop: Project) -> None:
    before = shop.read("env.toml")

    shop.succeed("upgrade")

    assert shop.installed() == {"alpha": "1.1", "beta": "2.0", "gamma": "2.0", "tool": "1.0"}
    assert shop.read("env.toml") == before
    assert shop.is_settled("--locked")


def test_only_what_is_named_moves(shop: Project) -> None:
    shop.succeed("upgrade", "Beta")

    assert shop.installed() == {"alpha": "1.0", "beta": "2.0", "gamma": "1.0", "tool": "1.0"}


def test_lower_bounds_are_raised_and_comments_order_and_layout_stay(shop: Project) -> None:
    before = shop.read("env.toml")

    report = shop.succeed("upgrade", "--bounds", "lower", "--json").json

    validate(report)
    assert shop.installed() == {"alpha": "1.1", "beta": "2.0", "gamma": "2.0", "tool": "1.5"}
    expected = before.replace('"alpha"', '"alpha>=1.1"').replace(">= 1,", ">= 2.0,")
    assert shop.read("env.toml") == expected.replace("tool==1.0", "tool>=1.5")
    assert report["lock_written"]
    assert [(each["by"], each["before"], each["after"]) for each in report["manifest_changes"]] == [
        ("env.toml", "alpha", "alpha>=1.1"),
        ("env.toml", "gamma >= 1, < 3", "gamma >= 2.0, < 3"),
        ("group dev", "tool==1.0", "tool>=1.5"),
    ]
    assert shop.is_settled("--locked")
    assert shop.run("lock", "--check").code == 0


def test_exact_bounds_pin_what_was_chosen(shop: Project) -> None:
    shop.succeed("upgrade", "gamma", "tool", "--bounds", "exact")

    assert shop.installed() == {"alpha": "1.0", "beta": "1.0", "gamma": "2.0", "tool": "1.5"}
    assert '"alpha",' in shop.read("env.toml")
    assert "'gamma == 2.0'," in shop.read("env.toml")
    assert '["tool==1.5"]   # pinned' in shop.read("env.toml")


def test_a_group_is_moved_by_name_with_the_bounds_of_its_own_list(shop: Project) -> None:
    shop.succeed("upgrade", "--group", "dev", "--bounds", "lower")

    assert shop.installed() == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0", "tool": "1.5"}
    assert '"tool>=1.5"' in shop.read("env.toml")
    assert '"alpha",' in shop.read("env.toml")


def test_what_becomes_of_the_manifest_is_shown_with_the_plan(shop: Project) -> None:
    out = shop.succeed("upgrade", "tool", "--bounds", "lower", "--color", "never").out

    assert out.startswith(
        "Manifest: 1 change in env.toml\n  ~ bound   tool==1.0 -> tool>=1.5  group dev\n\nEnvironment "
    )
    assert "Plan: 1 to update; 1 change to the lock" in out


def test_with_nothing_newer_there_is_nothing_to_do(project: Project) -> None:
    project.apply()
    before = project.snapshot(times=True)

    result = project.succeed("upgrade", "--json")

    assert result.json["outcome"] == "nothing-to-do"
    assert {path: value for path, value in project.snapshot(times=True).items() if "toml" in path} == {
        path: value for path, value in before.items() if "toml" in path
    }


def test_without_apply_manifest_and_lock_change_and_the_environment_stays(shop: Project) -> None:
    before = shop.snapshot()

    document = shop.succeed("upgrade", "--bounds", "lower", "--no-apply", "--json").json

    validate(document)
    assert document["kind"] == "envctl.lock"
    assert len(document["manifest_changes"]) == 3
    after = shop.snapshot()
    assert {path for path in before | after if before.get(path) != after.get(path)} == {
        "env.toml",
        "pylock.toml",
    }
    assert shop.run("lock", "--check").code == 0


def test_without_apply_and_bounds_it_is_lock_with_upgrades(shop: Project) -> None:
    result = shop.succeed("upgrade", "beta", "--no-apply")

    assert result.out.splitlines()[-1] == "Wrote pylock.toml (4 packages): 1 up (1 major)."
    assert shop.locked()["beta"] == "2.0"
    assert shop.installed()["beta"] == "1.0"


def test_without_an_environment_and_without_apply_nothing_is_left_beside_manifest_and_lock(
    project: Project,
) -> None:
    project.succeed("upgrade", "--bounds", "lower", "--no-apply")

    assert set(project.snapshot()) == {".", "env.toml", "pylock.toml"}
    assert '"alpha>=1.0"' in project.read("env.toml")


@pytest.mark.parametrize("more", [[], ["--no-apply"]], ids=["apply", "no apply"])
def test_what_has_no_solution_leaves_every_file_as_it_was(shop: Project, more: list[str]) -> None:
    shop.publish("alpha", "2.0", requires=["gamma>=3"])
    shop.publish("gamma", "1.0.1", requires=["gone"])
    text = shop.read("env.toml").replace('"alpha",', '"alpha>=2",')
    shop.write("env.toml", text)
    before = files(shop)

    result = shop.run("upgrade", "--bounds", "lower", *more)

    assert result.code == 1
    assert files(shop) == before


def test_a_file_that_cannot_be_fetched_leaves_every_file_as_it_was(shop: Project) -> None:
    shop.publish("gamma", "2.0", files={"gamma/rare.txt": "not in any cache"})
    before = files(shop)
    shop.index.fail["/files/gamma-2*.whl"] = 403

    result = shop.run("upgrade", "--bounds", "lower")

    assert result.code == 1
    assert files(shop) == before


def test_a_no_leaves_every_file_as_it_was(shop: Project) -> None:
    """What is asked about is a removal: `beta` is needed no more."""
    shop.publish("alpha", "1.2")
    before = shop.snapshot()

    shown = shop.converse("upgrade", "--bounds", "lower", answer="n\n", environ={"NO_COLOR": "1"})

    assert shown.code == 1
    assert "Manifest: 3 changes in env.toml" in shown.out
    assert "[cancelled]" in shown.out
    assert shop.snapshot() == before


def test_a_manifest_that_somebody_edits_meanwhile_stops_the_upgrade(shop: Project) -> None:
    shop.publish("gamma", "2.0", files={"gamma/slow.txt": "fetched while somebody types"})
    shop.index.delay = 0.3
    theirs = shop.read("env.toml") + "# theirs\n"
    before = files(shop)

    def type_on() -> None:
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            if any(path.endswith("gamma-2.0-py3-none-any.whl") for _, path, _ in shop.index.requests):
                shop.write("env.toml", theirs)
                return
            time.sleep(0.01)

    somebody = threading.Thread(target=type_on)
    somebody.start()
    result = shop.run("upgrade", "--bounds", "lower")
    somebody.join()

    assert (result.code, result.codes) == (1, ["file-changed-meanwhile"])
    assert files(shop) == (theirs, *before[1:])


def test_what_is_resolved_twice_is_told_once(shop: Project) -> None:
    assert shop.succeed("upgrade", "--bounds", "lower").err.count("Resolved") == 1


def test_an_unknown_name_is_refused_and_an_unknown_group(shop: Project) -> None:
    name, group = shop.run("upgrade", "delta"), shop.run("upgrade", "--group", "def")

    assert (name.code, name.codes) == (3, ["not-locked"])
    assert (group.code, group.codes) == (64, ["unknown-group"])


def test_a_name_that_a_list_asks_for_and_the_lock_does_not_hold_yet_is_added(shop: Project) -> None:
    shop.write("env.toml", shop.read("env.toml").replace('"tool==1.0"', '"tool==1.0", "delta"'))
    shop.publish("delta", "1.0")

    shop.succeed("upgrade", "delta", "--bounds", "lower")

    assert shop.installed()["delta"] == "1.0"
    assert '"tool==1.0", "delta>=1.0"' in shop.read("env.toml")


def test_a_format_of_a_plan_does_not_go_with_no_apply(shop: Project) -> None:
    assert shop.run("upgrade", "--no-apply", "--format", "markdown").code == 64


def test_markdown_has_the_plan(shop: Project) -> None:
    out = shop.succeed("upgrade", "--format", "markdown").out

    assert out.startswith("### Plan for default")
    assert "update **beta**" in out


PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "shop"
version = "1.0"      # ours
dependencies = [
    "alpha==1.0",    # pinned
]

[dependency-groups]
dev = ["tool"]
"""


@pytest.fixture
def installed(project: Project) -> Project:
    """Applied: a project that is installed itself, its lists in its pyproject.toml, with newer releases."""
    publish_all(project, [("tool", "1.0")])
    make_tree(project.folder, "shop")
    project.write("pyproject.toml", PYPROJECT)
    project.write_manifest(head='project = "."', lists=False)
    project.apply()
    project.publish("alpha", "1.1", requires=["beta>=1"])
    publish_all(project, [("tool", "1.5")])
    return project


def requires_of(project: Project) -> Any:
    code = (
        "import importlib.metadata as m, json; print(json.dumps(m.metadata('shop').get_all('Requires-Dist')))"
    )
    return json.loads(project.python(code))


def test_bounds_in_a_pyproject_are_rewritten_there_and_the_project_is_installed_with_them(
    installed: Project,
) -> None:
    manifest = installed.read("env.toml")

    installed.succeed("upgrade", "--bounds", "lower")

    assert installed.read("pyproject.toml") == PYPROJECT.replace("alpha==1.0", "alpha>=1.1").replace(
        '["tool"]', '["tool>=1.5"]'
    )
    assert installed.read("env.toml") == manifest
    assert installed.installed() == {"alpha": "1.1", "beta": "1.0", "shop": "1.0", "tool": "1.5"}
    assert requires_of(installed) == ["alpha>=1.1"]
    assert installed.is_settled("--locked")
    assert installed.run("lock", "--check").code == 0


def test_a_pyproject_is_as_it_was_when_the_build_fails(installed: Project) -> None:
    installed.write("backend.py", "raise SystemExit('broken')\n")
    before = files(installed), installed.read("pyproject.toml")

    result = installed.run("upgrade", "--bounds", "lower")

    assert result.code == 1
    assert (files(installed), installed.read("pyproject.toml")) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_pyproject_is_as_it_was_when_the_build_is_interrupted(installed: Project, number: int) -> None:
    slow = installed.read("backend.py") + "    import time\n    time.sleep(5)\n"
    installed.write("backend.py", slow.replace("    return _write(wheel", "    made = _write(wheel"))
    before = files(installed), installed.read("pyproject.toml")
    calls = installed.path(os.pardir, "calls.txt")
    os.unlink(calls)

    def is_building() -> bool:
        return os.path.exists(calls) and "alpha>=1.1" in installed.read("pyproject.toml")

    result = installed.interrupt("upgrade", "--bounds", "lower", number=number, when=is_building)

    assert result.code == 128 + number
    assert (files(installed), installed.read("pyproject.toml")) == before


def test_a_pyproject_is_as_it_was_when_the_answer_is_no(installed: Project) -> None:
    installed.publish("alpha", "1.2")
    before = installed.snapshot()

    shown = installed.converse("upgrade", "--bounds", "lower", answer="n\n", environ={"NO_COLOR": "1"})

    assert (shown.code, installed.snapshot()) == (1, before)
