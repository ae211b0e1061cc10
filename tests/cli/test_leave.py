"""The end of the process: what was printed arrives, and the exit code too."""

from __future__ import annotations

import os
import subprocess
import sys

_START = "import sys, threading, time; from envctl.cli.main import leave\n"


def run(code: str) -> subprocess.CompletedProcess[str]:
    environ = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run(
        [sys.executable, "-c", _START + code],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_was_printed_arrives() -> None:
    done = run("print('x' * 100_000); print('y', file=sys.stderr); leave(3)")

    assert (done.returncode, len(done.stdout), done.stderr) == (3, 100_001, "y\n")


def test_a_thread_that_is_no_daemon_is_waited_for() -> None:
    done = run("threading.Thread(target=lambda: (time.sleep(0.2), print('late'))).start(); leave(0)")

    assert (done.returncode, done.stdout) == (0, "late\n")


def test_a_daemon_is_not_waited_for() -> None:
    done = run("threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); leave(0)")

    assert done.returncode == 0


def test_a_closed_stream_ends_it_as_the_interpreter_does() -> None:
    done = run("sys.stdout.close(); leave(4); sys.exit(5)")

    assert done.returncode == 5
