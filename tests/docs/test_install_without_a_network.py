"""The page about bundles, followed word for word: made with an index on loopback, installed without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.backends import make_tree
from support.pages import follow
from support.project import PYTHON, Project
from support.repositories import GitServer, Repository, needs_git
from support.server import IndexServer
from support.wheels import make_wheel

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "install-without-a-network.md"

pytestmark = [
    pytest.mark.skipif(PYTHON not in {"3.12", "3.13"}, reason="the page locks for 3.12 and 3.13"),
    needs_git,
]

NAMES = ("blinker", "click", "itsdangerous", "jinja2", "markupsafe", "werkzeug")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    index, config = tmp_path / "index", tmp_path / "config.toml"
    for name in NAMES:
        make_wheel(index, name, "1.0")
    make_wheel(index, "flask", "3.1.3", requires=NAMES)
    (tmp_path / "shop").mkdir()
    (tmp_path / "cache" / "home").mkdir(parents=True)
    with IndexServer(index) as server:
        config.write_text(f'[mirrors]\npypi = "{server.url}"\n', encoding="utf-8")
        yield Project(
            folder=os.fspath(tmp_path / "shop"),
            cache=os.fspath(tmp_path / "cache"),
            index=server,
            environ={"ENVCTL_CONFIG": os.fspath(config)},
        )


def test_following_the_page_gives_what_it_shows(project: Project, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repositories" / "tools.git")
    make_tree(repository.folder, "tools")
    repository.commit()
    repository.git("tag", "v1.0")
    before, line, after = PAGE.read_text(encoding="utf-8").partition("## Install from it")
    assert line

    with GitServer(tmp_path / "repositories") as git:
        made = follow(project, before.replace("https://git.example", git.url))
    project.index.stop()
    away = Project(folder=project.folder, cache=os.path.join(project.cache, "empty"), index=project.index)
    os.makedirs(os.path.join(away.cache, "home"))
    installed = follow(away, after)

    assert (made, installed) == ([], [])
    for folder in ("elsewhere", "with-tools"):
        assert away.run("-C", folder, "status", "--check").code == 0
