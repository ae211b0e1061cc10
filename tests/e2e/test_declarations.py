"""Groups, extras, environments: what a manifest declares is what an environment holds."""

from __future__ import annotations

import pytest

from support.project import Project, publish_all

LISTS = """
[optional-dependencies]
fast = ["gamma"]
[dependency-groups]
lint = ["delta"]
dev = ["epsilon", {include-group = "lint"}]
"""


@pytest.fixture
def many(project: Project) -> Project:
    """A project with an extra and two groups, one of which includes the other."""
    publish_all(project, [("delta", "1.0"), ("epsilon", "1.0")])
    project.write_manifest("beta", rest=LISTS)
    return project


def _declare(project: Project, environments: str) -> None:
    project.write_manifest("beta", rest=LISTS + environments)


def test_the_group_dev_is_in_the_default_environment_with_what_it_includes(many: Project) -> None:
    many.apply()

    assert set(many.installed()) == {"beta", "epsilon", "delta"}


def test_groups_of_the_default_environment_replace_dev(many: Project) -> None:
    _declare(many, '[env.default]\ngroups = ["lint"]')

    many.apply()

    assert set(many.installed()) == {"beta", "delta"}


def test_extras_are_installed_where_an_environment_has_them(many: Project) -> None:
    _declare(many, '[env.default]\ngroups = []\nextras = ["fast"]')

    many.apply()

    assert set(many.installed()) == {"beta", "gamma"}


def test_a_named_environment_holds_its_own_groups_at_a_path_of_its_own(many: Project) -> None:
    _declare(many, '[env.ci]\ngroups = ["lint"]')

    many.apply("-e", "ci")

    assert set(many.installed(".venv-ci")) == {"beta", "delta"}
    assert ".venv" not in many.snapshot()


def test_one_lock_serves_all_environments(many: Project) -> None:
    _declare(many, '[env.ci]\ngroups = ["lint"]\n[env.docs]\nextras = ["fast"]')

    many.apply("-e", "ci")

    assert set(many.locked()) == {"beta", "gamma", "delta", "epsilon"}
    assert many.apply("-e", "docs")["lock_written"] is False


def test_apply_all_makes_every_environment(many: Project) -> None:
    _declare(many, '[env.ci]\ngroups = ["lint"]\npath = "envs/ci"')

    reports = many.succeed("apply", "--all", "--json").json

    assert reports["kind"] == "envctl.reports"
    assert set(many.installed("envs/ci")) == {"beta", "delta"}
    assert set(many.installed()) == {"beta", "epsilon", "delta"}


def test_a_deselected_group_is_removed_and_the_reason_says_so(many: Project) -> None:
    many.apply()
    _declare(many, "[env.default]\ngroups = []")

    plan = many.apply()["plan"]

    deleted = {
        change["address"]: [reason["kind"] for reason in change["reasons"]]
        for change in plan["changes"]
        if change["action"] == "delete"
    }
    assert deleted == {"package.delta": ["deselected"], "package.epsilon": ["deselected"]}


def test_an_unknown_environment_is_refused_with_the_near_one(many: Project) -> None:
    _declare(many, '[env.docs]\ngroups = ["lint"]')

    result = many.run("plan", "-e", "dosc")

    assert (result.code, result.codes) == (65, ["unknown-environment"])
    assert "docs" in result.err


def test_extras_of_a_dependency_bring_what_they_name(project: Project) -> None:
    project.publish("delta", "1.0", extras={"speed": ["gamma"]})
    project.write_manifest("delta[speed]")

    project.apply()

    assert set(project.installed()) == {"delta", "gamma"}


def test_markers_that_do_not_hold_bring_nothing(project: Project) -> None:
    project.write_manifest("beta", "gamma; sys_platform == 'amiga'")

    project.apply()

    assert set(project.installed()) == {"beta"}


def test_a_constraint_limits_what_it_does_not_ask_for(project: Project) -> None:
    project.publish("beta", "2.0")
    project.write_manifest("alpha", rest='[lock]\nconstraints = ["beta<2", "gamma<9"]')

    project.apply()

    assert project.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_an_override_replaces_what_anybody_asks(project: Project) -> None:
    project.publish("beta", "0.5")
    project.write_manifest("alpha", rest='[lock]\noverrides = ["beta==0.5"]')

    project.apply()

    assert project.installed() == {"alpha": "1.0", "beta": "0.5"}


def test_an_excluded_name_is_dropped_wherever_it_is_asked_for(project: Project) -> None:
    project.write_manifest("alpha", rest='[lock]\nexcludes = ["beta"]')

    project.apply()

    assert project.installed() == {"alpha": "1.0"}


def test_a_yanked_release_is_not_chosen(project: Project) -> None:
    project.publish("beta", "2.0")
    project.index.yanked["beta-2.0-py3-none-any.whl"] = "broken"

    project.apply()

    assert project.installed()["beta"] == "1.0"


def test_a_release_younger_than_exclude_newer_is_not_chosen(project: Project) -> None:
    project.publish("beta", "2.0")
    project.index.upload_times["beta-2.0-py3-none-any.whl"] = "2024-06-01T00:00:00Z"
    project.write_manifest("alpha", rest="[lock]\nexclude-newer = 2024-03-01")

    project.apply()

    assert project.installed()["beta"] == "1.0"
