"""``envctl cache``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "what",
        choices=("dir", "info", "purge"),
        metavar="WHAT",
        help="dir prints the folder, info what it holds, purge empties it",
    )
    add_format(parser)
    parser.description = "No environment needs the cache to run: it can be deleted at any time."
    parser.examples = ("envctl cache dir", "envctl cache info", "envctl cache purge")


def run(arguments: Namespace, console: Console) -> int:
    """Show or empty the cache."""
    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import document, result_document
    from envctl.cli.show.results import cache_lines
    from envctl.cli.show.words import size
    from envctl.workflow.cache import cache_info, purge

    arguments.no_cache = False  # what is asked about is the cache that others use
    context = begin(arguments, console)
    folder = context.settings.cache_dir
    if arguments.what == "dir":
        deliver(
            console, arguments.format, lines=lambda: [folder], document=lambda: document("cache", path=folder)
        )
        return 0
    if arguments.what == "purge":
        freed = purge(context)
        deliver(
            console,
            arguments.format,
            lines=lambda: [f"Emptied {folder}: {size(freed)} freed."],
            document=lambda: document("cache", path=folder, freed_bytes=freed),
        )
        return 0
    info = cache_info(context)
    buckets = {
        name: {
            "bytes": extent.size,
            "shared_bytes": extent.size - extent.own,
            "entries": extent.count,
        }
        for name, extent in info.buckets.items()
    }
    deliver(
        console,
        arguments.format,
        lines=lambda: cache_lines(info),
        document=lambda: {**result_document("cache", info), "buckets": buckets},
    )
    return 0
