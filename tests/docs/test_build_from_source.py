"""The page about building from source, followed word for word, with stand-ins for its packages."""

from __future__ import annotations

import os

from support.backends import BACKEND
from support.pages import hold, read_page
from support.project import Project
from support.wheels import make_sdist, make_wheel


def test_following_the_page_gives_what_it_shows(project: Project) -> None:
    index = project.index.folder
    for name, version in (("docopt", "0.6.2"), ("markupsafe", "3.0.4")):
        pyproject = (
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            f'[project]\nname = "{name}"\nversion = "{version}"\n'
        )
        backend = BACKEND.replace("../calls.txt", os.devnull)
        files = {"backend.py": backend, f"src/{name}.py": ""}
        make_sdist(index, name, version, pyproject=pyproject, files=files)
    make_wheel(index, "markupsafe", "3.0.4")

    hold(project, read_page("build-from-source"))
