"""``envctl destroy``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format, add_lock_timeout


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("--yes", action="store_true", help="do not ask; needed off a terminal")
    add_lock_timeout(parser)
    add_format(parser)
    parser.description = (
        "Deletes the environment and the .envctl folder beside it, with all generations, and nothing else. "
        "Manifest, lock and cache stay."
    )
    parser.examples = ("envctl destroy", "envctl -e ci destroy --yes")


def run(arguments: Namespace, console: Console) -> int:
    """Ask, delete, and say what is gone."""
    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import document
    from envctl.cli.show.words import shorten
    from envctl.errors import UsageError
    from envctl.workflow.destroy import destroy

    if not arguments.yes and not console.interactive:
        raise UsageError(
            "needs-yes", "there is nobody to ask", hints=["`envctl destroy --yes` deletes without asking"]
        )

    def confirm(path: str) -> bool:
        return arguments.yes or console.ask(
            f"Delete {shorten(path, arguments.directory)} and all its generations?"
        )

    path = destroy(begin(arguments, console), confirm=confirm, lock_timeout=arguments.lock_timeout)
    deliver(
        console,
        arguments.format,
        lines=lambda: [f"Deleted {shorten(path, arguments.directory)} and all its generations."],
        document=lambda: document("destroy", path=path),
    )
    return 0
