"""The version is a constant, because reading it from metadata costs more than a plan may."""

from __future__ import annotations

import tomllib
from pathlib import Path

from envctl.version import VERSION


def test_the_constant_is_the_version_of_the_project() -> None:
    with (Path(__file__).parents[1] / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["project"]["version"] == VERSION
