"""A plan for GitHub Actions: workflow commands on stdout, and the page of the step.

Source: "Workflow commands for GitHub Actions", on messages and job summaries.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from envctl import atomic
from envctl.cli.console import printable
from envctl.cli.show.markdown import plans_markdown
from envctl.cli.show.plan import NAMED, subject, summarise_in_words
from envctl.cli.show.rows import change_rows, lock_rows, remark_rows
from envctl.plan.change import Plan

#: A step's page may have 1 MiB; other steps' words are in it too, so a plan takes no more than half.
SUMMARY_BYTES = 512 * 1024

#: GitHub shows ten annotations of a kind for a step.
_ANNOTATIONS = 10


def annotate(level: str, title: str, message: str) -> str:
    """Write one workflow command; ``level`` is ``error``, ``warning`` or ``notice``."""
    return f"::{level} title={_escape_property(title)}::{_escape(message)}"


def _escape(text: str) -> str:
    # What is printable has no line feed left; the per cent sign would begin an escape of theirs.
    return printable(text).replace("%", "%25")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")


def plan_annotations(plan: Plan, outcome: str = "") -> str:
    """Write a plan as annotations: what it is in short, drift by package, verdicts, remarks, the outcome."""
    title = f"Plan for {plan.environment.name}"
    rows = [*change_rows(plan), *lock_rows(plan.lock_changes)]
    named = ", ".join(f"{row.action} {row.subject}" for row in rows[:NAMED])
    more = f", and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    lines = [annotate("notice", title, f"{summarise_in_words(plan)} {named}{more}".rstrip())]
    drifted: dict[str, int] = {}
    for each in plan.drift:
        drifted[each.address] = drifted.get(each.address, 0) + 1
    for address, number in list(drifted.items())[:_ANNOTATIONS]:
        lines.append(annotate("warning", "Drift", f"{subject(address)}: {number} not as they were put"))
    lines += [annotate(level, title, message) for level, message in remark_rows(plan)]
    if outcome:
        lines.append(annotate("notice", title, outcome))
    return "\n".join(lines) + "\n"


def write_step_summary(pairs: Sequence[tuple[Plan, str]], environ: Mapping[str, str]) -> None:
    """Add plans with their outcomes to the page of the step, where ``GITHUB_STEP_SUMMARY`` names its file.

    Raises:
        OSError: the file cannot be read or written.
    """
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    before = b""
    if os.path.exists(path):
        with open(path, "rb") as file:
            before = file.read()
    atomic.replace(path, before + plans_markdown(pairs, max_bytes=SUMMARY_BYTES).encode() + b"\n")


def failure_annotations(document: Mapping[str, Any]) -> str:
    """Write an ``envctl.error`` document as annotations, with file and line where they are known."""
    lines = []
    for error in document["errors"]:
        file, _, line = (error["where"] or "").rpartition(":")
        place = f"file={_escape_property(file)},line={line}," if file and line.isdigit() else ""
        hints = "".join(f" (hint: {hint})" for hint in error["hints"])
        title = _escape_property(error["code"])
        lines.append(f"::error {place}title={title}::{_escape(error['message'] + hints)}")
    return "\n".join(lines) + "\n"
