"""The one place that prints."""

from __future__ import annotations

import io
import os
import sys

import pytest

from envctl.cli.console import Console, Styled, plain, printable, wants_color


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Latin(io.StringIO):
    encoding = "ascii"


class Gone(io.StringIO):
    """A reader that has closed its end."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain text", "plain text", id="plain"),
        pytest.param("\x1b[31mred", r"\x1b[31mred", id="escape"),
        pytest.param("a\rb", r"a\x0db", id="carriage-return"),
        pytest.param("a\nerror: forged", r"a\x0aerror: forged", id="line-feed"),
        pytest.param("\x9b31m", r"\x9b31m", id="c1"),
        pytest.param("a\u202eb", r"a\u202eb", id="bidirectional"),
        pytest.param("a\u2066b\u2069", r"a\u2066b\u2069", id="isolate"),
        pytest.param("a\u2028b", r"a\u2028b", id="line-separator"),
        pytest.param("a\udcffb", r"a\xffb", id="undecodable-byte"),
        pytest.param("\U000e0041", r"\U000e0041", id="tag-character"),
        pytest.param("Grüße ± 日本", "Grüße ± 日本", id="letters-of-the-world"),
    ],
)
def test_what_could_move_the_cursor_or_reorder_text_is_made_visible(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_styled_text_is_escaped_inside_its_style() -> None:
    out = io.StringIO()
    console = Console(environ={}, color="always", stdout=out, stderr=io.StringIO())

    console.show([("a ", Styled("\x1b[2J", "red"))])

    assert out.getvalue() == "a \x1b[31m\\x1b[2J\x1b[0m\n"


def test_no_escape_code_reaches_a_pipe_unasked() -> None:
    out = io.StringIO()
    console = Console(environ={"TERM": "xterm"}, stdout=out, stderr=io.StringIO())

    console.show([(Styled("a", "red"),)])

    assert out.getvalue() == "a\n"


def test_each_stream_decides_about_colour_by_itself() -> None:
    out, err = io.StringIO(), Terminal()
    console = Console(environ={"TERM": "xterm"}, stdout=out, stderr=err)

    console.show([(Styled("a", "red"),)])
    console.say([(Styled("b", "red"),)])

    assert (out.getvalue(), err.getvalue()) == ("a\n", "\x1b[31mb\x1b[0m\n")


@pytest.mark.parametrize(
    ("color", "environ", "terminal", "wanted"),
    [
        pytest.param(None, {"TERM": "xterm"}, True, True, id="terminal"),
        pytest.param(None, {}, False, False, id="pipe"),
        pytest.param(None, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False, id="no-color-wins-over-force"),
        pytest.param(None, {"NO_COLOR": "", "TERM": "xterm"}, True, True, id="empty-no-color-is-none"),
        pytest.param(None, {"FORCE_COLOR": "1"}, False, True, id="forced"),
        pytest.param(None, {"FORCE_COLOR": "0"}, False, False, id="force-0"),
        pytest.param("always", {"NO_COLOR": "1"}, False, True, id="asked-for"),
        pytest.param("never", {"FORCE_COLOR": "1"}, True, False, id="refused"),
        pytest.param("auto", {"TERM": "dumb"}, True, False, id="dumb-terminal"),
    ],
)
def test_colour_is_what_was_asked_for_else_what_the_variables_say(
    *, color: str | None, environ: dict[str, str], terminal: bool, wanted: bool
) -> None:
    assert wants_color(color, environ, terminal=terminal) is wanted


def test_a_reader_that_goes_away_ends_the_output_and_not_the_run() -> None:
    err = io.StringIO()
    console = Console(environ={}, stdout=Gone(), stderr=err)

    console.show(["lost"])
    console.show(["lost too"])
    console.say(["still said"])

    assert err.getvalue() == "still said\n"


def test_characters_that_the_stream_cannot_encode_are_written_in_ascii() -> None:
    out = Latin()
    console = Console(environ={}, stdout=out, stderr=io.StringIO())

    console.show(["± replace", "日本"])

    assert out.getvalue() == "-/+ replace\n\\u65e5\\u672c\n"


def test_a_document_keeps_its_line_feeds_and_nothing_else_of_that_kind() -> None:
    out = io.StringIO()
    console = Console(environ={}, stdout=out, stderr=io.StringIO())

    console.document("a\n\tb\x1b\n")

    assert out.getvalue() == "a\n\\x09b\\x1b\n"


@pytest.mark.parametrize(
    ("answer", "agreed"),
    [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False), ("sure\n", False)],
    ids=["y", "yes", "n", "empty", "end-of-file", "other"],
)
def test_only_a_clear_yes_is_a_yes(*, answer: str, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    err = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    console = Console(environ={}, stdout=io.StringIO(), stderr=err)

    assert console.ask("Go on?") is agreed
    assert err.getvalue().startswith("Go on? [y/N] ")


def test_nobody_can_be_asked_when_stdin_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    assert not Console(environ={}, stdout=io.StringIO(), stderr=Terminal()).interactive


def test_plain_gives_a_line_without_its_styles() -> None:
    assert plain(("a ", Styled("b\x07", "red"))) == r"a b\x07"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
def test_a_full_disk_under_stdout_is_an_error() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        console = Console(environ={}, stdout=full, stderr=io.StringIO())

        with pytest.raises(OSError, match="No space left"):
            console.show(["x"])

        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())
