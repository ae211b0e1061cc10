"""pip and uv agree with what envctl made: the environment and the lock."""

from __future__ import annotations

import json
import os
import sys

import pytest

from support.project import INTERPRETER, Project, installed_in

#: What the whole project selects: the default groups, and with the extra `more`.
DEFAULT = {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
WITH_EXTRA = {**DEFAULT, "delta": "1.0"}


@pytest.fixture
def whole(project: Project) -> Project:
    """A project with a dependency, a default group and an extra, applied."""
    project.publish("delta", "1.0", requires=["beta"])
    groups = '[dependency-groups]\ndev = ["gamma"]\n[optional-dependencies]\nmore = ["delta"]'
    project.write_manifest("alpha", rest=groups)
    project.apply()
    return project


def test_pip_check_finds_nothing_broken(whole: Project) -> None:
    assert "No broken requirements found." in whole.pip("--python", ".venv", "check").out


def test_pip_list_names_what_envctl_installed(whole: Project) -> None:
    out = whole.pip("--python", ".venv", "list", "--format", "json").out

    assert {each["name"]: each["version"] for each in json.loads(out)} == DEFAULT


def test_pip_inspect_names_envctl_and_what_was_asked_for(whole: Project) -> None:
    found = json.loads(whole.pip("--python", ".venv", "inspect").out)["installed"]

    assert {each["installer"] for each in found} == {"envctl"}
    assert {each["metadata"]["name"] for each in found if each["requested"]} == {"alpha", "gamma"}


def test_pip_uninstalls_what_envctl_installed_without_a_trace(whole: Project) -> None:
    whole.pip("--python", ".venv", "uninstall", "--yes", "alpha")

    left = os.listdir(whole.site())
    assert not [name for name in left if name.startswith("alpha")]
    assert not os.path.lexists(whole.path(".venv", "bin", "alpha"))


def test_pip_install_of_the_lock_finds_everything_satisfied(whole: Project) -> None:
    out = whole.pip(
        "--python", ".venv", "install", "--dry-run", "--no-deps", "-i", whole.index.url, *DEFAULT
    ).out

    assert "Would install" not in out


def test_uv_sync_of_the_lock_would_make_no_changes(whole: Project) -> None:
    err = whole.uv("pip", "sync", "--python", ".venv", "--dry-run", "pylock.toml").err

    assert "Would make no changes" in err


def test_uv_sync_check_of_the_lock_agrees(whole: Project) -> None:
    whole.uv("pip", "sync", "--python", ".venv", "--check", "pylock.toml")


def test_uv_check_finds_nothing_broken(whole: Project) -> None:
    assert "All installed packages are compatible" in whole.uv("pip", "check", "--python", ".venv").err


def test_uv_list_names_what_envctl_installed(whole: Project) -> None:
    out = whole.uv("pip", "list", "--python", ".venv", "--format", "json").out

    assert {each["name"]: each["version"] for each in json.loads(out)} == DEFAULT


def test_pip_installs_from_the_lock_what_envctl_does(whole: Project) -> None:
    whole.execute([sys.executable, "-m", "venv", "--without-pip", "fresh"])

    whole.pip("--python", "fresh", "install", "--no-index", "-r", "pylock.toml")

    assert installed_in(whole.path("fresh")) == whole.installed() == DEFAULT


def test_uv_installs_from_the_lock_what_envctl_does(whole: Project) -> None:
    whole.uv("venv", "--python", INTERPRETER, "fresh")

    whole.uv("pip", "sync", "--python", "fresh", "pylock.toml")

    assert installed_in(whole.path("fresh")) == whole.installed() == DEFAULT


def test_uv_installs_an_extra_from_the_lock_as_envctl_does(whole: Project) -> None:
    whole.write("env.toml", whole.read("env.toml") + '[env.default]\ngroups = ["dev"]\nextras = ["more"]\n')
    whole.apply()
    whole.uv("venv", "--python", INTERPRETER, "fresh")

    whole.uv("pip", "install", "--python", "fresh", "-r", "pylock.toml")

    assert installed_in(whole.path("fresh")) == whole.installed() == WITH_EXTRA


def test_uv_selects_an_extra_that_is_not_in_the_default_environment(whole: Project) -> None:
    whole.uv("venv", "--python", INTERPRETER, "fresh")

    whole.uv("pip", "sync", "--python", "fresh", "--preview", "--extra", "more", "pylock.toml")

    assert installed_in(whole.path("fresh")) == WITH_EXTRA
