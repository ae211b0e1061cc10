"""One resolution a target: what is preferred, where a Python is cut, and what has no file somewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

import pytest

from envctl.errors import ResolutionError
from envctl.lock.compose import compose
from envctl.lock.lock import Lock
from envctl.model.events import Ended, Event, Notice, Started
from envctl.model.resolution import Resolution
from envctl.model.target import Target
from envctl.model.targets import join_alike, make_target, sort_targets
from envctl.workflow.resolving import resolve_targets
from support.manifests import make_manifest
from support.universes import DictCatalog, Notation, Release, request

LINUX, MAC, WINDOWS = "linux-x86_64", "macos-arm64", "windows-x86_64"
ALL = (LINUX, MAC, WINDOWS)


def targets(*pythons: str, platforms: Sequence[str] = (LINUX,)) -> tuple[Target, ...]:
    return sort_targets([make_target(name, python) for name in platforms for python in pythons])


def run(
    universe: Notation, *wanted: str, at: Sequence[Target], events: list[Event] | None = None, **more: Any
) -> Any:
    emit = (lambda _: None) if events is None else events.append
    options: dict[str, Any] = {"old": None, "released": frozenset()}
    options |= {key: more.pop(key) for key in ("old", "released", "tolerant") if key in more}
    return resolve_targets(request(*wanted, **more), at, DictCatalog(universe), emit, **options)


def lock(resolutions: Sequence[Resolution]) -> Lock:
    return compose(resolutions, manifest=make_manifest(), digest="", old=None)


def picked(resolutions: Iterable[Resolution], name: str) -> Mapping[tuple[str, str], str | None]:
    return {
        (each.target.name, each.target.floor): each.packages[name].version
        for each in resolutions
        if name in each.packages
    }


def versions(*texts: str) -> dict[str, list[str]]:
    return {text: [] for text in texts}


class TestPreferences:
    UNIVERSE: ClassVar[Notation] = {"a": {"1.0": [], "2.0": [], "3.0": Release(python=">=3.12")}}

    def test_an_older_python_does_not_hold_back_a_newer_one(self) -> None:
        assert set(picked(run(self.UNIVERSE, "a", at=targets("3.11", "3.12")), "a").values()) == {
            "2.0",
            "3.0",
        }

    def test_a_target_follows_those_before_it(self) -> None:
        universe: Notation = {
            "a": {"1.0": [], "2.0": Release(wheels=("py3-none-win_amd64",))},
            "b": {"1.0": ["a"]},
        }
        at = targets("3.12", platforms=(LINUX, WINDOWS))

        assert set(picked(run(universe, "b", at=at), "a").values()) == {"1.0"}

    def test_each_target_keeps_what_it_had(self) -> None:
        first = run(self.UNIVERSE, "a", at=targets("3.11", "3.12"))
        newer: Notation = {"a": {**self.UNIVERSE["a"], "4.0": []}}

        again = run(newer, "a", at=targets("3.11", "3.12"), old=lock(first))

        assert picked(again, "a") == picked(first, "a")

    def test_a_new_target_takes_what_the_others_have(self) -> None:
        universe: Notation = {"a": versions("1.0", "2.0")}
        old = lock(run({"a": versions("1.0")}, "a", at=targets("3.12")))

        again = run(universe, "a", at=targets("3.11", "3.12", platforms=ALL), old=old)

        assert set(picked(again, "a").values()) == {"1.0"}

    def test_what_does_not_fit_any_more_goes_to_where_another_target_is(self) -> None:
        """Not to the newest, which would make three versions of two."""
        universe: Notation = {"a": {**versions("1.0", "2.0", "3.0")}}
        old = lock(
            [
                *run(universe, "a==2.0", at=targets("3.12")),
                *run(universe, "a==1.0", at=targets("3.11")),
            ]
        )

        again = run(universe, "a>1", at=targets("3.11", "3.12"), old=old)

        assert set(picked(again, "a").values()) == {"2.0"}

    def test_released_names_move_and_others_stay(self) -> None:
        universe: Notation = {"a": versions("1.0"), "b": versions("1.0")}
        newer: Notation = {"a": versions("1.0", "2.0"), "b": versions("1.0", "2.0")}
        at = targets("3.11", "3.12")
        old = lock(run(universe, "a", "b", at=at))

        again = run(newer, "a", "b", at=at, old=old, released=frozenset({"b"}))

        assert set(picked(again, "a").values()) == {"1.0"}
        assert set(picked(again, "b").values()) == {"2.0"}

    def test_all_move_when_all_are_released(self) -> None:
        old = lock(run({"a": versions("1.0")}, "a", at=targets("3.12")))

        again = run({"a": versions("1.0", "2.0")}, "a", at=targets("3.12"), old=old, released=None)

        assert set(picked(again, "a").values()) == {"2.0"}


class TestPatchVersions:
    def test_a_marker_about_one_cuts_the_python_there_on_all_platforms(self) -> None:
        universe: Notation = {
            "a": {"1.0": ["b; python_full_version < '3.11.3' and sys_platform == 'linux'"]},
            "b": versions("1.0"),
        }

        made = run(universe, "a", at=targets("3.11", "3.12", platforms=(LINUX, WINDOWS)))

        assert picked(made, "b") == {(LINUX, "3.11.0"): "1.0"}
        assert [(each.target.floor, each.target.ceiling) for each in made if each.target.name == WINDOWS] == [
            ("3.12.0", "3.12.99"),
            ("3.11.3", "3.11.99"),
            ("3.11.0", "3.11.2"),
        ]

    def test_one_in_the_manifest_counts_too(self) -> None:
        made = run({"a": versions("1.0")}, "a; python_full_version == '3.11.4'", at=targets("3.11"))

        assert picked(made, "a") == {(LINUX, "3.11.4"): "1.0"}
        assert len(made) == 3

    @pytest.mark.parametrize("marker", ["< '3.11.0a6'", ">= '3.9'", ">= '3.12.3'", "< '3.12'"])
    def test_one_that_no_patch_version_changes_cuts_nothing(self, marker: str) -> None:
        assert len(run({"a": versions("1.0")}, f"a; python_full_version {marker}", at=targets("3.11"))) == 1

    def test_one_of_a_package_that_is_not_chosen_cuts_nothing(self) -> None:
        universe: Notation = {
            "a": {"1.0": [], "2.0": ["b; python_full_version < '3.11.3'", "missing"]},
            "b": versions("1.0"),
        }

        assert len(run(universe, "a", at=targets("3.11"))) == 1

    def test_one_behind_an_extra_counts_when_the_extra_is_asked_for(self) -> None:
        universe: Notation = {
            "a": {"1.0": Release(extras={"x": ["b; python_full_version < '3.11.3'"]})},
            "b": versions("1.0"),
        }

        assert len(run(universe, "a", at=targets("3.11"))) == 1
        assert len(run(universe, "a[x]", at=targets("3.11"))) == 2

    def test_an_exact_python_is_never_cut(self) -> None:
        made = run({"a": versions("1.0")}, "a; python_full_version < '3.11.3'", at=targets("3.11.2"))

        assert picked(made, "a") == {(LINUX, "3.11.2"): "1.0"}


class TestNoFile:
    ONLY_LINUX: ClassVar[Notation] = {
        "a": {"1.0": Release(wheels=("py3-none-manylinux_2_17_x86_64",))},
        "b": {"1.0": ["a"]},
    }

    def test_it_is_an_error_that_names_package_and_target(self) -> None:
        with pytest.raises(ResolutionError) as caught:
            run(self.ONLY_LINUX, "b", at=targets("3.12", platforms=ALL))

        assert caught.value.code == "no-usable-file"
        assert "a 1.0" in caught.value.message
        assert "macos-arm64 with Python 3.12" in caught.value.message + caught.value.hints[-1]

    def test_for_a_named_target_it_is_told_and_locked_for_the_others(self) -> None:
        events: list[Event] = []

        made = run(self.ONLY_LINUX, "b", at=targets("3.12", platforms=ALL), tolerant=True, events=events)

        assert set(picked(made, "a").values()) == {"1.0"}
        assert [each.message for each in events if isinstance(each, Notice)] == [
            "no file of a 1.0 can be used on macos-arm64 with Python 3.12, windows-x86_64 with Python 3.12"
        ]
        (package,) = (package for package in lock(made).packages if package.name == "a")
        assert package.marker is None
        assert [wheel.name for wheel in package.wheels or ()] == ["a-1.0-py3-none-manylinux_2_17_x86_64.whl"]

    def test_an_older_release_that_has_one_goes_first(self) -> None:
        universe: Notation = {"a": {**self.ONLY_LINUX["a"], "0.9": []}, "b": {"1.0": ["a"]}}

        made = run(universe, "b", at=targets("3.12", platforms=(LINUX, WINDOWS)), tolerant=True)

        assert set(picked(made, "a").values()) == {"1.0", "0.9"}

    def test_one_that_fits_no_target_at_all_is_an_error(self) -> None:
        universe: Notation = {"a": {"1.0": Release(wheels=("py3-none-win_arm64",))}}

        with pytest.raises(ResolutionError) as caught:
            run(universe, "a", at=targets("3.12", platforms=ALL), tolerant=True)

        assert caught.value.code == "no-usable-file"

    def test_other_contradictions_are_never_tolerated(self) -> None:
        universe: Notation = {"a": {"1.0": ["c<2"]}, "b": {"1.0": ["c>=2"]}, "c": versions("1.0", "2.0")}

        with pytest.raises(ResolutionError) as caught:
            run(universe, "a", "b; sys_platform == 'win32'", at=targets("3.12", platforms=ALL), tolerant=True)

        assert caught.value.code == "no-solution"
        assert caught.value.hints[-1] == "this is so for windows-x86_64 with Python 3.12"


class TestAlike:
    """glibc and musl: one choice for both."""

    BOTH = join_alike([make_target(LINUX, "3.12"), make_target(f"{LINUX}-musl1.2", "3.12")])
    GLIBC, MUSL = "py3-none-manylinux_2_17_x86_64", "py3-none-musllinux_1_1_x86_64"

    @pytest.mark.parametrize(
        "release",
        [Release(wheels=(GLIBC, MUSL)), Release(), Release(wheels=(GLIBC,), sdist=True)],
        ids=["a file for each", "a file for all", "a source distribution"],
    )
    def test_a_release_counts_with_files_that_serve_both(self, release: Release) -> None:
        made = run({"a": {"2.0": release, "1.0": []}}, "a", at=self.BOTH, allow=True)

        assert set(picked(made, "a").values()) == {"2.0"}

    def test_one_that_serves_one_of_them_only_does_not(self) -> None:
        universe: Notation = {"a": {"2.0": Release(wheels=(self.MUSL,)), "1.0": []}}

        assert set(picked(run(universe, "a", at=self.BOTH), "a").values()) == {"1.0"}

    @pytest.mark.parametrize(("tags", "code"), [((GLIBC, MUSL), None), ((GLIBC,), "no-matching-version")])
    def test_a_yanked_release_that_is_asked_for_has_to_serve_both_too(
        self, tags: Sequence[str], code: str | None
    ) -> None:
        universe: Notation = {"a": {"1.0": Release(wheels=tags, yanked="broken")}}

        with pytest.raises(ResolutionError) if code else nullcontext() as caught:
            run(universe, "a==1.0", at=self.BOTH)

        assert caught is None or caught.value.code == code

    def test_without_any_that_does_both_are_named(self) -> None:
        with pytest.raises(ResolutionError) as caught:
            run({"a": {"1.0": Release(wheels=(self.GLIBC,))}}, "a", at=self.BOTH)

        assert f"a 1.0 can be used on {LINUX} together with {LINUX}-musl1.2 with" in caught.value.message

    def test_tolerated_it_keeps_the_file_of_the_one(self) -> None:
        events: list[Event] = []
        universe: Notation = {"a": {"1.0": Release(wheels=(self.GLIBC,))}}

        made = run(universe, "a", at=self.BOTH, tolerant=True, events=events)

        assert [each.message for each in events if isinstance(each, Notice)] == [
            f"no file of a 1.0 can be used on {LINUX}-musl1.2 with Python 3.12"
        ]
        assert [wheel.name for wheel in lock(made).packages[0].wheels or ()] == [f"a-1.0-{self.GLIBC}.whl"]


def test_many_targets_are_one_phase() -> None:
    events: list[Event] = []

    run({"a": versions("1.0")}, "a", at=targets("3.11", "3.12", platforms=ALL), events=events)

    assert [type(each) for each in events if isinstance(each, Started | Ended)] == [Started, Ended]
    assert [each.summary for each in events if isinstance(each, Ended)] == [
        "Resolved 1 package for 6 targets"
    ]


def test_a_notice_that_all_targets_give_is_given_once() -> None:
    events: list[Event] = []

    run({"a": versions("1.0")}, "a[none]", at=targets("3.11", "3.12"), events=events)

    assert [each.code for each in events if isinstance(each, Notice)] == ["no-such-extra"]


def test_no_metadata_is_asked_for_twice() -> None:
    class Counting(DictCatalog):
        def metadata(self, *arguments: Any) -> Any:
            self.told = [*getattr(self, "told", []), arguments[0]]
            return super().metadata(*arguments)

    catalog = Counting({"a": {"1.0": ["b"]}, "b": versions("1.0")})

    resolve_targets(
        request("a"),
        targets("3.11", "3.12", platforms=ALL),
        catalog,
        lambda _: None,
        old=None,
        released=frozenset(),
    )

    assert (sorted(catalog.told), sorted(catalog.asked)) == (["a", "b"], ["a", "b"])
