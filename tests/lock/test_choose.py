"""From a lock to what one environment shall hold."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.errors import InputError, ResolutionError
from envctl.lock.choose import choose, choose_wheel
from envctl.lock.compose import compose
from envctl.lock.parse import parse
from envctl.model.artifact import Archive, Checkout, Directory, Sdist, Wheel
from envctl.model.resolution import Resolution, Resolved
from support.manifests import make_manifest
from support.universes import Notation, Release, make_target, request, resolve

UNIVERSE: Notation = {
    "requests": {"2.0": ["idna<4,>=2.5", "urllib3"]},
    "idna": {"3.10": []},
    "urllib3": {"2.0": []},
    "ruff": {"0.1": Release(wheels=("py3-none-any", "cp311-cp311-linux_x86_64"), sdist=True)},
    "pytest": {"8.0": ["pluggy"]},
    "pluggy": {"1.0": []},
}


def make(
    *wanted: Any, default_groups: Any = (), default_extras: Any = (), universe: Any = UNIVERSE, **lists: Any
) -> Any:
    manifest = make_manifest(
        groups=lists.get("groups"),
        extras=lists.get("extras"),
        default_groups=default_groups,
        default_extras=default_extras,
    )
    resolution = resolve(universe, request(*wanted, **lists))
    return compose([resolution], manifest=manifest, digest="", old=None)


def pick(lock: Any, target: Any = None, *, groups: Any = (), extras: Any = (), **more: Any) -> Any:
    return choose(lock, target or make_target(), groups=groups, extras=extras, **more).pins


def test_every_project_has_one_pin_with_who_asks_for_it() -> None:
    lock = make("requests", "idna")

    pins = pick(lock, asked={"requests": ("env.toml",), "idna": ("env.toml", "group dev")})

    assert {name: (pin.version, pin.requested, pin.required_by) for name, pin in pins.items()} == {
        "idna": ("3.10", True, ("env.toml", "group dev", "requests (<4,>=2.5)")),
        "requests": ("2.0", True, ("env.toml",)),
        "urllib3": ("2.0", False, ("requests",)),
    }


def test_without_a_manifest_what_nothing_requires_counts_as_asked_for() -> None:
    pins = pick(make("requests"))

    assert {name for name, pin in pins.items() if pin.requested} == {"requests"}


def test_the_best_wheel_is_chosen_by_the_targets_tags() -> None:
    artifact = pick(make("ruff"))["ruff"].artifact

    assert isinstance(artifact, Wheel)
    assert artifact.filename == "ruff-0.1-cp311-cp311-linux_x86_64.whl"
    assert artifact.url == "https://files.example/ruff-0.1-cp311-cp311-linux_x86_64.whl"
    assert artifact.upload_time == "2024-01-01T00:00:00Z"
    assert artifact.index == "main"
    assert artifact.size


def test_no_binary_chooses_the_source_distribution() -> None:
    artifact = pick(make("ruff", allow=True), no_binary={"ruff"})["ruff"].artifact

    assert isinstance(artifact, Sdist)


def test_a_machine_that_the_lock_does_not_cover_is_refused() -> None:
    lock = make("idna")

    for target in (make_target("3.12.1"), make_target("3.10.1"), make_target(machine="aarch64")):
        with pytest.raises(ResolutionError) as caught:
            pick(lock, target)
        assert caught.value.code == "not-locked-for"
        assert "it covers linux-x86_64 with Python 3.11" in caught.value.message


def test_another_patch_of_a_covered_python_is_taken() -> None:
    assert set(pick(make("idna"), make_target("3.11.99"))) == {"idna"}


def test_a_release_candidate_counts_as_its_release() -> None:
    target = make_target("3.14.0rc1")
    manifest = make_manifest()
    resolution = resolve({"a": {"1.0": Release(python=">=3.14")}}, request("a"), target)
    lock = compose([resolution], manifest=manifest, digest="", old=None)

    assert set(pick(lock, target)) == {"a"}


def one(artifact: Any, version: Any = "1.0") -> Any:
    package = Resolved(name="a", version=version, artifacts=(artifact,), in_base=True)
    resolution = Resolution(target=make_target(), packages={"a": package})
    lock = compose([resolution], manifest=make_manifest(), digest="", old=None)
    return pick(parse(lock.data, path=lock.path, allowed_paths=["/projects/core"]))["a"]


@pytest.mark.parametrize(
    "artifact",
    [
        Directory(path="/projects/core", display_path="../core", editable=True, metadata_digest="sha256:1"),
        Archive(url="https://x.example/a.zip", hashes={"sha256": "0" * 64}, size=3, subdirectory="py"),
        Archive(path="/projects/shop/a.zip", display_path="a.zip", hashes={"sha256": "0" * 64}),
        Checkout(
            vcs="git", url="https://x.example/r", commit="a" * 40, requested_revision="v1", subdirectory="py"
        ),
    ],
    ids=lambda artifact: type(artifact).__name__,
)
def test_an_artifact_comes_back_from_the_lock_as_it_went_in(artifact: Any) -> None:
    assert one(artifact).artifact == artifact


def test_the_version_of_a_directory_is_that_of_its_metadata() -> None:
    directory = Directory(path="/projects/core", display_path="../core", editable=False, metadata_digest="")

    assert one(directory, "1.5").version == "1.5"
    assert one(directory, None).version is None


class TestLists:
    LISTS: ClassVar[dict[str, Any]] = {
        "groups": {"dev": ["ruff"], "test": ["pytest"]},
        "extras": {"fast": ["urllib3"]},
    }

    def test_only_what_the_lists_reach_is_chosen(self) -> None:
        lock = make("idna", **self.LISTS)

        assert set(pick(lock)) == {"idna"}
        assert set(pick(lock, groups={"test"})) == {"idna", "pytest", "pluggy"}
        assert set(pick(lock, extras={"fast"})) == {"idna", "urllib3"}

    def test_the_default_selection_is_what_the_default_environment_holds(self) -> None:
        lock = make("idna", default_groups=("dev",), default_extras=("fast",), **self.LISTS)

        assert set(pick(lock, default_selection=True)) == {"idna", "ruff", "urllib3"}
        assert pick(lock, default_selection=True) == pick(lock, groups={"dev"}, extras={"fast"})

    def test_an_environment_that_holds_nothing_more_is_not_given_the_default_group(self) -> None:
        lock = make("idna", default_groups=("dev",), **self.LISTS)

        assert set(pick(lock)) == {"idna"}


NAMES = ("a", "b", "c", "d")
graphs = st.fixed_dictionaries({name: st.lists(st.sampled_from(NAMES), max_size=2) for name in NAMES})


@settings(max_examples=40, deadline=None)
@given(graphs, st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_every_combination_of_lists_chooses_exactly_what_they_reach(
    graph: Any, base: Any, group: Any, extra: Any
) -> None:
    universe: Notation = {name: {"1.0": sorted(set(requires))} for name, requires in graph.items()}
    lock = make(base, universe=universe, groups={"g": [group]}, extras={"x": [extra]}, default_groups=("g",))

    for groups, extras in itertools.product(((), ("g",)), ((), ("x",))):
        roots = [base, *([group] if groups else []), *([extra] if extras else [])]
        reached = set(roots)
        while more := {name for one in reached for name in graph[one]} - reached:
            reached |= more
        assert set(pick(lock, groups=groups, extras=extras)) == reached


OTHER = """
lock-version = "1.0"
created-by = "other"
%s
[[packages]]
name = "a"
version = "1.0"
wheels = [{url = "https://x.example/a-1.0-%s-none-any.whl", hashes = {sha256 = "%s"}}]
dependencies = [{name = "b"}]
[[packages]]
name = "b"
version = "1.0"
%s
wheels = [{path = "wheels/b-1.0-py3-none-any.whl", hashes = {sha256 = "%s"}}]
%s
"""


def other(*, head: Any = "", tag: Any = "py3", body: Any = "", tail: Any = "") -> Any:
    return parse((OTHER % (head, tag, "0" * 64, body, "0" * 64, tail)).encode(), path="/p/pylock.toml")


class TestOtherTools:
    def test_a_lock_of_another_tool_is_chosen_from(self) -> None:
        pins = pick(other(), default_selection=True)

        assert pins["b"].required_by == ("a",)
        assert pins["b"].artifact.path == "/p/wheels/b-1.0-py3-none-any.whl"

    def test_its_requires_python_is_respected(self) -> None:
        with pytest.raises(ResolutionError) as caught:
            pick(other(head='requires-python = ">=3.13"'))

        assert caught.value.code == "not-locked-for"

    def test_a_package_that_refuses_this_python_is_named(self) -> None:
        with pytest.raises(ResolutionError, match="'b'") as caught:
            pick(other(body='requires-python = ">=3.13"'))

        assert caught.value.code == "python-too-old"

    def test_a_package_without_a_file_for_this_machine_is_named(self) -> None:
        with pytest.raises(ResolutionError, match="'a'") as caught:
            pick(other(tag="cp39"))

        assert caught.value.code == "no-usable-file"

    def test_a_lock_that_contradicts_itself_is_refused(self) -> None:
        again = '[[packages]]\nname = "a"\nversion = "2.0"\ndirectory = {path = "."}'

        with pytest.raises(InputError) as caught:
            pick(other(tail=again))

        assert caught.value.code == "lock-ambiguous"


def test_of_several_wheels_the_best_tag_then_the_higher_build_wins() -> None:
    wheels = [
        Wheel(filename=f"a-1.0{build}-py3-none-any.whl", hashes={}) for build in ("", "-2", "-10", "-9")
    ]

    best = choose_wheel(wheels, make_target())

    assert best is wheels[2]
    assert choose_wheel([Wheel(filename="a-1.0-cp39-cp39-win_amd64.whl", hashes={})], make_target()) is None
