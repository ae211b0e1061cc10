"""Another Python for the same environment, where the machine has one."""

from __future__ import annotations

import glob
import importlib.metadata
import os
import shutil
import subprocess
import sys

import pytest

from support.damages import put_by_hand
from support.project import PYTHON, Project, changes_of, reasons_of


def _find_other() -> tuple[str, str] | None:
    """Find an interpreter of another minor version, on PATH or beside our own: its path and version."""
    versions = [f"3.{minor}" for minor in range(11, 20) if f"3.{minor}" != PYTHON]
    found = {shutil.which(f"python{version}"): version for version in versions}
    for version in versions:
        beside = os.path.join(os.path.dirname(sys.base_prefix), "*", "bin", f"python{version}")
        found |= dict.fromkeys(glob.glob(beside), version)
    code = "import sys; print(sys.executable)"
    for path, version in found.items():
        if path is None:
            continue
        done = subprocess.run([path, "-I", "-c", code], capture_output=True, text=True, check=False)
        if done.returncode == 0:  # what is on PATH may be no more than a pointer to what is not there
            return done.stdout.strip(), version
    return None


OTHER = _find_other()

pytestmark = pytest.mark.skipif(OTHER is None, reason="there is one Python on this machine only")


def _switch(project: Project) -> str:
    assert OTHER is not None
    path, version = OTHER
    project.write("env.toml", project.read("env.toml").replace(f'python = "{PYTHON}"', f'python = "{path}"'))
    return version


def _installed(project: Project, version: str) -> dict[str, str]:
    site = project.path(".venv", "lib", f"python{version}", "site-packages")
    return {each.name: each.version for each in importlib.metadata.distributions(path=[site])}


def test_another_python_makes_the_environment_anew(applied: Project) -> None:
    version = _switch(applied)

    plan = applied.apply()["plan"]

    assert changes_of(plan)["python"] in {"update", "replace"}
    assert "python-changed" in reasons_of(plan, "package.alpha")
    assert _installed(applied, version) == {"alpha": "1.0", "beta": "1.0"}
    assert applied.python("import alpha, sys; alpha.main(); print(sys.version_info.minor)") == (
        f"alpha 1.0\n{version.partition('.')[2]}\n"
    )
    assert applied.is_settled()


def test_rollback_brings_the_former_python_back(applied: Project) -> None:
    version = _switch(applied)
    applied.apply()

    difference = applied.succeed("diff", "1", "2", "--json").json
    rolled = applied.succeed("rollback", "--json").json

    for before, after in (
        (difference["python"]["before"], difference["python"]["after"]),
        (rolled["python"]["after"], rolled["python"]["before"]),
    ):
        assert before.startswith(f"{PYTHON}.")
        assert after.startswith(f"{version}.")
    assert applied.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert applied.python("import alpha; alpha.main()") == "alpha 1.0\n"


def test_nothing_foreign_survives_another_python(applied: Project) -> None:
    applied.pip("--python", ".venv", "install", "--no-deps", "-i", applied.index.url, "gamma")
    applied.write_manifest("alpha", rest='[install]\nprune = "managed"')
    version = _switch(applied)

    plan = applied.apply()["plan"]

    assert changes_of(plan)["package.gamma"] == "delete"
    assert "python-changed" in reasons_of(plan, "package.gamma")
    assert set(_installed(applied, version)) == {"alpha", "beta"}


def test_a_lock_for_another_python_is_refused_where_it_must_not_change(applied: Project) -> None:
    _switch(applied)
    before = applied.snapshot()

    result = applied.run("apply", "--locked")

    assert (result.code, result.codes) == (1, ["not-locked-for"])
    assert applied.snapshot() == before


def test_the_environment_keeps_its_python_while_that_fits(applied: Project) -> None:
    text = applied.read("env.toml").replace(f'python = "{PYTHON}"', 'python = ">=3.11"')
    applied.write("env.toml", text)

    applied.apply()

    assert os.path.isdir(applied.site())


@pytest.mark.parametrize("prune", ["all", "managed", "never"])
def test_another_python_takes_nothing_foreign_along_and_says_so(applied: Project, prune: str) -> None:
    put_by_hand(applied, "stranger", "1.0")
    applied.write(".venv/bin/tool", "#!/bin/sh\n")
    applied.write(".venv/share/models/one.bin", "data")
    applied.write("env.toml", f'{applied.read("env.toml")}[install]\nprune = "{prune}"\n')
    assert applied.is_settled() == (prune != "all")
    version = _switch(applied)

    plan = applied.apply()["plan"]

    gone = ["package.stranger", 'file."bin/tool"', 'file."share/models"']
    assert {changes_of(plan)[address] for address in gone} == {"delete"}
    assert all("python-changed" in reasons_of(plan, address) for address in gone)
    assert _installed(applied, version) == {"alpha": "1.0", "beta": "1.0"}
    assert not os.path.exists(applied.path(".venv/share/models"))
    applied.succeed("rollback")
    assert applied.read(".venv/share/models/one.bin") == "data"
    assert "stranger" in applied.installed()
