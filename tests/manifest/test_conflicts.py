"""Which lists conflict: as written, and through what they include."""

from __future__ import annotations

import pytest

from envctl.errors import EnvctlError
from envctl.manifest.conflicts import Conflicts, conflicts_of
from envctl.manifest.manifest import Manifest
from envctl.manifest.parse import parse

A, B, C, D = (("group", name) for name in "abcd")


def read(text: str, pyproject: str | None = None) -> Manifest:
    return parse(
        text.encode(), path="/shop/env.toml", pyproject=None if pyproject is None else pyproject.encode()
    )


def make(*several: str, default: str = "") -> Conflicts:
    """Make conflicts of groups that one letter names: ``make("ab", "bc")``."""
    written = [[f"{{group = '{name}'}}" for name in names] for names in several]
    groups = "\n".join(f"{name} = []" for name in "abcd")
    conflicts = ", ".join(f"[{', '.join(names)}]" for names in written)
    return conflicts_of(
        read(
            f"[dependency-groups]\n{groups}\n[lock]\nconflicts = [{conflicts}]\n"
            f"[env.default]\ngroups = {list(default)}"
        )
    )


def test_what_holds_no_member_is_a_fork_of_its_own() -> None:
    assert make("ab", "cd").complete() == frozenset()


def test_members_that_fit_join_the_fork_of_those_that_are_held() -> None:
    assert make("ab", "bc").complete([A]) == {A, C}
    assert make("ab", "bc").complete([B]) == {B}
    assert make("ab", "cd").complete([A]) == {A}


def test_what_the_default_environment_holds_joins_first_and_always() -> None:
    assert make("ab", "bc", default="b").complete() == {B}
    assert make("ab", "cd", default="b").complete([C]) == {B, C}
    assert make("ab", "cd", default="b").complete([A]) == {A}


def test_members_that_share_no_rival_are_parts_of_their_own() -> None:
    assert make("ab", "cd").parts == ((A, B), (C, D))
    assert make("ab", "bc").parts == ((A, B, C),)
    assert make().parts == ()


def test_an_environment_may_hold_what_are_no_rivals() -> None:
    found = set(make("ab", "bc").holdings((A, B, C)))

    assert found == {frozenset(), frozenset({A}), frozenset({B}), frozenset({C}), frozenset({A, C})}


INCLUDES = """
[dependency-groups]
a = []
b = []
c = ["x", {include-group = "b"}]
d = [{include-group = "C"}]
[lock]
conflicts = [[{group = "a"}, {group = "b"}]]
"""


def test_a_list_that_includes_a_member_conflicts_with_its_rivals_only() -> None:
    rivals = conflicts_of(read(INCLUDES)).rivals

    assert rivals == {A: frozenset({B, C, D}), B: frozenset({A}), C: frozenset({A}), D: frozenset({A})}


def test_both_sides_may_include() -> None:
    text = INCLUDES.replace("a = []", "a = []\ne = [{include-group = 'a'}]")

    assert conflicts_of(read(text)).rivals[D] == {A, ("group", "e")}


def test_an_environment_with_a_list_that_includes_a_rival_is_refused() -> None:
    with pytest.raises(EnvctlError) as caught:
        read(INCLUDES + "[env.x]\ngroups = ['d', 'a']")

    assert (caught.value.code, caught.value.where) == ("conflicting-lists", "env.toml:9")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("a = []", "a = [{include-group = 'b'}]"), "includes group `b`, with which it conflicts"),
        (("c = [", "c = [{include-group = 'a'}, "), "includes both group `a` and group `b`, which conflict"),
    ],
    ids=["a member that includes its rival", "a list that includes both"],
)
def test_a_list_that_no_environment_could_hold_is_refused(change: tuple[str, str], words: str) -> None:
    with pytest.raises(EnvctlError) as caught:
        read(INCLUDES.replace(*change))

    assert caught.value.code == "conflicting-lists"
    assert words in caught.value.message


PYPROJECT = """
[project]
name = "shop"
version = "1"
[project.optional-dependencies]
slow = ["torch<2"]
fast = ["torch>=2"]
all = ["shop[fast]", "tqdm"]
[dependency-groups]
bench = ["Shop[all]"]
"""


@pytest.mark.parametrize("build", ["", "[build-system]\nrequires = []\n"], ids=["lists only", "installed"])
def test_a_requirement_of_the_project_itself_includes_its_extras(build: str) -> None:
    conflicts = conflicts_of(
        read('project = "."\n[lock]\nconflicts = [[{extra = "slow"}, {extra = "fast"}]]', PYPROJECT + build)
    )

    assert conflicts.rivals["extra", "slow"] == {
        ("extra", "all"),
        ("extra", "fast"),
        ("group", "bench"),
    }


def test_one_member_twice_is_no_conflict() -> None:
    with pytest.raises(EnvctlError) as caught:
        make("aa")

    assert caught.value.code == "bad-value"
