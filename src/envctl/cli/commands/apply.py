"""``envctl apply``."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from envctl.cli.commands.plan import add_max_bytes, check_output, planning_options, write_plan
from envctl.cli.console import Console
from envctl.cli.options import (
    PLAN_FORMATS,
    Parser,
    add_format,
    add_lock_timeout,
    add_planning_options,
)

if TYPE_CHECKING:
    from envctl.plan.change import Plan
    from envctl.workflow.context import Context
    from envctl.workflow.results import Report


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("plan", nargs="?", metavar="PLAN", help="a plan that `envctl plan --out` wrote")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_lock_timeout(parser)
    parser.add_argument("--out", metavar="FILE", help="also write the plan as JSON")
    parser.add_argument(
        "--detailed-exitcode", action="store_true", help="exit with 2 when there were changes"
    )
    parser.add_argument("--all", action="store_true", help="every environment of the manifest, in its order")
    parser.add_argument(
        "--bundle",
        metavar="FILE",
        help="take all from a file of `envctl bundle create`; implies --locked and --offline",
    )
    add_planning_options(parser)
    add_format(parser, PLAN_FORMATS)
    add_max_bytes(parser)
    parser.description = (
        "Plans, prints the plan and does exactly that. Environment and lock change together or not at all. "
        "With a saved plan it resolves nothing and does not ask. Else it asks, on a terminal, when something "
        "would be removed, replaced or downgraded. With -q it prints what was done, and the plan only where "
        "it asks or is refused."
    )
    parser.examples = (
        "envctl apply",
        "envctl apply --locked",
        "envctl apply plan.json",
        "envctl apply --all --yes",
        "envctl apply --bundle shop.bundle",
    )
    parser.notes = (
        (
            "Exit codes: 0, 2 with --detailed-exitcode, 3 when policy or --locked says no, 4 when a saved "
            "plan no longer fits, 5 when another run holds it, 6 when it failed, all as before."
        ),
    )


def run(arguments: Namespace, console: Console) -> int:
    """Apply, and print what was done."""
    from envctl.cli.begin import begin
    from envctl.cli.each import each_environment, keep_finished
    from envctl.cli.show.plans import deliver_reports, report_document

    check_output(arguments)
    refuse_planning_options(arguments)
    _read_bundle(arguments)
    context = begin(arguments, console)
    reports: list[Report] = []
    with keep_finished(arguments, lambda: [report_document(each) for each in reports]):
        for chosen in each_environment(context, arguments, console):
            reports.append(_apply(chosen, arguments, console))
            if arguments.format == "text":
                deliver_reports(reports[-1:], arguments, console)
    if arguments.format != "text":
        deliver_reports(reports, arguments, console)
    changed = any(report.outcome == "applied" or report.lock_written for report in reports)
    return 2 if changed and arguments.detailed_exitcode else 0


def _read_bundle(arguments: Namespace) -> None:
    """Take from ``--bundle`` what it implies.

    Raises:
        UsageError: `bad-usage` together with ``--from``, whose lock it is not made of.
    """
    if arguments.bundle is None:
        return
    if arguments.from_lock is not None:
        from envctl.errors import UsageError

        raise UsageError(
            "bad-usage", "`--bundle` and `--from` contradict each other: a bundle has its own lock"
        )
    arguments.locked = arguments.offline = True


def _apply(context: Context, arguments: Namespace, console: Console) -> Report:
    from envctl.cli.begin import resolve_path

    shown = []

    def answer(plan: Plan) -> bool:
        shown.append(plan)
        if arguments.plan is None:
            return confirm(plan, arguments, console)
        _put_out(plan, arguments, console)
        return True  # who saved it has agreed to it

    timeout = arguments.lock_timeout
    if arguments.plan is not None:
        from envctl.workflow.saved import apply_saved

        path = resolve_path(arguments, arguments.plan)
        report = apply_saved(context, path, confirm=answer, lock_timeout=timeout)
    else:
        from envctl.workflow.apply import apply

        report = apply(context, planning_options(arguments), confirm=answer, lock_timeout=timeout)
    if not shown:  # nothing to confirm, because nothing was to be done
        _put_out(report.plan, arguments, console)
    return report


def confirm(plan: Plan, arguments: Namespace, console: Console) -> bool:
    """Show the plan, write it where ``--out`` says, and ask if it has to be asked."""
    from envctl.cli.show.plan import plan_lines

    _put_out(plan, arguments, console)
    if not asks(plan, arguments, console):
        return True
    if arguments.format != "text":  # stdout holds the document alone; whoever is asked sees what about
        console.say(plan_lines(plan, verbose=console.verbose))
    return console.ask(f"Apply this to {plan.environment.path}?")


def asks(plan: Plan, arguments: Namespace, console: Console) -> bool:
    """Whether somebody is asked before a plan is carried out; a saved one was agreed to."""
    from envctl.cli.show.results import asks_first

    silent = arguments.yes or arguments.format == "json" or not console.interactive
    return not silent and plan.applyable and asks_first(plan)


def is_wanted(plan: Plan, arguments: Namespace, console: Console) -> bool:
    """Whether a plan that is carried out next is shown: with ``-q`` only where it asks, or is refused."""
    return not console.quiet or not plan.applyable or asks(plan, arguments, console)


def _put_out(plan: Plan, arguments: Namespace, console: Console) -> None:
    """Show the plan, where text is wanted, and write it where ``--out`` says."""
    from envctl.cli.begin import resolve_path

    if arguments.out is not None:
        write_plan(plan, resolve_path(arguments, arguments.out))
    if arguments.format == "text":
        show_plan(plan, arguments, console)


def show_plan(plan: Plan, arguments: Namespace, console: Console) -> None:
    """Show a plan that is carried out next; one that is not wanted says no more than that it is empty."""
    from envctl.cli.show.plan import plan_lines, summary_lines

    if is_wanted(plan, arguments, console):
        console.show(plan_lines(plan, verbose=console.verbose))
    elif plan.is_empty:
        console.show(summary_lines(plan))


def refuse_planning_options(arguments: Namespace) -> None:
    """Refuse with a saved plan what would shape a plan.

    Raises:
        UsageError: `bad-usage`.
    """
    from envctl.errors import UsageError

    if arguments.plan is None:
        return
    given = [
        option
        for option, is_given in (
            ("--all", arguments.all),
            ("--out", arguments.out is not None),
            ("--locked", arguments.locked),
            ("--bundle", arguments.bundle is not None),
            ("--from", arguments.from_lock is not None),
            ("--adopt", arguments.adopt),
            ("--verify", arguments.verify != "stat"),
            ("--reinstall", bool(arguments.reinstall)),
        )
        if is_given
    ]
    if given:
        raise UsageError("bad-usage", f"a saved plan takes no `{given[0]}`: it is applied exactly as it is")
