"""One TOML file while it is being parsed: its data, where each key stands, and what is wrong with it.

All problems of a file are collected and reported together; this is the collector. Nothing that is put
into a message ever shows the user name and password of a URL.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from envctl.errors import EnvctlError, InputError
from envctl.manifest.locate import Path, locate

_BARE = re.compile(r"[A-Za-z0-9_-]+")

#: What stands before the host of a URL. A password with a `/` in it breaks the URL, and is hidden all the
#: same; the bare user name of ssh is no secret.
_USERINFO = re.compile(r"//[^\s`@]*:[^\s`]*@|(?<!ssh:)//[^/\s`@]*@")
_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_LONGEST_LITERAL = 200


class Document:
    """A file's data with the problems found in it; ``name`` is what places begin with (``env.toml``)."""

    __slots__ = ("_lines", "_problems", "data", "name", "path")

    def __init__(self, *, path: str, data: Mapping[str, Any], lines: Mapping[Path, int]) -> None:
        self.path = path
        self.name = os.path.basename(path)
        self.data = data
        self._lines = lines
        self._problems: list[tuple[int, EnvctlError]] = []

    def line(self, key: Path) -> int:
        """Return the line of ``key``, or of the innermost table around it that is written down."""
        while key not in self._lines:
            key = key[:-1]
        return self._lines[key]

    def where(self, key: Path) -> str:
        """Return the place of ``key``, such as ``env.toml:12``."""
        return f"{self.name}:{self.line(key)}"

    def has(self, *key: str) -> bool:
        """Whether ``key`` is written in the file, whatever its value is."""
        table: object = self.data
        for part in key:
            if not isinstance(table, dict) or part not in table:
                return False
            table = table[part]
        return True

    def refuse(self, code: str, key: Path, reason: str, *hints: str) -> None:
        """Note that ``key`` is wrong; ``reason`` continues a sentence that begins with the key."""
        message = hide_userinfo(f"`{format_key(key)}` {reason}")
        shown = [hide_userinfo(hint) for hint in hints]
        self.add(InputError(code, message, where=self.where(key), hints=shown))

    def add(self, error: EnvctlError) -> None:
        """Note a problem whose ``where`` is a place of this file."""
        line = (error.where or "").rpartition(":")[2]
        self._problems.append((int(line) if line.isdecimal() else 0, error))

    @property
    def problems(self) -> list[EnvctlError]:
        """What was refused so far, in the order of lines."""
        return [error for _, error in sorted(self._problems, key=lambda problem: problem[0])]


def parse_document(data: bytes, *, path: str) -> Document:
    """Decode TOML.

    Raises:
        InputError: `bad-toml`, with the line where the parser stopped.

    Source: TOML 1.0.0.
    """
    name = os.path.basename(path)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError("bad-toml", f"`{name}` is not UTF-8 text", where=f"{name}:{line}") from error
    try:
        content = tomllib.loads(text)
    except RecursionError as error:
        raise InputError("bad-toml", f"`{name}` is nested too deeply", where=name) from error
    except ValueError as error:  # TOMLDecodeError, and that of an integer with thousands of digits
        raise _syntax_error(name, text, str(error)) from error
    return Document(path=path, data=content, lines=locate(text))


def _syntax_error(name: str, text: str, reason: str) -> InputError:
    found = _AT_LINE.search(reason)
    line = int(found.group(1)) if found else text.count("\n", 0, len(text.rstrip())) + 1
    reason = _AT_LINE.sub("", reason).replace(" (at end of document)", " at the end of the file")
    hints = ["save the file without a byte order mark"] if text.startswith("\ufeff") else []
    message = f"`{name}` is not valid TOML: {reason[:1].lower()}{reason[1:]}"
    return InputError("bad-toml", message, where=f"{name}:{line}", hints=hints)


def format_key(key: Path) -> str:
    """Write a key as people do: ``env.dev.groups[3]``.

    >>> format_key(("sources", "my.core", "path"))
    'sources."my.core".path'
    """
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else f'"{part}"')
    return text


def hide_userinfo(text: str) -> str:
    """Replace the user name and password of every URL in ``text``."""
    return _USERINFO.sub("//****@", text)


def show(value: object) -> str:
    """Write a value of the file for a message, in backticks, cut when it is long."""
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    return f"`{text if len(text) <= _LONGEST_LITERAL else text[:_LONGEST_LITERAL] + '…'}`"
