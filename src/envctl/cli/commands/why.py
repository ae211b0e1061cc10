"""``envctl why``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format, project_name


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("names", nargs="+", type=project_name, metavar="NAME", help="the packages to explain")
    parser.add_argument(
        "--all-paths", action="store_true", help="show up to 10,000 paths, not the shortest ten alone"
    )
    add_format(parser)
    parser.description = (
        "Shows every path from a list of the manifest down to a package, shortest first: who asks, with "
        "which specifier, and where if not everywhere. Reads the manifest and the lock, nothing else, and "
        "resolves nothing. With -e only what that environment holds counts."
    )
    parser.examples = (
        "envctl why idna",
        "envctl -e ci why idna certifi",
        "envctl why idna --all-paths --json",
    )


def run(arguments: Namespace, console: Console) -> int:
    """Explain why packages are locked."""
    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import result_document
    from envctl.cli.show.why import why_lines
    from envctl.workflow.why import HIGHEST_LIMIT, LIMIT, why

    found = why(
        begin(arguments, console),
        arguments.names,
        limit=HIGHEST_LIMIT if arguments.all_paths else LIMIT,
    )
    deliver(
        console,
        arguments.format,
        lines=lambda: why_lines(found, every=arguments.all_paths),
        document=lambda: result_document("why", found),
    )
    return 0
