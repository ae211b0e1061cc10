"""Why a statement about releases holds: what the leaves of a refutation are made of."""

from __future__ import annotations

from dataclasses import dataclass

from envctl.resolve.want import Want


@dataclass(frozen=True, slots=True)
class Asked:
    """A root wants something."""

    want: Want


@dataclass(frozen=True, slots=True)
class Limited:
    """A constraint limits a project."""

    want: Want


@dataclass(slots=True, eq=False)
class Required:
    """Releases of a project want something; ``mask`` grows while more of them are met."""

    name: str
    mask: int
    want: Want


@dataclass(slots=True, eq=False)
class Unfit:
    """Releases of a project are no candidates, or were not when it mattered; ``mask`` may grow."""

    name: str
    mask: int


Statement = Asked | Limited | Required | Unfit


@dataclass(frozen=True, slots=True)
class Refutation:
    """Nothing satisfies what is asked, because of ``statements``; ``gave_up`` when that is not known."""

    statements: tuple[Statement, ...]
    gave_up: bool = False
