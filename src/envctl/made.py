"""A lock that was made before, kept in the cache with all that it was made from.

A resolution is a pure function of its inputs: while they are what they were, it is the lock that would be
made again. What is kept is a receipt (`envctl.receipt`), an empty line, and the text of the lock. Labels:

    version               of envctl
    lock, packages        where it is written to, and how many packages it holds
    fresh                 ``yes`` where the lock before fitted the manifest, else ``no``
    until                 seconds since the epoch: the moment at which the first index page stops being fresh
    pythons               a digest of the interpreters to choose from, ``-`` where there was no choice
    file PATH             sha256 of a file that was read, or ``absent``; the lock before is one of them
    stat PATH             size and mtime of an index page in the cache, of an interpreter, and of the folder
                          in which the dependencies of envctl are installed
    installed             where envctl is installed
    kernel                the system and its version, which an interpreter's markers and tags depend on
    settings              where the user's settings lie
    summary               what was said when the resolution ended
    change NAME           what is different from the lock before: fields of `envctl.lock.difference`, by tabs
    notice NUMBER         level, code, message and hints, by tabs

Whether it is offline is no label: while all pages are fresh, both ways ask the cache alone.

Imports nothing but ``hashlib``, ``os``, ``time`` and what looks at files: a warm lock loads little more.
"""

from __future__ import annotations

import hashlib
import os
import time

from envctl.memo import Memo
from envctl.receipt import FILE, describe_kernel, find_changed_file, format_receipt, parse_receipt
from envctl.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

#: Where envctl is installed: a lock also depends on its dependencies.
INSTALLED = os.path.dirname(os.path.abspath(__file__))

LOCKS_MADE = "locks-made-v1"
_NEEDED = frozenset(
    {"version", "installed", "kernel", "settings", "lock", "packages", "fresh", "until", "pythons", "summary"}
)

_SEPARATOR = "\x1f"

#: What stands for nothing in a label.
NONE = "-"


class Made:
    """One lock as it was made: its labels and its text."""

    __slots__ = ("labels", "text")

    def __init__(self, labels: Mapping[str, str], text: bytes) -> None:
        self.labels = labels
        self.text = text

    @property
    def path(self) -> str:
        """Where it is written to, absolute."""
        return self.labels["lock"]

    @property
    def before(self) -> str:
        """The digest of the lock before, ``absent`` for none."""
        return self.labels[f"{FILE}{self.path}"]

    @property
    def packages(self) -> int:
        """How many packages it holds."""
        return int(self.labels["packages"])

    @property
    def is_fresh(self) -> bool:
        """Whether the lock before fitted the manifest."""
        return self.labels["fresh"] == "yes"

    @property
    def is_there(self) -> bool:
        """Whether the lock before has the same text."""
        return self.before == f"sha256:{hashlib.sha256(self.text).hexdigest()}"

    @property
    def changes(self) -> Iterator[dict[str, Any]]:
        """What is different from the lock before: the fields of each `LockChange`."""
        for _, parts in _list_rows(self.labels, "change "):
            pairs = (part.partition("=") for part in parts)
            yield {name: _decode(text) for name, _, text in pairs}


#: A wish for nothing more than a lock that fits.
PLAIN = ""


def describe_wish(
    *, upgrade: bool = False, packages: frozenset[str] = frozenset(), groups: tuple[str, ...] = ()
) -> str:
    """Write down which locked versions may move freely: all, some packages, or what some groups need."""
    if upgrade:
        return "all"
    return "\0".join(
        [*(f"package {name}" for name in sorted(packages)), *(f"group {name}" for name in groups)]
    )


def key_for(manifest: str, environment: str | None, wish: str) -> str:
    """Name what is asked for: the lock of a manifest (absolute), for an environment first, with a wish.

    Each installation of envctl has its own.
    """
    about = "\0".join((INSTALLED, manifest, environment or "", wish))
    return hashlib.sha256(about.encode("utf-8", "surrogateescape")).hexdigest()


def keep_made(memo: Memo, key: str, made: Made) -> None:
    """Keep a lock; one whose labels cannot be written is not kept."""
    try:
        data = format_receipt(made.labels) + b"\n" + made.text
    except ValueError:
        return
    memo.keep(LOCKS_MADE, key, data)


def find_made(memo: Memo, key: str, config: str) -> Made | None:
    """Find a lock whose files are as they were; ``config`` is where the user's settings lie.

    Whether the interpreters to choose from are those of then is for the caller to look at.
    """
    data = memo.find(LOCKS_MADE, key)
    if data is None:
        return None
    head, _, text = data.partition(b"\n\n")
    labels = parse_receipt(head + b"\n")
    if labels is None or not labels.keys() >= _NEEDED:
        return None
    return Made(labels, text) if holds(labels, config) else None


def holds(labels: Mapping[str, str], config: str) -> bool:
    """Whether the files that labels name are as they were, and the pages of the index are still fresh.

    Labels that are not there are of nothing that counts.
    """
    until = labels["until"]
    return (
        labels["version"] == VERSION
        and labels.get("installed", INSTALLED) == INSTALLED
        and labels.get("settings", config) == config
        and labels.get("kernel") in {None, describe_kernel()}
        and (until == NONE or int(until) > time.time())
        and find_changed_file(labels) is None
    )


def list_notices(labels: Mapping[str, str]) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """List what was said of a lock when it was made: level, code, message, hints."""
    for _, (level, code, message, *hints) in _list_rows(labels, "notice "):
        yield level, code, message, tuple(hints)


def encode(value: object) -> str:
    """Write a text, a number, a truth value, nothing, or several texts, so that no parser is needed.

    Raises:
        ValueError: for anything else.
    """
    match value:
        case None:
            return "-"
        case bool():
            return f"b{int(value)}"
        case int():
            return f"i{value}"
        case str():
            return f"s{value}"
        case tuple() if not any(_SEPARATOR in part for part in value):
            return "t" + _SEPARATOR.join(value)
        case _:
            raise ValueError(value)


def _decode(text: str) -> object:
    kind, rest = text[0], text[1:]
    match kind:
        case "b":
            return rest == "1"
        case "i":
            return int(rest)
        case "s":
            return rest
        case "t":
            return tuple(rest.split(_SEPARATOR)) if rest else ()
        case _:
            return None


def _list_rows(labels: Mapping[str, str], prefix: str) -> Iterator[tuple[str, list[str]]]:
    for label, row in labels.items():
        if label.startswith(prefix):
            yield label[len(prefix) :], row.split("\t")
