"""``envctl cache``."""

from __future__ import annotations

import argparse
import re
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from envctl.cli.console import Console
from envctl.cli.options import Parser, UnnamedFlag, add_format

if TYPE_CHECKING:
    from envctl.workflow.results import CacheInfo, Pruned

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([kKMGT]?i?)B?", re.ASCII)
_NOTE = (
    "Sizes are a number and a unit: `500 MB`, `1.5G`, `2 GiB`. What environments share with the cache costs "
    "no room, and neither counts for `--max-size` nor is deleted for it."
)
_POWERS = {"": 0, "k": 1, "M": 2, "G": 3, "T": 4}


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "what",
        choices=("dir", "info", "prune", "purge"),
        metavar="WHAT",
        help="dir prints the folder, info what it holds, prune deletes what is of no use, purge empties it",
    )
    parser.add_argument(
        "--max-size",
        type=human_size,
        metavar="SIZE",
        help="prune: then what was longest not used, until at most SIZE is left",
    )
    # `ENVCTL_VERIFY` says how plans look at environments.
    parser.add_argument(
        "--verify", action=UnnamedFlag, help="prune: read every byte, and delete what is damaged"
    )
    add_format(parser)
    parser.description = "No environment needs the cache to run: it can be deleted at any time."
    parser.examples = (
        "envctl cache dir",
        "envctl cache info",
        "envctl cache prune",
        'envctl cache prune --max-size "2 GB"',
        "envctl cache prune --verify --json",
        "envctl cache purge",
    )
    parser.notes = (_NOTE,)


def human_size(text: str) -> int:
    """Read a size in bytes: ``2 GB``, ``500 MiB``, ``1.5G``, ``0``."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or match[2] == "i":
        raise argparse.ArgumentTypeError(f"`{text}` is no size such as `500 MB` or `2 GiB`")
    unit = match[2]
    base = 1024 if unit.endswith("i") else 1000
    return int(float(match[1]) * base ** _POWERS[unit.removesuffix("i").replace("K", "k")])


def run(arguments: Namespace, console: Console) -> int:
    """Show, prune or empty the cache."""
    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import document

    _check(arguments)
    arguments.no_cache = False  # what is asked about is the cache that others use
    context = begin(arguments, console)
    folder = context.settings.cache_dir
    match arguments.what:
        case "dir":
            deliver(
                console,
                arguments.format,
                lines=lambda: [folder],
                document=lambda: document("cache", path=folder),
            )
        case "info":
            from envctl.cli.show.results import cache_lines
            from envctl.workflow.cache import cache_info

            info = cache_info(context)
            deliver(
                console,
                arguments.format,
                lines=lambda: cache_lines(info),
                document=lambda: document("cache", path=info.path, buckets=_plain_buckets(info)),
            )
        case "prune":
            from envctl.cli.show.results import pruned_lines
            from envctl.workflow.prune import prune

            pruned = prune(context, max_size=arguments.max_size, verify=arguments.verify)
            deliver(
                console,
                arguments.format,
                lines=lambda: pruned_lines(pruned),
                document=lambda: _pruned_document(pruned),
            )
        case _:
            from envctl.cli.show.words import size
            from envctl.workflow.cache import purge

            freed = purge(context)
            deliver(
                console,
                arguments.format,
                lines=lambda: [f"Emptied {folder}: {size(freed)} freed."],
                document=lambda: document("cache", path=folder, freed_bytes=freed),
            )
    return 0


def _plain_buckets(info: CacheInfo) -> dict[str, dict[str, int]]:
    return {
        name: {"bytes": extent.size, "shared_bytes": extent.size - extent.own, "entries": extent.count}
        for name, extent in info.buckets.items()
    }


def _pruned_document(pruned: Pruned) -> dict[str, Any]:
    from envctl.cli.show.documents import document

    return document(
        "cache",
        path=pruned.path,
        freed_bytes=pruned.freed,
        own_bytes=pruned.own_bytes,
        shared_bytes=pruned.shared_bytes,
        removed=[
            {"reason": each.reason, "bucket": each.bucket, "count": each.count, "bytes": each.size}
            for each in pruned.removed
        ],
        damaged=[
            {"bucket": each.bucket, "key": each.key, "name": each.name, "fault": each.fault}
            for each in pruned.damaged
        ],
    )


def _check(arguments: Namespace) -> None:
    """Refuse options of ``prune`` beside anything else.

    Raises:
        UsageError: `bad-usage`.
    """
    from envctl.errors import UsageError

    for option in ("max_size", "verify"):
        if getattr(arguments, option) not in {None, False} and arguments.what != "prune":
            name = option.replace("_", "-")
            raise UsageError("bad-usage", f"`--{name}` goes with `envctl cache prune` only")
