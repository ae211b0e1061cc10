"""What was done with a bundle, as lines of text."""

from __future__ import annotations

from envctl.cli.console import Line
from envctl.cli.show.words import count, shorten, size
from envctl.workflow.results import BundleReport


def bundle_lines(report: BundleReport, what: str, directory: str) -> list[Line]:
    """Say of a bundle what it holds, and for whom."""
    path = shorten(report.path, directory)
    holds = f"{count(report.packages, 'package')}, {count(report.files, 'file')}, {size(report.size)}"
    whom = f"for {', '.join(report.targets)} with Python {', '.join(report.pythons)}"
    if what == "create":
        return [f"Wrote {path} {whom}: {holds}."]
    return [f"{path} has all that its lock needs {whom}: {holds}."]
