"""The plan that has nothing to do, answered from the receipt.

A plain ``plan`` first looks whether anything differs from the last apply, and parses nothing. Loads
nothing but `envctl.unchanged` and what that loads; a test lists what it may.
"""

from __future__ import annotations

import os
import sys

from envctl.unchanged import describe_active, find_manifest, find_unchanged

#: Options that change nothing of an answer without changes, and those of the same kind with a value.
_QUIET = frozenset({"-q", "--quiet"})
_FLAGS = frozenset({"--detailed-exitcode", "--offline", "--no-cache"}) | _QUIET
_VALUED = frozenset({"-C", "-f", "-e"})

#: Variables that stand for options that change nothing of it either.
_HARMLESS = frozenset(
    f"ENVCTL_{name}"
    for name in ("CACHE_DIR", "COLOR", "OFFLINE", "NO_CACHE", "LINK", "COMPILE", "DETAILED_EXITCODE")
)


def try_fast(argv: list[str]) -> int | None:
    """Answer a plain ``plan`` when every input is what the receipt of the last apply holds.

    Whatever else it meets (another command, an option it does not know, no receipt, one digest that
    differs) it returns None, having printed nothing: the whole command runs then.
    """
    options = _parse(argv)
    if options is None or any(_may_matter(name) for name in os.environ):
        return None
    manifest = find_manifest(options.get("-C", os.curdir), options.get("-f"))
    environment = find_unchanged(manifest, options.get("-e", "default")) if manifest else None
    if environment is None:
        return None
    other = describe_active(os.environ, environment)
    if other is not None and not options.keys() & _QUIET:
        from envctl.cli.console import Console

        Console().say([other])
    sys.stdout.write("No changes.\n")
    return 0


def _parse(argv: list[str]) -> dict[str, str] | None:
    words = iter(argv)
    options: dict[str, str] = {}
    commands = 0
    for word in words:
        if word == "plan":
            commands += 1
        elif word in _VALUED and word not in options:
            value = next(words, None)
            if value is None:
                return None
            options[word] = value
        elif word in _FLAGS:
            options[word] = ""
        else:
            return None
    return options if commands == 1 else None


def _may_matter(name: str) -> bool:
    return name.startswith("ENVCTL_") and name not in _HARMLESS and not name.startswith("ENVCTL_INDEX_")
