"""When a saved plan no longer fits, and when it has been carried out already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envctl.model.state import Drift, DriftKind, ForeignFile
from envctl.plan.change import Inputs, Observed
from envctl.plan.decide import decide
from envctl.plan.digest import digest_installed, digest_planned
from envctl.plan.document import dump_plan
from envctl.plan.parse import parse_plan
from envctl.plan.replay import replay
from envctl.plan.staleness import compare_inputs, is_done
from plan.builders import a_pin, a_plan, a_selection, a_state, an_interpreter, foreign, installed, nothing

SAVED = a_plan(
    inputs=Inputs(
        digests={
            "manifest": "1",
            "lock": "1",
            "options": "1",
            "interpreter": "1",
            "policy": "1",
            "projects": "1",
        },
        manifest_path="env.toml",
        lock_path="pylock.toml",
        options={"reinstall": ("a",), "prune": "all"},
    )
)


def test_nothing_moved_is_nothing() -> None:
    assert compare_inputs(SAVED, SAVED.inputs, SAVED.observed, environment=SAVED.environment) == ()


@pytest.mark.parametrize("label", ["manifest", "lock", "interpreter", "policy", "projects", "options"])
def test_what_moved_is_named(label: str) -> None:
    now = replace(SAVED.inputs, digests={**SAVED.inputs.digests, label: "2"})

    assert compare_inputs(SAVED, now, SAVED.observed) == (label,)


def test_an_input_that_is_new_has_moved() -> None:
    now = replace(SAVED.inputs, digests={**SAVED.inputs.digests, "weather": "1"})

    assert compare_inputs(SAVED, now, SAVED.observed) == ("weather",)


def test_an_option_is_named_by_name() -> None:
    now = replace(
        SAVED.inputs,
        digests={**SAVED.inputs.digests, "options": "2"},
        options={"reinstall": ("a", "b"), "prune": "all"},
    )

    assert compare_inputs(SAVED, now, SAVED.observed) == ("option reinstall",)


def test_an_option_is_the_same_after_its_way_through_a_file() -> None:
    plan = replace(SAVED, inputs=replace(SAVED.inputs, options={"reinstall": frozenset({"b", "a"})}))
    saved = parse_plan(dump_plan(plan), path="x")

    assert compare_inputs(saved, plan.inputs, plan.observed) == ()


def test_an_interpreter_is_told_in_full() -> None:
    environment = replace(SAVED.environment, python="3.11.9", platform="linux-aarch64")

    assert compare_inputs(SAVED, SAVED.inputs, SAVED.observed, environment=environment) == (
        "interpreter (3.11.7 then, 3.11.9 now; linux-x86_64 then, linux-aarch64 now)",
    )


def test_a_plan_for_another_environment_is_told() -> None:
    environment = replace(SAVED.environment, name="ci", path=".venv-ci")

    (moved,) = compare_inputs(SAVED, SAVED.inputs, SAVED.observed, environment=environment)

    assert moved == "environment (`default` at .venv then, `ci` at .venv-ci now)"


@pytest.mark.parametrize(
    ("observed", "moved"),
    [
        (Observed(exists=False, digest="", generation=None), "environment (it is gone)"),
        (
            Observed(exists=True, digest="sha256:observed", generation=3, owner="others"),
            "environment (of envctl then, of others now)",
        ),
        (Observed(exists=True, digest="sha256:other", generation=3), "environment (its content changed)"),
    ],
)
def test_an_environment_that_differs_has_moved(observed: Observed, moved: str) -> None:
    assert compare_inputs(SAVED, SAVED.inputs, observed) == (moved,)


def test_an_environment_that_was_made_since_has_moved() -> None:
    saved = replace(SAVED, observed=Observed(exists=False, digest="", generation=None, owner="nobody"))

    assert compare_inputs(saved, saved.inputs, SAVED.observed) == ("environment (it was made since)",)


def test_another_checkout_in_the_same_state_may_apply_it() -> None:
    observed = replace(SAVED.observed, generation=41)

    assert compare_inputs(SAVED, SAVED.inputs, observed) == ()


def test_lines_of_another_selection_are_not_replayed() -> None:
    changes = decide(a_selection(a_pin("idna", "3.6")), nothing(), interpreter=an_interpreter(), prune="all")

    with pytest.raises(ValueError, match=r"package\.idna"):
        replay(changes, nothing(), a_selection(a_pin("idna", "3.10")))


class TestDone:
    pin = a_pin("idna", "3.10")
    before = a_state(
        installed(a_pin("idna", "3.6")),
        foreign("pip"),
        foreign("left-over"),
        files=[ForeignFile(path="share/x", size=1, data=True)],
    )
    changes = decide(a_selection(pin), before, interpreter=an_interpreter(), prune="all")
    after = replay(changes, before, a_selection(pin))
    plan = a_plan(*changes, planned_digest=digest_planned(changes))

    def test_a_plan_that_was_carried_out_is_done(self) -> None:
        assert is_done(
            self.plan, installed_now=digest_installed(self.after), lock_now="sha256:l", lock_planned=None
        )

    def test_a_plan_that_was_not_carried_out_is_not_done(self) -> None:
        assert not is_done(
            self.plan, installed_now=digest_installed(self.before), lock_now="sha256:l", lock_planned=None
        )

    def test_another_lock_is_not_done(self) -> None:
        assert not is_done(
            self.plan, installed_now=digest_installed(self.after), lock_now="sha256:m", lock_planned=None
        )

    def test_a_plan_that_writes_a_lock_is_done_when_that_lock_is_there(self) -> None:
        plan = replace(self.plan, lock_text="new")
        now = digest_installed(self.after)

        assert is_done(plan, installed_now=now, lock_now="sha256:new", lock_planned="sha256:new")
        assert not is_done(plan, installed_now=now, lock_now="sha256:l", lock_planned="sha256:new")

    def test_a_plan_without_a_promise_is_never_done(self) -> None:
        assert not is_done(a_plan(), installed_now="", lock_now="sha256:l", lock_planned=None)

    def test_removing_only_what_is_foreign_is_done_only_when_it_is_gone(self) -> None:
        state = a_state(installed(self.pin), foreign("left-over"))
        changes = decide(a_selection(self.pin), state, interpreter=an_interpreter(), prune="all")
        plan = a_plan(*changes, planned_digest=digest_planned(changes))

        assert not is_done(
            plan, installed_now=digest_installed(state), lock_now="sha256:l", lock_planned=None
        )

    def test_what_drifts_is_not_done(self) -> None:
        drift = (Drift(address="package.idna", kind=DriftKind.MODIFIED, path="idna/core.py"),)

        assert digest_installed(replace(self.after, drift=drift)) != digest_planned(self.changes)

    def test_what_is_not_intact_is_not_done(self) -> None:
        broken = replace(
            self.after, distributions={"idna": replace(self.after.distributions["idna"], intact=False)}
        )
        whole = replace(broken, distributions={"idna": self.after.distributions["idna"]})

        assert digest_installed(broken) != digest_installed(whole)


def test_a_new_generation_forgets_what_others_have_replaced() -> None:
    drift = [Drift(address="package.pip", kind=DriftKind.VERSION, path="pip-25.0.dist-info")]
    state = a_state(foreign("pip", "25.0"), drift=drift)
    selection = a_selection(a_pin("idna"))

    after = replay(decide(selection, state, interpreter=an_interpreter(), prune="all"), state, selection)

    assert after.drift == ()
