"""Each test has a project of its own; what the machine was asked is remembered for a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.places import Place


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache") / "envctl")


@pytest.fixture
def place(tmp_path: Path, cache: str) -> Place:
    """A project without a manifest, whose index has `alpha`, which needs `beta`."""
    found = Place(tmp_path / "shop", cache)
    found.folder.mkdir()
    found.publish("alpha", requires=["beta"])
    found.publish("beta")
    return found
