"""Groups and extras that cannot be installed together, in one lock that pip and uv read as envctl does."""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence

import pytest

from support.project import INTERPRETER, PYTHON, Project, installed_in

OTHER_PYTHON = "3.12" if PYTHON != "3.12" else "3.13"
HERE = f"{'macos' if sys.platform == 'darwin' else sys.platform}-{os.uname().machine}"
UV_PLATFORMS = {HERE: sys.platform, "windows-x86_64": "windows"}

LISTS = """
[dependency-groups]
cpu = ["torch<2"]
gpu = ["torch>=2", "cuda; sys_platform != 'win32'"]
train = [{include-group = "gpu"}, "tqdm"]
dev = ["lint"]
[optional-dependencies]
old-api = ["api[legacy]<2"]
new-api = ["api>=2"]
more = ["tqdm"]
[lock]
conflicts = [[{group = "cpu"}, {group = "gpu"}], [{extra = "old-api"}, {extra = "new-api"}]]
"""

#: What each selection of lists holds beside what all of them do.
EVERYWHERE = {"web": "1.0", "shared": "1.0"}
CPU, GPU, TRAIN, DEV = "group cpu", "group gpu", "group train", "group dev"
OLD, NEW, MORE = "extra old-api", "extra new-api", "extra more"
EXPECTED: Mapping[tuple[str, ...], Mapping[str, str]] = {
    (CPU,): {"torch": "1.0"},
    (GPU,): {"torch": "2.0", "cuda": "1.0"},
    (TRAIN,): {"torch": "2.0", "cuda": "1.0", "tqdm": "1.0"},
    (TRAIN, GPU): {"torch": "2.0", "cuda": "1.0", "tqdm": "1.0"},
    (DEV,): {"torch": "1.0", "lint": "1.0"},
    (DEV, GPU): {"torch": "2.0", "cuda": "1.0", "lint": "1.0"},
    (CPU, OLD): {"torch": "1.0", "api": "1.0", "tqdm": "1.0"},
    (GPU, OLD): {"torch": "2.0", "cuda": "1.0", "api": "1.0", "tqdm": "1.0"},
    (GPU, NEW): {"torch": "2.0", "cuda": "1.0", "api": "2.0"},
    (DEV, NEW, MORE): {"torch": "1.0", "lint": "1.0", "api": "2.0", "tqdm": "1.0"},
}


def publish(project: Project) -> None:
    project.publish("web", "1.0", requires=["torch", "shared"])
    for version in ("1.0", "2.0"):
        project.publish("torch", version, requires=["shared"])
    project.publish("api", "1.0", extras={"legacy": ["tqdm"]})
    project.publish("api", "2.0")
    for name in ("shared", "cuda", "tqdm", "lint"):
        project.publish(name, "1.0")


@pytest.fixture
def project(bare: Project) -> Project:
    """A project whose default environment holds `cpu` and `dev`, with an environment for `gpu` beside it."""
    publish(bare)
    write(bare)
    return bare


def write(project: Project, lists: str = LISTS) -> None:
    rest = lists + (
        f'targets = ["{HERE}", "windows-x86_64"]\npython = ["{OTHER_PYTHON}", "{PYTHON}"]\n'
        '[env.default]\ngroups = ["cpu", "dev"]\n'
        '[env.train]\ngroups = ["train"]\nextras = ["old-api"]\n'
    )
    project.write_manifest("web", rest=rest)


def test_each_environment_gets_what_was_resolved_for_its_lists(project: Project) -> None:
    project.apply()
    project.apply("-e", "train")

    assert project.installed() == {**EVERYWHERE, "torch": "1.0", "lint": "1.0"}
    assert project.installed(".venv-train") == {
        **EVERYWHERE, "torch": "2.0", "cuda": "1.0", "tqdm": "1.0", "api": "1.0",
    }  # fmt: skip
    assert project.is_settled("-e", "train")


def test_only_what_differs_has_a_marker_for_it(project: Project) -> None:
    project.succeed("lock")

    packages = tomllib.loads(project.read("pylock.toml"))["packages"]
    markers = {(each["name"], each["version"]): each.get("marker") for each in packages}
    assert markers["web", "1.0"] is None
    assert markers["shared", "1.0"] is None
    assert markers["torch", "1.0"] == ('"gpu" not in dependency_groups and "train" not in dependency_groups')
    assert markers["torch", "2.0"] == '"gpu" in dependency_groups or "train" in dependency_groups'
    assert markers["api", "2.0"] == '"new-api" in extras'


