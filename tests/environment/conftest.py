"""Fixtures: an interpreter, and environments laid as `laying` does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from envctl.environment.probe import probe
from envctl.model.interpreter import Interpreter
from environment.laying import Layer


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def interpreter(cache: str) -> Interpreter:
    return probe(sys.executable, cache_dir=cache, environ=os.environ)


@pytest.fixture
def layer(tmp_path: Path, interpreter: Interpreter, cache: str) -> Layer:
    layer = Layer(tmp_path / "project" / ".venv", interpreter, cache)
    layer.make_bare()
    return layer


@pytest.fixture
def shop(layer: Layer) -> Layer:
    """An environment with two distributions: one with modules, data, a library and a script, one plain."""
    layer.lay(
        "shop",
        files={
            "shop/__init__.py": "VERSION = 1\n",
            "shop/app.py": "import shop\n",
            "shop/data/table.json": "{}",
            "shop/_speed.so": b"\x7fELF" + bytes(4000),
            "shop/.gitignore": "*.log\n",
        },
        scripts={"shop": "#!/bin/sh\nexit 0\n"},
    )
    layer.lay("plain", "2.1", files={"plain.py": "x = 1\n"})
    layer.seal()
    return layer
