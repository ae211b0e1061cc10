"""The pages about sources, followed word for word, with stand-ins for what they name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.backends import make_tree, wrap_installed
from support.pages import follow
from support.project import Project
from support.repositories import GitServer, Repository, move, needs_git
from support.server import IndexServer
from support.wheels import make_wheel

PAGES = Path(__file__).parents[2] / "docs" / "how-to"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """An empty folder, and settings of a user for whom the public index is on loopback."""
    index, config = tmp_path / "index", tmp_path / "config.toml"
    for name in ("click", "idna", "certifi"):
        make_wheel(index, name, "1.0")
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


def test_following_the_page_about_monorepos_gives_what_it_shows(project: Project) -> None:
    for name in ("hatchling", "editables"):
        wrap_installed(project.index.folder, name)

    assert follow(project, (PAGES / "work-in-a-monorepo.md").read_text(encoding="utf-8")) == []


@needs_git
def test_following_the_page_about_repositories_gives_what_it_shows(project: Project, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repositories" / "tools.git")
    make_tree(repository.folder, "tools")
    repository.commit()
    make_wheel(tmp_path / "files", "blob", "1.0")
    make_wheel(tmp_path / "files", "blob", "1.0", tag="py3-none-win_amd64")
    page = (PAGES / "use-a-git-repository-or-a-url.md").read_text(encoding="utf-8")

    with GitServer(tmp_path / "repositories") as git, IndexServer(tmp_path / "files") as files:
        page = page.replace("https://git.example", git.url)
        page = page.replace("https://files.example", files.url.replace("/simple/", "/files"))
        before, line, after = page.partition("The lock holds the commit.")
        assert line

        assert follow(project, before) == []
        move(repository)
        assert follow(project, after) == []
