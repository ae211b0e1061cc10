"""The transport over HTTP, as it is handed around: light until the first request.

Importing the HTTP library takes a twentieth of a second. A run whose pages are all fresh makes no request,
so `connection.py`, which has the library, is loaded by the first one.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager

from envctl.errors import UpstreamError
from envctl.index.location import format_url
from envctl.index.transport import Response, Timeouts, Transport
from envctl.model.events import Emit, ignore
from envctl.model.settings import Settings


class HttpTransport:
    """A `Transport` over HTTP/1.1 with a pool of connections; ``--offline`` opens no socket."""

    def __init__(self, settings: Settings, *, timeouts: Timeouts | None = None, emit: Emit = ignore) -> None:
        self._settings = settings
        self._timeouts = (timeouts or Timeouts()).within(settings.timeout)
        self._emit = emit
        self._lock = threading.Lock()
        self._connected: Transport | None = None

    def get(self, url: str, headers: Mapping[str, str]) -> AbstractContextManager[Response]:
        """Send one GET; see `Transport`."""
        if self._settings.offline:
            message = f"`{format_url(url)}` is not in the cache, and --offline forbids to fetch it"
            raise UpstreamError("offline", message, hints=("run again without --offline",))
        return self._connect().get(url, headers)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            connected, self._connected = self._connected, None
        if connected is not None:
            connected.close()

    def _connect(self) -> Transport:
        with self._lock:
            if self._connected is None:
                from envctl.index.connection import Connections  # noqa: PLC0415 - 0.1 s for httpx

                self._connected = Connections(self._settings, timeouts=self._timeouts, emit=self._emit)
            return self._connected
