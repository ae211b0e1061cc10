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
        metavar="REV|FILE",
        help="the lock to begin with: a file, or a git revision (default: HEAD)",
    )
    parser.add_argument(
        "after",
        nargs="?",
        metavar="REV|FILE",
        help="the lock to end with (default: the one beside the manifest)",
    )
    parser.add_argument("--check", action="store_true", help="exit with 3 when the locks differ")
    add_format(parser, FORMATS)
    add_max_bytes(parser)
    parser.refused = {"env": "the lock is for all environments"}
    parser.description = (
        "Shows two locks beside each other, of envctl or of another tool: what was added and removed, what "
        "went up or down and how far, what has other files at the same version; for whom, how old, and how "
        "much larger. Changes nothing, and asks no index. A file goes before a revision of the same name."
    )
    parser.examples = (
        "envctl diff",
        "envctl diff origin/main --format markdown",
        "envctl diff v1.2 v1.3",
        "envctl diff old/pylock.toml pylock.toml --check",
    )
    parser.notes = ("Exit codes: 0, 3 with --check when the locks differ.",)


def run(arguments: Namespace, console: Console) -> int:
    """Compare, and print what is different."""
    from datetime import UTC, datetime

    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.difference import diff_document, diff_lines, diff_markdown
    from envctl.workflow.diff import diff

    check_max_bytes(arguments)
    difference = diff(begin(arguments, console), arguments.before, arguments.after)
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
