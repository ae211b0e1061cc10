"""Branches that went on and tags that were moved, told by ``outdated``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.backends import make_tree
from support.project import Project
from support.repositories import GitServer, Repository, declare, make_core, move, needs_git

pytestmark = needs_git


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make_core(tmp_path / "served" / "core")


@pytest.fixture
def server(repository: Repository) -> Iterator[GitServer]:
    with GitServer(os.path.dirname(repository.folder)) as server:
        yield server


def outdated(project: Project) -> dict[str, object] | None:
    """Give the one source that is outdated."""
    document = project.succeed("outdated", "--json").json
    assert document["packages"] == []
    assert document["checked"] == 2
    sources: list[dict[str, object]] = document["sources"]
    assert len(sources) < 2
    return sources[0] if sources else None


@pytest.mark.parametrize(
    ("keys", "follows"),
    [(['branch = "main"'], "branch main"), ([], "the default branch"), (['rev = "main"'], "branch main")],
)
def test_a_branch_that_went_on_is_told(
    project: Project, repository: Repository, keys: list[str], follows: str
) -> None:
    declare(project, repository, *keys).succeed("lock")
    before = repository.git("rev-parse", "HEAD")
    fresh = outdated(project)
    after = move(repository)

    told = project.run("outdated", "--check")

    assert fresh is None
    assert told.code == 3
    assert told.out.splitlines() == [
        f"package  {'follows':<{len(follows)}}  locked        now           asked for by",
        f"core     {follows}  {before[:12]}  {after[:12]}  env.toml",
        "1 of 2 packages outdated; 1 can move now: `envctl lock --upgrade`",
    ]
    assert outdated(project) == {
        "name": "core",
        "url": repository.url,
        "kind": "branch",
        "revision": "main" if keys else None,
        "locked": before,
        "now": after,
        "direct": True,
        "asked_by": ["env.toml"],
    }
    project.succeed("lock", "--upgrade")
    assert project.succeed("outdated", "--check").out == "Nothing is outdated (2 packages).\n"


def test_releases_and_commits_are_told_together(project: Project, repository: Repository) -> None:
    declare(project, repository, 'branch = "main"').succeed("lock")
    move(repository)
    project.publish("beta", "2.0")

    lines = project.succeed("outdated").out.splitlines()

    assert [line.split()[0] for line in lines if line] == ["package", "beta", "package", "core", "2"]
    assert lines[2] == ""
    assert lines[-1] == "2 of 2 packages outdated; 2 can move now: `envctl lock --upgrade`"


@pytest.mark.parametrize("reference", ['tag = "v1"', 'rev = "v1"'])
def test_a_tag_that_was_moved_is_warned_of(project: Project, repository: Repository, reference: str) -> None:
    before = repository.git("rev-parse", "HEAD")
    declare(project, repository, reference).succeed("lock")
    fresh = outdated(project)
    after = move(repository)
    repository.git("tag", "--force", "v1")

    told = project.run("outdated", "--check")

    assert fresh is None
    assert told.code == 3
    assert "core     tag v1" in told.out
    assert (
        f"warning: the tag `v1` of `{repository.url}` was moved: `core` is locked to {before[:12]}, "
        f"and it names {after[:12]} now"
    ) in told.err


@pytest.mark.parametrize("length", [40, 9])
def test_a_commit_is_never_outdated(project: Project, repository: Repository, length: int) -> None:
    declare(project, repository, f'rev = "{repository.git("rev-parse", "HEAD")[:length]}"').succeed("lock")
    move(repository)

    assert outdated(project) is None
    assert project.succeed("outdated", "--check").err == ""


def test_a_branch_that_is_gone_is_told(project: Project, repository: Repository) -> None:
    repository.git("branch", "next")
    declare(project, repository, 'branch = "next"').succeed("lock")
    repository.git("branch", "--delete", "next")

    told = project.run("outdated", "--check")

    assert told.code == 3
    assert "is gone" in told.out
    assert told.out.splitlines()[-1] == "1 of 2 packages outdated; none can move now."
    assert (outdated(project) or {})["now"] is None


def test_a_tag_that_the_lock_is_not_of_was_not_moved(project: Project, repository: Repository) -> None:
    move(repository)
    declare(project, repository, 'branch = "main"').succeed("lock")
    declare(project, repository, 'tag = "v1"')

    told = project.succeed("outdated")

    assert "tag v1" in told.out
    assert "was moved" not in told.err
    assert "does not fit the manifest any more" in told.err


def test_a_reference_of_a_source_tree_is_followed(project: Project, repository: Repository) -> None:
    make_tree(project.path("shop"), "shop", dependencies=(f"core @ git+{repository.url}@main",))
    project.write_manifest("shop", rest='[sources]\nshop = { path = "shop" }\n[build]\nallow = ["core"]\n')
    project.succeed("lock")
    after = move(repository)

    found = outdated(project) or {}

    assert (found["kind"], found["revision"], found["now"]) == ("branch", "main", after)
    assert (found["direct"], found["asked_by"]) == (False, ["shop"])


def test_a_lock_that_does_not_say_of_which_kind_a_revision_is_is_understood(
    project: Project, repository: Repository
) -> None:
    declare(project, repository, 'tag = "v1"').succeed("lock")
    lock = project.read("pylock.toml")
    project.write("pylock.toml", lock.replace('revision-kind = "tag"\n', ""))
    move(repository)
    repository.git("tag", "--force", "v1")

    told = project.succeed("outdated")

    assert project.read("pylock.toml") != lock
    assert "was moved" in told.err


def test_each_repository_is_asked_once(project: Project, tmp_path: Path) -> None:
    both = Repository(tmp_path / "served" / "both")
    for name in ("core", "side", "more"):
        make_tree(
            os.path.join(both.folder, name), name, dependencies=("side", "more")[: 2 * (name == "core")]
        )
    both.commit()
    both.git("tag", "v1")
    with GitServer(tmp_path / "served") as server:
        git = f'git = "{server.url}/both/.git"'
        branches = {"core": 'branch = "main"', "side": 'branch = "main"', "more": 'tag = "v1"'}
        sources = "\n".join(
            f'{name} = {{ {git}, {branch}, subdirectory = "{name}" }}' for name, branch in branches.items()
        )
        project.write_manifest(
            "core", rest=f'[sources]\n{sources}\n[build]\nallow = ["core", "side", "more"]\n'
        )
        project.succeed("lock")
        both.commit()
        server.requests.clear()

        document = project.succeed("outdated", "--json").json

    assert [source["name"] for source in document["sources"]] == ["core", "side"]
    # What the server can do, and what its references name.
    assert [path.partition("?")[0] for path, _ in server.requests] == [
        "/both/.git/info/refs",
        "/both/.git/git-upload-pack",
    ]


def test_offline_no_repository_is_asked(project: Project, repository: Repository, server: GitServer) -> None:
    declare(project, repository, 'branch = "main"', url=f"{server.url}/core/.git").succeed("lock")
    project.index.max_age = 600
    project.succeed("outdated")
    move(repository)
    server.requests.clear()

    told = project.succeed("--offline", "outdated")
    document = project.succeed("--offline", "outdated", "--json").json

    assert server.requests == []
    assert told.out == "Nothing is outdated (1 package).\n"
    assert "warning: offline no repository could be asked for newer commits of `core`" in told.err
    assert (document["sources"], document["not_asked"], document["checked"]) == ([], ["core"], 1)


def test_a_repository_that_does_not_answer_is_named(
    project: Project, repository: Repository, server: GitServer
) -> None:
    url = f"{server.url}/core/.git"
    declare(project, repository, 'branch = "main"', url=url).succeed("lock")
    os.rename(repository.folder, f"{repository.folder}-moved")

    told = project.run("outdated")

    assert (told.code, told.codes) == (1, ["git-failed"])
    assert url in told.err


def test_a_repository_that_hangs_is_given_up_in_time(
    project: Project, repository: Repository, server: GitServer
) -> None:
    url = f"{server.url}/core/.git"
    declare(project, repository, 'branch = "main"', url=url).succeed("lock")
    server.hangs = True

    told = project.run("outdated", environ={"ENVCTL_TIMEOUT": "1"})
    server.hangs = False

    assert (told.code, told.codes) == (1, ["timeout"])
    assert f"the repository `{url}` was given up: git took more than 1 s" in told.err


def test_a_machine_without_git_is_told_so(project: Project, repository: Repository, tmp_path: Path) -> None:
    declare(project, repository, 'branch = "main"').succeed("lock")

    told = project.run("outdated", environ={"PATH": os.fspath(tmp_path)})

    assert told.codes == ["git-missing"]


def test_a_revision_of_a_lock_that_git_has_no_name_for_is_not_asked_for(
    project: Project, repository: Repository
) -> None:
    make_tree(project.path("shop"), "shop", dependencies=(f"core @ git+{repository.url}@main",))
    project.write_manifest("shop", rest='[sources]\nshop = { path = "shop" }\n[build]\nallow = ["core"]\n')
    project.succeed("lock")
    lock = project.read("pylock.toml")
    project.write("pylock.toml", lock.replace('"main"', r'"--upload-pack=\u0000"'))

    told = project.succeed("outdated")

    assert "is gone" in told.out
    assert r"\x00" in told.out
