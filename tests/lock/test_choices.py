"""Conditions on what an environment holds: exact wherever it matters, and short."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from packaging.markers import Marker

from envctl.lock.choices import Choices, Region, simplify
from envctl.lock.grid import Grid, either
from envctl.manifest.conflicts import Conflicts, Fork, Member, conflicts_of
from envctl.model.targets import make_target, sort_targets
from support.manifests import make_manifest

TARGETS = sort_targets(
    [make_target(name, python) for name in ("linux-x86_64", "windows-x86_64") for python in ("3.11", "3.12")]
)


def make_conflicts(*several: str) -> Conflicts:
    """Make conflicts of groups that one letter names; `x` and `y` are extras."""
    sets = [[("extra" if name in "xy" else "group", name) for name in names] for names in several]
    return conflicts_of(make_manifest(conflicts=sets))


def holds(conditions: tuple[str, ...], held: Fork, markers: dict[str, str]) -> bool:
    if not conditions:
        return True
    lists = {
        variable: frozenset(name for kind, name in held if kind == wanted)
        for variable, wanted in (("dependency_groups", "group"), ("extras", "extra"))
    }
    return Marker(either(conditions)).evaluate({**markers, **lists}, context="lock_file")


@pytest.mark.parametrize(
    "several", [("ab",), ("abx",), ("ab", "bc"), ("ab", "cd"), ("ab", "bx", "xy")], ids=" ".join
)
def test_a_region_is_described_exactly_where_it_matters(several: tuple[str, ...]) -> None:
    random, grid = Random(5), Grid(TARGETS)
    conflicts = make_conflicts(*several)
    choices = Choices(conflicts, conflicts.order)
    rows = range(len(choices.holdings))

    for _ in range(150):
        density = random.random()
        wanted = [
            random.getrandbits(4) if random.random() < density else random.choice((0, 15)) for _ in rows
        ]
        free = [random.choice((0, 0, 15, random.getrandbits(4))) for _ in rows]
        if not any(row & ~known for row, known in zip(wanted, free, strict=True)):
            continue
        conditions = simplify(Region(tuple(wanted), choices), free, grid)
        for place, (cell, target) in itertools.product(rows, enumerate(TARGETS)):
            if not free[place] >> cell & 1:
                expected = bool(wanted[place] >> cell & 1)
                assert holds(conditions, choices.holdings[place], dict(target.markers)) == expected


A, B, C = (("group", name) for name in "abc")


@pytest.mark.parametrize(
    ("several", "wanted", "text"),
    [
        ("ab", [set(), {A}], "'b' not in dependency_groups"),
        ("ab", [{B}], "'b' in dependency_groups"),
        ("ab", [set(), {B}], "'a' not in dependency_groups"),
        ("abc", [set(), {A}, {B}], "'c' not in dependency_groups"),
        ("abc", [{A}, {C}], "'a' in dependency_groups or 'c' in dependency_groups"),
        ("abc", [set()], "'a' not in dependency_groups and 'b' not in dependency_groups and 'c' not in dependency_groups"),
    ],
)  # fmt: skip
def test_a_condition_names_no_more_than_it_has_to(several: str, wanted: list[set[Member]], text: str) -> None:
    conflicts = make_conflicts(several)
    choices = Choices(conflicts, conflicts.order)
    cells = sum(1 << place for place, held in enumerate(choices.holdings) if held in wanted)

    assert either([cube.text for cube in choices.describe(cells, 0)]) == text


def test_a_set_of_many_members_is_described_in_time() -> None:
    """Not by trying every conjunction there is."""
    conflicts = make_conflicts("abcdefghijklmnopqrstuvw")
    choices = Choices(conflicts, conflicts.order)

    (cube,) = choices.describe(choices.all & ~choices.having(A), 0)

    assert cube.text == "'a' not in dependency_groups"
