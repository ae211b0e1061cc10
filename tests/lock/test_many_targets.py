"""Several targets in one lock: what each of them chooses is what was resolved for it."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.lock.choose import choose
from envctl.lock.compose import compose
from envctl.lock.difference import compare
from envctl.lock.freshness import preferences
from envctl.lock.lock import Lock
from envctl.lock.parse import parse
from envctl.model.artifact import Wheel
from envctl.model.resolution import Resolution, Resolved
from envctl.model.target import Target
from envctl.model.targets import make_target, sort_targets
from envctl.workflow.patches import cut_targets
from support.manifests import make_manifest
from support.universes import Notation, Release, request, resolve

LINUX, MAC, WINDOWS = "linux-x86_64", "macos-arm64", "windows-x86_64"
TAGS = {LINUX: "manylinux_2_17_x86_64", MAC: "macosx_11_0_arm64", WINDOWS: "win_amd64"}
GROUPS, EXTRAS = ("dev", "doc"), ("pg",)


def make_targets(*pythons: str, platforms: Sequence[str] = (LINUX, MAC, WINDOWS)) -> tuple[Target, ...]:
    return sort_targets([make_target(name, python) for name in platforms for python in pythons])


TARGETS = make_targets("3.11", "3.12")


def make(universe: Notation, *wanted: str, targets: Sequence[Target] = TARGETS, **lists: Any) -> Lock:
    resolutions = [resolve(universe, request(*wanted, **lists), target) for target in targets]
    manifest = make_manifest(groups=lists.get("groups"), extras=lists.get("extras"))
    return compose(resolutions, manifest=manifest, digest="", old=None)


def entries(lock: Lock, name: str) -> list[Any]:
    packages = tomllib.loads(lock.data.decode())["packages"]
    return [package for package in packages if package["name"] == name]


def chosen(lock: Lock, target: Target, **lists: Any) -> dict[str, str | None]:
    pins = choose(lock, target, **{"groups": (), "extras": (), **lists}).pins
    return {name: pin.version for name, pin in pins.items()}


class TestMarkers:
    def test_what_every_target_needs_has_none(self) -> None:
        assert "marker" not in entries(make({"a": {"1.0": []}}, "a"), "a")[0]

    def test_what_one_platform_needs_names_it(self) -> None:
        universe: Notation = {"a": {"1.0": ["b; sys_platform == 'win32'"]}, "b": {"1.0": []}}

        assert entries(make(universe, "a"), "b")[0]["marker"] == 'sys_platform == "win32"'

    def test_a_marker_that_no_target_meets_leaves_nothing(self) -> None:
        assert entries(make({"a": {"1.0": ["b; sys_platform == 'os2'"]}}, "a"), "b") == []

    def test_two_versions_of_a_project_share_the_targets_between_them(self) -> None:
        universe: Notation = {"a": {"1.0": [], "2.0": Release(python=">=3.12")}}

        found = entries(make(universe, "a"), "a")

        assert [(entry["version"], entry["marker"]) for entry in found] == [
            ("1.0", 'python_version < "3.12"'),
            ("2.0", 'python_version >= "3.12"'),
        ]

    def test_a_group_that_reaches_further_than_the_dependencies_adds_to_them(self) -> None:
        lock = make({"a": {"1.0": []}}, "a; sys_platform == 'win32'", groups={"dev": ["a"]})

        assert entries(lock, "a")[0]["marker"] == 'sys_platform == "win32" or "dev" in dependency_groups'

    def test_a_group_may_need_a_package_on_some_targets_only(self) -> None:
        lock = make(
            {"a": {"1.0": []}},
            groups={"dev": ["a; python_version < '3.12'"], "doc": ["a; python_version < '3.12'"]},
        )

        assert entries(lock, "a")[0]["marker"] == (
            '("dev" in dependency_groups or "doc" in dependency_groups) and python_version < "3.12"'
        )  # fmt: skip


class TestHead:
    def test_each_platform_is_one_environment_with_its_pythons_folded(self) -> None:
        lock = make({}, targets=make_targets("3.9", "3.10", "3.11"))

        assert [str(marker) for marker in lock.pylock.environments or ()] == [
            f'sys_platform == "{system}" and platform_machine == "{machine}" and implementation_name == "cpython" '
            'and python_version >= "3.9" and python_version <= "3.11"'
            for system, machine in (("darwin", "arm64"), ("linux", "x86_64"), ("win32", "AMD64"))
        ]
        assert str(lock.pylock.requires_python) == ">=3.9"

    def test_a_hole_between_the_pythons_stays_open(self) -> None:
        lock = make({}, targets=make_targets("3.11", "3.13", platforms=(LINUX,)))

        pythons = [str(marker).rpartition(" and ")[2] for marker in lock.pylock.environments or ()]
        assert pythons == ['python_version == "3.11"', 'python_version == "3.13"']

    def test_an_exact_python_is_the_only_one_of_its_minor_version(self) -> None:
        lock = make({}, targets=make_targets("3.12.4", platforms=(LINUX,)))

        assert str((lock.pylock.environments or ())[0]).endswith('python_full_version == "3.12.4"')
        assert str(lock.pylock.requires_python) == ">=3.12.4"
        assert lock.pythons == ("3.12.4",)

    def test_the_parts_of_a_python_that_was_cut_are_one_environment(self) -> None:
        targets = cut_targets(make_targets("3.12", platforms=(LINUX,)), {"3.12": frozenset({4})})

        lock = make({"a": {"1.0": []}}, "a; python_full_version < '3.12.4'", targets=targets)

        assert str((lock.pylock.environments or ())[0]).endswith('python_version == "3.12"')
        assert lock.pythons == ("3.12",)
        assert entries(lock, "a")[0]["marker"] == 'python_full_version < "3.12.4"'


class TestFiles:
    def test_those_that_fit_some_target_are_listed_and_no_others(self) -> None:
        tags = [f"cp312-cp312-{tag}" for tag in (*TAGS.values(), "win_arm64", "macosx_15_0_arm64")]
        lock = make(
            {"a": {"1.0": Release(wheels=(*tags, "cp313-cp313-win_amd64"))}},
            "a",
            targets=make_targets("3.12"),
        )

        names = [wheel["name"] for wheel in entries(lock, "a")[0]["wheels"]]

        assert names == [f"a-1.0-cp312-cp312-{tag}.whl" for tag in sorted(TAGS.values())]

    def test_a_version_lists_only_files_for_targets_it_is_chosen_for(self) -> None:
        new = Release(wheels=(f"cp312-cp312-{TAGS[LINUX]}", f"cp311-cp311-{TAGS[LINUX]}"), python=">=3.12")
        lock = make(
            {"a": {"1.0": [], "2.0": new}}, "a", targets=make_targets("3.11", "3.12", platforms=(LINUX,))
        )

        assert [wheel["name"] for wheel in entries(lock, "a")[1]["wheels"]] == [
            "a-2.0-cp312-cp312-manylinux_2_17_x86_64.whl"
        ]

    def test_the_higher_build_number_of_a_wheel_goes_first(self) -> None:
        wheels = ("1-py3-none-any", "2-py3-none-any", "10-py3-none-any", "py3-none-any")
        lock = make({"a": {"1.0": Release(wheels=wheels)}}, "a")

        assert [wheel["name"].split("-")[2] for wheel in entries(lock, "a")[0]["wheels"]] == [
            "10",
            "2",
            "1",
            "py3",
        ]

    def test_a_source_distribution_is_listed_beside_the_wheels_of_other_targets(self) -> None:
        release = Release(wheels=(f"py3-none-{TAGS[LINUX]}",), sdist=True)

        entry = entries(make({"a": {"1.0": release}}, "a", allow=True), "a")[0]

        assert (len(entry["wheels"]), entry["sdist"]["name"]) == (1, "a-1.0.tar.gz")


class TestRequirements:
    UNIVERSE: ClassVar[Notation] = {
        "a": {
            "1.0": [
                "b>=1; sys_platform == 'win32'",
                "b; sys_platform != 'win32'",
                "c; sys_platform == 'darwin'",
            ]
        },
        "b": {"1.0": [], "2.0": Release(python=">=3.12")},
        "c": {"1.0": []},
    }

    def test_those_of_some_targets_have_a_marker(self) -> None:
        table = entries(make(self.UNIVERSE, "a"), "a")[0]["tool"]["envctl"]

        assert table["requires"] == [
            "b ; sys_platform != 'win32'",
            "b>=1 ; sys_platform == 'win32'",
            "c ; sys_platform == 'darwin'",
        ]

    def test_the_one_that_counts_says_who_requires_a_package(self) -> None:
        lock = make(self.UNIVERSE, "a", "c")

        by = {
            target.name: choose(lock, target, groups=(), extras=()).pins["c"].required_by
            for target in make_targets("3.12")
        }

        assert by == {LINUX: (), MAC: ("a",), WINDOWS: ()}

    def test_a_dependency_names_the_version_where_there_are_several(self) -> None:
        found = entries(make(self.UNIVERSE, "a"), "a")[0]["dependencies"]

        assert found == [{"name": "b", "version": "1.0"}, {"name": "b", "version": "2.0"}, {"name": "c"}]


def test_the_old_versions_of_a_target_are_those_that_were_chosen_for_it() -> None:
    lock = make({"a": {"1.0": [], "2.0": Release(python=">=3.12")}}, "a")

    assert [preferences(lock, make_target(LINUX, python)) for python in ("3.11", "3.12")] == [
        {"a": "1.0"},
        {"a": "2.0"},
    ]
    assert preferences(lock) == {"a": "2.0"}


def test_a_second_version_is_told_as_a_change() -> None:
    old = make({"a": {"1.0": []}}, "a")
    new = make({"a": {"1.0": [], "2.0": Release(python=">=3.12")}}, "a")

    (change,) = compare(old, new)

    assert (change.before, change.after) == ("1.0", "1.0, 2.0")


# Any resolutions ---------------------------------------------------------------------------------


def release(draw: st.DrawFn, name: str) -> Resolved:
    version = draw(st.sampled_from(["1.0", "2.0"]))
    reach = draw(st.sets(st.sampled_from(["", *GROUPS, *EXTRAS]), min_size=1))
    required = draw(st.lists(st.sampled_from(["a", "b>=1", "c", "d"]), unique=True, max_size=2))
    return Resolved(
        name=name,
        version=version,
        artifacts=(),
        requires=tuple(sorted(text for text in required if text[0] != name)),
        in_base="" in reach,
        groups=frozenset(reach & set(GROUPS)),
        extras_of=frozenset(reach & set(EXTRAS)),
    )


def with_files(package: Resolved, target: Target, *, generic: bool) -> Resolved:
    """Give a release the file that fits its target, or one that fits all of them."""
    tag = "py3-none-any" if generic else target.tags[0]
    filename = f"{package.name}-{package.version}-{tag}.whl"
    wheel = Wheel(filename=filename, url=f"https://x.example/{filename}", hashes={"sha256": "0" * 64})
    return Resolved(
        name=package.name,
        version=package.version,
        artifacts=(wheel,),
        requires=package.requires,
        in_base=package.in_base,
        groups=package.groups,
        extras_of=package.extras_of,
    )


@st.composite
def resolutions(draw: st.DrawFn) -> list[Resolution]:
    pythons = draw(st.lists(st.sampled_from(["3.11", "3.12", "3.13"]), min_size=1, unique=True))
    platforms = draw(st.lists(st.sampled_from([LINUX, MAC, WINDOWS]), min_size=1, unique=True))
    cuts = {"3.12": draw(st.frozensets(st.integers(1, 9), max_size=2))}
    result = []
    for target in cut_targets(make_targets(*pythons, platforms=platforms), cuts):
        names = draw(st.sets(st.sampled_from("abcd")))
        packages = {
            name: with_files(release(draw, name), target, generic=draw(st.booleans()))
            for name in sorted(names)
        }
        result.append(Resolution(target=target, packages=packages))
    return result


def expected(
    resolution: Resolution, groups: Sequence[str], extras: Sequence[str]
) -> Mapping[str, str | None]:
    return {
        name: package.version
        for name, package in resolution.packages.items()
        if package.in_base or package.groups & set(groups) or package.extras_of & set(extras)
    }


SUBSETS = [
    (groups, extras)
    for groups in ((), ("dev",), ("doc",), ("dev", "doc"))
    for extras in ((), ("pg",))
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(resolutions(), st.sampled_from(SUBSETS))
def test_every_target_chooses_what_was_resolved_for_it(made: list[Resolution], default: Any) -> None:
    groups, extras = default
    manifest = make_manifest(
        groups=dict.fromkeys(GROUPS, ()),
        extras=dict.fromkeys(EXTRAS, ()),
        default_groups=groups,
        default_extras=extras,
    )
    lock = compose(made, manifest=manifest, digest="", old=None)
    lock = parse(lock.data, path=lock.path)

    for resolution in made:
        for chosen_groups, chosen_extras in SUBSETS:
            assert chosen(lock, resolution.target, groups=chosen_groups, extras=chosen_extras) == expected(
                resolution, chosen_groups, chosen_extras
            )
        assert chosen(lock, resolution.target, default_selection=True) == expected(resolution, groups, extras)


@settings(max_examples=60, deadline=None)
@given(resolutions(), st.randoms(use_true_random=False))
def test_the_order_of_targets_does_not_change_a_byte(made: list[Resolution], random: Any) -> None:
    manifest = make_manifest(groups=dict.fromkeys(GROUPS, ()), extras=dict.fromkeys(EXTRAS, ()))
    shuffled = random.sample(made, len(made))

    first, second = (compose(each, manifest=manifest, digest="", old=None) for each in (made, shuffled))

    assert first.data == second.data


@settings(max_examples=100, deadline=None)
@given(resolutions())
def test_every_target_gets_the_files_and_the_requirements_it_was_resolved_with(
    made: list[Resolution],
) -> None:
    manifest = make_manifest(groups=dict.fromkeys(GROUPS, ()), extras=dict.fromkeys(EXTRAS, ()))
    lock = compose(made, manifest=manifest, digest="", old=None)

    for resolution in made:
        pins = choose(lock, resolution.target, groups=GROUPS, extras=EXTRAS).pins
        required = sorted({by for pin in pins.values() for by in pin.required_by})
        assert required == sorted(
            {
                f"{package.name} ({text[1:]})" if text[1:] else package.name
                for package, text in itertools.chain.from_iterable(
                    ((package, text) for text in package.requires) for package in resolution.packages.values()
                )
                if text[0] in pins
            }
        )
        for name, pin in pins.items():
            assert isinstance(pin.artifact, Wheel)
            assert pin.artifact.filename.startswith(f"{name}-{resolution.packages[name].version}-")
