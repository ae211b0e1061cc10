"""``envctl run``."""

from __future__ import annotations

import argparse
import os
import sys

from envctl.cli.console import Console
from envctl.cli.options import Parser

#: What a shell exits with for a command that is not there, or that it may not execute.
NOT_FOUND = 127
NOT_EXECUTABLE = 126


def configure(parser: Parser) -> None:
    """Declare the options; everything from the command on belongs to the command."""
    parser.add_argument(
        "words", nargs=argparse.PARSER, metavar="COMMAND", help="the command and its arguments, as they are"
    )
    parser.add_argument("--apply", action="store_true", help="apply first, without asking")
    parser.description = (
        "Runs a command in the environment and exits as it does. Never changes the environment, unless "
        "--apply is given; when it is not what the lock wants, one line says so."
    )
    parser.examples = (
        "envctl run pytest -q",
        "envctl run -e ci -- python -m http.server",
        "envctl run --apply pytest",
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Become the command, or wait for it where a process cannot become another."""
    from envctl.cli.begin import begin
    from envctl.cli.console import Styled
    from envctl.workflow.run import prepare_run

    words = arguments.words[1:] if arguments.words[0] == "--" else arguments.words
    if not words:
        from envctl.errors import UsageError

        raise UsageError("bad-usage", "no command is given to run")
    context = begin(arguments, console)
    if arguments.apply:
        from envctl.workflow.apply import apply
        from envctl.workflow.results import PlanOptions

        apply(context, PlanOptions(), confirm=lambda _: True, lock_timeout=60.0)
    launch = prepare_run(context, tuple(words))
    if launch.remark and not console.quiet:
        console.say([(Styled("note:", "cyan"), f" {launch.remark}")])
    console.finish()
    return start(list(launch.argv), dict(launch.environ), arguments.directory, console)


def start(argv: list[str], environ: dict[str, str], directory: str, console: Console) -> int:
    """Start a command with an environment in a folder; return only on failure, or on Windows."""
    from envctl.cli.console import Styled

    try:
        if os.name == "nt":
            import subprocess

            return subprocess.run(argv, env=environ, cwd=directory, check=False).returncode
        os.chdir(directory)
        _flush()
        os.execvpe(argv[0], argv, environ)  # noqa: S606 - no shell is wanted here
    except (FileNotFoundError, NotADirectoryError):
        console.say([(Styled("error:", "red"), f" there is no command `{argv[0]}` [command-not-found]")])
        return NOT_FOUND
    except OSError as error:
        reason = error.strerror or "it cannot be executed"
        console.say([(Styled("error:", "red"), f" `{argv[0]}`: {reason} [command-not-executable]")])
        return NOT_EXECUTABLE


def _flush() -> None:
    """Empty the buffers: what is in them is lost when the process becomes another."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
