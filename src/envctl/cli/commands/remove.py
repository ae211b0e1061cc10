"""``envctl remove``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.commands.plan import check_max_bytes
from envctl.cli.console import Console
from envctl.cli.editing import add_edit_options, add_list_options, edit, edit_lock, read_list
from envctl.cli.options import Parser, project_name


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "names", nargs="+", type=project_name, metavar="NAME", help="a package that a list asks for"
    )
    add_list_options(parser, "remove from")
    add_edit_options(parser)
    parser.description = (
        "Takes packages out of the manifest, resolves, and goes on as `envctl apply`: what nothing asks for "
        "any more is removed, and manifest, lock and environment change together or not at all. Without "
        "--group and --extra they go out of the dependencies, or out of the one list in which they are. "
        "Comments, order and layout stay. Whatever fails or is answered with no, every file is as it was."
    )
    parser.examples = ("envctl remove flask", "envctl remove --group dev ruff --no-apply")


def run(arguments: Namespace, console: Console) -> int:
    """Remove, and print what was done."""
    from envctl.cli.begin import begin
    from envctl.workflow.adding import Removals, change, change_lock

    check_max_bytes(arguments)
    wishes = Removals(names=tuple(arguments.names), out_of=read_list(arguments))
    context, timeout = begin(arguments, console), arguments.lock_timeout
    if arguments.no_apply:
        return edit_lock(arguments, console, lambda: change_lock(context, wishes, lock_timeout=timeout))
    return edit(
        arguments,
        console,
        lambda options, confirm: change(context, wishes, options, confirm=confirm, lock_timeout=timeout),
    )
