"""The counts of a plan, for its last line."""

from __future__ import annotations

from envctl.plan.decide import decide
from envctl.plan.summary import add_downloads, summarise
from plan.builders import a_pin, a_plan, a_selection, a_state, an_interpreter, foreign, installed, nothing


def test_a_plan_without_changes_has_none() -> None:
    pin = a_pin("same")
    changes = decide(a_selection(pin), a_state(installed(pin)), interpreter=an_interpreter(), prune="all")

    summary = summarise(a_plan(*changes))

    assert (summary.no_op, summary.has_changes) == (3, False)


def test_a_lock_to_be_written_is_a_change() -> None:
    assert summarise(a_plan(lock_text="x")).has_changes


def test_downloads_are_those_that_the_store_lacks() -> None:
    changes = decide(
        a_selection(a_pin("a"), a_pin("b"), a_pin("c")), nothing(), interpreter=an_interpreter(), prune="all"
    )

    assert add_downloads(changes, {"a": 100, "b": None, "elsewhere": 7}) == 100


def test_what_is_right_has_to_be_fetched_too_when_a_generation_is_laid() -> None:
    right = a_pin("right")
    changes = decide(
        a_selection(right, a_pin("new")), a_state(installed(right)), interpreter=an_interpreter(), prune="all"
    )

    assert add_downloads(changes, {"right": 100, "new": 10}) == 110


def test_nothing_to_do_fetches_nothing() -> None:
    right = a_pin("right")
    changes = decide(a_selection(right), a_state(installed(right)), interpreter=an_interpreter(), prune="all")

    assert add_downloads(changes, {"right": 100}) == 0


def test_what_is_deleted_is_not_fetched() -> None:
    changes = decide(a_selection(), a_state(foreign("gone")), interpreter=an_interpreter(), prune="all")

    assert add_downloads(changes, {"gone": 100}) == 0
