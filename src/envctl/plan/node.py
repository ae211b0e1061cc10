"""A value of a JSON document with its place in it, read with its type or refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from envctl.errors import InputError
from envctl.frozen import dataclass

_Choice = TypeVar("_Choice", bound=StrEnum)

_HINT = "make it anew with `envctl plan --out FILE`"


@dataclass(frozen=True, slots=True)
class Node:
    """``value`` stands at ``place`` (``changes[3].action``) of the plan in the file ``path``.

    Every method raises InputError `bad-plan` when the value is not what is asked for.
    """

    value: Any
    place: str
    path: str

    def refuse(self, wrong: str) -> InputError:
        """Make the error that says what is wrong with this value."""
        place = f"`{self.place}` of the plan" if self.place else "the plan"
        return InputError("bad-plan", f"{place} {wrong}", where=self.path, hints=[_HINT])

    def field(self, name: str) -> Node:
        """Return what an object has under ``name``, which must be there."""
        if not isinstance(self.value, dict):
            raise self.refuse("is not an object")
        if name not in self.value:
            raise self.refuse(f"has no `{name}`")
        return Node(self.value[name], f"{self.place}.{name}".lstrip("."), self.path)

    def option(self, name: str) -> Node:
        """Return what an object has under ``name``, null when it is left out."""
        if isinstance(self.value, dict) and name not in self.value:
            return Node(None, f"{self.place}.{name}".lstrip("."), self.path)
        return self.field(name)

    def items(self) -> Iterator[Node]:
        """Return the values of an array."""
        if not isinstance(self.value, list):
            raise self.refuse("is not an array")
        for number, value in enumerate(self.value):
            yield Node(value, f"{self.place}[{number}]", self.path)

    def table(self) -> Mapping[str, Node]:
        """Return the values of an object by key."""
        if not isinstance(self.value, dict):
            raise self.refuse("is not an object")
        return {name: self.field(name) for name in self.value}

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.value, str):
            raise self.refuse("is not a string")
        return self.value

    def optional_text(self) -> str | None:
        """Return a string, or None for null."""
        return None if self.value is None else self.text()

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.refuse("is not true or false")
        return self.value

    def count(self) -> int:
        """Return a whole number from 0 on."""
        if type(self.value) is not int or self.value < 0:
            raise self.refuse("is not a whole number from 0 on")
        return self.value

    def optional_count(self) -> int | None:
        """Return a whole number from 0 on, or None for null."""
        return None if self.value is None else self.count()

    def texts(self) -> Mapping[str, str]:
        """Return an object of strings."""
        return {name: node.text() for name, node in self.table().items()}

    def choice(self, kinds: type[_Choice]) -> _Choice:
        """Return one of a closed set of words."""
        text = self.text()
        try:
            return kinds(text)
        except ValueError:
            raise self.refuse(f"is `{text}`, and not one of {', '.join(kinds)}") from None

    def word(self, *words: str) -> str:
        """Return one of ``words``."""
        text = self.text()
        if text not in words:
            raise self.refuse(f"is `{text}`, and not one of {', '.join(words)}")
        return text


def load(data: bytes, *, path: str, limit: int) -> Node:
    """Read JSON as RFC 8259 has it, and nothing that two readers could take differently.

    ``limit`` is the greatest size in bytes. Refused are: other encodings than UTF-8, an object with the
    same key twice, NaN and infinity, and what is nested too deeply.
    """
    document = Node(None, "", path)
    if len(data) > limit:
        raise document.refuse(f"is larger than {limit} bytes")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise document.refuse("is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise document.refuse(f"is not JSON that can be read ({_first_line(error)})") from error
    return Node(value, "", path)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a key twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _first_line(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0]
