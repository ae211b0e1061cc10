"""What the commands that edit the manifest have in common: options, and the way from a plan to its report."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from envctl.cli.commands.apply import confirm, is_wanted, show_plan
from envctl.cli.commands.plan import add_max_bytes
from envctl.cli.console import Console
from envctl.cli.options import PLAN_FORMATS, Parser, add_format, add_lock_timeout, group_name

if TYPE_CHECKING:
    from envctl.manifest.edit import ListName
    from envctl.plan.change import Plan
    from envctl.workflow.results import Locked, ManifestChange, PlanOptions, Report

    #: Shows a plan with what becomes of the manifest, and says whether to go on.
    Confirm = Callable[[Plan, tuple[ManifestChange, ...]], bool]

#: As `envctl.manifest.bounds` has them, which is loaded by those who rewrite some.
BOUNDS = ("lower", "exact", "none")

#: Below the examples of each.
NOTE = "With --no-apply and --json the document is that of `envctl lock`, else that of `envctl apply`."


def add_edit_options(parser: Parser) -> None:
    """Add the options that say how far to go, and how to print it."""
    parser.add_argument(
        "--no-apply", action="store_true", help="stop after manifest and lock; leave the environment"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_lock_timeout(parser)
    parser.add_argument("--adopt", action="store_true", help="take over an environment that others made")
    add_format(parser, PLAN_FORMATS)
    add_max_bytes(parser)
    parser.notes = (NOTE,)


def add_bounds(parser: Parser, what: str, *, default: str) -> None:
    """Add ``--bounds``."""
    parser.add_argument(
        "--bounds",
        choices=BOUNDS,
        default=default,
        metavar="HOW",
        help=f"{what}: lower, exact or none (default: {default})",
    )


def add_list_options(parser: Parser, verb: str) -> None:
    """Add ``--group`` and ``--extra``, of which one may be given."""
    parser.add_argument("--group", type=group_name, metavar="GROUP", help=f"{verb} this dependency group")
    parser.add_argument(
        "--extra", type=group_name, metavar="EXTRA", help=f"{verb} this list of optional dependencies"
    )


def read_list(arguments: Namespace) -> ListName | None:
    """Return the list that is meant, None where nothing was said.

    Raises:
        UsageError: `bad-usage` for both at once.
    """
    from envctl.errors import UsageError
    from envctl.manifest.edit import ListName

    if arguments.group is not None and arguments.extra is not None:
        raise UsageError("bad-usage", "`--group` and `--extra` name two lists; an entry stands in one")
    if arguments.group is None and arguments.extra is None:
        return None
    return ListName(group=arguments.group, extra=arguments.extra)


def edit_lock(arguments: Namespace, console: Console, lock: Callable[[], Locked]) -> int:
    """Edit manifest and lock alone, and print what was done."""
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import result_document
    from envctl.cli.show.locked import locked_lines
    from envctl.errors import UsageError

    if arguments.format not in {"text", "json", "yaml"}:
        raise UsageError("bad-usage", f"`--no-apply` makes no plan to be written as {arguments.format}")
    locked = lock()
    deliver(
        console,
        arguments.format,
        lines=lambda: locked_lines(locked, arguments.directory, verbose=bool(console.verbose)),
        document=lambda: result_document("lock", locked),
    )
    return 0


def edit(arguments: Namespace, console: Console, apply: Callable[[PlanOptions, Confirm], Report]) -> int:
    """Edit, apply, and print what was done; ``apply`` is given what shows the plan and asks."""
    from envctl.cli.show.locked import manifest_change_lines
    from envctl.cli.show.plans import deliver_reports
    from envctl.workflow.results import PlanOptions

    # What `apply` has and these have not: one environment, and a plan that cannot be applied by itself.
    arguments.all, arguments.out = False, None
    shown = []

    def answer(plan: Plan, changes: tuple[ManifestChange, ...]) -> bool:
        shown.append(plan)
        lines = manifest_change_lines(changes, arguments.directory)
        if lines and is_wanted(plan, arguments, console):
            (console.show if arguments.format == "text" else console.say)([*lines, ""])
        return confirm(plan, arguments, console)

    report = apply(PlanOptions(adopt=arguments.adopt), answer)
    if not shown and arguments.format == "text":
        show_plan(report.plan, arguments, console)
    deliver_reports([report], arguments, console)
    return 0
