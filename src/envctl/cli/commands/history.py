"""``envctl history``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--numbers", action="store_true", help="print nothing but the generations to roll back to"
    )
    add_format(parser)
    parser.description = (
        "Lists what each apply and rollback made, newest first: when, with which Python, how many packages, "
        "what changed, and the room that a generation takes by itself. With -v every change is a line."
    )
    parser.examples = ("envctl history", "envctl history -v", "envctl history --json")


def run(arguments: Namespace, console: Console) -> int:
    """List the generations."""
    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import history_document
    from envctl.cli.show.generations import history_lines
    from envctl.errors import UsageError
    from envctl.workflow.history import history, numbers

    context = begin(arguments, console)
    if arguments.numbers:
        if arguments.format != "text":
            raise UsageError("bad-usage", "`--numbers` is text, one number a line")
        console.show([str(number) for number in numbers(context)])
        return 0
    generations = history(context)
    deliver(
        console,
        arguments.format,
        lines=lambda: history_lines(generations, verbose=bool(console.verbose)),
        document=lambda: history_document(generations),
    )
    return 0
