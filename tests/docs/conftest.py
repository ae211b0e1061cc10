"""Pages are followed in an empty folder, by a user for whom the public index is a folder of the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.project import Project
from support.server import IndexServer


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """An empty folder, a cache of its own, and an index on loopback that `config.toml` puts in the place of pypi."""
    config = tmp_path / "config" / "config.toml"
    config.parent.mkdir()
    (tmp_path / "shop").mkdir()
    (tmp_path / "cache" / "home").mkdir(parents=True)
    with IndexServer(tmp_path / "index", max_age=0) as server:
        config.write_text(f'[mirrors]\npypi = "{server.url}"\n', encoding="utf-8")
        yield Project(
            folder=os.fspath(tmp_path / "shop"),
            cache=os.fspath(tmp_path / "cache"),
            index=server,
            environ={"ENVCTL_CONFIG": os.fspath(config)},
        )
