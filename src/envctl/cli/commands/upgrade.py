"""``envctl upgrade``."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from envctl.cli.commands.apply import confirm
from envctl.cli.commands.plan import add_max_bytes, check_max_bytes
from envctl.cli.console import Console
from envctl.cli.options import (
    PLAN_FORMATS,
    Parser,
    add_format,
    add_lock_timeout,
    group_name,
    project_name,
)

if TYPE_CHECKING:
    from envctl.plan.change import Plan
    from envctl.workflow.context import Context
    from envctl.workflow.results import ManifestChange
    from envctl.workflow.upgrade import Wishes

#: As `envctl.manifest.bounds` has them, which is loaded by those who rewrite some.
BOUNDS = ("lower", "exact", "none")


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
    parser.add_argument(
        "--bounds",
        choices=BOUNDS,
        default="none",
        metavar="HOW",
        help="rewrite the bounds in the manifest, too: lower, exact or none (default: none)",
    )
    parser.add_argument(
        "--no-apply", action="store_true", help="stop after manifest and lock; leave the environment"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_lock_timeout(parser)
    parser.add_argument("--adopt", action="store_true", help="take over an environment that others made")
    add_format(parser, PLAN_FORMATS)
    add_max_bytes(parser)
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
    parser.notes = (
        "With --no-apply and --json the document is that of `envctl lock`, else that of `envctl apply`.",
    )


def run(arguments: Namespace, console: Console) -> int:
    """Upgrade, and print what was done."""
    from envctl.cli.begin import begin
    from envctl.workflow.upgrade import Wishes

    check_max_bytes(arguments)
    wishes = Wishes(names=frozenset(arguments.names), groups=tuple(arguments.group), bounds=arguments.bounds)
    if arguments.no_apply:
        return _lock(begin(arguments, console), wishes, arguments, console)
    return _apply(begin(arguments, console), wishes, arguments, console)


def _lock(context: Context, wishes: Wishes, arguments: Namespace, console: Console) -> int:
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import result_document
    from envctl.cli.show.locked import locked_lines
    from envctl.errors import UsageError
    from envctl.workflow.upgrade import upgrade_lock

    if arguments.format not in {"text", "json", "yaml"}:
        raise UsageError("bad-usage", f"`--no-apply` makes no plan to be written as {arguments.format}")
    locked = upgrade_lock(context, wishes, lock_timeout=arguments.lock_timeout)
    deliver(
        console,
        arguments.format,
        lines=lambda: locked_lines(locked, arguments.directory, verbose=console.verbose),
        document=lambda: result_document("lock", locked),
    )
    return 0


def _apply(context: Context, wishes: Wishes, arguments: Namespace, console: Console) -> int:
    from envctl.cli.show.locked import manifest_change_lines
    from envctl.cli.show.plan import plan_lines
    from envctl.cli.show.plans import deliver_reports
    from envctl.workflow.results import PlanOptions
    from envctl.workflow.upgrade import upgrade

    # What `apply` has and this has not: one environment, and a plan that cannot be applied by itself.
    arguments.all, arguments.out = False, None
    shown = []

    def answer(plan: Plan, changes: tuple[ManifestChange, ...]) -> bool:
        shown.append(plan)
        lines = manifest_change_lines(changes, arguments.directory)
        if lines:
            (console.show if arguments.format == "text" else console.say)([*lines, ""])
        return confirm(plan, arguments, console)

    report = upgrade(
        context,
        wishes,
        PlanOptions(adopt=arguments.adopt),
        confirm=answer,
        lock_timeout=arguments.lock_timeout,
    )
    if not shown and arguments.format == "text":
        console.show(plan_lines(report.plan, verbose=console.verbose))
    deliver_reports([report], arguments, console)
    return 0
