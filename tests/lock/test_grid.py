"""Sets of targets as markers: exact on the grid, and as short as they can be."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from packaging.markers import Marker

from envctl.lock.grid import Grid, both, either
from envctl.model.targets import make_target, sort_targets
from envctl.workflow.patches import cut_targets

PLATFORMS = ("linux-x86_64", "linux-aarch64", "macos-arm64", "macos-x86_64", "windows-x86_64")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def make_grid(platforms: tuple[str, ...] = PLATFORMS, pythons: tuple[str, ...] = PYTHONS) -> Grid:
    return Grid(sort_targets([make_target(name, python) for name in platforms for python in pythons]))


GRID = make_grid()
CUT = Grid(cut_targets(GRID.targets, {"3.12": frozenset({3, 7})}))
EXACT = make_grid(pythons=("3.11", "3.12.4", "3.12.7", "3.13"))


def where(grid: Grid, *wanted: str) -> int:
    """The cells of a grid whose name and Python begin as one of the texts say: ``macos 3.12``."""
    return grid.cells(
        position
        for position, target in enumerate(grid.targets)
        if any(
            target.name.startswith(text.split()[0].rstrip("*")) and target.python.startswith(text.split()[-1].rstrip("*"))
            for text in wanted
        )
    )  # fmt: skip


def says(grid: Grid, *wanted: str, indifferent: int = 0) -> str:
    return either(grid.simplify(where(grid, *wanted), indifferent))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (("windows *",), "sys_platform == 'win32'"),
        (("* 3.11",), "python_version < '3.12'"),
        (("* 3.12",), "python_version == '3.12'"),
        (("* 3.11", "* 3.13", "* 3.14"), "python_version != '3.12'"),
        (("linux *", "macos *"), "sys_platform != 'win32'"),
        (("linux-x *",), "sys_platform == 'linux' and platform_machine == 'x86_64'"),
        (("macos-arm64 *",), "platform_machine == 'arm64'"),
        (("* 3.11", "windows *"), "python_version < '3.12' or sys_platform == 'win32'"),
        (("linux 3.12", "macos 3.12"), "sys_platform != 'win32' and python_version == '3.12'"),
        (
            ("macos *", "windows 3.14"),
            "sys_platform == 'darwin' or (sys_platform == 'win32' and python_version >= '3.14')",
        ),
    ],
    ids=" and ".join,
)
def test_a_set_that_people_would_name_reads_as_they_would_say_it(
    wanted: tuple[str, ...], expected: str
) -> None:
    assert says(GRID, *wanted) == expected


def test_the_whole_grid_needs_no_condition() -> None:
    assert GRID.simplify(GRID.all) == ()
    assert GRID.simplify(where(GRID, "linux *"), where(GRID, "macos *", "windows *")) == ()


def test_what_is_indifferent_makes_a_marker_shorter() -> None:
    assert says(GRID, "macos-arm64 *", indifferent=where(GRID, "macos-x *")) == "sys_platform == 'darwin'"


def test_the_parts_of_a_python_are_told_apart_by_their_patch_version() -> None:
    first = CUT.cells(i for i, target in enumerate(CUT.targets) if target.floor in {"3.12.0", "3.11.0"})

    assert either(CUT.simplify(first)) == "python_full_version < '3.12.3'"


def test_a_python_that_was_cut_is_whole_again_where_all_of_it_is_meant() -> None:
    assert says(CUT, "* 3.12") == "python_version == '3.12'"


def test_exact_versions_of_one_minor_are_told_apart() -> None:
    assert says(EXACT, "* 3.12.7", "* 3.13") == "python_full_version >= '3.12.7'"


def test_two_targets_with_the_same_markers_make_no_grid() -> None:
    with pytest.raises(ValueError, match="same markers"):
        make_grid(("linux-x86_64", "linux-x86_64-musl1.2"))


def test_both_sides_of_an_and_keep_their_meaning() -> None:
    assert both(["a", "b"], ["c"]) == "(a or b) and c"
    assert both(["a"], ["b", "c and d"]) == "a and (b or (c and d))"
    assert both(["a"], []) == "a"


@pytest.mark.parametrize("grid", [GRID, CUT, EXACT, make_grid(("linux-x86_64",), ("3.12",))])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_marker_holds_in_exactly_the_cells_it_was_made_for(grid: Grid, data: st.DataObject) -> None:
    wanted = data.draw(st.integers(1, grid.all))
    indifferent = data.draw(st.one_of(st.just(0), st.integers(0, grid.all)))
    assume(wanted & ~indifferent)
    conditions = grid.simplify(wanted, indifferent)
    marker = Marker(either(conditions)) if conditions else None

    for position, target in enumerate(grid.targets):
        holds = marker is None or marker.evaluate(dict(target.markers))
        if not indifferent >> position & 1:
            assert holds == bool(wanted >> position & 1), (str(marker), target.name, target.floor)


def test_the_order_of_targets_does_not_change_a_marker() -> None:
    backwards = Grid(GRID.targets[::-1])

    for text in ("linux 3.12", "macos *", "* 3.13", "windows 3.11"):
        assert says(GRID, text) == says(backwards, text)
