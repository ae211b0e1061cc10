"""Differences between two locks as text, and what became of a lock. Loads next to nothing."""

from __future__ import annotations

from envctl.cli.console import Line, Styled, plain
from envctl.cli.show.words import count, shorten, up_to_date

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envctl.cli.fast import Answer
    from envctl.lock.difference import LockChange
    from envctl.workflow.results import Locked, ManifestChange

#: Packages that are named as requiring one; with ``-v`` and in JSON all are.
REQUIRERS = 3

#: The widest a package with its versions may make the column of reasons begin.
WIDEST = 44

#: How each kind of difference is called, in the order in which they are counted.
LOCK_WORDS = {"added": "add", "removed": "remove", "up": "up", "down": "down", "changed": "change"}

_MARKS = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "up": ("~", "yellow"),
    "down": ("~", "yellow"),
    "changed": ("~", "yellow"),
}


def locked_lines(locked: Locked | Answer, directory: str, *, verbose: bool = False) -> list[Line]:
    """Say whether the lock was written, and what is different in it."""
    if not locked.written:
        return [up_to_date(locked.path, locked.packages, directory)]
    path, packages = shorten(locked.path, directory), count(locked.packages, "package")
    manifest = manifest_change_lines(locked.manifest_changes, directory)
    counted = count_differences(locked.changes) or "no package is different"
    lines = difference_lines(locked.changes, verbose=verbose)
    return [*manifest, *([""] if manifest else []), *lines, f"Wrote {path} ({packages}): {counted}."]


def manifest_change_lines(changes: Sequence[ManifestChange], directory: str) -> list[Line]:
    """Write what becomes of the requirements of a manifest, below a heading that names the file."""
    if not changes:
        return []
    heading = f" {count(len(changes), 'change')} in {shorten(changes[0].path, directory)}"
    lines: list[Line] = [(Styled("Manifest:", "bold"), heading)]
    rows = [" -> ".join(text for text in (each.before, each.after) if text is not None) for each in changes]
    wide = max(len(plain(row)) for row in rows)
    for change, row in zip(changes, rows, strict=True):
        kind = "added" if change.before is None else "removed" if change.after is None else "changed"
        mark, style = _MARKS[kind]
        word = "bound" if kind == "changed" else LOCK_WORDS[kind]
        blank = " " * (wide - len(plain(row)))
        lines.append(("  ", Styled(f"{mark} {word:<7}", style), f" {row}{blank}  {change.by}"))
    return lines


def difference_lines(
    changes: Sequence[LockChange],
    *,
    verbose: bool = False,
    details: Callable[[LockChange], str] = lambda _: "",
) -> list[Line]:
    """Write one line for each difference between two locks: what, versions, how far, for whom.

    ``details`` gives what stands behind the reason.
    """
    whats = [describe_lock_change(change) for change in changes]
    wide = min(max((len(plain(what)) for what in whats), default=0), WIDEST)
    lines: list[Line] = []
    for change, what in zip(changes, whats, strict=True):
        mark, style = _MARKS[change.kind]
        symbol = Styled(f"{mark} {LOCK_WORDS[change.kind]:<7}", style)
        flags = lock_flags(change)
        marked = f"[{', '.join(flags)}] " if flags else ""
        why = change.reason if verbose else cut_requirers(change.reason, REQUIRERS)
        rest = marked + "; ".join(part for part in (why, details(change)) if part)
        lines.append(("  ", symbol, f" {what}", f"{' ' * (wide - len(plain(what)))}  {rest}".rstrip()))
    return lines


def describe_lock_change(change: LockChange) -> str:
    """Write a difference with its versions: ``idna 3.6 -> 3.10``."""
    if change.before is None or change.after is None or change.before == change.after:
        return f"{change.name} {change.after or change.before or ''}".rstrip()
    return f"{change.name} {change.before} -> {change.after}"


def lock_flags(change: LockChange) -> tuple[str, ...]:
    """Say how far a version moved, and what else is not as it was: ``major``, ``other files``."""
    # The label of another origin, or of other versions, shows them.
    others = (f"other {part}" for part in change.differs if part not in {"versions", "origin"})
    return (*((change.step,) if change.step else ()), *others)


def count_differences(changes: Sequence[LockChange]) -> str:
    """Count differences by kind: ``1 added, 2 up (1 major)``."""
    parts = []
    for kind in LOCK_WORDS:
        found = [change for change in changes if change.kind == kind]
        major = sum(change.step == "major" for change in found)
        if found:
            parts.append(f"{len(found):,} {kind}" + (f" ({major:,} major)" if major else ""))
    return ", ".join(parts)


def cut_requirers(phrase: str, most: int) -> str:
    """Name the first of those that require a project, and count the rest."""
    # Specifiers hold no comma with a blank after it, so such a one stands between two packages.
    before, found, after = phrase.partition("required by ")
    names = after.split(", ")
    if not found or len(names) <= most:
        return phrase
    return f"{before}{found}{', '.join(names[:most])} and {len(names) - most:,} more"
