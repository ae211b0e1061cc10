"""Which generation a tree is, written inside it: ``<environment>/.envctl/generation.json``.

It is staged with the tree and exchanged with it, so that "which one is live" needs no second
write, and an environment that was copied still knows what it is. JSON (UTF-8, keys sorted)::

    {"format": 1, "number": 8, "previous": 7, "path": "/home/me/shop/.venv",
     "time": "2026-11-23T06:00:00Z", "command": "apply", "lock_digest": "sha256:…",
     "interpreter": {"version": "3.11.7", "executable": "/usr/bin/python3.11", "identity": "…"},
     "distributions": {"flask": {"version": "3.1.0", "origin": "wheel sha256:…", "direct_url": null,
                       "requested": true, "info": "lib/python3.11/site-packages/flask-3.1.0.dist-info"}}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from envctl.errors import MachineError
from envctl.frozen import dataclass

#: Where it lies, relative to the environment.
GENERATION = ".envctl/generation.json"

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDistribution:
    """One distribution as it was laid.

    ``origin`` is `identify`'s text of its artifact; ``direct_url`` the text of ``direct_url.json`` or
    None; ``info`` its ``.dist-info`` folder, relative to the environment, POSIX.
    """

    version: str
    origin: str | None
    direct_url: str | None
    requested: bool
    info: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRecord:
    """What a generation says of itself.

    ``path`` is the environment's final absolute path; ``python`` the full version, ``executable`` the base
    interpreter and ``interpreter`` its identity (`Interpreter.identity`). ``time`` is RFC 3339 in UTC.
    ``distributions`` are by normalised name. ``lock_digest`` is of the lock it was made from, None if there
    was none. ``previous`` is the number of the generation that was live before, None for the first.
    """

    number: int
    path: str
    python: str
    executable: str
    interpreter: str
    time: str
    command: str
    distributions: Mapping[str, RecordedDistribution]
    lock_digest: str | None = None
    previous: int | None = None


def format_generation(record: GenerationRecord) -> bytes:
    """Format for the disk; equal records give equal bytes."""
    tables = {
        name: {
            "version": each.version,
            "origin": each.origin,
            "direct_url": each.direct_url,
            "requested": each.requested,
            "info": each.info,
        }
        for name, each in record.distributions.items()
    }
    document = {
        "format": _FORMAT,
        "number": record.number,
        "previous": record.previous,
        "path": record.path,
        "time": record.time,
        "command": record.command,
        "lock_digest": record.lock_digest,
        "interpreter": {
            "version": record.python,
            "executable": record.executable,
            "identity": record.interpreter,
        },
        "distributions": tables,
    }
    # ASCII, so that a path with bytes that are no UTF-8 (surrogates) survives the way to disk and back.
    return (json.dumps(document, sort_keys=True, indent=1) + "\n").encode("ascii")


@lru_cache(maxsize=8)  # a switch asks the two trees some eight times who they are
def parse_generation(data: bytes, *, where: str = GENERATION) -> GenerationRecord:
    """Parse what `format_generation` wrote.

    Raises:
        MachineError: `generation-damaged` when it is not such a record, or one of a later format.
    """
    try:
        document: Any = json.loads(data)
        if document["format"] != _FORMAT:
            raise _damaged(where)
        interpreter = document["interpreter"]
        return GenerationRecord(
            number=_whole(document["number"]),
            previous=None if document["previous"] is None else _whole(document["previous"]),
            path=_text(document["path"]),
            time=_text(document["time"]),
            command=_text(document["command"]),
            lock_digest=_text_or_none(document["lock_digest"]),
            python=_text(interpreter["version"]),
            executable=_text(interpreter["executable"]),
            interpreter=_text(interpreter["identity"]),
            distributions={
                _text(name): _parse_distribution(each) for name, each in document["distributions"].items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(where) from error


def _parse_distribution(table: Any) -> RecordedDistribution:
    return RecordedDistribution(
        version=_text(table["version"]),
        origin=_text_or_none(table["origin"]),
        direct_url=_text_or_none(table["direct_url"]),
        requested=table["requested"] is True,
        info=_text(table["info"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(value)
    return value


def _damaged(where: str) -> MachineError:
    return MachineError(
        "generation-damaged",
        f"`{where}` is not a generation record that this version of envctl can read",
        where=where,
        hints=("run `envctl apply --adopt` to take the environment over anew",),
    )
