"""`run`, `init` and `cache`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest

from support.project import Project


def test_run_starts_a_command_of_the_environment(applied: Project) -> None:
    result = applied.run("run", "alpha")

    assert (result.code, result.out, result.err) == (0, "alpha 1.0\n", "")


def test_run_passes_the_exit_code_through(applied: Project) -> None:
    assert applied.run("run", "python", "-c", "raise SystemExit(42)").code == 42


def test_run_sets_what_activation_sets(applied: Project) -> None:
    code = "import os, shutil, sys; print(os.environ['VIRTUAL_ENV'], shutil.which('alpha'), sys.prefix)"

    out = applied.run("run", "python", "-c", code).out

    venv = applied.path(".venv")
    assert out == f"{venv} {venv}/bin/alpha {venv}\n"


def test_options_after_the_command_belong_to_the_command(applied: Project) -> None:
    code = "import sys; print(sys.argv[1:])"

    out = applied.run("run", "python", "-c", code, "--json", "-e", "x", "--help").out

    assert out == "['--json', '-e', 'x', '--help']\n"


def test_a_command_that_is_not_there_is_127(applied: Project) -> None:
    result = applied.run("run", "no-such-command")

    assert (result.code, result.codes) == (127, ["command-not-found"])


def test_a_file_that_is_not_executable_is_126(applied: Project) -> None:
    applied.write("script", "echo hello\n")

    result = applied.run("run", "./script")

    assert (result.code, result.codes) == (126, ["command-not-executable"])


def test_run_in_an_environment_that_differs_says_so_on_stderr_and_runs(applied: Project) -> None:
    os.unlink(applied.site("alpha", "part.py"))

    result = applied.run("run", "alpha")

    assert (result.code, result.out) == (0, "alpha 1.0\n")
    assert len(result.err.splitlines()) == 1
    assert "envctl plan" in result.err


def test_run_never_changes_the_environment_of_itself(applied: Project) -> None:
    os.unlink(applied.site("alpha", "part.py"))
    before = applied.snapshot(times=True)

    applied.run("run", "true")

    assert applied.snapshot(times=True) == before


def test_run_apply_applies_first(project: Project) -> None:
    result = project.run("run", "--apply", "alpha")

    assert (result.code, result.out) == (0, "alpha 1.0\n")


def test_run_without_an_environment_is_an_error(project: Project) -> None:
    result = project.run("run", "alpha")

    assert (result.code, result.codes) == (1, ["no-environment"])


def test_init_writes_a_manifest_that_can_be_applied(bare: Project) -> None:
    bare.succeed("init")

    bare.apply()

    assert bare.installed() == {}


def test_init_replaces_nothing(bare: Project) -> None:
    bare.write("env.toml", "# mine\n")

    result = bare.run("init")

    assert (result.code, result.codes) == (65, ["manifest-exists"])
    assert bare.read("env.toml") == "# mine\n"


def test_init_beside_a_pyproject_takes_its_lists(bare: Project) -> None:
    bare.write("pyproject.toml", '[project]\nname = "shop"\nversion = "1"\n')

    bare.succeed("init")

    assert 'project = "."' in bare.read("env.toml")


def test_init_writes_into_the_ignore_files_that_are_there(bare: Project) -> None:
    bare.write(".gitignore", "*.pyc")
    bare.write(".dockerignore", "docs\n")

    bare.succeed("init")

    assert bare.read(".gitignore").splitlines()[0] == "*.pyc"
    assert any(".venv" in line for line in bare.read(".gitignore").splitlines())
    assert any(".venv" in line for line in bare.read(".dockerignore").splitlines())


def test_git_sees_only_manifest_and_lock(project: Project) -> None:
    subprocess.run(["git", "init", "-q", project.folder], check=True, env=project.variables())
    project.apply()

    status = project.execute(["git", "status", "--porcelain"]).out

    assert status.splitlines() == ["?? env.toml", "?? pylock.toml"]


def test_init_without_ignore_files_makes_none(bare: Project) -> None:
    bare.succeed("init")

    assert set(bare.snapshot()) == {".", "env.toml"}


@pytest.fixture
def alone(make_project: Callable[..., Project]) -> Project:
    """An applied project with a cache of its own."""
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta")
    project.apply()
    return project


def test_cache_dir_prints_the_folder_alone(alone: Project) -> None:
    assert alone.succeed("cache", "dir").out == os.path.join(alone.cache, "envctl") + "\n"


def test_cache_info_counts_what_is_in_it(alone: Project) -> None:
    buckets = alone.succeed("cache", "info", "--json").json["buckets"]

    assert sum(bucket["bytes"] for bucket in buckets.values()) > 0


def test_purge_empties_the_cache_and_the_environment_still_works(alone: Project) -> None:
    alone.succeed("cache", "purge")

    buckets = alone.succeed("cache", "info", "--json").json["buckets"]
    assert sum(bucket["bytes"] for bucket in buckets.values()) == 0
    assert alone.python("import beta; print(beta.__version__)") == "1.0\n"


def test_after_a_purge_there_is_still_nothing_to_do(alone: Project) -> None:
    alone.succeed("cache", "purge")

    assert alone.is_settled()


def test_with_a_cache_that_has_all_an_apply_needs_no_index(alone: Project) -> None:
    alone.succeed("destroy", "--yes")
    alone.index.stop()

    alone.apply()

    assert alone.installed() == {"beta": "1.0"}
