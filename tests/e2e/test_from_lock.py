"""Locks that uv and pip wrote, taken as they are."""

from __future__ import annotations

import pytest

from support.project import INTERPRETER, PYTHON, Project


def _uv_compile(project: Project) -> None:
    project.write("requirements.in", "alpha\ngamma\n")
    options = ("--python", INTERPRETER, "--default-index", project.index.url)
    output = ("--format", "pylock.toml", "-o", "pylock.other.toml")
    project.uv("pip", "compile", "--generate-hashes", *options, *output, "requirements.in")


def _uv_export(project: Project) -> None:
    project.write(
        "other/pyproject.toml",
        '[project]\nname = "other"\nversion = "1"\n'
        f'requires-python = ">={PYTHON}"\ndependencies = ["alpha", "gamma"]\n',
    )
    options = ("--python", INTERPRETER, "--project", "other", "--default-index", project.index.url)
    project.uv("export", *options, "--format", "pylock.toml", "--no-emit-project", "-o", "pylock.other.toml")


def _pip_lock(project: Project) -> None:
    project.pip("lock", "-i", project.index.url, "-o", "pylock.other.toml", "alpha", "gamma")


@pytest.fixture(params=[_uv_compile, _uv_export, _pip_lock], ids=["uv-compile", "uv-export", "pip-lock"])
def foreign_lock(request: pytest.FixtureRequest, project: Project) -> Project:
    """A project beside which another tool's lock lies, of `alpha` and `gamma`."""
    request.param(project)
    return project


def test_a_lock_of_another_tool_is_applied_as_it_is(foreign_lock: Project) -> None:
    report = foreign_lock.apply("--from", "pylock.other.toml")

    assert foreign_lock.installed() == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    assert report["lock_written"] is False
    assert "pylock.toml" not in foreign_lock.snapshot()
    assert foreign_lock.is_settled("--from", "pylock.other.toml")


@pytest.fixture
def compiled(project: Project) -> Project:
    """A project with a lock by uv."""
    _uv_compile(project)
    return project


def test_a_plan_from_another_lock_asks_no_index(compiled: Project) -> None:
    compiled.index.stop()

    assert compiled.run("plan", "--from", "pylock.other.toml").code == 0


def test_a_plan_from_another_lock_says_that_the_lock_asks(compiled: Project) -> None:
    compiled.write_manifest("gamma")

    plan = compiled.plan("--from", "pylock.other.toml")

    texts = {change["address"]: change["reasons"][0]["text"] for change in plan["changes"]}
    assert texts["package.gamma"] == "asked for by pylock.other.toml"


def test_the_lock_of_the_project_is_not_touched(compiled: Project) -> None:
    compiled.apply()
    before = compiled.read("pylock.toml")

    compiled.apply("--from", "pylock.other.toml")

    assert compiled.read("pylock.toml") == before


def test_a_lock_that_is_not_there_is_refused(project: Project) -> None:
    result = project.run("plan", "--from", "pylock.nowhere.toml")

    assert (result.code, result.codes) == (65, ["no-file"])


def test_a_file_that_is_no_lock_is_refused(project: Project) -> None:
    project.write("pylock.other.toml", "created-by = 3\n")

    assert project.run("plan", "--from", "pylock.other.toml").code == 65


def test_a_lock_of_another_kind_is_refused_with_how_to_make_one_that_fits(project: Project) -> None:
    project.write("uv.lock", 'version = 1\nrequires-python = ">=3.11"\n')

    result = project.run("plan", "--from", "uv.lock")

    assert (result.code, result.codes) == (65, ["bad-lock"])
    assert "`envctl lock`" not in result.err
    assert "`uv export --format pylock.toml" in result.err


def test_an_environment_cannot_fit_a_lock_that_is_missing(compiled: Project) -> None:
    compiled.apply("--from", "pylock.other.toml")

    result = compiled.run("status", "--check", "--json")

    assert (result.code, result.json["lock"], result.json["environment"]) == (3, "missing", "unknown")
    assert "fits" not in compiled.run("status").out


def test_a_plan_from_another_lock_can_be_saved_and_applied(compiled: Project) -> None:
    compiled.succeed("plan", "--from", "pylock.other.toml", "--out", "plan.json")

    compiled.apply("plan.json")

    assert set(compiled.installed()) == {"alpha", "beta", "gamma"}


def test_versions_of_another_tools_lock_are_kept_where_they_fit(compiled: Project) -> None:
    compiled.publish("beta", "2.0")
    compiled.write("pylock.toml", compiled.read("pylock.other.toml"))

    compiled.apply()

    assert compiled.locked() == {"alpha": "1.0", "beta": "1.0"}


def test_a_lock_of_another_tool_counts_as_out_of_date(compiled: Project) -> None:
    compiled.write("pylock.toml", compiled.read("pylock.other.toml"))

    assert compiled.run("lock", "--check").code == 3
