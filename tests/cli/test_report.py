"""What is told while long work runs."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import subprocess
import sys
import textwrap
import threading

import pytest

from envctl.cli.console import Console
from envctl.cli.report.choose import choose_reporter
from envctl.cli.report.live import LiveReporter
from envctl.cli.report.plain import PlainReporter
from envctl.model.events import Advanced, Ended, Event, Grew, Notice, Phase, Started


def told(*events: Event, verbosity: int = 0) -> str:
    err = io.StringIO()
    reporter = PlainReporter(Console(environ={}, verbosity=verbosity, stdout=io.StringIO(), stderr=err))
    for event in events:
        reporter.emit(event)
    return err.getvalue()


def test_off_a_terminal_a_phase_is_one_line() -> None:
    text = told(
        Started(Phase.RESOLVE),
        Advanced(Phase.RESOLVE, 1, "flask"),
        Ended(Phase.RESOLVE, "Resolved 75 packages"),
    )

    assert text == "Resolved 75 packages\n"


def test_a_phase_that_ends_without_words_is_summed_up() -> None:
    text = told(
        Started(Phase.DOWNLOAD, 1000, "bytes"),
        Grew(Phase.DOWNLOAD, 500),
        Advanced(Phase.DOWNLOAD, 1500),
        Ended(Phase.DOWNLOAD),
    )

    assert re.fullmatch(r"Downloaded 1\.5 kB in \d+ ms\n", text)


def test_a_phase_in_which_nothing_happened_is_not_mentioned() -> None:
    assert told(Started(Phase.DOWNLOAD), Ended(Phase.DOWNLOAD)) == ""


def test_a_phase_that_runs_twice_at_once_is_summed_up_when_both_are_over() -> None:
    begun: list[Event] = [
        Started(Phase.BUILD),
        Advanced(Phase.BUILD, 1),
        Started(Phase.BUILD),
        Advanced(Phase.BUILD, 1),
    ]

    assert told(*begun, Ended(Phase.BUILD)) == ""
    assert told(*begun, Ended(Phase.BUILD), Ended(Phase.BUILD)).startswith("Built 2 packages")


def test_quiet_tells_nothing() -> None:
    events = (Started(Phase.LINK), Ended(Phase.LINK, "Linked 3 files"), Notice("warning", "a-code", "beware"))

    assert told(*events, verbosity=-1) == ""


def test_notices_have_their_level_code_and_hints() -> None:
    text = told(
        Notice("warning", "slow-index", "the index is slow", ("wait",)),
        Notice("info", "recovered", "finished what a killed run left"),
        Notice("debug", "manifest", "using /p/env.toml"),
    )

    assert text == "warning: the index is slow [slow-index]\nhint: wait\nfinished what a killed run left\n"


def test_a_notice_is_told_once() -> None:
    again = Notice("info", "manifest-found", "the manifest is `/p/env.toml`")
    other = Notice("info", "manifest-found", "the manifest is `/q/env.toml`")

    assert told(again, again, other, again) == f"{again.message}\n{other.message}\n"


def test_verbose_tells_what_is_for_finding_faults() -> None:
    assert told(Notice("debug", "manifest", "using /p/env.toml"), verbosity=1) == "using /p/env.toml\n"


def test_events_of_many_threads_are_all_counted() -> None:
    err = io.StringIO()
    reporter = PlainReporter(Console(environ={}, stdout=io.StringIO(), stderr=err))
    reporter.emit(Started(Phase.UNPACK, unit="files"))

    def work() -> None:
        for _ in range(500):
            reporter.emit(Advanced(Phase.UNPACK, 1))

    threads = [threading.Thread(target=work) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reporter.emit(Ended(Phase.UNPACK))

    assert err.getvalue().startswith("Unpacked 2,000 files")


def test_a_pipe_gets_no_live_display() -> None:
    console = Console(environ={"TERM": "xterm"}, stdout=io.StringIO(), stderr=io.StringIO())

    choose_reporter(console)

    assert console.before_write is None


def test_short_work_on_a_terminal_never_loads_the_display() -> None:
    err = io.StringIO()
    reporter = LiveReporter(Console(environ={}, stdout=io.StringIO(), stderr=err), patience=60)

    reporter.emit(Started(Phase.LINK))
    reporter.emit(Ended(Phase.LINK, "Linked 3 files"))
    reporter.close()

    assert err.getvalue() == "Linked 3 files\n"


def test_that_it_was_unpacked_is_a_line_off_a_terminal_only() -> None:
    events: tuple[Event, ...] = (
        Started(Phase.UNPACK, 1),
        Advanced(Phase.UNPACK, 1, "flask"),
        Ended(Phase.UNPACK, "Unpacked 1 package"),
    )
    err = io.StringIO()
    reporter = LiveReporter(Console(environ={}, stdout=io.StringIO(), stderr=err), patience=60)

    for event in events:
        reporter.emit(event)
    reporter.close()

    assert told(*events) == "Unpacked 1 package\n"
    assert err.getvalue() == ""


_LONG_WORK = textwrap.dedent(
    """
    import sys, time
    from envctl.cli.console import Console
    from envctl.cli.report.choose import choose_reporter
    from envctl.model.events import *
    console = Console()
    emit = choose_reporter(console)
    emit(Started(Phase.DOWNLOAD, 3_000_000, "bytes"))
    for _ in range(15):
        time.sleep(0.1)
        emit(Advanced(Phase.DOWNLOAD, 200_000, "evil\\x1b]0;title\\x07-1.0.whl"))
    console.show(["the result"])
    emit(Ended(Phase.DOWNLOAD, "Downloaded 3.0 MB"))
    console.finish()
    print("rich" in sys.modules)
    """
)


def _draw(**more: str) -> str:
    """Do long work on a terminal, and give all that it shows."""
    leader, follower = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "PYTHONPATH": os.pathsep.join(sys.path)}
    environ.pop("NO_COLOR", None)

    process = subprocess.Popen(
        [sys.executable, "-c", _LONG_WORK],
        stderr=follower,
        stdout=subprocess.PIPE,
        env={**environ, **more},
        text=True,
    )
    os.close(follower)
    drawn = _read_all(leader)
    out, _ = process.communicate(timeout=30)
    assert out == "the result\nTrue\n"
    return drawn


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_long_work_on_a_terminal_is_drawn_and_then_gone() -> None:
    drawn = _draw()

    assert "Downloading" in drawn
    assert "/3.0 MB" in drawn
    assert "\x1b]0;" not in drawn
    assert drawn.rstrip().endswith("Downloaded 3.0 MB")


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_without_colours_bars_are_drawn_without_any_style() -> None:
    drawn = _draw(NO_COLOR="1")

    assert "Downloading" in drawn
    assert re.findall(r"\x1b\[[0-9;]*m", drawn) == []


def _read_all(descriptor: int) -> str:
    data = b""
    while select.select([descriptor], [], [], 30)[0]:
        try:
            block = os.read(descriptor, 65536)
        except OSError:
            break
        if not block:
            break
        data += block
    os.close(descriptor)
    return data.decode()


def test_a_resolution_that_failed_is_not_told_as_done() -> None:
    assert told(Started(Phase.RESOLVE), Advanced(Phase.RESOLVE, 1, "flask"), Ended(Phase.RESOLVE)) == ""
