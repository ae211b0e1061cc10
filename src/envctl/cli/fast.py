"""The plan that has nothing to do, answered from the receipt.

Planning is pure: equal inputs give an equal plan. The receipt of the last apply holds a digest of each
of them, so a plain ``plan`` first looks whether one differs, and parses nothing. Loads nothing but
``os``, ``sys``, ``time`` and `envctl.receipt`; a test lists what it may.
"""

from __future__ import annotations

import os
import stat
import sys
import time

from envctl.receipt import FILE, RECEIPT, find_difference, read_receipt
from envctl.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: Options that change nothing of an answer without changes, and those of the same kind with a value.
_FLAGS = frozenset({"--detailed-exitcode", "-q", "--quiet", "--offline", "--no-cache"})
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
    manifest = _find_manifest(options)
    if manifest is None:
        return None
    name = options.get("-e", "default")
    suffix = "" if name == "default" else f"-{name}"
    environment = os.path.join(os.path.dirname(manifest), f".venv{suffix}")
    receipt = read_receipt(os.path.join(environment, RECEIPT))
    if receipt is None or not _speaks_of(receipt, manifest, name) or not _is_settled(environment):
        return None
    if find_difference(receipt, environment) is not None:
        return None
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
        elif word not in _FLAGS:
            return None
    return options if commands == 1 else None


def _may_matter(name: str) -> bool:
    return name.startswith("ENVCTL_") and name not in _HARMLESS and not name.startswith("ENVCTL_INDEX_")


def _find_manifest(options: Mapping[str, str]) -> str | None:
    folder = os.path.abspath(options.get("-C", os.curdir))
    if "-f" in options:
        return os.path.abspath(os.path.join(folder, options["-f"]))
    while not os.path.isfile(os.path.join(folder, "env.toml")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return os.path.join(folder, "env.toml")


def _speaks_of(receipt: Mapping[str, str], manifest: str, name: str) -> bool:
    """Whether the receipt is of this manifest and environment, and its plan had nothing more to say."""
    until = receipt.get("until", "")
    return (
        receipt.get("version") == VERSION
        and receipt.get("environment") == name
        and receipt.get("options") == "-"
        and receipt.get("remarks") == "-"
        and f"{FILE}{manifest}" in receipt
        and (until == "-" or time.strftime("%Y-%m-%d", time.gmtime()) < until)
    )


def _is_settled(environment: str) -> bool:
    """Whether it is a real folder and no killed run left anything beside it."""
    beside = f"{environment}.envctl"
    try:
        if not stat.S_ISDIR(os.lstat(environment).st_mode) or os.path.lexists(f"{beside}/journal"):
            return False
        return not os.listdir(f"{beside}/staging")
    except FileNotFoundError:
        return True
    except OSError:
        return False
