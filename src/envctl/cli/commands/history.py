"""``envctl history``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format


def configure(parser: Parser) -> None:
    """Declare the options."""
    add_format(parser)
    parser.description = "Lists what each apply and rollback made, newest first."
    parser.examples = ("envctl history", "envctl history --json")


def run(arguments: Namespace, console: Console) -> int:
    """List the generations."""
    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import document
    from envctl.cli.show.results import history_lines
    from envctl.workflow.history import history

    generations = history(begin(arguments, console))
    deliver(
        console,
        arguments.format,
        lines=lambda: history_lines(generations),
        document=lambda: document("history", generations=generations),
    )
    return 0
