"""The file list of a generation: which files envctl put there, whose they are, how they looked.

On disk, ``<environment>/.envctl/inventory``, text (UTF-8, surrogate escapes for odd names)::

    envctl-inventory 1 <sha256 of all that follows, hexadecimal>
    <TAB>-
    bin/activate<TAB>2145<TAB>1700000000000000000<TAB>-<TAB><sha256, hexadecimal>
    bin/python<TAB>0<TAB>0<TAB>l<TAB>/usr/bin/python3.11
    <TAB>flask
    lib/python3.11/site-packages/flask/app.py<TAB>…

One section per owner, its name behind a tab (no path is empty, so no file's line begins with one):
``-`` first for the environment's own files (activation scripts, ``pyvenv.cfg``, links), then
distributions by normalised name; lines sorted by path. The fourth field is ``-`` for a plain file,
``x`` for an executable one, ``l`` for a symbolic link, whose fifth field is the link's text instead
of a digest. Backslash, tab, line feed and carriage return are escaped with a backslash. Bytecode
(``__pycache__``) is not listed: it is never drift.

The file is staged with the tree, so loading it is splitting it: a section is parsed only when somebody
asks for it. Nothing in it is edited later but mtimes, when a copy of the environment gave files others.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from envctl.errors import MachineError
from envctl.frozen import dataclass

#: Where it lies, relative to the environment.
INVENTORY = ".envctl/inventory"

#: The owner of what belongs to the environment itself.
ENVIRONMENT = "-"

_HEADER = b"envctl-inventory 1 "
_SECTION = "\n\t"
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_UNESCAPES = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}
_ESCAPE_TABLE = str.maketrans(_ESCAPES)


class OwnedFile(NamedTuple):
    """One file that envctl put there.

    ``path`` is relative to the environment, POSIX. ``size`` is bytes and ``mtime_ns`` nanoseconds, both 0
    for a link. ``sha256`` is hexadecimal, empty for a link; ``link`` is its text, None for a file.
    """

    path: str
    size: int
    mtime_ns: int
    executable: bool
    sha256: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """The files of one generation; ``sections`` maps an owner to its lines, unparsed, in file order."""

    sections: Mapping[str, str]

    @property
    def owners(self) -> tuple[str, ...]:
        """All owners: ``-`` and normalised names of distributions."""
        return tuple(self.sections)

    def files(self, owner: str) -> tuple[OwnedFile, ...]:
        """Parse the files of one owner; none for an owner that is not listed."""
        return tuple(_parse_lines(self.sections.get(owner, "")))

    def paths(self, owner: str) -> list[str]:
        """Give the path of each file of one owner, in the order of the file."""
        lines = self.sections.get(owner, "")
        found = [line.partition("\t")[0] for line in lines.split("\n")] if lines else []
        return [_unescape(path) for path in found] if "\\" in lines else found

    def stamps(self, owner: str) -> Iterator[tuple[str, str]]:
        """Give path and `stamp` of each file of one owner, the digest or link text behind it.

        This is the quick way to compare with the disk: nothing is parsed that need not be.
        """
        lines = self.sections.get(owner, "")
        escaped = "\\" in lines
        for line in lines.split("\n") if lines else ():
            path, _, rest = line.partition("\t")
            yield _unescape(path) if escaped else path, rest

    def outlines(self) -> frozenset[str]:
        """Give what ``stat`` can say of each file: its line without the digest, escaped as it is written.

        `envctl.treedigest` describes what it finds in the same way.
        """
        found = []
        for lines in self.sections.values():
            for line in lines.split("\n") if lines else ():
                outline = line.rpartition("\t")[0]
                found.append(line if outline.endswith("\tl") else outline)
        return frozenset(found)

    def __iter__(self) -> Iterator[tuple[str, OwnedFile]]:
        """Walk all files, each with its owner."""
        for owner, lines in self.sections.items():
            for file in _parse_lines(lines):
                yield owner, file


def escape(path: str) -> str:
    """Write a path as an inventory does."""
    return path.translate(_ESCAPE_TABLE)


def stamp(size: int, mtime_ns: int, *, executable: bool) -> str:
    """Write what a file's ``stat`` says as an inventory does: how a line goes on after its path."""
    return f"{size}\t{mtime_ns}\t{'x' if executable else '-'}\t"


