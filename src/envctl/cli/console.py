"""The one place that prints: results to stdout, everything else to stderr.

A line is made of spans. What a span holds may come from a package or a server, so every character
that could move the cursor, colour the terminal, reorder the text or forge a second line is made
visible before it leaves the process; styles are added here, after that, and only where they are
wanted. A reader that goes away ends the output, not the run.

Loads nothing but ``os`` and ``sys``: the fast path prints through it.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TextIO

_CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "magenta": "35",
    "cyan": "36",
}

#: What stands for a character of ours where the stream's encoding has none.
_PLAIN = {"±": "-/+"}


class Styled:
    """Text with the name of a style: ``bold``, ``dim`` or a colour."""

    __slots__ = ("style", "text")

    def __init__(self, text: str, style: str) -> None:
        self.text = text
        self.style = style

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Styled({self.text!r}, {self.style!r})"


Span = str | Styled
Line = str | tuple[Span, ...]


def printable(text: str) -> str:
    r"""Make control, format and bidirectional characters visible: ``\x1b``, ``\u202e``.

    A byte that was no valid text (a lone surrogate of ``surrogateescape``) is shown as that byte.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def _escape(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        number -= 0xDC00
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def plain(line: Line) -> str:
    """Give a line's text without its styles, printable."""
    spans = (line,) if isinstance(line, str) else line
    return "".join(printable(str(span)) for span in spans)


class Console:
    """Where a command prints. ``verbosity`` is -1 for quiet, 0, or the number of ``-v``."""

    def __init__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        color: str | None = None,
        verbosity: int = 0,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.verbosity = verbosity
        #: Called before anything is written: a live display clears itself.
        self.before_write: Callable[[], None] | None = None
        #: Called by `finish`: a live display ends.
        self.closers: list[Callable[[], None]] = []
        self._environ = os.environ if environ is None else environ
        self._streams: dict[str, TextIO | None] = {
            "stdout": sys.stdout if stdout is None else stdout,
            "stderr": sys.stderr if stderr is None else stderr,
        }
        self._colored: dict[str, bool] = {}
        self.choose_color(color)

    def choose_color(self, color: str | None) -> None:
        """Decide for each stream: ``always``, ``never``, or ``auto`` (None is the same)."""
        self._colored = {
            name: wants_color(color, self._environ, terminal=is_terminal(stream))
            for name, stream in self._streams.items()
        }

    @property
    def quiet(self) -> bool:
        """Whether only results and errors are wanted."""
        return self.verbosity < 0

    @property
    def verbose(self) -> bool:
        """Whether everything is wanted."""
        return self.verbosity > 0

    @property
    def live(self) -> bool:
        """Whether stderr is a terminal that can redraw what it shows."""
        return is_terminal(self._streams["stderr"]) and self._environ.get("TERM") != "dumb"

    @property
    def colored(self) -> bool:
        """Whether stderr takes colours."""
        return self._colored["stderr"]

    @property
    def interactive(self) -> bool:
        """Whether somebody can be asked: stdin and stderr are terminals."""
        return is_terminal(sys.stdin) and is_terminal(self._streams["stderr"])

    def show(self, lines: Iterable[Line]) -> None:
        """Print results."""
        self._print("stdout", lines)

    def say(self, lines: Iterable[Line]) -> None:
        """Print what is no result: errors, warnings, progress."""
        self._print("stderr", lines)

    def document(self, text: str) -> None:
        """Print a document as the whole result; of its control characters only line feeds stay."""
        self._write("stdout", "\n".join(printable(line) for line in text.rstrip("\n").split("\n")) + "\n")

    def ask(self, question: str) -> bool:
        """Ask on stderr, and take anything but ``y`` or ``yes`` as no."""
        self._write("stderr", f"{printable(question)} [y/N] ")
        try:
            answer = sys.stdin.readline()
        except (OSError, ValueError):
            answer = ""
        if not answer.endswith("\n"):
            self._write("stderr", "\n")
        return answer.strip().lower() in {"y", "yes"}

    def finish(self) -> None:
        """End what is live."""
        for close in self.closers:
            close()
        self.closers.clear()

    def _print(self, name: str, lines: Iterable[Line]) -> None:
        colored = self._colored[name]
        text = "".join(f"{_format(line, colored=colored)}\n" for line in lines)
        if text:
            self._write(name, text)

    def _write(self, name: str, text: str) -> None:
        """Write; the only call in envctl that does."""
        stream = self._streams[name]
        if stream is None:
            return
        if self.before_write is not None:
            self.before_write()
        try:
            stream.write(_encodable(text, stream.encoding))
            stream.flush()
        except BrokenPipeError:
            self._streams[name] = None
            _lead_nowhere(stream)


def _lead_nowhere(stream: TextIO) -> None:
    """Point a stream without a reader at nothing, or Python complains about it when it exits."""
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
    except (OSError, ValueError):
        pass


def _format(line: Line, *, colored: bool) -> str:
    if not colored or isinstance(line, str):
        return plain(line)
    return "".join(_paint(span) for span in line)


def _paint(span: Span) -> str:
    if isinstance(span, str):
        return printable(span)
    return f"\x1b[{_CODES[span.style]}m{printable(span.text)}\x1b[0m"


def _encodable(text: str, encoding: str | None) -> str:
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        for character, stand_in in _PLAIN.items():
            text = text.replace(character, stand_in)
        return text.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")
    return text


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal; one that is closed or missing is none."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def wants_color(color: str | None, environ: Mapping[str, str], *, terminal: bool) -> bool:
    """Decide about colour: what was asked for, else NO_COLOR, else FORCE_COLOR, else a terminal that can.

    Source: https://no-color.org and https://force-color.org
    """
    if color in {"always", "never"}:
        return color == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in {"", "0"}:
        return True
    if not terminal or environ.get("TERM") == "dumb":
        return False
    return os.name != "nt" or bool(environ.get("WT_SESSION") or environ.get("ANSICON") or environ.get("TERM"))
