"""What policy and the plan's last line ask of store and lock: hooks, yanked releases, absent wheels."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from envctl.model.artifact import Directory
from envctl.model.selection import Pin, Selection
from envctl.model.tables import PolicySettings
from envctl.plan.goal import Goal
from envctl.policy.facts import Facts, HookFile
from envctl.store.store import Store
from envctl.transaction.blueprint import Placed
from envctl.workflow.built import find_places
from envctl.workflow.keys import WHEELS, as_wheel, wheel_key
from envctl.workflow.receipts import read_built

#: Lines of a hook that are told; the rest is counted.
MOST_LINES = 3

#: Finds the unpacked wheel of a pin: the folder of its files, and what the store remembers of it.
FindWheel = Callable[[Pin], tuple[str, Mapping[str, object]] | None]


def find_absent(selection: Selection, store: Store) -> Mapping[str, int | None]:
    """Name the pins whose wheel the store lacks, with its size in bytes where that is known."""
    wheels = {name: as_wheel(pin.artifact) for name, pin in selection.pins.items()}
    return {
        name: wheel.size
        for name, wheel in wheels.items()
        if wheel is not None and not store.has(WHEELS, wheel_key(wheel))
    }


def look_into_store(store: Store, goal: Goal, environ: Mapping[str, str]) -> FindWheel:
    """Find wheels in the store; those that are not there yet are not known."""
    laid = read_built(goal.path)

    def find(pin: Pin) -> tuple[str, Mapping[str, object]] | None:
        place = find_places(store, [pin], goal.build, goal.interpreter, environ, laid=laid).get(pin.name)
        return None if place is None else store.describe(*place)

    return find


def look_into_placed(placed: Iterable[Placed]) -> FindWheel:
    """Find wheels among those that are about to be laid."""
    wheels = {each.pin.name: (each.wheel.tree, each.wheel.about) for each in placed}
    return lambda pin: wheels.get(pin.name)


def gather_facts(goal: Goal, find: FindWheel) -> Facts:
    """Gather what the rules that are on ask; nothing is fetched for it."""
    return Facts(
        yanked=goal.yanked if _is_on(goal.policy, "yanked") else None,
        status=goal.status if _is_on(goal.policy, "archived") else None,
        hooks=_find_hooks(goal.selection, find) if _is_on(goal.policy, "startup-hooks") else None,
    )


def _is_on(policy: PolicySettings, name: str) -> bool:
    rule = policy.rules.get(name)
    return rule is not None and rule.mode != "off"


def _find_hooks(selection: Selection, find: FindWheel) -> Mapping[str, tuple[HookFile, ...]]:
    hooks: dict[str, tuple[HookFile, ...]] = {}
    for name, pin in selection.pins.items():
        if isinstance(pin.artifact, Directory):
            hooks[name] = ()  # the author's own
        elif (wheel := find(pin)) is not None:
            hooks[name] = _read_hooks(*wheel)
    return hooks


def _read_hooks(tree: str, about: Mapping[str, object]) -> tuple[HookFile, ...]:
    paths = about.get("startup_hooks")
    hooks = []
    for path in paths if isinstance(paths, list) else ():
        lines = _read_lines(os.path.join(tree, *str(path).split("/")))
        if lines:
            hooks.append(HookFile(path=_within_site(str(path)), lines=_shorten(lines)))
    return tuple(hooks)


def _within_site(path: str) -> str:
    """Write a path in the tree of a wheel relative to site-packages."""
    return path.removeprefix("site/") if path.startswith("site/") else path.rpartition("site-packages/")[2]


def _read_lines(path: str) -> Sequence[str]:
    """Read the lines of a hook that run. A ``.pth`` that only adds folders runs none.

    Source: the documentation of `site`: of a ``.pth`` lines that begin with ``import`` are executed.
    """
    if not path.endswith((".pth", ".py")):
        return ("compiled code",)
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as file:
            lines = [line.strip() for line in file]
    except OSError as error:
        return (f"cannot be read: {error.strerror}",)
    if path.endswith(".pth"):
        return [line for line in lines if line.startswith(("import ", "import\t"))]
    return [line for line in lines if line and not line.startswith("#")]


def _shorten(lines: Sequence[str]) -> tuple[str, ...]:
    rest = len(lines) - MOST_LINES
    more = (f"and {rest} more lines",) if rest > 0 else ()
    return (*(line if len(line) <= 200 else f"{line[:200]}…" for line in lines[:MOST_LINES]), *more)
