"""``envctl why-not``."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format

if TYPE_CHECKING:
    from packaging.requirements import Requirement

#: No name with a specifier is longer.
_LONGEST = 500


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "requirement",
        type=_requirement,
        metavar="REQUIREMENT",
        help="NAME==X, NAME>=X or the like; NAME alone means its newest release",
    )
    add_format(parser)
    parser.refused = {"env": "the lock is for all environments"}
    parser.description = (
        "Tells all that keeps a package from the version: requirements of lists and of locked packages with "
        "the path to each, constraints, Requires-Python, files for other platforms, yanks, cooldowns, "
        "policy. Where there is none, it locks in memory with that version and everything else as it is, "
        "and tells what else would change, or what cannot hold together. Writes nothing."
    )
    parser.examples = (
        "envctl why-not urllib3==2.5.0",
        "envctl why-not 'django>=5'",
        "envctl why-not numpy --json",
    )


def run(arguments: Namespace, console: Console) -> int:
    """Explain what keeps a package from a version."""
    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import result_document
    from envctl.cli.show.obstacles import why_not_lines
    from envctl.workflow.why_not import why_not

    found = why_not(begin(arguments, console), arguments.requirement)
    deliver(
        console,
        arguments.format,
        lines=lambda: why_not_lines(found),
        document=lambda: result_document("why-not", found),
    )
    return 0


def _requirement(text: str) -> Requirement:
    """Read a name with a specifier; extras, markers and URLs say nothing about a version."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        requirement = Requirement(text[:_LONGEST])
    except InvalidRequirement:
        raise ArgumentTypeError(f"`{text}` is no requirement such as `idna==3.6`") from None
    if requirement.url or requirement.marker or requirement.extras or len(text) > _LONGEST:
        raise ArgumentTypeError(f"`{text}` is more than a name with a specifier, such as `idna==3.6`")
    requirement.name = canonicalize_name(requirement.name)
    return requirement
