"""``envctl lock``."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format, group_name, project_name


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing, use no network; 0 if up to date, 3 if not"
    )
    parser.add_argument("--upgrade", action="store_true", help="let go of every locked version")
    parser.add_argument(
        "--upgrade-package",
        action="append",
        type=project_name,
        default=[],
        metavar="NAME",
        help="let go of this package's locked version; may be repeated",
    )
    parser.add_argument(
        "--upgrade-group",
        action="append",
        type=group_name,
        default=[],
        metavar="GROUP",
        help="let go of what this dependency group needs, itself and further down; may be repeated",
    )
    add_format(parser)
    parser.refused = {"env": "the lock is for all environments"}
    parser.description = (
        "Writes pylock.toml; every locked version that still fits is kept. Says what is different: what was "
        "added and removed, what went up or down and how far, and who asks for it."
    )
    parser.examples = (
        "envctl lock",
        "envctl lock --check",
        "envctl lock --upgrade-package idna",
        "envctl lock --upgrade-group dev",
    )


def run(arguments: Namespace, console: Console) -> int:
    """Lock and say what is different."""
    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.locked import locked_lines
    from envctl.errors import UsageError
    from envctl.workflow.lock import lock

    if arguments.check and (arguments.upgrade or arguments.upgrade_package or arguments.upgrade_group):
        raise UsageError("bad-usage", "`--check` writes nothing, so there is nothing to upgrade")
    locked = lock(
        begin(arguments, console),
        check=arguments.check,
        upgrade=arguments.upgrade,
        upgrade_packages=frozenset(arguments.upgrade_package),
        upgrade_groups=tuple(arguments.upgrade_group),
    )

    def document() -> dict[str, Any]:
        from envctl.cli.show.documents import result_document

        return result_document("lock", locked)

    deliver(
        console,
        arguments.format,
        lines=lambda: locked_lines(locked, arguments.directory, verbose=console.verbose),
        document=document,
    )
    return 0
