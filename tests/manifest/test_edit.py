"""Edits of lists: the entries that are named get another text, and not another byte is different."""

from __future__ import annotations

import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.manifest.edit import (
    AddEntry,
    Edit,
    Entry,
    RemoveEntry,
    SetValue,
    edit,
    find_entries,
    replace_entries,
)

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


EXPECTED = """\
# the shop
python = "3.12"   # ours

dependencies = [
    # for the web
    'requests [socks] >= 2.5',
    "zed>=1",
]

  [optional-dependencies]
Pg_X = ["psycopg>=3", "asyncpg", ]

[dependency-groups]
test = [ ]
dev  = [{include-group = "test"}, "mypy==1.0", "pdbpp" ]   # end
docs = [
    "sphinx>=8",
]

[sources]
shop = {path = "../shop", editable = true}
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_entries_are_removed_and_added_and_all_else_stays(newline: str) -> None:
    edits: list[Edit] = [
        RemoveEntry(("dependencies", 0)),
        AddEntry(("dependencies",), "zed>=1"),
        RemoveEntry(("dependency-groups", "test", 0)),
        RemoveEntry(("dependency-groups", "dev", 0)),
        AddEntry(("dependency-groups", "dev"), "pdbpp"),
        AddEntry(("dependency-groups", "docs"), "sphinx>=8"),
        AddEntry(("optional-dependencies", "Pg_X"), "asyncpg"),
        SetValue(("sources", "shop"), {"path": "../shop", "editable": True}),
    ]

    after = edit(MANIFEST.replace("\n", newline).encode(), edits, path="env.toml").decode()

    assert after.splitlines() == EXPECTED.splitlines()


def test_a_list_that_is_in_order_stays_in_order() -> None:
    before = 'dependencies = [\n    "Alpha",  # first\n    "delta",\n]\n'

    after = edit(before.encode(), [AddEntry(("dependencies",), "beta")], path="env.toml").decode()

    assert after == 'dependencies = [\n    "Alpha",  # first\n    "beta",\n    "delta",\n]\n'


def test_a_list_that_has_nothing_but_comments_is_filled() -> None:
    before = 'dependencies = [\n    # "flask>=3",\n]\n[lock]\n'

    after = edit(before.encode(), [AddEntry(("dependencies",), "flask")], path="env.toml").decode()

    assert after == 'dependencies = [\n    # "flask>=3",\n    "flask",\n]\n[lock]\n'


def test_a_list_that_is_not_there_is_made_before_the_tables() -> None:
    edits: list[Edit] = [SetValue(("python",), "3.12"), AddEntry(("dependencies",), "flask")]

    after = edit(b'# ours\n\nname = "x"\n\n# rules\n[lock]\n', edits, path="env.toml")

    assert after.decode() == (
        '# ours\n\nname = "x"\n\npython = "3.12"\n\ndependencies = [\n    "flask",\n]\n\n# rules\n[lock]\n'
    )


@given(files(), st.data())
def test_in_any_layout_what_is_added_can_be_removed_again(made: tuple[str, int], data: st.DataObject) -> None:
    text, count = made
    place = data.draw(st.integers(min_value=0, max_value=count - 1))
    whole = tomllib.loads(text)["dependencies"]

    added = edit(text.encode(), [AddEntry(("dependencies",), "another-one")], path="env.toml")
    now = tomllib.loads(added.decode())["dependencies"]
    back = edit(added, [RemoveEntry(("dependencies", now.index("another-one")))], path="env.toml")
    less = edit(text.encode(), [RemoveEntry(("dependencies", place))], path="env.toml")

    assert sorted(now) == sorted([*whole, "another-one"])
    assert tomllib.loads(back.decode())["dependencies"] == whole
    assert tomllib.loads(less.decode())["dependencies"] == whole[:place] + whole[place + 1 :]
    for comment in set(re.findall(r"# why, .*", text)):
        assert added.decode().count(comment) == text.count(comment)
