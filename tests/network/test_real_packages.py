"""Real packages from the public index: what envctl makes of them, and what pip and uv say of it."""

from __future__ import annotations

import json
import os
import sys

import pytest

from support.real import RealProject

pytestmark = [pytest.mark.network, pytest.mark.slow]

WANTED = ["flask", "requests[socks]", "pandas", "jupyterlab", "scikit-learn"]
IMPORTS = "import flask, requests, socks, pandas, jupyterlab.labapp, sklearn.ensemble"


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
