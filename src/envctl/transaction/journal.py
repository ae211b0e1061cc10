"""What a switch is about to do, on disk before it begins: so that a killed one can be finished or undone.

``<environment>.envctl/journal``, JSON (ASCII, surrogate escapes for odd paths)::

    {"format": 1, "leaving": 7, "entering": 8, "source": "staging/8", "parked": "generations/7",
     "replacements": [{"path": "/home/me/shop/pylock.toml", "before": "<sha256>", "after": "<base64>",
                       "temporary": "/home/me/shop/pylock.toml.envctl-4f1c0a"}],
     "history": ["{…}"]}

One of a merge has ``"format": 2`` and in addition::

    "merge": {"source": "staging/8", "steps": [["put", "lib/…/app.py"], ["delete", "bin/gone"]],
              "aside": "staging/7-leaving", "waste": ["staging/8"]}

whose steps are all to be done, again if need be. Before it has them a merge has not begun.

It holds no step number. An exchange is its own inverse, so "how far was it" must be told by looking:
each tree says which generation it is (`envctl.environment.identity`).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from typing import Any

from envctl import atomic
from envctl.errors import BrokenError
from envctl.frozen import dataclass
from envctl.transaction.blueprint import Replacement
from envctl.transaction.mergesteps import Act, Step
from envctl.transaction.site import Site

_FORMAT = 1
# A version that knows exchanges only would take it for one.
_FORMAT_OF_MERGES = 2


@dataclass(frozen=True, slots=True)
class Planned:
    """A file to be replaced, and the path beside it at which the new text is made ready."""

    replacement: Replacement
    temporary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """A merge that has begun: ``steps`` bring files from the tree at ``source`` into the live one.

    The leaving tree lies at ``aside``, whole if it is to be parked, else as far as it changes. When all is
    done the trees at ``waste`` are thrown away. Paths are relative to the site's folder.
    """

    steps: tuple[Step, ...]
    source: str
    aside: str
    waste: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """One switch.

    ``leaving`` is what the live tree says it is (None: there is none), ``entering`` the tree at ``source``;
    the leaving tree is kept at ``parked``. Both paths are relative to the site's folder. Without a ``source``
    only files are replaced, which is then done whenever this is found. ``history`` holds lines to be added.
    """

    leaving: int | None = None
    entering: int | None = None
    source: str | None = None
    parked: str | None = None
    planned: tuple[Planned, ...] = ()
    history: tuple[str, ...] = ()
    merge: Merge | None = None


#: What a journal says that was never there whole.
NOTHING = Journal()


def format_journal(journal: Journal) -> bytes:
    """Format for the disk."""
    document: dict[str, Any] = {
        "format": _FORMAT if journal.merge is None else _FORMAT_OF_MERGES,
        "leaving": journal.leaving,
        "entering": journal.entering,
        "source": journal.source,
        "parked": journal.parked,
        "history": list(journal.history),
        "replacements": [
            {
                "path": each.replacement.path,
                "before": each.replacement.before,
                "after": base64.b64encode(each.replacement.after).decode(),
                "temporary": each.temporary,
            }
            for each in journal.planned
        ],
    }
    if journal.merge is not None:
        document["merge"] = {
            "source": journal.merge.source,
            "aside": journal.merge.aside,
            "waste": list(journal.merge.waste),
            "steps": [[step.act.value, step.path] for step in journal.merge.steps],
        }
    return json.dumps(document).encode("ascii")


def parse_journal(data: bytes, *, where: str) -> Journal:
    """Parse what `format_journal` wrote. Whatever is not whole JSON says `NOTHING`: a power cut tore it.

    It appears by a rename, but its content may reach the disk after its name. Before anything is switched
    both are there, so what tells of a torn one has not happened.

    Raises:
        BrokenError: `journal-damaged`.
    """
    if not data.endswith(b"}"):
        return NOTHING
    try:
        document: Any = json.loads(data)
        if document["format"] not in {_FORMAT, _FORMAT_OF_MERGES}:
            raise ValueError(document["format"])  # noqa: TRY301 - translated below, like all else
        return Journal(
            leaving=document["leaving"],
            entering=document["entering"],
            source=document["source"],
            parked=document["parked"],
            history=tuple(document["history"]),
            planned=tuple(_parse_planned(each) for each in document["replacements"]),
            merge=_parse_merge(document["merge"]) if document["format"] == _FORMAT_OF_MERGES else None,
        )
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise BrokenError(
            "journal-damaged",
            f"`{where}` says what a killed run was about to do, and this version cannot read it",
            where=where,
            hints=("use the version of envctl that wrote it", "or remove it, and look with `envctl status`"),
        ) from error


def _parse_merge(table: Any) -> Merge:
    return Merge(
        steps=tuple(Step(Act(act), str(path)) for act, path in table["steps"]),
        source=str(table["source"]),
        aside=str(table["aside"]),
        waste=tuple(map(str, table["waste"])),
    )


def _parse_planned(table: Any) -> Planned:
    replacement = Replacement(
        path=table["path"],
        before=table["before"],
        after=base64.b64decode(table["after"], validate=True),
    )
    return Planned(replacement, table["temporary"])


def read_journal(site: Site) -> Journal | None:
    """Read the journal; None when nothing is under way.

    Raises:
        BrokenError: `journal-damaged`.
    """
    try:
        with open(site.journal, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return None
    return parse_journal(data, where=site.journal)


def write_journal(site: Site, journal: Journal, *, durable: bool = True) -> None:
    """Write the journal: from here on recovery knows. Raises `OSError`.

    One that is not ``durable`` is flushed by the caller, with all else, before anything is switched.
    """
    atomic.replace(site.journal, format_journal(journal), durable=durable)


def drop_journal(site: Site, *, durable: bool = False) -> None:
    """Remove the journal: what it said is done, or will not be. Raises `OSError`.

    Not flushed unless ``durable``. Should that of an exchange be back after a power cut, recovery finds
    nothing left to do; the steps of a merge would be done again, on whatever is there by then.
    """
    atomic.remove(site.journal)
    if durable:
        atomic.flush_directory(site.folder)


def place_of(site: Site, relative: str) -> str:
    """Give the absolute path of a tree that a journal names."""
    return os.path.join(site.folder, relative)
