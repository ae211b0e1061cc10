"""Reading the command line: argparse with our words, our exit code and ``ENVCTL_*`` defaults.

Every option that is not on the command line is looked up as ``ENVCTL_<OPTION>`` before its default
holds. That is done after parsing, so that what was typed and what was only set can be told apart.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from envctl.errors import UsageError

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}

#: Answered before anything else, and no business of the environment.
_ANSWERED = {"help", "version"}

FORMATS = ("text", "json", "yaml")
PLAN_FORMATS = ("text", "json", "yaml", "markdown", "github", "html")


class Answered(Exception):
    """The command line asked for ``--help`` or ``--version``."""

    def __init__(self, question: str) -> None:
        super().__init__(question)
        self.question = question


class _Ask(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, **details: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **details)

    def __call__(self, *_: object) -> NoReturn:
        raise Answered(self.dest)


class UnnamedFlag(argparse.Action):
    """A flag that no variable stands for, because that one means something else elsewhere."""

    def __init__(self, option_strings: Sequence[str], dest: str, **details: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, const=True, default=False, **details)

    def __call__(self, _parser: object, namespace: argparse.Namespace, *_: object) -> None:  # noqa: D102
        setattr(namespace, self.dest, True)


def _make_formatter(prog: str) -> argparse.HelpFormatter:
    """Make what argparse checks each option with: one that is told no width would load `shutil` to ask."""
    return argparse.HelpFormatter(prog, width=80)


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` and never prints or exits.

    ``examples`` are command lines for the help, ``notes`` paragraphs below them. ``refused`` maps the
    destination of a global option that makes no sense here to the reason; its variable is passed over.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog=prog, add_help=False, allow_abbrev=False, formatter_class=_make_formatter)
        self.examples: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()
        self.refused: dict[str, str] = {}
        self._unset: dict[str, object] = {}

    @property
    def options(self) -> list[argparse.Action]:
        """The options, in the order they were added."""
        return [action for action in self._actions if action.option_strings]

    @property
    def positionals(self) -> list[argparse.Action]:
        """What is not an option."""
        return [action for action in self._actions if not action.option_strings]

    def error(self, message: str) -> NoReturn:
        """Raise argparse's complaint in our form."""
        raise UsageError("bad-usage", _rephrase(message), hints=[f"`{self.prog} --help` lists what there is"])

    def parse(self, argv: Sequence[str], namespace: argparse.Namespace) -> None:
        """Parse into ``namespace`` what is on the command line, and nothing that is not.

        Raises:
            UsageError: `bad-usage`, `unknown-option`.
            Answered: for ``--help`` and ``--version``.
        """
        # Of a positional that is left out, Python 3.11 would give the mark itself to its `type`.
        for action in self.options:
            if action.default is not argparse.SUPPRESS:
                if self._unset.get(action.dest) is None:
                    self._unset[action.dest] = action.default
                action.default = argparse.SUPPRESS
        _, rest = self.parse_known_args(list(argv), namespace)
        if rest:
            raise self._unknown(rest[0])
        for dest, reason in self.refused.items():
            if hasattr(namespace, dest):
                raise UsageError("bad-usage", f"`{self.prog}` takes no `--{dest}`: {reason}")

    def fill(self, namespace: argparse.Namespace, environ: Mapping[str, str]) -> None:
        """Give every option that was not typed the value of its variable, else its default.

        Raises:
            UsageError: `bad-variable`.
        """
        typed = {*vars(namespace), *self.refused, *_ANSWERED}
        for action in self.options:
            name = variable(action)
            if action.dest in typed or name is None or name not in environ:
                continue
            value = self._convert(action, name, environ[name])
            if value is not None:
                setattr(namespace, action.dest, value)
        for dest, value in self._unset.items():
            if not hasattr(namespace, dest):
                setattr(namespace, dest, value)

    def _convert(self, action: argparse.Action, name: str, text: str) -> object:
        if action.nargs == 0:
            return _convert_flag(action, name, text)
        repeated = isinstance(self._unset.get(action.dest), list)
        words = text.replace(",", " ").split() if repeated else [text]
        values = []
        for word in words:
            try:
                value = action.type(word) if callable(action.type) else word
            except (ValueError, argparse.ArgumentTypeError) as error:
                raise _bad_variable(name, text, str(error)) from error
            if action.choices is not None and value not in action.choices:
                raise _bad_variable(name, text, f"it is one of {', '.join(map(str, action.choices))}")
            values.append(value)
        return values if repeated else values[0]

    def _unknown(self, argument: str) -> UsageError:
        from difflib import get_close_matches

        if not argument.startswith("-") or argument == "-":
            return UsageError(
                "bad-usage",
                f"`{argument}` is one argument too many",
                hints=[f"`{self.prog} --help` lists what there is"],
            )
        word = argument.partition("=")[0]
        known = [text for action in self.options for text in action.option_strings]
        near = get_close_matches(word, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"`{self.prog} --help` lists what there is"
        return UsageError("unknown-option", f"`{self.prog}` has no option `{word}`", hints=[hint])


def variable(action: argparse.Action) -> str | None:
    """Name the environment variable that stands for an option: its long form in capitals."""
    if isinstance(action, UnnamedFlag):
        return None
    long = next((text for text in action.option_strings if text.startswith("--")), None)
    return None if long is None else "ENVCTL_" + long[2:].upper().replace("-", "_")


def _convert_flag(action: argparse.Action, name: str, text: str) -> object:
    """Give what the flag stands for, or None for a variable that says no."""
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        if action.const is None and word.isascii() and word.isdigit():  # a count, such as -vv
            return int(word)
        raise _bad_variable(name, text, "it is 1 or 0")
    if word in _FALSE:
        return None
    return 1 if action.const is None else action.const


def _bad_variable(name: str, text: str, why: str) -> UsageError:
    return UsageError("bad-variable", f"the variable `{name}` cannot be `{text}`: {why}")


_BAD_CHOICE = re.compile(r"argument (\S+?): invalid choice: '(.*)' \(choose from (.*)\)", re.DOTALL)


def _rephrase(message: str) -> str:
    """Put argparse's complaints into our words; they differ from one Python to the next."""
    choice = _BAD_CHOICE.fullmatch(message)
    if choice is not None:
        option, given, choices = choice.groups()
        return f"`{option}` cannot be `{given}`: it is one of {choices.replace(chr(39), '')}"
    for before, after in (
        ("the following arguments are required: ", "missing: "),
        ("argument ", ""),
    ):
        if message.startswith(before):
            return after + message.removeprefix(before)
    return message


def add_global_options(parser: Parser) -> None:
    """Add the options that every command takes, before its name and after."""
    parser.add_argument("-C", "--directory", metavar="DIR", help="work in this folder")
    parser.add_argument("-f", "--file", metavar="FILE", help="the manifest, instead of the nearest env.toml")
    parser.add_argument(
        "-e", "--env", metavar="ENV", help="the environment of the manifest (default: default)"
    )
    parser.add_argument("-v", "--verbose", action="count", default=0, help="say more")
    parser.add_argument("-q", "--quiet", action="store_true", help="results and errors only")
    parser.add_argument(
        "--color", choices=("auto", "always", "never"), metavar="WHEN", help="auto, always or never"
    )
    parser.add_argument("--offline", action="store_true", help="use no network")
    parser.add_argument(
        "--no-cache", action="store_true", help="use a cache of this run alone, deleted at its end"
    )
    parser.add_argument("--cache-dir", metavar="DIR", help="the folder of the cache")
    parser.add_argument("--version", action=_Ask, dest="version", help="print the version")
    parser.add_argument("-h", "--help", action=_Ask, dest="help", help="print this")


#: The destinations of the global options.
GLOBAL = frozenset(
    {"directory", "file", "env", "verbose", "quiet", "color", "offline", "no_cache", "cache_dir", *_ANSWERED}
)


def add_format(parser: Parser, formats: tuple[str, ...] = FORMATS) -> None:
    """Add ``--json`` and ``--format``; the first is a short way to write the second."""
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="same as --format json"
    )
    parser.add_argument(
        "--format",
        choices=formats,
        default="text",
        metavar="FORMAT",
        help=f"{', '.join(formats)} (default: text)",
    )


