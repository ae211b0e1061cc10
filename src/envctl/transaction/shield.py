"""Keep interrupts from falling between the two halves of a switch."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)


class Shield:
    """While it is up, SIGINT, SIGTERM and SIGHUP are noted, and have no other effect.

    Handlers are swapped rather than signals blocked: other threads would receive a blocked signal, and
    Python would run its handler in the main thread all the same. Outside the main thread, where no
    interrupt arrives, it does nothing.
    """

    def __init__(self) -> None:
        self._caught: list[int] = []
        self._former: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                # A signal that is ignored stays so; a handler that is not Python's cannot be put back.
                if signal.getsignal(number) not in {signal.SIG_IGN, None}:
                    self._former[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lower()

    def check(self) -> None:
        """Let an interrupt that was noted have its effect now: there is nothing yet to be finished."""
        if self._caught:
            self._lower()
            signal.raise_signal(self._caught[0])

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._caught.append(number)

    def _lower(self) -> None:
        while self._former:
            number, former = self._former.popitem()
            signal.signal(number, former)  # type: ignore[arg-type]  # what `getsignal` gives, as an object
