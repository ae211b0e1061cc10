"""Our `dataclass` is the standard one, but for its price."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.frozen import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Ours:
    a: int
    b: str = "x"
    c: Mapping[str, int] = field(default_factory=dict)

    @property
    def double(self) -> int:
        return self.a * 2


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    a: int
    b: str = "x"
    c: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    a: int
    b: int = 2


#: For calls that a type checker would refuse.
OURS: Any = Ours
NAMED: Any = Named

fields = st.fixed_dictionaries(
    {"a": st.integers(), "b": st.text(), "c": st.dictionaries(st.text(), st.integers())}
)


@given(fields, fields)
def test_it_compares_and_describes_itself_as_the_standard_one(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    ours, theirs = Ours(**one), Theirs(**one)

    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert (ours == Ours(**other)) == (theirs == Theirs(**other))
    assert (ours != Ours(**other)) == (theirs != Theirs(**other))


@given(fields)
def test_the_standard_functions_see_its_fields(given_fields: dict[str, Any]) -> None:
    ours = Ours(**given_fields)

    assert dataclasses.is_dataclass(ours)
    assert [each.name for each in dataclasses.fields(ours)] == ["a", "b", "c"]
    assert replace(ours, b="new") == Ours(given_fields["a"], "new", given_fields["c"])


def test_positions_defaults_and_names_are_taken() -> None:
    assert (Ours(1).b, Ours(1).c) == ("x", {})
    assert Ours(1, "y") == Ours(a=1, b="y")
    assert Ours(1).c is not Ours(1).c


@pytest.mark.parametrize(
    "make",
    [
        OURS,
        lambda: OURS(1, a=2),
        lambda: OURS(1, "x", {}, 4),
        lambda: OURS(1, d=2),
        lambda: NAMED(1),
        lambda: NAMED(b=1),
    ],
    ids=["missing", "twice", "too many", "unknown", "position", "missing by name"],
)
def test_wrong_arguments_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        make()


def test_nothing_is_set_once_it_is_made() -> None:
    value = Named(a=1)

    with pytest.raises(AttributeError):
        value.a = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del value.b
    with pytest.raises(AttributeError):
        value.c = 3  # type: ignore[attr-defined]


def test_equal_values_have_equal_hashes_and_other_classes_are_never_equal() -> None:
    assert hash(Named(a=1)) == hash(Named(a=1, b=2))
    assert NAMED(a=1) != (1, 2)
    assert Ours(1).double == 2


def test_it_can_be_copied_pickled_and_matched() -> None:
    value = Ours(1, "y", {"k": 2})

    match value:
        case Ours(a, b):
            assert (a, b) == (1, "y")
        case _:
            pytest.fail("it does not match")

    assert copy.copy(value) == copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value
