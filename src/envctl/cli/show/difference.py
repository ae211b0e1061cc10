"""Two locks beside each other: as lines, and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from envctl.cli.console import Line, Styled
from envctl.cli.show.documents import result_document
from envctl.cli.show.locked import count_differences, difference_lines
from envctl.cli.show.markdown import cut, escape
from envctl.cli.show.rows import lock_rows
from envctl.cli.show.words import age, count, shorten, size
from envctl.lock.difference import KINDS, LockChange
from envctl.workflow.results import ComparedLock, Difference

#: Letters of a commit that are shown; JSON has all.
_SHOWN = 12


def diff_lines(difference: Difference, directory: str, *, now: datetime, verbose: bool = False) -> list[Line]:
    """Write what is different: a heading, a line each, what the locks are for, the summary last."""
    before, after = (_name(side, directory) for side in (difference.before, difference.after))
    if not difference.differs:
        return [f"No differences between {before} and {after}."]
    changes = difference_lines(
        difference.changes, verbose=verbose, details=lambda change: describe_files(change, now)
    )
    covered: list[Line] = [
        *(("  ", Styled("+ cover  ", "green"), f" {one}") for one in difference.covered),
        *(("  ", Styled("- cover  ", "red"), f" {one}") for one in difference.uncovered),
    ]
    head: list[Line] = [(Styled(f"{before} -> {after}", "bold"),), *_python_lines(difference)]
    return [*head, *changes, *covered, *_file_lines(difference), f"{summarise(difference)}."]


def _python_lines(difference: Difference) -> list[Line]:
    if difference.python is None:
        return []
    before, after = (version or "unknown" for version in difference.python)
    return [("  ", Styled("~ python ", "yellow"), f" {before} -> {after}")]


def _file_lines(difference: Difference) -> list[Line]:
    marks = {"added": ("+ file   ", "green"), "removed": ("- file   ", "red")}
    return [
        ("  ", Styled(*marks[each.kind]), f" {each.path}  {size(each.size)}") for each in difference.files
    ]


def _name(side: ComparedLock, directory: str) -> str:
    path = shorten(side.path, directory)
    if side.generation is not None:
        return f"{path} at generation {side.generation}"
    if side.revision is None:
        return path
    commit = (side.commit or "")[:_SHOWN]
    known = side.revision if commit.startswith(side.revision) else f"{side.revision} ({commit})"
    return f"{path} at {known}"


def describe_files(change: LockChange, now: datetime) -> str:
    """Say how old the release is that a lock has now, and how much larger its largest wheel."""
    old = measure_age(change.uploaded_after, now)
    return ", ".join(part for part in (age(old) if old is not None else "", _step_of_size(change)) if part)


def measure_age(uploaded: str | None, now: datetime) -> int | None:
    """Count the whole days since a moment (RFC 3339)."""
    return None if uploaded is None else max((now - datetime.fromisoformat(uploaded)).days, 0)


def _step_of_size(change: LockChange) -> str:
    before, after = change.size_before, change.size_after
    if before is None and after is None:
        return ""
    if before is None or after is None:
        # Newly there, or gone, or one of the locks does not say.
        whole = {"added": after, "removed": before}.get(change.kind)
        return size(whole) if whole is not None else ""
    return _signed(after - before)


def _signed(amount: int) -> str:
    return "" if not amount else f"{'+' if amount > 0 else '-'}{size(abs(amount))}"


def summarise(difference: Difference) -> str:
    """Count the differences by kind, and add up the sizes: ``1 added, 2 up (1 major); 1.4 MB more``."""
    parts = [count_differences(difference.changes) or "no package is different"]
    if difference.python is not None:
        parts.append("another Python")
    if difference.files:
        parts.append(count(len(difference.files), "file"))
    total = _add_sizes(difference.changes)
    if total:
        parts.append(f"{size(abs(total))} {'more' if total > 0 else 'less'}")
    return "; ".join(parts)


def _add_sizes(changes: Sequence[LockChange]) -> int:
    """Add up by how many bytes what a lock holds grows, where both sizes are known."""
    return sum(
        (change.size_after or 0) - (change.size_before or 0)
        for change in changes
        if (change.size_before is not None or change.kind == "added")
        and (change.size_after is not None or change.kind == "removed")
    )


def diff_document(difference: Difference) -> dict[str, Any]:
    """Make the ``envctl.diff`` document."""
    counts = {kind: sum(change.kind == kind for change in difference.changes) for kind in KINDS}
    summary = {**counts, "size_bytes": _add_sizes(difference.changes)}
    python = None
    if difference.python is not None:
        python = {"before": difference.python[0], "after": difference.python[1]}
    made = result_document("diff", difference, differs=difference.differs, summary=summary)
    return {**made, "python": python}


def diff_markdown(
    difference: Difference, directory: str, *, now: datetime, max_bytes: int | None = None
) -> str:
    """Write a table of at most ``max_bytes`` bytes of UTF-8; what is left out is counted."""
    before, after = (escape(_name(side, directory)) for side in (difference.before, difference.after))
    head = [f"### {before} → {after}", ""]
    if not difference.differs:
        return cut([*head, "**No differences.**"], [], max_bytes)
    covered = [f"- covers {escape(one)}" for one in difference.covered]
    covered += [f"- does not cover {escape(one)} any more" for one in difference.uncovered]
    if difference.python is not None:
        covered.append(f"- Python {' → '.join(escape(each or 'unknown') for each in difference.python)}")
    covered += [f"- {each.kind}: {escape(each.path)}, {size(each.size)}" for each in difference.files]
    body = ["", *covered] if covered else []
    if difference.changes:
        body += ["", "| | what | before | after | uploaded | size | why |", "|---|---|---|---|---|---|---|"]
        body += _rows(difference.changes, now)
    return cut([*head, f"**{escape(summarise(difference))}**"], body, max_bytes)


def _rows(changes: Sequence[LockChange], now: datetime) -> list[str]:
    lines = []
    for change, row in zip(changes, lock_rows(changes), strict=True):
        flags = f" ({escape(row.flags)})" if row.flags else ""
        old = measure_age(change.uploaded_after, now)
        uploaded = f"{(change.uploaded_after or '')[:10]}, {age(old)}" if old is not None else ""
        cells = (row.before, row.after, uploaded, _step_of_size(change), row.why)
        lines.append(
            f"| {row.symbol} | {row.action} **{escape(row.subject)}**{flags} | "
            f"{' | '.join(map(escape, cells))} |"
        )
    return lines
