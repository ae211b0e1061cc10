"""Run a program of others for a while: in a process group of its own, to a moment at most.

Whatever ends it (the limit, Ctrl-C, another build that failed), the whole group ends: a compiler that a
backend started does not go on alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

from envctl.build.shield import shield

#: Seconds between the friendly signal and the one that cannot be refused.
GRACE = 3.0


class Processes:
    """The programs that run now, in all threads of a run."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: str | None,
        environ: Mapping[str, str],
        output: int,
        deadline: float,
    ) -> int:
        """Run a program, what it prints going to the descriptor ``output``, and return its exit code.

        ``deadline`` is a moment of `time.monotonic`. Raises `subprocess.TimeoutExpired` when it has come, and
        `OSError` when the program cannot be started.
        """
        shield()
        process = self._start(command, cwd=cwd, environ=environ, output=output)
        try:
            return process.wait(max(deadline - time.monotonic(), 0.0))
        finally:
            # What it left running in the background ends with it, too.
            end_group(process)
            with self._lock:
                self._running.discard(process)

    def stop(self) -> None:
        """End all that runs, and let nothing more begin."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            end_group(process)

    def _start(
        self, command: Sequence[str], *, cwd: str | None, environ: Mapping[str, str], output: int
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise InterruptedError("the run was stopped")
            process = subprocess.Popen(
                list(command),
                cwd=cwd,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
            )
            self._running.add(process)
            return process


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started: politely, and after `GRACE` seconds by force."""
    if sys.platform == "win32":
        if process.poll() is None:
            subprocess.run(
                ["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False
            )
            process.kill()
            process.wait()
        return
    if process.poll() is None:
        _signal_group(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            pass
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


if sys.platform != "win32":

    def _signal_group(group: int, number: signal.Signals) -> None:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            pass  # nobody is left in it
