"""The phrases of reasons: who wants a package, what drifted, who put something there."""

from __future__ import annotations

from envctl.model.change import Reason, ReasonKind
from envctl.model.selection import Pin
from envctl.model.state import Distribution, Drift, DriftKind

_DRIFTED = {
    DriftKind.MISSING: "is missing",
    DriftKind.MODIFIED: "was modified",
    DriftKind.ADDED: "was added",
    DriftKind.MODE: "has another mode",
    DriftKind.LINK: "is another link",
    DriftKind.METADATA: "has other metadata",
    DriftKind.VERSION: "is another version",
    DriftKind.FOREIGN: "is foreign",
    DriftKind.INTERPRETER: "is another interpreter",
}


def explain_wish(pin: Pin) -> tuple[Reason, ...]:
    """Say why a package is wanted: the lists that ask for it, then the packages that require it.

    A requirer with its specifier in brackets is a package (``requests (<4,>=2.5)``) unless it is a list.
    A pin that names nobody is wanted by the lock itself.
    """
    lists = [text for text in pin.required_by if _is_list(text)]
    packages = [text for text in pin.required_by if not _is_list(text)]
    reasons = []
    if lists or pin.requested:
        reasons.append(Reason(ReasonKind.MANIFEST, f"asked for by {_join(lists) or 'the manifest'}"))
    if packages:
        reasons.append(Reason(ReasonKind.REQUIRED, f"required by {_join(packages)}"))
    return tuple(reasons) or (Reason(ReasonKind.REQUIRED, "required by the lock"),)


def explain_step(pin: Pin) -> str:
    """Say in one phrase who asks for the version that a lock now has."""
    return ", ".join(reason.text for reason in explain_wish(pin))


def describe_drift(drift: tuple[Drift, ...]) -> str:
    """Say what drifted: the first path, and how many more there are. ``drift`` is not empty."""
    first = drift[0]
    rest = "" if len(drift) == 1 else f", and {len(drift) - 1} more"
    return f"{_describe(first)}{rest}"


def _describe(drift: Drift) -> str:
    """Say in one clause what is wrong with a path. A detail is a predicate, or begins with an amount."""
    if drift.kind is DriftKind.VERSION and drift.detail:
        return f"was replaced: {drift.detail}"
    subject = drift.path or drift.address
    if drift.detail[:1].isdigit():
        return f"{subject} was modified ({drift.detail})"
    return f"{subject} {drift.detail or _DRIFTED[drift.kind]}"


def describe_installer(distribution: Distribution) -> str:
    """Say who put a distribution there that envctl did not."""
    return f"installed by {distribution.installer or 'others'}"


def _is_list(text: str) -> bool:
    # A package stands as its normalised name, which has no dot, perhaps with a specifier in brackets;
    # lists are file names and two words: `env.toml`, `pyproject.toml`, `group dev`, `extra postgres`.
    return "." in text.partition(" ")[0] or text.startswith(("group ", "extra "))


def _join(texts: list[str]) -> str:
    return ", ".join(texts)
