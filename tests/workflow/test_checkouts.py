"""A saved plan is of a state, not of a place: another checkout in the same state may apply it."""

from __future__ import annotations

from pathlib import Path

import pytest

from envctl.plan.document import dump_plan
from envctl.workflow.saved import apply_saved
from support.backends import make_tree
from support.places import Place


def make_checkout(folder: Path, cache: str, *, editable: bool) -> Place:
    """A checkout with an applied environment that holds a folder of it."""
    place = Place(folder, cache)
    folder.mkdir()
    place.publish("alpha")
    make_tree(str(folder / "core"), "core")
    write(place, "core", editable=editable)
    place.apply()
    return place


def write(place: Place, *dependencies: str, editable: bool) -> None:
    source = f'[sources]\ncore = {{ path = "core", editable = {str(editable).lower()} }}'
    place.write(*dependencies, rest=source)


@pytest.mark.parametrize("editable", [True, False], ids=["editable", "installed"])
def test_a_plan_beside_a_folder_of_the_project_is_carried_out_in_another_checkout(
    tmp_path: Path, cache: str, *, editable: bool
) -> None:
    one = make_checkout(tmp_path / "one", cache, editable=editable)
    two = make_checkout(tmp_path / "two", cache, editable=editable)
    for place in (one, two):
        write(place, "core", "alpha", editable=editable)
    saved = tmp_path / "plan.json"
    saved.write_bytes(dump_plan(one.plan()))

    report = apply_saved(two.context, str(saved), confirm=lambda _: True, lock_timeout=5)

    assert report.outcome == "applied"
    assert [change.address for change in report.plan.changes if change.action == "create"] == [
        "package.alpha"
    ]
