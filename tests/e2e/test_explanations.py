"""Successes explained: why a package is locked, what keeps it from a version, what is outdated."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import tomli_w

from support.project import Project
from support.server import IndexServer

WINDOWS = "windows-x86_64"


@pytest.fixture
def locked(project: Project) -> Project:
    """A lock of `alpha`, which needs `beta`, and of `gamma` in the group `test`."""
    project.write_manifest("alpha", rest='[dependency-groups]\ntest = ["gamma"]')
    project.succeed("lock")
    return project


def kinds(document: Any) -> list[str]:
    return [obstacle["kind"] for judged in document["releases"] for obstacle in judged["obstacles"]]


# why -------------------------------------------------------------------------------------------------


def test_why_tells_the_path_from_the_list_down(locked: Project) -> None:
    assert locked.succeed("why", "beta").out == (
        "beta 1.0\n  env.toml asks for `alpha` (env.toml:3)\n    alpha 1.0 requires `beta>=1`\n"
    )


def test_why_opens_no_socket_and_writes_nothing(locked: Project) -> None:
    locked.index.stop()
    before = locked.snapshot(times=True)

    locked.succeed("why", "beta", "gamma")

    assert locked.snapshot(times=True) == before


def test_why_of_what_nothing_asks_for_fails_with_the_nearest_name(locked: Project) -> None:
    result = locked.run("why", "bata")

    assert (result.code, result.codes) == (1, ["not-locked"])
    assert "did you mean `beta`?" in result.err


def test_why_with_an_environment_counts_only_what_that_holds(locked: Project) -> None:
    locked.write("env.toml", locked.read("env.toml") + '[env.ci]\ngroups = ["test"]\n')

    result = locked.run("-e", "default", "why", "gamma")

    assert locked.succeed("-e", "ci", "why", "gamma").out.startswith("gamma 1.0\n  group test asks for")
    assert (result.code, result.codes) == (1, ["not-selected"])


def test_why_answers_from_a_stale_lock_and_says_so(locked: Project) -> None:
    locked.write_manifest("alpha")

    result = locked.succeed("why", "alpha")

    assert "[lock-stale]" in result.err
    assert result.out.startswith("alpha 1.0\n")
    assert "no list of the manifest asks for it any more" in locked.succeed("why", "gamma").out


def test_why_without_a_lock_says_how_to_get_one(project: Project) -> None:
    result = project.run("why", "alpha")

    assert (result.code, result.codes) == (1, ["lock-missing"])
    assert "`envctl lock`" in result.err


def test_why_says_where_a_path_holds(project: Project) -> None:
    project.publish("top", "1.0", requires=["beta; sys_platform == 'win32'", "alpha"])
    project.write_manifest("top", rest=f'[lock]\ntargets = ["linux-x86_64", "{WINDOWS}"]')
    project.succeed("lock")

    (package,) = project.succeed("why", "beta", "--json").json["packages"]

    assert [(len(way["steps"]), way["marker"]) for way in package["ways"]] == [
        (1, "sys_platform == 'win32'"),
        (2, None),
    ]


def test_the_project_itself_is_asked_for_by_the_manifest(project: Project) -> None:
    project.write(
        "pyproject.toml",
        '[project]\nname = "shop"\nversion = "1.0"\ndependencies = ["beta"]\n'
        '[build-system]\nrequires = ["setuptools"]\n',
    )
    project.write_manifest(head='project = "."', lists=False)
    project.succeed("lock")

    assert project.succeed("why", "beta").out == (
        "beta 1.0\n"
        "  pyproject.toml asks for `beta` (pyproject.toml:4)\n"
        "  env.toml asks for `shop` (env.toml:2)\n"
        "    shop 1.0 requires `beta`\n"
    )


def test_a_lock_of_another_tool_may_not_say_who_requires_what(project: Project) -> None:
    project.succeed("lock")
    lock = tomllib.loads(project.read("pylock.toml"))
    del lock["tool"]
    for package in lock["packages"]:
        del package["tool"]
        package.pop("dependencies", None)
    project.write("pylock.toml", tomli_w.dumps(lock))

    assert "does not say who requires it" in project.succeed("why", "beta").out


def test_why_shows_ten_paths_and_counts_the_rest(project: Project) -> None:
    for number in range(12):
        project.publish(f"p{number}", "1.0", requires=["beta"])
    project.write_manifest(*(f"p{number}" for number in range(12)))
    project.succeed("lock")

    assert project.succeed("why", "beta").out.endswith("  and 2 longer paths; `--all-paths` shows them\n")
    assert project.succeed("why", "beta", "--all-paths").out.count("asks for") == 12


def test_control_characters_of_an_index_are_made_visible(project: Project) -> None:
    project.publish("alpha", "2.0")
    project.index.yanked["alpha-2.0-py3-none-any.whl"] = "bad\x1b[31m\nerror: all is lost"
    project.succeed("lock")

    out = project.succeed("why-not", "alpha==2.0").out

    assert "is yanked: bad\\x1b[31m\\x0aerror: all is lost\n" in out


# why-not ---------------------------------------------------------------------------------------------


def test_why_not_names_every_requirement_that_excludes_a_version(project: Project) -> None:
    project.publish("beta", "2.0")
    project.publish("top", "1.0", requires=["alpha", "beta<2"])
    project.write_manifest("top", "beta<2")
    project.succeed("lock")

    result = project.succeed("why-not", "beta==2.0")

    assert result.out == (
        "beta 1.0 is locked; this keeps it from `beta==2.0`:\n"
        "  env.toml asks for `top` (env.toml:3)\n"
        "    top 1.0 requires `beta<2`\n"
        "  env.toml asks for `beta<2` (env.toml:3)\n"
    )


def test_why_not_of_what_only_the_lock_holds_says_how_to_get_it(locked: Project) -> None:
    locked.publish("beta", "2.0", requires=["gamma"])

    result = locked.succeed("why-not", "beta==2.0")

    assert result.out == (
        "Nothing but the lock holds it: `envctl lock --upgrade-package beta`\n"
        "This would change:\n"
        "  ~ up      beta 1.0 -> 2.0  [major] required by alpha (>=1)\n"
        "  ~ change  gamma 1.0        [other markers] required by beta\n"
    )
    locked.succeed("lock", "--upgrade-package", "beta")
    assert locked.locked()["beta"] == "2.0"


def test_why_not_writes_nothing(locked: Project) -> None:
    locked.publish("beta", "2.0")
    before = locked.snapshot(times=True)

    locked.succeed("why-not", "beta")

    assert locked.snapshot(times=True) == before


def test_why_not_of_what_would_bring_a_conflict_explains_it(locked: Project) -> None:
    locked.publish("beta", "2.0", requires=["alpha<1"])

    document = locked.succeed("why-not", "beta==2.0", "--json").json

    assert document["outcome"] == "conflict"
    assert not document["attempt"]["works"]
    assert "beta 2.0 requires `alpha<1`" in document["attempt"]["explanation"]


def test_why_not_says_which_packages_would_have_to_move_too(project: Project) -> None:
    project.publish("old", "1.0", requires=["beta<2"])
    project.write_manifest("old")
    project.succeed("lock")
    project.publish("old", "1.1", requires=["beta>=1"])
    project.publish("beta", "2.0")

    result = project.succeed("why-not", "beta==2.0")

    assert "    old 1.0 requires `beta<2`\n" in result.out
    assert "It could be locked if others moved too:\n" in result.out
    assert "`envctl lock --upgrade-package beta --upgrade-package old` does that.\n" in result.out
    project.succeed("lock", "--upgrade-package", "beta", "--upgrade-package", "old")
    assert project.locked() == {"old": "1.1", "beta": "2.0"}


def test_why_not_of_what_would_move_others_down_does_not_say_that_only_the_lock_holds_it(
    project: Project,
) -> None:
    project.publish("top", "1.0", requires=["beta", "gamma"])
    project.publish("top", "1.1", requires=["beta", "gamma<2"])
    project.publish("gamma", "2.0")
    project.publish("beta", "2.0", requires=["gamma>=2"])
    project.write_manifest("top", rest='[lock]\nconstraints = ["beta<2"]')
    project.succeed("lock")
    project.write_manifest("top")

    result = project.succeed("why-not", "beta==2.0")
    packages = project.succeed("outdated", "--explain", "--json").json["packages"]

    assert "  ~ down    top 1.1 -> 1.0    [minor] asked for directly\n" in result.out
    assert "To have that, write `beta==2.0` into a list.\n" in result.out
    assert "  it requires `gamma>=2`, but\n    env.toml asks for `top` (env.toml:3)\n" in result.out
    (package,) = [each for each in packages if each["name"] == "beta"]
    assert (package["fits"], kinds(package)) == ("1.0", ["dependency"])


def test_what_to_write_into_a_list_has_a_marker_where_it_can_hold_in_some_places_only(
    project: Project,
) -> None:
    project.write_manifest("beta", rest=f'[lock]\ntargets = ["linux-x86_64", "{WINDOWS}"]')
    project.succeed("lock")
    project.publish("beta", "2.0", tag="py3-none-win_amd64")
    project.publish("beta", "3.0")

    result = project.succeed("why-not", "beta==2.0")

    assert "write `beta==2.0; sys_platform == 'win32'` into a list.\n" in result.out
    assert "  has no wheel for this platform and Python, where sys_platform == 'linux'\n" in result.out


def test_why_not_is_about_the_lock_of_all_environments(locked: Project) -> None:
    assert locked.run("-e", "default", "why-not", "beta").code == 64


def test_why_not_of_a_locked_version_says_that_it_is_there(locked: Project) -> None:
    assert locked.succeed("why-not", "beta>=1").out == "beta 1.0 is locked, and that is `beta>=1`.\n"


def test_why_not_of_what_nothing_asks_for_says_so(locked: Project) -> None:
    locked.publish("delta", "1.0")

    assert "Nothing asks for delta" in locked.succeed("why-not", "delta").out


def test_why_not_of_a_version_that_is_not_there_names_those_around_it(locked: Project) -> None:
    for version in ("2.0", "2.1", "3.0"):
        locked.publish("beta", version)

    result = locked.run("why-not", "beta==2.5")

    assert (result.code, result.codes) == (1, ["no-matching-version"])
    assert "hint: there are 2.0, 2.1, 3.0" in result.err


def test_why_not_of_a_project_that_is_not_there_names_one_that_is(locked: Project) -> None:
    result = locked.run("why-not", "betta==1")

    assert (result.code, result.codes) == (1, ["no-such-package"])
    assert "did you mean `beta`?" in result.err


@pytest.mark.parametrize("text", ["beta==", "beta @ https://files.example/b.whl", "beta[x]==1", "!"])
def test_why_not_takes_a_name_with_a_specifier_only(locked: Project, text: str) -> None:
    assert locked.run("why-not", text).code == 64


def test_why_not_tells_of_an_index_that_is_not_asked(
    locked: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with IndexServer(tmp_path_factory.mktemp("other"), max_age=0) as other:
        from support.wheels import make_wheel

        make_wheel(other.folder, "beta", "3.0")
        locked.write_manifest("alpha", rest=f'[[index]]\nname = "other"\nurl = "{other.url}"')

        document = locked.succeed("why-not", "beta==3.0", "--json").json

    (obstacle,) = document["releases"][0]["obstacles"]
    assert (obstacle["kind"], obstacle["detail"], obstacle["index"]) == ("index", "loop", "other")


def test_a_name_that_an_index_claims_is_asked_of_no_other(
    locked: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with IndexServer(tmp_path_factory.mktemp("other"), max_age=0) as other:
        text = locked.read("env.toml").replace('name = "loop"', 'name = "loop"\npackages = ["*"]')
        locked.write("env.toml", f'{text}\n[[index]]\nname = "other"\nurl = "{other.url}"\n')

        locked.run("why-not", "beta==3.0")
        locked.run("outdated", "--explain")

        assert other.requests == []


@pytest.mark.parametrize(
    ("rest", "kind"),
    [
        ('[lock]\nconstraints = ["beta<2"]', "constraint"),
        ('[lock]\noverrides = ["beta==1.0"]', "override"),
        ('[lock]\nexclude-newer = "2023-06-01"', "cooldown"),
        ('[policy]\nmax-age = { mode = "enforce", age = "1 day" }', "policy"),
    ],
)
def test_what_the_manifest_says_keeps_a_version_away(project: Project, rest: str, kind: str) -> None:
    project.index.upload_time = "2023-01-01T00:00:00Z"
    project.write_manifest("alpha", rest=rest)
    project.succeed("lock")
    filename = project.publish("beta", "2.0").rpartition("/")[2]
    project.index.upload_times[filename] = "2024-01-01T00:00:00Z"

    assert kinds(project.succeed("why-not", "beta==2.0", "--json").json) == [kind]


# outdated --------------------------------------------------------------------------------------------


@pytest.fixture
def behind(locked: Project) -> Project:
    """Newer releases of `beta`: one that fits, one for a newer Python, one that was taken back."""
    locked.publish("beta", "1.1")
    locked.publish("beta", "2.0", requires_python=">=3.99")
    locked.publish("beta", "3.0")
    locked.index.yanked["beta-3.0-py3-none-any.whl"] = "broken"
    return locked


def test_outdated_tells_the_newest_that_fits_and_the_newest_of_all(behind: Project) -> None:
    (package,) = behind.succeed("outdated", "--json").json["packages"]

    assert (package["name"], package["locked"], package["fits"], package["newest"]) == (
        "beta",
        "1.0",
        "1.1",
        "2.0",
    )
    assert (package["direct"], package["asked_by"]) == (False, ["alpha"])
    assert package["releases"] is None


def test_outdated_is_a_table_with_a_summary(behind: Project) -> None:
    lines = behind.succeed("outdated").out.splitlines()

    assert lines[0].split() == ["package", "locked", "fits", "newest", "released", "asked", "for", "by"]
    assert lines[1].split()[:4] == ["beta", "1.0", "1.1", "2.0"]
    assert lines[2] == "1 of 3 packages outdated; 1 can move now: `envctl lock --upgrade`"


def test_outdated_explains_what_keeps_each_newer_release_away(behind: Project) -> None:
    lines = behind.succeed("outdated", "--explain").out.splitlines()

    assert lines[1:4] == [
        "  3.0: is yanked: broken",
        "  2.0: needs Python `>=3.99`",
        "  1.1: nothing but the lock holds it",
    ]


def test_outdated_explains_what_a_search_finds_in_the_way(locked: Project) -> None:
    locked.publish("beta", "1.1")
    locked.publish("beta", "2.0", requires=["alpha<1"])

    (package,) = locked.succeed("outdated", "--explain", "--json").json["packages"]

    assert package["fits"] == "1.1"
    assert [
        (each["versions"], [one["kind"] for one in each["obstacles"]]) for each in package["releases"]
    ] == [
        (["2.0"], ["conflict"]),
        (["1.1"], []),
    ]


def test_outdated_of_an_environment_lists_what_that_holds(locked: Project) -> None:
    locked.publish("gamma", "2.0")
    locked.write("env.toml", locked.read("env.toml") + '[env.ci]\ngroups = ["test"]\n')

    assert locked.run("-e", "default", "outdated", "--check").code == 0
    assert locked.run("-e", "ci", "outdated", "--check").code == 3


def test_outdated_check_fails_when_something_is_outdated(behind: Project) -> None:
    assert behind.run("outdated", "--check").code == 3


def test_outdated_check_is_content_with_what_is_newest(locked: Project) -> None:
    result = locked.run("outdated", "--check")

    assert (result.code, result.out) == (0, "Nothing is outdated (3 packages).\n")


def test_a_pre_release_makes_nothing_outdated(locked: Project) -> None:
    locked.publish("beta", "2.0rc1")

    assert locked.run("outdated", "--check").code == 0


def test_outdated_works_offline_with_what_the_cache_has(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.publish("alpha", "1.0")
    project.write_manifest("alpha<2")
    project.publish("alpha", "2.0")
    project.succeed("lock")
    project.index.stop()

    (package,) = project.succeed("--offline", "outdated", "--explain", "--json").json["packages"]

    assert (package["newest"], kinds(package)) == ("2.0", ["requirement"])


def test_what_cannot_be_tried_offline_is_said_to_be_untried(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta<2")
    project.publish("beta", "1.1", requires=["alpha"])
    project.write("env.toml", project.read("env.toml") + '[lock]\nconstraints = ["beta<1.1"]\n')
    project.succeed("lock")
    project.write_manifest("beta<2")
    project.index.stop()

    answer = project.succeed("--offline", "why-not", "beta==1.1", "--json").json
    result = project.succeed("--offline", "outdated", "--explain", "--json")

    assert (answer["outcome"], answer["attempt"]) == ("untried", None)
    assert "could not be tried" in project.succeed("--offline", "why-not", "beta==1.1").out
    assert result.json["packages"][0]["fits"] == "1.1"
    assert "warning: offline it could not be tried" in result.err


def test_what_a_stale_lock_holds_without_being_asked_keeps_nothing_away(project: Project) -> None:
    project.publish("old", "1.0", requires=["beta<2"])
    project.write_manifest("old", "beta")
    project.succeed("lock")
    project.publish("beta", "2.0")
    project.write_manifest("beta")

    answer = project.succeed("why-not", "beta==2.0", "--json").json

    assert (answer["outcome"], answer["lock_fits"], kinds(answer)) == ("free", False, [])


def test_only_what_comes_from_an_index_is_outdated(project: Project) -> None:
    project.write(
        "core/pyproject.toml", '[project]\nname = "core"\nversion = "1.0"\ndependencies = ["beta"]\n'
    )
    project.write_manifest("core", rest='[sources]\ncore = { path = "core" }')
    project.succeed("lock")
    project.publish("core", "2.0")

    assert project.succeed("outdated", "--json").json["packages"] == []
    assert kinds(project.succeed("why-not", "core==2.0", "--json").json) == ["source"]


# lists that conflict -----------------------------------------------------------------------------------


@pytest.fixture
def apart(bare: Project) -> Project:
    """A lock in which `old` and `new` are never together, nor therefore the versions that they bring."""
    for version in ("1.0", "1.1", "2.0", "2.1"):
        bare.publish("num", version)
    bare.publish("frame", "2.0", requires=["num<2"])
    bare.publish("frame", "3.0", requires=["num>=2"])
    bare.write_manifest(
        "frame",
        rest='[dependency-groups]\nold = ["num<2"]\nnew = ["num>=2,<2.2"]\n'
        '[lock]\nconflicts = [[{group = "old"}, {group = "new"}]]',
    )
    bare.succeed("lock")
    for name, version in (("num", "1.2"), ("num", "2.1.1"), ("num", "3.0"), ("frame", "3.1")):
        bare.publish(name, version, requires=["num>=2,<3"] if name == "frame" else ())
    return bare


def test_why_tells_of_each_version_the_paths_that_are_selected_with_it(apart: Project) -> None:
    assert apart.succeed("why", "num", "frame").out == (
        "num 1.1 where 'old' in dependency_groups\n"
        "  group old asks for `num<2` (env.toml:8)\n"
        "  env.toml asks for `frame` (env.toml:3)\n"
        "    frame 2.0 requires `num<2`\n"
        "\n"
        "num 2.1 where 'old' not in dependency_groups\n"
        "  group new asks for `num<2.2,>=2` (env.toml:9)\n"
        "  env.toml asks for `frame` (env.toml:3)\n"
        "    frame 3.0 requires `num>=2`\n"
        "\n"
        "frame 2.0 where 'old' in dependency_groups\n"
        "  env.toml asks for `frame` (env.toml:3)\n"
        "\n"
        "frame 3.0 where 'old' not in dependency_groups\n"
        "  env.toml asks for `frame` (env.toml:3)\n"
    )


def test_outdated_names_nobody_who_is_never_selected_with_a_version(apart: Project) -> None:
    document = apart.succeed("outdated", "--explain", "--json").json

    assert [(each["name"], each["locked"], each["fits"], each["asked_by"]) for each in document["packages"]] == [
        ("frame", "2.0", "2.0", ["env.toml"]),
        ("frame", "3.0", "3.1", ["env.toml"]),
        ("num", "1.1", "1.2", ["group old"]),
        ("num", "2.1", "2.1.1", ["group new"]),
    ]  # fmt: skip


def test_outdated_says_with_which_member_a_version_is_locked(apart: Project) -> None:
    document = apart.succeed("outdated", "--explain", "--json").json

    (held,) = [each for each in document["packages"] if each["locked"] == "2.0"]
    (reason,) = held["releases"][0]["obstacles"]

    assert held["marker"] == "'old' in dependency_groups"
    assert (reason["kind"], reason["detail"], reason["way"]["by"]) == ("dependency", "num<3,>=2", "group old")
    assert "env.toml where 'old' in dependency_groups" in apart.succeed("outdated").out


def test_why_not_tries_a_version_where_its_rivals_are_not(apart: Project) -> None:
    newer = apart.succeed("why-not", "num==2.1.1", "--json").json
    other = apart.succeed("why-not", "num==2.0", "--json").json

    for document in (newer, other):
        (judged,) = document["releases"]
        assert {each["marker"] for each in judged["obstacles"]} == {"'old' in dependency_groups"}
    assert (newer["outcome"], newer["upgrade"]) == ("free", ["num"])
    assert (other["outcome"], other["upgrade"], other["attempt"]["works"]) == ("free", [], True)