def test_making_it_again_changes_no_byte_and_another_conflict_makes_it_stale(project: Project) -> None:
    project.succeed("lock")
    before = project.read("pylock.toml")

    project.succeed("lock", "--upgrade")

    assert project.read("pylock.toml") == before
    assert project.run("lock", "--check").code == 0
    write(project, LISTS.replace('[{extra = "old-api"}', '[{extra = "more"}, {extra = "old-api"}'))
    assert project.run("lock", "--check").codes == ["lock-stale"]
    write(project, LISTS.replace('[{group = "cpu"}, {group = "gpu"}]', '[{group = "gpu"}, {group = "cpu"}]'))
    assert project.run("lock", "--check").code == 0


def test_without_the_conflict_there_is_no_solution_and_the_hint_is_to_declare_it(project: Project) -> None:
    write(project, LISTS.replace('[{group = "cpu"}, {group = "gpu"}],', ""))

    result = project.run("lock")

    assert result.codes == ["no-solution"]
    assert 'hint: Where no environment needs both: `[lock] conflicts = [[{group = "cpu"}, ' in result.err


@pytest.mark.parametrize(
    ("environment", "lists"),
    [
        ('groups = ["train", "cpu"]', LISTS),
        ("", LISTS.replace('"tqdm"]\ndev', '{include-group = "cpu"}]\ndev')),
    ],
    ids=["an environment", "a list"],
)
def test_what_combines_members_is_refused_before_anything_is_resolved(
    project: Project, environment: str, lists: str
) -> None:
    write(project, lists)
    project.write("env.toml", project.read("env.toml") + f"[env.both]\n{environment}\n")

    result = project.run("lock")

    assert (result.code, set(result.codes)) == (65, {"conflicting-lists"})


# Other tools -------------------------------------------------------------------------------------


def options(held: Sequence[str]) -> list[str]:
    return [f"--{kind}={name}" for kind, name in (each.split() for each in held)]


@pytest.mark.parametrize("platform", UV_PLATFORMS)
@pytest.mark.parametrize("python", [PYTHON, OTHER_PYTHON])
def test_uv_selects_for_every_combination_target_and_python_what_was_resolved_for_it(
    project: Project, platform: str, python: str
) -> None:
    project.succeed("lock")
    wanted = [held for held in EXPECTED if any(each.startswith("group") for each in held)]

    found = {held: select_with_uv(project, options(held), platform, python) for held in wanted}

    assert found == {
        held: {
            **EVERYWHERE,
            **{name: version for name, version in EXPECTED[held].items() if is_there(name, platform)},
        }
        for held in wanted
    }


def test_uv_without_options_selects_the_default_environment(project: Project) -> None:
    project.apply()

    assert select_with_uv(project, [], HERE, PYTHON) == project.installed()


def test_uv_with_an_extra_selects_it_beside_the_default_environment(project: Project) -> None:
    project.succeed("lock")

    found = {
        name: select_with_uv(project, [f"--extra={name}"], HERE, PYTHON) for name in ("old-api", "new-api")
    }

    default = {**EVERYWHERE, "torch": "1.0", "lint": "1.0"}
    assert found == {
        "old-api": {**default, "api": "1.0", "tqdm": "1.0"},
        "new-api": {**default, "api": "2.0"},
    }


def select_with_uv(project: Project, lists: Sequence[str], platform: str, python: str) -> dict[str, str]:
    """Ask uv what it would install into an empty folder."""
    err = project.uv(
        "pip", "sync", "--dry-run", "--preview", "--target", "t", "--python", sys.executable,
        "--python-platform", UV_PLATFORMS[platform], "--python-version", python, *lists, "pylock.toml",
    ).err  # fmt: skip
    return dict(re.findall(r"^ \+ ([a-z-]+)==([0-9.]+)", err, re.MULTILINE))


def is_there(name: str, platform: str) -> bool:
    return name != "cuda" or not platform.startswith("windows")


@pytest.mark.parametrize(
    ("extras", "more"),
    [
        ("", {}),
        ("[old-api]", {"api": "1.0", "tqdm": "1.0"}),
        ("[new-api,more]", {"api": "2.0", "tqdm": "1.0"}),
    ],
    ids=["default", "one extra", "two extras"],
)
def test_pip_selects_the_default_environment_and_the_extras_it_is_told(
    project: Project, extras: str, more: Mapping[str, str]
) -> None:
    project.succeed("lock")

    out = project.pip(
        "install", "--dry-run", "--ignore-installed", "--no-index", "--quiet", "--report", "-",
        "-r", f"pylock.toml{extras}",
    ).out  # fmt: skip

    found = {each["metadata"]["name"]: each["metadata"]["version"] for each in json.loads(out)["install"]}
    assert found == {**EVERYWHERE, "torch": "1.0", "lint": "1.0", **more}


def test_uv_installs_what_envctl_does(project: Project) -> None:
    project.apply("-e", "train")
    project.uv("venv", "--python", INTERPRETER, "fresh")

    lists = options((TRAIN, OLD))
    project.uv("pip", "sync", "--python", "fresh", "--preview", *lists, "pylock.toml")

    assert installed_in(project.path("fresh")) == project.installed(".venv-train")
