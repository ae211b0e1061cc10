"""From ``argv`` to an exit code: choose the command, run it, put into words what ended it.

The order keeps start-up small: first the fast path, which loads next to nothing, then argparse,
then the module of the one command that was named.
"""

from __future__ import annotations

import gc
import os
import sys

from envctl.cli.fast import try_fast

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from envctl.cli.console import Console
    from envctl.cli.options import Parser
    from envctl.cli.table import Command

#: Objects allocated between two looks for garbage.
_COLLECT_AFTER = 200_000


def entry() -> int:
    """Run as the installed command: arguments from the process, the exit code as the answer."""
    # Nothing that is imported will ever be garbage; looking for some costs a tenth of the start.
    gc.disable()
    code = main(sys.argv[1:])
    leave(code)
    return code


def leave(code: int) -> None:
    """End the process without taking its objects apart one by one: 5 to 15 ms. Returns where that is unsafe.

    Nothing is left to be done by then: files are closed, threads that are still there are daemons.
    """
    threading = sys.modules.get("threading")
    # The main thread is one that is no daemon; without the module there is no other.
    if threading is not None and sum(not thread.daemon for thread in threading.enumerate()) > 1:
        return
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return  # the interpreter says what it has to say of a reader that went away
    os._exit(code)


def main(argv: list[str]) -> int:
    """Run one command line and return its exit code. Nothing but a bug in this function raises."""
    try:
        code = try_fast(argv)
        if code is not None:
            return code
        return _run(argv)
    except KeyboardInterrupt:  # so early or so late that nothing was begun
        return 130


def _run(argv: list[str]) -> int:
    from envctl.cli.console import Console
    from envctl.cli.failure import report_failure
    from envctl.cli.interruption import raise_on_termination
    from envctl.cli.options import Answered

    console = Console()
    line = CommandLine(argv)
    try:
        with raise_on_termination():
            return line.run(console)
    except Answered as answered:
        line.answer(answered.question, console)
        return 0
    except BaseException as error:  # noqa: BLE001 - the top: whatever ended the run is put into words
        return report_failure(error, console, output_format=line.output_format, directory=line.directory)
    finally:
        console.finish()


class CommandLine:
    """One command line while it is being understood: what is known of it when something fails."""

    def __init__(self, argv: list[str]) -> None:
        self.argv = argv
        self.command: Command | None = None
        self.parser: Parser | None = None
        self.directory = ""
        self.output_format = _guess_format(argv)

    def run(self, console: Console) -> int:
        """Parse, and run the command that is named.

        Raises:
            UsageError: `no-command`, `unknown-command`, `no-directory` and what `Parser` raises.
            Answered: for ``--help`` and ``--version``.
        """
        from importlib import import_module

        arguments, rest = self._split()
        self.command = _choose_command(rest)
        module = import_module(self.command.module)
        self.parser = _make_parser(self.command, module.configure)
        self.parser.parse(rest[1:], arguments)
        _refuse_contradictions(arguments)
        arguments.env_typed = hasattr(arguments, "env")
        self.parser.fill(arguments, os.environ)
        self.output_format = getattr(arguments, "format", "text")
        console.verbosity = -1 if arguments.quiet else arguments.verbose
        console.choose_color(arguments.color)
        arguments.directory = self.directory = _choose_directory(arguments.directory)
        gc.freeze()
        # Tens of thousands of files are tens of thousands of tuples, none of them garbage before the end.
        gc.set_threshold(_COLLECT_AFTER)
        gc.enable()
        code: int = module.run(arguments, console)
        return code

    def _split(self) -> tuple[argparse.Namespace, list[str]]:
        """Read the global options before the command; give the rest, the command first."""
        import argparse

        from envctl.cli.options import Parser, add_global_options

        parser = Parser("envctl")
        add_global_options(parser)
        parser.add_argument("rest", nargs=argparse.PARSER, default=argparse.SUPPRESS).required = False
        arguments = argparse.Namespace()
        parser.parse(self.argv, arguments)
        rest: list[str] = getattr(arguments, "rest", [])
        arguments.__dict__.pop("rest", None)
        return arguments, rest

    def answer(self, question: str, console: Console) -> None:
        """Print the version or the help that was asked for."""
        if question == "version":
            from envctl.version import VERSION

            console.show([f"envctl {VERSION}"])
            return
        from envctl.cli.help import command_help, general_help, measure_width

        if self.command is None or self.parser is None:
            console.show(general_help(measure_width()))
        else:
            console.show(command_help(self.command, self.parser, measure_width()))


def _make_parser(command: Command, configure: Callable[[Parser], None]) -> Parser:
    from envctl.cli.options import Parser, add_global_options

    parser = Parser(f"envctl {command.name}")
    add_global_options(parser)
    configure(parser)
    return parser


def _choose_command(rest: list[str]) -> Command:
    from envctl.cli.table import COMMANDS, find_command
    from envctl.errors import UsageError

    if not rest:
        raise UsageError(
            "no-command",
            "no command is given",
            hints=["`envctl --help` lists them", "`envctl plan` is a good one"],
        )
    command = find_command(rest[0])
    if command is not None:
        return command
    from difflib import get_close_matches

    near = get_close_matches(rest[0], [each.name for each in COMMANDS], n=1)
    hints = [f"did you mean `envctl {near[0]}`?"] if near else []
    raise UsageError(
        "unknown-command",
        f"there is no command `{rest[0]}`",
        hints=[*hints, "`envctl --help` lists the commands"],
    )


def _refuse_contradictions(arguments: argparse.Namespace) -> None:
    from envctl.errors import UsageError

    if getattr(arguments, "verbose", 0) and getattr(arguments, "quiet", False):
        raise UsageError("bad-usage", "`--verbose` and `--quiet` contradict each other")


def _choose_directory(directory: str | None) -> str:
    from envctl.errors import UsageError

    path = os.path.abspath(directory or os.curdir)
    if not os.path.isdir(path):
        raise UsageError("no-directory", f"there is no folder `{directory}`", where=path)
    return path


def _guess_format(argv: list[str]) -> str:
    """Guess the format that is wanted, for a command line that may turn out to be wrong."""
    guess = "json" if "--json" in argv else "text"
    for index, word in enumerate(argv):
        if word == "--format" and index + 1 < len(argv):
            guess = argv[index + 1]
        elif word.startswith("--format="):
            guess = word.partition("=")[2]
    return guess
