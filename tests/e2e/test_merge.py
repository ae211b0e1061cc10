"""Environments that are changed file by file, as a user sees them: the same results as by exchange."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest

from support.project import INTERPRETER, Project, installed_in

MERGE = '[install]\nswitch = "merge"\n'


def begin(project: Project, rest: str = "") -> None:
    for version in ("1", "2"):
        files = {"tool/__init__.py": f"V = {version}\n", "tool/data.txt": version, f"tool/m{version}.py": ""}
        project.publish("tool", version, files=files, scripts={"tool": "tool:x"})
    project.publish("other", "1", files={"other/__init__.py": ""})
    project.write_manifest("tool==1", "other", rest=MERGE + rest)
    project.succeed("apply")


def test_the_plan_names_the_switch_and_why(project: Project) -> None:
    begin(project)
    project.write_manifest("tool==2", "other", rest=MERGE)

    plan = project.plan()

    assert plan["environment"]["switch"] == "merge"
    assert "merge" in [each["code"] for each in plan["diagnostics"]]
    text = project.succeed("plan").out
    assert "note: `.venv` is changed file by file (`merge`), because `[install] switch` says so" in text


def test_a_saved_plan_is_applied_by_merge(project: Project) -> None:
    begin(project)
    project.write_manifest("tool==2", "other", rest=MERGE)
    project.succeed("plan", "--out", "plan.json")

    project.succeed("apply", "plan.json")

    assert installed_in(project.path(".venv")) == {"tool": "2", "other": "1"}
    assert project.is_settled("--verify", "hash")
    assert "Already applied" in project.succeed("apply", "plan.json").out


def _edit(path: str) -> None:
    status = os.stat(path)
    with open(path, "r+b") as file:
        data = file.read()
        file.seek(0)
        file.write(bytes([data[0] ^ 1]) + data[1:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _link(path: str) -> None:
    os.unlink(path)
    os.symlink("/etc/hostname", path)


def _append(path: str) -> None:
    with open(path, "a") as file:
        file.write("# added\n")


def _relink(path: str) -> None:
    os.unlink(path)
    os.symlink("/nowhere/python", path)


def _link_package(project: Project) -> None:
    os.rename(project.site("tool"), project.path("checkout"))
    os.symlink(project.path("checkout"), project.site("tool"))


def _file_for_folder(project: Project) -> None:
    shutil.rmtree(project.site("tool"))
    _append(project.site("tool"))


DAMAGE: dict[str, Callable[[Project], None]] = {
    "a module deleted": lambda p: os.unlink(p.site("tool/__init__.py")),
    "a module edited": lambda p: _append(p.site("tool/m1.py")),
    "a module edited, size and time kept": lambda p: _edit(p.site("tool/__init__.py")),
    "a module replaced by a link": lambda p: _link(p.site("tool/m1.py")),
    "a module made unreadable": lambda p: os.chmod(p.site("tool/m1.py"), 0),
    "a package replaced by a link": _link_package,
    "a script deleted": lambda p: os.unlink(p.path(".venv/bin/tool")),
    "a script's mode lost": lambda p: os.chmod(p.path(".venv/bin/tool"), 0o644),
    "dist-info deleted": lambda p: shutil.rmtree(p.site("tool-1.dist-info")),
    "RECORD deleted": lambda p: os.unlink(p.site("tool-1.dist-info/RECORD")),
    "a module added": lambda p: _append(p.site("tool/added.py")),
    "pyvenv.cfg edited": lambda p: _append(p.path(".venv/pyvenv.cfg")),
    "the interpreter's link broken": lambda p: _relink(p.path(".venv/bin/python")),
    "a start-up hook added": lambda p: _append(p.site("evil.pth")),
    "the file list deleted": lambda p: os.unlink(p.path(".venv/.envctl/inventory")),
    "a folder replaced by a file": _file_for_folder,
}


@pytest.mark.parametrize("link", ["auto", "copy"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_drift_is_mended(project: Project, damage: Callable[[Project], None], link: str) -> None:
    begin(project, rest=f'link = "{link}"\n')
    damage(project)

    assert not project.is_settled("--verify", "hash")
    project.succeed("apply", "--verify", "hash")

    assert project.is_settled("--verify", "hash")
    assert project.succeed("run", "python", "-c", "import tool, tool.m1; print(tool.V)").out == "1\n"


def test_foreign_things_are_pruned_or_kept_and_come_back(project: Project) -> None:
    begin(project)
    project.write(os.path.relpath(project.site("byhand", "mod.py"), project.folder), "mine\n")
    project.write(".venv/share/model.bin", "data\n")
    project.write(os.path.relpath(project.site("tool", "cache.db"), project.folder), "cached\n")

    project.write_manifest("tool==2", "other", rest=MERGE + 'prune = "managed"\n')
    project.succeed("apply")
    assert project.is_settled()
    assert os.path.exists(project.site("byhand/mod.py"))

    project.write_manifest("tool==2", "other", rest=MERGE)
    project.succeed("apply")
    assert not os.path.exists(project.site("byhand"))
    assert project.read(".venv/share/model.bin") == "data\n"
    assert os.path.exists(project.site("tool/cache.db"))
    assert project.is_settled()

    project.succeed("rollback")
    assert os.path.exists(project.site("byhand/mod.py"))


def test_a_package_goes_with_all_that_it_had(project: Project) -> None:
    begin(project)
    project.succeed("run", "python", "-c", "import tool.m1")

    project.write_manifest("other", rest=MERGE)
    project.succeed("apply")

    assert installed_in(project.path(".venv")) == {"other": "1"}
    assert not os.path.exists(project.site("tool"))
    assert not os.path.exists(project.path(".venv/bin/tool"))
    assert project.is_settled("--verify", "hash")


def test_an_environment_of_others_is_adopted_file_by_file(project: Project) -> None:
    project.publish("tool", "1", files={"tool/__init__.py": "V = 1\n"})
    project.execute([INTERPRETER, "-m", "venv", project.path(".venv")])
    project.write_manifest("tool", rest=MERGE)

    project.succeed("apply", "--adopt")

    assert project.is_settled("--verify", "hash")
    project.succeed("rollback", "0")
    assert not os.path.exists(project.path(".venv/.envctl/generation.json"))
    assert os.path.exists(project.path(".venv/bin/Activate.ps1"))
