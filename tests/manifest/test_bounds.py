"""Bounds of requirements: what is raised, what stays, and what is let go of meanwhile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

from envctl.manifest.bounds import bind, loosen

V = Version("3.1.2")


@pytest.mark.parametrize(
    ("text", "loose"),
    [
        ("flask", "flask"),
        ("flask>=3,<4", "flask>=3,<4"),
        ("flask==3.0", "flask"),
        ("flask ==3.0 ; python_version > '3'", "flask  ; python_version > '3'"),
        ("flask==3.*", "flask==3.*"),
        ("flask===3.0,!=3.1", "flask!=3.1"),
        ("flask @ https://files.example/flask-3.0-py3-none-any.whl", None),
    ],
)
def test_pins_are_let_go_of_and_nothing_else(text: str, loose: str | None) -> None:
    assert loosen(text) == (text if loose is None else loose)


@pytest.mark.parametrize(
    ("text", "raised"),
    [
        ("flask", "flask>=3.1.2"),
        ("flask>=3", "flask>=3.1.2"),
        ("flask > 2.0", "flask >= 3.1.2"),
        ("flask >= 2, < 4", "flask >= 3.1.2, < 4"),
        ("flask<4,>=2,!=3.0.1", "flask<4,>=3.1.2,!=3.0.1"),
        ("flask < 4", "flask >= 3.1.2, < 4"),
        ("flask==3.0.1", "flask>=3.1.2"),
        ("flask===3.0.1", "flask>=3.1.2"),
        ("flask==3.*", "flask>=3.1.2,==3.*"),
        ("flask~=3.0", "flask~=3.1"),
        ("flask~=3.1.0", "flask~=3.1.2"),
        ("flask[async] >=2 ; python_version > '3'", "flask[async] >=3.1.2 ; python_version > '3'"),
        ("flask ; python_version > '3'", "flask>=3.1.2 ; python_version > '3'"),
        ("flask (>=2,<4)", "flask (>=3.1.2,<4)"),
        ("Flask_Thing >=2", "Flask_Thing >=3.1.2"),
    ],
)
def test_the_lower_bound_is_raised_and_all_else_stays(text: str, raised: str) -> None:
    assert bind(text, [V], mode="lower") == raised


@pytest.mark.parametrize(
    "text",
    [
        "flask>=3.1.2",
        "flask >= 3.1.2.0 , <4",
        "flask~=3.1",
        "flask<3",
        "flask @ https://files.example/flask-3.0-py3-none-any.whl",
    ],
    ids=["raised already", "in another spelling", "near enough", "for another version", "a URL"],
)
def test_what_need_not_be_raised_stays_as_it_is_written(text: str) -> None:
    assert bind(text, [V], mode="lower") == text


@pytest.mark.parametrize(
    ("text", "pinned"),
    [
        ("flask", "flask==3.1.2"),
        ("flask >= 2, <4", "flask == 3.1.2"),
        ("flask==3.1.2.0", "flask==3.1.2.0"),
        ("flask[async] ~=3.0 ; python_version > '3'", "flask[async] ==3.1.2 ; python_version > '3'"),
        ("flask<3", "flask<3"),
    ],
)
def test_an_exact_bound_replaces_all_others(text: str, pinned: str) -> None:
    assert bind(text, [V], mode="exact") == pinned


def test_each_of_two_requirements_is_bound_to_the_version_that_it_admits() -> None:
    versions = [Version("1.26"), Version("2.3")]

    assert bind("numpy<2", versions, mode="exact") == "numpy==1.26"
    assert bind("numpy>=2", versions, mode="lower") == "numpy>=2.3"
    assert bind("numpy", versions, mode="lower") == "numpy>=1.26"


def test_one_requirement_cannot_pin_two_versions() -> None:
    assert bind("numpy", [Version("1.26"), Version("2.3")], mode="exact") is None


@pytest.mark.parametrize(
    ("mode", "bound"), [("lower", "torch>=2.1"), ("exact", "torch==2.1+cpu")], ids=["lower", "exact"]
)
def test_a_local_version_is_for_an_exact_bound_only(mode: str, bound: str) -> None:
    assert bind("torch", [Version("2.1+cpu")], mode=mode) == bound


def test_a_compatible_bound_that_would_shut_out_a_pre_release_stays() -> None:
    assert bind("flask~=3.0", [Version("3.1rc1")], mode="lower") == "flask~=3.0"


numbers = st.integers(min_value=0, max_value=4)
releases = st.lists(numbers, min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
suffixes = st.sampled_from(["", "", "rc1", ".post1"])
clauses = st.builds("{}{}{}".format, st.sampled_from([">=", ">", "<", "<=", "==", "!="]), releases, suffixes)
compatible = st.builds("~={}.{}".format, numbers, releases)
wildcards = st.builds("=={}.*".format, releases)
blanks = st.sampled_from(["", " "])
texts = st.builds(
    lambda several, blank, marker: f"flask{blank}{f',{blank}'.join(several)}{marker}",
    st.lists(clauses | compatible | wildcards, max_size=3),
    blanks,
    st.sampled_from(["", " ; python_version > '3'"]),
)
versions = st.builds("{}{}".format, releases, suffixes).map(Version)


@given(texts, versions, st.sampled_from(["lower", "exact"]))
def test_what_was_chosen_within_the_limits_is_within_the_new_bounds(
    text: str, version: Version, mode: str
) -> None:
    limits = Requirement(loosen(text)).specifier

    bound = bind(text, [version], mode=mode)

    assert bound is not None
    if limits.contains(version, prereleases=True):
        assert Requirement(bound).specifier.contains(version, prereleases=True)
        assert Requirement(bound).marker == Requirement(text).marker
        assert bind(bound, [version], mode=mode) == bound
    else:
        assert bound == text


@given(texts, versions, st.lists(versions, max_size=5))
def test_a_raised_bound_lets_in_nothing_that_the_limits_shut_out(
    text: str, version: Version, others: list[Version]
) -> None:
    bound = bind(text, [version], mode="lower")

    assert bound is not None
    for other in others:
        if Requirement(bound).specifier.contains(other, prereleases=True):
            assert Requirement(loosen(text)).specifier.contains(other, prereleases=True)
