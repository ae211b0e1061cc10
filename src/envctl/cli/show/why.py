"""Why a package is locked, in words: one block for each path, from the list down."""

from __future__ import annotations

from collections.abc import Sequence

from envctl.cli.console import Line, Span, Styled
from envctl.cli.show.words import count
from envctl.lock.presence import Presence, Way
from envctl.workflow.why import Why

#: Paths that are shown without ``--all-paths``.
SHOWN = 10


def why_lines(found: Why, *, every: bool = False) -> list[Line]:
    """Tell of each package by which paths it is asked for; the shortest ten, or ``every`` one."""
    lines: list[Line] = []
    for package in found.packages:
        if lines:
            lines.append("")
        lines += _package_lines(package, every=every, ours=found.ours)
    return lines


def _package_lines(package: Presence, *, every: bool, ours: bool) -> list[Line]:
    title: list[Span] = [Styled(label(package.name, package.version), "bold")]
    if package.marker:
        title.append(f" where {package.marker}")
    lines: list[Line] = [tuple(title)]
    if not package.ways:
        left_over = "no list of the manifest asks for it any more"
        unknown = (
            "no list of the manifest names it, and this lock of another tool does not say who requires it"
        )
        return [*lines, f"  {left_over if ours else unknown}"]
    shown = package.ways if every else package.ways[:SHOWN]
    for way in shown:
        lines += [f"  {line}" for line in way_lines(way, known=package.marker)]
    rest = len(package.ways) - len(shown)
    if rest or not package.complete:
        lines.append(f"  {_count_rest(package, rest, every=every)}")
    lines += [f"  a constraint of `[lock]` says `{text}`" for text in package.constraints]
    return [*lines, *(f"  an override of `[lock]` says `{text}`" for text in package.overrides)]


def _count_rest(package: Presence, rest: int, *, every: bool) -> str:
    if every:
        return f"and more than these {count(len(package.ways), 'path')}"
    amount = count(rest, "longer path") if package.complete else f"more than {count(rest, 'longer path')}"
    return f"and {amount}; `--all-paths` shows them"


def way_lines(way: Way, *, known: str | None = None) -> list[str]:
    """Tell one path, a line for each step; where it holds, unless that is ``known``."""
    where = f", only where {way.marker}" if way.marker and way.marker != known else ""
    lines = [f"{way.by} asks for `{way.requirement}` ({way.where}){where}"]
    for depth, step in enumerate(way.steps, 1):
        lines.append(f"{'  ' * depth}{label(step.name, step.version)} requires `{step.requirement}`")
    return lines


def label(name: str, version: str | None) -> str:
    """Write a package: its name, and its version where there is one."""
    return f"{name} {version}" if version else name


def join_some(words: Sequence[str], most: int = 3) -> str:
    """Write a few of several words: ``a, b, c and 4 more``."""
    rest = len(words) - most
    return ", ".join(words[:most]) + (f" and {rest} more" if rest > 0 else "")
