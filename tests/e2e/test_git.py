"""Packages out of repositories of git."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.backends import make_tree
from support.project import Project, changes_of, reasons_of
from support.repositories import (
    ALLOW,
    GitServer,
    Repository,
    declare,
    make_core,
    move,
    needs_git,
    needs_sshd,
    serve_ssh,
)

pytestmark = needs_git


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make_core(tmp_path / "repositories" / "core")


def entry(project: Project, name: str = "core") -> dict[str, Any]:
    """Read a package out of the lock."""
    packages = tomllib.loads(project.read("pylock.toml"))["packages"]
    return next(package for package in packages if package["name"] == name)


def answer(project: Project) -> str:
    return project.python("import core; print(core.ANSWER)").strip()


def direct_url(project: Project) -> dict[str, Any]:
    with open(project.site("core-1.0.dist-info", "direct_url.json"), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def test_a_package_of_a_repository_is_locked_to_its_commit(project: Project, repository: Repository) -> None:
    declare(project, repository, 'branch = "main"').apply()

    commit = repository.git("rev-parse", "HEAD")
    assert project.installed() == {"core": "1.0", "beta": "1.0"}
    assert entry(project)["vcs"] == {
        "type": "git",
        "url": repository.url,
        "requested-revision": "main",
        "commit-id": commit,
    }
    assert direct_url(project) == {
        "url": repository.url,
        "vcs_info": {"vcs": "git", "commit_id": commit, "requested_revision": "main"},
    }
    assert project.is_settled()


def test_a_commit_stays_while_the_manifest_says_the_same(project: Project, repository: Repository) -> None:
    declare(project, repository, 'branch = "main"').apply()
    move(repository)

    declare(
        project, repository, 'branch = "main"', allow=f"{ALLOW}[lock]\nconstraints = ['beta<9']\n"
    ).apply()

    assert answer(project) == "1"


def test_an_upgrade_moves_the_commit(project: Project, repository: Repository) -> None:
    declare(project, repository, 'branch = "main"').apply()
    commit = move(repository)

    report = project.succeed("upgrade", "core", "--json").json

    assert answer(project) == "2"
    assert entry(project)["vcs"]["commit-id"] == commit
    assert changes_of(report["plan"]) == {"package.core": "update"}


def test_another_branch_is_another_commit(project: Project, repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "next")
    move(repository)
    declare(project, repository, 'branch = "main"').apply()

    plan = declare(project, repository, 'branch = "next"').apply()["plan"]

    assert answer(project) == "2"
    assert reasons_of(plan, "package.core")


@pytest.fixture
def ambiguous(repository: Repository) -> Repository:
    """`x` is a branch, and an older commit is tagged so."""
    repository.git("tag", "x")
    repository.git("checkout", "--quiet", "-b", "x")
    move(repository)
    return repository


def test_a_tag_of_the_name_of_a_branch_is_another_commit(project: Project, ambiguous: Repository) -> None:
    declare(project, ambiguous, 'branch = "x"').apply()
    before = answer(project)

    told = declare(project, ambiguous, 'tag = "x"').succeed("plan").out
    project.apply()

    commit = ambiguous.git("rev-parse", "refs/tags/x^{commit}")
    assert f"now from git+{ambiguous.url}@{commit} (tag x)" in told
    assert (before, answer(project)) == ("2", "1")
    assert entry(project)["vcs"]["commit-id"] == commit
    assert entry(project)["tool"]["envctl"]["revision-kind"] == "tag"
    assert project.is_settled()


def test_a_lock_that_does_not_say_of_which_kind_a_revision_is_stays(
    project: Project, ambiguous: Repository
) -> None:
    declare(project, ambiguous, 'branch = "x"').apply()
    lock = project.read("pylock.toml")
    project.write("pylock.toml", lock.replace('revision-kind = "branch"\n', ""))
    older = project.read("pylock.toml")

    assert older != lock
    assert project.is_settled()
    assert project.succeed("lock", "--check").code == 0
    assert project.read("pylock.toml") == older
    declare(project, ambiguous, 'branch = "x"', allow=f"{ALLOW}[lock]\nconstraints = ['beta<9']\n").apply()
    assert entry(project)["tool"]["envctl"]["revision-kind"] == "branch"
    assert answer(project) == "2"


@pytest.mark.parametrize("reference", ['tag = "v1"', 'rev = "v1"', 'rev = "COMMIT"', 'rev = "SHORT"'])
def test_a_tag_and_a_commit_are_found(project: Project, repository: Repository, reference: str) -> None:
    commit = repository.git("rev-parse", "HEAD")
    move(repository)

    declare(project, repository, reference.replace("COMMIT", commit).replace("SHORT", commit[:9])).apply()

    assert entry(project)["vcs"]["commit-id"] == commit
    assert answer(project) == "1"


def test_a_reference_that_is_not_there_is_refused_with_the_one_that_was_meant(
    project: Project, repository: Repository
) -> None:
    result = declare(project, repository, 'branch = "mian"').run("plan")

    assert (result.code, result.codes) == (1, ["no-such-revision"])
    assert "did you mean `main`?" in result.err


def test_a_direct_reference_in_a_list_is_a_source(project: Project, repository: Repository) -> None:
    make_tree(os.path.join(repository.folder, "py"), "core", dependencies=("beta",))
    repository.commit()
    project.write_manifest(f"core @ git+{repository.url}@main#subdirectory=py", rest=ALLOW)

    project.apply()

    assert entry(project)["vcs"]["subdirectory"] == "py"
    assert entry(project)["vcs"]["requested-revision"] == "main"
    assert direct_url(project)["subdirectory"] == "py"
    assert project.is_settled()


def test_a_plan_of_stated_metadata_runs_nothing_of_the_repository(
    project: Project, repository: Repository
) -> None:
    result = declare(project, repository, allow="").run("plan", "--json")

    assert result.code == 0
    assert changes_of(result.json)["package.core"] == "create"
    assert "build-not-allowed" in result.err or "nothing allows that" in result.err
    assert not os.path.exists(os.path.join(repository.folder, "..", "calls.txt"))


def test_a_package_is_not_built_unless_allowed(project: Project, repository: Repository) -> None:
    result = declare(project, repository, allow="").run("apply")

    assert (result.code, result.codes) == (1, ["build-not-allowed"])
    assert '[build] allow = ["core"]' in result.err
    assert not {".venv", ".venv.envctl", "pylock.toml"} & project.snapshot().keys()


def test_metadata_that_only_a_backend_tells_needs_permission_to_plan(
    project: Project, repository: Repository
) -> None:
    path = os.path.join(repository.folder, "pyproject.toml")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    repository.write("pyproject.toml", text.replace('version = "1.0"', 'dynamic = ["version"]'))
    repository.write("version.txt", "3.0\n")
    repository.commit()

    refused = declare(project, repository, allow="").run("plan")
    declare(project, repository).apply()

    assert refused.codes == ["build-not-allowed"]
    assert project.installed()["core"] == "3.0"
    assert project.is_settled()


def test_a_backend_that_asks_git_for_its_version_finds_history_and_tags(
    project: Project, repository: Repository
) -> None:
    path = os.path.join(repository.folder, "backend.py")
    with open(path, encoding="utf-8") as file:
        backend = file.read()
    asking = backend.replace(
        'with open("version.txt") as file:\n        return file.read().strip()',
        'import subprocess\n    command = ["git", "describe", "--tags"]\n'
        "    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout\n"
        '    return said.strip().removeprefix("v").replace("-", ".post", 1).partition("-")[0]',
    )
    assert asking != backend
    repository.write("backend.py", asking)
    repository.write(
        "pyproject.toml",
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "core"\ndynamic = ["version"]\n',
    )
    repository.commit()
    move(repository)

    declare(project, repository).apply()

    assert project.installed()["core"] == "1.post2"


def test_packages_of_one_repository_are_fetched_once(project: Project, tmp_path: Path) -> None:
    both = Repository(tmp_path / "served" / "both")
    make_tree(os.path.join(both.folder, "core"), "core", dependencies=("side",))
    make_tree(os.path.join(both.folder, "side"), "side")
    commit = both.commit()
    with GitServer(tmp_path / "served") as server:
        git = f'git = "{server.url}/both/.git", branch = "main"'
        sources = "\n".join(f'{name} = {{ {git}, subdirectory = "{name}" }}' for name in ("core", "side"))
        allow = '[build]\nallow = ["core", "side"]'
        project.write_manifest("core", rest=f"[sources]\n{sources}\n{allow}")

        project.apply()

        packs = [path for path, _ in server.requests if path.endswith("/git-upload-pack")]
    assert [entry(project, name)["vcs"]["commit-id"] for name in ("core", "side")] == [commit, commit]
    assert project.installed() == {"core": "1.0", "side": "1.0"}
    assert len(packs) <= 2  # which commit, and the commit


def test_what_was_fetched_serves_offline(
    make_project: Callable[..., Project], repository: Repository
) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    with GitServer(os.path.dirname(repository.folder)) as server:
        source = f'[sources]\ncore = {{ git = "{server.url}/core/.git", branch = "main" }}\n'
        project.write_manifest("core", rest=source + ALLOW)
        project.apply()
    os.remove(project.path("pylock.toml"))

    refused = project.run("lock", "--offline")
    project.write_manifest("core", rest=source.replace("branch", "tag").replace("main", "v1") + ALLOW)
    also = project.run("lock", "--offline")

    assert refused.codes == also.codes == ["offline"]


def test_a_kept_commit_asks_nobody(make_project: Callable[..., Project], repository: Repository) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    with GitServer(os.path.dirname(repository.folder)) as server:
        source = f'[sources]\ncore = {{ git = "{server.url}/core/.git", branch = "main" }}\n'
        project.write_manifest("core", rest=source + ALLOW)
        project.apply()
    project.write_manifest("core", rest=f"{source}{ALLOW}[lock]\nconstraints = ['beta<9']\n")

    project.apply("--reinstall", "core")

    assert project.installed() == {"core": "1.0", "beta": "1.0"}


def test_a_submodule_is_part_of_the_tree(project: Project, repository: Repository, tmp_path: Path) -> None:
    module = Repository(tmp_path / "repositories" / "module")
    module.write("within.py", "ANSWER = 7\n")
    module.commit()
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", "../module", "src/part")
    repository.git("config", "--file", ".gitmodules", "submodule.src/part.url", "../module")
    repository.commit()

    declare(project, repository).apply()

    assert project.python("from part import within; print(within.ANSWER)") == "7\n"


@pytest.mark.parametrize("url", ["ext::sh -c date", "--upload-pack=date", "/etc", "ftp://host.example/x"])
def test_a_submodule_that_leads_to_what_no_repository_may_is_refused(
    project: Project, repository: Repository, tmp_path: Path, url: str
) -> None:
    module = Repository(tmp_path / "repositories" / "module")
    module.write("within.py", "ANSWER = 7\n")
    module.commit()
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", "../module", "src/part")
    repository.git("config", "--file", ".gitmodules", "submodule.src/part.url", url)
    repository.commit()

    result = declare(project, repository).run("apply")

    assert (result.code, result.codes) == (1, ["bad-url"])


def test_a_submodule_of_a_served_repository_does_not_lead_to_this_machine(
    project: Project, repository: Repository, tmp_path: Path
) -> None:
    """What lies here would go into the wheel, and into a bundle."""
    module = Repository(tmp_path / "private")
    module.write("within.py", "ANSWER = 7\n")
    module.commit()
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", module.url, "src/part")
    repository.commit()
    with GitServer(os.path.dirname(repository.folder)) as server:
        source = f'[sources]\ncore = {{ git = "{server.url}/core/.git" }}\n'
        project.write_manifest("core", rest=source + ALLOW)

        applied = project.run("apply")
        project.succeed("lock")
        bundled = project.run("bundle", "create", "-o", "shop.bundle")

    assert (applied.code, applied.codes) == (1, ["bad-url"])
    assert (bundled.code, bundled.codes) == (1, ["bad-url"])
    assert f"leads to `{module.url}`" in applied.err


def test_a_link_out_of_the_repository_is_refused(project: Project, repository: Repository) -> None:
    os.symlink("/etc/passwd", os.path.join(repository.folder, "src", "data.py"))
    repository.commit()

    result = declare(project, repository).run("apply")

    assert (result.code, result.codes) == (1, ["bad-checkout"])
    assert "src/data.py" in result.err


def test_a_link_within_the_repository_is_followed(project: Project, repository: Repository) -> None:
    os.symlink("core.py", os.path.join(repository.folder, "src", "also.py"))
    repository.commit()

    declare(project, repository).apply()

    assert project.python("import also; print(also.ANSWER)") == "1\n"


def test_hooks_of_the_machine_do_not_run(project: Project, repository: Repository, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    (hooks / "post-checkout").chmod(0o755)
    configuration = tmp_path / "gitconfig"
    configuration.write_text(f"[core]\n\thooksPath = {hooks}\n[init]\n\ttemplateDir = {hooks}\n")

    declare(project, repository).succeed("apply", environ={"GIT_CONFIG_GLOBAL": os.fspath(configuration)})

    assert not (tmp_path / "ran").exists()


def test_variables_of_a_hook_of_git_lead_nowhere_else(
    project: Project, repository: Repository, tmp_path: Path
) -> None:
    other = Repository(tmp_path / "other")
    other.write("kept.txt", "as it was\n")
    other.commit()
    inside = {
        "GIT_DIR": os.path.join(other.folder, ".git"),
        "GIT_WORK_TREE": other.folder,
        "GIT_INDEX_FILE": os.path.join(other.folder, ".git", "index"),
        "GIT_OBJECT_DIRECTORY": os.path.join(other.folder, ".git", "objects"),
        "GIT_NAMESPACE": "elsewhere",
    }

    declare(project, repository).succeed("apply", environ=inside)

    assert answer(project) == "1"
    assert other.git("status", "--porcelain") == ""


def test_a_machine_without_git_is_told_so(project: Project, repository: Repository, tmp_path: Path) -> None:
    result = declare(project, repository).run("plan", environ={"PATH": os.fspath(tmp_path)})

    assert (result.code, result.codes) == (1, ["git-missing"])


def test_a_plan_says_where_a_package_comes_from(project: Project, repository: Repository) -> None:
    result = declare(project, repository).run("plan")

    commit = repository.git("rev-parse", "HEAD")
    assert result.code == 0
    assert f"git+{repository.url}@{commit[:12]}" in result.out
    assert "asked for by env.toml" in result.out


def test_a_saved_plan_is_applied_exactly(project: Project, repository: Repository) -> None:
    declare(project, repository, 'branch = "main"').succeed("plan", "--out", "plan.json")
    move(repository)

    project.apply("plan.json")

    assert answer(project) == "1"
    assert project.is_settled()


def test_a_lock_of_a_repository_is_for_pip_and_uv_too(
    project: Project, repository: Repository, tmp_path: Path
) -> None:
    declare(project, repository).succeed("lock")
    target = tmp_path / "other"

    project.uv("venv", "--quiet", "--python", sys.executable, os.fspath(target))
    project.uv(
        "pip",
        "sync",
        "--quiet",
        "--python",
        os.fspath(target),
        "--index-url",
        project.index.url,
        "pylock.toml",
    )

    listed = project.uv("pip", "list", "--python", os.fspath(target), "--format", "json").out
    assert {each["name"]: each["version"] for each in json.loads(listed)} == {"core": "1.0", "beta": "1.0"}


def test_a_lock_of_uv_with_a_repository_is_applied(project: Project, repository: Repository) -> None:
    project.write("requirements.in", f"core @ git+{repository.url}@v1\n")
    project.uv(
        "pip", "compile", "--quiet", "--default-index", project.index.url,
        "--format", "pylock.toml", "-o", "pylock.other.toml", "requirements.in",
    )  # fmt: skip
    project.write_manifest(rest=ALLOW)

    project.apply("--from", "pylock.other.toml")

    assert project.installed() == {"core": "1.0", "beta": "1.0"}
    assert direct_url(project)["vcs_info"]["commit_id"] == repository.git("rev-parse", "v1^{commit}")
    assert project.is_settled("--from", "pylock.other.toml")


@pytest.mark.parametrize("commit", ["0" * 40, "1" * 40])
def test_a_commit_that_is_not_there_is_refused(project: Project, repository: Repository, commit: str) -> None:
    result = declare(project, repository, f'rev = "{commit}"').run("plan")

    assert (result.code, result.codes) == (1, ["no-such-revision"])


def test_a_folder_that_is_not_in_the_repository_is_refused(project: Project, repository: Repository) -> None:
    result = declare(project, repository, 'subdirectory = "nowhere"').run("plan")

    assert result.codes == ["no-source"]


@pytest.mark.parametrize(
    "source",
    [
        'git = "ext::sh -c date"',
        'git = "--upload-pack=date"',
        'git = "ssh://-oProxyCommand=date/x"',
        'git = "https://host.example/x\\u2028y"',
        'git = "https://host.example/x", branch = "--upload-pack=date"',
        'git = "https://host.example/x", tag = "a..b"',
        'git = "https://host.example/x", rev = "a\\u3000b"',
        'git = "https://host.example/x", rev = "a\\u202eb"',
        'git = "https://host.example/x", rev = "HEAD@{1}"',
    ],
)
def test_a_dubious_repository_is_refused_before_git_sees_it(project: Project, source: str) -> None:
    project.write_manifest("core", rest=f"[sources]\ncore = {{ {source} }}")

    result = project.run("plan", environ={"PATH": "/nowhere"})

    assert result.code == 65
    assert result.codes[0] in {"bad-url", "bad-source"}


@pytest.mark.parametrize("more", ["@main", "@v1.2#egg=core", "#subdirectory=py"])
def test_what_pip_writes_behind_the_url_of_a_repository_is_refused_with_what_to_write(
    project: Project, more: str
) -> None:
    url = "https://host.example/group/core.git"
    project.write_manifest("core", rest=f'[sources]\ncore = {{ git = "{url}{more}" }}')

    result = project.run("plan")

    assert (result.code, result.codes) == (65, ["bad-url"])
    assert f"did you mean `{url}`?" in result.err
    assert "`rev = …`" in result.err


def test_a_password_for_a_repository_is_found_by_git_and_leaves_no_trace(
    make_project: Callable[..., Project], repository: Repository
) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    with GitServer(os.path.dirname(repository.folder), credentials=("me", "canary-7f3a")) as server:
        source = f'[sources]\ncore = {{ git = "{server.url}/core/.git" }}\n'
        project.write_manifest("core", rest=source + ALLOW)
        refused = project.run("apply")
        netrc = os.path.join(project.cache, "home", ".netrc")
        with open(netrc, "w", encoding="utf-8") as file:
            file.write("machine 127.0.0.1 login me password canary-7f3a\n")
        os.chmod(netrc, 0o600)

        done = project.succeed("apply", "--json", "-v")
        project.succeed("plan", "--out", "plan.json")

    assert (refused.code, refused.codes) == (1, ["git-failed"])
    os.remove(netrc)
    assert "canary" not in done.out + done.err
    assert not [path for folder in (project.folder, project.cache) for path in _grep(folder, b"canary-7f3a")]


def _grep(folder: str, text: bytes) -> list[str]:
    found = []
    for place, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(place, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    found += [path] if text in file.read() else []
    return found


@needs_sshd
def test_a_repository_is_reached_by_ssh(project: Project, repository: Repository, tmp_path: Path) -> None:
    with serve_ssh(tmp_path / "ssh") as (base, variables):
        url = f"{base}{repository.folder}"
        project.write_manifest("core", rest=f'[sources]\ncore = {{ git = "{url}", tag = "v1" }}\n{ALLOW}')

        project.succeed("apply", environ=variables)

    assert entry(project)["vcs"]["url"] == url
    assert answer(project) == "1"


def test_a_policy_against_builds_is_against_repositories(project: Project, repository: Repository) -> None:
    rest = f'{ALLOW}[policy]\nsdists = "enforce"\n'

    result = declare(project, repository, allow=rest).run("plan")

    assert result.code == 3
    assert "core is built from git+" in result.out + result.err


def test_a_damaged_commit_in_the_cache_is_fetched_again(
    make_project: Callable[..., Project], repository: Repository
) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    declare(project, repository, 'branch = "main"').succeed("lock")
    store = os.path.join(project.cache, "envctl", "repositories-v1")
    objects = [
        os.path.join(place, name)
        for place, _, files in os.walk(store)
        for name in files
        if "objects" in place.split(os.sep)
    ]
    assert objects
    for path in objects:
        with open(path, "r+b") as file:
            file.seek(10)
            file.write(b"\0\0\0\0")

    project.apply()

    assert answer(project) == "1"


def test_an_interrupted_fetch_ends_at_once_and_leaves_nothing(
    project: Project, repository: Repository
) -> None:
    with GitServer(os.path.dirname(repository.folder)) as server:
        server.hangs = True
        source = f'[sources]\ncore = {{ git = "{server.url}/core/.git" }}\n'
        project.write_manifest("core", rest=source + ALLOW)

        result = project.interrupt("apply", when=lambda: bool(server.requests))

        server.hangs = False
    assert result.code == 130
    assert not {".venv", ".venv.envctl", "pylock.toml"} & project.snapshot().keys()
    assert server.url not in _command_lines()


def _command_lines() -> str:
    """Read the arguments of all processes, where the system tells them."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                found.append(file.read().decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(found)


def test_commits_show_in_the_difference_of_locks(project: Project, repository: Repository) -> None:
    declare(project, repository, 'branch = "main"').apply()
    project.write("before.toml", project.read("pylock.toml"))
    commit = move(repository)
    project.succeed("lock", "--upgrade-package", "core")

    shown = project.succeed("diff", "before.toml", "pylock.toml").out

    assert commit[:12] in shown
