"""The files that envctl put into an environment, held against what is there now.

The rule, by path class: type, size, mtime and exec bit as recorded is clean; an mtime that moved
while the size stayed is looked into once, by hash; all else is drift. What a umask decides (group's
and others' bits) and who links to a file is nobody's business. Nothing is compared with the clock.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence

from envctl.environment.inventory import ENVIRONMENT, stamp_link
from envctl.environment.tree import Seen
from envctl.frozen import dataclass
from envctl.model.state import Drift, DriftKind
from envctl.plan.address import ENVIRONMENT as ENVIRONMENT_ADDRESS
from envctl.plan.address import PYTHON, format_package
from envctl.receipt import RACY_NS

_SECOND = 1_000_000_000
_LINK_STAMP = stamp_link("")
_READABLE_FILE_MASK = 0o170400
_READABLE_FILE = 0o100400
_PYTHONS = ("bin/python", "Scripts/python.exe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrutiny:
    """How closely to look: ``every`` file by hash, or those whose mtime is as young as ``receipt_ns``.

    Within a tick of the kernel's clock a second write gets the mtime of the first: what was written as
    the receipt was (ns, 0 for none) is not proven by its mtime.
    """

    every: bool = False
    receipt_ns: int = 0

    def wants(self, mtime_ns: int) -> bool:
        """Whether a file that ``stat`` finds unchanged is to be hashed all the same."""
        return self.every or abs(mtime_ns - self.receipt_ns) <= RACY_NS


#: The files of each owner: path, and how its line goes on (`Inventory.stamps`).
Listed = Mapping[str, Sequence[tuple[str, str]]]


def examine(
    root: str,
    listed: Listed,
    found: Mapping[str, Seen],
    *,
    scrutiny: Scrutiny,
    infos: Mapping[str, str],
) -> Iterator[Drift]:
    """Give one line for each listed file that is not as it was put.

    ``infos`` are the ``.dist-info`` folders of the distributions, by name: what changes in them is
    `metadata`.

    Raises:
        ValueError: for a line that no inventory has.
    """
    for owner, files in listed.items():
        info = infos.get(owner, "") + "/"
        for path, expected in files:
            seen = found.get(path)
            if seen is not None and _is_untouched(expected, seen) and not scrutiny.wants(seen.mtime_ns):
                continue
            problem = _examine_file(f"{root}/{path}", expected, seen, every=scrutiny.every)
            if problem is not None:
                kind, detail = problem
                if kind is DriftKind.MODIFIED and path.startswith(info):
                    kind = DriftKind.METADATA
                yield _tell(owner, path, kind, detail)


def _is_untouched(expected: str, seen: Seen) -> bool:
    # All but a few files end here: no property, no call, for there are 30,000 of them.
    mode, size, mtime_ns = seen
    return mode & _READABLE_FILE_MASK == _READABLE_FILE and expected.startswith(
        f"{size}\t{mtime_ns}\t{'x' if mode & 0o100 else '-'}\t"
    )


def _tell(owner: str, path: str, kind: DriftKind, detail: str) -> Drift:
    if owner != ENVIRONMENT:
        address = format_package(owner)
    elif path in _PYTHONS:
        if kind is DriftKind.MISSING:
            detail = "is missing"
        address, kind = PYTHON, DriftKind.INTERPRETER
    else:
        address = ENVIRONMENT_ADDRESS
    return Drift(address=address, kind=kind, path=path, detail=detail)


_Problem = tuple[DriftKind, str]


def _examine_file(path: str, expected: str, seen: Seen | None, *, every: bool) -> _Problem | None:
    if seen is None:
        return DriftKind.MISSING, ""
    if _is_untouched(expected, seen):
        return _examine_content(path, expected.rpartition("\t")[2])
    if expected.startswith(_LINK_STAMP):
        return _examine_link(path, expected, seen)
    return _examine_moved(path, expected, seen, every=every)


def _examine_link(path: str, expected: str, seen: Seen) -> _Problem | None:
    if not seen.is_link:
        return DriftKind.LINK, "was a symbolic link"
    try:
        text = os.readlink(path)
    except OSError as error:
        return DriftKind.LINK, error.strerror or "cannot be read"
    return None if stamp_link(text) == expected else (DriftKind.LINK, f"leads to `{text}`")


def _examine_moved(path: str, expected: str, seen: Seen, *, every: bool) -> _Problem | None:
    size, mtime_ns, kind, sha256 = expected.split("\t")
    if seen.is_link:
        return DriftKind.LINK, "was a file"
    if not seen.is_file:
        return DriftKind.MODIFIED, "was a file"
    if not seen.readable:
        return DriftKind.MODE, "cannot be read"
    if seen.size != int(size):
        return DriftKind.MODIFIED, f"{seen.size} bytes instead of {size}"
    if every or not _is_same_time(int(mtime_ns), seen.mtime_ns):
        problem = _examine_content(path, sha256)
        if problem is not None:
            return problem
    if (kind == "x") != seen.executable:
        return DriftKind.MODE, "is no longer executable" if kind == "x" else "has become executable"
    return None


def _is_same_time(recorded: int, seen: int) -> bool:
    # Archives and image layers keep whole seconds.
    return seen == recorded or (seen % _SECOND == 0 and seen == recorded // _SECOND * _SECOND)


def _examine_content(path: str, sha256: str) -> _Problem | None:
    try:
        with open(path, "rb", buffering=0) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except PermissionError:
        return DriftKind.MODE, "cannot be read"
    except OSError as error:
        return DriftKind.MODIFIED, error.strerror or "cannot be read"
    return None if digest == sha256 else (DriftKind.MODIFIED, "")
