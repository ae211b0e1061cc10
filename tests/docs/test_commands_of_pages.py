"""Every command on a page is one that envctl takes: its name, its options, how many arguments."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from envctl.cli.main import CommandLine, _choose_command, _make_parser
from envctl.cli.options import Answered

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("how-to/*.md")),
    *sorted((ROOT / "docs").rglob("explanation/*.md")),
]
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(envctl [^`\n]+)`")
#: Something left out, or a word in capitals that stands for a number.
_PLACEHOLDER = re.compile(r"…|\.\.\.|[\[\]]| N\b")


def find_commands(page: str) -> Iterator[tuple[str, ...]]:
    """Find what stands behind `envctl`, word by word."""
    for language, block in _FENCE.findall(page):
        for line in block.replace("\\\n", " ").splitlines():
            if language in {"sh", "dockerfile"} or line.startswith("$ "):
                yield from split_line(line)
    for text in _INLINE.findall(_FENCE.sub("", page)):
        # The bare name of a command is its name, not what to type.
        if text.count(" ") > 1 and not _PLACEHOLDER.search(text):
            yield from split_line(text)


def split_line(line: str) -> Iterator[tuple[str, ...]]:
    """Take the commands of a line apart as a shell does; yield the arguments of ours."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    command: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("();<>|&"):
            starts = [
                number for number, each in enumerate(command) if re.fullmatch(r"(\S*/bin/)?envctl", each)
            ]
            if starts and "pip" not in command[: starts[0]]:
                yield tuple(command[starts[0] + 1 :])
            command = []
        else:
            command.append(word)


COMMANDS = sorted(
    {
        (path.relative_to(ROOT).as_posix(), command)
        for path in PAGES
        for command in find_commands(path.read_text(encoding="utf-8"))
    }
)


def test_commands_are_found() -> None:
    assert len(COMMANDS) > 100


@pytest.mark.parametrize(
    ("page", "command"), COMMANDS, ids=[f"{page}: {' '.join(command)}" for page, command in COMMANDS]
)
def test_a_command_of_a_page_is_one_that_there_is(page: str, command: tuple[str, ...]) -> None:
    try:
        arguments, rest = CommandLine(list(command))._split()
    except Answered:  # `envctl --help`
        return
    chosen = _choose_command(rest)

    _make_parser(chosen, import_module(chosen.module).configure).parse(rest[1:], arguments)
