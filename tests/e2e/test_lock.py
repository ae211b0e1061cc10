"""The lock: when it is up to date, what stays in it, and what moves it."""

from __future__ import annotations

import os

import pytest

from support.project import Project, publish_all


@pytest.fixture
def locked(project: Project) -> Project:
    """A project with a lock and no environment."""
    project.succeed("lock")
    return project


def test_lock_writes_the_lock_and_makes_no_environment(project: Project) -> None:
    project.succeed("lock")

    assert project.locked() == {"alpha": "1.0", "beta": "1.0"}
    assert ".venv" not in project.snapshot()


def test_a_missing_lock_is_not_up_to_date(project: Project) -> None:
    result = project.run("lock", "--check")

    assert (result.code, result.codes) == (3, ["lock-missing"])
    assert "hint: `envctl lock`" in result.err


def test_a_lock_just_made_is_up_to_date(locked: Project) -> None:
    assert locked.run("lock", "--check").code == 0


def test_a_changed_list_makes_the_lock_stale(locked: Project) -> None:
    locked.write_manifest("alpha", "gamma")

    result = locked.run("lock", "--check")

    assert (result.code, result.codes) == (3, ["lock-stale"])


def test_check_writes_nothing(locked: Project) -> None:
    locked.write_manifest("alpha", "gamma")
    before = locked.snapshot(times=True)

    locked.run("lock", "--check")

    assert locked.snapshot(times=True) == before


def test_check_opens_no_socket(locked: Project) -> None:
    locked.index.stop()

    assert locked.run("lock", "--check").code == 0


def test_check_says_the_same_after_a_new_release(locked: Project) -> None:
    locked.publish("beta", "2.0")

    assert locked.run("lock", "--check").code == 0


def test_check_says_the_same_on_another_machine(locked: Project) -> None:
    """Another folder, another cache, no interpreter in sight, nobody to ask."""
    place = os.path.join(locked.cache, "elsewhere", "deep")
    os.makedirs(place)
    os.rename(locked.path("env.toml"), os.path.join(place, "env.toml"))
    os.rename(locked.path("pylock.toml"), os.path.join(place, "pylock.toml"))
    locked.index.stop()

    result = locked.run(
        "-C", place, "lock", "--check", environ={"ENVCTL_CACHE_DIR": os.path.join(place, "c"), "PATH": ""}
    )

    assert result.code == 0


@pytest.mark.parametrize(
    "rest",
    [
        '[lock]\nconstraints = ["beta<2"]',
        '[lock]\ntargets = ["linux-x86_64", "windows-arm64"]',
        '[lock]\nexclude-newer = "1 day"',
        '[dependency-groups]\ntest = ["gamma"]',
        '[build]\nallow = ["beta"]',
        '[[index]]\nname = "second"\nurl = "http://127.0.0.1:9/simple/"',
        'packages = ["alpha", "beta"]',
        '[sources]\nbeta = { index = "loop" }',
    ],
    ids=lambda rest: rest.partition("\n")[2] or rest,
)
def test_check_says_no_after_a_change_that_counts(locked: Project, rest: str) -> None:
    locked.write_manifest("alpha", rest=rest)

    result = locked.run("lock", "--check")

    assert (result.code, result.codes) == (3, ["lock-stale"])


def test_check_looks_at_the_metadata_of_path_sources_and_not_at_their_code(project: Project) -> None:
    text = '[project]\nname = "core"\nversion = "1.0"\ndependencies = []\n'
    build = '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
    project.write("core/pyproject.toml", text + build)
    project.write_manifest("core", rest='[sources]\ncore = { path = "core" }')
    project.succeed("lock")

    project.write("core/core.py", "X = 1\n")
    assert project.run("lock", "--check").code == 0
    project.write("core/pyproject.toml", text.replace("[]", '["gamma"]') + build)
    assert project.run("lock", "--check").code == 3


def test_comments_and_order_keep_the_lock_fresh(project: Project) -> None:
    project.write_manifest("alpha", "gamma")
    project.succeed("lock")
    project.write_manifest("gamma", "alpha", head="# a remark\n")

    assert project.run("lock", "--check").code == 0


def test_policy_and_the_url_of_an_index_keep_the_lock_fresh(locked: Project) -> None:
    locked.write_manifest("alpha", rest='[policy]\nyanked = "enforce"')
    text = locked.read("env.toml").replace(locked.index.url, "http://127.0.0.1:9/mirror/")
    locked.write("env.toml", text)

    assert locked.run("lock", "--check").code == 0


def test_locking_again_leaves_the_same_bytes(locked: Project) -> None:
    before = locked.read("pylock.toml")
    os.unlink(locked.path("pylock.toml"))

    locked.succeed("lock")

    assert locked.read("pylock.toml") == before


def test_locking_what_is_up_to_date_does_not_touch_the_file(locked: Project) -> None:
    before = locked.snapshot(times=True)

    locked.succeed("lock")

    assert locked.snapshot(times=True) == before


def test_locked_versions_stay_when_a_new_release_appears(locked: Project) -> None:
    locked.publish("beta", "2.0")
    locked.write_manifest("alpha", "gamma")

    locked.succeed("lock")

    assert locked.locked() == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}


def test_a_new_release_does_not_make_the_lock_stale(locked: Project) -> None:
    locked.publish("beta", "2.0")

    locked.succeed("apply", "--locked")

    assert locked.installed()["beta"] == "1.0"


