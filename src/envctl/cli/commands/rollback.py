"""``envctl rollback``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format, add_lock_timeout, positive_number


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "number",
        nargs="?",
        type=positive_number,
        metavar="N",
        help="the generation (default: the one before)",
    )
    add_lock_timeout(parser)
    add_format(parser)
    parser.description = (
        "Swaps an earlier generation in as it was: no network, no resolving. The lock stays, so the next "
        "plan shows what it wants."
    )
    parser.examples = ("envctl rollback", "envctl history && envctl rollback 5")


def run(arguments: Namespace, console: Console) -> int:
    """Roll back and say to what."""
    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import rolled_back_document
    from envctl.cli.show.generations import rolled_back_lines
    from envctl.workflow.rollback import rollback

    result = rollback(begin(arguments, console), arguments.number, lock_timeout=arguments.lock_timeout)
    deliver(
        console,
        arguments.format,
        lines=lambda: rolled_back_lines(result, arguments.directory),
        document=lambda: rolled_back_document(result),
    )
    return 0
