"""What was built is kept by all that made it, the tools as they were resolved among it."""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.backends import BACKEND, allow, calls, publish_sdist
from support.project import Project, changes_of, find_command
from support.repositories import Repository, needs_git

#: Makes a module whose answer is the number of the build tool.
_STAMP = (
    "import tool\nwith open('src/{name}.py', 'w') as file:\n    file.write(f'ANSWER = {{tool.NUMBER}}\\n')\n"
)


def release(project: Project, version: str, number: int) -> None:
    """Put a version of the build tool on the index."""
    project.publish("tool", version, files={"tool.py": f"NUMBER = {number}\n"})


def answer(project: Project, name: str = "delta") -> int:
    """Tell which tool what is installed was built by."""
    return int(project.python(f"import {name}; print({name}.ANSWER)"))


def lay_again(project: Project, *arguments: str) -> int:
    """Delete the environment, and apply."""
    project.succeed("destroy", "--yes")
    project.succeed("apply", *arguments)
    return answer(project)


def kept(project: Project, bucket: str) -> list[str]:
    """List what is kept in a bucket of the cache, newest last."""
    found = glob.glob(os.path.join(project.cache, "envctl", bucket, "*", "*"))
    return sorted((path for path in found if not path.endswith(".lock")), key=os.path.getmtime)


def tools_of(entry: str) -> set[str]:
    """Read what an entry remembers of its tools: names and versions."""
    about = json.loads(Path(entry, "manifest").read_text(encoding="utf-8").splitlines()[1])
    return {f"{name} {text.split()[0]}" for name, text in about["built_with"].items()}


@pytest.fixture
def built(fresh: Project) -> Project:
    """`delta` is applied, built by `tool` 1.0."""
    release(fresh, "1.0", 1)
    publish_sdist(fresh, requires='"tool"', more=_STAMP.format(name="delta"))
    allow(fresh, "delta")
    fresh.apply()
    return fresh


# When it is built anew.


def test_a_release_of_a_build_tool_alone_builds_nothing(built: Project) -> None:
    release(built, "2.0", 2)
    built.index.requests.clear()

    assert lay_again(built) == 1
    assert calls(built) == ["delta wheel"]
    assert built.index.requests == []


def test_reinstall_builds_with_the_tools_of_today(built: Project) -> None:
    release(built, "2.0", 2)

    report = built.apply("--reinstall", "delta")

    assert changes_of(report["plan"]) == {"package.delta": "replace"}
    assert answer(built) == 2
    assert lay_again(built, "--offline") == 2
    assert calls(built) == ["delta wheel", "delta wheel"]


def test_reinstall_with_the_same_tools_builds_nothing_and_keeps_the_log(built: Project) -> None:
    (log,) = glob.glob(os.path.join(built.cache, "envctl", "build-logs-v1", "*.log"))
    text = Path(log).read_text(encoding="utf-8")

    told = built.succeed("apply", "--reinstall", "delta").err

    assert calls(built) == ["delta wheel"]
    assert "Found delta as the same tools have built it\n" in told
    assert "build_wheel\n" in text
    assert Path(log).read_text(encoding="utf-8") == text


def test_a_reinstall_that_fails_leaves_what_was_built(built: Project) -> None:
    built.publish("tool", "2.0", files={"tool.py": "raise OSError('broken')\n"})

    assert built.run("apply", "--reinstall", "delta").codes == ["build-failed"]

    assert lay_again(built, "--offline") == 1


def test_reinstall_without_a_network_lays_what_was_built(built: Project) -> None:
    shutil.rmtree(os.path.join(built.cache, "envctl", "pages-v1"), ignore_errors=True)
    release(built, "2.0", 2)

    built.apply("--offline", "--reinstall", "delta")

    assert answer(built) == 1


def test_a_saved_plan_that_reinstalls_builds_with_the_tools_of_today(built: Project) -> None:
    built.succeed("plan", "--reinstall", "delta", "--out", "plan.json")
    release(built, "2.0", 2)

    built.succeed("apply", "plan.json")

    assert answer(built) == 2


def test_a_plan_to_reinstall_moves_nothing_yet(built: Project) -> None:
    release(built, "2.0", 2)

    built.plan("--reinstall", "delta")

    assert lay_again(built) == 1


def test_what_upgrade_moves_is_built_with_the_tools_of_today(fresh: Project) -> None:
    release(fresh, "1.0", 1)
    for version in ("1.0", "2.0"):
        publish_sdist(fresh, version=version, requires='"tool"', more=_STAMP.format(name="delta"))
    allow(fresh, "delta")
    fresh.apply()
    allow(fresh, "delta", rest='[lock]\nconstraints = ["delta<2"]')
    fresh.apply()
    allow(fresh, "delta")
    release(fresh, "2.0", 2)

    fresh.succeed("upgrade", "delta")

    assert fresh.installed() == {"delta": "2.0"}
    assert answer(fresh) == 2


