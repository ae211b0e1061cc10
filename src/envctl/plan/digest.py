"""Digests of what an environment will hold and of what it holds, made to be compared.

A saved plan remembers the first; when the second is equal, the plan has been carried out already.
"""

from __future__ import annotations

from collections.abc import Iterable

from envctl.model.change import Change, Side
from envctl.model.digest import digest_value
from envctl.model.state import DriftKind, State
from envctl.plan.address import ENVIRONMENT, PYTHON, format_file, format_package
from envctl.plan.packages import describe_distribution

_Line = tuple[str, str, str]


def digest_planned(changes: Iterable[Change]) -> str:
    """Digest what will be there once ``changes`` are made: Python, distributions, foreign files."""
    lines = []
    for change in changes:
        if change.after is None or change.address == ENVIRONMENT:
            continue
        if change.address == PYTHON:
            lines.append((PYTHON, change.after.version or "", change.after.source))
        else:
            lines.append(_describe(change.address, change.after))
    return digest_value(sorted(set(lines)))


def digest_installed(state: State) -> str:
    """Digest what is there; equal to `digest_planned` of the plan that made it, while nothing drifts.

    Foreign data counts on neither side. A distribution that is right though envctl did not lay it makes
    a difference: of it nobody knows the artifact.
    """
    lines: list[_Line] = [(PYTHON, state.python or "", state.executable or "")]
    others = set()
    for name, distribution in state.distributions.items():
        address = format_package(name)
        lines.append(_describe(address, describe_distribution(distribution)))
        if not distribution.managed:
            others.add(address)  # no plan promises its files
        elif not distribution.intact:
            lines.append(("drift", address, ""))
    lines += [(format_file(file.path), "", "") for file in state.foreign if not file.data]
    lines += [
        ("drift", line.address, line.path)
        for line in state.drift
        if line.kind is not DriftKind.FOREIGN and line.address not in others
    ]
    return digest_value(sorted(set(lines)))


def _describe(address: str, side: Side) -> _Line:
    origin = side.origin or ""
    # The version of a directory is known only once it is built; its metadata's digest decides it.
    is_directory = origin.startswith(("directory ", "editable "))
    return (address, "" if is_directory else side.version or "", origin)
