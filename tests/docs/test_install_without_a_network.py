"""The page about bundles, followed word for word: made with an index on loopback, installed without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.backends import make_tree
from support.pages import hold, read_page
from support.project import PYTHON, Project
from support.repositories import GitServer, Repository, needs_git
from support.wheels import make_wheel

pytestmark = [
    pytest.mark.skipif(PYTHON not in {"3.12", "3.13"}, reason="the page locks for 3.12 and 3.13"),
    needs_git,
]

NAMES = ("blinker", "click", "itsdangerous", "jinja2", "markupsafe", "werkzeug")


def test_following_the_page_gives_what_it_shows(project: Project, tmp_path: Path) -> None:
    for name in NAMES:
        make_wheel(project.index.folder, name, "1.0")
    make_wheel(project.index.folder, "flask", "3.1.3", requires=NAMES)
    repository = Repository(tmp_path / "repositories" / "tools.git")
    make_tree(repository.folder, "tools")
    repository.commit()
    repository.git("tag", "v1.0")
    before, line, after = read_page("install-without-a-network").partition("## Install from it")
    assert line

    with GitServer(tmp_path / "repositories") as git:
        hold(project, before.replace("https://git.example", git.url))
    project.index.stop()
    away = Project(folder=project.folder, cache=os.path.join(project.cache, "empty"), index=project.index)
    os.makedirs(os.path.join(away.cache, "home"))
    hold(away, after)

    for folder in ("elsewhere", "with-tools"):
        assert away.run("-C", folder, "status", "--check").code == 0
