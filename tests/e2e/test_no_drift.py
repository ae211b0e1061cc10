"""What programs and people do to an environment all day, and what therefore never shows."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.damages import SITE, furnish
from support.project import Project
from support.server import IndexServer


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One environment of a dozen packages; what is done to it is no drift, so nobody mends it."""
    place = tmp_path_factory.mktemp("no-drift")
    (place / "shop").mkdir()
    (place / "cache/home").mkdir(parents=True)
    with IndexServer(place / "index", max_age=0) as index:
        project = Project(folder=os.fspath(place / "shop"), cache=os.fspath(place / "cache"), index=index)
        furnish(project)
        project.apply()
        yield project


def _files(project: Project) -> list[Path]:
    venv = Path(project.path(".venv"))
    return [path for path in venv.rglob("*") if path.is_file() and not path.is_symlink()]


def _touch(project: Project, *names: str) -> None:
    for name in names:
        path = Path(project.site(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def _import_all(project: Project, python: str, *options: str) -> None:
    code = "import part0.app, part1.deep.er, single, space.a, space.b, manual"
    path = f"import sys; sys.path.insert(0, {project.site()!r}); "
    subprocess.run([python, *options, "-c", path + code], check=True)


def _compile_beside(project: Project) -> None:
    command = [project.path(".venv/bin/python"), "-m", "compileall", "-b", "-q", project.site("part4")]
    subprocess.run(command, check=True)


def _change_modes(project: Project, taken: int, given: int) -> None:
    for path in _files(project):
        path.chmod((stat.S_IMODE(path.stat().st_mode) & ~taken) | given)


def _change_folders(project: Project) -> None:
    for folder, _, _ in os.walk(project.path(".venv")):
        os.utime(folder, (1, 1))


def _change_owner(project: Project) -> None:
    for path in _files(project):
        os.chown(path, 1234, 1234)


EVERYDAY: dict[str, Callable[[Project], object]] = {
    "bytecode": lambda project: _import_all(project, project.path(".venv/bin/python")),
    "optimised bytecode": lambda project: _import_all(project, project.path(".venv/bin/python"), "-OO"),
    "bytecode beside its source": _compile_beside,
    "bytecode that pytest rewrote": lambda project: _touch(
        project, "part0/__pycache__/app.cpython-313-pytest-9.2.0.pyc"
    ),
    "numba's cache": lambda project: _touch(
        project, "part0/__pycache__/app.f-1.py313.nbi", "part0/app.f-1.py313.nbi", "part0/app.f-1.py313.1.nbc"
    ),
    "litter": lambda project: _touch(
        project,
        *(
            f"part1/{name}"
            for name in (".DS_Store", "._app.py", "Thumbs.db", ".nfs0001", ".lock", ".gitignore")
        ),
        *(f"part1/{name}" for name in ("app.py~", ".app.py.swp", ".#app.py", "#app.py#", "CACHEDIR.TAG")),
        "part1/.ipynb_checkpoints/app-checkpoint.py",
        ".DS_Store",
    ),
    "times of folders": _change_folders,
    "a group that may write": lambda project: _change_modes(project, 0, 0o020),
    "nobody else that may read": lambda project: _change_modes(project, 0o077, 0),
    "the umask of everybody": lambda project: _change_modes(project, 0o077, 0o044),
}


@pytest.mark.parametrize("what", EVERYDAY)
def test_what_happens_every_day_never_shows(whole: Project, what: str) -> None:
    EVERYDAY[what](whole)

    _demand_nothing(whole)


def test_bytecode_of_another_python_never_shows(whole: Project) -> None:
    minor = f"python3.{11 if sys.version_info.minor != 11 else 12}"
    other = shutil.which(minor)
    if other is None or subprocess.run([other, "-c", ""], check=False).returncode:
        pytest.skip(f"there is no {minor}")

    _import_all(whole, other)

    _demand_nothing(whole)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to give files away")
def test_files_of_another_user_never_show(whole: Project) -> None:
    _change_owner(whole)

    _demand_nothing(whole)


def _demand_nothing(project: Project) -> None:
    plan = project.run("plan", "--detailed-exitcode", "--json")
    status = project.run("status", "--check", "--json")

    assert (plan.code, status.code) == (0, 0), plan.out
    assert plan.json["drift"] == status.json["drift"] == []
    assert project.run("plan").out == "No changes.\n"


def _copy_tree(project: Project, *command: str) -> None:
    """Let a command copy the environment to `copy`, and put that in its place."""
    venv, copy = project.path(".venv"), project.path("copy")
    os.makedirs(copy, exist_ok=True)
    subprocess.run(command, check=True, cwd=project.folder)
    shutil.rmtree(venv)
    os.rename(copy, venv)


def _needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"there is no {' and no '.join(missing)}")


SHELL = ("sh", "-c")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            (*SHELL, "tar -c --format=ustar -C .venv . | tar -x -C copy"), id="tar", marks=_needs("tar")
        ),
        pytest.param(("cp", "-a", ".venv/.", "copy"), id="cp -a", marks=_needs("cp")),
        pytest.param(("rsync", "-a", ".venv/", "copy"), id="rsync -a", marks=_needs("rsync")),
    ],
)
def test_a_copy_that_keeps_times_is_clean_and_nothing_is_said(
    applied: Project, command: tuple[str, ...]
) -> None:
    _copy_tree(applied, *command)

    result = applied.run("plan", "--detailed-exitcode")

    assert (result.code, result.out) == (0, "No changes.\n")
    assert "timestamps" not in result.err


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("cp", "-r", "-P", ".venv/.", "copy"), id="cp -r", marks=_needs("cp")),
        pytest.param(("rsync", "-rlp", ".venv/", "copy"), id="rsync -rlp", marks=_needs("rsync")),
        pytest.param(
            (*SHELL, "tar -c --mtime=@1700000000 -C .venv . | tar -x -C copy"),
            id="tar --mtime",
            marks=_needs("tar"),
        ),
    ],
)
def test_a_copy_with_other_times_is_read_once_and_told_in_one_line(
    applied: Project, command: tuple[str, ...]
) -> None:
    _copy_tree(applied, *command)

    first = applied.run("plan", "--detailed-exitcode")
    status = applied.run("status", "--check")
    report = applied.apply()
    then = applied.run("plan", "--detailed-exitcode", "--verify", "hash")

    assert (first.code, first.out, status.code) == (0, "No changes.\n", 0)
    assert [line for line in first.err.splitlines() if "timestamps changed" in line and "(copied?)" in line]
    assert "timestamps" in status.err
    assert report["outcome"] == "nothing-to-do"
    assert (then.code, then.err) == (0, "")


def test_an_edit_in_a_copy_with_other_times_is_found(applied: Project) -> None:
    _copy_tree(applied, "cp", "-r", "-P", ".venv/.", "copy")
    Path(applied.site("alpha/part.py")).write_text("VALUE = 2\n")

    plan = applied.plan()
    applied.apply()

    assert [each["path"] for each in plan["drift"]] == [f"{SITE}/alpha/part.py"]
    assert applied.run("plan", "--detailed-exitcode", "--verify", "hash").code == 0


def test_a_few_touched_files_are_not_worth_a_line(applied: Project) -> None:
    os.utime(applied.site("alpha", "part.py"))

    result = applied.run("plan", "--detailed-exitcode")

    assert (result.code, result.err) == (0, "")


def test_an_apply_remembers_the_times_that_it_had_to_read_for(applied: Project) -> None:
    inventory = applied.path(".venv", ".envctl", "inventory")
    path = applied.site("alpha", "part.py")
    os.utime(path, ns=(0, 1_234_567_890))

    applied.apply()

    with open(inventory, encoding="utf-8") as file:
        assert f"{SITE}/alpha/part.py\t10\t1234567890\t-\t" in file.read()
    assert applied.is_settled()
