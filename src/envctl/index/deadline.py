"""A moment at which the head of an answer has to be there, however many bytes trickle in before it.

Time-outs of sockets are of one read each: a server that sends a byte every few seconds would never end.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore


class DeadlineBackend(httpcore.SyncBackend):
    """Sockets whose connecting, reading and writing ends at the deadline of the thread, where it has one."""

    def __init__(self) -> None:
        self._thread = threading.local()

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Give the calling thread a deadline."""
        self._thread.deadline = time.monotonic() + seconds
        try:
            yield
        finally:
            self._thread.deadline = None

    def limit(self, timeout: float | None) -> float | None:
        """Return how long the next step may take; raises httpcore.ReadTimeout past the deadline."""
        deadline: float | None = getattr(self._thread, "deadline", None)
        if deadline is None:
            return timeout
        rest = deadline - time.monotonic()
        if rest <= 0:
            raise httpcore.ReadTimeout
        return rest if timeout is None else min(rest, timeout)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers; see `httpcore.NetworkBackend`.

        ``timeout`` is for each address, the deadline for all of them: a host may have dozens.
        """
        failure: Exception = httpcore.ConnectTimeout()
        for address in _resolve(host, port):
            try:
                stream = super().connect_tcp(
                    address, port, self.limit(timeout), local_address, socket_options
                )
            except httpcore.ReadTimeout:  # past the deadline: why the addresses before failed says more
                break
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, self)
        raise failure


def _resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, best first; raises httpcore.ConnectError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    # IPv6 has a scope beside the address, without which that of a link cannot be reached.
    return [
        f"{place[0]}%{place[3]}" if len(place) == 4 and place[3] else str(place[0]) for *_, place in found
    ]


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, backend: DeadlineBackend) -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._backend.limit(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._backend.limit(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, self._backend.limit(timeout))
        return _Stream(secure, self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
