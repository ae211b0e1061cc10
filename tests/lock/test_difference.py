"""Two locks beside each other: what is told of each project, and what does not count."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.lock.compose import compose
from envctl.lock.difference import LockChange, compare
from envctl.lock.lock import Lock
from envctl.lock.parse import parse
from envctl.model.artifact import Directory
from envctl.model.resolution import Resolution, Resolved
from support.manifests import make_manifest
from support.universes import Notation, Release, make_target, request, resolve

UNIVERSE: Notation = {
    "requests": {"2.0": Release(["idna<4,>=2.5"], extras={"socks": ["pysocks"]}, python=">=3.8")},
    "idna": {"3.9": Release(uploaded="2024-03-01T00:00:00Z"), "3.10": [], "4.0": [], "0.1": [], "0.2": []},
    "pysocks": {"1.0": []},
}
CORE = Directory(path="/projects/core", display_path="../core", editable=True, metadata_digest="sha256:1")

HASH = "a" * 64


def make(*wanted: str, universe: Notation = UNIVERSE, manifest: Any = None, **lists: Any) -> Lock:
    resolution = resolve(universe, request(*wanted, **lists))
    return compose([resolution], manifest=manifest or make_manifest(), digest="d", old=None)


def make_of(package: Resolved) -> Lock:
    resolution = Resolution(target=make_target(), packages={package.name: package})
    return compose([resolution], manifest=make_manifest(), digest="", old=None)


def other_tool(*packages: str) -> Lock:
    """A lock of another tool; each package is the lines of its table."""
    text = "".join(f"[[packages]]\n{package}\n" for package in packages)
    data = f'lock-version = "1.0"\ncreated-by = "other"\n{text}'.encode()
    return parse(data, path="/projects/shop/pylock.toml")


def wheel(name: str, version: str, *, digest: str = HASH, more: str = "", tag: str = "py3-none-any") -> str:
    file = f"{name}-{version}-{tag}.whl"
    return (
        f'name = "{name}"\nversion = "{version}"\n{more}\n'
        f'wheels = [{{ url = "https://files.example/{file}", hashes = {{ sha256 = "{digest}" }} }}]'
    )


def parts_of(changes: tuple[LockChange, ...]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {change.name: (change.kind, change.differs) for change in changes}


def test_two_equal_locks_have_no_differences() -> None:
    assert compare(make("requests"), make("requests")) == ()


def test_everything_in_a_first_lock_is_added() -> None:
    assert parts_of(compare(None, make("requests"))) == {"idna": ("added", ()), "requests": ("added", ())}


def test_a_difference_says_how_far_for_whom_when_and_how_large() -> None:
    old, new = make("requests", "idna<3.10"), make("requests", "pysocks")

    assert compare(old, new, asked={"requests": ("env.toml",), "pysocks": ("group dev",)}) == (
        LockChange(
            name="idna",
            before="3.9",
            after="3.10",
            kind="up",
            step="minor",
            reason="required by requests (<4,>=2.5)",
            required_by=("requests (<4,>=2.5)",),
            uploaded_before="2024-03-01T00:00:00Z",
            uploaded_after="2024-01-01T00:00:00Z",
            size_before=len("idna-3.9-py3-none-any.whl"),
            size_after=len("idna-3.10-py3-none-any.whl"),
        ),
        LockChange(
            name="pysocks",
            before=None,
            after="1.0",
            kind="added",
            reason="asked for by group dev",
            direct=True,
            required_by=("group dev",),
            uploaded_after="2024-01-01T00:00:00Z",
            size_after=len("pysocks-1.0-py3-none-any.whl"),
        ),
    )


def test_what_is_removed_says_who_asked_for_it() -> None:
    gone = compare(make("requests", "pysocks"), make("pysocks"), asked={"requests": ("env.toml",)})

    assert [(change.name, change.reason, change.direct) for change in gone] == [
        ("idna", "was required by requests (<4,>=2.5)", False),
        ("requests", "was asked for directly", True),
    ]


def test_without_a_manifest_what_nothing_requires_is_direct() -> None:
    found = compare(None, make("requests"))

    assert {change.name: change.direct for change in found} == {"idna": False, "requests": True}


@pytest.mark.parametrize(
    ("before", "after", "kind", "step"),
    [
        ("3.9", "4.0", "up", "major"),
        ("3.10", "3.9", "down", "minor"),
        ("0.1", "0.2", "up", "major"),
        ("4.0", "0.2", "down", "major"),
    ],
)
def test_versions_go_up_or_down_by_a_step(before: str, after: str, kind: str, step: str) -> None:
    (change,) = compare(make(f"idna=={before}"), make(f"idna=={after}"))

    assert (change.kind, change.step) == (kind, step)


def test_another_origin_of_one_version_is_a_change() -> None:
    old = make_of(Resolved(name="core", version="1.0", artifacts=(CORE,)))
    new = make_of(
        Resolved(name="core", version="1.0", artifacts=(dataclasses.replace(CORE, editable=False),))
    )

    (change,) = compare(old, new)

    assert (change.before, change.after) == ("1.0 (../core, editable)", "1.0 (../core)")
    assert (change.kind, change.differs) == ("changed", ("origin",))


def test_other_files_of_a_version_are_a_change() -> None:
    more = {"idna": {"3.9": Release(wheels=("py3-none-any", "cp311-cp311-linux_x86_64"))}}

    assert parts_of(compare(make("idna==3.9"), make("idna", universe=more))) == {
        "idna": ("changed", ("files",))
    }


def test_a_file_of_the_same_name_with_another_hash_is_told_apart_from_other_files() -> None:
    old, new = other_tool(wheel("a", "1.0")), other_tool(wheel("a", "1.0", digest="b" * 64))

    assert parts_of(compare(old, new)) == {"a": ("changed", ("hashes",))}


def test_another_marker_and_other_requirements_are_changes() -> None:
    manifest = make_manifest(groups={"dev": ["idna"]}, extras=None)

    old = make("requests", "idna<3.10")
    new = make("requests[socks]", groups={"dev": ["idna<3.10", "pysocks"]}, manifest=manifest)
    alone = make(groups={"dev": ["idna<3.10"]}, manifest=manifest)

    assert parts_of(compare(old, new))["requests"] == ("changed", ("requirements",))
    assert parts_of(compare(old, alone))["idna"] == ("changed", ("markers",))


def test_what_somebody_wrote_into_a_lock_hides_no_difference() -> None:
    old = make("requests", "idna<3.10", "pysocks")
    touched = old.data.replace(b'\nname = "idna"', b'\n# theirs\nname = "idna"').replace(b"3.9", b"3.8")

    assert parts_of(compare(parse(touched, path=old.path), old)) == {"idna": ("up", ())}


@settings(max_examples=60, deadline=None)
@given(*[st.sets(st.sampled_from(["requests", "requests[socks]", "idna<4", "idna<3.10", "pysocks"]))] * 2)
def test_what_is_the_same_in_the_files_is_the_same_when_it_is_compared(one: set[str], two: set[str]) -> None:
    old, new = make(*sorted(one)), make(*sorted(two))
    read = [parse(lock.data + b"# read\n", path=lock.path) for lock in (old, new)]
    # In this layout no table can be told from another by its text.
    indented = [parse(lock.data.replace(b"\nname", b"\n name"), path=lock.path) for lock in (old, new)]

    assert compare(old, new) == compare(*read) == compare(*indented) == compare(read[0], new)


def test_a_lock_behind_a_mirror_is_the_same_lock() -> None:
    old = other_tool(wheel("a", "1.0"))
    new = other_tool(wheel("a", "1.0").replace("files.example", "mirror.example"))

    assert compare(old, new) == ()


def test_another_index_is_told() -> None:
    old = other_tool(wheel("a", "1.0", more='index = "https://one.example/simple/"'))
    new = other_tool(wheel("a", "2.0", more='index = "https://two.example/simple/"'))

    assert parts_of(compare(old, new)) == {"a": ("up", ("index",))}


def test_of_several_versions_the_newest_counts() -> None:
    low, middle, high = (
        wheel("a", version, more=f"marker = \"python_version {sign} '3.12'\"")
        for version, sign in (("1.0", "<"), ("1.1", "<"), ("2.0", ">="))
    )

    (change,) = compare(other_tool(low, high), other_tool(middle, high))
    (risen,) = compare(other_tool(low), other_tool(low, high))

    assert (change.before, change.after, change.kind) == ("1.0, 2.0", "1.1, 2.0", "changed")
    assert change.differs[0] == "versions"
    assert (risen.kind, risen.step) == ("up", "major")


def test_locks_of_two_tools_are_compared_by_what_both_mean_alike() -> None:
    ours = make("requests")
    theirs = other_tool(
        wheel("idna", "3.10", more="marker = \"python_version >= '3'\"", tag="py2.py3-none-any"),
        wheel("requests", "1.0"),
    )

    assert parts_of(compare(theirs, ours)) == {"requests": ("up", ())}
