"""``envctl import``; the module cannot be called as the command is."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.commands.plan import check_max_bytes
from envctl.cli.console import Console
from envctl.cli.editing import add_bounds, add_edit_options, add_list_options, edit, edit_lock, read_list
from envctl.cli.options import Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "path", metavar="FILE", help="a virtual environment, a requirements.txt or a pylock.toml"
    )
    add_list_options(parser, "add to")
    add_bounds(parser, "bounds of what has none of its own", default="lower")
    add_edit_options(parser)
    parser.description = (
        "Takes over what an environment holds: what was asked for, and what nothing else requires, goes to "
        "the lists; editable, local, git and URL installs to `[sources]`; and the lock is made with the "
        "versions that are installed. Of a pylock.toml the same is taken. A requirements.txt is taken as it "
        "is written, with what it includes; its constraints go to `[lock] constraints`. Adds to the "
        "manifest, or makes one in the working folder. Then it goes on as `envctl apply`; an environment "
        "that others made is left as it is until --adopt is given. Comments, order and layout stay. Whatever "
        "fails or is answered with no, every file is as it was."
    )
    parser.examples = (
        "envctl import .venv",
        "envctl import .venv --adopt",
        "envctl import ../old/.venv --no-apply",
        "envctl import requirements.txt",
        "envctl import --group dev requirements-dev.txt",
    )


def run(arguments: Namespace, console: Console) -> int:
    """Import, and print what was done."""
    from envctl.cli.begin import begin
    from envctl.workflow.importing import Import

    check_max_bytes(arguments)
    task = Import(begin(arguments, console), arguments.path, to=read_list(arguments), bounds=arguments.bounds)
    timeout = arguments.lock_timeout
    left = None if arguments.adopt else task.leaves
    if arguments.no_apply or left is not None:
        code = edit_lock(arguments, console, lambda: task.lock(lock_timeout=timeout))
        if left is not None and not arguments.no_apply and not console.quiet:
            console.say(["the environment is left as it is: `envctl apply --adopt` takes it over"])
        return code
    return edit(
        arguments,
        console,
        lambda options, confirm: task.apply(options, confirm=confirm, lock_timeout=timeout),
    )
