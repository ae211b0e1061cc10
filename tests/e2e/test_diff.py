"""Two locks beside each other: of files, of git revisions, of other tools."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from support.documents import validate
from support.project import Project

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git reads what a revision holds")

OTHER = """\
lock-version = "1.0"
created-by = "other"
[[packages]]
name = "beta"
version = "0.9"
directory = { path = "../elsewhere" }
"""


def git(project: Project, *words: str) -> str:
    """Run git in the project's folder, with an identity and without anybody's settings."""
    settings = ("-c", "user.name=Test", "-c", "user.email=test@shop.example", "-c", "commit.gpgsign=false")
    return project.execute(["git", *settings, *words]).out.strip()


def commit(project: Project, message: str = "Change") -> str:
    git(project, "add", "--force", "env.toml", "pylock.toml")
    git(project, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(project, "rev-parse", "HEAD")


@pytest.fixture
def committed(project: Project) -> Project:
    """A project whose lock is committed."""
    project.environ["GIT_CONFIG_GLOBAL"] = os.devnull
    project.environ["GIT_CONFIG_NOSYSTEM"] = "1"
    project.succeed("lock")
    git(project, "init", "--quiet", "--initial-branch", "main")
    commit(project)
    return project


@pytest.fixture
def moved(committed: Project) -> Project:
    """The same with a lock on disk in which `beta` went up and `gamma` is new."""
    committed.publish("beta", "2.0", files={"beta/data.txt": "0123456789" * 1000})
    committed.write_manifest("alpha", "gamma")
    committed.succeed("lock", "--upgrade")
    return committed


def kinds(document: Any) -> dict[str, str]:
    return {change["name"]: change["kind"] for change in document["changes"]}


def test_the_committed_lock_is_held_against_the_one_on_disk(moved: Project) -> None:
    result = moved.succeed("diff", "--color", "never")

    lines = result.out.splitlines()
    head = git(moved, "rev-parse", "HEAD")
    assert lines[0] == f"pylock.toml at HEAD ({head[:12]}) -> pylock.toml"
    assert lines[1].startswith("  ~ up      beta 1.0 -> 2.0  [major] required by alpha (>=1); ")
    assert lines[2].startswith("  + add     gamma 1.0        asked for by env.toml; ")
    assert lines[3].startswith("1 added, 1 up (1 major); ")
    assert lines[3].endswith(" more.")
    assert len(lines) == 4


def test_without_a_difference_it_says_so(committed: Project) -> None:
    result = committed.succeed("diff", "HEAD", "--check")

    assert result.out.startswith("No differences between pylock.toml at HEAD (")


def test_check_exits_with_3_when_the_locks_differ(moved: Project) -> None:
    result = moved.run("diff", "--check")

    assert result.code == 3
    assert "gamma" in result.out
    assert result.err == ""


def test_the_document_keeps_to_its_schema_and_holds_ages_and_sizes(moved: Project) -> None:
    document = moved.succeed("diff", "--json").json

    validate(document)
    assert document["before"]["commit"] == git(moved, "rev-parse", "HEAD")
    assert document["after"] == {
        "path": moved.path("pylock.toml"),
        "packages": 3,
        "revision": None,
        "commit": None,
        "generation": None,
    }
    assert document["summary"]["up"] == document["summary"]["added"] == 1
    beta = document["changes"][0]
    assert (beta["step"], beta["direct"], beta["required_by"]) == ("major", False, ["alpha (>=1)"])
    assert beta["size_after"] > beta["size_before"]
    assert document["summary"]["size_bytes"] > 0


def test_upload_times_are_told_as_ages(committed: Project) -> None:
    committed.index.upload_times["beta-2.0-py3-none-any.whl"] = "2020-01-31T12:00:00Z"
    committed.publish("beta", "2.0")
    committed.succeed("lock", "--upgrade")

    document = committed.succeed("diff", "--json").json

    assert document["changes"][0]["uploaded_after"] == "2020-01-31T12:00:00Z"
    assert " years old" in committed.succeed("diff").out
    assert "2020-01-31" in committed.succeed("diff", "--format", "markdown").out


def test_revisions_are_held_against_each_other_whatever_is_on_disk(moved: Project) -> None:
    commit(moved)
    git(moved, "tag", "v2")
    os.unlink(moved.path("pylock.toml"))

    forward = moved.succeed("diff", "HEAD~1", "v2", "--json").json
    backward = moved.succeed("diff", "v2", "HEAD~1", "--json").json

    assert kinds(forward) == {"beta": "up", "gamma": "added"}
    assert kinds(backward) == {"beta": "down", "gamma": "removed"}


def test_two_files_need_neither_a_manifest_nor_git(moved: Project) -> None:
    moved.write("old.toml", git(moved, "show", "HEAD:pylock.toml") + "\n")
    shutil.rmtree(moved.path(".git"))
    os.unlink(moved.path("env.toml"))

    document = moved.succeed("diff", "old.toml", "pylock.toml", "--json", environ={"PATH": ""}).json

    assert kinds(document) == {"beta": "up", "gamma": "added"}
    assert {each["name"]: each["direct"] for each in document["changes"]} == {"beta": False, "gamma": True}


def test_a_lock_of_another_tool_can_be_compared_wherever_its_paths_lead(committed: Project) -> None:
    committed.write("other.toml", OTHER.replace('version = "0.9"\n', ""))

    document = committed.succeed("diff", "other.toml", "--json").json

    assert kinds(document) == {"alpha": "added", "beta": "changed"}


def test_a_file_goes_before_a_revision_of_the_same_name(committed: Project) -> None:
    shutil.copy(committed.path("pylock.toml"), committed.path("main"))

    document = committed.succeed("diff", "main", "--json").json

    assert document["before"]["revision"] is None


def test_the_lock_of_a_folder_further_down_is_found_in_the_revision(moved: Project) -> None:
    os.mkdir(moved.path("sub"))
    for name in ("env.toml", "pylock.toml"):
        shutil.copy(moved.path(name), moved.path("sub", name))

    refused = moved.run("-C", "sub", "diff")
    git(moved, "add", "--force", "sub")
    git(moved, "commit", "--quiet", "--message", "More")
    found = moved.run("-C", "sub", "diff", "--check", environ={"GIT_DIR": ".git", "GIT_INDEX_FILE": "x"})

    assert (refused.code, refused.codes) == (65, ["not-in-revision"])
    assert found.code == 0


@pytest.mark.parametrize(
    "revision", ["nonsense", "HEAD~9", "", "HEAD:pylock.toml", "--output=stolen", "-x", "a\tb", "HEAD --all"]
)
def test_what_is_no_revision_is_said_to_be_none_and_reaches_no_option(
    committed: Project, revision: str
) -> None:
    before = committed.snapshot()

    result = committed.run("diff", "--", revision)

    assert (result.code, result.codes) == (65, ["no-such-revision"])
    assert committed.snapshot() == before


def test_a_commit_that_does_not_hold_the_lock_is_named(committed: Project) -> None:
    git(committed, "rm", "--quiet", "--cached", "pylock.toml")
    git(committed, "commit", "--quiet", "--message", "Without")

    result = committed.run("diff")

    assert (result.code, result.codes) == (65, ["not-in-revision"])


def test_a_lock_that_a_revision_holds_and_that_is_none_is_named_with_its_place(moved: Project) -> None:
    good = moved.read("pylock.toml")
    moved.write("pylock.toml", "nonsense = \n")
    commit(moved)
    moved.write("pylock.toml", good)

    result = moved.run("diff", "--json")

    assert result.code == 65
    assert [(each["code"], each["where"]) for each in result.json["errors"]] == [
        ("bad-lock", "HEAD:pylock.toml")
    ]


def test_without_a_repository_it_says_so_and_what_does_without(project: Project) -> None:
    project.succeed("lock")

    result = project.run("diff", environ={"GIT_CEILING_DIRECTORIES": os.path.dirname(project.folder)})

    assert (result.code, result.codes) == (1, ["no-repository"])
    assert "envctl diff FILE FILE" in result.err


def test_without_git_it_says_so(moved: Project, make_project: Callable[..., Project]) -> None:
    result = moved.run("diff", environ={"PATH": make_project().folder})

    assert (result.code, result.codes) == (1, ["git-missing"])


def test_without_a_lock_on_disk_it_says_what_writes_it(committed: Project) -> None:
    os.unlink(committed.path("pylock.toml"))

    result = committed.run("diff")

    assert (result.code, result.codes) == (65, ["no-file"])
    assert "`envctl lock`" in result.err


def test_another_target_is_a_difference(committed: Project) -> None:
    committed.write_manifest("alpha", rest='[lock]\ntargets = ["linux-x86_64", "windows-x86_64"]')
    committed.succeed("lock")

    result = committed.run("diff", "--check", "--color", "never")

    assert result.code == 3
    assert "  + cover   windows-x86_64" in result.out


def test_markdown_is_a_table_in_which_nothing_of_a_package_is_markup(committed: Project) -> None:
    committed.write(
        "old.toml", OTHER.replace("../elsewhere", "../<b>@team</b>").replace('version = "0.9"\n', "")
    )

    out = committed.succeed("diff", "old.toml", "--format", "markdown").out

    assert "| ~ | change **beta** |" in out
    assert "<b>" not in out
    assert "@team" not in out


def test_markdown_keeps_to_the_size_that_was_asked_for(moved: Project) -> None:
    out = moved.succeed("diff", "--format", "markdown", "--max-bytes", "300").out

    assert len(out.encode()) <= 300
    assert "`--json` has all" in out


def test_nothing_is_asked_of_an_index_and_nothing_is_written(moved: Project) -> None:
    before = moved.snapshot(times=True)
    moved.index.stop()

    moved.succeed("diff")

    assert moved.snapshot(times=True) == before


def test_an_environment_has_no_meaning_for_two_locks(committed: Project) -> None:
    refused = committed.run("diff", "-e", "default")
    variable = committed.run("diff", environ={"ENVCTL_ENV": "default"})

    assert (refused.code, refused.codes) == (64, ["bad-usage"])
    assert variable.code == 0
