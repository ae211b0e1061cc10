"""What long work tells while it runs: the one channel for progress, notices and test oracles.

An adapter is handed an `Emit` and calls it from any thread; a reporter in ``cli`` shows it.
Events are values: nothing here prints.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from envctl.frozen import dataclass


class Phase(StrEnum):
    """A stretch of work that a person waits for."""

    RESOLVE = "resolve"
    DOWNLOAD = "download"
    UNPACK = "unpack"
    BUILD = "build"
    COMPILE = "compile"
    LINK = "link"
    VERIFY = "verify"
    SWITCH = "switch"
    RECOVER = "recover"


@dataclass(frozen=True, slots=True)
class Started:
    """A phase begins; ``total`` counts ``unit`` (``bytes``, ``files``, ``packages``), None if unknown."""

    phase: Phase
    total: int | None = None
    unit: str = "packages"


@dataclass(frozen=True, slots=True)
class Advanced:
    """``amount`` more units of a phase are done; ``subject`` is what is being worked on."""

    phase: Phase
    amount: int = 0
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Grew:
    """A phase turned out to have ``amount`` more units than was known."""

    phase: Phase
    amount: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A phase is over; ``summary`` is one line for people, such as ``Resolved 75 packages``."""

    phase: Phase
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know; ``level`` is ``info``, ``warning`` or ``debug``."""

    level: str
    code: str
    message: str
    hints: tuple[str, ...] = ()


def insecure_host(host: str) -> Notice:
    """Say that anybody can pretend to be a host, for the settings of the machine let it prove nothing."""
    message = (
        f"the certificate of `{host}` is not checked, as your settings say: anybody can pretend to be it"
    )
    return Notice("warning", "insecure-host", message)


Event = Started | Advanced | Grew | Ended | Notice
Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Drop an event."""
