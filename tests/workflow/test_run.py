"""`run` says when the environment is not what the lock wants, and looks at it only when it must."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from envctl.errors import MachineError
from envctl.workflow.activation import make_launch
from envctl.workflow.run import prepare_run
from support.places import Place


@pytest.fixture
def applied(place: Place) -> Place:
    place.write("alpha")
    place.apply()
    place.events.clear()
    return place


def remark(place: Place) -> str | None:
    return prepare_run(place.context, ("python",)).remark


def test_an_environment_that_its_receipt_vouches_for_is_not_looked_at(
    applied: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*_: object) -> None:
        raise AssertionError("it was looked at")

    monkeypatch.setattr("envctl.workflow.run.status", look)

    assert remark(applied) is None


def test_an_environment_that_drifted_gets_a_remark(applied: Place) -> None:
    (module,) = applied.venv.glob("lib/*/site-packages/beta/__init__.py")
    module.unlink()

    assert (
        remark(applied) == "the environment is not what the lock wants; `envctl plan` shows what would change"
    )


def test_a_lock_that_is_out_of_date_gets_a_remark(applied: Place) -> None:
    applied.write("alpha", "beta")

    assert remark(applied) == "the lock does not fit the manifest; `envctl plan` shows what would change"


def test_a_comment_in_the_manifest_gets_no_remark(applied: Place) -> None:
    with (applied.folder / "env.toml").open("a") as file:
        file.write("# nothing\n")

    assert remark(applied) is None


def test_without_an_environment_nothing_is_run(place: Place) -> None:
    place.write("alpha")

    with pytest.raises(MachineError, match="no environment"):
        remark(place)


def test_a_program_of_the_environment_goes_before_others(applied: Place) -> None:
    launch = make_launch(str(applied.venv), ("python", "-V"), {"PATH": os.path.dirname(sys.executable)})

    assert launch.argv == (str(applied.venv / "bin" / "python"), "-V")


def test_programs_are_found_as_the_standard_library_finds_them(applied: Place) -> None:
    path = {"PATH": os.pathsep.join(["", "/nowhere", os.environ["PATH"]])}
    for name in ("sh", "no-such-program", "bin", "./sh", "/bin/sh"):
        launch = make_launch(str(applied.venv), (name,), path)

        found = shutil.which(name, path=launch.environ["PATH"]) if os.sep not in name else name
        assert launch.argv == (found or name,)
