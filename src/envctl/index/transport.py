"""The port to the network: one blocking GET. `HttpTransport` in life, a small fake in tests.

A transport makes one attempt. Who calls it decides what is worth another (`retry.py`), because only the
caller knows whether a body that broke off can be resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from envctl.errors import UpstreamError
from envctl.frozen import dataclass

#: What to do about a failure that outlasted all attempts.
_LATER = "it was tried several times; try again later"


class TransientError(UpstreamError):
    """A failure that may be gone at the next attempt; ``retry_after`` is seconds, as the server asked."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        where: str | None = None,
        hints: Iterable[str] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, message, where=where, hints=tuple(hints) or (_LATER,))
        self.retry_after = retry_after


class Response(Protocol):
    """The answer to one GET, whatever its status."""

    @property
    def status(self) -> int:
        """Return the HTTP status; never a redirect that was followed."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the header fields, names in lower case."""

    @property
    def url(self) -> str:
        """Return the URL that answered, after redirects, without credentials."""

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the body as it came over the wire: no content encoding is undone. Once only.

        Raises TransientError `truncated`, `timeout` or `index-unreachable` when it breaks off.
        """


#: Sends one GET to a URL with headers, as `Transport.get` does.
Getter = Callable[[str, Mapping[str, str]], AbstractContextManager[Response]]


class Transport(Protocol):
    """Blocking, and safe to be called from several threads at once.

    Obligations: only ``http`` and ``https`` are spoken; at most five redirects are followed, never from
    ``https`` to ``http``; an ``Authorization`` header is not carried to another scheme, host or port;
    foreign exceptions do not get through; no error names credentials.
    """

    def get(self, url: str, headers: Mapping[str, str]) -> AbstractContextManager[Response]:
        """Send one GET and return as soon as the head of the answer is there.

        Raises UpstreamError: `offline`; `bad-url`; `bad-redirect`; `tls-failed`; and as TransientError
        `index-unreachable` and `timeout`.
        """

    def close(self) -> None:
        """Close all connections; what is under way in other threads fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds: to connect, for one read, until the head of an answer is there, connecting included.

    ``slow_window`` is how long a body may stay under ``slow_rate`` (bytes a second).
    """

    connect: float = 10.0
    read: float = 20.0
    head: float = 60.0
    slow_window: float = 30.0
    slow_rate: float = 1024.0

    def within(self, seconds: float | None) -> Timeouts:
        """Return them with none longer than ``seconds``."""
        if seconds is None:
            return self
        return Timeouts(
            connect=min(self.connect, seconds),
            read=min(self.read, seconds),
            head=min(self.head, seconds),
            slow_window=self.slow_window,
            slow_rate=self.slow_rate,
        )
