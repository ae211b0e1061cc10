"""Build requirements that `[sources]` names come from there, as everything else of that name does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.backends import BACKEND, allow, calls, make_tree, publish_sdist
from support.project import Project
from support.repositories import Repository, needs_git
from support.wheels import make_sdist

#: Makes a module whose answer is the number of the build tool; the tree stays as it is.
_STAMP = """
import tool
_plain = _write
def _write(folder, members):
    return _plain(folder, {**members, "delta.py": f"ANSWER = {tool.NUMBER}\\n"})
"""


def answer(project: Project) -> int:
    """Tell which tool `delta` was built by."""
    return int(project.python("import delta; print(delta.ANSWER)"))


def lay_again(project: Project, *arguments: str) -> int:
    """Delete the environment, and apply."""
    project.succeed("destroy", "--yes")
    project.succeed("apply", *arguments)
    return answer(project)


def asked(project: Project) -> set[str]:
    """Name the projects whose pages the index was asked for."""
    return {path.split("/")[2] for _, path, _ in project.index.requests if path.startswith("/simple/")}


@pytest.fixture
def monorepo(fresh: Project) -> Project:
    """`delta`, a folder, is built by `tool`, another one; an index has a `tool`, too."""
    fresh.publish("tool", "9.0", files={"tool.py": "NUMBER = 9\n"})
    make_tree(fresh.path("tool"), "tool", code="NUMBER = 1\n")
    make_tree(fresh.path("delta"), "delta")
    text = fresh.read("delta/pyproject.toml")
    fresh.write("delta/pyproject.toml", text.replace("requires = []", 'requires = ["tool"]'))
    fresh.write("delta/backend.py", BACKEND + _STAMP)
    fresh.write_manifest("delta", rest='[sources]\ndelta = { path = "delta" }\ntool = { path = "tool" }\n')
    return fresh


def test_a_folder_of_the_repository_builds_another_one(monorepo: Project) -> None:
    monorepo.apply()

    assert answer(monorepo) == 1
    assert monorepo.installed() == {"delta": "1.0"}
    assert asked(monorepo) == set()
    assert monorepo.is_settled()


def test_it_builds_what_comes_from_an_index_too(monorepo: Project) -> None:
    publish_sdist(monorepo, "epsilon", requires='"tool"', more=_STAMP.replace("delta", "epsilon"))
    allow(monorepo, "epsilon", rest='[sources]\ntool = { path = "tool" }')

    monorepo.apply()

    assert monorepo.python("import epsilon; print(epsilon.ANSWER)") == "1\n"
    assert asked(monorepo) == {"epsilon"}


@pytest.mark.parametrize("editable", ["false", "true"])
def test_an_edit_of_its_code_builds_anew_the_next_time_that_something_is_laid(
    monorepo: Project, editable: str
) -> None:
    text = monorepo.read("env.toml")
    source = f'tool = {{ path = "tool", editable = {editable} }}'
    monorepo.write("env.toml", text.replace('tool = { path = "tool" }', source))
    monorepo.apply()
    again = lay_again(monorepo)
    before = calls(monorepo)
    monorepo.write("tool/src/tool.py", "NUMBER = 20\n")

    assert monorepo.is_settled()
    assert (again, lay_again(monorepo)) == (1, 20)
    assert before == ["tool wheel", "delta wheel"]


def test_another_source_of_it_builds_anew(monorepo: Project) -> None:
    manifest = monorepo.read("env.toml")
    monorepo.write("env.toml", manifest.replace('tool = { path = "tool" }\n', ""))
    monorepo.apply()
    from_index = answer(monorepo)
    monorepo.write("env.toml", manifest)

    assert (from_index, lay_again(monorepo)) == (9, 1)
    assert lay_again(monorepo, "--offline") == 1


def test_projects_that_have_a_tool_from_different_places_do_not_take_turns(
    monorepo: Project, make_project: Callable[..., Project]
) -> None:
    other = make_project()
    other = Project(folder=other.folder, cache=monorepo.cache, index=monorepo.index)
    publish_sdist(monorepo, requires='"tool"', more=_STAMP)
    allow(monorepo, "delta", rest='[sources]\ntool = { path = "tool" }')
    allow(other, "delta")
    for project in (monorepo, other):
        project.apply()
    before = calls(monorepo)

    found = [lay_again(project, "--offline") for project in (monorepo, other, monorepo)]

    assert found == [1, 9, 1]
    assert calls(monorepo) == before


def test_a_wheel_of_this_machine_builds(monorepo: Project) -> None:
    path = monorepo.publish("tool", "3.0", files={"tool.py": "NUMBER = 3\n"})
    shutil.move(path, monorepo.folder)
    name = os.path.basename(path)
    monorepo.write_manifest(
        "delta", rest=f'[sources]\ndelta = {{ path = "delta" }}\ntool = {{ path = "{name}" }}\n'
    )

    monorepo.apply()

    assert answer(monorepo) == 3


def test_a_wheel_at_a_url_builds(monorepo: Project) -> None:
    path = monorepo.publish("tool", "3.0", files={"tool.py": "NUMBER = 3\n"})
    url = f"{monorepo.index.origin}/files/{os.path.basename(path)}"
    monorepo.write_manifest(
        "delta", rest=f'[sources]\ndelta = {{ path = "delta" }}\ntool = {{ url = "{url}" }}\n'
    )

    monorepo.apply()

    assert answer(monorepo) == 3
    assert lay_again(monorepo, "--offline") == 3


@pytest.fixture
def repository(monorepo: Project, tmp_path: Path) -> Repository:
    """The tool as a repository, which `[sources]` names instead of the folder."""
    found = Repository(tmp_path / "repository")
    commit(found, monorepo, 5)
    sources = f'[sources]\ndelta = {{ path = "delta" }}\ntool = {{ git = "{found.url}" }}\n'
    monorepo.write_manifest("delta", rest=f'[build]\nallow = ["tool"]\n{sources}')
    return found


def commit(repository: Repository, project: Project, number: int) -> None:
    """Commit a tool of this number."""
    make_tree(repository.folder, "tool", code=f"NUMBER = {number}\n")
    repository.write("backend.py", BACKEND.replace("../calls.txt", project.path("calls.txt")))
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "-m", str(number))


@needs_git
def test_a_repository_builds_where_that_is_allowed(monorepo: Project, repository: Repository) -> None:
    text = monorepo.read("env.toml")
    monorepo.write("env.toml", text.replace('allow = ["tool"]', "allow = []"))
    refused = monorepo.run("apply")
    monorepo.write("env.toml", text)

    monorepo.apply()

    assert refused.codes == ["build-not-allowed"]
    assert answer(monorepo) == 5
    assert repository.folder not in monorepo.read("pylock.toml")


@needs_git
def test_a_commit_alone_moves_nothing_and_reinstall_does(monorepo: Project, repository: Repository) -> None:
    monorepo.apply()
    commit(repository, monorepo, 6)
    before = lay_again(monorepo, "--offline")

    monorepo.apply("--reinstall", "delta")

    assert (before, answer(monorepo)) == (5, 6)


@needs_git
def test_the_commit_that_the_lock_has_is_the_one_that_builds(
    monorepo: Project, repository: Repository
) -> None:
    text = monorepo.read("env.toml")
    monorepo.write("env.toml", text.replace('["delta"]', '["delta", "tool"]'))
    monorepo.succeed("lock")
    commit(repository, monorepo, 6)
    monorepo.apply("--locked")
    locked = answer(monorepo)
    commit(repository, monorepo, 7)

    monorepo.succeed("upgrade", "tool")
    monorepo.apply("--reinstall", "delta")

    assert (locked, answer(monorepo)) == (5, 7)


@needs_git
def test_a_repository_is_not_asked_for_what_no_build_requires(
    monorepo: Project, repository: Repository
) -> None:
    publish_sdist(monorepo, "epsilon")
    text = monorepo.read("env.toml")
    monorepo.write(
        "env.toml", text.replace('["delta"]', '["epsilon"]').replace('["tool"]', '["tool", "epsilon"]')
    )
    monorepo.succeed("lock")
    os.rename(repository.folder, f"{repository.folder}-gone")

    monorepo.apply("--locked")

    assert monorepo.installed() == {"epsilon": "1.0"}


# Circles.


@pytest.mark.parametrize("kind", ["stated", "dynamic"])
def test_folders_that_are_needed_to_build_each_other_are_refused(monorepo: Project, kind: str) -> None:
    for name, other in (("tool", "delta"), ("delta", "tool")):
        text = monorepo.read(f"{name}/pyproject.toml").replace("requires = []", f'requires = ["{other}"]')
        if kind == "dynamic":
            text = text.replace('version = "1.0"', 'dynamic = ["version"]')
            monorepo.write(f"{name}/version.txt", "1.0\n")
        monorepo.write(f"{name}/pyproject.toml", text)

    result = monorepo.run("apply")

    assert (result.code, result.codes) == (1, ["build-cycle"])
    assert "delta > tool > delta" in result.err
    assert calls(monorepo) == []


def test_a_folder_that_is_needed_to_build_itself_is_refused(monorepo: Project) -> None:
    text = monorepo.read("tool/pyproject.toml")
    monorepo.write("tool/pyproject.toml", text.replace("requires = []", 'requires = ["tool"]'))

    assert monorepo.run("apply").codes == ["build-cycle"]


# Without a network.


def test_a_bundle_holds_what_the_build_of_a_folder_that_builds_requires(monorepo: Project) -> None:
    monorepo.publish("seed", "1.0", files={"seed.py": ""})
    text = monorepo.read("tool/pyproject.toml")
    monorepo.write("tool/pyproject.toml", text.replace("requires = []", 'requires = ["seed"]'))
    monorepo.write("tool/backend.py", f"import seed\n{BACKEND}")
    monorepo.succeed("lock")
    monorepo.succeed("bundle", "create", "--output", "all.bundle")
    other = Project(folder=monorepo.folder, cache=f"{monorepo.cache}-other", index=monorepo.index)
    os.makedirs(os.path.join(other.cache, "home"))
    monorepo.index.requests.clear()

    other.apply("--bundle", "all.bundle")

    assert answer(other) == 1
    assert asked(other) == set()


def test_a_bundle_holds_a_tool_at_a_url(monorepo: Project) -> None:
    path = monorepo.publish("tool", "3.0", files={"tool.py": "NUMBER = 3\n"})
    url = f"{monorepo.index.origin}/files/{os.path.basename(path)}"
    monorepo.write_manifest(
        "delta", rest=f'[sources]\ndelta = {{ path = "delta" }}\ntool = {{ url = "{url}" }}\n'
    )
    monorepo.succeed("lock")
    monorepo.succeed("bundle", "create", "--output", "all.bundle")
    other = Project(folder=monorepo.folder, cache=f"{monorepo.cache}-other", index=monorepo.index)
    os.makedirs(os.path.join(other.cache, "home"))

    other.apply("--bundle", "all.bundle")

    assert answer(other) == 3
    assert lay_again(other, "--offline") == 3


_ASKS = "\n\ndef get_requires_for_build_wheel(config_settings=None):\n    return [{!r}]\n"


@pytest.mark.parametrize("how", ["stated", "asked"])
@pytest.mark.parametrize("kind", ["folder", "sdist"])
@pytest.mark.parametrize("scheme", ["https", "git+https", "file"])
def test_a_build_requirement_with_a_url_is_refused_with_what_to_write(
    monorepo: Project, how: str, kind: str, scheme: str
) -> None:
    host = "" if scheme == "file" else "me:s3cret@host.example"
    required = f"tool @ {scheme}://{host}/tool-7.0-py3-none-any.whl"
    text = monorepo.read("delta/pyproject.toml")
    monorepo.write("delta/pyproject.toml", text.replace('"tool"', f'"{required}"' if how == "stated" else ""))
    if how == "asked":
        late = _STAMP.replace("import tool\n", "").replace("    return", "    import tool\n    return")
        monorepo.write("delta/backend.py", BACKEND + late + _ASKS.format(required))
    tool = 'tool = { path = "tool" }\n'
    if kind == "folder":
        rest = '[sources]\ndelta = { path = "delta" }\n'
    else:
        names = ("pyproject.toml", "backend.py", "src/delta.py")
        files = {name: monorepo.read("delta", name) for name in names}
        make_sdist(monorepo.index.folder, "delta", "1.0", files=files, pyproject=files.pop("pyproject.toml"))
        rest = '[build]\nallow = ["delta"]\n[sources]\n'
    monorepo.write_manifest("delta", rest=rest)

    result = monorepo.run("apply")

    assert (result.code, result.codes) == (1, ["direct-url-refused"])
    assert "say under `[sources]` where `tool` comes from" in result.err
    assert "s3cret" not in result.err
    monorepo.write_manifest("delta", rest=rest + tool)
    monorepo.apply()
    assert answer(monorepo) == 1


def test_a_build_requirement_with_a_url_that_is_not_for_this_machine_is_nothing(monorepo: Project) -> None:
    text = monorepo.read("delta/pyproject.toml")
    required = "other @ https://host.example/other-1.0-py3-none-any.whl ; sys_platform == 'none'"
    monorepo.write("delta/pyproject.toml", text.replace('"tool"', f'"tool", "{required}"'))

    monorepo.apply()

    assert answer(monorepo) == 1
