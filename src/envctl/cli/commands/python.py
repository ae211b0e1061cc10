"""``envctl python``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.console import Console
from envctl.cli.options import Parser, add_format


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "what",
        choices=("list", "find", "install"),
        metavar="WHAT",
        help="list shows those of this machine, find prints the path of one, install gets another one",
    )
    parser.add_argument(
        "request",
        nargs="?",
        metavar="REQUEST",
        help="a version (3.12, 3.12.4, 3.14t, pypy3.11); for find also a specifier or a path",
    )
    add_format(parser)
    parser.description = (
        "`list` says of each interpreter who manages it and, where there is a manifest, whether it fits. "
        "`find` prints the one that fits a request, or that the environment gets. `install` unpacks a build "
        "of python-build-standalone, checked by its digest, into a folder of envctl's own; it puts nothing "
        "on the path, and never touches another Python."
    )
    parser.examples = (
        "envctl python list",
        "envctl python find '>=3.12'",
        "envctl python install 3.13",
        "envctl python list --json",
    )
    parser.notes = (
        "To remove one that `install` got, delete its folder: `envctl python list` shows where it is.",
    )


def run(arguments: Namespace, console: Console) -> int:
    """List, find or install."""
    from envctl.cli.begin import begin
    from envctl.cli.show.deliver import deliver
    from envctl.cli.show.documents import document, result_document
    from envctl.cli.show.pythons import installed_lines, python_lines
    from envctl.workflow.pythons import find_python, install_python, list_pythons

    _refuse(arguments)
    context = begin(arguments, console)
    if arguments.what == "install":
        installed = install_python(context, arguments.request)
        deliver(
            console,
            arguments.format,
            lines=lambda: installed_lines(installed),
            document=lambda: result_document("python-install", installed),
        )
    elif arguments.what == "find":
        found = find_python(context, arguments.request)
        deliver(
            console,
            arguments.format,
            lines=lambda: [found.executable],
            document=lambda: result_document("python-find", found),
        )
    else:
        pythons = list_pythons(context)
        deliver(
            console,
            arguments.format,
            lines=lambda: python_lines(pythons),
            document=lambda: document("python-list", pythons=pythons),
        )
    return 0


def _refuse(arguments: Namespace) -> None:
    from envctl.errors import UsageError

    if arguments.what == "install" and arguments.request is None:
        raise UsageError("bad-usage", "which Python? `envctl python install 3.13` installs the newest 3.13")
    if arguments.what == "list" and arguments.request is not None:
        raise UsageError("bad-usage", f"`{arguments.request}` is one argument too many")
