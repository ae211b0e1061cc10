"""Real source distributions from the public index: a pure one, one in C, one with nothing but a setup.py."""

from __future__ import annotations

import json
import os
import shutil
import sysconfig
from pathlib import Path

import pytest

from support.project import PYTHON
from support.real import RealProject

pytestmark = [pytest.mark.network, pytest.mark.slow]

_NO_COMPILER = shutil.which("cc") is None or not os.path.exists(
    os.path.join(sysconfig.get_path("include"), "Python.h")
)


@pytest.mark.parametrize(
    ("requirement", "code"),
    [
        ("iniconfig", "import iniconfig; print(iniconfig.IniConfig)"),
        ("docopt==0.6.2", "import docopt; print(docopt.__version__)"),
        pytest.param(
            "markupsafe",
            "import markupsafe._speedups as part; print(part.__file__)",
            marks=pytest.mark.skipif(_NO_COMPILER, reason="there is no C compiler, or no Python.h"),
        ),
    ],
    ids=["pure", "setup.py-alone", "in-c"],
)
def test_it_is_built_and_can_be_imported(tmp_path: Path, requirement: str, code: str) -> None:
    project = RealProject(tmp_path)
    name = requirement.partition("=")[0]
    text = f'python = "{PYTHON}"\ndependencies = {json.dumps([requirement])}\n[build]\nallow = ["{name}"]\n'
    (project.folder / "env.toml").write_text(f'{text}no-binary = ["{name}"]\n')

    project.apply()

    assert project.must(project.python, "-W", "ignore", "-c", code)
    assert "sdist" in (project.folder / "pylock.toml").read_text()
    assert project.run("plan", "--detailed-exitcode").code == 0
