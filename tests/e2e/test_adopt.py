"""Environments that others made: refused, or taken over when asked."""

from __future__ import annotations

import os
import sys

import pytest

from support.project import INTERPRETER, Project


def _venv(project: Project) -> None:
    project.execute([sys.executable, "-m", "venv", "--without-pip", ".venv"])
    project.pip("--python", ".venv", "install", "-i", project.index.url, "gamma", "beta")


def _venv_with_seeds(project: Project) -> None:
    project.execute([sys.executable, "-m", "venv", ".venv"])
    index = ("--disable-pip-version-check", "install", "-i", project.index.url)
    project.execute([project.path(".venv", "bin", "pip"), *index, "gamma", "beta"])


def _virtualenv(project: Project) -> None:
    project.execute([sys.executable, "-m", "virtualenv", "--no-seed", ".venv"])
    project.pip("--python", ".venv", "install", "-i", project.index.url, "gamma", "beta")


def _uv(project: Project) -> None:
    project.uv("venv", "--python", INTERPRETER, ".venv")
    index = ("--default-index", project.index.url)
    project.uv("pip", "install", "--python", ".venv", *index, "gamma", "beta")


@pytest.fixture(
    params=[_venv, _venv_with_seeds, _virtualenv, _uv],
    ids=["venv-and-pip", "venv-with-its-pip", "virtualenv", "uv"],
)
def theirs(request: pytest.FixtureRequest, project: Project) -> Project:
    """A project with an environment of others, in which are `gamma` and `beta`."""
    request.param(project)
    return project


def _seeds(installed: dict[str, str]) -> dict[str, str]:
    return {name: version for name, version in installed.items() if name == "pip"}


@pytest.fixture
def by_uv(project: Project) -> Project:
    """The same, made by uv."""
    _uv(project)
    return project


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_an_environment_of_others_is_refused_and_not_touched(theirs: Project, command: str) -> None:
    before = theirs.snapshot()

    result = theirs.run(command)

    assert (result.code, result.codes) == (1, ["not-ours"])
    assert "--adopt" in result.err
    assert theirs.snapshot() == before


def test_an_environment_of_others_is_taken_over_and_can_be_rolled_back_to(theirs: Project) -> None:
    before = theirs.installed()
    tree = {path: value for path, value in theirs.snapshot().items() if path.startswith(".venv/")}
    theirs.apply("--adopt")

    # A pip that is there stays.
    assert theirs.installed() == {"alpha": "1.0", "beta": "1.0", **_seeds(before)}
    assert theirs.python("import alpha; alpha.main()") == "alpha 1.0\n"
    assert theirs.is_settled()

    theirs.succeed("rollback", "0")

    assert theirs.installed() == before
    assert theirs.python("import gamma; print(gamma.__version__)") == "1.0\n"
    after = {path: value for path, value in theirs.snapshot().items() if path.startswith(".venv/")}
    assert after == tree


def test_rolling_back_to_an_environment_of_others_tells_what_went_and_what_came_back(by_uv: Project) -> None:
    by_uv.apply("--adopt")

    packages = by_uv.succeed("rollback", "0", "--json").json["packages"]

    assert packages == {
        "alpha": {"before": "1.0", "after": None},
        "gamma": {"before": None, "after": "1.0"},
    }


def test_plan_with_adopt_says_so_and_touches_nothing(by_uv: Project) -> None:
    before = by_uv.snapshot(times=True)

    plan = by_uv.plan("--adopt")

    assert plan["environment"]["adopt"] is True
    assert by_uv.snapshot(times=True) == before


def test_adopt_is_harmless_on_an_environment_of_our_own(applied: Project) -> None:
    report = applied.apply("--adopt")

    assert report["outcome"] == "nothing-to-do"


def test_status_says_that_the_environment_is_of_others(by_uv: Project) -> None:
    result = by_uv.run("status", "--check", "--json")

    assert (result.code, result.json["environment"]) == (3, "not-ours")


def test_a_folder_that_is_no_environment_is_never_taken_over(project: Project) -> None:
    project.write(".venv/precious.txt", "mine\n")

    result = project.run("apply", "--adopt")

    assert (result.code, result.codes) == (1, ["not-an-environment"])
    assert project.read(".venv/precious.txt") == "mine\n"


def test_a_prefix_of_conda_is_never_taken_over(project: Project) -> None:
    project.write(".venv/conda-meta/history", "==> made <==\n")
    project.write(".venv/bin/python", "")
    before = project.snapshot()

    assert project.run("apply", "--adopt").codes == ["not-an-environment"]
    assert project.run("import", ".venv").codes == ["import-not-supported"]
    assert project.snapshot() == before


def test_adopting_twice_keeps_the_environment_of_others(by_uv: Project) -> None:
    before = by_uv.installed()
    by_uv.apply("--adopt")
    by_uv.succeed("rollback", "0")
    assert by_uv.run("apply").codes == ["not-ours"]

    by_uv.apply("--adopt")

    by_uv.succeed("rollback", "0")
    assert by_uv.installed() == before


def test_a_link_to_an_environment_is_never_taken_over(applied: Project) -> None:
    os.rename(applied.path(".venv"), applied.path("real"))
    os.symlink("real", applied.path(".venv"))
    before = applied.snapshot()

    result = applied.run("apply", "--adopt")

    assert (result.code, result.codes) == (1, ["not-an-environment"])
    assert applied.snapshot() == before
