"""A user's file that holds another text for a while, because a build backend reads it where it lies.

A run that is killed meanwhile must not leave it so: the new text would be there without its lock and its
environment. So the old one is noted in the site's folder first, on the disk, and recovery puts it back.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any

from envctl import atomic
from envctl.transaction.leftovers import sweep
from envctl.transaction.site import Site

_NAME = "lent"


def lend(site: Site, path: str, *, before: bytes, after: bytes) -> None:
    """Let ``path`` hold ``after``; `give_back` undoes it, in this run or the next. Raises `OSError`."""
    note = {
        "path": path,
        "before": base64.b64encode(before).decode(),
        "after": hashlib.sha256(after).hexdigest(),
    }
    atomic.replace(_place(site), json.dumps(note).encode("ascii"))
    atomic.replace(path, after)


def give_back(site: Site) -> str | None:
    """Let the file that was lent hold its own text again; what somebody else wrote meanwhile is theirs.

    Returns its path, None when nothing is lent. May be called again after it was interrupted.
    Raises `OSError`.
    """
    try:
        with open(_place(site), "rb") as file:
            note: Any = json.loads(file.read())
        path, before, after = str(note["path"]), base64.b64decode(note["before"]), str(note["after"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):  # torn by a power cut, so nothing was lent yet
        atomic.remove(_place(site))
        return None
    if _digest(path) == after:
        atomic.replace(path, before)
    sweep(path)
    atomic.remove(_place(site))
    return path


def is_lent(site: Site) -> bool:
    """Whether a file holds another text than its own."""
    return os.path.lexists(_place(site))


def _digest(path: str) -> str | None:
    # What cannot be read may be what was lent: nobody guesses.
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return None


def _place(site: Site) -> str:
    return f"{site.folder}/{_NAME}"
