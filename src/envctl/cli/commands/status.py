"""``envctl status``."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format

if TYPE_CHECKING:
    from envctl.workflow.results import Status


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("--check", action="store_true", help="exit with 3 when something does not fit")
    parser.add_argument(
        "--verify",
        choices=("stat", "hash"),
        default="stat",
        metavar="HOW",
        help="hash reads every file (default: stat)",
    )
    parser.add_argument("--all", action="store_true", help="every environment of the manifest, in its order")
    add_format(parser)
    parser.description = (
        "Says, offline and without resolving, whether the lock fits the manifest and the environment the "
        "lock. Reads size and mtime of every file, with --verify hash the files themselves."
    )
    parser.examples = ("envctl status", "envctl status --check --all", "envctl status --verify hash")


def run(arguments: Namespace, console: Console) -> int:
    """Look, and say how it stands."""
    from envctl.cli.begin import begin
    from envctl.cli.each import each_environment, keep_finished, refuse_all_with_one
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import document
    from envctl.cli.show.results import status_lines
    from envctl.workflow.status import status

    refuse_all_with_one(arguments)
    found: list[Status] = []
    context = begin(arguments, console)
    with keep_finished(arguments, lambda: [status_document(each) for each in found]):
        for chosen in each_environment(context, arguments, console):
            found.append(status(chosen, verify=arguments.verify))
            if arguments.format == "text":
                console.show(status_lines(found[-1], arguments.directory))
    if arguments.format != "text":
        documents = [status_document(each) for each in found]
        deliver(
            console,
            arguments.format,
            lines=list,
            document=lambda: document("statuses", statuses=documents) if arguments.all else documents[0],
        )
    return 3 if arguments.check and not all(each.fits for each in found) else 0


def status_document(found: Status) -> dict[str, Any]:
    """Make the ``envctl.status`` document."""
    from envctl.cli.show.documents import result_document

    return result_document("status", found, fits=found.fits)
