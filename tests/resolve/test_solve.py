"""What is picked: versions, files, extras, limits, sources."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from packaging.version import Version

from envctl.errors import BuildError, ResolutionError, UpstreamError
from envctl.model.artifact import Archive, Directory, Sdist, Wheel
from envctl.model.events import Ended, Event, Notice, Phase, Started
from envctl.resolve.request import Permission
from envctl.resolve.solve import solve
from support.universes import (
    DictCatalog,
    Notation,
    Release,
    make_target,
    metadata,
    request,
    resolve,
    versions,
)

CORE = Directory(path="/src/core", display_path="../core", editable=True, metadata_digest="sha256:1")


def test_the_newest_release_is_picked_with_everything_it_requires() -> None:
    universe: Notation = {"a": {"1.0": [], "2.0": ["b<2"]}, "b": {"1.5": [], "2.0": []}}

    assert versions(resolve(universe, request("a"))) == {"a": "2.0", "b": "1.5"}


def test_an_older_release_is_picked_when_the_newest_conflicts() -> None:
    universe: Notation = {"a": {"1.0": ["b==1"], "2.0": ["b==2"]}, "b": {"1": [], "2": []}}

    assert versions(resolve(universe, request("a", "b<2"))) == {"a": "1.0", "b": "1"}


def test_an_older_release_is_picked_when_the_newest_needs_a_project_that_does_not_exist() -> None:
    universe: Notation = {"a": {"1.0": [], "2.0": ["missing"]}}

    assert versions(resolve(universe, request("a"))) == {"a": "1.0"}


def test_what_backtracking_left_behind_is_not_in_the_resolution() -> None:
    universe: Notation = {"a": {"1.0": [], "2.0": ["b", "c==9"]}, "b": {"1.0": []}, "c": {"1.0": []}}

    assert versions(resolve(universe, request("a"))) == {"a": "1.0"}


def test_a_circle_of_requirements_is_resolved() -> None:
    universe: Notation = {"a": {"1.0": ["b"]}, "b": {"1.0": ["a"]}}

    assert versions(resolve(universe, request("a"))) == {"a": "1.0", "b": "1.0"}


def test_requirements_for_another_target_are_not_even_looked_up() -> None:
    catalog = DictCatalog({"a": {"1.0": ["b; sys_platform == 'win32'"]}})

    solve(request("a", "c; python_version < '3'"), make_target(), catalog, lambda _: None)

    assert catalog.asked == ["a"]


def test_names_are_compared_normalised() -> None:
    universe: Notation = {"Ruamel.Yaml": {"1.0": []}, "a": {"1.0": ["ruamel_yaml"]}}

    assert versions(resolve(universe, request("A"))) == {"a": "1.0", "ruamel-yaml": "1.0"}


class TestPreferences:
    UNIVERSE: ClassVar[Notation] = {"a": {"1.0": [], "2.0": [], "3.0": []}}

    def test_an_old_pick_that_fits_stays(self) -> None:
        wanted = request("a<3", preferences={"a": "1.0"})

        assert versions(resolve(self.UNIVERSE, wanted)) == {"a": "1.0"}

    def test_an_old_pick_that_does_not_fit_is_left(self) -> None:
        wanted = request("a>1", preferences={"a": "1.0"})

        assert versions(resolve(self.UNIVERSE, wanted)) == {"a": "3.0"}

    def test_an_old_pick_that_is_not_listed_any_more_is_left(self) -> None:
        wanted = request("a", preferences={"a": "2.5"})

        assert versions(resolve(self.UNIVERSE, wanted)) == {"a": "3.0"}

    @pytest.mark.parametrize(
        "release",
        [Release(yanked="broken"), Release(uploaded="2030-01-01T00:00:00Z")],
        ids=["yanked since", "newer than a limit set since"],
    )
    def test_an_old_pick_stays_although_it_would_not_be_picked_now(self, release: Any) -> None:
        universe: Notation = {"a": {"1.0": [], "2.0": release}}
        limit = {"*": datetime(2025, 1, 1, tzinfo=UTC)}

        resolution = resolve(universe, request("a", preferences={"a": "2.0"}, exclude_newer=limit))

        assert versions(resolution) == {"a": "2.0"}
        assert len(resolution.packages["a"].artifacts) == 1

    def test_an_old_pick_that_is_a_prerelease_stays(self) -> None:
        universe: Notation = {"a": {"1.0": [], "2.0rc1": []}}

        assert versions(resolve(universe, request("a", preferences={"a": "2.0rc1"}))) == {"a": "2.0rc1"}

    def test_an_old_pick_gives_way_where_it_stands_against_a_requirement(self) -> None:
        universe: Notation = {"a": {"1.0": ["b<2"], "2.0": ["b>=2"]}, "b": {"1.0": [], "2.0": []}}

        picked = versions(resolve(universe, request("a", "b>=2", preferences={"a": "1.0", "b": "1.0"})))

        assert picked == {"a": "2.0", "b": "2.0"}


class TestPrereleases:
    UNIVERSE: ClassVar[Notation] = {
        "a": {"1.0": [], "2.0b1": []},
        "only": {"1.0a1": []},
        "b": {"1.0": ["a>=2.0b1"]},
    }

    @pytest.mark.parametrize(
        ("wanted", "setting", "picked"),
        [
            ("a", {}, "1.0"),
            ("a>=1.0a1", {}, "2.0b1"),
            ("a", {"*": "allow"}, "2.0b1"),
            ("a", {"*": "if-necessary", "a": "allow"}, "2.0b1"),
            ("a>1.0", {}, "2.0b1"),
            ("a>=0.9b1", {"a": "disallow"}, "1.0"),
        ],
        ids=["final first", "asked for", "allowed", "allowed by name", "nothing else left", "disallowed"],
    )
    def test_prereleases_count_only_when(self, wanted: Any, setting: Any, picked: Any) -> None:
        assert versions(resolve(self.UNIVERSE, request(wanted, prerelease=setting))) == {"a": picked}

    def test_a_conflict_does_not_let_prereleases_in(self) -> None:
        universe: Notation = {"a": {"1.0": ["b==9"], "2.0b1": []}, "b": {"1.0": []}}

        with pytest.raises(ResolutionError):
            resolve(universe, request("a"))

    def test_a_project_of_prereleases_only_is_usable(self) -> None:
        assert versions(resolve(self.UNIVERSE, request("only"))) == {"only": "1.0a1"}

    def test_disallowed_prereleases_are_named_as_the_reason(self) -> None:
        with pytest.raises(ResolutionError, match="is a pre-release") as caught:
            resolve(self.UNIVERSE, request("only", prerelease={"*": "disallow"}))

        assert caught.value.code == "no-matching-version"


class TestYanked:
    UNIVERSE: ClassVar[Notation] = {"a": {"1.0": [], "1.1": Release(yanked="broken")}}

    def test_a_yanked_release_is_passed_over(self) -> None:
        assert versions(resolve(self.UNIVERSE, request("a"))) == {"a": "1.0"}

    @pytest.mark.parametrize("wanted", ["a==1.1", "a===1.1"])
    def test_a_yanked_release_is_picked_when_asked_for_exactly(self, wanted: Any) -> None:
        assert versions(resolve(self.UNIVERSE, request(wanted))) == {"a": "1.1"}

    def test_a_yanked_release_is_not_picked_for_a_star(self) -> None:
        with pytest.raises(ResolutionError, match="is yanked: broken"):
            resolve(self.UNIVERSE, request("a==1.1.*"))


class TestFiles:
    def test_wheels_of_other_platforms_are_not_listed(self) -> None:
        tags = ("cp311-cp311-linux_x86_64", "cp311-cp311-win_amd64", "py3-none-any")

        package = resolve({"a": {"1.0": Release(wheels=tags, sdist=True)}}, request("a")).packages["a"]

        assert [artifact.filename for artifact in package.artifacts if isinstance(artifact, Wheel)] == [
            "a-1.0-cp311-cp311-linux_x86_64.whl",
            "a-1.0-py3-none-any.whl",
        ]
        assert not any(isinstance(artifact, Sdist) for artifact in package.artifacts)

    def test_a_source_distribution_is_listed_beside_wheels_where_builds_are_allowed(self) -> None:
        universe: Notation = {"a": {"1.0": Release(sdist=True)}}

        package = resolve(universe, request("a", allow=frozenset({"a"}))).packages["a"]

        assert [artifact.filename for artifact in package.artifacts if isinstance(artifact, Sdist)] == [
            "a-1.0.tar.gz"
        ]

    def test_an_older_release_with_a_wheel_goes_before_a_newer_one_that_needs_a_forbidden_build(self) -> None:
        universe: Notation = {"a": {"1.0": [], "2.0": Release(wheels=(), sdist=True)}}

        assert versions(resolve(universe, request("a"))) == {"a": "1.0"}

    def test_deny_goes_before_allow(self) -> None:
        universe: Notation = {"a": {"1.0": [], "2.0": Release(wheels=(), sdist=True)}}
        permission = Permission(allow=True, deny=frozenset({"a"}))

        assert versions(resolve(universe, request("a", permission=permission))) == {"a": "1.0"}

    def test_no_binary_passes_wheels_over(self) -> None:
        universe: Notation = {"a": {"1.0": Release(sdist=True), "2.0": []}}
        permission = Permission(allow=True, no_binary=frozenset({"a"}))

        package = resolve(universe, request("a", permission=permission)).packages["a"]

        assert [type(artifact) for artifact in package.artifacts] == [Sdist]

    def test_the_higher_build_number_stands_first(self) -> None:
        universe: Notation = {
            "a": {"1.0": Release(wheels=("1-py3-none-any", "10-py3-none-any", "9-py3-none-any"))}
        }

        package = resolve(universe, request("a")).packages["a"]

        assert [artifact.filename for artifact in package.artifacts if isinstance(artifact, Wheel)] == [
            "a-1.0-10-py3-none-any.whl",
            "a-1.0-9-py3-none-any.whl",
            "a-1.0-1-py3-none-any.whl",
        ]

    def test_a_release_whose_metadata_only_a_forbidden_build_could_tell_is_no_candidate(self) -> None:
        universe: Notation = {"a": {"1.0": [], "2.0": Release(told=False)}}

        assert versions(resolve(universe, request("a"))) == {"a": "1.0"}

    def test_an_index_that_fails_is_not_taken_for_a_missing_project(self) -> None:
        class Failing(DictCatalog):
            def project(self, name: Any) -> Any:
                raise UpstreamError("index-unreachable", "no answer")

        with pytest.raises(UpstreamError):
            solve(request("a"), make_target(), Failing({}), lambda _: None)


class TestRequiresPython:
    @pytest.mark.parametrize("needs", [">=3.12", "<3.11", "!=3.11.7", ">=3.11.8"])
    def test_a_release_that_refuses_the_interpreter_is_passed_over(self, needs: Any) -> None:
        universe: Notation = {"a": {"1.0": [], "2.0": Release(python=needs)}}

        assert versions(resolve(universe, request("a"))) == {"a": "1.0"}

    def test_a_patch_that_is_left_out_does_not_count_for_a_whole_minor(self) -> None:
        universe: Notation = {"a": {"1.0": [], "2.0": Release(python=">=3.9,!=3.9.0,!=3.9.1")}}
        target = make_target("3.9.0", ceiling="3.9.99")

        assert versions(resolve(universe, request("a"), target)) == {"a": "2.0"}

    def test_a_release_candidate_of_python_counts_as_its_release(self) -> None:
        universe: Notation = {"a": {"1.0": [], "2.0": Release(python=">=3.14")}}

        assert versions(resolve(universe, request("a"), make_target("3.14.0rc1"))) == {"a": "2.0"}

    def test_what_is_no_specifier_states_nothing(self) -> None:
        listed = Release(python=">=3.6.*")
        catalog = DictCatalog({"a": {"1.0": listed}})
        catalog.metadata = lambda name, version, artifact: metadata("a", "1.0", Release())  # type: ignore[method-assign]

        resolution = solve(request("a"), make_target(), catalog, lambda _: None)

        assert resolution.packages["a"].requires_python is None

    def test_it_is_kept_for_the_lock_normalised(self) -> None:
        universe: Notation = {"a": {"1.0": Release(python=">= 3.8, <4")}}

        assert resolve(universe, request("a")).packages["a"].requires_python == "<4,>=3.8"


class TestExcludeNewer:
    UNIVERSE: ClassVar[Notation] = {"a": {"1.0": [], "2.0": Release(uploaded="2025-06-01T00:00:00Z")}}

    def test_later_uploads_are_passed_over(self) -> None:
        wanted = request("a", exclude_newer={"*": datetime(2025, 1, 1, tzinfo=UTC)})

        assert versions(resolve(self.UNIVERSE, wanted)) == {"a": "1.0"}

    def test_a_project_can_be_let_off(self) -> None:
        wanted = request("a", exclude_newer={"*": datetime(2025, 1, 1, tzinfo=UTC), "a": None})

        assert versions(resolve(self.UNIVERSE, wanted)) == {"a": "2.0"}

    def test_a_file_of_unknown_age_does_not_count(self) -> None:
        universe: Notation = {"a": {"1.0": Release(uploaded=None)}}

        with pytest.raises(ResolutionError, match="does not say when"):
            resolve(universe, request("a", exclude_newer={"*": datetime(2025, 1, 1, tzinfo=UTC)}))


class TestExtras:
    UNIVERSE: ClassVar[Notation] = {
        "a": {"1.0": Release(extras={"x": ["b"], "y": ["c"], "all": ["a[x,y]"], "old": ["a[x]<1"]})},
        "b": {"1.0": []},
        "c": {"1.0": []},
        "late": {"1.0": ["a[x]"]},
    }

    def test_an_extra_adds_its_requirements(self) -> None:
        assert versions(resolve(self.UNIVERSE, request("a[X]"))) == {"a": "1.0", "b": "1.0"}

    def test_requirements_on_own_extras_are_closed_over(self) -> None:
        resolution = resolve(self.UNIVERSE, request("a[all]"))

        assert versions(resolution) == {"a": "1.0", "b": "1.0", "c": "1.0"}
        assert resolution.packages["a"].requires == ("b", "c")

    def test_an_extra_that_arrives_late_counts(self) -> None:
        resolution = resolve(self.UNIVERSE, request("a[y]", "late"))

        assert resolution.packages["a"].extras == {"x", "y"}
        assert set(versions(resolution)) == {"a", "b", "c", "late"}

    def test_a_release_that_contradicts_itself_is_no_candidate(self) -> None:
        with pytest.raises(ResolutionError, match=r"it requires a.*of itself") as caught:
            resolve(self.UNIVERSE, request("a[old]"))

        assert caught.value.code == "no-usable-file"

    def test_an_extra_that_does_not_exist_is_a_warning(self) -> None:
        events: list[Event] = []

        resolve(self.UNIVERSE, request("a[nonsense]"), events=events)

        assert [event.code for event in events if isinstance(event, Notice)] == ["no-such-extra"]


class TestLimits:
    UNIVERSE: ClassVar[Notation] = {
        "a": {"1.0": ["b"], "2.0": ["b"]},
        "b": {"1.0": [], "2.0": ["c"]},
        "c": {"1.0": []},
    }

    def test_a_constraint_limits_and_does_not_ask(self) -> None:
        picked = versions(resolve(self.UNIVERSE, request("a", constraints=["b<2", "unheard-of<1"])))

        assert picked == {"a": "2.0", "b": "1.0"}

    def test_a_constraint_for_another_target_does_not_limit(self) -> None:
        wanted = request("b", constraints=["b<2; sys_platform == 'win32'"])

        assert versions(resolve(self.UNIVERSE, wanted)) == {"b": "2.0", "c": "1.0"}

    def test_an_override_replaces_what_packages_and_lists_ask(self) -> None:
        universe: Notation = {"a": {"1.0": ["b>=2"]}, "b": {"1.0": [], "2.0": []}}

        assert versions(resolve(universe, request("a", "b>1", overrides=["b==1.0"]))) == {
            "a": "1.0",
            "b": "1.0",
        }

    def test_an_override_keeps_the_extras_that_were_asked_for(self) -> None:
        universe: Notation = {"b": {"1.0": Release(extras={"x": ["c"]})}, "c": {"1.0": []}}

        assert versions(resolve(universe, request("b[x]>5", overrides=["b==1.0"]))) == {
            "b": "1.0",
            "c": "1.0",
        }

    def test_what_is_excluded_is_dropped_wherever_it_is_asked_for(self) -> None:
        wanted = request("a", "c", excludes=frozenset({"c"}))

        assert versions(resolve(self.UNIVERSE, wanted)) == {"a": "2.0", "b": "2.0"}

    def test_lowest_picks_the_oldest_everywhere(self) -> None:
        assert versions(resolve(self.UNIVERSE, request("a", resolution="lowest"))) == {"a": "1.0", "b": "1.0"}

    def test_lowest_direct_picks_the_oldest_of_what_the_lists_name(self) -> None:
        picked = versions(resolve(self.UNIVERSE, request("a", resolution="lowest-direct")))

        assert picked == {"a": "1.0", "b": "2.0", "c": "1.0"}


class TestDirect:
    def solve(
        self,
        wanted: Any,
        *,
        artifact: Any = CORE,
        release: Any = None,
        universe: Any = None,
        version: Any = "1.5",
    ) -> Any:
        catalog = DictCatalog(
            universe or {"core": {"9.0": []}, "a": {"1.0": ["core"]}, "b": {"1.0": []}},
            {"core": metadata("core", version, release or Release(["b"]))},
        )
        wanted = request(*wanted, direct={"core": artifact})
        return solve(wanted, make_target(), catalog, lambda _: None)

    def test_a_source_is_where_a_project_comes_from_wherever_it_is_asked_for(self) -> None:
        resolution = self.solve(["a"])

        assert versions(resolution) == {"a": "1.0", "b": "1.0", "core": "1.5"}
        assert resolution.packages["core"].artifacts == (CORE,)
        assert resolution.packages["core"].index is None

    def test_a_source_whose_version_does_not_fit_is_a_conflict(self) -> None:
        with pytest.raises(ResolutionError, match=r"core>=2.*newest is 1\.5"):
            self.solve(["core>=2"])

    def test_a_source_that_is_a_prerelease_fits_an_ordinary_specifier(self) -> None:
        assert versions(self.solve(["core>=1"], version="2.0.dev1"))["core"] == "2.0.dev1"

    def test_a_source_that_refuses_this_python_says_so(self) -> None:
        with pytest.raises(ResolutionError) as caught:
            self.solve(["core"], release=Release(python=">=3.13"))

        assert caught.value.code == "python-too-old"

    def test_a_wheel_of_another_platform_is_refused(self) -> None:
        wheel = Archive(url="https://files.example/core-1.5-cp311-cp311-win_amd64.whl#x", hashes={})

        with pytest.raises(ResolutionError, match="no file of core"):
            self.solve(["core"], artifact=wheel)

    def test_two_urls_of_one_project_have_no_candidate(self) -> None:
        with pytest.raises(ResolutionError):
            self.solve(["core @ https://a.example/core.tar.gz", "core @ https://b.example/core.tar.gz"])

    def test_a_version_that_a_backend_decides_is_not_stated(self) -> None:
        found = metadata("core", "1.5", Release())
        dynamic = type(found)(name="core", version=Version("1.5"), dynamic_version=True)
        catalog = DictCatalog({}, {"core": dynamic})

        resolution = solve(request("core", direct={"core": CORE}), make_target(), catalog, lambda _: None)

        assert resolution.packages["core"].version is None

    def test_the_error_of_a_source_is_not_hidden(self) -> None:
        class Failing(DictCatalog):
            def metadata(self, name: Any, version: Any, artifact: Any) -> Any:
                raise BuildError("build-failed", "it broke", output="boom")

        with pytest.raises(BuildError):
            solve(request("core", direct={"core": CORE}), make_target(), Failing({}), lambda _: None)


def test_a_direct_url_below_the_top_level_is_refused() -> None:
    universe: Notation = {"a": {"1.0": ["b @ file:///etc/b.whl"]}, "b": {"1.0": []}}

    with pytest.raises(ResolutionError) as caught:
        resolve(universe, request("a"))

    assert caught.value.code == "direct-url-refused"


class TestReach:
    UNIVERSE: ClassVar[Notation] = {"a": {"1.0": ["shared"]}, "t": {"1.0": ["shared", "deep"]}, "x": {"1.0": ["deep"]}, "shared": {"1.0": []}, "deep": {"1.0": []}}  # fmt: skip

    def test_every_package_knows_the_lists_that_reach_it(self) -> None:
        wanted = request("a", groups={"test": ["t"]}, extras={"fast": ["x"]})

        packages = resolve(self.UNIVERSE, wanted).packages

        assert packages["shared"].in_base
        assert packages["shared"].groups == {"test"}
        assert not packages["deep"].in_base
        assert (packages["deep"].groups, packages["deep"].extras_of) == (
            frozenset({"test"}),
            frozenset({"fast"}),
        )

    def test_what_only_a_group_asks_of_an_extra_is_the_groups(self) -> None:
        universe: Notation = {"a": {"1.0": Release(extras={"x": ["b"]})}, "b": {"1.0": []}}

        packages = resolve(universe, request("a", groups={"dev": ["a[x]"]})).packages

        assert packages["a"].in_base
        assert not packages["b"].in_base
        assert packages["b"].groups == {"dev"}

    def test_groups_are_resolved_together_with_the_dependencies(self) -> None:
        universe: Notation = {"a": {"1.0": [], "2.0": []}}

        assert versions(resolve(universe, request("a", groups={"dev": ["a<2"]}))) == {"a": "1.0"}

    def test_active_requirements_are_kept_as_text(self) -> None:
        universe: Notation = {
            "a": {"1.0": ["C_C[x] >=1, <4; python_version>'3'", "b; python_version<'3'"]},
            "c.c": {"2": []},
        }

        assert resolve(universe, request("a")).packages["a"].requires == ("c-c[x]<4,>=1",)


def test_pages_and_metadata_are_asked_for_ahead() -> None:
    catalog = DictCatalog({"a": {"1.0": ["b", "c"]}, "b": {"1.0": []}, "c": {"1.0": []}})

    solve(request("a"), make_target(), catalog, lambda _: None)

    assert catalog.hinted == ["a", "b", "c"]
    assert "a-1.0-py3-none-any.whl" in catalog.hinted_files


def test_a_phase_that_began_ends_also_when_there_is_no_solution() -> None:
    events: list[Event] = []

    with pytest.raises(ResolutionError):
        resolve({}, request("a"), events=events)

    assert events[0] == Started(Phase.RESOLVE)
    assert events[-1] == Ended(Phase.RESOLVE, "")