def test_what_upgrade_does_not_move_stays_as_it_was_built(built: Project) -> None:
    built.publish("alpha", "1.0")
    built.write_manifest("alpha", "delta", rest='[build]\nallow = ["delta"]')
    built.apply()
    built.publish("alpha", "2.0")
    release(built, "2.0", 2)

    built.succeed("upgrade")

    assert built.installed() == {"alpha": "2.0", "delta": "1.0"}
    assert answer(built) == 1


def test_the_tools_of_a_tool_are_chosen_anew_too(fresh: Project) -> None:
    fresh.publish("seed", "1.0", files={"seed.py": "NUMBER = 1\n"})
    stamp = (
        "import seed\nwith open('src/tool.py', 'w') as file:\n    file.write(f'NUMBER = {seed.NUMBER}\\n')\n"
    )
    publish_sdist(fresh, "tool", requires='"seed"', more=stamp)
    publish_sdist(fresh, requires='"tool"', more=_STAMP.format(name="delta"))
    fresh.write_manifest("delta", rest='[build]\nallow = ["delta", "tool"]')
    fresh.apply()
    fresh.publish("seed", "2.0", files={"seed.py": "NUMBER = 2\n"})
    before = lay_again(fresh)

    fresh.apply("--reinstall", "delta")

    assert (before, answer(fresh)) == (1, 2)
    assert calls(fresh) == ["tool wheel", "delta wheel"] * 2


# What is told apart, and what is not.


def test_two_constraints_give_two_wheels_and_each_comes_back_without_a_build(built: Project) -> None:
    release(built, "2.0", 2)
    allow(built, "delta", rest='constraints = ["tool>=2"]')
    assert lay_again(built) == 2

    assert lay_again(built, "--offline") == 2
    allow(built, "delta")
    assert lay_again(built, "--offline") == 1
    assert calls(built) == ["delta wheel", "delta wheel"]
    assert [tools_of(entry) for entry in kept(built, "built-v2")] == [{"tool 1.0"}, {"tool 2.0"}]


def test_a_tool_of_the_same_version_and_other_bytes_gives_another_wheel(built: Project) -> None:
    release(built, "1.0", 7)

    built.apply("--reinstall", "delta")

    assert answer(built) == 7
    assert len(kept(built, "built-v2")) == 2


def test_tools_that_were_used_before_lead_to_what_they_made(built: Project) -> None:
    release(built, "2.0", 2)
    built.apply("--reinstall", "delta")
    for name in os.listdir(built.index.folder):
        if name.startswith("tool-2.0"):
            os.unlink(os.path.join(built.index.folder, name))

    built.apply("--reinstall", "delta")

    assert answer(built) == 1
    assert calls(built) == ["delta wheel", "delta wheel"]


def test_what_leads_to_the_same_tools_builds_nothing(built: Project) -> None:
    more = 'constraints = ["tool<9"]\n[[index]]\nname = "other"\nurl = "http://127.0.0.1:9/"\npackages = ["other-*"]'
    allow(built, "delta", rest=more)

    assert lay_again(built) == 1
    assert calls(built) == ["delta wheel"]


def test_an_environment_stays_with_what_it_was_laid_from_whatever_others_build(
    built: Project, make_project: Callable[..., Project]
) -> None:
    other = make_project()
    other = Project(folder=other.folder, cache=built.cache, index=built.index)
    allow(other, "delta")
    other.apply()
    release(built, "2.0", 2)
    other.apply("--reinstall", "delta")
    built.publish("alpha", "1.0")
    built.write_manifest("alpha", "delta", rest='[build]\nallow = ["delta"]')

    plan = built.apply()["plan"]

    assert changes_of(plan) == {"package.alpha": "create"}
    assert (answer(built), answer(other)) == (1, 2)
    assert lay_again(built) == 2


def test_a_package_that_was_damaged_is_mended_with_what_it_was_laid_from(
    built: Project, make_project: Callable[..., Project]
) -> None:
    other = make_project()
    other = Project(folder=other.folder, cache=built.cache, index=built.index)
    allow(other, "delta")
    release(built, "2.0", 2)
    other.apply()
    other.apply("--reinstall", "delta")
    os.unlink(built.site("delta.py"))

    built.apply()

    assert answer(built) == 1


# What may happen to the record.


