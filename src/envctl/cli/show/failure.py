"""Errors as lines and as ``envctl.error`` documents, from the same object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envctl.cli.console import Line, Styled
from envctl.cli.show.words import shorten
from envctl.errors import BuildError, EnvctlError, PolicyError, Problems, ResolutionError, StaleError

if TYPE_CHECKING:
    from envctl.resolve.facts import Conflict

#: Lines of a build's output that are shown; the last ones say what went wrong.
TAIL = 40


def flatten(error: EnvctlError) -> tuple[EnvctlError, ...]:
    """Give the refusals that an error stands for."""
    if isinstance(error, Problems):
        return tuple(each for inner in error.errors for each in flatten(inner))
    return (error,)


def failure_lines(error: EnvctlError, directory: str) -> list[Line]:
    """Put an error into words: the sentence with its code, the place, what belongs to it, the hints."""
    lines: list[Line] = []
    for each in flatten(error):
        lines.append((Styled("error:", "red"), f" {each.message} [{each.code}]"))
        if each.where:
            lines.append((Styled("  -->", "dim"), f" {shorten(each.where, directory)}"))
        explanation = explain_resolution(each)
        if len(explanation) <= 2:  # two statements stand in the sentence itself, or in its hints
            explanation = ()
        lines += [f"  {line}" for line in explanation]
        if isinstance(each, StaleError):
            lines += [f"  moved: {label}" for label in each.moved]
        lines += _output_tail(each)
        if isinstance(each, BuildError) and each.log is not None:
            lines.append((Styled("  log:", "dim"), f" {each.log}"))
        lines += [(Styled("hint:", "cyan"), f" {hint}") for hint in each.hints if hint not in explanation]
    return lines


def explain_resolution(error: EnvctlError) -> tuple[str, ...]:
    """Give the statements of a conflict, one a line; nothing for any other error."""
    conflict = _find_conflict(error)
    if conflict is None:
        return ()
    from envctl.resolve.conflict import explain

    return explain(conflict)


def _find_conflict(error: EnvctlError) -> Conflict | None:
    if not isinstance(error, ResolutionError) or error.conflict is None:
        return None
    from envctl.resolve.facts import Conflict

    return error.conflict if isinstance(error.conflict, Conflict) else None


def _output_tail(error: EnvctlError) -> list[Line]:
    if not isinstance(error, BuildError) or not error.output.strip():
        return []
    output = error.output.rstrip().splitlines()
    lines: list[Line] = [f"  | {line}" for line in output[-TAIL:]]
    if len(output) > TAIL:
        lines.insert(0, f"  | ({len(output) - TAIL} lines before these)")
    return lines


def failure_document(error: EnvctlError, directory: str, *, done: tuple[Any, ...] = ()) -> dict[str, Any]:
    """Make the ``envctl.error`` document; ``done`` holds the documents of what was finished before."""
    document: dict[str, Any] = {
        "format_version": "1.0",
        "kind": "envctl.error",
        "errors": [_one(each, directory) for each in flatten(error)],
    }
    return {**document, "done": list(done)} if done else document


def _one(error: EnvctlError, directory: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "where": shorten(error.where, directory) if error.where else None,
        "hints": list(error.hints),
    }
    conflict = _find_conflict(error)
    if conflict is not None:
        from envctl.resolve.document import format_conflict

        document["explanation"] = list(explain_resolution(error))
        document["conflict"] = format_conflict(conflict, shorten=lambda place: shorten(place, directory))
    if isinstance(error, StaleError):
        document["moved"] = list(error.moved)
    if isinstance(error, PolicyError):
        document["policy"] = _format_denied(error)
    if isinstance(error, BuildError) and error.output.strip():
        document["output"] = error.output.rstrip().splitlines()[-TAIL:]
        document["log"] = error.log
    return document


def _format_denied(error: PolicyError) -> list[dict[str, Any]]:
    from envctl.model.change import Verdict
    from envctl.plan.document import format_verdict

    return [format_verdict(each) for each in error.denied if isinstance(each, Verdict)]
