"""The deadline of a thread's connections."""

from __future__ import annotations

import socket
import time
from typing import Any

import httpcore
import pytest

from envctl.index.deadline import DeadlineBackend


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[tuple[str, float | None]]:
    """Let every name have these addresses, none of which answers but 127.0.0.1; note who is asked."""
    tried: list[tuple[str, float | None]] = []

    def find(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    def connect(address: tuple[str, int], timeout: float | None, **_: Any) -> socket.socket:
        tried.append((address[0], timeout))
        if address[0] == "127.0.0.1":
            return socket.socket()
        time.sleep(timeout or 0)
        raise TimeoutError

    monkeypatch.setattr(socket, "getaddrinfo", find)
    monkeypatch.setattr(socket, "create_connection", connect)
    return tried


def test_all_addresses_of_a_host_have_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = resolve_to(monkeypatch, *(f"192.0.2.{number}" for number in range(100)))
    backend = DeadlineBackend()
    began = time.monotonic()

    with backend.within(0.3), pytest.raises(httpcore.ConnectTimeout):
        backend.connect_tcp("many.example", 80, timeout=0.1)

    assert time.monotonic() - began < 1
    assert 1 < len(tried) <= 4


def test_an_address_that_does_not_answer_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = resolve_to(monkeypatch, "192.0.2.1", "127.0.0.1")
    backend = DeadlineBackend()

    with backend.within(5):
        backend.connect_tcp("two.example", 80, timeout=0.05).close()

    assert [address for address, _ in tried] == ["192.0.2.1", "127.0.0.1"]
