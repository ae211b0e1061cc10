"""The laws of `decide`, for any selection and any state."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.model.selection import Selection
from envctl.model.state import DriftKind, Owner, State
from envctl.plan.address import format_file, parse_file, parse_package
from envctl.plan.carry import carried
from envctl.plan.change import Action, ReasonKind, Side
from envctl.plan.decide import decide, has_other_minor
from envctl.plan.digest import digest_installed, digest_planned
from envctl.plan.origin import is_same_origin
from envctl.plan.replay import replay
from envctl.plan.versions import is_same_version
from plan.builders import EXECUTABLE, PRUNES, an_interpreter, selections, states

prunes = st.sampled_from(PRUNES)
INTERPRETER = an_interpreter()


@given(selections, states(), prunes)
def test_replaying_a_plan_satisfies_the_selection(selection: Selection, state: State, prune: str) -> None:
    changes = decide(selection, state, interpreter=INTERPRETER, prune=prune)

    after = replay(changes, state, selection)

    assert after.owner is Owner.ENVCTL
    assert (after.python, after.executable) == ("3.11.7", EXECUTABLE)
    for name, pin in selection.pins.items():
        found = after.distributions[name]
        assert pin.version is None or is_same_version(found.version, pin.version)
        assert is_same_origin(found, pin.artifact)
        assert found.intact


@given(selections, states())
def test_after_a_plan_that_prunes_all_only_a_pip_is_left_of_what_nobody_asked_for(
    selection: Selection, state: State
) -> None:
    changes = decide(selection, state, interpreter=INTERPRETER, prune="all")

    after = replay(changes, state, selection)

    assert set(after.distributions) - set(selection.pins) <= {"pip"}
    assert all(file.data for file in after.foreign)
    # Only lines about what others have replaced, and rightly, outlive a plan that changes nothing.
    others = {f"package.{name}" for name, found in after.distributions.items() if not found.managed}
    assert all(line.kind is DriftKind.FOREIGN or line.address in others for line in after.drift)


@pytest.mark.parametrize("prune", PRUNES)
def test_deciding_again_gives_nothing_to_do(prune: str) -> None:
    @given(selections, states())
    def law(selection: Selection, state: State) -> None:
        after = replay(decide(selection, state, interpreter=INTERPRETER, prune=prune), state, selection)

        again = decide(selection, after, interpreter=INTERPRETER, prune=prune)

        assert {change.action for change in again} == {Action.NO_OP}

    law()


@given(selections, states(), prunes, st.integers())
def test_the_order_of_inputs_does_not_matter(
    selection: Selection, state: State, prune: str, seed: int
) -> None:
    random = Random(seed)
    pins, distributions = list(selection.pins.items()), list(state.distributions.items())
    drift, foreign = list(state.drift), list(state.foreign)
    for entries in (pins, distributions, drift, foreign):
        random.shuffle(entries)

    shuffled = decide(
        replace(selection, pins=dict(pins)),
        replace(state, distributions=dict(distributions), drift=tuple(drift), foreign=tuple(foreign)),
        interpreter=INTERPRETER,
        prune=prune,
    )

    assert shuffled == decide(selection, state, interpreter=INTERPRETER, prune=prune)


@given(selections, states(), prunes)
def test_every_change_has_a_reason_and_an_address_of_its_own(
    selection: Selection, state: State, prune: str
) -> None:
    changes = decide(selection, state, interpreter=INTERPRETER, prune=prune)

    assert all(change.reasons and all(reason.text for reason in change.reasons) for change in changes)
    addresses = [change.address for change in changes]
    assert addresses == sorted(set(addresses))


@given(selections, states(), prunes)
def test_sides_say_what_is_there_before_and_after(selection: Selection, state: State, prune: str) -> None:
    for change in decide(selection, state, interpreter=INTERPRETER, prune=prune):
        assert (change.before is None) == (change.action is Action.CREATE)
        assert (change.after is None) == (change.action is Action.DELETE)


@given(selections, states(), st.sampled_from(("managed", "never")))
def test_nothing_foreign_is_deleted_unless_prune_is_all(
    selection: Selection, state: State, prune: str
) -> None:
    if has_other_minor(state, INTERPRETER):
        return
    hooks = {format_file(line.path) for line in state.drift if line.kind is DriftKind.ADDED}
    changes = decide(selection, state, interpreter=INTERPRETER, prune=prune)

    for change in changes:
        if change.action is not Action.DELETE:
            continue
        name = parse_package(change.address)
        if name is None:
            assert prune == "managed"
            assert change.address in hooks
        elif name in state.distributions:
            assert prune == "managed"
            assert state.distributions[name].managed


@given(selections, states(), prunes)
def test_another_minor_version_takes_everything_foreign_away(
    selection: Selection, state: State, prune: str
) -> None:
    state = replace(state, python="3.10.2", owner=Owner.ENVCTL)

    changes = decide(selection, state, interpreter=INTERPRETER, prune=prune)

    assert not replay(changes, state, selection).foreign
    assert carried(state, changes) == ()
    for change in changes:
        if change.address in {"environment", "python"} or change.action is Action.CREATE:
            continue
        kinds = {reason.kind for reason in change.reasons}
        # The remains of what somebody removed are not of any Python.
        assert ReasonKind.PYTHON_CHANGED in kinds or change.before == Side()


@given(selections, states(), prunes)
def test_every_drifted_path_is_mended_or_kept_in_sight(
    selection: Selection, state: State, prune: str
) -> None:
    changes = {
        change.address: change for change in decide(selection, state, interpreter=INTERPRETER, prune=prune)
    }

    for line in state.drift:
        address = line.address if parse_file(line.address) is None else format_file(line.path)
        name = parse_package(address)
        found = None if name is None else state.distributions.get(name)
        replaced = found is not None and not found.managed
        if line.kind is DriftKind.FOREIGN or replaced:
            continue
        assert changes[address].action is not Action.NO_OP or prune == "never"


@given(selections, states(), prunes)
def test_what_a_plan_promises_is_what_is_found_afterwards(
    selection: Selection, state: State, prune: str
) -> None:
    changes = decide(selection, state, interpreter=INTERPRETER, prune=prune)
    after = replay(changes, state, selection)
    untouched = after is state
    drifts = any(line.kind is not DriftKind.FOREIGN for line in after.drift)
    broken = any(not distribution.intact for distribution in after.distributions.values())
    if untouched or drifts or broken:
        return

    assert digest_planned(changes) == digest_installed(after)


@given(selections, states(), prunes)
def test_all_that_stays_is_carried_over(selection: Selection, state: State, prune: str) -> None:
    changes = decide(selection, state, interpreter=INTERPRETER, prune=prune)
    after = replay(changes, state, selection)

    paths = carried(state, changes)

    def comes_along(path: str) -> bool:
        return any(path == carried_path or path.startswith(carried_path + "/") for carried_path in paths)

    assert all(comes_along(file.path) for file in after.foreign)
    kept = set(after.distributions) - set(selection.pins)
    missing = {(line.address, line.path) for line in state.drift if line.kind is DriftKind.MISSING}
    for name in kept:
        script = f"bin/{name}"
        assert comes_along(script) or (f"package.{name}", script) in missing
    assert not any(
        path == other or path.startswith(other + "/") for path in paths for other in set(paths) - {path}
    )
