"""Each kind of source: locked once, settled, and mended from what is at hand when something of it is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.backends import BACKEND, make_tree
from support.project import Project, changes_of, drift_of
from support.repositories import make_core
from support.wheels import make_sdist, make_wheel

_PYPROJECT = (
    '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    '[project]\nname = "core"\nversion = "1.0"\n'
)


def by_index(project: Project, place: Path) -> str:
    project.publish("core", "1.0", files={"core.py": "ANSWER = 1\n"})
    return '{ index = "loop" }'


def by_index_built(project: Project, place: Path) -> str:
    _sdist(project.index.folder)
    return '{ index = "loop" }'


def by_url_of_a_wheel(project: Project, place: Path) -> str:
    path = make_wheel(project.index.folder, "core", "1.0", files={"core.py": "ANSWER = 1\n"})
    return f'{{ url = "{project.index.file_url(os.path.basename(path))}" }}'


def by_url_of_an_sdist(project: Project, place: Path) -> str:
    return f'{{ url = "{project.index.file_url(os.path.basename(_sdist(project.index.folder)))}" }}'


def by_path_of_a_wheel(project: Project, place: Path) -> str:
    return f'{{ path = "{make_wheel(place, "core", "1.0", files={"core.py": "ANSWER = 1"})}" }}'


def by_path_of_an_sdist(project: Project, place: Path) -> str:
    return f'{{ path = "{_sdist(place)}" }}'


def by_folder(project: Project, place: Path) -> str:
    make_tree(project.path("core"), "core")
    return '{ path = "core" }'


def by_editable_folder(project: Project, place: Path) -> str:
    make_tree(project.path("core"), "core")
    return '{ path = "core", editable = true }'


def by_git(project: Project, place: Path) -> str:
    return f'{{ git = "{make_core(place / "core").url}" }}'


def _sdist(folder: str | os.PathLike[str]) -> str:
    files = {"backend.py": BACKEND, "src/core.py": "ANSWER = 1\n"}
    return make_sdist(folder, "core", "1.0", pyproject=_PYPROJECT, files=files)


KINDS: tuple[Callable[[Project, Path], str], ...] = (
    by_index, by_index_built, by_url_of_a_wheel, by_url_of_an_sdist, by_path_of_a_wheel, by_path_of_an_sdist,
    by_folder, by_editable_folder, by_git,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.removeprefix("by_"))
def test_what_is_locked_is_settled_and_what_is_lost_is_laid_again_offline(
    make_project: Callable[..., Project], tmp_path: Path, kind: Callable[[Project, Path], str]
) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    source = kind(project, tmp_path)
    project.write_manifest("core", rest=f'[sources]\ncore = {source}\n[build]\nallow = ["core"]\n')
    project.apply()
    lock = project.read("pylock.toml")
    project.index.stop()

    assert project.succeed("lock", "--check").code == 0
    assert project.is_settled("--locked")
    lost = "_core.pth" if kind is by_editable_folder else "core.py"
    os.remove(project.site(lost))
    plan = project.apply("--locked", "--offline")["plan"]

    assert drift_of(plan) == {("missing", lost)}
    assert changes_of(plan) == {"package.core": "replace"}
    assert project.python("import core; print(core.ANSWER)") == "1\n"
    assert project.read("pylock.toml") == lock
    assert project.is_settled("--locked")
