"""RECORD keeps what it says through writing and reading."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from envctl.archive.name import fold
from envctl.wheel.entry_points import parse_entry_points, parse_reference
from envctl.wheel.record import Row, installed_record, parse_record

paths = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
rows = st.builds(Row, paths, st.just("sha256"), digests, st.integers(0, 1 << 40))


@given(st.lists(rows, unique_by=lambda row: row.path, max_size=5))
def test_a_record_that_was_written_is_read_as_it_was(some: list[Row]) -> None:
    parsed, faults = parse_record(installed_record(some).decode())

    assert faults == ()
    assert parsed == tuple(sorted(some, key=lambda row: row.path))


@given(st.text(max_size=200))
def test_no_text_stops_the_parser_of_records(text: str) -> None:
    parsed, faults = parse_record(text)

    assert len(parsed) + len(faults) <= text.count("\n") + text.count("\r") + 2


@given(st.text(max_size=200))
def test_no_text_stops_the_parser_of_entry_points(text: str) -> None:
    found = parse_entry_points(text, project="demo")

    assert isinstance(found.faults, tuple)


@given(st.text(alphabet="ab.:;() \n", max_size=12))
def test_a_reference_that_is_let_through_is_two_dotted_names(text: str) -> None:
    reference = parse_reference(text)

    if reference is not None:
        module, _, attribute = reference.partition(":")
        assert all(part.isidentifier() for part in (*module.split("."), *attribute.split(".")))


@given(st.text(max_size=20))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