def test_upgrade_lets_go_of_every_version(locked: Project) -> None:
    locked.publish("alpha", "1.1", requires=["beta"])
    locked.publish("beta", "2.0")

    locked.succeed("lock", "--upgrade")

    assert locked.locked() == {"alpha": "1.1", "beta": "2.0"}


def test_upgrade_package_lets_go_of_that_version_alone(locked: Project) -> None:
    locked.publish("alpha", "1.1", requires=["beta"])
    locked.publish("beta", "2.0")

    locked.succeed("lock", "--upgrade-package", "Beta")

    assert locked.locked() == {"alpha": "1.0", "beta": "2.0"}


def test_upgrade_group_lets_go_of_what_the_group_needs_and_of_nothing_else(project: Project) -> None:
    project.publish("tool", "1.0", requires=["helper"])
    publish_all(project, [("helper", "1.0"), ("extra", "1.0")])
    project.write_manifest(
        "alpha",
        rest='[dependency-groups]\nall = [{ include-group = "dev" }]\ndev = ["tool"]\ndoc = ["extra"]',
    )
    project.succeed("lock")
    publish_all(project, [(name, "2.0") for name in ("beta", "tool", "helper", "extra")])
    project.publish("tool", "2.0", requires=["helper"])

    project.succeed("lock", "--upgrade-group", "All")

    assert project.locked() == {
        "alpha": "1.0",
        "beta": "1.0",
        "extra": "1.0",
        "helper": "2.0",
        "tool": "2.0",
    }


def test_upgrade_group_also_moves_what_other_lists_share_with_it(locked: Project) -> None:
    locked.write_manifest("alpha", rest='[dependency-groups]\ndev = ["beta"]')
    locked.succeed("lock")
    locked.publish("beta", "2.0")

    locked.succeed("lock", "--upgrade-group", "dev")

    assert locked.locked() == {"alpha": "1.0", "beta": "2.0"}


def test_a_group_to_upgrade_must_be_one_of_the_manifest(locked: Project) -> None:
    locked.write_manifest("alpha", rest='[dependency-groups]\ndev = ["gamma"]')

    result = locked.run("lock", "--upgrade-group", "def")

    assert (result.code, result.codes) == (64, ["unknown-group"])
    assert "did you mean `dev`?" in result.err


def test_lock_says_what_moved(locked: Project) -> None:
    locked.publish("beta", "2.0")

    document = locked.succeed("lock", "--upgrade", "--json").json

    assert [(each["name"], each["before"], each["after"]) for each in document["changes"]] == [
        ("beta", "1.0", "2.0")
    ]


def test_lock_prints_a_line_for_each_change_and_the_summary_last(locked: Project) -> None:
    locked.publish("beta", "2.0")
    locked.write_manifest("alpha", rest='[dependency-groups]\ndev = ["gamma"]')

    result = locked.succeed("lock", "--upgrade", "--color", "never")

    assert result.out.splitlines() == [
        "  ~ up      beta 1.0 -> 2.0  [major] required by alpha (>=1)",
        "  + add     gamma 1.0        asked for by group dev",
        "Wrote pylock.toml (3 packages): 1 added, 1 up (1 major).",
    ]


def test_lock_has_nothing_to_say_of_packages_when_none_is_different(locked: Project) -> None:
    locked.write_manifest("alpha>=0.5")

    first, second = (locked.succeed("lock").out for _ in range(2))

    assert first == "Wrote pylock.toml (2 packages): no package is different.\n"
    assert second == "pylock.toml is up to date (2 packages).\n"


def test_a_plan_has_the_changes_that_lock_would_print(locked: Project) -> None:
    locked.publish("beta", "2.0")
    locked.write_manifest("alpha", "beta>1", "gamma")

    planned = locked.plan()["lock_changes"]

    assert planned == locked.succeed("lock", "--json").json["changes"]
    assert [(each["name"], each["kind"], each["direct"]) for each in planned] == [
        ("beta", "up", True),
        ("gamma", "added", True),
    ]


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_locked_refuses_a_missing_lock(project: Project, command: str) -> None:
    before = project.snapshot()

    result = project.run(command, "--locked")

    assert (result.code, result.codes) == (3, ["lock-missing"])
    assert project.snapshot() == before


def test_locked_refuses_a_stale_lock_and_touches_nothing(applied: Project) -> None:
    applied.write_manifest("alpha", "gamma")
    before = applied.snapshot()

    result = applied.run("apply", "--locked")

    assert (result.code, result.codes) == (3, ["lock-stale"])
    assert applied.snapshot() == before


def test_apply_locked_installs_what_the_lock_holds(locked: Project) -> None:
    report = locked.succeed("apply", "--locked", "--json").json

    assert report["lock_written"] is False
    assert locked.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_an_environment_cannot_be_chosen_for_the_lock(project: Project) -> None:
    assert project.run("lock", "-e", "ci").code == 64


def test_the_lock_may_have_another_name(project: Project) -> None:
    project.write_manifest("beta", rest='[lock]\npath = "pylock.shop.toml"')

    project.succeed("lock")

    assert "pylock.shop.toml" in project.snapshot()


def test_the_lock_names_no_machine_and_no_time_of_making(locked: Project) -> None:
    text = locked.read("pylock.toml")

    assert locked.folder not in text
    assert "home" not in text


def test_a_broken_lock_is_named_with_its_place(locked: Project) -> None:
    locked.write("pylock.toml", "lock-version = '1.0'\npackages = 3\n")

    result = locked.run("plan")

    assert result.code == 65
    assert "pylock.toml" in result.err
