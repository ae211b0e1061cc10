"""Targets by name: what they accept, and which machines they cover."""

from __future__ import annotations

import platform
import sys

import packaging.tags
import pytest

from envctl.errors import InputError
from envctl.model.target import Target, covers_platform, covers_python, name_platform_tag
from envctl.model.targets import join_alike, make_target, move_floor, sort_targets


def test_a_minor_version_means_all_of_its_patch_versions() -> None:
    target = make_target("linux-x86_64", "3.12")

    assert (target.floor, target.ceiling, target.markers["python_full_version"]) == (
        "3.12.0",
        "3.12.99",
        "3.12.0",
    )


def test_an_exact_version_means_itself() -> None:
    target = make_target("linux-x86_64", "3.12.4")

    assert (target.floor, target.ceiling, target.markers["python_version"]) == ("3.12.4", "3.12.4", "3.12")


@pytest.mark.parametrize(
    ("name", "markers", "best", "accepted", "refused"),
    [
        ("linux-x86_64", "linux x86_64", "linux_x86_64", "manylinux_2_28_x86_64", "manylinux_2_29_x86_64"),
        ("linux-x86_64-glibc2.17", "linux x86_64", "linux_x86_64", "manylinux2014_x86_64", "manylinux_2_18_x86_64"),
        ("linux-x86_64-musl1.2", "linux x86_64", "linux_x86_64", "musllinux_1_1_x86_64", "manylinux1_x86_64"),
        ("linux-aarch64", "linux aarch64", "linux_aarch64", "manylinux2014_aarch64", "manylinux1_aarch64"),
        ("macos-arm64", "darwin arm64", "macosx_14_0_arm64", "macosx_10_9_universal2", "macosx_15_0_arm64"),
        ("macos-x86_64", "darwin x86_64", "macosx_13_0_x86_64", "macosx_10_9_x86_64", "macosx_14_0_x86_64"),
        ("windows-x86_64", "win32 AMD64", "win_amd64", "win_amd64", "win_arm64"),
        ("windows-arm64", "win32 ARM64", "win_arm64", "win_arm64", "win_amd64"),
    ],
)  # fmt: skip
def test_a_name_stands_for_a_system_a_machine_and_the_oldest_library(
    name: str, markers: str, best: str, accepted: str, refused: str
) -> None:
    target = make_target(name, "3.12")

    assert f"{target.markers['sys_platform']} {target.markers['platform_machine']}" == markers
    assert target.tags[0] == f"cp312-cp312-{best}"
    assert f"cp312-cp312-{accepted}" in target.tags
    assert f"cp312-cp312-{refused}" not in target.tags
    assert target.tags[-1] == "py30-none-any"


@pytest.mark.skipif(sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="asks this machine")
def test_the_tags_of_this_machine_by_its_name_are_those_it_says_itself() -> None:
    name = f"linux-{platform.machine()}-glibc{platform.libc_ver()[1]}"

    target = make_target(name, f"{sys.version_info.major}.{sys.version_info.minor}")

    assert target.tags == tuple(map(str, packaging.tags.sys_tags()))


def test_other_kinds_of_python_have_tags_of_their_own() -> None:
    assert make_target("linux-x86_64", "3.14t").tags[0] == "cp314-cp314t-linux_x86_64"
    assert make_target("linux-x86_64", "pypy3.11").tags[0] == "pp311-pypy311_pp73-linux_x86_64"
    assert make_target("linux-x86_64", "pypy3.11").markers["implementation_name"] == "pypy"


@pytest.mark.parametrize(
    "name", ["beos-x86_64", "macos-ppc", "windows-x86_64-musl1.2", "linux-x86_64-glibc", ""]
)
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(InputError) as caught:
        make_target(name, "3.12")

    assert caught.value.code == "unknown-target"


def test_targets_are_solved_newest_python_first_whatever_their_order() -> None:
    targets = [
        make_target(name, python)
        for python in ("3.9", "3.12", "3.11")
        for name in ("windows-x86_64", "linux-x86_64")
    ]

    ordered = sort_targets(targets)

    assert ordered == sort_targets(targets[::-1])
    assert [(target.python, target.name) for target in ordered[:3]] == [
        ("3.12", "linux-x86_64"),
        ("3.12", "windows-x86_64"),
        ("3.11", "linux-x86_64"),
    ]


@pytest.mark.parametrize(
    ("names", "pythons"),
    [
        (("linux-x86_64", "linux-x86_64-musl1.2", "linux-x86_64-glibc2.17"), ("3.12",)),
        (("linux-x86_64",), ("3.14", "3.14t")),
    ],
    ids=["C libraries", "free-threaded"],
)
def test_what_no_marker_tells_apart_is_one_target(names: tuple[str, ...], pythons: tuple[str, ...]) -> None:
    alike = [make_target(name, python) for name in names for python in pythons]

    (first, other) = join_alike([*alike, make_target("windows-x86_64", pythons[0])])

    assert sorted((each.name, each.python) for each in first.all) == sorted(
        (each.name, each.python) for each in alike
    )
    assert (first.name, other.name, other.others) == ("linux-x86_64", "windows-x86_64", ())


def test_those_that_are_alike_move_together() -> None:
    (first,) = join_alike([make_target(f"linux-x86_64{library}", "3.12") for library in ("", "-musl1.2")])

    moved = move_floor(first, "3.12.4", "3.12.9")

    assert [(each.floor, each.markers["python_full_version"]) for each in moved.all] == [
        ("3.12.4", "3.12.4")
    ] * 2


def here(*platforms: str, name: str = "linux-x86_64") -> Target:
    exact = make_target("linux-x86_64", "3.12.4")
    tags = tuple(f"cp312-cp312-{each}" for each in platforms)
    return Target(
        name=name, python="3.12", floor="3.12.4", ceiling="3.12.4", markers=exact.markers, tags=tags
    )


def test_a_machine_is_covered_by_a_target_with_an_older_library() -> None:
    machine = here("manylinux_2_36_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64")

    assert covers_platform(("linux-x86_64-glibc2.17",), machine)
    assert not covers_platform(("linux-x86_64-glibc2.40",), machine)
    assert not covers_platform(("linux-x86_64-musl1.2", "macos-arm64"), machine)


def test_a_python_is_covered_by_its_minor_version_or_exactly() -> None:
    assert covers_python(("3.11", "3.12"), here())
    assert covers_python(("3.12.4",), here())
    assert not covers_python(("3.12.5", "3.12t", "3.1"), here())


def test_an_unknown_name_is_no_platform() -> None:
    assert name_platform_tag("beos-x86_64") is None
