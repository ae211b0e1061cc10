"""A conflict as part of a JSON document; the schema ``error.json`` describes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from envctl.resolve.facts import (
    Absent,
    Ask,
    Conflict,
    Demand,
    Fact,
    Limit,
    NoMatch,
    Remedy,
    Replaced,
    TooHard,
    Unusable,
)


def format_conflict(conflict: Conflict, *, shorten: Callable[[str], str]) -> dict[str, Any]:
    """Format a conflict; ``shorten`` makes places relative to where the user stands."""
    tried = conflict.tried
    return {
        "target": conflict.target,
        "python": conflict.python,
        "also": list(conflict.also),
        "facts": [_format_fact(fact, shorten) for fact in conflict.facts],
        "tried": None if tried is None else {"releases": tried.releases, "projects": tried.projects},
        "remedies": [_format_remedy(remedy, shorten) for remedy in conflict.remedies],
    }


def _format_fact(fact: Fact, shorten: Callable[[str], str]) -> dict[str, Any]:
    where = shorten(getattr(fact, "where", "")) or None
    match fact:
        case Ask():
            return {"kind": "ask", "by": fact.by, "requirement": fact.requirement, "where": where}
        case Demand():
            return {
                "kind": "demand",
                "name": fact.name,
                "versions": list(fact.versions),
                "requirement": fact.requirement,
                "where": where,
            }
        case Limit():
            return {"kind": "constraint", "requirement": fact.requirement, "where": where}
        case Replaced():
            return {
                "kind": "override",
                "name": fact.name,
                "requirement": fact.requirement,
                "where": where,
            }
        case Absent():
            return {"kind": "absent", "name": fact.name, "near": list(fact.near)}
        case NoMatch():
            return {
                "kind": "no-match",
                "name": fact.name,
                "requirement": fact.requirement,
                "newest": list(fact.newest),
            }
        case Unusable():
            return {
                "kind": "unusable",
                "name": fact.name,
                "versions": list(fact.versions),
                "reason": fact.kind.value,
                "details": list(fact.details),
            }
        case TooHard():
            return {"kind": "too-hard"}


def _format_remedy(remedy: Remedy, shorten: Callable[[str], str]) -> dict[str, Any]:
    return {
        "kind": remedy.kind.value,
        "text": remedy.text,
        "where": shorten(remedy.where) or None,
        "verified": remedy.verified,
        "picks": dict(remedy.picks),
    }
