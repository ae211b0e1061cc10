"""Each test has a project folder and an index of its own; the cache is shared by a session."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from support.project import Project
from support.server import IndexServer


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("cache")
    (folder / "home").mkdir()
    return os.fspath(folder)


@pytest.fixture
def make_project(tmp_path_factory: pytest.TempPathFactory, cache: str) -> Iterator[Callable[..., Project]]:
    """Make projects with indexes of their own; with ``fresh_cache`` the cache is its own too."""
    with ExitStack() as stack:

        def make(*, fresh_cache: bool = False) -> Project:
            place = tmp_path_factory.mktemp("project")
            # A port can be given out again: pages must not outlive the test that served them.
            index = stack.enter_context(IndexServer(place / "index", max_age=0))
            (place / "shop").mkdir()
            own = os.fspath(place / "cache")
            os.makedirs(os.path.join(own, "home"))
            return Project(folder=os.fspath(place / "shop"), cache=own if fresh_cache else cache, index=index)

        yield make


@pytest.fixture
def bare(make_project: Callable[..., Project]) -> Project:
    """A project without a manifest, with an empty index."""
    return make_project()


@pytest.fixture
def fresh(make_project: Callable[..., Project]) -> Project:
    """A project with a cache of its own."""
    return make_project(fresh_cache=True)


@pytest.fixture
def project(bare: Project) -> Project:
    """A project that declares `alpha`, which needs `beta`; its index has `gamma` too."""
    publish_basics(bare)
    bare.write_manifest("alpha")
    return bare


@pytest.fixture
def applied(project: Project) -> Project:
    """The same, applied."""
    project.apply()
    return project


def publish_basics(project: Project) -> None:
    """Put `alpha`, `beta` and `gamma` on the index."""
    project.publish(
        "alpha",
        "1.0",
        requires=["beta>=1"],
        scripts={"alpha": "alpha:main"},
        files={
            "alpha/__init__.py": "import beta\n\n\ndef main():\n    print('alpha', beta.__version__)\n",
            "alpha/part.py": "VALUE = 1\n",
        },
    )
    project.publish("beta", "1.0")
    project.publish("gamma", "1.0")
