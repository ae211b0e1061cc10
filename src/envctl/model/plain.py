"""Frozen values as JSON and back, for what is kept between runs: read in a millisecond, without any parser.

Values of a closed set of classes, and of a closed set of kinds that JSON lacks; both are objects with one
key, which says what it is. Whoever keeps values keeps them under the version of envctl that wrote them, and
under their shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from types import ModuleType
from typing import Any

#: How a value of a kind that is not known here is written: its kind, and what JSON has for it.
EncodeRare = Callable[[object], tuple[str, Any]]

#: How kinds are read: classes by their names, called with their fields, and functions of what was written.
Readers = Mapping[str, Callable[..., Any]]


def frozen_classes(module: ModuleType) -> Mapping[str, Any]:
    """Return the frozen values that a module has, by name."""
    return {name: value for name, value in vars(module).items() if hasattr(value, "__frozen_fields__")}


def describe_shape(classes: Mapping[str, Any]) -> str:
    """Name classes with their fields: kept values are of the same shape exactly while this text stays."""
    return " ".join(f"{name}({','.join(each.__frozen_fields__)})" for name, each in sorted(classes.items()))


def encode(value: object, rare: EncodeRare | None = None) -> Any:
    """Turn a value into what `json` writes; ``rare`` writes kinds that only its caller knows."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return [encode(item, rare) for item in value]
    if hasattr(value, "__frozen_fields__"):
        fields = {name: encode(getattr(value, name), rare) for name in value.__frozen_fields__}
        return {type(value).__name__: fields}
    return dict([_encode_kind(value, rare)])


def _encode_kind(value: object, rare: EncodeRare | None) -> tuple[str, Any]:
    match value:
        case Mapping():
            return "map", {key: encode(item, rare) for key, item in value.items()}
        case list():
            return "list", [encode(item, rare) for item in value]
        case frozenset():
            return "set", sorted(encode(item, rare) for item in value)
        case datetime() | date() | time():
            return type(value).__name__, value.isoformat()
        case timedelta():
            return "seconds", value.total_seconds()
        case _ if rare is not None:
            return rare(value)
        case _:
            raise TypeError(f"a value of this kind cannot be kept: {value!r}")


def decode(value: Any, classes: Mapping[str, Any], readers: Readers) -> Any:
    """Turn what `encode` gave into the value again; ``readers`` read the rare kinds."""

    def read(value: Any) -> Any:
        if type(value) is list:
            return tuple([read(item) for item in value])
        if type(value) is not dict:
            return value
        ((kind, content),) = value.items()
        made = classes.get(kind)
        if made is not None:
            return made(**{name: read(item) for name, item in content.items()})
        match kind:
            case "map":
                return {key: read(item) for key, item in content.items()}
            case "set":
                return frozenset([read(item) for item in content])
            case "list":
                return [read(item) for item in content]
            case "seconds":
                return timedelta(seconds=content)
            case "date":
                return date.fromisoformat(content)
            case "datetime":
                return datetime.fromisoformat(content)
            case "time":
                return time.fromisoformat(content)
            case _:
                return readers[kind](content)

    return read(value)
