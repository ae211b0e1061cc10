"""What others did to the environment is seen, named and mended."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from support.damages import ALL, TWENTY, furnish
from support.project import Project, changes_of, drift_of, reasons_of
from support.server import IndexServer
from torture.drift import run as damage_at_random


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One environment of a dozen packages for all kinds of damage: each test leaves it mended."""
    place = tmp_path_factory.mktemp("drift")
    (place / "shop").mkdir()
    (place / "cache/home").mkdir(parents=True)
    with IndexServer(place / "index", max_age=0) as index:
        project = Project(folder=os.fspath(place / "shop"), cache=os.fspath(place / "cache"), index=index)
        furnish(project)
        project.apply()
        yield project


@pytest.mark.parametrize("kind", ALL)
def test_damage_is_named_by_every_command_mended_and_gone(whole: Project, kind: str) -> None:
    """One story, because each damage would cost an environment of its own four times."""
    before = _tree(whole.snapshot())
    victim = next(iter(ALL[kind].victims), "")
    address, told, path = ALL[kind].do(whole, victim, random.Random(kind))

    plan = whole.run("plan", "--json", "--detailed-exitcode")
    status = whole.run("status", "--json", "--check")
    texts = [whole.run("plan").out, whole.run("status").out]

    assert (plan.code, status.code) == (2, 3)
    for document in (plan.json, status.json):
        assert (address, told, path) in [
            (each["address"], each["kind"], each["path"]) for each in document["drift"]
        ]
    for text in texts:
        assert [line for line in text.splitlines() if told in line.split() and path in line]
    assert whole.apply()["outcome"] == "applied"
    assert whole.run("plan", "--detailed-exitcode", "--verify", "hash").out == "No changes.\n"
    assert _tree(whole.snapshot()) == before


def test_there_are_twenty_kinds() -> None:
    assert len(TWENTY) == 20


def test_damages_at_random_are_all_told_and_mended() -> None:
    assert damage_at_random(8, seed=2026, say=False) == 0


def _tree(snapshot: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    """Leave out what is not the environment itself."""
    return {
        path: seen
        for path, seen in snapshot.items()
        if path.startswith(".venv/") and not path.startswith(".venv/.envctl/")
    }


def _rewrite(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _edit_same_size(project: Project) -> None:
    _rewrite(project.site("alpha", "part.py"), "VALUE = 2\n")


def _add_line(project: Project) -> None:
    with open(project.path(".venv", "pyvenv.cfg"), "a", encoding="utf-8") as file:
        file.write("home = /nowhere\n")


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
