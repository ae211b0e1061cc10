"""How many resolutions conflicts take, and what these take from each other."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from envctl.errors import InputError, ResolutionError
from envctl.manifest.conflicts import conflicts_of
from envctl.model.resolution import Resolution
from envctl.model.targets import make_target
from envctl.workflow.resolving import resolve_targets
from support.manifests import make_manifest
from support.universes import DictCatalog, Notation, request

Forks = dict[str, dict[str, str | None]]


def run(
    universe: Notation, *wanted: str, groups: dict[str, list[str]], conflicts: Sequence[Sequence[str]]
) -> Forks:
    """Resolve; return the versions of each fork, which is named by its groups: ``cpu old``, or nothing."""
    manifest = make_manifest(conflicts=[[("group", name) for name in several] for several in conflicts])
    made = resolve_targets(
        request(*wanted, groups=groups),
        [make_target("linux-x86_64", "3.12")],
        DictCatalog(universe),
        lambda _: None,
        old=None,
        released=frozenset(),
        conflicts=conflicts_of(manifest),
    )
    return {name(each): {key: one.version for key, one in each.packages.items()} for each in made}


def name(resolution: Resolution) -> str:
    return " ".join(sorted(group for _, group in resolution.fork))


def several(*names: str) -> Notation:
    return {each: {"1.0": [], "2.0": []} for each in names}


def pairs(count: int) -> tuple[dict[str, list[str]], list[list[str]]]:
    """Pairs of groups that cannot be together, each pair about a project of its own."""
    groups = {f"{side}{number}": [f"p{number}=={side}"] for number in range(count) for side in (1, 2)}
    return groups, [[f"1{number}", f"2{number}"] for number in range(count)]


def test_without_conflicts_there_is_one() -> None:
    assert run(several("a"), "a", groups={"dev": ["a"]}, conflicts=[]).keys() == {""}


def test_each_that_conflicts_takes_one_and_so_does_having_none() -> None:
    groups = {"x": ["a<2"], "y": ["a>=2"], "z": ["a"]}

    assert run(several("a"), groups=groups, conflicts=[["x", "y", "z"]]).keys() == {"x", "y", "z", ""}


def test_those_that_do_not_conflict_stay_together() -> None:
    groups = {"x": ["a<2"], "y": ["a>=2"], "z": ["a<2"]}

    assert run(several("a"), groups=groups, conflicts=[["x", "y"], ["y", "z"]]).keys() == {"x z", "y", ""}


def test_pairs_that_share_no_package_are_not_combined() -> None:
    groups, conflicts = pairs(10)

    assert (
        len(run(several(*(f"p{number}" for number in range(10))), groups=groups, conflicts=conflicts)) == 21
    )


def test_pairs_that_share_a_package_that_all_of_them_leave_as_it_is_are_not_combined_either() -> None:
    groups, conflicts = pairs(3)
    universe = {f"p{number}": {"1": ["shared"], "2": ["shared"]} for number in range(3)}

    assert len(run({**universe, **several("shared")}, groups=groups, conflicts=conflicts)) == 7


def test_pairs_that_change_one_package_are_combined() -> None:
    groups = {"x": ["a<=3"], "y": ["a>=2"], "u": ["a<=2"], "v": ["a>=3"]}
    universe: Notation = {"a": {"1": [], "2": [], "3": [], "4": []}}

    found = run(universe, groups=groups, conflicts=[["x", "y"], ["u", "v"]])

    assert {name: versions.get("a") for name, versions in found.items()} == {
        "": None, "u": "2", "v": "4", "x": "3", "y": "4", "u x": "2", "u y": "2", "v x": "3", "v y": "4",
    }  # fmt: skip


def test_pairs_that_reach_one_package_by_what_they_change_are_combined() -> None:
    """It is needed while either has its old release: neither of the two alone can tell."""
    groups = {"x": ["a<2"], "y": ["a>=2"], "u": ["b<2"], "v": ["b>=2"]}
    universe: Notation = {"a": {"1": ["c"], "2": []}, "b": {"1": ["c"], "2": []}, "c": {"1": []}}

    found = run(universe, "a", "b", groups=groups, conflicts=[["x", "y"], ["u", "v"]])

    assert {name for name, versions in found.items() if "c" in versions} == {"u", "x", "u x", "u y", "v x"}
    assert len(found) == 9


def test_so_many_that_meet_are_refused() -> None:
    groups, conflicts = pairs(6)
    wanted = {group: ["a<2" if group.startswith("2") else "a"] for group in groups}

    with pytest.raises(InputError) as caught:
        run(several("a"), groups=wanted, conflicts=conflicts)

    assert caught.value.code == "too-many-conflicts"


def test_what_need_not_differ_is_the_same_in_all() -> None:
    """The second fork alone would take the newest."""
    universe: Notation = {**several("a"), "b": {"1.0": [], "2.0": ["a<2"]}}

    found = run(universe, "b", groups={"x": ["a>=2"], "y": ["a<2"]}, conflicts=[["x", "y"]])

    assert found == {"x": {"a": "2.0", "b": "1.0"}, "y": {"a": "1.0", "b": "1.0"}, "": {"b": "1.0"}}


def test_what_holds_none_is_held_back_by_none_and_takes_the_newest_of_what_the_others_have() -> None:
    universe: Notation = {"a": {f"{number}.0": [] for number in range(1, 5)}}

    found = run(
        universe, "a", groups={"x": ["a==1"], "y": ["a==3"], "z": ["a==2"]}, conflicts=[["x", "y", "z"]]
    )

    assert {name: versions["a"] for name, versions in found.items()} == {
        "x": "1.0",
        "y": "3.0",
        "z": "2.0",
        "": "3.0",
    }


def test_a_fork_without_a_solution_says_which_lists_it_has() -> None:
    groups = {"x": ["a<2"], "y": ["a>2"]}

    with pytest.raises(ResolutionError) as caught:
        run(several("a"), groups=groups, conflicts=[["x", "y"]])

    assert caught.value.hints[-1] == "of the lists that conflict this has group `y`"
