"""``envctl completion``."""

from __future__ import annotations

from argparse import Namespace

from envctl.cli.console import Console
from envctl.cli.options import Parser


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), metavar="SHELL", help="bash, zsh or fish")
    parser.description = "Prints a script that completes commands and options; it names what this envctl has."
    parser.examples = (
        'eval "$(envctl completion bash)"',
        'eval "$(envctl completion zsh)"',
        "envctl completion fish | source",
    )


def run(arguments: Namespace, console: Console) -> int:
    """Print the script."""
    from envctl.cli.complete import completion_script

    console.document(completion_script(arguments.shell))
    return 0
