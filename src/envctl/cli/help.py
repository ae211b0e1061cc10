"""Help as lines: of envctl as a whole, and of one command."""

from __future__ import annotations

import argparse
import os
import textwrap

from envctl.cli.console import Line, Styled
from envctl.cli.options import GLOBAL, Parser, add_global_options
from envctl.cli.table import COMMANDS, GROUPS, Command

_EXAMPLES = (
    ("envctl init", "begin with a manifest"),
    ("envctl plan", "see what would be done"),
    ("envctl apply", "do it"),
    ("envctl apply --locked", "in CI"),
)


def measure_width() -> int:
    """Measure how wide help may be: the terminal, but readable."""
    try:
        return max(60, min(os.get_terminal_size().columns, 110))
    except (OSError, ValueError):
        return 100


def general_help(width: int) -> list[Line]:
    """Say what envctl is, and list its commands by group."""
    lines: list[Line] = [
        "envctl keeps a Python environment equal to what env.toml says.",
        "",
        (Styled("Usage:", "bold"), " envctl [OPTIONS] COMMAND ..."),
    ]
    wide = max(len(command.name) for command in COMMANDS)
    for group in GROUPS:
        lines += ["", (Styled(f"{group}:", "bold"),)]
        lines += [
            ("  ", Styled(command.name.ljust(wide), "cyan"), f"  {command.summary}")
            for command in COMMANDS
            if command.group == group
        ]
    parser = Parser("envctl")
    add_global_options(parser)
    lines += ["", (Styled("Options, before the command or after it:", "bold"),)]
    lines += _describe_all(parser.options, width)
    lines += ["", (Styled("Examples:", "bold"),)]
    wide = max(len(example) for example, _ in _EXAMPLES)
    lines += [f"  {example.ljust(wide)}  # {what}" for example, what in _EXAMPLES]
    return [*lines, "", "`envctl COMMAND --help` says more about a command."]


def command_help(command: Command, parser: Parser, width: int) -> list[Line]:
    """Say what a command does, what it takes, and how it is used."""
    own = [action for action in parser.options if action.dest not in GLOBAL]
    lines: list[Line] = [*textwrap.wrap(f"{command.summary}.", width)]
    if parser.description:
        lines += ["", *textwrap.wrap(parser.description, width)]
    lines += ["", (Styled("Usage:", "bold"), f" {usage(parser)}")]
    if parser.positionals:
        lines += ["", (Styled("Arguments:", "bold"),), *_describe_all(parser.positionals, width)]
    if own:
        lines += ["", (Styled("Options:", "bold"),), *_describe_all(own, width)]
    shared = [
        action for action in parser.options if action.dest in GLOBAL and action.dest not in parser.refused
    ]
    lines += ["", (Styled("Options of every command:", "bold"),), *_describe_all(shared, width)]
    if parser.examples:
        lines += ["", (Styled("Examples:", "bold"),), *(f"  {example}" for example in parser.examples)]
    for note in parser.notes:
        lines += ["", *textwrap.wrap(note, width)]
    return lines


def usage(parser: Parser) -> str:
    """Write the line of usage."""
    return " ".join([parser.prog, "[OPTIONS]", *(_placeholder(action) for action in parser.positionals)])


def _placeholder(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest.upper())
    match action.nargs:
        case "?":
            return f"[{name}]"
        case "*":
            return f"[{name}]..."
        case "+" | argparse.PARSER:
            return f"{name}..."
        case _:
            return name


def signature(action: argparse.Action) -> str:
    """Write an option as one types it: ``-e, --env ENV``."""
    if not action.option_strings:
        return str(action.metavar or action.dest.upper())
    text = ", ".join(action.option_strings)
    return text if action.nargs == 0 else f"{text} {action.metavar or action.dest.upper()}"


def _describe_all(actions: list[argparse.Action], width: int) -> list[Line]:
    lines: list[Line] = []
    wide = min(max(len(signature(action)) for action in actions), 26)
    for action in actions:
        text = signature(action)
        body = textwrap.wrap(action.help or "", max(width - wide - 4, 20)) or [""]
        if len(text) > wide:
            lines.append(("  ", Styled(text, "cyan")))
        else:
            lines.append(("  ", Styled(text.ljust(wide), "cyan"), f"  {body.pop(0)}"))
        lines += [f"{'':{wide + 4}}{line}" for line in body]
    return lines
