"""``envctl upgrade``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.commands.plan import check_max_bytes
from envctl.cli.console import Console
from envctl.cli.editing import add_bounds, add_edit_options, edit, edit_lock
from envctl.cli.options import Parser, group_name, project_name


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "names",
        nargs="*",
        type=project_name,
        metavar="NAME",
        help="a package to be moved (default: all of them)",
    )
    parser.add_argument(
        "--group",
        action="append",
        type=group_name,
        default=[],
        metavar="GROUP",
        help="what this dependency group needs, itself and further down; may be repeated",
    )
    add_bounds(parser, "rewrite the bounds in the manifest, too", default="none")
    add_edit_options(parser)
    parser.description = (
        "Lets go of locked versions, resolves, and goes on as `envctl apply`: manifest, lock and environment "
        "change together or not at all. Upper limits and exclusions in the manifest hold; with --bounds pins "
        "(`==1.2`) are let go of, too, and bounds are rewritten to what was chosen. Comments, order, layout "
        "stay. Whatever fails or is answered with no, every file is as it was."
    )
    parser.examples = (
        "envctl upgrade",
        "envctl upgrade flask requests",
        "envctl upgrade --group dev --no-apply",
        "envctl upgrade --bounds lower",
    )


def run(arguments: Namespace, console: Console) -> int:
    """Upgrade, and print what was done."""
    from envctl.cli.begin import begin
    from envctl.workflow.upgrade import Wishes, upgrade, upgrade_lock

    check_max_bytes(arguments)
    wishes = Wishes(names=frozenset(arguments.names), groups=tuple(arguments.group), bounds=arguments.bounds)
    context, timeout = begin(arguments, console), arguments.lock_timeout
    if arguments.no_apply:
        return edit_lock(arguments, console, lambda: upgrade_lock(context, wishes, lock_timeout=timeout))
    return edit(
        arguments,
        console,
        lambda options, confirm: upgrade(context, wishes, options, confirm=confirm, lock_timeout=timeout),
    )
