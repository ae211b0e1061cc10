"""The reference pages that are made from the code: commands and error codes, as Markdown."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from importlib import import_module

from envctl.cli.codes import explain_codes
from envctl.cli.help import signature, usage
from envctl.cli.options import GLOBAL, Parser, add_global_options, variable
from envctl.cli.table import COMMANDS, GROUPS, Command
from envctl.environment.classes import OWNED, Rule, Verdict

_BEGIN = "<!-- the table of path classes: made by docs/generate.py from the code -->\n"
_END = "<!-- end of the table of path classes -->\n"
_MADE = "<!-- Made by docs/generate.py from the code; edit that. -->"


def format_commands() -> str:
    """Write the page of commands: usage, options and examples of each."""
    parser = Parser("envctl")
    add_global_options(parser)
    lines = [
        "# Commands",
        "",
        _MADE,
        "",
        "`envctl [OPTIONS] COMMAND …`. The options of every command stand before its name or after it; for",
        "`run`, all from the command on belongs to that command. An option that is not typed is looked up",
        "in the environment: `--lock-timeout` as `ENVCTL_LOCK_TIMEOUT`, and so on.",
        "",
        "## Options of every command",
        "",
        *_options(parser.options),
    ]
    for group in GROUPS:
        lines += ["", f"## {group}"]
        for command in COMMANDS:
            if command.group == group:
                lines += ["", *_command(command)]
    return "\n".join(lines) + "\n"


def _command(command: Command) -> list[str]:
    parser = Parser(f"envctl {command.name}")
    add_global_options(parser)
    import_module(command.module).configure(parser)
    lines = [f"### envctl {command.name}", "", f"{command.summary}. {parser.description or ''}".rstrip()]
    lines += ["", "```", usage(parser), "```"]
    own = [action for action in parser.options if action.dest not in GLOBAL]
    if parser.positionals or own:
        lines += ["", *_options([*parser.positionals, *own])]
    lines += ["", "Examples:", "", "```", *parser.examples, "```"]
    for note in parser.notes:
        lines += ["", note]
    return lines


def _options(actions: list[argparse.Action]) -> list[str]:
    rows = ["| option | what it does | variable |", "|---|---|---|"]
    for action in actions:
        name = variable(action) if action.dest not in {"help", "version"} else None
        rows.append(f"| `{signature(action)}` | {action.help} | {f'`{name}`' if name else ''} |")
    return rows


def format_errors() -> str:
    """Write the page of codes: what each means, and what to do."""
    lines = [
        "# Error codes",
        "",
        _MADE,
        "",
        "Every error ends with its code in brackets: `error: there is no file … [no-manifest]`. Codes are",
        "stable: scripts may rely on them. Warnings and notes have codes of the same kind. The [exit",
        "codes](#exit-codes) stand at the end.",
    ]
    for code, text in explain_codes().items():
        lines += ["", f"## {code}", "", text]
    return "\n".join([*lines, "", *_EXIT_CODES]) + "\n"


_EXIT_CODES = (
    "## Exit codes",
    "",
    "| code | meaning | was anything changed? |",
    "|---|---|---|",
    "| 0 | success; with `--detailed-exitcode`: nothing to do | as asked |",
    "| 1 | failed before anything was staged | no |",
    "| 2 | only with `--detailed-exitcode`: there are changes, or there were | `plan` no, `apply` yes |",
    "| 3 | a check said no: lock out of date, policy, `status --check` | no |",
    "| 4 | the saved plan is stale or meant for another environment | no |",
    "| 5 | the environment is held by another run | no |",
    "| 6 | apply failed while it staged or switched; the environment is as it was | no |",
    "| 7 | apply failed and what it began could not be undone | yes |",
    "| 64 | wrong usage of the command line | no |",
    "| 65 | an input file is invalid, or there is no manifest | no |",
    "| 130, 143 | interrupted, and cleaned up | no |",
)


def include_classes(page: str) -> str:
    """Put the table of path classes into the page about drift, between its marks."""
    parts = [_format_rules("what envctl put there", OWNED), "\n"]
    parts.append(_format_rules("what it did not", [rule for rule in Rule if rule not in OWNED]))
    before, rest = page.split(_BEGIN)
    return f"{before}{_BEGIN}{''.join(parts)}{_END}{rest.partition(_END)[2]}"


def _format_rules(head: str, rules: Iterable[Rule]) -> str:
    lines = [f"| {head} | counts as | and then |", "|---|---|---|"]
    for rule in rules:
        row = rule.value
        kind = f" `{row.kind}`" if row.kind is not None and row.verdict is Verdict.DRIFT else ""
        lines.append(f"| {row.what} | {row.verdict.value}{kind} | {row.follows} |")
    return "\n".join(lines) + "\n"


#: The pages by their path below ``docs/``.
PAGES = {"reference/commands.md": format_commands, "reference/errors.md": format_errors}

#: The pages that hold a table of ours among other things.
TABLES = {"explanation/drift.md": include_classes}
