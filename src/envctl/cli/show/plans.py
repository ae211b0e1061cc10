"""Plans and reports in the format that was asked for; with ``--all`` there may be several."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from envctl.cli.console import Console, plain
from envctl.cli.show.deliver import dump
from envctl.cli.show.documents import document
from envctl.cli.show.plan import plan_lines
from envctl.cli.show.results import outcome_lines
from envctl.plan.change import Plan
from envctl.plan.document import format_plan
from envctl.workflow.results import Report


def deliver_plans(plans: Sequence[Plan], arguments: Namespace, console: Console) -> None:
    """Print plans; as JSON and YAML one document, `envctl.plans` when all were asked for."""
    match arguments.format:
        case "text":
            for plan in plans:
                console.show(plan_lines(plan, verbose=console.verbose))
        case "json" | "yaml":
            documents = [format_plan(plan) for plan in plans]
            whole = document("plans", plans=documents) if arguments.all else documents[0]
            console.document(dump(whole, arguments.format))
        case _:
            _deliver_pages([(plan, "") for plan in plans], arguments, console)


def deliver_reports(reports: Sequence[Report], arguments: Namespace, console: Console) -> None:
    """Print what became of plans; in text the plans stand there already."""
    match arguments.format:
        case "text":
            for report in reports:
                console.show(outcome_lines(report))
        case "json" | "yaml":
            documents = [report_document(report) for report in reports]
            whole = document("reports", reports=documents) if arguments.all else documents[0]
            console.document(dump(whole, arguments.format))
        case _:
            outcomes = [" ".join(plain(line) for line in outcome_lines(report)) for report in reports]
            pairs = list(zip((report.plan for report in reports), outcomes, strict=True))
            _deliver_pages(pairs, arguments, console)


def report_document(report: Report) -> dict[str, Any]:
    """Make the ``envctl.report`` document: the plan, its outcome, the generation it made."""
    return document(
        "report",
        outcome=report.outcome,
        generation=report.generation,
        lock_written=report.lock_written,
        manifest_changes=report.manifest_changes,
        running=report.running,
        plan=format_plan(report.plan),
    )


def _deliver_pages(pairs: Sequence[tuple[Plan, str]], arguments: Namespace, console: Console) -> None:
    """Print plans, each with a sentence about its outcome or an empty one, in a format for pages."""
    match arguments.format:
        case "markdown":
            from envctl.cli.show.markdown import plans_markdown

            console.document(plans_markdown(pairs, max_bytes=arguments.max_bytes))
        case "github":
            from envctl.cli.show.github import plan_annotations, write_step_summary

            console.document("".join(plan_annotations(plan, outcome) for plan, outcome in pairs))
            write_step_summary(pairs, os.environ)
        case _:
            from envctl.cli.show.html import plans_page

            console.document(plans_page(pairs))
