"""A plan for a pull request: Markdown with a table, cut to a number of bytes where a service has a limit.

Names, paths and reasons may come from packages. Whatever could be markup, a link, a mention of a
person or the end of a table's cell is written as a character reference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from envctl.cli.console import printable
from envctl.cli.show.plan import NAMED, subject, summarise_in_words
from envctl.cli.show.rows import Row, change_rows, lock_rows, remark_rows
from envctl.model.state import Drift
from envctl.plan.change import Plan

_MARKUP = re.compile(r"[&<>|`*_\[\]~\\@#]|://|www\.", re.IGNORECASE)

_TABLE = ["| | what | before | after | why |", "|---|---|---|---|---|"]


def escape(text: str) -> str:
    """Write text so that Markdown shows it as it is."""
    return _MARKUP.sub(lambda found: "".join(f"&#{ord(each)};" for each in found[0]), printable(text))


def plans_markdown(pairs: Sequence[tuple[Plan, str]], *, max_bytes: int | None = None) -> str:
    """Write plans, each with a sentence about its outcome or none, below each other.

    Together they take at most ``max_bytes`` bytes of UTF-8; each may have an equal part of that.
    """
    part = None if max_bytes is None else max(max_bytes // len(pairs) - 1, 0)
    text = "\n".join(plan_markdown(plan, outcome, max_bytes=part) for plan, outcome in pairs)
    return text if max_bytes is None else _clip(text, max_bytes)


def plan_markdown(plan: Plan, outcome: str = "", *, max_bytes: int | None = None) -> str:
    """Write a plan as Markdown of at most ``max_bytes`` bytes of UTF-8; what is left out is counted.

    The heading and the summary are kept longest; of less room than they need only the beginning is left.
    """
    head = [
        f"### Plan for {escape(plan.environment.name)} ({escape(plan.environment.path)})",
        "",
        f"**{escape(summarise_in_words(plan))}**",
    ]
    if outcome:
        head += ["", escape(outcome)]
    body: list[str] = []
    body += _section("Environment", [_row(row) for row in change_rows(plan)])
    body += _section("Lock", [_row(row) for row in lock_rows(plan.lock_changes)])
    remarks = remark_rows(plan)
    if remarks:
        body += ["", *(f"- **{level}**: {escape(message)}" for level, message in remarks)]
    body += _drift(plan.drift)
    return cut(head, body, max_bytes)


def _section(title: str, rows: list[str]) -> list[str]:
    return ["", f"#### {title}", "", *_TABLE, *rows] if rows else []


def _row(row: Row) -> str:
    flags = f" ({escape(row.flags)})" if row.flags else ""
    what = f"{row.action} **{escape(row.subject)}**{flags}"
    return f"| {row.symbol} | {what} | {escape(row.before)} | {escape(row.after)} | {escape(row.why)} |"


def _drift(drift: tuple[Drift, ...]) -> list[str]:
    if not drift:
        return []
    lines = ["", "#### Drift", ""]
    named: dict[str, int] = {}
    for each in drift:
        named[each.address] = named.get(each.address, 0) + 1
        if named[each.address] <= NAMED:
            lines.append(f"- {escape(subject(each.address))}: {each.kind.value} {escape(each.path)}")
    for address, number in named.items():
        if number > NAMED:
            lines.append(f"- {escape(subject(address))}: and {number - NAMED} more")
    return lines


def cut(head: list[str], body: list[str], max_bytes: int | None) -> str:
    """Join the lines of a page to at most ``max_bytes`` bytes of UTF-8; what is left out is counted.

    The head is kept longest; of less room than it needs only the beginning is left.
    """
    text = "\n".join([*head, *body]) + "\n"
    if max_bytes is None or len(text.encode()) <= max_bytes:
        return text
    kept: list[str] = []
    # Room for the longest line that says what is missing.
    room = max_bytes - len("\n".join(head).encode()) - 80
    for line in body:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        kept.append(line)
    left = sum(1 for line in body[len(kept) :] if line.startswith(("| ", "- ")) and line[:8] != _TABLE[0][:8])
    text = "\n".join([*head, *kept, "", f"*{left} lines more; `--json` has all.*"]) + "\n"
    return _clip(text, max_bytes)


def _clip(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode(errors="ignore")


def failure_markdown(document: Mapping[str, Any]) -> str:
    """Write an ``envctl.error`` document as Markdown."""
    lines = ["### envctl failed", ""]
    for error in document["errors"]:
        where = f" ({escape(error['where'])})" if error["where"] else ""
        lines.append(f"- **error**: {escape(error['message'])} \\[{escape(error['code'])}\\]{where}")
        lines += [f"  - hint: {escape(hint)}" for hint in error["hints"]]
    return "\n".join(lines) + "\n"
