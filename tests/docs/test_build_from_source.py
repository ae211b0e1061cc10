"""The page about building from source, followed word for word, with stand-ins for its packages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.backends import BACKEND
from support.pages import follow
from support.project import Project
from support.server import IndexServer
from support.wheels import make_sdist, make_wheel

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "build-from-source.md"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    index, config = tmp_path / "index", tmp_path / "config.toml"
    for name, version in (("docopt", "0.6.2"), ("markupsafe", "3.0.4")):
        pyproject = (
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            f'[project]\nname = "{name}"\nversion = "{version}"\n'
        )
        backend = BACKEND.replace("../calls.txt", os.devnull)
        files = {"backend.py": backend, f"src/{name}.py": ""}
        make_sdist(index, name, version, pyproject=pyproject, files=files)
    make_wheel(index, "markupsafe", "3.0.4")
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


def test_following_the_page_gives_what_it_shows(project: Project) -> None:
    assert follow(project, PAGE.read_text(encoding="utf-8")) == []
