"""``envctl init``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format


def configure(parser: Parser) -> None:
    """Declare the options."""
    add_format(parser)
    parser.description = (
        "Writes env.toml, and names the environment in .gitignore and .dockerignore where those are used. "
        'Beside a pyproject.toml the manifest says `project = "."`. Replaces nothing.'
    )
    parser.examples = ("envctl init", "envctl -C shop init")


def run(arguments: Namespace, console: Console) -> int:
    """Write the manifest and say what was written."""
    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import document
    from envctl.cli.show.results import init_lines
    from envctl.workflow.init import init

    written = init(begin(arguments, console))
    deliver(
        console,
        arguments.format,
        lines=lambda: init_lines(written, arguments.directory),
        document=lambda: document("init", written=written),
    )
    return 0
