"""The pages about sources, followed word for word, with stand-ins for what they name."""

from __future__ import annotations

from pathlib import Path

from support.backends import make_tree, wrap_installed
from support.pages import hold, read_page
from support.project import Project
from support.repositories import GitServer, Repository, move, needs_git
from support.server import IndexServer
from support.wheels import make_wheel


def test_following_the_page_about_monorepos_gives_what_it_shows(project: Project) -> None:
    for name in ("click", "idna", "certifi"):
        make_wheel(project.index.folder, name, "1.0")
    for name in ("hatchling", "editables"):
        wrap_installed(project.index.folder, name)

    hold(project, read_page("work-in-a-monorepo"))


@needs_git
def test_following_the_page_about_repositories_gives_what_it_shows(project: Project, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repositories" / "tools.git")
    make_tree(repository.folder, "tools")
    repository.commit()
    make_wheel(tmp_path / "files", "blob", "1.0")
    make_wheel(tmp_path / "files", "blob", "1.0", tag="py3-none-win_amd64")
    page = read_page("use-a-git-repository-or-a-url")

    with GitServer(tmp_path / "repositories") as git, IndexServer(tmp_path / "files") as files:
        page = page.replace("https://git.example", git.url)
        page = page.replace("https://files.example", files.url.replace("/simple/", "/files"))

        hold(project, page, {"The lock holds the commit.": lambda: move(repository)})
