"""What a value of the file may look like, as values: the grammar that `keys` is written in.

A shape says of what TOML type something is and which keys it has, nothing of what the text in it means.
Shapes are neither compared nor printed; leaving that out halves the time these classes take to be made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime

from envctl.frozen import dataclass, field


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scalar:
    """One value of one of ``types``; ``words`` name it (``a string``); only ``choices``, if there are any."""

    words: str
    types: tuple[type, ...]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListOf:
    """An array of one shape; ``words`` name the items in the plural."""

    words: str
    item: Shape


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MapOf:
    """A table whose keys are names of the user's; ``placeholder`` stands for them in the reference."""

    placeholder: str
    value: Shape


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Table:
    """A table with these keys and, when ``closed``, no others."""

    keys: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    closed: bool = True
    hints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Either:
    """The first of ``shapes`` that a value is of the type of."""

    shapes: tuple[Shape, ...]


Shape = Scalar | ListOf | MapOf | Table | Either

TEXT = Scalar("a string", (str,))
FLAG = Scalar("true or false", (bool,))
COUNT = Scalar("a whole number", (int,))
DAY = Scalar("a date", (date,))
MOMENT = Scalar("a date or a time", (date, datetime))
TEXTS = ListOf("strings", TEXT)


def choice(*values: str) -> Scalar:
    """Make the shape of a string that must be one of ``values``."""
    return Scalar("a string", (str,), values)


def describe(shape: Shape) -> str:
    """Say what a value of ``shape`` is, for a message."""
    match shape:
        case Scalar():
            return shape.words
        case ListOf():
            return f"a list of {shape.words}"
        case MapOf() | Table():
            return "a table"
        case Either():
            return " or ".join(dict.fromkeys(describe(one) for one in shape.shapes))


def describe_value(value: object) -> str:
    """Say of what TOML type a value is."""
    match value:
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int():
            return "an integer"
        case float():
            return "a float"
        case list():
            return "a list"
        case dict():
            return "a table"
        case datetime():
            return "a time"
        case date():
            return "a date"
        case _:
            return "a time of day"


def is_kind(value: object, shape: Shape) -> bool:
    """Whether ``value`` is of the outer type of ``shape``."""
    match shape:
        case Scalar():
            # Not isinstance: True is an int, and a datetime a date.
            return type(value) in shape.types
        case ListOf():
            return isinstance(value, list)
        case MapOf() | Table():
            return isinstance(value, dict)
        case Either():
            return any(is_kind(value, one) for one in shape.shapes)


def walk(shape: Shape, prefix: str = "") -> Iterator[str]:
    """List every key that ``shape`` knows, dotted: ``sources.NAME.path``."""
    match shape:
        case Table():
            for key, value in shape.keys.items():
                dotted = f"{prefix}.{key}" if prefix else key
                yield dotted
                yield from walk(value, dotted)
        case MapOf():
            yield from walk(shape.value, f"{prefix}.{shape.placeholder}")
        case ListOf():
            yield from walk(shape.item, prefix)
        case Either():
            for one in shape.shapes:
                yield from walk(one, prefix)
        case Scalar():
            return
