"""The generations of an environment, and a step between two of them, as lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envctl.cli.console import Line, Styled
from envctl.cli.show.results import columns
from envctl.cli.show.words import count, shorten, size
from envctl.workflow.results import Generation, RolledBack

#: So many changes are named in the line of a generation; more are counted.
_NAMED = 2

_Packages = Mapping[str, tuple[str | None, str | None]]

_MARKS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}


def history_lines(generations: Sequence[Generation], *, verbose: bool = False) -> list[Line]:
    """List the generations, newest first; the live one is marked, and those that are gone.

    The size is the room that would be free without the generation. ``verbose`` names every change.
    """
    if not generations:
        return ["There is no generation yet; `envctl apply` makes the first."]
    there = {each.number for each in generations if each.live or each.kept}
    rows = [
        (
            f"{'*' if each.live else ' '} {each.number}",
            each.time,
            f"Python {each.python}",
            count(each.packages, "package"),
            each.command,
            _summarise(each.changes),
            "" if each.own_bytes is None else size(each.own_bytes),
            "live" if each.live else "" if each.number in there else "not kept",
        )
        for each in generations
    ]
    used = [index for index, cells in enumerate(zip(*rows, strict=True)) if any(cells)]
    shown = columns([tuple(row[index] for index in used) for row in rows])
    lines: list[Line] = []
    for line, each in zip(shown, generations, strict=True):
        lines.append(line)
        if verbose:
            lines += _package_lines(each.changes or {}, indent=6)
    return lines


def rolled_back_lines(result: RolledBack, directory: str) -> list[Line]:
    """Say which generation is live now, and which packages are other ones than before."""
    lines = _package_lines(result.packages)
    before, after = (version or "unknown" for version in result.python)
    if before != after:
        lines.insert(0, ("  ", Styled("~", "yellow"), f" Python {before} -> {after}"))
    origin = f" from generation {result.before}" if result.before is not None else ""
    lines.append(f"Rolled back {shorten(result.path, directory)}{origin} to generation {result.after}.")
    return [*lines, "The lock stays as it is: the next plan shows what it wants."]


def _summarise(changes: _Packages | None) -> str:
    """Name few changes, and count many; empty where nobody knows."""
    if changes is None:
        return ""
    if len(changes) <= _NAMED:
        named = (_name(name, *versions) for name, versions in changes.items())
        return ", ".join(named) or "no package is different"
    kinds = [_kind(*versions) for versions in changes.values()]
    return ", ".join(f"{kinds.count(kind):,} {kind}" for kind in _MARKS if kind in kinds)


def _kind(before: str | None, after: str | None) -> str:
    return "added" if before is None else "removed" if after is None else "changed"


def _name(name: str, before: str | None, after: str | None) -> str:
    if before is not None and after is not None:
        return f"{name} {before} -> {after}"
    return f"+{name} {after}" if before is None else f"-{name} {before}"


def _package_lines(packages: _Packages, *, indent: int = 2) -> list[Line]:
    lines: list[Line] = []
    for name, (before, after) in sorted(packages.items()):
        if before != after:
            versions = " -> ".join(version for version in (before, after) if version is not None)
            lines.append((" " * indent, Styled(*_MARKS[_kind(before, after)]), f" {name} {versions}"))
    return lines
