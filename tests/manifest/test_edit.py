"""Edits of lists: the entries that are named get another text, and not another byte is different."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.manifest.edit import Entry, find_entries, replace_entries

MANIFEST = """\
# the shop
python = "3.12"   # ours

dependencies = [
    # for the web
    "flask>=3",     # see the notes
    'requests [socks] >= 2.5',
]

  [optional-dependencies]
Pg_X = ["psycopg>=3", ]

[dependency-groups]
test = [ "pytest" ]
dev  = ["ruff", {include-group = "test"}, "mypy==1.0" ]   # end
"""
PYPROJECT = """\
[build-system]
requires = ["hatchling"]

[project]
name = "shop"
dependencies = ["flask"]

[project.optional-dependencies]
pg = ["psycopg"]

[tool.other]
dependencies = ["not-ours"]

[dependency-groups]
dev = ["ruff"]
"""


def test_the_entries_of_all_lists_are_found_by_their_keys() -> None:
    assert find_entries(MANIFEST.encode(), name="env.toml") == (
        Entry(("dependencies", 0), "env.toml", "flask>=3"),
        Entry(("dependencies", 1), "env.toml", "requests [socks] >= 2.5"),
        Entry(("optional-dependencies", "Pg_X", 0), "extra pg-x", "psycopg>=3"),
        Entry(("dependency-groups", "test", 0), "group test", "pytest"),
        Entry(("dependency-groups", "dev", 0), "group dev", "ruff"),
        Entry(("dependency-groups", "dev", 2), "group dev", "mypy==1.0"),
    )


def test_those_of_a_project_are_its_own_and_no_other_tables() -> None:
    assert [entry.text for entry in find_entries(PYPROJECT.encode(), name="pyproject.toml")] == [
        "flask",
        "psycopg",
        "ruff",
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_comments_order_quotes_and_layout_stay(newline: str) -> None:
    before = MANIFEST.replace("\n", newline)
    texts = {
        ("dependencies", 0): "flask>=3.1",
        ("dependencies", 1): "requests [socks] >= 3",
        ("dependency-groups", "dev", 2): "mypy==1.1",
    }

    after = replace_entries(before.encode(), texts, path="env.toml").decode()

    expected = before.replace("flask>=3", "flask>=3.1").replace(">= 2.5", ">= 3").replace("==1.0", "==1.1")
    assert after == expected


def test_a_text_with_a_quote_is_written_in_the_quotes_that_can_hold_it() -> None:
    marked = "requests; python_version > '3'"

    after = replace_entries(MANIFEST.encode(), {("dependencies", 1): marked}, path="env.toml")

    assert tomllib.loads(after.decode())["dependencies"][1] == marked


def test_what_is_not_there_cannot_be_edited() -> None:
    with pytest.raises(InputError) as caught:
        replace_entries(MANIFEST.encode(), {("dependencies", 7): "x"}, path="/p/env.toml")

    assert caught.value.code == "cannot-edit"


names = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
blanks = st.sampled_from(["", " ", "  ", "\n", "\n    ", ' # why, [or "not"]\n'])


@st.composite
def files(draw: st.DrawFn) -> tuple[str, int]:
    """Write a list in some layout; returns it with the number of its entries."""
    entries = draw(st.lists(names, min_size=1, max_size=5))
    quote = draw(st.sampled_from("\"'"))
    body = "".join(f"{draw(blanks)}{quote}{name}{quote}{draw(blanks)}," for name in entries)
    return f"{draw(blanks)}\ndependencies = [{body}{draw(blanks)}]{draw(blanks)}\n[lock]\n", len(entries)


@given(files(), st.data())
def test_in_any_layout_nothing_but_the_entry_is_different(made: tuple[str, int], data: st.DataObject) -> None:
    text, count = made
    place = data.draw(st.integers(min_value=0, max_value=count - 1))
    written = tomllib.loads(text)["dependencies"][place]

    # Longer than any name, so that it is nowhere else.
    after = replace_entries(text.encode(), {("dependencies", place): "another-one"}, path="env.toml").decode()
    back = replace_entries(after.encode(), {("dependencies", place): written}, path="env.toml").decode()

    assert back == text
    assert after.count("another-one") == 1
    assert len(after) == len(text) - len(written) + len("another-one")
