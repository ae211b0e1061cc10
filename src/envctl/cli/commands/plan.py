"""``envctl plan``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from envctl.cli.console import Console
from envctl.cli.options import (
    PLAN_FORMATS,
    Parser,
    add_format,
    add_planning_options,
    positive_number,
)

if TYPE_CHECKING:
    from envctl.plan.change import Plan
    from envctl.workflow.results import PlanOptions


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("--out", metavar="FILE", help="also write the plan as JSON, for `envctl apply FILE`")
    parser.add_argument("--detailed-exitcode", action="store_true", help="exit with 2 when there are changes")
    parser.add_argument("--all", action="store_true", help="every environment of the manifest, in its order")
    add_planning_options(parser)
    add_format(parser, PLAN_FORMATS)
    add_max_bytes(parser)
    parser.description = (
        "Never changes the manifest, the lock or the environment. A lock that is missing or out of date is "
        "made anew in memory, and its changes are part of the plan."
    )
    parser.examples = (
        "envctl plan",
        "envctl plan --out plan.json && envctl apply plan.json",
        "envctl plan --detailed-exitcode --locked",
        "envctl plan --format markdown --max-bytes 65000",
    )
    parser.notes = ("Exit codes: 0, 2 with --detailed-exitcode, 3 when policy or --locked says no.",)


def add_max_bytes(parser: Parser) -> None:
    """Add ``--max-bytes``, which only Markdown takes."""
    parser.add_argument(
        "--max-bytes", type=positive_number, metavar="N", help="cut the Markdown to that many bytes"
    )


def run(arguments: Namespace, console: Console) -> int:
    """Plan, and print what would be done."""
    from envctl.cli.begin import begin, resolve_path
    from envctl.cli.each import each_environment, keep_finished
    from envctl.cli.show.plans import deliver_plans
    from envctl.workflow.plan import make_plan

    check_output(arguments)
    options = planning_options(arguments)
    context = begin(arguments, console)
    plans: list[Plan] = []
    with keep_finished(arguments, lambda: _documents(plans)):
        for chosen in each_environment(context, arguments, console):
            plan = make_plan(chosen, options)
            plans.append(plan)
            if arguments.out is not None:
                write_plan(plan, resolve_path(arguments, arguments.out))
            if arguments.format == "text":
                deliver_plans([plan], arguments, console)
    if arguments.format != "text":
        deliver_plans(plans, arguments, console)
    return choose_plan_code(plans, detailed=arguments.detailed_exitcode)


def _documents(plans: Sequence[Plan]) -> list[dict[str, Any]]:
    from envctl.plan.document import format_plan

    return [format_plan(plan) for plan in plans]


def planning_options(arguments: Namespace) -> PlanOptions:
    """Make the workflow's `PlanOptions` of the command line's."""
    from envctl.cli.begin import resolve_path
    from envctl.workflow.results import PlanOptions

    from_lock, bundle = arguments.from_lock, getattr(arguments, "bundle", None)
    return PlanOptions(
        locked=arguments.locked,
        from_lock=resolve_path(arguments, from_lock) if from_lock is not None else None,
        adopt=arguments.adopt,
        bundle=resolve_path(arguments, bundle) if bundle is not None else None,
        verify=arguments.verify,
        reinstall=frozenset(arguments.reinstall),
    )


def check_output(arguments: Namespace) -> None:
    """Refuse options that do not go together.

    Raises:
        UsageError: `bad-usage`.
    """
    from envctl.cli.each import refuse_all_with_one
    from envctl.errors import UsageError

    refuse_all_with_one(arguments)
    if arguments.all and arguments.out is not None:
        raise UsageError("bad-usage", "`--out` takes one plan, `--all` makes several")
    check_max_bytes(arguments)


def check_max_bytes(arguments: Namespace) -> None:
    """Refuse ``--max-bytes`` beside any format but Markdown.

    Raises:
        UsageError: `bad-usage`.
    """
    from envctl.errors import UsageError

    if arguments.max_bytes is not None and arguments.format != "markdown":
        raise UsageError("bad-usage", "`--max-bytes` goes with `--format markdown` only")


def write_plan(plan: Plan, path: str) -> None:
    """Write a plan where ``--out`` says.

    Raises:
        MachineError: `not-writable`.
    """
    from envctl import atomic
    from envctl.errors import MachineError
    from envctl.plan.document import dump_plan

    try:
        atomic.replace(path, dump_plan(plan))
    except OSError as error:
        message = f"the plan cannot be written to `{path}`: {error.strerror}"
        hints = ["`--out` names a file in a folder that is there and may be written"]
        raise MachineError("not-writable", message, where=path, hints=hints) from error


def choose_plan_code(plans: Sequence[Plan], *, detailed: bool) -> int:
    """Choose the exit code of plans: 3 for what policy forbids, before 2 for changes."""
    if not all(plan.applyable for plan in plans):
        return 3
    return 2 if detailed and not all(plan.is_empty for plan in plans) else 0
