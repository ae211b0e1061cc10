"""Goals that are kept: read again they are what reading would give, and whatever they depend on moves them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from envctl.manifest.manifest import Manifest
from envctl.model.state import State
from envctl.plan.goal import Goal
from envctl.workflow.context import Context, Run
from envctl.workflow.context import Place as EnvironmentPlace
from envctl.workflow.goals import recall_goal
from envctl.workflow.plan import find_goal, make_plan, open_run
from envctl.workflow.reading import read_goal
from envctl.workflow.results import PlanOptions
from support.places import Place


class Refusing:
    """A reader for those who need none."""

    def read_manifest(self, context: Context) -> Manifest:
        raise AssertionError("the manifest was read")

    def find_place(self, context: Context) -> EnvironmentPlace:
        raise AssertionError("the manifest was read")

    def read_goal(self, run: Run, options: PlanOptions) -> tuple[Goal, State]:
        raise AssertionError("manifest and lock were read")


@pytest.fixture
def planned(place: Place) -> Place:
    """Have a lock, no environment, and a goal that is kept."""
    place.write("alpha", rest='[policy]\nmin-age = { mode = "warn", age = "3 days" }')
    place.apply()
    shutil.rmtree(place.venv)
    place.plan()
    return place


def test_a_kept_goal_is_what_reading_gives(planned: Place) -> None:
    kept = recall_goal(planned.context)

    assert kept is not None
    assert kept.goal == read_goal(open_run(planned.context), PlanOptions())[0]
    assert set(kept.goal.selection.pins) == {"alpha", "beta"}


def test_a_plan_with_a_kept_goal_reads_neither_manifest_nor_lock(planned: Place) -> None:
    expected = planned.plan()

    plan = make_plan(replace(planned.context, reader=Refusing()), PlanOptions())

    assert plan == expected
    assert not plan.is_empty


MOVES: dict[str, Callable[[Place], object]] = {
    "the manifest": lambda place: place.write("alpha", "beta"),
    "the lock": lambda place: (place.folder / "pylock.toml").write_text(
        (place.folder / "pylock.toml").read_text() + "# by hand\n"
    ),
    "no lock": lambda place: (place.folder / "pylock.toml").unlink(),
    "what is kept": lambda place: [
        path.write_bytes(b"x") for path in Path(place.cache, "goals-v1").rglob("*/*")
    ],
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
def test_a_goal_is_read_again_after_a_change_of(planned: Place, move: Callable[[Place], object]) -> None:
    move(planned)

    assert recall_goal(planned.context) is None


def test_a_goal_is_of_one_version_of_envctl(planned: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envctl.made.VERSION", "0")

    assert recall_goal(planned.context) is None


def test_a_goal_is_of_the_interpreter_as_it_was(planned: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envctl.receipt.describe_file", lambda path: f"other {path}")

    assert recall_goal(planned.context) is None


def test_a_goal_is_of_an_environment_with_the_interpreter_that_was_there(planned: Place) -> None:
    kept = recall_goal(planned.context)
    planned.apply()

    goal, state = find_goal(open_run(planned.context), PlanOptions())

    assert kept is not None
    assert state.executable is not None
    assert not kept.fits(state)
    assert goal.interpreter.executable == state.executable


def test_where_there_is_a_choice_a_goal_is_of_the_interpreters_to_choose_from(
    place: Place, tmp_path: Path
) -> None:
    folder = tmp_path / "pythons"
    folder.mkdir()
    (folder / "python3").symlink_to(os.path.realpath(sys.executable))
    lines = ['dependencies = ["alpha"]', "[[index]]", 'name = "here"', 'url = "wheels"', "flat = true"]
    (place.folder / "env.toml").write_text("\n".join(lines) + "\n")
    place.settings["environ"] = {"PATH": str(folder), "HOME": str(tmp_path), "CI": "true"}
    place.apply()
    shutil.rmtree(place.venv)
    place.plan()
    assert recall_goal(place.context) is not None

    another = folder / "python3.99"
    another.write_text("#!/bin/sh\n")
    another.chmod(0o755)

    assert recall_goal(place.context) is None


def test_metadata_of_a_path_source_moves_a_goal(place: Place) -> None:
    source = place.folder / "core"
    source.mkdir()
    (source / "pyproject.toml").write_text('[project]\nname = "core"\nversion = "1"\n')
    place.write("alpha", "core", rest='[sources]\ncore = { path = "core" }')
    place.settings["offline"] = True
    place.plan()
    context = place.context
    kept = recall_goal(context)
    assert kept is None  # its lock was made in memory only

    run = open_run(context)
    try:
        goal, state = run.context.reader.read_goal(run, PlanOptions())
    finally:
        run.close()
    (place.folder / "pylock.toml").write_text(goal.lock.text or "")
    place.plan()
    assert recall_goal(context) is not None

    (source / "setup.cfg").write_text("[metadata]\n")

    assert state.executable is None
    assert recall_goal(context) is None
