"""``envctl list``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format


def configure(parser: Parser) -> None:
    """Declare the options."""
    add_format(parser)
    parser.description = (
        "Lists the packages that are in the environment, as they are on disk: `direct` ones a list of the "
        "manifest asks for, `foreign` ones envctl did not put there."
    )
    parser.examples = ("envctl list", "envctl -e ci list --json")


def run(arguments: Namespace, console: Console) -> int:
    """List what is installed."""
    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import document
    from envctl.cli.show.results import listed_lines
    from envctl.workflow.list import list_installed

    packages = list_installed(begin(arguments, console))
    deliver(
        console,
        arguments.format,
        lines=lambda: listed_lines(packages),
        document=lambda: document("list", packages=packages),
    )
    return 0
