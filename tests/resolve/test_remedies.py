"""What would make it work: every remedy that is called verified was solved with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from envctl.errors import ResolutionError
from envctl.frozen import replace
from envctl.model.target import Target
from envctl.model.targets import make_target, sort_targets
from envctl.resolve.facts import Conflict, Remedy, RemedyKind
from envctl.resolve.request import Request
from envctl.workflow.resolving import resolve_targets
from support.universes import DictCatalog, Notation, Release, request

LINUX, WINDOWS = "linux-x86_64", "windows-x86_64"


def at(*pythons: str, platforms: Sequence[str] = (LINUX,)) -> tuple[Target, ...]:
    return sort_targets([make_target(name, python) for name in platforms for python in pythons])


def fail(
    universe: Notation,
    *wanted: str,
    targets: Sequence[Target] = (),
    places: Any = None,
    elsewhere: Any = lambda *_: (),
    catalog: Any = None,
    **more: Any,
) -> ResolutionError:
    with pytest.raises(ResolutionError) as caught:
        resolve_targets(
            request(*wanted, **more),
            targets or at("3.12"),
            catalog or DictCatalog(universe),
            lambda _: None,
            old=None,
            released=frozenset(),
            find_places=lambda: places or {},
            elsewhere=elsewhere,
        )
    return caught.value


def remedies(universe: Notation, *wanted: str, **more: Any) -> tuple[Remedy, ...]:
    conflict = fail(universe, *wanted, **more).conflict
    assert isinstance(conflict, Conflict)
    return conflict.remedies


def texts(*arguments: Any, **more: Any) -> list[str]:
    return [remedy.text for remedy in remedies(*arguments, **more) if remedy.verified]


WEB: Notation = {
    "web": {"1.0": ["star<1"], "2.0": ["star>=2"], "3.0": ["star>=3"]},
    "star": {"0.5": [], "2.0": [], "3.0": []},
}


def test_each_bound_that_may_be_lifted_is_named_with_what_it_gives() -> None:
    assert texts(WEB, "web>=2", "star<2") == [
        "Write `star` instead of `star<2` in env.toml:2, which gives star 3.0 and web 3.0",
        "Write `web` instead of `web>=2` in env.toml:1, which gives star 0.5 and web 1.0",
    ]


def test_only_the_bound_that_is_in_the_way_goes() -> None:
    found = texts({"a": {"1.0": [], "5.0": []}}, "a>=1,<5,!=1.0")

    assert "Write `a!=1.0,>=1` instead of `a!=1.0,<5,>=1` in env.toml:1, which gives a 5.0" in found


def test_a_marker_and_extras_stay_when_a_bound_goes() -> None:
    universe: Notation = {"a": {"1.0": Release(extras={"x": []})}}

    found = texts(universe, 'a[x]>9; python_version > "3"')

    assert found[0].startswith('Write `a[x]; python_version > "3"` instead of')


def test_a_bound_that_would_not_help_is_not_named() -> None:
    universe: Notation = {"a": {"1.0": ["x<1"]}, "b": {"1.0": ["x>=1"]}, "x": {"0.5": [], "1.0": []}}

    found = remedies(universe, "a>=1", "b>=1")

    assert [remedy.kind for remedy in found] == [RemedyKind.FORCE]
    assert found[0].text.startswith('If b works with it all the same: `[lock] overrides = ["x<1"]`')


def test_a_constraint_is_named_with_its_place() -> None:
    universe: Notation = {"a": {"1.0": [], "2.0": []}}

    found = remedies(universe, "a>=2", constraints=["a<2"], places={"a<2": "env.toml:7"})

    assert found[0].kind is RemedyKind.CONSTRAINT
    assert found[0].where == "env.toml:7"
    assert found[0].text == "Take `a<2` out of `[lock] constraints` (env.toml:7), which gives a 2.0"


def test_of_two_constraints_only_the_one_in_the_way_goes() -> None:
    universe: Notation = {"a": {"1.0": [], "2.0": [], "3.0": []}}

    found = texts(universe, "a>=2", constraints=["a<2; python_version > '3'", "a<3"])

    assert found[0] == "Take `a<2` out of `[lock] constraints`, which gives a 2.0"


def test_of_two_entries_on_one_line_the_right_one_is_changed() -> None:
    lists = request("a<2").base + tuple(replace(one, where="env.toml:1") for one in request("a>=2").base)
    with pytest.raises(ResolutionError) as caught:
        resolve_targets(
            Request(base=lists),
            at("3.12"),
            DictCatalog({"a": {"1.0": [], "2.0": []}}),
            lambda _: None,
            old=None,
            released=frozenset(),
        )

    assert caught.value.hints[:2] == (
        "Write `a` instead of `a<2` in env.toml:1, which gives a 2.0",
        "Write `a` instead of `a>=2` in env.toml:1, which gives a 1.0",
    )


def test_an_entry_with_a_url_has_no_bound_to_lift() -> None:
    with pytest.raises(ResolutionError) as caught:
        resolve_targets(
            request("a @ https://files.example/a-1.0.whl", "a @ https://files.example/a-2.0.whl"),
            at("3.12"),
            DictCatalog({"a": {"1.0": []}}),
            lambda _: None,
            old=None,
            released=frozenset(),
        )

    assert isinstance(caught.value.conflict, Conflict)
    assert caught.value.conflict.remedies == ()


def test_an_override_that_made_it_impossible_is_named() -> None:
    universe: Notation = {"a": {"1.0": ["b<2"]}, "b": {"1.0": []}}

    found = texts(universe, "a", overrides=["b==9"])

    assert found == ["Take `b==9` out of `[lock] overrides`, which gives b 1.0 and a 1.0"]


@pytest.mark.parametrize(
    ("needs", "python", "other"), [(">=3.13", "3.12", "3.13"), ("<3.12", "3.12", "3.11")]
)
def test_the_nearest_python_that_works_is_named(needs: str, python: str, other: str) -> None:
    found = texts({"a": {"1.0": Release(python=needs)}}, "a", targets=at(python))

    assert found == [f'Use Python {other}: `python = "{other}"`, which gives a 1.0']


def test_a_python_for_which_there_are_wheels_is_named() -> None:
    universe: Notation = {"a": {"1.0": Release(wheels=("cp310-cp310-manylinux_2_17_x86_64",))}}

    assert texts(universe, "a") == ['Use Python 3.10: `python = "3.10"`, which gives a 1.0']


def test_a_python_that_does_not_do_alone_is_said_to_be_no_more() -> None:
    universe: Notation = {
        "a": {"1.0": Release(["x<1"], python="<3.12")},
        "b": {"1.0": ["x>=1"]},
        "x": {"0.5": [], "1.0": []},
    }

    found = remedies(universe, "a", "b")

    assert [(remedy.kind, remedy.verified) for remedy in found] == [(RemedyKind.PYTHON, False)]
    assert found[0].text.endswith("though that alone may not be enough")


def test_a_pre_release_that_a_setting_keeps_out_is_named() -> None:
    found = texts({"a": {"1.0rc1": []}}, "a", prerelease={"*": "disallow"})

    assert found[0] == (
        'Let pre-releases in: `[lock] prerelease = { "*" = "disallow", a = "allow" }`, which gives a 1.0rc1'
    )


def test_a_newer_pre_release_that_would_do_is_named() -> None:
    universe: Notation = {"a": {"1.0": ["x<1"], "2.0rc1": ["x>=1"]}, "x": {"0.5": [], "1.0": []}}

    found = remedies(universe, "a", "x>=1")

    assert RemedyKind.PRERELEASE in [remedy.kind for remedy in found if remedy.verified]


NEW: Notation = {
    "a": {"1.0": Release(uploaded="2025-01-01T00:00:00Z"), "2.0": Release(uploaded="2025-03-10T12:00:00Z")}
}


def test_a_cooldown_says_until_when_to_wait() -> None:
    limit = datetime(2025, 3, 9, 12, tzinfo=UTC)

    found = texts(NEW, "a>=2", exclude_newer={"*": limit}, cooldowns={"*": timedelta(days=3)})

    assert found[:2] == [
        'Let a in before its time: `[lock] exclude-newer = { "*" = "3 days", a = false }`, which gives a 2.0',
        "Wait until 2025-03-13 12:00 UTC, when `[lock] exclude-newer` lets it in, which gives a 2.0",
    ]


def test_a_fixed_day_says_to_which_day_to_move_it() -> None:
    found = texts(NEW, "a>=2", exclude_newer={"*": datetime(2025, 3, 1, tzinfo=UTC)})

    assert 'Move the day: `[lock] exclude-newer = "2025-03-10"`, which gives a 2.0' in found


def test_a_yanked_release_is_asked_for_by_its_version() -> None:
    universe: Notation = {"a": {"1.0": [], "2.0": Release(yanked="broken")}}

    assert "Take the yanked release: `a==2.0` in env.toml:1" in texts(universe, "a>=2")


def test_a_build_is_proposed_and_said_to_be_untried() -> None:
    universe: Notation = {"a": {"1.0": Release(wheels=(), sdist=True)}}

    found = remedies(universe, "a")

    assert [(remedy.kind, remedy.verified) for remedy in found] == [(RemedyKind.BUILD, False)]


def test_nothing_is_built_to_find_out() -> None:
    class Careful(DictCatalog):
        def metadata(self, name: Any, version: Any, artifact: Any) -> Any:
            assert artifact.filename.endswith(".whl")
            return super().metadata(name, version, artifact)

    universe: Notation = {"a": {"1.0": Release(wheels=(), sdist=True)}, "b": {"1.0": []}}

    with pytest.raises(ResolutionError):
        resolve_targets(
            request("a", "b"), at("3.12"), Careful(universe), lambda _: None, old=None, released=frozenset()
        )


@pytest.mark.parametrize("first", [{"a": {"1.0": []}}, {}], ids=["too-old", "absent"])
def test_another_index_that_has_what_is_wanted_is_named(first: Notation) -> None:
    class Both(DictCatalog):
        def project(self, name: str) -> Any:
            return DictCatalog(first).project(name)

    everything: Notation = {"a": {"1.0": [], "2.0": []}}
    other = DictCatalog(everything).project("a")

    found = texts({}, "a>=2", catalog=Both(everything), elsewhere=lambda *_: [other])

    assert found[0].startswith("Take a from another index: `[sources] a = { index =")
    assert found[0].endswith("which gives a 2.0")


def test_the_targets_that_fail_alike_are_named_and_those_that_do_not_can_stay() -> None:
    universe: Notation = {"a": {"1.0": Release(python=">=3.12")}}

    error = fail(universe, "a", targets=at("3.11", "3.12", platforms=(LINUX, WINDOWS)))

    assert isinstance(error.conflict, Conflict)
    assert error.conflict.also == ("windows-x86_64 with Python 3.11",)
    assert "Take `3.11` out of `[lock] python`: the other targets work" in error.hints
    assert error.hints[-1] == (
        "this is so for linux-x86_64 with Python 3.11, windows-x86_64 with Python 3.11"
    )


def test_a_conflict_on_all_targets_is_told_once() -> None:
    error = fail(WEB, "web>=2", "star<2", targets=at("3.11", "3.12", platforms=(LINUX, WINDOWS)))

    assert error.hints[-1] == "this is so for all 4 targets"


def test_hints_are_remedies_and_end_with_something_to_type() -> None:
    error = fail(WEB, "web>=2", "star<2")

    assert all("`" in hint for hint in error.hints)
    assert len(error.hints) == 2


def test_without_patience_the_conflict_is_told_all_the_same(monkeypatch: Any) -> None:
    monkeypatch.setattr("envctl.resolve.trial.PATIENCE", -1.0)

    error = fail(WEB, "web>=2", "star<2", constraints=["star>1"], targets=at("3.11", "3.12"))

    assert error.code == "no-solution"
    assert isinstance(error.conflict, Conflict)
    assert error.conflict.remedies == ()


def test_patience_has_an_end() -> None:
    from envctl.resolve.trial import PATIENCE, Trial

    moments = iter([0.0, PATIENCE + 1])
    trial = Trial(DictCatalog(WEB), {}, is_known=lambda *_: True, clock=lambda: next(moments))

    assert trial.solve(request("web"), at("3.12")[0]) is None
