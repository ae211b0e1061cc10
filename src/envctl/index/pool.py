"""Work done ahead of time in a few threads, and waited for when it is needed.

The threads are daemons: a worker that waits for a server must not hold up the end of the program.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Pending(Generic[T]):
    """A result that is being worked on, or will be.

    Whoever comes first does the work: a worker, or the thread that needs the result before one was free.
    """

    __slots__ = ("_claim", "_done", "_error", "_operation", "_result")

    def __init__(self, operation: Callable[[], T]) -> None:
        self._operation: Callable[[], T] | None = operation
        self._claim = threading.Lock()
        self._done = threading.Event()
        self._result: list[T] = []
        self._error: Exception | None = None

    def run(self) -> None:
        """Do the work, unless somebody has begun it."""
        if not self._claim.acquire(blocking=False):
            return
        operation, self._operation = self._operation, None
        try:
            if operation is not None:
                self._result.append(operation())
        except Exception as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error = error
        finally:
            self._done.set()

    def wait(self) -> T:
        """Return the result, or raise what the work raised; do it here if nobody has begun."""
        self.run()
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result[0]

    def join(self, is_closed: Callable[[], bool]) -> T:
        """Return the result as `wait` does, but leave the work to the worker while its pool is open."""
        while not self._done.wait(0.5):
            if is_closed():
                break
        return self.wait()


class Pool:
    """At most ``size`` daemon threads, started as work arrives."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._queue: queue.SimpleQueue[Pending[object] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, operation: Callable[[], T]) -> Pending[T]:
        """Queue work; after `close` it is done only when waited for."""
        pending = Pending(operation)
        with self._lock:
            if not self._closed:
                self._queue.put(pending)  # type: ignore[arg-type]  # Pending is invariant; its result is not read
                if len(self._threads) < self._size:
                    thread = threading.Thread(target=self._work, name="index", daemon=True)
                    self._threads.append(thread)
                    thread.start()
        return pending

    def call(self, operation: Callable[[], T]) -> T:
        """Have work done in one of the threads, and wait for it."""
        return self.submit(operation).join(lambda: self._closed)

    def close(self, *, patience: float = 0.0) -> None:
        """Begin nothing more. What has begun ends on its own, and is waited for, ``patience`` seconds."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            threads = list(self._threads)
        try:
            while True:
                self._queue.get_nowait()
        except queue.Empty:
            pass
        for _ in threads:
            self._queue.put(None)
        until = time.monotonic() + patience
        for thread in threads:
            thread.join(max(until - time.monotonic(), 0.0))

    def _work(self) -> None:
        while (pending := self._queue.get()) is not None:
            pending.run()
