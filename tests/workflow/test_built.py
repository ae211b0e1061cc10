"""What the names of builds are made of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envctl.frozen import replace
from envctl.memo import Memo
from envctl.model.interpreter import Interpreter
from envctl.model.tables import BuildInputs
from envctl.workflow.built import (
    Stated,
    Tool,
    describe_origin,
    find_keys,
    keep_record,
    make_key,
    state_build,
)

PYTHON = Interpreter(
    executable="/python",
    implementation="cpython",
    version="3.13.0",
    platform="linux",
    free_threaded=False,
    debug=False,
    markers={},
    tags=(),
    cache_tag="cpython-313",
    magic="0",
    identity="1",
)
ONE, TWO = Tool(name="one", version="1", digest="a"), Tool(name="two", version="2", digest="b")


def state(
    *,
    inputs: BuildInputs | None = None,
    subject: str = "sdist 0",
    python: Interpreter = PYTHON,
    flags: str = "",
) -> Stated:
    return state_build("delta", subject, inputs or BuildInputs(), python, {"CFLAGS": flags, "TERM": "dumb"})


@pytest.mark.parametrize(
    "other",
    [
        state(subject="sdist 1"),
        state(python=replace(PYTHON, identity="2")),
        state(flags="-O1"),
        state(inputs=BuildInputs(config_settings={"delta": {"mode": "fast"}})),
    ],
    ids=["source", "interpreter", "flags", "settings"],
)
def test_what_goes_in_beside_the_tools_is_in_both_names(other: Stated) -> None:
    assert other.digest != state().digest
    assert make_key(other, [ONE]) != make_key(state(), [ONE])


@pytest.mark.parametrize(
    "inputs",
    [BuildInputs(constraints=("one<2",)), BuildInputs(indexes=("pypi https://index.example/",))],
    ids=["constraints", "indexes"],
)
def test_what_leads_to_the_tools_is_in_the_name_of_the_record_alone(inputs: BuildInputs) -> None:
    other = state(inputs=inputs)

    assert other.digest != state().digest
    assert make_key(other, [ONE]) == make_key(state(), [ONE])


def test_what_is_about_others_is_in_neither() -> None:
    assert state(inputs=BuildInputs(config_settings={"other": {"mode": "fast"}})) == state()


@pytest.mark.parametrize(
    "tools",
    [[], [TWO], [ONE, TWO], [replace(ONE, version="2")], [replace(ONE, digest="b")]],
    ids=["none", "another", "more", "version", "digest"],
)
def test_other_tools_give_another_key(tools: list[Tool]) -> None:
    assert make_key(state(), tools) != make_key(state(), [ONE])


def test_neither_the_order_nor_the_origin_of_tools_counts_in_the_key() -> None:
    there = replace(ONE, origin="path /tools")

    assert make_key(state(), [TWO, there]) == make_key(state(), [ONE, TWO])


def test_a_record_knows_the_last_few_sets_of_tools_newest_first(tmp_path: Path) -> None:
    memo = Memo(str(tmp_path / "cache"))
    for number in [*range(10), 5]:
        keep_record(memo, state(), [replace(ONE, version=str(number))], f"key {number}")

    found = find_keys(memo, state(), {})

    assert found == [f"key {number}" for number in (5, 9, 8, 7, 6, 4, 3, 2)]


def test_tools_that_come_from_elsewhere_now_do_not_count(tmp_path: Path) -> None:
    memo, sources = Memo(str(tmp_path / "cache")), {"one": ("git", "https://git.example/one", "", "", "", "")}
    keep_record(memo, state(), [TWO, replace(ONE, origin=describe_origin(sources["one"]))], "of git")
    keep_record(memo, state(), [ONE, TWO], "of an index")

    assert find_keys(memo, state(), {}) == ["of an index"]
    assert find_keys(memo, state(), sources) == ["of git"]
    assert find_keys(memo, state(), {"two": ("index", "other")}) == []


def test_an_edit_of_a_folder_is_another_origin(tmp_path: Path) -> None:
    module = tmp_path / "tool" / "src" / "tool.py"
    module.parent.mkdir(parents=True)
    module.write_text("", encoding="utf-8")
    source = ("path", os.fspath(tmp_path / "tool"), "")
    before = describe_origin(source)
    same = describe_origin(source)

    module.write_text("NUMBER = 2\n", encoding="utf-8")

    assert before == same
    assert describe_origin(source) != before


@pytest.mark.parametrize("kind", ["path", "url"])
def test_another_file_at_a_place_is_another_origin(tmp_path: Path, kind: str) -> None:
    wheel = tmp_path / "tool-1.0-py3-none-any.whl"
    source = (kind, os.fspath(wheel) if kind == "path" else wheel.as_uri(), "")
    nothing = describe_origin(source)
    wheel.write_bytes(b"1")
    before = describe_origin(source)

    wheel.write_bytes(b"22")

    assert len({nothing, before, describe_origin(source)}) == 3
