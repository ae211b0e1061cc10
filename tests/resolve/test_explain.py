"""What a user reads when nothing satisfies what is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from envctl.errors import ResolutionError
from envctl.model.artifact import Directory
from envctl.resolve.conflict import Ask, Conflict, Demand, Unusable, explain
from envctl.resolve.request import Permission
from envctl.resolve.solve import solve
from support.universes import DictCatalog, Notation, Release, make_target, metadata, request, resolve


def fail(universe: Any, wanted: Any, target: Any = None) -> Any:
    with pytest.raises(ResolutionError) as caught:
        resolve(universe, wanted, target)
    assert isinstance(caught.value.conflict, Conflict)
    return caught.value


def test_a_project_that_does_not_exist_is_named_with_names_that_do() -> None:
    error = fail({"flask": {"1.0": []}}, request("flsk"))

    assert str(error) == "env.toml asks for `flsk`, which no index lists [no-such-package]"
    assert error.where == "env.toml:1"
    assert error.hints == ("Did you mean `flask`?",)


def test_a_missing_requirement_of_a_package_names_the_package() -> None:
    error = fail({"a": {"1.0": ["gone>1"]}}, request("a"))

    assert str(error) == "a 1.0 requires `gone>1`, which no index lists [no-such-package]"


def test_a_specifier_that_no_version_is_in_names_the_newest() -> None:
    error = fail({"a": {"1.0": [], "2.0": []}}, request("a>=99"))

    assert str(error) == (
        "env.toml asks for `a>=99`, and no version of a fits; the newest is 2.0 [no-matching-version]"
    )


def test_two_lists_that_disagree_are_both_named() -> None:
    wanted = request("a<2", groups={"dev": ["a>=2"]})

    error = fail({"a": {"1.0": [], "2.0": []}}, wanted)

    assert str(error) == "env.toml asks for `a<2`, but group dev asks for `a>=2` [no-solution]"


def test_only_the_roots_that_take_part_are_named() -> None:
    universe: Notation = {
        **{f"other{number}": {"1.0": []} for number in range(5)},
        "fastapi": {"1.0": ["starlette>=2"], "1.1": ["starlette>=2"], "1.2": ["starlette>=3"]},
        "starlette": {"1.0": [], "2.0": [], "3.0": []},
    }

    error = fail(universe, request("other0", "other1", "fastapi", "starlette<2", "other3"))

    assert explain(error.conflict) == (
        "env.toml asks for `fastapi` (env.toml:3)",
        "env.toml asks for `starlette<2` (env.toml:4)",
        "fastapi 1.2 requires `starlette>=3`",
        "fastapi 1.0 to 1.1 requires `starlette>=2`",
    )
    assert error.message == "env.toml asks for `starlette<2`, and no fastapi that fits takes that"


def test_a_conflict_deep_down_shows_how_the_lists_lead_there() -> None:
    universe: Notation = {
        "top": {"1.0": ["middle"]},
        "middle": {"1.0": ["bottom"]},
        "bottom": {"1.0": ["x<1"]},
        "x": {"0.5": [], "2.0": []},
    }

    facts = fail(universe, request("top", "x>1")).conflict.facts

    assert facts == (
        Ask(by="env.toml", requirement="top", where="env.toml:1"),
        Ask(by="env.toml", requirement="x>1", where="env.toml:2"),
        Demand(name="top", versions=("1.0",), requirement="middle"),
        Demand(name="middle", versions=("1.0",), requirement="bottom"),
        Demand(name="bottom", versions=("1.0",), requirement="x<1"),
    )


def test_a_constraint_that_takes_part_is_named() -> None:
    error = fail({"a": {"1.0": [], "2.0": []}}, request("a>=2", constraints=["a<2"]))

    assert "a constraint says `a<2`" in explain(error.conflict)


def test_wheels_of_other_platforms_only_are_named_by_their_tags() -> None:
    universe: Notation = {"a": {"1.0": Release(wheels=("cp311-cp311-win_amd64",), sdist=True)}}

    error = fail(universe, request("a"))

    assert error.code == "no-usable-file"
    assert "linux-x86_64" in error.message
    assert 'To let it be built from source: `[build] allow = ["a"]`' in error.hints
    assert any("cp311-cp311-win_amd64" in hint for hint in error.hints)


def test_no_binary_without_permission_to_build_says_so() -> None:
    error = fail({"a": {"1.0": []}}, request("a", permission=Permission(no_binary=frozenset({"a"}))))

    assert error.code == "no-usable-file"
    assert any("no-binary" in hint for hint in error.hints)


@pytest.mark.parametrize(
    ("needs", "code"),
    [(">=3.12", "python-too-old"), ("<3.11", "python-too-new"), (">=3.8,<3.10", "python-too-new"), (">=3.13,<4", "python-too-old")],
)  # fmt: skip
def test_a_python_that_no_release_takes_is_said_to_be_too_old_or_too_new(needs: Any, code: Any) -> None:
    error = fail({"a": {"1.0": Release(python=needs)}}, request("a"), make_target("3.11.7"))

    assert error.code == code
    assert f"a 1.0 needs Python `{needs}`, and this is 3.11.7" in error.message


def test_many_requirements_of_one_package_on_another_are_told_shortly() -> None:
    universe: Notation = {
        "a": {f"{n}.0": [f"x=={n}.0"] for n in range(1, 10)},
        "x": {f"{n}.0": [] for n in range(1, 12)},
    }

    error = fail(universe, request("a", "x>10"))

    assert explain(error.conflict) == (
        "env.toml asks for `a` (env.toml:1)",
        "env.toml asks for `x>10` (env.toml:2)",
        "a 9.0 requires `x==9.0`",
        "a 8.0 requires `x==8.0`",
        "a 7.0 requires `x==7.0`",
        "a has 6 more requirements like this, down to `x==1.0`",
    )


def test_a_search_that_takes_too_long_is_not_called_impossible(monkeypatch: Any) -> None:
    monkeypatch.setattr("envctl.resolve.pubgrub._CONFLICTS", 0)

    assert fail({"a": {"1.0": ["b>1"]}, "b": {"1": []}}, request("a")).code == "too-hard"


def test_an_override_that_takes_part_is_named() -> None:
    error = fail({"a": {"1.0": ["b"]}, "b": {"1.0": []}}, request("a", overrides=["b==9"]))

    assert "an override says `b==9`, whatever is asked of b" in explain(error.conflict)


def test_a_requirement_of_a_source_on_this_machine_names_its_path() -> None:
    direct = {
        name: Directory(path=f"/src/{name}", display_path=f"../{name}", editable=True, metadata_digest="")
        for name in ("ours", "theirs")
    }
    told = {
        "ours": metadata("ours", "1.0", Release(["x<1"])),
        "theirs": metadata("theirs", "1.0", Release(["x>=1"])),
    }
    catalog = DictCatalog({"x": {"0.5": [], "1.0": []}}, direct=told)

    with pytest.raises(ResolutionError) as caught:
        solve(request("ours", "theirs", direct=direct), make_target(), catalog, lambda _: None)

    assert isinstance(caught.value.conflict, Conflict)
    assert explain(caught.value.conflict)[2:] == (
        "ours 1.0 requires `x<1` (../ours)",
        "theirs 1.0 requires `x>=1` (../theirs)",
    )


def test_what_all_files_of_a_release_have_against_them_is_the_reason() -> None:
    wheels = ("cp312-cp312-manylinux_2_17_x86_64", "cp313-cp313-manylinux_2_17_x86_64")
    universe: Notation = {"a": {"1.0": Release(wheels=wheels, sdist=True, python=">=3.12")}}

    error = fail(universe, request("a"), make_target("3.11.7"))

    assert error.code == "python-too-old"
    assert len(error.conflict.facts) == 2


def test_a_source_that_is_too_new_as_well_is_not_proposed_to_be_built() -> None:
    universe: Notation = {"a": {"1.0": Release(sdist=True, uploaded="2025-06-01T00:00:00Z")}}
    limit = datetime(2025, 1, 1, tzinfo=UTC)

    error = fail(universe, request("a", exclude_newer={"*": limit}))

    assert [fact.kind for fact in error.conflict.facts if isinstance(fact, Unusable)] == ["too-new"]


def test_wheels_for_many_machines_are_told_by_machine() -> None:
    wheels = tuple(
        f"cp3{minor}-cp3{minor}-{platform}"
        for minor in (7, 8, 9)
        for platform in ("win_amd64", "macosx_11_0_arm64", "manylinux_2_17_x86_64.manylinux2014_x86_64")
    )

    error = fail({"a": {"1.0": Release(wheels=wheels)}}, request("a"))

    assert any(
        "wheels for CPython 3.7 to 3.9 on linux-x86_64, macos-arm64, windows-x86_64" in line
        for line in explain(error.conflict)
    )


def test_a_root_with_yanked_releases_only_is_told_without_what_they_require() -> None:
    universe: Notation = {
        "a": {"1.0": [], "2.0": Release(["b"], yanked="broken"), "3.0": []},
        "b": {f"{n}.0": ["c"] for n in range(5)},
        "c": {f"{n}.0": [] for n in range(5)},
    }

    error = fail(universe, request("a>1,<3"))

    assert error.message == "env.toml asks for `a<3,>1`, but a 2.0 is yanked: broken"
    assert len(error.conflict.facts) == 2


def test_how_much_was_tried_is_told_when_it_was_much() -> None:
    universe: Notation = {
        "a": {f"{n}.0": [f"x=={n}.0"] for n in range(1, 31)},
        "x": {f"{n}.0": [] for n in range(1, 40)},
    }

    error = fail(universe, request("a", "x>30"))

    assert error.conflict.tried.projects == 2
    assert explain(error.conflict)[-1].startswith("tried 3")


def test_a_project_without_files_is_told_once_however_many_want_it() -> None:
    universe: Notation = {"a": {"1.0": ["x>1"], "2.0": ["x>2"], "3.0": ["y"]}, "y": {"1": ["x"]}, "x": {}}

    lines = explain(fail(universe, request("a")).conflict)

    assert [line for line in lines if "no files" in line] == ["the index lists no files of x"]
