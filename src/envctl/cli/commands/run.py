"""``envctl run``."""

from __future__ import annotations

import argparse
import os
import sys

from envctl.cli.console import Console
from envctl.cli.options import Parser, positive_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envctl.workflow.results import Launch

#: What a shell exits with for a command that is not there, or that it may not execute.
NOT_FOUND = 127
NOT_EXECUTABLE = 126


def configure(parser: Parser) -> None:
    """Declare the options; everything from the command on belongs to the command."""
    parser.add_argument(
        "words", nargs=argparse.PARSER, metavar="COMMAND", help="the command and its arguments, as they are"
    )
    parser.add_argument("--apply", action="store_true", help="apply first, without asking")
    parser.add_argument(
        "--generation",
        type=positive_number,
        metavar="N",
        help="run in this generation, which stays where it is",
    )
    parser.description = (
        "Runs a command in the environment and exits as it does. Never changes the environment, unless "
        "--apply is given; when it is not what the lock wants, one line says so. With --generation an "
        "earlier environment is tried without rolling back to it; scripts that its programs start in turn "
        "run in the live one."
    )
    parser.examples = (
        "envctl run pytest -q",
        "envctl run -e ci -- python -m http.server",
        "envctl run --apply pytest",
        "envctl run --generation 5 pytest",
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Become the command, or wait for it where a process cannot become another."""
    from envctl.cli.console import Styled

    words = arguments.words[1:] if arguments.words[0] == "--" else arguments.words
    if not words:
        from envctl.errors import UsageError

        raise UsageError("bad-usage", "no command is given to run")
    if arguments.generation is not None:
        launch = _launch_generation(arguments, words, console)
    else:
        launch = _launch_unchanged(arguments, words, console) or _launch(arguments, words, console)
    if launch.remark and not console.quiet:
        console.say([(Styled("note:", "cyan"), f" {launch.remark}")])
    console.finish()
    return start(list(launch.argv), dict(launch.environ), arguments.directory, console)


def _launch_unchanged(arguments: argparse.Namespace, words: list[str], console: Console) -> Launch | None:
    """Launch from the receipt, parsing nothing; None when that does not vouch for the environment."""
    from envctl.unchanged import describe_active, find_manifest, find_unchanged

    if arguments.apply or console.verbose:
        return None
    manifest = find_manifest(arguments.directory, arguments.file)
    environment = find_unchanged(manifest, arguments.env or "default") if manifest else None
    if environment is None:
        return None
    from envctl.workflow.activation import make_launch

    other = describe_active(os.environ, environment)
    if other is not None and not console.quiet:
        console.say([other])
    return make_launch(environment, tuple(words), os.environ)


def _launch_generation(arguments: argparse.Namespace, words: list[str], console: Console) -> Launch:
    """Launch in a generation that is kept, or in the live one by its number."""
    from envctl.cli.begin import begin
    from envctl.errors import UsageError
    from envctl.workflow.run import prepare_run_of

    if arguments.apply:
        raise UsageError(
            "bad-usage", "`--apply` is about the live environment, and `--generation` about another"
        )
    return prepare_run_of(begin(arguments, console), arguments.generation, tuple(words))


def _launch(arguments: argparse.Namespace, words: list[str], console: Console) -> Launch:
    """Launch after a look at manifest, lock and environment, and after an apply if one is asked for."""
    from envctl.cli.begin import begin
    from envctl.workflow.run import prepare_run

    context = begin(arguments, console)
    if arguments.apply:
        from envctl.workflow.apply import apply
        from envctl.workflow.results import PlanOptions

        apply(context, PlanOptions(), confirm=lambda _: True, lock_timeout=60.0)
    return prepare_run(context, tuple(words))


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
