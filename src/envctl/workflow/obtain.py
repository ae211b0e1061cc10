"""The wheels of a selection in the store, with their bytecode: what staging lays.

What is in the store is taken from there; only what is missing makes the remote side, and with it the
network, necessary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envctl.errors import BuildError
from envctl.model.artifact import Directory
from envctl.model.selection import Pin, Selection
from envctl.store.entry import Entry
from envctl.transaction.blueprint import Placed
from envctl.workflow.direct_url import format_direct_url
from envctl.workflow.keys import BYTECODE, bytecode_key, entry_place
from envctl.workflow.prepare import Run, Situation


def obtain(run: Run, situation: Situation, selection: Selection) -> tuple[Placed, ...]:
    """Bring the wheel of every pin into the store, and pair it with its bytecode where that is there.

    Raises:
        UpstreamError, BuildError, MachineError: as fetching, building and the store do.
    """
    pins = [selection.pins[name] for name in sorted(selection.pins)]
    entries = find_stored(run, situation, pins)
    missing = [pin for pin in pins if pin.name not in entries]
    if missing:
        remote = run.remote(situation.manifest, situation.interpreter)
        entries = {**entries, **remote.obtain(missing)}
    compiled = situation.compile != "false"
    return tuple(
        Placed(
            pin=pin,
            wheel=entries[pin.name],
            bytecode=find_bytecode(run, situation, entries[pin.name]) if compiled else None,
            direct_url=format_direct_url(pin.artifact),
        )
        for pin in pins
    )


def find_stored(run: Run, situation: Situation, pins: Sequence[Pin]) -> Mapping[str, Entry]:
    """Take from the store what is there, checked; by project name.

    Raises:
        BuildError: `source-not-supported` for kinds of sources that are not installed yet.
    """
    found = {}
    for pin in pins:
        where = entry_place(pin, situation.manifest.build, situation.interpreter)
        if where is None:
            raise BuildError(
                "source-not-supported", f"the source of `{pin.name}` is of a kind not installed yet"
            )
        entry = run.store.get(*where)
        if entry is not None and (not entry.about.get("record_faults") or accepts_faults(situation, pin)):
            found[pin.name] = entry
    return found


def accepts_faults(situation: Situation, pin: Pin) -> bool:
    """Whether the manifest lets a wheel in whose RECORD is wrong."""
    return isinstance(pin.artifact, Directory) or pin.name in situation.manifest.install.accept_bad_record


def find_bytecode(run: Run, situation: Situation, entry: Entry) -> Entry | None:
    """Take the bytecode of a wheel for the interpreter from the store, if it is there."""
    return run.store.get(BYTECODE, bytecode_key(entry, situation.interpreter))
