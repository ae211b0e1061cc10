"""Requirement files and locks of other tools, taken over."""

from __future__ import annotations

import os
import tomllib
from typing import Any

import pytest

from support.backends import make_tree
from support.project import PYTHON, Project
from support.wheels import make_wheel


@pytest.fixture
def shop(project: Project) -> Project:
    """A manifest without lists; `beta` and `gamma` have newer releases."""
    project.publish("beta", "2.0")
    project.publish("gamma", "2.0")
    project.write(
        "env.toml", f'python = "{PYTHON}"\n\n[[index]]\nname = "loop"\nurl = "{project.index.url}"\n'
    )
    return project


def manifest_of(project: Project) -> Any:
    return tomllib.loads(project.read("env.toml"))


def test_requirements_are_taken_as_they_are_written_and_applied(shop: Project) -> None:
    shop.write("requirements.txt", "alpha  # sold\ngamma==1.0 \\\n  --hash=sha256:00\n-c limits.txt\n")
    shop.write("limits.txt", "beta<2\n")

    shop.succeed("import", "requirements.txt")

    manifest = manifest_of(shop)
    assert manifest["dependencies"] == ["alpha", "gamma==1.0"]
    assert manifest["lock"] == {"constraints": ["beta<2"]}
    assert shop.installed() == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    assert shop.is_settled("--locked")


def test_folders_and_wheels_become_sources(shop: Project) -> None:
    os.makedirs(shop.path("core"))
    make_tree(shop.path("core"), "core")
    make_wheel(shop.path("wheels"), "local", "1.0")
    shop.write("requirements.txt", "-e ./core\nwheels/local-1.0-py3-none-any.whl\n")

    shop.succeed("import", "--group", "dev", "requirements.txt")

    manifest = manifest_of(shop)
    assert manifest["dependency-groups"] == {"dev": ["core", "local"]}
    assert manifest["sources"] == {
        "core": {"path": "core", "editable": True},
        "local": {"path": "wheels/local-1.0-py3-none-any.whl"},
    }
    assert shop.installed() == {"core": "1.0", "local": "1.0"}


def test_options_are_named_and_left_out_and_nothing_secret_is_shown(shop: Project) -> None:
    shop.write("requirements.txt", "--index-url https://me:secret@pkgs.example/simple/\ngamma\n")

    result = shop.succeed("import", "requirements.txt", "--no-apply")

    assert (
        "warning: options of the requirements file are left out: `--index-url` [options-left-out]"
        in result.err
    )
    assert "secret" not in result.err + result.out + shop.read("env.toml")


def test_what_is_no_requirement_leaves_every_file_as_it_was(shop: Project) -> None:
    shop.write("requirements.txt", "alpha=1\ngamma\nwhat now\n")
    before = shop.snapshot()

    result = shop.run("import", "requirements.txt")

    assert (result.code, result.codes) == (65, ["bad-requirement", "bad-requirement"])
    assert "requirements.txt:3" in result.err
    assert shop.snapshot() == before


def test_a_lock_gives_its_versions_and_what_nothing_in_it_requires(shop: Project) -> None:
    shop.write_manifest("alpha", "gamma<2", rest='[lock]\nconstraints = ["beta<2"]')
    shop.succeed("lock")
    os.rename(shop.path("pylock.toml"), shop.path("pylock.old.toml"))
    shop.write_manifest()

    shop.succeed("import", "pylock.old.toml", "--no-apply")

    assert manifest_of(shop)["dependencies"] == ["alpha>=1.0", "gamma>=1.0"]
    assert shop.locked() == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}


def test_a_lock_that_does_not_say_who_requires_what_is_taken_whole(shop: Project) -> None:
    shop.write("requirements.in", "alpha\nbeta<2\n")
    index = ("--default-index", shop.index.url)
    shop.uv("pip", "compile", *index, "--format", "pylock.toml", "-o", "pylock.uv.toml", "requirements.in")
    text = shop.read("pylock.uv.toml")

    result = shop.succeed("import", "pylock.uv.toml", "--no-apply")

    expected = ["alpha>=1.0", "beta>=1.0"] if "dependencies" not in text else ["alpha>=1.0"]
    assert manifest_of(shop)["dependencies"] == expected
    assert ("so all that it holds is asked for" in result.err) == (len(expected) == 2)
    assert shop.locked() == {"alpha": "1.0", "beta": "1.0"}
