"""Lists that conflict, in one lock: every environment that is allowed gets what its lists need, and no more."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from random import Random

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from envctl.errors import EnvctlError
from envctl.frozen import replace
from envctl.lock.cells import find_cells
from envctl.lock.graph import LockGraph
from envctl.lock.lock import Lock
from envctl.lock.presence import Way, explain_presence
from envctl.manifest.conflicts import Member, held_by
from envctl.model.target import Target
from support.cases import (
    LINUX,
    MAC,
    ONE,
    WINDOWS,
    Case,
    choose_default,
    chosen,
    make_targets,
    markers,
    refuse_wrong_choices,
)
from support.universes import Notation, Release

CPU, GPU, FAST = ("group", "cpu"), ("group", "gpu"), ("extra", "fast")

TORCH: Notation = {
    "torch": {"1.0": ["shared"], "2.0": ["shared", "cuda; sys_platform != 'darwin'"]},
    "shared": {"1.0": []},
    "cuda": {"1.0": []},
    "web": {"1.0": ["torch"]},
}


class TestMarkers:
    def test_what_only_one_member_needs_names_it(self) -> None:
        case = Case(TORCH, conflicts=[[CPU, GPU]], groups={"cpu": ["torch<2"], "gpu": ["torch>=2"]})

        assert markers(case.lock()) == {
            ("torch", "1.0"): '"cpu" in dependency_groups',
            ("torch", "2.0"): '"gpu" in dependency_groups',
            ("cuda", "1.0"): '"gpu" in dependency_groups',
            ("shared", "1.0"): '"cpu" in dependency_groups or "gpu" in dependency_groups',
        }

    def test_what_the_dependencies_need_differs_by_a_member_and_the_rest_has_no_marker(self) -> None:
        case = Case(TORCH, "web", conflicts=[[CPU, GPU]], groups={"cpu": ["torch<2"], "gpu": ["torch>=2"]})

        assert markers(case.lock()) == {
            ("torch", "1.0"): '"cpu" in dependency_groups',
            ("torch", "2.0"): '"cpu" not in dependency_groups',
            ("cuda", "1.0"): '"cpu" not in dependency_groups',
            ("shared", "1.0"): None,
            ("web", "1.0"): None,
        }

    def test_of_three_members_those_are_named_that_need_another_than_all_others(self) -> None:
        case = Case(
            {"a": {"1.0": [], "2.0": [], "3.0": []}},
            "a",
            conflicts=[[("group", "one"), ("group", "two"), ("extra", "three")]],
            groups={"one": ["a<2"], "two": ["a==2"]},
            extras={"three": ["a>2"]},
        )

        lock = case.lock()

        assert markers(lock) == {
            ("a", "1.0"): '"one" in dependency_groups',
            ("a", "2.0"): '"two" in dependency_groups',
            ("a", "3.0"): '"one" not in dependency_groups and "two" not in dependency_groups',
        }
        assert refuse_wrong_choices(case, lock) == 4

    def test_an_environment_without_any_gets_what_the_default_one_does(self) -> None:
        case = Case(
            TORCH,
            "web",
            conflicts=[[CPU, GPU]],
            groups={"cpu": ["torch<2"], "gpu": ["torch>=2"]},
            default_groups=("gpu",),
        )

        assert markers(case.lock())["torch", "2.0"] == '"cpu" not in dependency_groups'

    def test_the_default_environment_is_one_name_that_gives_way_to_a_rival(self) -> None:
        """So that `pylock.toml[fast]` works for a tool that always takes the default groups along."""
        case = Case(
            TORCH,
            conflicts=[[CPU, FAST]],
            groups={"cpu": ["torch<2"], "dev": ["shared"]},
            extras={"fast": ["torch>=2"]},
            default_groups=("cpu", "dev"),
        )

        lock = case.lock()

        assert markers(lock)["torch", "1.0"] == (
            '("default" in dependency_groups and "fast" not in extras) or "cpu" in dependency_groups'
        )
        assert chosen(lock, ONE[0], ("group", "default"), FAST) == {
            "torch": "2.0",
            "cuda": "1.0",
            "shared": "1.0",
        }
        assert choose_default(lock, ONE[0]) == {"torch": "1.0", "shared": "1.0"}

    def test_a_group_that_needs_what_differs_follows_the_member_that_is_held(self) -> None:
        case = Case(
            TORCH,
            conflicts=[[CPU, GPU]],
            groups={"cpu": ["torch<2"], "gpu": ["torch>=2"], "dev": ["torch"]},
        )

        new = '("dev" in dependency_groups and "cpu" not in dependency_groups) or "gpu" in dependency_groups'
        assert markers(case.lock()) == {
            ("torch", "1.0"): '"cpu" in dependency_groups',
            ("torch", "2.0"): new,
            ("cuda", "1.0"): new,
            ("shared", "1.0"): (
                '"cpu" in dependency_groups or "dev" in dependency_groups or "gpu" in dependency_groups'
            ),
        }

    def test_what_differs_by_target_too_says_both_as_shortly_as_can_be(self) -> None:
        universe: Notation = {"a": {"1.0": [], "2.0": Release(python=">=3.12")}}
        case = Case(
            universe,
            "a",
            conflicts=[[CPU, GPU]],
            groups={"cpu": ["a<2"], "gpu": ["a>=2; python_version >= '3.12'"]},
            targets=make_targets("3.11", "3.12", platforms=(LINUX, MAC, WINDOWS)),
            default_groups=("cpu",),
        )

        assert markers(case.lock()) == {
            ("a", "1.0"): '"gpu" not in dependency_groups or python_version < "3.12"',
            ("a", "2.0"): '"gpu" in dependency_groups and python_version >= "3.12"',
        }


def test_a_marker_about_patch_versions_that_one_member_brings_cuts_the_python_for_all() -> None:
    universe: Notation = {"a": {"1.0": [], "2.0": ["b; python_full_version < '3.12.4'"]}, "b": {"1.0": []}}
    case = Case(universe, "a", conflicts=[[CPU, GPU]], groups={"cpu": ["a<2"], "gpu": ["a>=2"]})

    lock = case.lock()

    assert markers(lock)["b", "1.0"] == '"cpu" not in dependency_groups and python_full_version < "3.12.4"'
    assert markers(lock)["a", "1.0"] == '"cpu" in dependency_groups'
    assert refuse_wrong_choices(case, lock, PATCHES) == 9


def test_both_members_at_once_select_two_versions_which_no_installer_takes() -> None:
    case = Case(TORCH, conflicts=[[CPU, GPU]], groups={"cpu": ["torch<2"], "gpu": ["torch>=2"]})

    with pytest.raises(EnvctlError) as caught:
        chosen(case.lock(), ONE[0], CPU, GPU)

    assert caught.value.code == "lock-ambiguous"


def test_an_edit_of_one_member_moves_only_what_it_has_to() -> None:
    lists = {"cpu": ["torch<2"], "gpu": ["torch>=2"]}
    old = Case(TORCH, "web", conflicts=[[CPU, GPU]], groups=lists).lock()
    newer = {**TORCH, "torch": {**TORCH["torch"], "3.0": []}, "shared": {"1.0": [], "2.0": []}}

    case = Case(newer, "web", conflicts=[[CPU, GPU]], groups={**lists, "gpu": ["torch>=2", "shared>=2"]})
    lock = case.lock(old)

    assert chosen(lock, ONE[0], CPU) == {"web": "1.0", "torch": "1.0", "shared": "1.0"}
    assert chosen(lock, ONE[0], GPU) == {"web": "1.0", "torch": "2.0", "cuda": "1.0", "shared": "2.0"}


# Any universe ------------------------------------------------------------------------------------

COUNT = 40


#: Between these every marker below is of one mind.
PATCHES = (0, 3, 4)


def make_case(random: Random) -> Case:
    """Make a universe of a few projects, with lists of which some conflict; most have a solution."""
    markers = ["", "", "", "; sys_platform == 'win32'", "; python_version < '3.12'"]
    if random.random() < 0.15:
        markers.append("; python_full_version >= '3.12.4'")
    names = [f"p{number}" for number in range(random.randint(4, 9))]
    versions = {name: [f"{number}.0" for number in range(1, random.randint(2, 4))] for name in names}

    def want(of: Sequence[str]) -> str:
        name = random.choice(of)
        extra = "[x]" if random.random() < 0.2 else ""
        limit = random.choice(("", "", "", "==", "<=", ">="))
        marker = random.choice(markers)
        return f"{name}{extra}{limit and limit + random.choice(versions[name])}{marker}"

    def release(name: str) -> Release:
        others = names[names.index(name) + 1 :] if random.random() < 0.8 else names
        wants = [want(others) for _ in range(random.randint(0, 2)) if others]
        of_extra = [want(others)] if others else []
        about = [[text for text in texts if Requirement(text).name != name] for texts in (wants, of_extra)]
        return Release(about[0], extras={"x": about[1]})

    universe = {name: {version: release(name) for version in versions[name]} for name in names}
    groups = {name: [want(names) for _ in range(random.randint(0, 2))] for name in "abcd"}
    extras = {name: [want(names) for _ in range(random.randint(0, 2))] for name in "xy"}
    lists = [("group", name) for name in groups] + [("extra", name) for name in extras]
    conflicts = [
        random.sample(lists, random.choice((2, 2, 2, 3))) for _ in range(random.choice((0, 1, 1, 2, 2, 3)))
    ]
    held: list[Member] = []
    for member in random.sample(lists, random.randint(0, 3)):
        if all(len({*held, member} & set(several)) < 2 for several in conflicts):
            held.append(member)
    return Case(
        universe,
        *(want(names) for _ in range(random.randint(0, 2))),
        conflicts=conflicts,
        groups=groups,
        extras=extras,
        targets=make_targets("3.11", "3.12", platforms=random.choice(((LINUX,), (LINUX, WINDOWS)))),
        default_groups=tuple(name for kind, name in held if kind == "group"),
        default_extras=tuple(name for kind, name in held if kind == "extra"),
    )


@pytest.mark.slow
def test_every_allowed_environment_gets_what_it_needs_and_nothing_else() -> None:
    random = Random(751)
    solved = choices = 0

    for _ in range(COUNT):
        case = make_case(random)
        try:
            lock = case.lock()
        except EnvctlError as error:
            assert error.code in {"no-solution", "no-matching-version"}  # noqa: PT017
            continue
        solved += 1
        choices += refuse_wrong_choices(
            case, lock, PATCHES if "python_full_version" in lock.data.decode() else (0,)
        )
        held = held_by(case.manifest.environments["default"])
        for target in case.targets:
            assert choose_default(lock, target) == chosen(lock, target, *held)
        assert case.lock(old=lock).data == lock.data

    assert solved > COUNT / 2
    assert choices > 20 * COUNT


@pytest.mark.slow
def test_every_package_of_an_allowed_environment_has_a_path_that_is_selected_with_it() -> None:
    random = Random(13)
    looked_at = 0

    for _ in range(COUNT):
        case = make_case(random)
        try:
            lock = case.lock()
        except EnvctlError as error:
            assert error.code in {"no-solution", "no-matching-version"}  # noqa: PT017
            continue
        if "python_full_version" in lock.data.decode():  # its targets are not those of the case
            continue
        found = explain_all(case, lock)
        for target, held in itertools.product(case.targets, case.combinations()):
            picks = chosen(lock, target, *held).items()
            told = {
                package
                for package, ways in found.items()
                for way in ways
                if holds(way, target, held) and assert_selected(way, package, picks)
            }
            assert told == set(picks)
            looked_at += len(picks)

    assert looked_at > 100 * COUNT


def explain_all(case: Case, lock: Lock) -> Mapping[tuple[str, str | None], Sequence[Way]]:
    manifest = replace(case.manifest, dependencies=case.request.base)
    graph = LockGraph(lock, manifest, find_cells(lock, manifest))
    return {
        (entry.name, entry.version): explain_presence(graph, entry, manifest.lock, limit=5000).ways
        for entry in graph.entries
    }


def holds(way: Way, target: Target, held: Iterable[Member]) -> bool:
    """Whether a path is one of an environment, by what it says itself."""
    lists = {"env.toml", *(f"{kind} {name}" for kind, name in held)}
    names = {kind: frozenset(name for one, name in held if one == kind) for kind in ("group", "extra")}
    environment: dict[str, str | AbstractSet[str]] = {
        **target.markers,
        "dependency_groups": names["group"],
        "extras": names["extra"],
    }
    marker = Marker(way.marker) if way.marker else None
    return way.by in lists and (marker is None or marker.evaluate(environment, context="lock_file"))


def assert_selected(
    way: Way, package: tuple[str, str | None], picks: Collection[tuple[str, str | None]]
) -> bool:
    assert {package, *((step.name, step.version) for step in way.steps)} <= set(picks), (way, picks)
    return True