def stamp_link(text: str) -> str:
    """Write a symbolic link as an inventory does."""
    return f"0\t0\tl\t{text.translate(_ESCAPE_TABLE)}"


def make_inventory(files: Mapping[str, Iterable[OwnedFile]]) -> Inventory:
    """Make the value from files by owner, in any order."""
    names = sorted(files, key=lambda owner: (owner != ENVIRONMENT, owner))
    return Inventory({owner: "\n".join(map(_format_line, sorted(files[owner]))) for owner in names})


def retime(inventory: Inventory, mtimes: Mapping[str, int]) -> Inventory:
    """Record other mtimes (ns) of some files, by path."""
    sections = {}
    for owner, lines in inventory.sections.items():
        files = [
            file._replace(mtime_ns=mtimes[file.path]) if file.path in mtimes else file
            for file in _parse_lines(lines)
        ]
        sections[owner] = "\n".join(map(_format_line, files))
    return Inventory(sections)


def format_inventory(inventory: Inventory) -> bytes:
    """Format for the disk; equal inventories give equal bytes."""
    sections = "".join(
        f"\t{owner}\n{lines}\n" if lines else f"\t{owner}\n" for owner, lines in inventory.sections.items()
    )
    body = sections.encode("utf-8", "surrogateescape")
    return _HEADER + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def read_inventory(root: str) -> Inventory:
    """Read the file list of the environment at ``root``.

    Raises:
        OSError; what `parse_inventory` raises.
    """
    with open(os.path.join(root, *INVENTORY.split("/")), "rb", buffering=0) as file:
        return parse_inventory(file.read())


def parse_inventory(data: bytes, *, where: str = INVENTORY) -> Inventory:
    """Parse what `format_inventory` wrote; lines are looked at later, when their section is asked for.

    Raises:
        MachineError: `inventory-damaged` when it is not an inventory that this version can read.
    """
    head, _, body = data.partition(b"\n")
    if head != _HEADER + hashlib.sha256(body).hexdigest().encode():
        raise _damaged(where)
    text = "\n" + body.decode("utf-8", "surrogateescape").removesuffix("\n")
    first, *blocks = text.split(_SECTION)
    if first.strip("\n"):
        raise _damaged(where)
    sections = {}
    for block in blocks:
        owner, _, lines = block.partition("\n")
        sections[owner] = lines
    return Inventory(sections)


def _damaged(where: str) -> MachineError:
    return MachineError(
        "inventory-damaged",
        f"`{where}` is not a file list of envctl",
        where=where,
        hints=("run `envctl apply` to make the environment anew",),
    )


def _format_line(file: OwnedFile) -> str:
    path = file.path.translate(_ESCAPE_TABLE)
    if file.link is not None:
        return f"{path}\t{stamp_link(file.link)}"
    return f"{path}\t{stamp(file.size, file.mtime_ns, executable=file.executable)}{file.sha256}"


def _parse_lines(lines: str) -> Iterator[OwnedFile]:
    # Lines are split at line feeds alone: `splitlines` would also split at characters that names may hold.
    # `tuple.__new__` is what the class itself would call, at half the price: there are 45,000 lines.
    new, make = tuple.__new__, OwnedFile
    escaped = "\\" in lines
    for line in lines.split("\n") if lines else ():
        try:
            path, size, mtime_ns, kind, last = line.split("\t")
            if escaped:
                path, last = _unescape(path), _unescape(last)
            if kind == "l":
                yield make(path, 0, 0, False, "", last)
            else:
                yield new(make, (path, int(size), int(mtime_ns), kind == "x", last, None))
        except ValueError as error:
            raise _damaged(INVENTORY) from error


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    characters = iter(text)
    return "".join(_UNESCAPES.get(next(characters, ""), "") if each == "\\" else each for each in characters)
