"""A server over a folder, and clients of it that do not wait between tries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from envctl.index.client import IndexClient
from envctl.index.http import HttpTransport
from envctl.index.retry import RetryPolicy
from envctl.index.transport import Timeouts
from envctl.manifest.manifest import Index
from envctl.model.events import Event
from envctl.model.settings import Settings
from support.server import IndexServer

OpenClient = Callable[..., IndexClient]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[IndexServer]:
    with IndexServer(tmp_path / "served") as server:
        yield server


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def open_client(tmp_path: Path, server: IndexServer, events: list[Event]) -> Iterator[OpenClient]:
    """Make clients of one cache; each stands for one run. Keywords are settings, but for those named here."""
    opened: list[IndexClient] = []

    def open_one(
        *,
        indexes: tuple[Index, ...] | None = None,
        pinned: dict[str, str] | None = None,
        timeouts: Timeouts | None = None,
        clock: Callable[[], float] | None = None,
        tries: int = 4,
        **settings: Any,
    ) -> IndexClient:
        machine = Settings(**{"cache_dir": str(tmp_path / "cache"), **settings})
        more: dict[str, Any] = {} if clock is None else {"clock": clock}
        client = IndexClient(
            indexes=indexes if indexes is not None else (Index(name="test", url=server.url),),
            pinned=pinned or {},
            settings=machine,
            transport=HttpTransport(machine, timeouts=timeouts, emit=events.append),
            emit=events.append,
            policy=RetryPolicy(tries=tries, first_wait=0.001),
            **more,
        )
        opened.append(client)
        return client

    yield open_one
    for client in opened:
        client.close()
