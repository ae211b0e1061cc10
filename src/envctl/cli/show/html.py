"""A plan as one page that needs nothing else: no script, no font, no image, no address to fetch from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape as escape_html
from typing import Any

from envctl.cli.console import printable
from envctl.cli.show.plan import subject, summarise_in_words
from envctl.cli.show.rows import Row, change_rows, lock_rows, remark_rows
from envctl.model.state import Drift
from envctl.plan.change import Plan

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1f24}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .75rem;"
    "border-bottom:1px solid #d0d7de;vertical-align:top}code{font:13px ui-monospace,monospace}"
    ".create{background:#e6ffec}.update,.replace{background:#fff8c5}.delete,.error{background:#ffebe9}"
    "@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}th,td{border-color:#30363d}"
    ".create{background:#12361f}.update,.replace{background:#3a2f0b}.delete,.error{background:#4a1c1c}}"
)


#: What the page may load: nothing but the style that stands in it.
_LOADS = "default-src 'none'; style-src 'unsafe-inline'"


def escape(text: str) -> str:
    """Write text so that a page shows it as it is."""
    return escape_html(printable(text), quote=True)


def page(title: str, body: list[str]) -> str:
    """Put a body into a page that is told to load and run nothing."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_LOADS}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            *body,
            "</body></html>",
            "",
        ]
    )


def plans_page(pairs: Sequence[tuple[Plan, str]]) -> str:
    """Write plans, each with a sentence about its outcome or none, as one page."""
    names = ", ".join(plan.environment.name for plan, _ in pairs)
    return page(f"Plan for {names}", [line for plan, outcome in pairs for line in _describe(plan, outcome)])


def _describe(plan: Plan, outcome: str) -> list[str]:
    environment = plan.environment
    python = f"Python {environment.python}, {environment.platform}"
    return [
        f"<h1>Plan for {escape(environment.name)}</h1>",
        f"<p><code>{escape(environment.path)}</code>, {escape(python)}</p>",
        f"<p><strong>{escape(summarise_in_words(plan))}</strong> {escape(outcome)}</p>",
        *_table("Environment", change_rows(plan)),
        *_table("Lock", lock_rows(plan.lock_changes)),
        *_remarks(remark_rows(plan)),
        *_drift(plan.drift),
    ]


def _table(title: str, rows: list[Row]) -> list[str]:
    if not rows:
        return []
    heads = "".join(f"<th>{head}</th>" for head in ("action", "what", "before", "after", "why"))
    lines = [f"<h2>{title}</h2>", f"<table><thead><tr>{heads}</tr></thead><tbody>"]
    for row in rows:
        flags = f" ({row.flags})" if row.flags else ""
        cells = (f"{row.symbol} {row.action}", row.subject + flags, row.before, row.after, row.why)
        body = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        lines.append(f'<tr class="{escape(row.action)}">{body}</tr>')
    return [*lines, "</tbody></table>"]


def _remarks(remarks: list[tuple[str, str]]) -> list[str]:
    if not remarks:
        return []
    items = [
        f'<li class="{level}"><strong>{level}</strong>: {escape(message)}</li>' for level, message in remarks
    ]
    return ["<h2>Policy and remarks</h2>", "<ul>", *items, "</ul>"]


def _drift(drift: tuple[Drift, ...]) -> list[str]:
    if not drift:
        return []
    rows = [
        f"<tr><td>{escape(subject(each.address))}</td><td>{each.kind.value}</td>"
        f"<td><code>{escape(each.path)}</code></td><td>{escape(each.detail)}</td></tr>"
        for each in drift
    ]
    return ["<h2>Drift</h2>", "<table><tbody>", *rows, "</tbody></table>"]


def failure_page(document: Mapping[str, Any]) -> str:
    """Write an ``envctl.error`` document as a page."""
    items = []
    for error in document["errors"]:
        where = f" <code>{escape(error['where'])}</code>" if error["where"] else ""
        hints = "".join(f"<br>hint: {escape(hint)}" for hint in error["hints"])
        items.append(
            f'<li class="error">{escape(error["message"])} [{escape(error["code"])}]{where}{hints}</li>'
        )
    return page("envctl failed", ["<h1>envctl failed</h1>", "<ul>", *items, "</ul>"])
