"""A saved plan is carried out exactly, or refused with what moved."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable

import pytest

from support.project import Project, changes_of


@pytest.fixture
def saved(project: Project) -> Project:
    """A project whose first plan is saved in ``plan.json``."""
    project.succeed("plan", "--out", "plan.json")
    return project


@pytest.fixture
def saved_upgrade(applied: Project) -> Project:
    """An applied project with a saved plan that adds `gamma`, and changes the lock for it."""
    applied.write_manifest("alpha", "gamma")
    applied.succeed("plan", "--out", "plan.json")
    return applied


def _refused(project: Project) -> tuple[int, list[str]]:
    before = project.snapshot()
    result = project.run("apply", "plan.json", "--json")
    assert project.snapshot() == before
    error = result.json["errors"][0]
    assert error["code"] == "stale-plan"
    return result.code, error["moved"]


def test_a_saved_plan_is_carried_out(saved: Project) -> None:
    saved.succeed("apply", "plan.json")

    assert saved.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert saved.is_settled()


def test_a_saved_plan_is_the_document_that_json_prints(project: Project) -> None:
    out = project.succeed("plan", "--json", "--out", "plan.json").out

    assert json.loads(project.read("plan.json")) == json.loads(out)


def test_a_saved_plan_is_shown_before_anything_is_done(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.publish("alpha", "1.0")
    project.write_manifest("alpha")
    project.succeed("plan", "--out", "plan.json")
    project.index.stop()

    result = project.run("apply", "plan.json")

    assert result.code == 1
    assert "+ create  alpha 1.0" in result.out


def test_a_plan_applied_twice_is_already_applied(saved: Project) -> None:
    saved.succeed("apply", "plan.json")
    before = saved.snapshot()

    report = saved.apply("plan.json")

    assert report["outcome"] == "already-applied"
    assert saved.snapshot() == before


def test_a_saved_plan_writes_exactly_the_lock_it_holds(saved: Project) -> None:
    planned = json.loads(saved.read("plan.json"))["planned"]["lock"]

    saved.apply("plan.json")

    assert saved.read("pylock.toml") == planned


def test_a_saved_plan_resolves_nothing(saved: Project) -> None:
    saved.publish("beta", "2.0")
    pages = [path for path in saved.index.paths() if path.startswith("/simple/")]

    saved.apply("plan.json")

    assert saved.installed()["beta"] == "1.0"
    assert [path for path in saved.index.paths() if path.startswith("/simple/")] == pages


def test_a_plan_is_stale_when_the_manifest_asks_for_something_else(saved: Project) -> None:
    saved.write_manifest("gamma")

    code, moved = _refused(saved)

    assert code == 4
    assert "manifest" in moved


def test_a_comment_in_the_manifest_makes_no_plan_stale(saved: Project) -> None:
    saved.write_manifest("alpha", head="# a remark")

    assert saved.apply("plan.json")["outcome"] == "applied"


def test_a_plan_is_stale_when_the_lock_is_another_one(saved: Project) -> None:
    saved.publish("beta", "2.0")
    saved.succeed("lock")

    code, moved = _refused(saved)

    assert (code, moved) == (4, ["lock"])


def test_a_plan_is_stale_when_the_environment_changed(saved_upgrade: Project) -> None:
    os.unlink(saved_upgrade.site("alpha", "part.py"))

    code, moved = _refused(saved_upgrade)

    assert code == 4
    assert [each.partition(" ")[0] for each in moved] == ["environment"]


def test_a_plan_is_stale_when_the_policy_is_another_one(saved: Project) -> None:
    saved.write_manifest("alpha", rest='[policy]\nyanked = "off"')

    code, moved = _refused(saved)

    assert code == 4
    assert "policy" in moved


def test_a_plan_of_another_environment_is_refused(saved: Project) -> None:
    saved.write_manifest("alpha", rest="[env.ci]\n")
    saved.succeed("plan", "-e", "ci", "--out", "plan.json")

    code, moved = _refused(saved)

    assert code == 4
    assert moved[0].startswith("environment")


def test_the_text_of_a_refusal_names_what_moved(saved: Project) -> None:
    saved.write_manifest("gamma")

    result = saved.run("apply", "plan.json")

    assert (result.code, result.codes) == (4, ["stale-plan"])
    assert "manifest" in result.err
    assert "hint:" in result.err


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"version": "1.0"', '"version": "2.0"'),
        lambda text: "[]",
        lambda text: "",
    ],
    ids=["cut", "edited", "another-document", "empty"],
)
def test_a_damaged_plan_is_refused(saved: Project, damage: Callable[[str], str]) -> None:
    saved.write("plan.json", damage(saved.read("plan.json")))

    result = saved.run("apply", "plan.json")

    assert result.code == 65
    assert ".venv" not in saved.snapshot()


def test_a_plan_that_is_not_there_is_refused(project: Project) -> None:
    assert project.run("apply", "plan.json").code == 65


def test_another_checkout_in_the_same_state_may_apply_the_plan(saved: Project) -> None:
    elsewhere = os.path.join(os.path.dirname(saved.folder), "elsewhere")
    shutil.copytree(saved.folder, elsewhere)
    other = Project(folder=elsewhere, cache=saved.cache, index=saved.index)

    other.apply("plan.json")

    assert other.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert ".venv" not in saved.snapshot()


def test_an_upgrade_is_carried_out_from_its_plan(saved_upgrade: Project) -> None:
    report = saved_upgrade.apply("plan.json")

    assert report["lock_written"] is True
    assert changes_of(report["plan"]) == {"package.gamma": "create"}
    assert saved_upgrade.installed() == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}


@pytest.mark.parametrize(
    "option", [["--locked"], ["--adopt"], ["--from", "pylock.toml"], ["--verify", "hash"], ["--all"]]
)
def test_a_saved_plan_takes_no_planning_options(saved: Project, option: list[str]) -> None:
    assert saved.run("apply", "plan.json", *option).code == 64


def test_a_plan_that_reinstalls_does_so_when_it_is_applied(applied: Project) -> None:
    applied.succeed("plan", "--reinstall", "beta", "--out", "plan.json")

    report = applied.apply("plan.json")

    assert (report["outcome"], changes_of(report["plan"])) == ("applied", {"package.beta": "replace"})
