"""The tutorial, followed word for word: its commands are run, and its output must be theirs.

The wheels are stand-ins with the names, versions and requirements of the real ones, on an index on
loopback that takes the place of the public one through the user's settings: so the manifest is the tutorial's too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.pages import follow, hold, read_blocks
from support.project import Project
from support.wheels import make_wheel

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "first-environment.md"

#: Name, version and requirements, as the real ones were when the tutorial was written.
RELEASES: Sequence[tuple[str, str, Sequence[str]]] = (
    ("blinker", "1.9.0", ()),
    ("certifi", "2026.10.18", ()),
    ("charset-normalizer", "3.5.2", ()),
    ("click", "8.5.1", ()),
    ("idna", "3.20", ()),
    ("itsdangerous", "2.2.0", ()),
    ("jinja2", "3.1.6", ("markupsafe>=2.0",)),
    ("markupsafe", "3.0.4", ()),
    (
        "requests",
        "2.34.2",
        ("charset-normalizer<4,>=2", "idna<4,>=2.5", "urllib3<3,>=1.26", "certifi>=2023.5.7"),
    ),
    ("urllib3", "2.8.0", ()),
    ("werkzeug", "3.1.9", ("markupsafe>=2.1.1",)),
)
FLASK_REQUIRES = (
    "blinker>=1.9.0",
    "click>=8.1.3",
    "itsdangerous>=2.2.0",
    "jinja2>=3.1.2",
    "markupsafe>=2.1.1",
    "werkzeug>=3.1.0",
)
FLASK_FILES = {
    "flask/__init__.py": "from .app import main\n",
    "flask/app.py": (
        "import platform\nimport werkzeug\n\n\ndef main():\n"
        "    print('Python', platform.python_version())\n"
        "    print('Flask 3.1.3')\n"
        "    print('Werkzeug', werkzeug.__version__)\n"
    ),
}


@pytest.fixture
def shop(project: Project) -> Project:
    """An index with what the tutorial installs."""
    index = project.index.folder
    for name, version, requires in RELEASES:
        make_wheel(index, name, version, requires=requires)
    make_wheel(
        index,
        "flask",
        "3.1.3",
        requires=FLASK_REQUIRES,
        files=FLASK_FILES,
        scripts={"flask": "flask.app:main"},
    )
    return project


def test_following_the_tutorial_gives_what_it_shows(shop: Project) -> None:
    hold(shop, TUTORIAL.read_text(encoding="utf-8"))

    assert set(os.listdir(shop.folder)) == {"env.toml", "pylock.toml"}


def test_the_tutorial_has_commands_and_every_one_stands_alone_on_its_line() -> None:
    blocks = read_blocks(TUTORIAL.read_text(encoding="utf-8"))

    commands = [command for block in blocks if block.language == "console" for command, _ in block.steps()]

    assert len(commands) > 10
    assert not [command for command in commands if command.endswith("\\")]


def test_output_that_the_tutorial_does_not_show_right_is_noticed(shop: Project) -> None:
    page = "```console\n$ envctl init\nWrote something else\n$ false\n$ envctl init\n```\n"

    assert follow(shop, page) == [
        "`envctl init`: line 1 is shown as 'Wrote something else', where 'Wrote env.toml' stands",
        "    Wrote env.toml",
        "    Next: edit it, look at `envctl plan`, then `envctl apply`.",
        "`false` exits with 1:",
    ]
