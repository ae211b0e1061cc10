"""What others did to the environment is seen, named and mended."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from support.project import Project, changes_of, drift_of, reasons_of


@dataclass(frozen=True, slots=True)
class Damage:
    """A damage, and the lines of a plan that name it: address, kind, path in the environment."""

    do: Callable[[Project], object]
    address: str
    kind: str
    path: str


def _site(path: str) -> str:
    return os.path.relpath(Project.site(_NO_PROJECT, path), _NO_PROJECT.path(".venv"))


def _rewrite(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _edit_same_size(project: Project) -> None:
    _rewrite(project.site("alpha", "part.py"), "VALUE = 2\n")


def _edit_other_size(project: Project) -> None:
    _rewrite(project.site("alpha", "part.py"), "VALUE = 'something else'\n")


def _break_interpreter(project: Project) -> None:
    link = project.path(".venv", "bin", "python")
    os.unlink(link)
    os.symlink("/nowhere/python", link)


def _add_line(project: Project) -> None:
    with open(project.path(".venv", "pyvenv.cfg"), "a", encoding="utf-8") as file:
        file.write("home = /nowhere\n")


_NO_PROJECT = Project(folder="/", cache="", index=None)  # type: ignore[arg-type] # for paths alone

DAMAGES = {
    "edited-same-size": Damage(_edit_same_size, "package.alpha", "modified", _site("alpha/part.py")),
    "edited-other-size": Damage(_edit_other_size, "package.alpha", "modified", _site("alpha/part.py")),
    "module-deleted": Damage(
        lambda project: os.unlink(project.site("alpha", "part.py")),
        "package.alpha",
        "missing",
        _site("alpha/part.py"),
    ),
    "script-deleted": Damage(
        lambda project: os.unlink(project.path(".venv/bin/alpha")), "package.alpha", "missing", "bin/alpha"
    ),
    "record-deleted": Damage(
        lambda project: os.unlink(project.site("alpha-1.0.dist-info", "RECORD")),
        "package.alpha",
        "missing",
        _site("alpha-1.0.dist-info/RECORD"),
    ),
    "script-not-executable": Damage(
        lambda project: os.chmod(project.path(".venv/bin/alpha"), 0o644),
        "package.alpha",
        "mode",
        "bin/alpha",
    ),
    "file-added": Damage(
        lambda project: _rewrite(project.site("alpha", "more.py"), ""),
        "package.alpha",
        "added",
        _site("alpha/more.py"),
    ),
    "hook-added": Damage(
        lambda project: _rewrite(project.site("hook.pth"), "import sys\n"),
        f'file."{_site("hook.pth")}"',
        "added",
        _site("hook.pth"),
    ),
    "configuration-edited": Damage(_add_line, "environment", "modified", "pyvenv.cfg"),
    "interpreter-broken": Damage(_break_interpreter, "python", "interpreter", "bin/python"),
}


@pytest.fixture(params=DAMAGES.values(), ids=list(DAMAGES))
def damage(request: pytest.FixtureRequest) -> Damage:
    wanted: Damage = request.param
    return wanted


def test_damage_is_named_mended_and_gone(applied: Project, damage: Damage) -> None:
    """One story, because each damage would cost an environment of its own three times."""
    before = applied.snapshot()
    damage.do(applied)

    plan = applied.plan()

    assert (damage.address, damage.kind, damage.path) in [
        (each["address"], each["kind"], each["path"]) for each in plan["drift"]
    ]
    assert changes_of(plan)
    assert applied.apply()["outcome"] == "applied"
    assert applied.is_settled()
    assert _tree(applied.snapshot()) == _tree(before)
    assert applied.python("import alpha.part; print(alpha.part.VALUE)") == "1\n"


def _tree(snapshot: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    """Leave out what is not the environment itself."""
    return {
        path: seen
        for path, seen in snapshot.items()
        if path.startswith(".venv/") and not path.startswith(".venv/.envctl/")
    }


def test_a_drifted_package_is_replaced_because_of_drift(applied: Project) -> None:
    _edit_same_size(applied)

    plan = applied.plan()

    assert changes_of(plan) == {"package.alpha": "replace"}
    assert reasons_of(plan, "package.alpha") == {"drift"}


def test_the_text_of_a_plan_names_the_drifted_file_and_its_kind(applied: Project) -> None:
    _edit_same_size(applied)

    out = applied.succeed("plan").out

    line = next(line for line in out.splitlines() if "alpha/part.py" in line)
    assert "modified" in line


def test_what_is_wrong_with_the_environment_itself_reads_as_a_clause(applied: Project) -> None:
    os.unlink(applied.path(".venv", "bin", "python"))
    _add_line(applied)

    text = applied.succeed("plan").out

    assert "bin/python is missing" in text
    assert "pyvenv.cfg was modified (" in text


def test_an_edit_that_kept_size_and_time_is_seen_by_hash(applied: Project) -> None:
    path = applied.site("alpha", "part.py")
    status = os.stat(path)
    _edit_same_size(applied)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    plan = applied.plan("--verify", "hash")

    assert drift_of(plan) == {("modified", "part.py")}


def test_hashing_finds_nothing_in_an_environment_as_it_was_put(applied: Project) -> None:
    assert applied.is_settled("--verify", "hash")


def test_a_touched_file_of_the_same_content_is_no_drift(applied: Project) -> None:
    os.utime(applied.site("alpha", "part.py"))

    assert applied.is_settled()


def test_bytecode_that_python_wrote_is_no_drift(applied: Project) -> None:
    applied.execute([applied.path(".venv", "bin", "python"), "-I", "-c", "import alpha.part"])

    assert applied.is_settled()


def test_a_deleted_package_is_missing(applied: Project) -> None:
    applied.pip("--python", ".venv", "uninstall", "--yes", "beta")

    plan = applied.plan()

    assert changes_of(plan) == {"package.beta": "create"}
    assert "missing" in reasons_of(plan, "package.beta")


def test_another_version_put_in_by_pip_is_made_right(applied: Project) -> None:
    applied.publish("beta", "2.0")
    applied.pip("--python", ".venv", "install", "--no-deps", "-i", applied.index.url, "beta==2.0")

    report = applied.apply()

    assert ("version", "beta-2.0.dist-info") in drift_of(report["plan"])
    assert changes_of(report["plan"]) == {"package.beta": "update"}
    assert applied.installed()["beta"] == "1.0"


def test_a_deleted_environment_is_made_anew(applied: Project) -> None:
    os.rename(applied.path(".venv"), applied.path("elsewhere"))

    report = applied.apply()

    assert changes_of(report["plan"])["environment"] == "create"
    assert applied.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_status_names_drift_as_plan_does(applied: Project) -> None:
    _edit_same_size(applied)

    result = applied.run("status", "--check", "--json")

    assert result.code == 3
    assert drift_of(result.json) == {("modified", "part.py")}


def test_status_verifies_by_hash(applied: Project) -> None:
    path = applied.site("alpha", "part.py")
    status = os.stat(path)
    _edit_same_size(applied)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert applied.run("status", "--check", "--verify", "hash").code == 3
