"""Why a package is in a lock: the paths from the lists of the manifest down to it."""

from __future__ import annotations

from typing import Any

from envctl.lock.graph import LockGraph
from envctl.lock.presence import Presence, Way, explain_presence
from support.locks import LINUX, WINDOWS, make_graph, targets
from support.manifests import make_manifest
from support.universes import Notation, Release, asked


def explain(graph: LockGraph, name: str, *, limit: int = 100, **settings: Any) -> Presence:
    (entry,) = graph.entries_of(name)
    return explain_presence(graph, entry, make_manifest(**settings).lock, limit=limit)


def told(presence: Presence) -> list[str]:
    return [tell(way) for way in presence.ways]


def tell(way: Way) -> str:
    return " > ".join(
        [f"{way.by}: {way.requirement}", *(f"{step.name}: {step.requirement}" for step in way.steps)]
    )


def test_a_package_that_a_list_names_has_a_path_without_steps() -> None:
    graph = make_graph({"a": {"1.0": []}}, make_manifest(dependencies=asked("a>=1")))

    (way,) = explain(graph, "a").ways

    assert way == Way(by="env.toml", where="env.toml:1", requirement="a>=1")


def test_each_step_has_the_specifier_that_is_required() -> None:
    universe: Notation = {"a": {"1.0": ["b<4,>=2"]}, "b": {"3.0": ["c[fast]"]}, "c": {"1": []}}
    graph = make_graph(universe, make_manifest(dependencies=asked("a")))

    assert told(explain(graph, "c")) == ["env.toml: a > a: b<4,>=2 > b: c[fast]"]


def test_the_shortest_path_comes_first() -> None:
    universe: Notation = {
        "long": {"1": ["middle"]},
        "middle": {"1": ["x"]},
        "short": {"1": ["x>=1"]},
        "x": {"1": []},
    }
    graph = make_graph(universe, make_manifest(dependencies=asked("long", "short", "x<2")))

    assert told(explain(graph, "x")) == [
        "env.toml: x<2",
        "env.toml: short > short: x>=1",
        "env.toml: long > long: middle > middle: x",
    ]


def test_a_group_does_not_seem_to_ask_for_what_only_another_list_reaches() -> None:
    universe: Notation = {"a": {"1": Release(extras={"socks": ["s"]})}, "s": {"1": []}}
    manifest = make_manifest(
        groups={"dev": asked("a", by="group dev"), "net": asked("a[socks]", by="group net")}
    )

    graph = make_graph(universe, manifest)

    assert told(explain(graph, "s")) == ["group net: a[socks] > a: s"]


def test_a_group_that_another_includes_is_told_once() -> None:
    shared = asked("a", by="group test")
    graph = make_graph({"a": {"1": []}}, make_manifest(groups={"test": shared, "dev": shared}))

    assert told(explain(graph, "a")) == ["group test: a"]


def test_a_path_that_holds_on_some_targets_only_says_so() -> None:
    universe: Notation = {
        "a": {"1": ["x; sys_platform == 'win32'"]},
        "b": {"1": ["x"]},
        "x": {"1": []},
    }
    manifest = make_manifest(dependencies=asked("a", "b"))
    graph = make_graph(universe, manifest, targets(LINUX, WINDOWS))

    presence = explain(graph, "x")

    assert presence.marker is None
    assert {way.requirement: way.marker for way in presence.ways} == {
        "a": "sys_platform == 'win32'",
        "b": None,
    }


def test_a_path_whose_steps_never_hold_together_is_none() -> None:
    universe: Notation = {
        "a": {"1": ["m; sys_platform == 'win32'"]},
        "b": {"1": ["m; sys_platform == 'linux'"]},
        "m": {"1": ["x; sys_platform == 'linux'"]},
        "x": {"1": []},
    }
    manifest = make_manifest(dependencies=asked("a", "b"))
    graph = make_graph(universe, manifest, targets(LINUX, WINDOWS))

    assert told(explain(graph, "x")) == ["env.toml: b > b: m > m: x"]


def test_a_marker_about_patch_versions_holds_where_it_does() -> None:
    universe: Notation = {"a": {"1": ["x; python_full_version < '3.12.3'"]}, "x": {"1": []}}
    graph = make_graph(universe, make_manifest(dependencies=asked("a")))

    (way,) = explain(graph, "x").ways

    assert way.marker == "python_full_version < '3.12.3'"


def test_each_version_of_a_project_has_its_own_paths() -> None:
    universe: Notation = {"a": {"1": [], "2": Release(python=">=3.12")}}
    manifest = make_manifest(dependencies=asked("a"))
    graph = make_graph(universe, manifest, targets(pythons=("3.11", "3.12")))

    found = {
        entry.version: explain_presence(graph, entry, manifest.lock, limit=9).marker
        for entry in graph.entries_of("a")
    }

    assert found == {"1": "python_version < '3.12'", "2": "python_version >= '3.12'"}


def test_packages_in_a_circle_have_an_end() -> None:
    universe: Notation = {"a": {"1": ["b"]}, "b": {"1": ["a", "x"]}, "x": {"1": ["a"]}}
    graph = make_graph(universe, make_manifest(dependencies=asked("a")))

    assert told(explain(graph, "x")) == ["env.toml: a > a: b > b: x"]


def layered(layers: int, width: int) -> Notation:
    """A graph in which each package of a layer requires all of the next: width ** layers paths."""
    universe: dict[str, dict[str, list[str]]] = {"end": {"1": []}}
    for layer in range(layers):
        below = ["end"] if layer == layers - 1 else [f"p{layer + 1}x{n}" for n in range(width)]
        for number in range(width):
            universe[f"p{layer}x{number}"] = {"1": below}
    return universe


def test_millions_of_paths_are_cut_and_what_they_are_made_of_is_whole() -> None:
    manifest = make_manifest(dependencies=asked(*(f"p0x{number}" for number in range(6))))
    graph = make_graph(layered(9, 6), manifest)  # 6 ** 9 paths

    presence = explain(graph, "end", limit=100)

    assert (len(presence.ways), presence.complete, presence.limit) == (100, False, 100)
    assert len(presence.requirements) == 8 * 36 + 6


def test_all_paths_are_found_where_there_are_no_more_than_asked_for() -> None:
    manifest = make_manifest(dependencies=asked("p0x0", "p0x1", "p0x2"))
    graph = make_graph(layered(4, 3), manifest)

    presence = explain(graph, "end", limit=81)

    assert (len(set(told(presence))), presence.complete) == (81, True)


def test_an_environment_counts_only_its_own_lists() -> None:
    universe: Notation = {"a": {"1": ["x"]}, "t": {"1": ["x"]}, "x": {"1": []}}
    manifest = make_manifest(dependencies=asked("a"), groups={"test": asked("t", by="group test")})

    graph = make_graph(universe, manifest, environment="default")

    assert told(explain(graph, "x")) == ["env.toml: a > a: x"]


def test_constraints_and_overrides_about_a_package_are_named() -> None:
    manifest = make_manifest(dependencies=asked("a"))
    graph = make_graph({"a": {"1": []}}, manifest)
    limits = [one.requirement for one in asked("a<2", "b<2")]

    presence = explain(graph, "a", constraints=tuple(limits))

    assert presence.constraints == ("a<2",)
