"""One line of a plan, and what is said about it: the vocabulary that plan and policy share."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from envctl.frozen import dataclass, field


class Action(StrEnum):
    """What is done to an address."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    NO_OP = "no-op"


class ReasonKind(StrEnum):
    """Why; the contract's closed set."""

    MANIFEST = "manifest"
    REQUIRED = "required"
    LOCK_CHANGED = "lock-changed"
    MISSING = "missing"
    DRIFT = "drift"
    PYTHON_CHANGED = "python-changed"
    SOURCE_CHANGED = "source-changed"
    NO_LONGER_REQUIRED = "no-longer-required"
    DESELECTED = "deselected"
    FOREIGN = "foreign"
    REQUESTED = "requested"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: its kind, and a phrase for people such as ``required by requests (<4,>=2.5)``."""

    kind: ReasonKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a change. ``origin`` is `identify`'s text, ``source`` what people read."""

    version: str | None = None
    origin: str | None = None
    source: str = ""
    url: str | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of a plan.

    ``address`` is ``environment``, ``python``, ``package.NAME`` or ``file."PATH"``. Every change carries a
    reason, a no-op too. ``flags``: ``major``, ``downgrade``, ``editable``, ``prerelease``.
    """

    address: str
    action: Action
    before: Side | None
    after: Side | None
    reasons: tuple[Reason, ...]
    direct: bool = False
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a policy rule says of a package. ``mode`` is ``enforce`` or ``warn``."""

    rule: str
    mode: str
    address: str
    message: str
    waived: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """A remark about the plan as a whole: ``level`` is ``info`` or ``warning``."""

    level: str
    code: str
    message: str
