"""Real packages from the public index: what envctl makes of them, and what pip and uv say of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.project import PYTHON, Result, find_command

pytestmark = [pytest.mark.network, pytest.mark.slow]

WANTED = ["flask", "requests[socks]", "pandas", "jupyterlab", "scikit-learn"]
IMPORTS = "import flask, requests, socks, pandas, jupyterlab.labapp, sklearn.ensemble"


class RealProject:
    """A project on the default index, in a folder of its own, with a cache of its own."""

    def __init__(self, place: Path) -> None:
        self.folder = place / "shop"
        self.folder.mkdir()
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PIP_", "UV_", "ENVCTL_"))
        }
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        kept.pop("VIRTUAL_ENV", None)
        self.environ = kept | {"ENVCTL_CACHE_DIR": os.fspath(place / "cache"), "PIP_CONFIG_FILE": os.devnull}

    def declare(self, *dependencies: str) -> None:
        text = f'python = "{PYTHON}"\ndependencies = {json.dumps(dependencies)}\n'
        (self.folder / "env.toml").write_text(text)

    def call(self, *command: str) -> Result:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True, stdin=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)

    def run(self, *arguments: str) -> Result:
        return self.call(*find_command(), *arguments)

    def must(self, *command: str) -> str:
        done = self.call(*command)
        assert done.code == 0, f"{command} exited {done.code}\n{done.out}{done.err}"
        return done.out

    def apply(self) -> str:
        return self.must(*find_command(), "apply")

    @property
    def python(self) -> str:
        return os.fspath(self.folder / ".venv" / "bin" / "python")

    @property
    def site(self) -> Path:
        return self.folder / ".venv" / "lib" / f"python{PYTHON}" / "site-packages"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> RealProject:
    made = RealProject(tmp_path_factory.mktemp("real"))
    made.declare(*WANTED)
    made.apply()
    return made


def test_they_work_together(project: RealProject) -> None:
    project.must(project.python, "-c", IMPORTS)


def test_a_second_plan_has_nothing_to_do(project: RealProject) -> None:
    done = project.run("plan", "--detailed-exitcode")

    assert (done.code, done.out) == (0, "No changes.\n")


def test_pip_and_uv_find_nothing_to_do(project: RealProject) -> None:
    pip = [sys.executable, "-m", "pip", "--python", ".venv"]
    uv = os.path.join(os.path.dirname(sys.executable), "uv")

    assert "No broken requirements" in project.must(*pip, "check")
    listed = json.loads(project.must(*pip, "list", "--format", "json"))
    synced = project.call(uv, "pip", "sync", "--dry-run", "-p", ".venv", "pylock.toml")

    assert {"flask", "jupyterlab", "pandas"} <= {each["name"].lower() for each in listed}
    assert (synced.code, "Would make no changes" in synced.err) == (0, True)


def test_what_was_edited_and_deleted_is_named_and_mended(project: RealProject) -> None:
    (project.site / "flask" / "app.py").write_text("broken")
    (project.site / "pandas" / "core" / "frame.py").unlink()

    drift = json.loads(project.run("plan", "--json").out)["drift"]
    project.apply()

    assert {(each["address"], each["kind"]) for each in drift} == {
        ("package.flask", "modified"),
        ("package.pandas", "missing"),
    }
    assert project.run("plan", "--detailed-exitcode").code == 0
    project.must(project.python, "-c", IMPORTS)


def test_what_a_removed_dependency_alone_needed_goes_with_it(project: RealProject) -> None:
    project.declare(*WANTED[:-1])

    plan = json.loads(project.run("plan", "--json").out)
    project.apply()

    gone = {each["address"] for each in plan["changes"] if each["action"] == "delete"}
    changed = {each["address"] for each in plan["changes"] if each["action"] not in {"delete", "no-op"}}
    assert {"package.scikit-learn", "package.scipy", "package.joblib"} <= gone
    assert "package.numpy" not in gone
    assert changed == set()
