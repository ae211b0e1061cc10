"""Names of an archive's members: which are refused, and which mean the same file somewhere.

The rules are those of the strictest file system that an archive may meet, because the store that holds it
may be carried from one to another.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

#: Names that are devices in every folder of Windows, with any suffix.
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{number}" for port in ("com", "lpt") for number in "123456789¹²³"]
)
_LONGEST_PART = 255
_LONGEST_NAME = 1024
_DEEPEST = 64


def find_fault(name: str) -> str | None:
    """Say why a member of this name is refused (the end of a sentence); None when it is not.

    Directories' names are given without the slash at their end.
    """
    if not name or name.startswith("/"):
        return "is absolute" if name else "is empty"
    if not name.isprintable() and any(_is_control(character) for character in name):
        return "holds a control character"
    if "\\" in name:
        return "holds a backslash"
    if len(name) > 1 and name[1] == ":" and name[0].isalpha():
        return "begins with a drive"
    if len(name.encode()) > _LONGEST_NAME or name.count("/") >= _DEEPEST:
        return "is too long"
    for part in name.split("/"):
        fault = _find_fault_of_part(part)
        if fault:
            return fault
    return None


@lru_cache(maxsize=4096)
def _find_fault_of_part(part: str) -> str | None:
    if part in {"", ".", ".."}:
        return "leaves its folder, or is not written in the plainest way"
    if len(part.encode()) > _LONGEST_PART:
        return "is too long"
    if part[-1] in " .":
        return "ends in a dot or a blank, which some file systems drop"
    if part.partition(".")[0].rstrip(" ").casefold() in _DEVICES:
        return "is a device of Windows"
    return None


def _is_control(character: str) -> bool:
    # Cc: C0 and C1. Cs cannot be written at all. Zl and Zp end lines for some readers.
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}


def fold(name: str) -> str:
    """Fold a name so that two are equal when some file system takes them for one."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def find_collision(names: Iterable[str]) -> tuple[str, str] | None:
    """Find two members that may be one file somewhere, or a file that is a folder of another.

    Folders' names end in a slash. Returns the member at fault, and why (the end of a sentence).
    """
    files: dict[str, str] = {}
    for name in names:
        key = fold(name.rstrip("/"))
        if key in files:
            return name, f"means the same file as `{files[key]}` on some file systems"
        files[key] = name
    seen: set[str] = set()
    for folder in list(files):
        while (folder := folder.rpartition("/")[0]) and folder not in seen:
            seen.add(folder)
            owner = files.get(folder)
            if owner is not None and not owner.endswith("/"):
                return owner, "is a file to some members and a folder to others"
    return None
