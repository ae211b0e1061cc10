"""The wheels of a selection in the store, with their bytecode: what staging lays.

What is in the store is taken from there; only what is missing makes the remote side, and with it the
network, necessary.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from envctl.model.artifact import Directory
from envctl.model.selection import Pin
from envctl.plan.goal import Goal
from envctl.store.entry import Entry
from envctl.store.store import Store
from envctl.transaction.blueprint import Placed
from envctl.workflow.built import find_places
from envctl.workflow.context import Run
from envctl.workflow.direct_url import format_direct_url
from envctl.workflow.keys import BYTECODE, as_wheel, bytecode_key
from envctl.workflow.receipts import read_built


def obtain(
    run: Run,
    goal: Goal,
    *,
    compiled: bool,
    anew: Collection[str] = frozenset(),
    doubted: Collection[str] = frozenset(),
) -> tuple[Placed, ...]:
    """Bring the wheel of every pin into the store; if ``compiled``, pair it with bytecode that is there.

    What is there already is found; its files are looked at by who lays them, those of the ``doubted``
    projects here. ``anew`` names the projects whose build tools are to be chosen anew, if they have to be
    built. Where no index can be asked, nothing can move.

    Raises:
        UpstreamError, BuildError, MachineError: as fetching, building and the store do.
    """
    pins = [goal.selection.pins[name] for name in sorted(goal.selection.pins)]
    moving = frozenset() if run.context.settings.offline else frozenset(anew)
    entries = find_stored(run, goal, [pin for pin in pins if not _is_moving(pin, moving)], doubted)
    fetched: dict[str, Entry] = {}
    while missing := [pin for pin in pins if pin.name not in entries]:
        fetched |= run.remote(goal.interpreter).obtain(missing, anew=moving)
        # That takes its time: what lay there before may have been purged.
        kept = [pin for pin in pins if pin.name not in fetched]
        entries = {**find_stored(run, goal, kept, doubted), **fetched}
    found = _find_bytecode(run, goal, entries, doubted) if compiled else {}
    return tuple(
        Placed(
            pin=pin,
            wheel=entries[pin.name],
            bytecode=found.get(pin.name),
            direct_url=format_direct_url(pin.artifact),
        )
        for pin in pins
    )


def _is_moving(pin: Pin, names: Collection[str]) -> bool:
    return pin.name in names and as_wheel(pin.artifact) is None


def find_stored(
    run: Run, goal: Goal, pins: Sequence[Pin], doubted: Collection[str] = frozenset()
) -> Mapping[str, Entry]:
    """Find what is in the store; by project name. The files of those ``doubted`` are looked at.

    What was built is what the environment was laid from, if it is there and nothing moved that went in.
    """
    environ, laid = run.context.settings.environ, read_built(goal.path)
    places = find_places(run.store, pins, goal.build, goal.interpreter, environ, laid=laid)
    found = _find(run.store, places, doubted)
    return {
        pin.name: entry
        for pin in pins
        if (entry := found.get(pin.name)) is not None
        and (not entry.about.get("record_faults") or accepts_faults(goal, pin))
    }


def accepts_faults(goal: Goal, pin: Pin) -> bool:
    """Whether the manifest lets a wheel in whose RECORD is wrong."""
    return isinstance(pin.artifact, Directory) or pin.name in goal.install.accept_bad_record


def _find_bytecode(
    run: Run, goal: Goal, wheels: Mapping[str, Entry], doubted: Collection[str]
) -> Mapping[str, Entry]:
    """Find what the store has of the bytecode of wheels, for the interpreter; by project name."""
    places = {name: (BYTECODE, bytecode_key(wheel, goal.interpreter)) for name, wheel in wheels.items()}
    return _find(run.store, places, doubted)


def _find(
    store: Store, places: Mapping[str, tuple[str, str]], doubted: Collection[str]
) -> Mapping[str, Entry]:
    entries = dict(zip(places, store.find_all(list(places.values())), strict=True))
    found = {name: entry for name, entry in entries.items() if entry is not None}
    # The policy reads startup hooks before they are laid.
    looked_at = [name for name in found if name in doubted or found[name].about.get("startup_hooks")]
    with store.translated():
        confirmed = store.confirm_all([found[name] for name in looked_at])
    right = dict(zip(looked_at, confirmed, strict=True))
    return {name: now for name, entry in found.items() if (now := right.get(name, entry)) is not None}
