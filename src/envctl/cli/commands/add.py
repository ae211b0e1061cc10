"""``envctl add``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.commands.plan import check_max_bytes
from envctl.cli.console import Console
from envctl.cli.editing import add_bounds, add_edit_options, add_list_options, edit, edit_lock, read_list
from envctl.cli.options import Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "requirements",
        nargs="+",
        metavar="REQUIREMENT",
        help="a package, with bounds, extras and a marker if need be",
    )
    add_list_options(parser, "add to")
    add_bounds(parser, "bounds for what is given without", default="lower")
    add_edit_options(parser)
    parser.description = (
        "Writes requirements into the manifest, resolves, and goes on as `envctl apply`: manifest, lock and "
        "environment change together or not at all. An entry that is there is changed: what is given counts, "
        "the rest of it stays. Locked versions stay. Comments, order and layout stay, and with "
        '`project = "."` the lists are those of pyproject.toml. Whatever fails or is answered with no, every '
        "file is as it was."
    )
    parser.examples = (
        "envctl add flask",
        "envctl add 'requests[socks]>=2.31' idna",
        "envctl add --group dev pytest ruff",
        "envctl add --extra postgres --bounds none psycopg --no-apply",
    )


def run(arguments: Namespace, console: Console) -> int:
    """Add, and print what was done."""
    from envctl.cli.begin import begin
    from envctl.manifest.edit import ListName
    from envctl.workflow.adding import Additions, change, change_lock

    check_max_bytes(arguments)
    wishes = Additions(
        requirements=tuple(arguments.requirements),
        to=read_list(arguments) or ListName(),
        bounds=arguments.bounds,
    )
    context, timeout = begin(arguments, console), arguments.lock_timeout
    if arguments.no_apply:
        return edit_lock(arguments, console, lambda: change_lock(context, wishes, lock_timeout=timeout))
    return edit(
        arguments,
        console,
        lambda options, confirm: change(context, wishes, options, confirm=confirm, lock_timeout=timeout),
    )
