"""What keeps a release from being locked, found without a search."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from envctl.manifest.manifest import BuildSettings, Manifest
from envctl.model.target import Target
from envctl.resolve.listing import Shelf
from envctl.resolve.obstacles import Judge, Judged, Obstacle, ObstacleKind
from envctl.resolve.port import ListedFile
from envctl.resolve.request import request_from
from envctl.resolve.universe import Universe
from support.locks import LINUX, NOW, WINDOWS, make_graph, targets
from support.manifests import make_manifest
from support.universes import DictCatalog, Notation, Release, asked


def no_rules(name: str, version: str, file: ListedFile, index: str | None) -> Sequence[str]:
    return ()


class Bench:
    """A universe as it was when it was locked, and as it is ``now``."""

    def __init__(
        self,
        before: Notation,
        now: Notation,
        manifest: Manifest,
        where: Sequence[Target] = (),
        rules: Any = no_rules,
    ) -> None:
        self.graph = make_graph(before, manifest, where)
        request = request_from(manifest, direct={}, preferences={}, now=NOW)
        self.shelf = Shelf(DictCatalog(now), {})
        self.judge = Judge(
            self.graph,
            [Universe(request, target, self.shelf) for target in self.graph.grid.targets],
            rules=rules,
        )

    def look(self, name: str, version: str) -> Judged:
        listing = self.shelf.listing(name)
        (position,) = [place for place, one in enumerate(listing.versions) if str(one) == version]
        return self.judge.judge(name, position, self.graph.grid.all)

    def obstacle(self, name: str, version: str) -> Obstacle:
        (found,) = self.look(name, version).obstacles
        return found


OLD: Notation = {"a": {"1.0": []}}


def bench(newer: Release | Sequence[str] = (), version: str = "2.0", **settings: Any) -> Bench:
    """A lock with `a` 1.0, and an index that has another release of it by now."""
    now: Notation = {"a": {"1.0": [], version: newer}}
    return Bench(OLD, now, make_manifest(dependencies=asked("a"), **settings))


def test_a_release_that_nothing_speaks_against_has_no_obstacle() -> None:
    judged = bench().look("a", "2.0")

    assert (judged.obstacles, judged.is_free) == ((), True)


def test_a_requirement_of_a_package_is_told_with_the_path_to_it() -> None:
    universe: Notation = {"top": {"1": ["b"]}, "b": {"1": ["x<2"]}, "x": {"1.0": [], "2.0": []}}
    found = Bench(universe, universe, make_manifest(dependencies=asked("top"))).obstacle("x", "2.0")

    assert (found.kind, found.detail, found.may_move) == (ObstacleKind.REQUIREMENT, "x<2", True)
    assert found.way is not None
    assert [(step.name, step.requirement) for step in found.way.steps] == [("top", "b"), ("b", "x<2")]


def test_a_requirement_of_a_list_is_told_with_its_place_and_does_not_move() -> None:
    universe: Notation = {"a": {"1.0": [], "2.0": []}}
    found = Bench(universe, universe, make_manifest(dependencies=asked("a<2"))).obstacle("a", "2.0")

    assert found.way is not None
    assert (found.way.where, found.way.steps, found.may_move) == ("env.toml:1", (), False)


def test_every_requirement_that_excludes_a_release_is_told() -> None:
    universe: Notation = {"b": {"1": ["x<2"]}, "c": {"1": ["x<3"]}, "x": {"1.0": [], "2.0": [], "3.0": []}}
    here = Bench(universe, universe, make_manifest(dependencies=asked("b", "c")))

    assert [each.detail for each in here.look("x", "3.0").obstacles] == ["x<2", "x<3"]
    assert [each.detail for each in here.look("x", "2.0").obstacles] == ["x<2"]


def test_a_constraint_is_told() -> None:
    limits = tuple(one.requirement for one in asked("a<2"))

    assert bench(constraints=limits).obstacle("a", "2.0") == Obstacle(
        kind=ObstacleKind.CONSTRAINT, detail="a<2"
    )


def test_an_override_is_told_and_not_those_it_replaces() -> None:
    universe: Notation = {"b": {"1": ["x==3.0"]}, "x": {"1.0": [], "2.0": []}}
    manifest = make_manifest(
        dependencies=asked("b"), overrides=tuple(one.requirement for one in asked("x==1.0"))
    )

    found = Bench(universe, universe, manifest).obstacle("x", "2.0")

    assert (found.kind, found.detail) == (ObstacleKind.OVERRIDE, "x==1.0")


def test_an_override_counts_only_where_its_marker_holds() -> None:
    universe: Notation = {"b": {"1": ["x<2"]}, "x": {"1.0": [], "2.0": []}}
    texts = ("x==1.0; sys_platform == 'win32'", "x<2; sys_platform != 'win32'")
    overrides = tuple(one.requirement for one in asked(*texts))
    manifest = make_manifest(dependencies=asked("b"), overrides=overrides)

    judged = Bench(universe, universe, manifest, targets(LINUX, WINDOWS)).look("x", "2.0")

    assert [(each.detail, each.marker) for each in judged.obstacles] == [
        ("x<2", "sys_platform == 'linux'"),
        ("x==1.0", "sys_platform == 'win32'"),
    ]


@pytest.mark.parametrize(
    ("newer", "kind", "detail"),
    [
        (Release(python=">=3.13"), ObstacleKind.PYTHON, ">=3.13"),
        # Its tags do not fit either, but another platform's wheel would not help.
        (Release(python=">=3.13", wheels=("cp313-cp313-linux_x86_64",), sdist=True), ObstacleKind.PYTHON, ">=3.13"),
        (Release(wheels=("cp312-cp312-win_amd64",)), ObstacleKind.TAGS, ""),
        (Release(wheels=(), sdist=True), ObstacleKind.BUILD, ""),
        (Release(yanked="broken"), ObstacleKind.YANKED, "broken"),
    ],
    ids=["python", "python-before-tags", "tags", "build", "yanked"],
)  # fmt: skip
def test_a_release_without_a_file_that_counts_says_why(
    newer: Release, kind: ObstacleKind, detail: str
) -> None:
    found = bench(newer).obstacle("a", "2.0")

    assert (found.kind, found.detail) == (kind, detail)


def test_wheels_for_others_and_a_source_that_may_not_be_built_are_both_told() -> None:
    judged = bench(Release(wheels=("cp312-cp312-win_amd64",), sdist=True)).look("a", "2.0")

    assert [each.kind for each in judged.obstacles] == [ObstacleKind.TAGS, ObstacleKind.BUILD]


def test_wheels_that_may_not_be_used_are_told() -> None:
    manifest = make_manifest(
        dependencies=asked("a"), build=BuildSettings(allow=frozenset({"a"}), no_binary=frozenset({"a"}))
    )
    before: Notation = {"a": {"1.0": Release(wheels=(), sdist=True)}}
    here = Bench(before, {"a": {**before["a"], "2.0": []}}, manifest)

    assert here.obstacle("a", "2.0").kind is ObstacleKind.NO_BINARY


def test_a_cooldown_of_days_says_from_when_the_release_counts() -> None:
    newer = Release(uploaded="2025-12-30T12:00:00Z")  # two days ago

    found = bench(newer, exclude_newer={"*": timedelta(days=5)}).obstacle("a", "2.0")

    assert (found.kind, found.until) == (ObstacleKind.COOLDOWN, "2026-01-04")
    assert found.detail == "2025-12-30"


def test_a_cooldown_until_a_date_has_no_end() -> None:
    newer = Release(uploaded="2025-12-30T12:00:00Z")

    assert bench(newer, exclude_newer={"*": date(2025, 6, 1)}).obstacle("a", "2.0").until is None


def test_a_pre_release_is_one_as_long_as_final_ones_are_there() -> None:
    assert bench(version="2.0rc1").obstacle("a", "2.0rc1").kind is ObstacleKind.PRERELEASE


def test_a_pre_release_that_is_let_in_has_no_obstacle() -> None:
    assert bench(version="2.0rc1", prerelease={"*": "allow"}).look("a", "2.0rc1").is_free


def test_what_enforced_rules_say_is_told() -> None:
    def rules(name: str, version: str, file: ListedFile, index: str | None) -> Sequence[str]:
        return [f"{name} {version} {file.filename} {index}"]

    here = Bench(OLD, {"a": {"2.0": []}}, make_manifest(dependencies=asked("a")), rules=rules)

    found = here.obstacle("a", "2.0")

    assert (found.kind, found.detail) == (ObstacleKind.POLICY, "a 2.0 a-2.0-py3-none-any.whl main")


def test_requirements_come_before_files_and_files_before_pre_releases() -> None:
    universe: Notation = {"a": {"1.0": [], "2.0rc1": Release(yanked="")}}
    here = Bench(universe, universe, make_manifest(dependencies=asked("a<2.0a0")))

    assert [each.kind for each in here.look("a", "2.0rc1").obstacles] == [
        ObstacleKind.REQUIREMENT,
        ObstacleKind.YANKED,
    ]


def test_what_is_so_on_some_targets_only_says_where_and_leaves_the_release_free() -> None:
    newer = Release(wheels=("cp312-cp312-win_amd64",))
    now: Notation = {"a": {"1.0": [], "2.0": newer}}
    here = Bench(OLD, now, make_manifest(dependencies=asked("a")), targets(LINUX, WINDOWS))

    judged = here.look("a", "2.0")

    assert [(each.kind, each.marker) for each in judged.obstacles] == [
        (ObstacleKind.TAGS, "sys_platform == 'linux'")
    ]
    assert judged.is_free


def test_a_requirement_for_other_targets_says_nothing_about_these() -> None:
    universe: Notation = {
        "a": {"1": ["x"]},
        "b": {"1": ["x<2; sys_platform == 'win32'"]},
        "x": {"1.0": [], "2.0": []},
    }
    here = Bench(universe, universe, make_manifest(dependencies=asked("a", "b")), targets(LINUX, WINDOWS))

    assert here.obstacle("x", "2.0").marker == "sys_platform == 'win32'"


def test_releases_of_which_the_same_is_said_are_told_together() -> None:
    now: Notation = {"a": {"1.0": [], "2.0rc1": [], "2.0": [], "2.1": [], "3.0": Release(python=">=3.13")}}
    here = Bench(OLD, now, make_manifest(dependencies=asked("a")))

    found = here.judge.judge_all("a", here.shelf.listing("a").all, here.graph.grid.all)

    assert [(judged.spans, [each.kind for each in judged.obstacles]) for judged in found] == [
        (("3.0",), [ObstacleKind.PYTHON]),
        (("1.0", "2.0 to 2.1"), []),
        (("2.0rc1",), [ObstacleKind.PRERELEASE]),
    ]


def test_who_excludes_what_a_release_requires_is_told() -> None:
    before: Notation = {"top": {"1": ["a", "x<2"]}, "a": {"1.0": ["x"]}, "x": {"1.0": []}}
    now: Notation = {"a": {"1.0": ["x"], "2.0": ["x>=2"]}, "x": {"1.0": [], "2.0": []}}
    here = Bench(before, now, make_manifest(dependencies=asked("top")))

    (clash,) = here.judge.find_clashes("a", 0, here.graph.grid.all)

    assert here.look("a", "2.0").is_free
    assert (clash.kind, clash.detail, clash.may_move) == (ObstacleKind.DEPENDENCY, "x>=2", True)
    assert clash.way is not None
    assert [step.requirement for step in clash.way.steps] == ["x<2"]


def test_what_the_locked_release_requires_is_no_reason_against_the_next() -> None:
    before: Notation = {"a": {"1.0": ["x<2"]}, "x": {"1.0": []}}
    now: Notation = {"a": {"1.0": ["x<2"], "2.0": ["x>=2"]}, "x": {"1.0": [], "2.0": []}}
    here = Bench(before, now, make_manifest(dependencies=asked("a")))

    assert here.judge.find_clashes("a", 0, here.graph.grid.all) == ()


def test_what_a_search_found_is_told_of_releases_that_were_free() -> None:
    now: Notation = {"a": {"1.0": [], "2.0": [], "3.0": Release(python=">=3.13")}}
    here = Bench(OLD, now, make_manifest(dependencies=asked("a")))
    found = Obstacle(kind=ObstacleKind.CONFLICT, detail="no")

    judged = here.judge.judge_all("a", 0b011, here.graph.grid.all, found={0: found, 1: found})

    assert [(one.versions, one.obstacles[0].kind) for one in judged] == [
        (("3.0",), ObstacleKind.PYTHON),
        (("2.0",), ObstacleKind.CONFLICT),
    ]


def in_forks(now: Notation | None = None, *wanted: str) -> Bench:
    """A lock in which `old` and `new` are never together, and what differs with them."""
    universe: Notation = {
        "num": {"1.0": [], "2.0": [], "2.1": []},
        "frame": {"2.0": ["num<2"], "3.0": ["num>=2,<2.1"]},
    }
    groups = {"old": asked("num<2", by="group old"), "new": asked("num>=2", by="group new")}
    conflicts = ((("group", "old"), ("group", "new")),)
    manifest = make_manifest(dependencies=asked(*wanted), groups=groups, conflicts=conflicts)
    return Bench(universe, now or universe, manifest)


def judged_in_forks(here: Bench, name: str, locked: str, version: str) -> Judged:
    (entry,) = [one for one in here.graph.entries_of(name) if one.version == locked]
    (position,) = [
        place for place, one in enumerate(here.shelf.listing(name).versions) if str(one) == version
    ]
    return here.judge.judge(name, position, here.graph.cells_of(entry))


def test_a_list_keeps_nothing_away_from_what_it_is_never_together_with() -> None:
    here = in_forks(None, "frame")

    judged = judged_in_forks(here, "num", "2.0", "2.1")

    assert [each.detail for each in judged.obstacles] == ["num<2.1,>=2"]


def test_a_list_keeps_away_what_it_is_together_with() -> None:
    judged = judged_in_forks(in_forks(None, "frame"), "num", "1.0", "2.0")

    ways = [each.way for each in judged.obstacles if each.way is not None]
    assert [way.by for way in ways] == ["env.toml", "group old"]
    assert {way.marker for way in ways} == {None, "'old' in dependency_groups"}


def test_what_keeps_a_version_away_with_one_member_only_says_so() -> None:
    here = in_forks(None, "num")

    judged = judged_in_forks(here, "num", "2.1", "1.0")
    everywhere = here.look("num", "2.1")

    assert [(each.detail, each.marker) for each in judged.obstacles] == [
        ("num>=2", "'new' in dependency_groups")
    ]
    assert judged.is_free
    assert [(each.detail, each.marker) for each in everywhere.obstacles] == [
        ("num<2", "'old' in dependency_groups")
    ]


def test_the_path_to_what_keeps_a_version_away_is_one_that_is_selected_with_it() -> None:
    universe: Notation = {
        "num": {"1.0": [], "2.0": [], "2.1": []},
        "lib": {"1.0": ["num!=2.1"]},
        "long": {"1.0": ["lib"]},
    }
    groups = {
        "old": asked("num<2", "lib", by="group old"),
        "new": asked("num>=2", "long", by="group new"),
    }
    conflicts = ((("group", "old"), ("group", "new")),)
    here = Bench(universe, universe, make_manifest(groups=groups, conflicts=conflicts))

    (obstacle,) = judged_in_forks(here, "num", "2.0", "2.1").obstacles

    assert obstacle.way is not None
    assert (obstacle.way.by, [step.name for step in obstacle.way.steps]) == ("group new", ["long", "lib"])


def test_what_is_wanted_of_all_locked_versions_is_told_once() -> None:
    universe: Notation = {"num": {"1.0": [], "2.0": [], "3.0": []}, "lib": {"1.0": ["num<3"]}}
    groups = {"old": asked("num<2", by="group old"), "new": asked("num>=2", by="group new")}
    conflicts = ((("group", "old"), ("group", "new")),)
    manifest = make_manifest(dependencies=asked("lib", "num<3"), groups=groups, conflicts=conflicts)

    judged = Bench(universe, universe, manifest).look("num", "3.0")

    assert [(each.detail, each.marker) for each in judged.obstacles] == [
        ("num<3", None),
        ("num<3", None),
        ("num<2", "'old' in dependency_groups"),
    ]
    assert [each.way.marker for each in judged.obstacles if each.way is not None] == [None, None, None]
