"""Masks by bisection are those that packaging gives, version by version."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envctl.resolve.intervals import contained

numbers = st.integers(0, 3)
releases = st.lists(numbers, min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
epochs = st.sampled_from(["", "", "", "1!"])
suffixes = st.sampled_from(["", "", "", "a0", "a1", "b2", "rc1", ".post0", ".post2", ".dev0", ".dev3"])
plain = st.builds("{}{}{}".format, epochs, releases, suffixes)
odd = st.builds(
    "{}{}{}".format, epochs, releases, st.sampled_from(["rc1.post2.dev3", "a1.dev2", ".post1.dev0"])
)
public = plain | odd
versions = st.builds("{}{}".format, public, st.sampled_from(["", "", "", "+local", "+1"]))
specifiers = (
    st.builds("{}{}".format, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), public)
    | st.builds("{}{}{}.*".format, st.sampled_from(["==", "!="]), epochs, releases)
    | st.builds("{}{}".format, st.sampled_from(["==", "!=", "==="]), versions)
    | st.builds("~={}{}.{}{}".format, epochs, numbers, releases, suffixes)
)


def by_packaging(text: Any, listed: Any) -> list[Any]:
    specifier = SpecifierSet(text)
    return [version for version in listed if specifier.contains(version, prereleases=True)]


def by_bisection(text: Any, listed: Any) -> list[Any]:
    mask = contained(SpecifierSet(text), listed)
    return [version for position, version in enumerate(listed) if mask >> position & 1]


@settings(max_examples=600, deadline=None)
@given(st.lists(specifiers, min_size=1, max_size=2), st.sets(versions, max_size=40))
def test_masks_by_bisection_are_those_of_packaging(texts: Any, listed: Any) -> None:
    ordered = sorted({Version(version) for version in listed}, reverse=True)

    assert by_bisection(",".join(texts), ordered) == by_packaging(",".join(texts), ordered)


@pytest.mark.parametrize(
    "text",
    ["<2", "<2.0a0", ">1.0", ">1.0.post1", "<1.0.post1", ">1.0rc1", "==1.0", "==1.0.*", "~=1.0.0", "!=1.*", "<=1.0", "==1.0+x"],
)  # fmt: skip
def test_the_versions_around_a_bound_are_those_of_packaging(text: Any) -> None:
    around = ["0.9", "1.0.dev0", "1.0a1", "1.0rc1", "1.0rc1.post1", "1.0", "1.0+x", "1.0.post1.dev0", "1.0.post1", "1.0.post1+x", "1.0.1", "1.1", "2.0.dev0", "2.0a0", "2.0"]  # fmt: skip
    ordered = sorted(map(Version, around), reverse=True)

    assert by_bisection(text, ordered) == by_packaging(text, ordered)
