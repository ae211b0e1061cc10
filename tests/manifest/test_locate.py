"""On which line a key stands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from envctl.manifest.locate import Path, locate

CASES = {
    "a key": ("\na = 1\n", ("a",), 2),
    "a dotted key": ("\n\na.b.c = 1\n", ("a", "b", "c"), 3),
    "the table of a dotted key": ("\n\na.b.c = 1\n", ("a", "b"), 3),
    "a key in a table": ("[t]\n# note\nk = 1\n", ("t", "k"), 3),
    "a table": ("\n[ t . u ]\n", ("t", "u"), 2),
    "a quoted header": ('\n["t.u"]\nk = 1\n', ("t.u", "k"), 3),
    "a quoted key with an escape": ('\n"a\\u0062" = 1\n', ("ab",), 2),
    "a literal key": ("\n'a.b' = 1\n", ("a.b",), 2),
    "an item of an array over lines": ("a = [\n 1, # one, [two\n 2,\n\n 3,\n]\n", ("a", 2), 5),
    "an item on the line of the key": ("\na = [1, 2, 3]\n", ("a", 2), 2),
    "what follows an array": ("a = [\n1,\n]\nb = 1\n", ("b",), 4),
    "an array in an array": ("a = [\n [1],\n [\n 2,\n 3]]\n", ("a", 1, 1), 5),
    "an inline table": ("a = 1\nb = {c = 1, d.e = 2}\n", ("b", "d", "e"), 2),
    "an inline table in an array": ("a = [\n {g = 1},\n {g = 2},\n]\n", ("a", 1, "g"), 3),
    "an empty inline table": ("a = {}\nb = 1\n", ("b",), 2),
    "an empty array": ("a = []\nb = 1\n", ("b",), 2),
    "an element of an array of tables": ("[[i]]\nn = 1\n[[i]]\nn = 2\n", ("i", 1), 3),
    "a key of an array of tables": ("[[i]]\nn = 1\n[[i]]\nn = 2\n", ("i", 1, "n"), 4),
    "a table in an array of tables": ("[[i]]\n[i.t]\nk = 1\n[[i]]\n[i.t]\nk = 1\n", ("i", 1, "t", "k"), 6),
    "an array of tables in one": ("[[i]]\n[[i.j]]\n[[i.j]]\nk = 1\n", ("i", 0, "j", 1, "k"), 4),
    "after a block of text": ('a = """\n[t]\nb = 1\n"""\nb = 2\n', ("b",), 5),
    "after a block that ends with quotes": ('a = """x\n"""""\nb = 2\n', ("b",), 3),
    "after a literal block": ("a = '''\n\"\"\"\n'''\nb = 2\n", ("b",), 4),
    "after a string with brackets": ('a = "]} # ["\nb = 2\n', ("b",), 2),
    "after a string with an escaped quote": ('a = "\\"[" # "\nb = 2\n', ("b",), 2),
    "after a time": ("a = 2026-01-31 10:00:00.5+01:00\nb = 2\n", ("b",), 2),
    "after a float": ("a = 1.5e3\nb = 2\n", ("b",), 2),
    "with lines of Windows": ("a = 1\r\nb = [\r\n1,\r\n2]\r\n", ("b", 1), 4),
    "the file": ("\n\na = 1\n", (), 1),
}


@pytest.mark.parametrize(("text", "path", "line"), CASES.values(), ids=CASES.keys())
def test_the_line_is_told_of(text: str, path: Path, line: int) -> None:
    tomllib.loads(text)

    lines = locate(text)

    assert lines[path] == line


keys = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8)
scalars = st.integers() | st.booleans() | st.text(max_size=12) | st.dates()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, (*path, key))
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from walk(item, (*path, place))


@given(st.dictionaries(keys, values, max_size=6))
def test_every_key_and_item_of_a_file_has_a_line(data: dict[str, Any]) -> None:
    text = tomli_w.dumps(data)

    lines = locate(text)

    assert {path for path, _ in walk(tomllib.loads(text))} == set(lines)


@given(st.dictionaries(keys, values, min_size=1, max_size=4), st.integers(0, 5))
def test_lines_put_before_everything_move_everything(data: dict[str, Any], count: int) -> None:
    text = tomli_w.dumps(data)

    moved = locate("# note\n" * count + text)

    assert {path: line + count for path, line in locate(text).items() if path} == {
        path: line for path, line in moved.items() if path
    }


@given(st.text(st.sampled_from("[]{}=,.\"'#\n\\ab1 "), max_size=60))
def test_text_that_is_not_toml_does_no_harm(text: str) -> None:
    assert locate(text)[()] == 1
