"""What envctl did not put there, and what nothing asks for any more."""

from __future__ import annotations

import pytest

from support.project import Project, changes_of, drift_of, reasons_of


def _install_foreign(project: Project) -> None:
    project.pip("--python", ".venv", "install", "--no-deps", "-i", project.index.url, "gamma")


@pytest.fixture
def with_foreign(applied: Project) -> Project:
    """An applied project into which pip installed `gamma`."""
    _install_foreign(applied)
    return applied


def _prune(project: Project, how: str, *dependencies: str) -> None:
    project.write_manifest(*dependencies, rest=f'[install]\nprune = "{how}"')


def test_what_only_a_removed_dependency_needed_is_removed_too(applied: Project) -> None:
    applied.write_manifest("gamma")

    plan = applied.apply()["plan"]

    assert changes_of(plan) == {
        "package.alpha": "delete",
        "package.beta": "delete",
        "package.gamma": "create",
    }
    assert reasons_of(plan, "package.beta") == {"no-longer-required"}
    assert applied.installed() == {"gamma": "1.0"}


def test_what_somebody_else_still_needs_stays(applied: Project) -> None:
    applied.write_manifest("beta")

    plan = applied.apply()["plan"]

    assert changes_of(plan) == {"package.alpha": "delete"}
    assert applied.installed() == {"beta": "1.0"}


def test_what_pip_installed_shows_as_foreign(with_foreign: Project) -> None:
    plan = with_foreign.plan()

    assert drift_of(plan) == {("foreign", "gamma-1.0.dist-info")}
    assert changes_of(plan) == {"package.gamma": "delete"}
    assert reasons_of(plan, "package.gamma") == {"foreign"}


def test_what_pip_was_asked_for_is_not_direct(with_foreign: Project) -> None:
    listed = with_foreign.succeed("list", "--json").json["packages"]
    plan = with_foreign.plan()

    assert {each["name"]: (each["direct"], each["foreign"]) for each in listed} == {
        "alpha": (True, False),
        "beta": (False, False),
        "gamma": (False, True),
    }
    assert [change["direct"] for change in plan["changes"] if change["address"] == "package.gamma"] == [False]


def test_data_of_tools_is_one_line_of_a_plan_with_changes(applied: Project) -> None:
    applied.write(".venv/share/models/one.bin", "x" * 1500)

    assert applied.succeed("plan", "--detailed-exitcode").out.startswith("No changes.")
    applied.write_manifest("gamma")
    assert "Carried along: data of tools in 1 place, 1.5 kB\n" in applied.succeed("plan").out
    assert "  share/models  1.5 kB\n" in applied.succeed("plan", "-v").out
    applied.apply()
    assert applied.read(".venv/share/models/one.bin") == "x" * 1500


def test_what_is_foreign_is_removed_by_default(with_foreign: Project) -> None:
    with_foreign.apply()

    assert with_foreign.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_what_is_foreign_and_was_removed_is_still_in_the_generation_before(with_foreign: Project) -> None:
    with_foreign.apply()

    with_foreign.succeed("rollback")

    assert with_foreign.installed()["gamma"] == "1.0"


@pytest.mark.parametrize("how", ["managed", "never"])
def test_what_is_foreign_and_kept_is_no_change(with_foreign: Project, how: str) -> None:
    _prune(with_foreign, how, "alpha")

    result = with_foreign.run("plan", "--json", "--detailed-exitcode")

    assert result.code == 0
    assert drift_of(result.json) == {("foreign", "gamma-1.0.dist-info")}


def test_managed_carries_what_is_foreign_through_an_upgrade(with_foreign: Project) -> None:
    with_foreign.publish("beta", "2.0")
    _prune(with_foreign, "managed", "alpha", "beta>=2")

    with_foreign.apply()

    assert with_foreign.installed() == {"alpha": "1.0", "beta": "2.0", "gamma": "1.0"}
    assert with_foreign.python("import gamma; print(gamma.__version__)") == "1.0\n"


def test_managed_removes_what_envctl_installed_and_nothing_asks_for(applied: Project) -> None:
    _prune(applied, "managed", "beta")

    applied.apply()

    assert applied.installed() == {"beta": "1.0"}


def test_never_removes_nothing(with_foreign: Project) -> None:
    _prune(with_foreign, "never", "beta")

    with_foreign.apply()

    assert with_foreign.installed() == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}


def test_a_foreign_distribution_that_the_lock_wants_is_taken_as_it_is(with_foreign: Project) -> None:
    with_foreign.write_manifest("alpha", "gamma")

    with_foreign.apply()

    assert with_foreign.installed() == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    assert with_foreign.is_settled()


def test_data_that_tools_put_into_the_environment_survives(applied: Project) -> None:
    applied.write(".venv/share/jupyter/kernel.json", "{}\n")
    applied.write_manifest("beta")

    applied.apply()

    assert applied.read(".venv/share/jupyter/kernel.json") == "{}\n"


def test_data_alone_is_no_change(applied: Project) -> None:
    applied.write(".venv/share/jupyter/kernel.json", "{}\n")

    assert applied.is_settled()


def test_a_pip_that_is_there_stays(applied: Project) -> None:
    applied.publish("pip", "99.0")
    applied.pip("--python", ".venv", "install", "--no-deps", "-i", applied.index.url, "pip==99.0")
    applied.write_manifest("beta")

    applied.apply()

    assert applied.installed() == {"beta": "1.0", "pip": "99.0"}


def test_a_foreign_module_of_no_distribution_is_removed_as_a_line_of_the_plan(applied: Project) -> None:
    applied.write(applied.site("loose.py"), "")

    plan = applied.apply()["plan"]

    assert ("foreign", "loose.py") in drift_of(plan)
    assert list(changes_of(plan).values()) == ["delete"]
    assert applied.is_settled()
