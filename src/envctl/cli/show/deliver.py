"""A result or a failure onto stdout, in the format that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from envctl.cli.console import Console, Line


def deliver(
    console: Console,
    output_format: str,
    *,
    lines: Callable[[], list[Line]],
    document: Callable[[], dict[str, Any]],
) -> None:
    """Print a result as text, JSON or YAML; only what is asked for is made."""
    if output_format == "text":
        console.show(lines())
    else:
        console.document(dump(document(), output_format))


def dump(document: dict[str, Any], output_format: str) -> str:
    """Write a document as JSON or YAML, in ASCII: what is not is escaped as the format does it."""
    if output_format == "yaml":
        import yaml

        text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=False, width=110)
        return text
    import json

    return json.dumps(document, indent=1, allow_nan=False)


def deliver_failure(document: dict[str, Any], console: Console, output_format: str) -> None:
    """Print an ``envctl.error`` document in the form of the format that was asked for."""
    match output_format:
        case "markdown":
            from envctl.cli.show.markdown import failure_markdown

            console.document(failure_markdown(document))
        case "github":
            from envctl.cli.show.github import failure_annotations

            console.document(failure_annotations(document))
        case "html":
            from envctl.cli.show.html import failure_page

            console.document(failure_page(document))
        case "yaml" | "json":
            console.document(dump(document, output_format))
        case _:  # a format that does not exist: the words on stderr say so
            pass
