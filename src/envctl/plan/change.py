"""The plan itself, as a frozen value. Its lines are those of `envctl.model.change`, offered here too."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.frozen import dataclass, field
from envctl.lock.difference import LockChange
from envctl.model.change import Action, Change, Diagnostic, Reason, ReasonKind, Side, Verdict
from envctl.model.state import Drift, ForeignFile

__all__ = [
    "Action",
    "Change",
    "Diagnostic",
    "Drift",
    "Inputs",
    "LockChange",
    "Observed",
    "Plan",
    "PlannedEnvironment",
    "Reason",
    "ReasonKind",
    "Side",
    "Verdict",
]


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
    environment of others is taken over. ``download_bytes`` is what has to be fetched, where sizes are known.
    ``carried`` is data that tools put there: it comes along, and is no change.
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
    download_bytes: int = 0
    carried: tuple[ForeignFile, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether applying it would change neither environment nor lock."""
        return self.lock_text is None and all(change.action is Action.NO_OP for change in self.changes)

    @property
    def pressing_verdicts(self) -> tuple[Verdict, ...]:
        """What policy says of it, without mere warnings about what is there already and stays."""
        settled = {change.address for change in self.changes if change.action is Action.NO_OP}
        return tuple(
            verdict for verdict in self.policy if verdict.mode == "enforce" or verdict.address not in settled
        )

    @property
    def applyable(self) -> bool:
        """Whether no enforced policy rule forbids it."""
        return not any(verdict.mode == "enforce" and not verdict.waived for verdict in self.policy)
