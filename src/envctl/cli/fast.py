"""The plan and the lock that have nothing to do, answered from receipts.

A plain ``plan`` first looks whether anything differs from the last apply, a plain ``lock`` whether anything
differs from when the lock was found up to date, and then from when it was made; none parses anything. Loads
nothing but `envctl.unchanged` and what that loads; a test lists what it may.
"""

from __future__ import annotations

import os
import sys

from envctl.unchanged import describe_active, find_fresh_lock, find_manifest, find_unchanged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Options that change nothing of an answer without changes, and those of the same kind with a value.
_QUIET = frozenset({"-q", "--quiet"})
_FLAGS = {
    "plan": frozenset({"--detailed-exitcode", "--offline", "--no-cache"}) | _QUIET,
    "lock": frozenset({"--check", "--offline", "--json", "--upgrade"}) | _QUIET,
}
_VALUED = {"plan": frozenset({"-C", "-f", "-e"}), "lock": frozenset({"-C", "-f"})}

#: Variables that stand for options that change nothing of it either, or say how servers are asked: nobody is.
_HOW_TO_ASK = frozenset(
    f"ENVCTL_{name}"
    for name in (
        *("CA_BUNDLE", "CLIENT_CERTIFICATE", "CLIENT_KEY", "CLIENT_KEY_PASSWORD"),
        *("INSECURE_HOSTS", "KEYRING", "PROXY", "TIMEOUT"),
    )
)
_HARMLESS = {
    "plan": _HOW_TO_ASK
    | {
        f"ENVCTL_{name}"
        for name in ("CACHE_DIR", "COLOR", "OFFLINE", "NO_CACHE", "LINK", "COMPILE", "DETAILED_EXITCODE")
    },
    "lock": _HOW_TO_ASK
    | {f"ENVCTL_{name}" for name in ("CACHE_DIR", "CONFIG", "COLOR", "OFFLINE", "LINK", "COMPILE")},
}


_COLORS = frozenset({"", "auto", "always", "never"})


class Answer:
    """What ``lock`` answers, as `envctl.workflow.results.Locked` has it, which would take long to load."""

    __slots__ = ("changes", "fresh", "manifest_changes", "packages", "path", "written")

    def __init__(
        self, path: str, packages: int, *, fresh: bool = True, written: bool = False, changes: Any = ()
    ) -> None:
        self.path = path
        self.fresh = fresh
        self.written = written
        self.packages = packages
        self.changes = changes
        self.manifest_changes = ()

    def content(self) -> dict[str, object]:
        """Give what a document of it holds."""
        return {
            "path": self.path,
            "fresh": self.fresh,
            "written": self.written,
            "packages": self.packages,
            "changes": [vars(change) for change in self.changes],
            "manifest_changes": self.manifest_changes,
        }


def try_fast(argv: list[str]) -> int | None:
    """Answer a plain ``plan`` or ``lock`` when every input is what a receipt holds.

    Whatever else it meets (another command, an option it does not know, no receipt, one digest that
    differs) it returns None, having printed nothing: the whole command runs then.
    """
    if "plan" in argv:
        return _try_plan(argv)
    return _try_lock(argv) if "lock" in argv else None


def _try_plan(argv: list[str]) -> int | None:
    options = _parse(argv, "plan")
    manifest = _find_manifest(options)
    if options is None or manifest is None:
        return None
    environment = find_unchanged(manifest, options.get("-e", "default"))
    if environment is None:
        return None
    other = describe_active(os.environ, environment)
    if other is not None and not options.keys() & _QUIET:
        from envctl.cli.console import Console

        Console().say([other])
    sys.stdout.write("No changes.\n")
    return 0


def _try_lock(argv: list[str]) -> int | None:
    options = _parse(argv, "lock")
    manifest = _find_manifest(options)
    if options is None or manifest is None or os.environ.get("ENVCTL_COLOR", "") not in _COLORS:
        return None
    from envctl.cli.folders import config_path

    config = config_path(os.environ)
    cache = None if _mentions(config, b"color") else _find_cache(_directory(options), config)
    if cache is None or {"--check", "--upgrade"} <= options.keys():
        return None
    if "--upgrade" not in options:
        found = find_fresh_lock(manifest, cache, config)
        if found is not None:
            return _tell_lock(options, Answer(*found))
    if "--check" in options:
        return None
    from envctl.cli.again import lock_again

    made = lock_again(
        manifest,
        cache=cache,
        config=config,
        upgrade="--upgrade" in options,
        quiet=bool(options.keys() & _QUIET),
    )
    return None if made is None else _tell_lock(options, made)


def _tell_lock(options: dict[str, str], answer: Answer) -> int:
    """Say what the whole command would."""
    from envctl.cli.console import Console

    console = Console(color=os.environ.get("ENVCTL_COLOR"))
    if "--json" in options:
        from envctl.cli.show.deliver import dump
        from envctl.cli.show.documents import document

        console.document(dump(document("lock", **answer.content()), "json"))
    else:
        from envctl.cli.show.locked import locked_lines

        console.show(locked_lines(answer, _directory(options)))
    return 0


def _parse(argv: list[str], command: str) -> dict[str, str] | None:
    """Read the options of a command line; None for one that may ask for more than the command."""
    if any(_may_matter(name, command) for name in os.environ):
        return None
    words = iter(argv)
    options: dict[str, str] = {}
    commands = 0
    for word in words:
        if word == command:
            commands += 1
        elif word in _VALUED[command] and word not in options:
            value = next(words, None)
            if value is None:
                return None
            options[word] = value
        elif word in _FLAGS[command]:
            options[word] = ""
        else:
            return None
    return options if commands == 1 else None


def _may_matter(name: str, command: str) -> bool:
    return (
        name.startswith("ENVCTL_") and name not in _HARMLESS[command] and not name.startswith("ENVCTL_INDEX_")
    )


def _directory(options: dict[str, str]) -> str:
    return os.path.abspath(options.get("-C", os.curdir))


def _find_manifest(options: dict[str, str] | None) -> str | None:
    if options is None or not os.path.isdir(_directory(options)):
        return None
    return find_manifest(_directory(options), options.get("-f"))


def _find_cache(directory: str, config: str) -> str | None:
    """Find the cache folder, None where only settings that have to be parsed can say it."""
    folder = os.environ.get("ENVCTL_CACHE_DIR")
    if not folder:
        if _mentions(config, b"cache-dir"):
            return None
        from envctl.cli.folders import default_cache_dir

        folder = default_cache_dir(os.environ)
    return os.path.normpath(os.path.join(directory, os.path.expanduser(folder)))


def _mentions(config: str, key: bytes) -> bool:
    """Whether the user's settings, if there are any, may say something of a key."""
    try:
        with open(config, "rb", buffering=0) as file:
            return key in file.read()
    except OSError:
        return False  # whether there should be some is for the receipt to say
