"""Scripts: the text of console scripts, and the first line of those that a wheel brings.

``python`` is always the final path of the environment's interpreter, not that of the staging folder.

Source: "Entry points specification", "Use for scripts"; the binary distribution format, "Recommended
installer features" (``#!python``).
"""

from __future__ import annotations

from envctl.errors import MachineError

#: What a kernel reads of a first line is 127 bytes on old Linux, and never can hold a blank.
_LONGEST_SHEBANG = 127

_BODY = """\
import sys
from {module} import {first}
if __name__ == "__main__":
    if sys.argv[0].endswith(".exe"):
        sys.argv[0] = sys.argv[0][:-4]
    sys.exit({call}())
"""


def console_script(reference: str, *, python: str, gui: bool = False) -> bytes:
    """Write the script of an entry point; ``reference`` is ``module:attribute``, checked already.

    ``gui`` makes no difference but on Windows, where the launcher does not open a console.

    Raises:
        MachineError: `path-not-usable` for an interpreter path that no script can name.
    """
    del gui
    return format_shebang(python) + script_body(reference)


def script_body(reference: str) -> bytes:
    """Write the part of a console script that is the same everywhere."""
    module, _, attribute = reference.partition(":")
    return _BODY.format(module=module, first=attribute.partition(".")[0], call=attribute).encode()


def format_shebang(python: str) -> bytes:
    """Write the first line (or two) that makes a file run under ``python``.

    A path that is too long, or holds a blank, goes through ``sh``: the second and third line are a
    command to it and a string to Python.

    Raises:
        MachineError: `path-not-usable`, as `console_script`.
    """
    if any(character in python for character in "\n\r\0"):
        raise _not_usable(python)
    encoded = python.encode("utf-8", "surrogateescape")
    line = b"#!" + encoded
    if len(line) <= _LONGEST_SHEBANG and not {" ", "\t"} & set(python):
        return line + b"\n"
    # Nothing that means something else to sh in double quotes, or ends the string in Python.
    if any(character in python for character in '"$`\\') or "'''" in python:
        raise _not_usable(python)
    return b"#!/bin/sh\n'''exec' \"" + encoded + b'" "$0" "$@"\n' + b"' '''\n"


def rewrite_shebang(data: bytes, python: str) -> bytes:
    """Let a script whose first line begins with ``#!python`` run under ``python``; others stay as they are.

    Raises:
        MachineError: `path-not-usable`, as `console_script`.
    """
    if not data.startswith(b"#!python"):
        return data
    _, _, rest = data.partition(b"\n")
    return format_shebang(python) + rest


def _not_usable(python: str) -> MachineError:
    return MachineError(
        "path-not-usable",
        f"no script can name the interpreter `{python}`",
        where=python,
        hints=["put the environment into a folder without quotes, `$`, backslashes and line ends"],
    )
