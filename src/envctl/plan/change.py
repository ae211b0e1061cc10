"""The vocabulary of a plan: changes, their reasons, and the plan itself, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from envctl.lock.difference import LockChange
from envctl.model.state import Drift


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Digests (``sha256:…``) of all that a plan was made from, by label, for staleness.

    Labels: ``manifest``, ``lock``, ``options``, ``interpreter``, ``policy``, ``projects``. ``lock_path`` and
    ``manifest_path`` are relative to the manifest's folder. ``options`` are those that shape a plan.
    """

    digests: Mapping[str, str]
    manifest_path: str
    lock_path: str | None
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEnvironment:
    """The environment a plan is for. ``path`` is relative to the manifest's folder, POSIX."""

    name: str
    path: str
    python: str
    executable: str
    implementation: str
    platform: str
    switch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The state a plan was made against."""

    exists: bool
    digest: str
    generation: int | None
    owner: str = "envctl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be done, whole: printed, saved, applied. Changes are sorted by address.

    ``lock_text`` is the lock to be written when it changes, else None. ``adopt`` says that the
    environment of others is taken over.
    """

    inputs: Inputs
    environment: PlannedEnvironment
    observed: Observed
    changes: tuple[Change, ...]
    drift: tuple[Drift, ...] = ()
    lock_changes: tuple[LockChange, ...] = ()
    lock_text: str | None = None
    planned_digest: str = ""
    policy: tuple[Verdict, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    adopt: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether applying it would change neither environment nor lock."""
        return self.lock_text is None and all(change.action is Action.NO_OP for change in self.changes)

    @property
    def applyable(self) -> bool:
        """Whether no enforced policy rule forbids it."""
        return not any(verdict.mode == "enforce" and not verdict.waived for verdict in self.policy)
