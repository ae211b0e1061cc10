"""What shapes a plan beside manifest, lock and environment."""

from __future__ import annotations

import pytest

from envctl.errors import Problems, UsageError
from support.places import Place


def test_a_reinstallation_of_what_is_not_selected_is_wrong_usage(place: Place) -> None:
    place.write("alpha")

    with pytest.raises(UsageError) as caught:
        place.plan(reinstall=frozenset({"betta"}))

    assert caught.value.code == "not-selected"
    assert caught.value.hints == ("did you mean `beta`?",)


def test_all_that_cannot_be_reinstalled_is_told_together(place: Place) -> None:
    place.write("alpha")

    with pytest.raises(Problems) as caught:
        place.plan(reinstall=frozenset({"one", "two", "beta"}))

    assert [each.code for each in caught.value.errors] == ["not-selected", "not-selected"]


def test_what_is_selected_is_reinstalled(place: Place) -> None:
    place.write("alpha")
    place.apply()

    plan = place.plan(reinstall=frozenset({"beta"}))

    assert [change.address for change in plan.changes if change.action == "replace"] == ["package.beta"]
