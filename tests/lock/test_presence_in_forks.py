"""Why a package is in a lock whose lists conflict: paths are those of what is selected together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from envctl.lock.graph import LockGraph
from envctl.lock.presence import Presence, explain_presence
from envctl.manifest.conflicts import Member
from envctl.manifest.manifest import Manifest
from support.locks import LINUX, WINDOWS, make_graph, targets
from support.manifests import make_manifest
from support.universes import Notation, Release, asked

CPU, GPU = ("group", "cpu"), ("group", "gpu")
IN_CPU, IN_GPU = "'cpu' in dependency_groups", "'gpu' in dependency_groups"

TORCH: Notation = {
    "torch": {"1.0": ["shared"], "2.0": ["shared", "cuda; sys_platform != 'win32'"]},
    "shared": {"1.0": []},
    "cuda": {"1.0": []},
    "web": {"1.0": ["torch"]},
    "lint": {"1.0": []},
}


def manifest_of(
    *wanted: str,
    conflicts: Sequence[Sequence[Member]] = ((CPU, GPU),),
    groups: Mapping[str, Sequence[str]] | None = None,
    **more: Any,
) -> Manifest:
    lists = {"cpu": ["torch<2"], "gpu": ["torch>=2"]} if groups is None else groups
    return make_manifest(
        dependencies=asked(*wanted),
        groups={name: asked(*texts, by=f"group {name}") for name, texts in lists.items()},
        conflicts=tuple(map(tuple, conflicts)),
        **more,
    )


def explain(graph: LockGraph, name: str, version: str) -> Presence:
    (entry,) = [one for one in graph.entries_of(name) if one.version == version]
    return explain_presence(graph, entry, make_manifest().lock, limit=100)


def told(presence: Presence) -> dict[str, str | None]:
    """The paths, each with where it holds."""
    return {
        " > ".join([f"{way.by}: {way.requirement}", *(step.name for step in way.steps)]): way.marker
        for way in presence.ways
    }


def test_a_version_that_the_dependencies_get_with_a_member_has_their_path_with_its_name() -> None:
    graph = make_graph(TORCH, manifest_of("web"))

    old, new = explain(graph, "torch", "1.0"), explain(graph, "torch", "2.0")

    assert (old.marker, told(old)) == (IN_CPU, {"group cpu: torch<2": None, "env.toml: web > web": IN_CPU})
    assert new.marker == "'cpu' not in dependency_groups"
    assert told(new) == {"group gpu: torch>=2": None, "env.toml: web > web": "'cpu' not in dependency_groups"}


def test_what_is_the_same_with_every_member_names_none() -> None:
    graph = make_graph(TORCH, manifest_of("web"))

    shared = explain(graph, "shared", "1.0")

    assert (shared.marker, explain(graph, "web", "1.0").marker) == (None, None)
    assert {way for way, marker in told(shared).items() if marker is None} == {
        "group cpu: torch<2 > torch",
        "group gpu: torch>=2 > torch",
    }
    assert told(shared)["env.toml: web > web > torch"] in {IN_CPU, "'cpu' not in dependency_groups"}


def test_what_one_member_alone_asks_for_says_nothing_of_it_but_the_path() -> None:
    graph = make_graph(TORCH, manifest_of())

    presence = explain(graph, "torch", "1.0")

    assert (presence.marker, told(presence)) == (None, {"group cpu: torch<2": None})


def test_a_group_that_is_no_member_gets_a_version_with_each_of_them() -> None:
    groups = {"cpu": ["torch<2"], "gpu": ["torch>=2"], "dev": ["web"]}

    graph = make_graph(TORCH, manifest_of(groups=groups))

    assert told(explain(graph, "torch", "1.0"))["group dev: web > web"] == IN_CPU


def test_a_path_may_hold_with_a_member_on_some_targets_only() -> None:
    graph = make_graph(TORCH, manifest_of("web"), targets(LINUX, WINDOWS))

    marker = told(explain(graph, "cuda", "1.0"))["env.toml: web > web > torch"]

    assert marker == "'cpu' not in dependency_groups and sys_platform == 'linux'"


def test_the_dependencies_do_not_seem_to_ask_for_what_only_an_extra_of_a_member_brings() -> None:
    universe: Notation = {"a": {"1": Release(extras={"socks": ["s"]}), "2": []}, "s": {"1": []}}
    groups = {"cpu": ["a[socks]<2"], "gpu": ["a>=1,<2"]}

    graph = make_graph(universe, manifest_of("a<2", groups=groups))

    assert told(explain(graph, "s", "1")) == {"group cpu: a[socks]<2 > a": None}


def test_an_environment_counts_only_what_goes_with_its_members() -> None:
    manifest = manifest_of("web", default_groups=("cpu",))

    graph = make_graph(TORCH, manifest, environment="default")

    assert [(entry.version, bool(graph.cells_of(entry))) for entry in graph.entries_of("torch")] == [
        ("1.0", True),
        ("2.0", False),
    ]
    assert told(explain(graph, "torch", "1.0")) == {"group cpu: torch<2": None, "env.toml: web > web": None}


def test_a_version_that_only_two_members_bring_together_is_reached() -> None:
    universe: Notation = {
        "a": {"1": [], "2": [], "3": []},
        "lib": {"1": ["a"]},
    }
    new, old = ("extra", "new"), ("extra", "old")
    manifest = make_manifest(
        dependencies=asked("lib"),
        groups={"cpu": asked("a<3", by="group cpu"), "gpu": asked("a", by="group gpu")},
        extras={"new": asked("a!=2", by="extra new"), "old": asked("a", by="extra old")},
        conflicts=((CPU, GPU), (new, old)),
    )

    graph = make_graph(universe, manifest)

    assert told(explain(graph, "a", "1"))["env.toml: lib > lib"] == f"'new' in extras and {IN_CPU}"


def test_requirements_of_packages_that_are_never_together_are_none() -> None:
    universe: Notation = {"a": {"1": ["x"], "2": ["x"]}, "x": {"1": [], "2": []}}
    groups = {"cpu": ["a<2", "x<2"], "gpu": ["a>=2", "x>=2"]}

    graph = make_graph(universe, manifest_of(groups=groups))

    assert [(link.name, link.version) for link in explain(graph, "x", "2").requirements] == [("a", "2")]


def test_what_a_member_includes_of_another_list_is_not_told_of_the_member_only() -> None:
    inner = asked("shared", "torch", by="group inner")
    groups = {"cpu": (*inner, *asked("torch<2", by="group cpu")), "gpu": asked("torch>=2", by="group gpu")}
    manifest = make_manifest(groups={**groups, "inner": inner}, conflicts=((CPU, GPU),))

    graph = make_graph(TORCH, manifest)

    assert told(explain(graph, "shared", "1.0"))["group inner: shared"] is None
    assert told(explain(graph, "torch", "1.0"))["group inner: torch"] == IN_CPU
