"""The two files a generation carries: its file list and its identity."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.environment.identity import (
    GenerationRecord,
    RecordedDistribution,
    format_generation,
    parse_generation,
)
from envctl.environment.inventory import (
    ENVIRONMENT,
    Inventory,
    OwnedFile,
    format_inventory,
    make_inventory,
    parse_inventory,
    stamp,
    stamp_link,
)
from envctl.errors import MachineError

RECORD = GenerationRecord(
    number=8,
    previous=7,
    path="/home/me/a b/\udcff/.venv",
    python="3.11.7",
    executable="/usr/bin/python3.11",
    interpreter="abc",
    time="2026-11-23T06:00:00Z",
    command="apply",
    lock_digest="sha256:00",
    distributions={
        "flask": RecordedDistribution(
            version="3.1.0",
            origin="wheel sha256:00",
            direct_url=None,
            requested=True,
            info="lib/python3.11/site-packages/flask-3.1.0.dist-info",
        ),
    },
)

WHOLE = format_inventory(make_inventory({"x": [OwnedFile("size", 1, 2, executable=False, sha256="00")]}))

paths = st.text(st.characters(exclude_categories=["Cs"]) | st.just("\udcff"), min_size=1, max_size=30)
plain = st.builds(
    OwnedFile,
    path=paths,
    size=st.integers(0, 2**50),
    mtime_ns=st.integers(-(2**40), 2**62),
    executable=st.booleans(),
    sha256=st.just("ab" * 32),
    link=st.none(),
)
links = st.builds(
    OwnedFile,
    path=paths,
    size=st.just(0),
    mtime_ns=st.just(0),
    executable=st.just(False),
    sha256=st.just(""),
    link=paths,
)
owners = st.from_regex(r"[a-z0-9-]{1,8}", fullmatch=True)


@given(
    st.dictionaries(owners, st.lists(plain | links, max_size=4, unique_by=lambda file: file.path), max_size=4)
)
def test_a_file_list_comes_back_from_its_text_as_it_was(files: dict[str, list[OwnedFile]]) -> None:
    inventory = parse_inventory(format_inventory(make_inventory(files)))

    assert {owner: list(inventory.files(owner)) for owner in files} == {
        owner: sorted(each) for owner, each in files.items()
    }


def test_the_environments_own_files_come_first() -> None:
    inventory = make_inventory({"-a": [], "flask": [], ENVIRONMENT: []})

    assert inventory.owners == (ENVIRONMENT, "-a", "flask")


def test_the_order_files_were_laid_in_does_not_show_in_the_text() -> None:
    one, two = OwnedFile("a", 1, 2, False, "00"), OwnedFile("b", 1, 2, True, "00")

    assert format_inventory(make_inventory({"x": [one, two], "y": []})) == format_inventory(
        make_inventory({"y": [], "x": [two, one]})
    )


def test_stamps_are_what_a_stat_would_give_with_the_digest_behind() -> None:
    inventory = make_inventory(
        {"x": [OwnedFile("a\tb", 1, 2, True, "00"), OwnedFile("l", 0, 0, False, "", "to\n")]}
    )

    assert dict(inventory.stamps("x")) == {
        "a\tb": stamp(1, 2, executable=True) + "00",
        "l": stamp_link("to\n"),
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"envctl-inventory 1\n",
        WHOLE.replace(b"y 1", b"y 2"),
        WHOLE[:-1],
        WHOLE.replace(b"size", b"eyes"),
    ],
    ids=["empty", "no digest", "later format", "cut short", "edited"],
)
def test_what_is_no_file_list_is_refused(data: bytes) -> None:
    with pytest.raises(MachineError) as caught:
        parse_inventory(data)

    assert caught.value.code == "inventory-damaged"


@pytest.mark.parametrize(
    "line", ["a\t1\t1\t-", "a\tx\t1\t-\t00", "a"], ids=["field missing", "no number", "bare"]
)
def test_a_damaged_line_is_refused_when_its_section_is_asked_for(line: str) -> None:
    inventory = parse_inventory(format_inventory(Inventory({"flask": line})))

    with pytest.raises(MachineError) as caught:
        inventory.files("flask")

    assert caught.value.code == "inventory-damaged"


def test_a_generation_record_comes_back_from_its_text_as_it_was() -> None:
    assert parse_generation(format_generation(RECORD)) == RECORD


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"format": 1', '"format": 2'),
        lambda text: text.replace('"number": 8', '"number": "8"'),
        lambda text: text.replace('"number": 8', '"number": true'),
        lambda text: text.replace('"info"', '"other"'),
        lambda text: "[]",
    ],
    ids=["cut short", "later format", "text for a number", "truth for a number", "key missing", "a list"],
)
def test_a_damaged_generation_record_is_refused(change: Callable[[str], str]) -> None:
    with pytest.raises(MachineError) as caught:
        parse_generation(change(format_generation(RECORD).decode()).encode())

    assert caught.value.code == "generation-damaged"
