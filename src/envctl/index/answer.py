"""What asking an index for a page or for metadata came to; apart from what asks, which few runs load."""

from __future__ import annotations

from envctl.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Fetched:
    """The record of a page, and whether the index lets anybody keep it."""

    record: bytes
    keep: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """The index has no such project, and whether it lets anybody keep that."""

    keep: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """The METADATA of a wheel: whether it may be kept, and whether later runs may use it without asking."""

    data: bytes
    keep: bool = True
    reuse: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """The page is what it was (304); ``keep`` is whether it may be kept any longer."""

    keep: bool
    max_age: int
    etag: str | None
    modified: str | None
