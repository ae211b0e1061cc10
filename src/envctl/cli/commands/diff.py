"""``envctl diff``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.commands.plan import add_max_bytes, check_max_bytes
from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format

#: The formats of a difference.
FORMATS = ("text", "json", "yaml", "markdown")


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "before",
        nargs="?",
        metavar="REV|FILE|N",
        help="what to begin with: a file, a generation, or a git revision (default: HEAD)",
    )
    parser.add_argument(
        "after",
        nargs="?",
        metavar="REV|FILE|N",
        help="what to end with (default: the lock beside the manifest, or the live generation)",
    )
    parser.add_argument("--check", action="store_true", help="exit with 3 when there are differences")
    add_format(parser, FORMATS)
    add_max_bytes(parser)
    parser.description = (
        "Shows two locks beside each other, of envctl or of another tool: what was added and removed, what "
        "went up or down and how far, what has other files at the same version; for whom, how old, and how "
        "much larger. A whole number, or `live`, is a generation of the environment: then packages, Python "
        "and files of others are compared as they are on disk. Changes nothing, and asks no index. A file "
        "goes before a generation or a revision of the same name."
    )
    parser.examples = (
        "envctl diff",
        "envctl diff origin/main --format markdown",
        "envctl diff v1.2 v1.3",
        "envctl diff old/pylock.toml pylock.toml --check",
        "envctl diff 5 7",
        "envctl diff 5",
    )
    parser.notes = ("Exit codes: 0, 3 with --check when there are differences.",)


def run(arguments: Namespace, console: Console) -> int:
    """Compare, and print what is different."""
    from datetime import UTC, datetime

    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.difference import diff_document, diff_lines, diff_markdown
    from envctl.workflow.diff import diff

    check_max_bytes(arguments)
    context = begin(arguments, console)
    difference = diff(context, arguments.before, arguments.after, named=arguments.env_typed)
    now, directory = datetime.now(UTC), arguments.directory
    if arguments.format == "markdown":
        console.document(diff_markdown(difference, directory, now=now, max_bytes=arguments.max_bytes))
    else:
        deliver(
            console,
            arguments.format,
            lines=lambda: diff_lines(difference, directory, now=now, verbose=console.verbose),
            document=lambda: diff_document(difference),
        )
    return 3 if arguments.check and difference.differs else 0
