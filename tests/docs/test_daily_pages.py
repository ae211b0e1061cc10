"""The pages about what is done every day, followed word for word, with stand-ins for the packages they name."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.pages import declare, hold, offer, read_page
from support.project import PYTHON, Project

FLASK = ("blinker>=1.9.0", "click>=8.1.3", "itsdangerous>=2.2.0", "jinja2>=3.1.2", "werkzeug>=3.1.0")


@pytest.fixture
def flask(project: Project) -> Project:
    """Flask, and what it needs."""
    offer(project, "blinker 1.9.0", "click 8.5.1", "itsdangerous 2.2.0", "markupsafe 3.0.4")
    offer(project, "jinja2 3.1.6", "werkzeug 3.1.9", requires=["markupsafe>=2.1.1"])
    offer(project, "flask 3.1.3", requires=FLASK)
    return project


def test_adding_and_removing(flask: Project) -> None:
    declare(flask)

    hold(flask, read_page("add-and-remove-packages"))


#: Each with its version before and after, where it moves.
UPGRADES = {
    "blinker": "1.9.0",
    "certifi": "2024.12.14 2025.4.26",
    "charset-normalizer": "3.4.1 3.4.2",
    "click": "8.1.8 8.2.1",
    "idna": "3.10",
    "iniconfig": "2.0.0 2.1.0",
    "itsdangerous": "2.2.0",
    "jinja2": "3.1.5 3.1.6",
    "markupsafe": "3.0.2",
    "packaging": "25.0",
    "pluggy": "1.5.0 1.6.0",
    "urllib3": "2.3.0 2.4.0",
    "werkzeug": "3.1.3",
    "flask": "3.0.2 3.0.3",
    "requests": "2.32.1 2.32.3",
    "pytest": "8.2.0 8.3.5",
}
REQUESTS = ("certifi>=2017.4.17", "charset-normalizer<4,>=2", "idna<4,>=2.5", "urllib3<3,>=1.21.1")
PYTEST = ("iniconfig", "packaging", "pluggy<2,>=1.5")


def test_upgrading(project: Project) -> None:
    needs = {"flask": FLASK, "jinja2": ["markupsafe>=2"], "requests": REQUESTS, "pytest": PYTEST}

    def release(which: int) -> None:
        for name, versions in UPGRADES.items():
            for version in versions.split()[which : which + 1]:
                offer(project, f"{name} {version}", requires=needs.get(name, ()))

    rest = '\n[dependency-groups]\ndev = ["pytest==8.2.0"]\n'
    declare(project, "flask>=3,<3.1", "requests", rest=rest)
    release(0)
    project.apply()
    lock = project.read("pylock.toml")
    release(1)

    prepare = {"## The bounds, too": lambda: project.write("pylock.toml", lock)}
    hold(project, read_page("upgrade-packages"), prepare)


def test_saving_and_applying_a_plan(project: Project) -> None:
    offer(project, "tabulate 0.10.0", "idna 3.20")

    def begin() -> None:
        declare(project, "idna")
        project.apply()
        declare(project, "idna", "tabulate")

    def move() -> None:
        project.succeed("rollback")
        project.succeed("plan", "--out", "plan.json")
        project.apply()
        declare(project, "idna")
        os.unlink(project.site("idna", "__init__.py"))

    def save_again() -> None:
        project.succeed("plan", "--out", "plan.json")
        project.succeed("apply", "plan.json")

    prepare = {
        "happen. Write": begin,
        "## When the world moved": move,
        "Applying a plan a second": save_again,
    }
    hold(project, read_page("save-and-apply-a-plan"), prepare)


def test_keeping_what_was_installed_by_hand(project: Project, tmp_path: Path) -> None:
    offer(project, "idna 3.20", "cowsay 6.1")
    programs = tmp_path / "programs"
    programs.mkdir()
    pip = programs / "pip"
    pip.write_text(f'#!/bin/sh\nexec {sys.executable} -m pip --quiet --disable-pip-version-check "$@"\n')
    pip.chmod(0o755)
    project.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    project.environ["PIP_CONFIG_FILE"] = os.devnull
    project.environ["PIP_INDEX_URL"] = project.index.url
    declare(project, "idna")
    project.apply()

    hold(project, read_page("keep-what-you-installed-by-hand"))


#: The pages lock for a list of targets and Pythons, and install from that.
covered = pytest.mark.skipif(
    platform.machine() != "x86_64" or PYTHON not in {"3.11", "3.12", "3.13"},
    reason="what the page locks for is not this machine",
)


@covered
def test_installing_a_lock_of_another_tool(flask: Project) -> None:
    offer(flask, "colorama 0.4.6", "iniconfig 2.3.1", "packaging 26.3", "pluggy 1.6.0", "pygments 2.20.0")
    offer(
        flask, "pytest 9.2.0", requires=["iniconfig>=1", "packaging>=20", "pluggy<2,>=1.5", "pygments>=2.7.2"]
    )
    offer(flask, "click 8.5.1", requires=["colorama ; sys_platform == 'win32'"])
    declare(flask, "flask", "pytest", rest='[lock]\ntargets = ["linux-x86_64", "windows-x86_64"]\n')
    flask.succeed("lock")
    lock = flask.read("pylock.toml").replace('created-by = "envctl"', 'created-by = "uv"')
    lock = lock.partition("\n[tool.envctl]")[0] + "\n"
    flask.write("pylock.uv.toml", lock)
    os.unlink(flask.path("pylock.toml"))

    def take_over() -> None:
        os.rename(flask.path("pylock.uv.toml"), flask.path("pylock.toml"))
        declare(flask, "flask")

    prepare = {"## Go over": take_over}
    hold(flask, read_page("install-a-lock-of-another-tool"), prepare)


def test_keeping_groups_apart(project: Project) -> None:
    offer(project, "asgiref 3.13.0", "sqlparse 0.6.1", "ruff 0.17.6")
    offer(project, "django 4.2.30", "django 5.2.19", requires=["asgiref<4,>=3.6.0", "sqlparse>=0.3.1"])
    offer(project, "django-filter 25.1", requires=["django>=4.2"])
    page = read_page("keep-groups-apart").partition("## With pip and uv")[0]
    groups = '\n[dependency-groups]\ndev = ["ruff"]\ndjango4 = ["django~=4.2"]\ndjango5 = ["django~=5.2"]\n'

    prepare = {"is refused:": lambda: declare(project, "django-filter>=24", rest=groups)}
    hold(project, page, prepare)


def test_several_environments(project: Project) -> None:
    offer(project, "idna 3.20", "ruff 0.17.6", "iniconfig 2.3.1", "mdurl 0.1.2")
    offer(project, "markdown-it-py 4.0.0", requires=["mdurl~=0.1"])
    page = read_page("use-several-environments")
    if PYTHON != "3.13" or shutil.which("python3.11") is None:
        page = page.partition("## Different Pythons")[0]

    hold(project, page)


@covered
def test_using_it_in_ci(project: Project) -> None:
    offer(project, "idna 3.20", "certifi 2026.10.18", "tabulate 0.10.0")
    declare(project, "idna", "certifi")
    project.succeed("lock")

    def show() -> None:
        declare(project, "idna", "certifi")
        project.apply()
        declare(project, "idna", "certifi", "tabulate")
        project.succeed("lock")

    prepare: dict[str, Callable[[], object]] = {
        "## When the lock was forgotten": lambda: declare(project, "idna", "certifi", "tabulate"),
        "To check only that": lambda: project.succeed("lock"),
        "## Ask whether": project.apply,
        "## Read it with a program": lambda: declare(project, "idna"),
        "## Show it in a pull request": show,
    }
    hold(project, read_page("use-it-in-ci"), prepare)
