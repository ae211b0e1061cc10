"""Rollback, history, destroy, status, list: an environment over time."""

from __future__ import annotations

import os
import shutil

import pytest

from support.project import Project


@pytest.fixture
def two(applied: Project) -> Project:
    """A project with two generations: `alpha` and `beta`, then `gamma` alone."""
    applied.write_manifest("gamma")
    applied.apply()
    return applied


def test_rollback_puts_the_generation_before_back(two: Project) -> None:
    two.succeed("rollback")

    assert two.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert two.python("import alpha; alpha.main()") == "alpha 1.0\n"
    assert two.execute([two.path(".venv", "bin", "alpha")]).out == "alpha 1.0\n"


def test_rollback_needs_no_index(two: Project) -> None:
    two.index.stop()

    two.succeed("rollback", "1")

    assert two.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_rollback_leaves_the_lock_so_that_the_next_plan_shows_what_it_wants(two: Project) -> None:
    lock = two.read("pylock.toml")

    two.succeed("rollback")

    assert two.read("pylock.toml") == lock
    assert two.run("plan", "--detailed-exitcode").code == 2


def test_rollback_and_rollback_again_is_where_it_began(two: Project) -> None:
    two.succeed("rollback", "1")

    two.succeed("rollback", "2")

    assert two.installed() == {"gamma": "1.0"}
    assert two.is_settled()


def test_rollback_puts_drift_back_as_it_was(applied: Project) -> None:
    applied.write(applied.site("alpha", "part.py"), "VALUE = 2\n")
    applied.apply()

    applied.succeed("rollback")

    assert applied.python("import alpha.part; print(alpha.part.VALUE)") == "2\n"


def test_rollback_to_a_generation_that_is_not_there_is_refused(two: Project) -> None:
    before = two.snapshot()

    result = two.run("rollback", "7")

    assert (result.code, result.codes) == (1, ["no-such-generation"])
    assert two.snapshot() == before


def test_rollback_with_nothing_before_is_refused(applied: Project) -> None:
    assert applied.run("rollback").code == 1


def test_history_lists_what_became_live_newest_first(two: Project) -> None:
    two.succeed("rollback")

    generations = two.succeed("history", "--json").json["generations"]

    assert [(each["number"], each["command"]) for each in generations][:1] == [(1, "rollback")]
    assert [each["number"] for each in generations if each["live"]] == [1]
    assert {each["number"] for each in generations if each["kept"]} == {2}


def test_older_generations_than_the_manifest_keeps_are_gone(applied: Project) -> None:
    for number in range(3):
        names = ["gamma"] if number % 2 else ["alpha"]
        applied.write_manifest(*names, "beta", rest="[install]\nkeep-generations = 1")
        applied.apply("--reinstall", "beta")

    generations = applied.succeed("history", "--json").json["generations"]

    assert [each["number"] for each in generations if each["kept"]] == [3]
    assert not os.path.exists(applied.path(".venv.envctl", "generations", "2"))


def test_history_without_an_environment_is_empty(project: Project) -> None:
    assert project.succeed("history", "--json").json["generations"] == []


def test_destroy_off_a_terminal_needs_yes(applied: Project) -> None:
    before = applied.snapshot()

    result = applied.run("destroy")

    assert (result.code, result.codes) == (64, ["needs-yes"])
    assert applied.snapshot() == before


def test_destroy_deletes_environment_and_generations_and_nothing_else(two: Project) -> None:
    two.succeed("destroy", "--yes")

    assert set(two.snapshot()) == {".", "env.toml", "pylock.toml"}


def test_an_environment_can_be_made_again_after_destroy(applied: Project) -> None:
    applied.succeed("destroy", "--yes")

    applied.apply("--locked")

    assert applied.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_destroy_never_follows_a_link(applied: Project) -> None:
    shutil.copytree(applied.path(".venv"), applied.path("precious"), symlinks=True)
    shutil.rmtree(applied.path(".venv"))
    os.symlink("precious", applied.path(".venv"))
    before = applied.snapshot()

    assert applied.run("destroy", "--yes").code == 1

    assert applied.snapshot() == before


def test_status_of_what_fits(applied: Project) -> None:
    result = applied.succeed("status", "--check", "--json")

    assert (result.json["lock"], result.json["environment"], result.json["fits"]) == ("fits", "fits", True)


def test_status_without_lock_and_environment(project: Project) -> None:
    result = project.run("status", "--check", "--json")

    assert result.code == 3
    assert (result.json["lock"], result.json["environment"]) == ("missing", "missing")


def test_status_of_a_stale_lock(applied: Project) -> None:
    applied.write_manifest("gamma")

    result = applied.run("status", "--check", "--json")

    assert (result.code, result.json["lock"], result.json["environment"]) == (3, "stale", "fits")


def test_an_environment_is_held_against_a_lock_that_is_stale(applied: Project) -> None:
    applied.write_manifest("gamma")
    os.remove(applied.site("alpha", "part.py"))

    result = applied.succeed("status", "--json")

    assert (result.json["lock"], result.json["environment"]) == ("stale", "differs")


def test_status_of_a_lock_that_was_not_applied(applied: Project) -> None:
    applied.write_manifest("gamma")
    applied.succeed("lock")

    result = applied.run("status", "--check", "--json")

    assert (result.code, result.json["lock"], result.json["environment"]) == (3, "fits", "differs")


def test_status_is_offline_and_writes_nothing(applied: Project) -> None:
    applied.write_manifest("gamma")
    applied.index.stop()
    before = applied.snapshot(times=True)

    assert applied.run("status").code == 0

    assert applied.snapshot(times=True) == before


def test_status_of_all_environments(applied: Project) -> None:
    applied.write_manifest("alpha", rest="[env.default]\n[env.ci]\n")

    statuses = applied.run("status", "--all", "--json").json["statuses"]

    assert [each["name"] for each in statuses] == ["default", "ci"]


def test_list_tells_what_was_asked_for(applied: Project) -> None:
    packages = applied.succeed("list", "--json").json["packages"]

    assert [(each["name"], each["version"], each["direct"]) for each in packages] == [
        ("alpha", "1.0", True),
        ("beta", "1.0", False),
    ]


def test_list_without_an_environment_is_an_error(project: Project) -> None:
    result = project.run("list")

    assert (result.code, result.codes) == (1, ["no-environment"])


def test_the_folder_of_generations_ignores_itself_in_git(applied: Project) -> None:
    assert applied.read(".venv.envctl", ".gitignore") == "*\n"
    assert applied.read(".venv", ".gitignore").strip().endswith("*")