@pytest.mark.parametrize("damage", ["torn", "empty", "edited", "gone"])
def test_without_a_record_that_is_whole_the_tools_are_chosen_anew(built: Project, damage: str) -> None:
    (record,) = kept(built, "built-with-v1")
    data = Path(record).read_bytes()
    match damage:
        case "torn":
            Path(record).write_bytes(data[:-9])
        case "empty":
            Path(record).write_bytes(b"")
        case "edited":
            Path(record).write_bytes(data.replace(b"1.0", b"2.0"))
        case _:
            os.unlink(record)

    assert lay_again(built) == 1
    assert calls(built) == ["delta wheel"]
    assert lay_again(built, "--offline") == 1


def test_a_record_whose_wheel_is_gone_leads_to_a_build(built: Project) -> None:
    shutil.rmtree(os.path.join(built.cache, "envctl", "built-v2"))
    release(built, "2.0", 2)

    assert lay_again(built) == 2


def test_prune_keeps_a_record_as_long_as_what_it_leads_to(built: Project) -> None:
    built.succeed("cache", "prune", "--verify")
    still = kept(built, "built-with-v1")
    shutil.rmtree(os.path.join(built.cache, "envctl", "built-v2"))

    built.succeed("cache", "prune")

    assert (len(still), kept(built, "built-with-v1")) == (1, [])


def test_prune_to_a_size_takes_both_or_neither(built: Project) -> None:
    built.succeed("destroy", "--yes")

    built.succeed("cache", "prune", "--max-size", "0")

    assert (kept(built, "built-v2"), kept(built, "built-with-v1")) == ([], [])


def test_two_runs_that_build_at_once_both_end_well(make_project: Callable[..., Project]) -> None:
    first, second = make_project(fresh_cache=True), make_project()
    second = Project(folder=second.folder, cache=first.cache, index=first.index)
    release(first, "1.0", 1)
    publish_sdist(first, requires='"tool"', more=_STAMP.format(name="delta") + "import time\ntime.sleep(1)\n")
    for project in (first, second):
        allow(project, "delta")

    running = [
        subprocess.Popen(
            [*find_command(), "apply"],
            cwd=project.folder,
            env=project.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for project in (first, second)
    ]
    for process in running:
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told

    assert [answer(first), answer(second)] == [1, 1]
    assert len(kept(first, "built-v2")) == 1
    assert [lay_again(first, "--offline"), lay_again(second, "--offline")] == [1, 1]


# All that is built.


def write_tree(write: Callable[[str, str], object], calls_in: str, name: str = "delta") -> None:
    """Write a source tree that is built by the tool."""
    write(
        "pyproject.toml",
        '[build-system]\nrequires = ["tool"]\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\n',
    )
    backend = BACKEND.replace("../calls.txt", calls_in).replace("import base64", "import tool, base64", 1)
    write("backend.py", backend)
    write(f"src/{name}.py", "ANSWER = 1\n")


def make_source(project: Project, kind: str, place: Path) -> str:
    """Make a source of `delta` of some kind, which is built by the tool, and say it as the manifest does."""
    log = project.path("calls.txt")
    if kind in {"directory", "editable"}:
        write_tree(lambda path, text: project.write(f"delta/{path}", text), log)
        return f'{{ path = "delta", editable = {str(kind == "editable").lower()} }}'
    if kind == "git":
        repository = Repository(place)
        write_tree(repository.write, log)
        repository.git("add", "--all")
        repository.git("commit", "--quiet", "-m", "begin")
        return f'{{ git = "{repository.url}" }}'
    path = publish_sdist(project, requires='"tool"', more="import tool\n")
    name = os.path.basename(path)
    if kind == "url":
        return f'{{ url = "{project.index.origin}/files/{name}" }}'
    shutil.copy(path, project.folder)
    return f'{{ path = "{name}" }}'


@pytest.mark.parametrize(
    "kind", ["directory", "editable", "url", "file", pytest.param("git", marks=needs_git)]
)
def test_whatever_is_built_comes_back_without_network_and_build(
    fresh: Project, kind: str, tmp_path: Path
) -> None:
    release(fresh, "1.0", 1)
    source = make_source(fresh, kind, tmp_path)
    allow(fresh, "delta", rest=f"[sources]\ndelta = {source}")
    fresh.apply()
    before = calls(fresh)
    release(fresh, "2.0", 2)
    fresh.index.requests.clear()

    lay_again(fresh)

    assert len(before) == 1
    assert calls(fresh) == before
    assert fresh.index.requests == []
    assert tools_of(kept(fresh, "built-v2")[-1]) == {"tool 1.0"}


def test_metadata_that_only_a_build_tells_comes_back_without_network_and_build(fresh: Project) -> None:
    release(fresh, "1.0", 1)
    publish_sdist(fresh, requires='"tool"', more="import tool\n", dynamic=True)
    allow(fresh, "delta")
    fresh.succeed("lock")
    release(fresh, "2.0", 2)
    os.unlink(fresh.path("pylock.toml"))

    fresh.succeed("lock", "--offline")

    assert calls(fresh) == ["delta wheel"]