def positive_seconds(text: str) -> float:
    """Read a number of seconds, 0 or more."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"`{text}` is no number of seconds")
    return seconds


def positive_number(text: str) -> int:
    """Read a whole number, 0 or more."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"`{text}` is no whole number")
    return int(text)


def add_lock_timeout(parser: Parser) -> None:
    """Add ``--lock-timeout``."""
    parser.add_argument(
        "--lock-timeout",
        type=positive_seconds,
        default=60.0,
        metavar="S",
        help="wait that many seconds for another run on the environment (default: 60)",
    )


def project_name(text: str) -> str:
    """Read the name of a project and normalise it (PEP 503)."""
    return _normalise(text, "package")


def group_name(text: str) -> str:
    """Read the name of a dependency group and normalise it (PEP 735)."""
    return _normalise(text, "dependency group")


def _normalise(text: str, kind: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"`{text}` is no name of a {kind}")
    return re.sub(r"[-_.]+", "-", text).lower()


def add_planning_options(parser: Parser) -> None:
    """Add the options that shape a plan."""
    parser.add_argument(
        "--locked", action="store_true", help="fail with 3 when the lock is missing or out of date"
    )
    parser.add_argument(
        "--from", dest="from_lock", metavar="LOCK", help="take this pylock.toml as it is, of any tool"
    )
    parser.add_argument("--adopt", action="store_true", help="take over an environment that others made")
    parser.add_argument(
        "--verify",
        choices=("stat", "hash"),
        default="stat",
        metavar="HOW",
        help="stat or hash (default: stat)",
    )
    parser.add_argument(
        "--reinstall",
        action="append",
        type=project_name,
        default=[],
        metavar="NAME",
        help="lay this package down anew; may be repeated",
    )
