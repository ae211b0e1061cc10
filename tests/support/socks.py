"""A SOCKS5 proxy on loopback: connects where it is told to, or wants a password first.

Source: RFC 1928, RFC 1929.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Socks:
    """Where it listens, ``HOST:PORT``, and where it was told to connect to, in order."""

    address: str
    connected: list[tuple[str, int]] = field(default_factory=list)


@contextlib.contextmanager
def socks(*, login: str = "") -> Iterator[Socks]:
    """Run a proxy. With a ``login`` (``user:password``) it wants to be told that."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Socks(f"127.0.0.1:{listener.getsockname()[1]}")
        threading.Thread(target=_serve, args=(listener, proxy, login), daemon=True).start()
        yield proxy


def _serve(listener: socket.socket, proxy: Socks, login: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            client = listener.accept()[0]
            threading.Thread(target=_answer, args=(client, proxy, login), daemon=True).start()


def _answer(client: socket.socket, proxy: Socks, login: str) -> None:
    with contextlib.suppress(OSError, struct.error, IndexError), client:
        _read(client, _read(client, 2)[1])
        client.sendall(b"\x05\x02" if login else b"\x05\x00")
        if login:
            user = _read(client, _read(client, 2)[1]).decode()
            password = _read(client, _read(client, 1)[0]).decode()
            right = f"{user}:{password}" == login
            client.sendall(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return
        kind = _read(client, 4)[3]
        host = (
            _read(client, _read(client, 1)[0]).decode() if kind == 3 else socket.inet_ntoa(_read(client, 4))
        )
        (port,) = struct.unpack("!H", _read(client, 2))
        proxy.connected.append((host, port))
        with socket.create_connection((host, port), 10) as server:
            client.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
