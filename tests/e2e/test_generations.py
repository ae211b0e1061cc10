"""Rollback, history, destroy, status, list: an environment over time."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable

import pytest

from support.documents import validate
from support.project import PYTHON, TIMEOUT, Project


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


def test_history_tells_what_changed_and_how_much_room_each_takes(two: Project) -> None:
    document = two.succeed("history", "--json").json

    validate(document)
    latest, first = document["generations"]
    assert latest["changes"] == {
        "alpha": {"before": "1.0", "after": None},
        "beta": {"before": "1.0", "after": None},
        "gamma": {"before": None, "after": "1.0"},
    }
    assert first["changes"] is None
    assert 0 < first["own_bytes"] < first["size_bytes"]


def test_history_still_tells_what_changed_when_the_generation_is_gone(two: Project) -> None:
    two.write_manifest("beta", rest="[install]\nkeep-generations = 0")
    two.apply()

    lines = two.succeed("history").out.splitlines()

    assert [line.split()[-2:] for line in lines[1:]] == [["not", "kept"], ["not", "kept"]]
    assert "+beta 1.0, -gamma 1.0" in lines[0]
    assert "1 added, 2 removed" in lines[1]


def test_a_verbose_history_names_every_change(two: Project) -> None:
    lines = two.succeed("history", "-v", "--color", "never").out.splitlines()

    assert lines[1:4] == ["      - alpha 1.0", "      - beta 1.0", "      + gamma 1.0"]


def test_the_numbers_of_a_history_are_those_to_roll_back_to(two: Project) -> None:
    assert two.succeed("history", "--numbers").out == "1\n"
    assert two.run("history", "--numbers", "--json").code == 64


def test_keeping_fewer_generations_later_holds_without_another_change(two: Project) -> None:
    two.write_manifest("gamma", rest="[install]\nkeep-generations = 0")

    assert two.apply()["outcome"] == "nothing-to-do"

    assert two.succeed("history", "--numbers").out == ""
    assert os.listdir(two.path(".venv.envctl", "trash")) == []


def test_nothing_is_kept_where_the_manifest_says_so(applied: Project) -> None:
    applied.write_manifest("gamma", rest="[install]\nkeep-generations = 0")
    applied.apply()

    assert os.listdir(applied.path(".venv.envctl", "generations")) == []
    assert applied.run("rollback").codes == ["no-such-generation"]


def test_a_generation_that_somebody_edited_comes_back_as_it_is_and_the_run_says_so(two: Project) -> None:
    shutil.rmtree(two.path(".venv.envctl", "generations", "1", "lib", f"python{PYTHON}", "site-packages", "beta-1.0.dist-info"))  # fmt: skip

    result = two.succeed("rollback")

    assert "warning: generation 1 is not as envctl made it: beta is gone [generation-edited]" in result.err
    assert two.installed() == {"alpha": "1.0"}
    two.write_manifest("alpha")
    assert not two.is_settled()


def _lose_identity(tree: str) -> None:
    os.remove(os.path.join(tree, ".envctl", "generation.json"))


def _lose_python(tree: str) -> None:
    os.remove(os.path.join(tree, "bin", "python"))
    os.symlink("/nowhere/python", os.path.join(tree, "bin", "python"))


@pytest.mark.parametrize("damage", [_lose_identity, _lose_python])
def test_a_generation_that_nobody_could_live_in_is_refused(
    two: Project, damage: Callable[[str], None]
) -> None:
    damage(two.path(".venv.envctl", "generations", "1"))
    before = two.snapshot()

    result = two.run("rollback")

    assert (result.code, result.codes) == (1, ["generation-damaged"])
    assert two.snapshot() == before


def test_two_generations_are_held_against_each_other(two: Project) -> None:
    document = two.succeed("diff", "1", "2", "--json").json

    validate(document)
    assert {change["name"]: change["kind"] for change in document["changes"]} == {
        "alpha": "removed",
        "beta": "removed",
        "gamma": "added",
    }
    assert (document["before"]["generation"], document["after"]["generation"]) == (1, 2)
    assert document["python"] is None


@pytest.mark.parametrize("words", [("1",), ("1", "live"), ("1", "2")])
def test_a_generation_alone_is_held_against_the_live_one(two: Project, words: tuple[str, ...]) -> None:
    lines = two.succeed("diff", *words, "--color", "never").out.splitlines()

    assert lines == [
        ".venv at generation 1 -> .venv at generation 2",
        "  - remove  alpha 1.0  was asked for directly",
        "  - remove  beta 1.0   was required by others",
        "  + add     gamma 1.0  asked for directly",
        "1 added, 2 removed.",
    ]


def test_a_difference_of_generations_tells_what_others_put_there(two: Project) -> None:
    two.publish("delta", "1.0")
    two.pip("--python", ".venv", "install", "-i", two.index.url, "delta")
    two.write(two.path(".venv", "bin", "mine"), "echo mine\n")

    out = two.succeed("diff", "2", "1", "--color", "never").out
    document = two.succeed("diff", "1", "live", "--json").json

    assert "  - remove  delta 1.0  was installed by pip" in out
    assert [(each["path"], each["kind"]) for each in document["files"]] == [("bin/mine", "added")]
    assert two.run("diff", "live", "live", "--check").code == 0
    assert two.run("diff", "1", "--check").code == 3


def test_a_generation_is_not_held_against_a_lock(two: Project) -> None:
    assert two.run("diff", "1", "pylock.toml").codes == ["bad-usage"]
    assert two.run("diff", "HEAD", "live").codes == ["bad-usage"]
    assert two.run("diff", "7").codes == ["no-such-generation"]


def test_a_generation_is_run_without_going_back_to_it(applied: Project) -> None:
    applied.publish("beta", "2.0")
    applied.succeed("upgrade")

    assert applied.succeed("run", "--generation", "1", "alpha").out == "alpha 1.0\n"
    assert applied.succeed("run", "--generation", "2", "alpha").out == "alpha 2.0\n"
    code = "import beta, os; print(beta.__version__, os.environ['VIRTUAL_ENV'])"
    kept = applied.path(".venv.envctl", "generations", "1")
    assert applied.succeed("run", "--generation", "1", "python", "-c", code).out == f"1.0 {kept}\n"
    assert applied.succeed("run", "alpha").out == "alpha 2.0\n"


def test_a_script_of_a_path_that_no_shebang_can_hold_is_run_in_its_generation(applied: Project) -> None:
    applied.write_manifest("alpha", rest='[env.default]\npath = "my env"')
    applied.apply()
    applied.publish("beta", "2.0")
    applied.succeed("upgrade")

    assert applied.succeed("run", "--generation", "1", "alpha").out == "alpha 1.0\n"


def test_only_a_generation_that_is_there_can_be_run(applied: Project) -> None:
    assert applied.run("run", "--generation", "7", "python").codes == ["no-such-generation"]
    assert applied.run("run", "--apply", "--generation", "1", "python").codes == ["bad-usage"]


def _wait_until_empty(folder: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while os.listdir(folder):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_at_a_prompt_the_trash_is_emptied_by_somebody_else(two: Project) -> None:
    two.write_manifest("alpha", rest="[install]\nkeep-generations = 0")

    two.succeed("apply", environ={"CI": ""})

    _wait_until_empty(two.path(".venv.envctl", "trash"))


def test_a_trash_that_is_being_emptied_is_left_and_emptied_by_the_next_run(two: Project) -> None:
    trash = two.path(".venv.envctl", "trash")
    two.write_manifest("alpha", rest="[install]\nkeep-generations = 0")
    os.makedirs(trash, exist_ok=True)
    held = os.open(trash, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    two.apply()
    assert len(os.listdir(trash)) == 2

    os.close(held)
    two.apply("--reinstall", "beta")

    assert os.listdir(trash) == []


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
