"""Receipts: written where an environment is right, and proof from the moment that others see it."""

from __future__ import annotations

import os

import pytest

from envctl.environment.untouched import list_untouched
from envctl.receipt import RECEIPT, read_receipt
from envctl.unchanged import is_unchanged
from envctl.workflow import apply as apply_module
from envctl.workflow.receipts import renew_receipt
from support.places import Place


def test_what_was_applied_is_known_by_its_digest(place: Place) -> None:
    place.write("alpha")
    place.apply()

    listed = list_untouched(str(place.venv))

    assert listed is not None
    assert {"alpha", "beta"} < listed.keys()


def test_a_receipt_that_was_lost_is_written_again(place: Place) -> None:
    place.write("alpha")
    place.apply()
    (place.venv / RECEIPT).unlink()

    assert place.apply().outcome == "nothing-to-do"
    assert is_unchanged(str(place.venv), str(place.folder / "env.toml"), "default")


def test_what_is_edited_just_as_a_receipt_is_renewed_is_not_vouched_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write("alpha")
    place.apply()
    (place.venv / RECEIPT).unlink()

    def edit_and_renew(environment: str, *arguments: object, **more: object) -> None:
        module = next(place.venv.rglob("alpha/__init__.py"))
        module.unlink()
        module.write_text("edited\n")
        renew_receipt(environment, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(apply_module, "renew_receipt", edit_and_renew)
    place.apply()

    assert not os.path.exists(place.venv / RECEIPT)
    assert [line.kind for line in place.plan().drift] == ["modified"]


def test_a_receipt_that_holds_is_renewed_as_it_was(place: Place) -> None:
    place.write("alpha")
    place.apply()
    before = read_receipt(str(place.venv / RECEIPT))

    place.apply()

    assert read_receipt(str(place.venv / RECEIPT)) == before
