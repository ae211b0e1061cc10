"""What policy and the plan's last line ask of the store: hooks of wheels, and which wheels are there."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.model.artifact import Wheel
from envctl.model.selection import Selection
from envctl.policy.facts import Facts
from envctl.store.store import Store
from envctl.workflow.keys import WHEELS, wheel_key


def find_absent(selection: Selection, store: Store) -> Mapping[str, int | None]:
    """Name the pins whose wheel the store lacks, with its size in bytes where that is known."""
    return {
        name: pin.artifact.size
        for name, pin in selection.pins.items()
        if isinstance(pin.artifact, Wheel) and not store.has(WHEELS, wheel_key(pin.artifact))
    }


def gather_facts(selection: Selection, store: Store) -> Facts:
    """Gather what is known without fetching anything."""
    del selection, store
    return Facts()
