"""Properties of every resolution, on universes made at random."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from envctl.errors import ResolutionError
from envctl.model.resolution import Resolution
from support.universes import request, resolve, versions

NAMES = ("a", "b", "c", "d")
VERSIONS = ("1", "2", "3")
OPERATORS = ("==", "<", "<=", ">=", ">", "!=")

requirements = st.builds(
    "{}{}{}".format, st.sampled_from(NAMES), st.sampled_from(OPERATORS), st.sampled_from(VERSIONS)
) | st.sampled_from(NAMES)
universes = st.fixed_dictionaries(
    {
        name: st.fixed_dictionaries({version: st.lists(requirements, max_size=2) for version in VERSIONS})
        for name in NAMES
    }
)
lists = st.lists(requirements, min_size=1, max_size=3)


def attempt(universe: Any, wanted: Any) -> Resolution | None:
    try:
        return resolve(universe, wanted)
    except ResolutionError:
        return None


def is_solution(universe: Any, roots: Any, picks: Any) -> Any:
    active = [*roots, *(text for name, version in picks.items() for text in universe[name][version])]
    return all(
        Requirement(text).name in picks
        and Requirement(text).specifier.contains(picks[Requirement(text).name])
        for text in active
    )


@settings(max_examples=150, deadline=None)
@given(universes, lists)
def test_what_is_found_is_a_solution(universe: Any, roots: Any) -> None:
    resolution = attempt(universe, request(*roots))

    if resolution is not None:
        assert is_solution(universe, roots, versions(resolution))


@settings(max_examples=60, deadline=None)
@given(universes, lists, st.randoms(use_true_random=False))
def test_the_order_of_what_is_asked_does_not_matter(universe: Any, roots: Any, random: Any) -> None:
    shuffled = random.sample(roots, len(roots))

    first, second = attempt(universe, request(*roots)), attempt(universe, request(*shuffled))

    assert (first and first.packages) == (second and second.packages)


@settings(max_examples=100, deadline=None)
@given(universes, lists)
def test_resolving_again_with_the_old_picks_changes_nothing(universe: Any, roots: Any) -> None:
    first = attempt(universe, request(*roots))
    if first is None:
        return

    again = resolve(universe, request(*roots, preferences=versions(first)))

    assert again.packages == first.packages


@settings(max_examples=100, deadline=None)
@given(universes, lists, st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VERSIONS)))
def test_preferences_never_make_a_resolution_impossible(universe: Any, roots: Any, preferences: Any) -> None:
    resolution = attempt(universe, request(*roots, preferences=preferences))

    if resolution is None:
        assert attempt(universe, request(*roots)) is None


@settings(max_examples=60, deadline=None)
@given(universes, lists)
def test_nothing_is_picked_that_nothing_asks_for(universe: Any, roots: Any) -> None:
    resolution = attempt(universe, request(*roots))
    if resolution is None:
        return

    asked = {Requirement(text).name for text in roots}
    for package in resolution.packages.values():
        asked.update(Requirement(text).name for text in package.requires)

    assert set(resolution.packages) == asked
