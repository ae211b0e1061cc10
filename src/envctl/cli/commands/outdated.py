"""``envctl outdated``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--explain", action="store_true", help="say of each newer release what keeps it away first"
    )
    parser.add_argument("--check", action="store_true", help="exit with 3 when something is outdated")
    add_format(parser)
    parser.description = (
        "Lists the locked packages that have a newer final release: what is locked, the newest that fits "
        "now, the newest of all, how old the locked one is, and who asks for it; and packages of git "
        "repositories whose branch has a newer commit, or whose tag was moved. Reads the pages of the "
        "indexes, and asks each repository once for its branches and tags; with --explain it also resolves "
        "in memory what could be upgraded, and asks later indexes for a name that neither `packages` nor "
        "`[sources]` claims. With -e only what that environment holds is listed. Writes nothing."
    )
    parser.examples = ("envctl outdated", "envctl outdated --explain", "envctl outdated --check --json")


def run(arguments: Namespace, console: Console) -> int:
    """List what is outdated."""
    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import result_document
    from envctl.cli.show.obstacles import outdated_lines
    from envctl.workflow.outdated import find_outdated

    found = find_outdated(begin(arguments, console), explain=arguments.explain)
    deliver(
        console,
        arguments.format,
        lines=lambda: outdated_lines(found),
        document=lambda: result_document("outdated", found),
    )
    return 3 if arguments.check and found.amount else 0
