"""Interpreters as lines of text."""

from __future__ import annotations

from collections.abc import Sequence

from envctl.cli.console import Line, Styled
from envctl.workflow.results import FoundPython, InstalledPython


def python_lines(pythons: Sequence[FoundPython]) -> list[Line]:
    """Give a line for each interpreter: what it is, whose, whether it fits and why not, and where it lies."""
    if not pythons:
        return ["No Python was found. `envctl python install 3.13` installs one."]
    rows = [(_name(each), each.manager or "", each) for each in pythons]
    wide = max(len(name) for name, _, _ in rows)
    managers = max(len(manager) for _, manager, _ in rows)
    lines: list[Line] = []
    for name, manager, each in rows:
        sign = {True: "*", False: " ", None: " "}[each.fits]
        why: tuple[str | Styled, ...] = (Styled(f"  {each.reason}", "dim"),) if each.reason else ()
        lines.append((f"{sign} {name:<{wide}}  {manager:<{managers}}  {each.executable}", *why))
    return lines


def _name(python: FoundPython) -> str:
    return " ".join(
        part for part in (python.implementation, python.version, _bracket(python.variant)) if part
    )


def _bracket(variant: str | None) -> str:
    return f"({variant})" if variant else ""


def installed_lines(installed: InstalledPython) -> list[Line]:
    """Say what was installed, and where."""
    name = f"{installed.implementation} {installed.version}"
    if installed.variant:
        name += f" ({installed.variant})"
    if installed.outcome == "present":
        return [f"{name} is there already: {installed.executable}"]
    return [f"Installed {name}: {installed.executable}"]
