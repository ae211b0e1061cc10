"""One project of a plan: what is wanted of it beside what is installed of it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from envctl.frozen import dataclass
from envctl.model.artifact import Archive, Checkout, Directory, Sdist, Wheel, format_origin, identify
from envctl.model.change import Action, Change, Reason, ReasonKind, Side
from envctl.model.selection import Pin
from envctl.model.state import Distribution, Drift, DriftKind
from envctl.plan.address import format_package
from envctl.plan.origin import describe_difference, is_same_origin, shorten_origin
from envctl.plan.reasons import describe_drift, describe_installer, explain_step, explain_wish
from envctl.plan.versions import choose_flags, is_same_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What decides about every project alike.

    ``python`` is the full version to come; ``minor_changed`` says that its minor version is another than
    that in place; ``exists`` that there is an environment. ``locked`` holds the names of the lock's projects.
    """

    prune: str
    python: str
    minor_changed: bool
    exists: bool
    reinstall: frozenset[str]
    locked: frozenset[str]


def decide_package(
    name: str,
    pin: Pin | None,
    distribution: Distribution | None,
    *,
    drift: tuple[Drift, ...],
    setting: Setting,
) -> Change | None:
    """Decide about one project; ``drift`` holds its lines. None when it is neither there nor wanted."""
    if pin is None:
        if distribution is None:
            return _remove_remains(name, drift) if drift else None
        return _decide_unwanted(distribution, drift, setting)
    if distribution is None:
        return _create(pin, drift, setting)
    return _decide_wanted(pin, distribution, drift, setting)


def _create(pin: Pin, drift: tuple[Drift, ...], setting: Setting) -> Change:
    reasons = explain_wish(pin)
    if drift and setting.exists:
        reasons = (Reason(ReasonKind.MISSING, f"was removed: {describe_drift(drift)}"), *reasons)
    return _line(pin, Action.CREATE, before=None, reasons=reasons)


def _decide_wanted(
    pin: Pin, distribution: Distribution, drift: tuple[Drift, ...], setting: Setting
) -> Change:
    """Compare version, then origin, then files; the first difference names the action."""
    before = describe_distribution(distribution)
    reasons = []
    action = Action.NO_OP
    if pin.version is not None and not is_same_version(distribution.version, pin.version):
        action = Action.UPDATE
        reasons.append(_explain_version(pin, drift))
    elif not is_same_origin(distribution, pin.artifact):
        action = Action.UPDATE
        difference = describe_difference(distribution, pin.artifact)
        reasons.append(Reason(ReasonKind.SOURCE_CHANGED, f"{difference}; {explain_step(pin)}"))
    mended = [_explain_drift(distribution, drift), *_explain_force(pin, setting)]
    # What replaced a version is told once: as the reason for the version.
    told = {reason.kind for reason in reasons}
    reasons += [reason for reason in mended if reason is not None and reason.kind not in told]
    if reasons and action is Action.NO_OP:
        action = Action.REPLACE
    return _line(pin, action, before=before, reasons=tuple(reasons) or explain_wish(pin))


def _explain_version(pin: Pin, drift: tuple[Drift, ...]) -> Reason:
    """Tell a version that somebody swapped behind envctl's back from one that the lock moved."""
    if any(line.kind is DriftKind.VERSION for line in drift):
        return Reason(ReasonKind.DRIFT, describe_drift(drift))
    return Reason(ReasonKind.LOCK_CHANGED, explain_step(pin))


def _explain_drift(distribution: Distribution, drift: tuple[Drift, ...]) -> Reason | None:
    """Say what is wrong with the files of a distribution, if something is.

    Of one that envctl did not lay a line of the kind `version` tells only what was there before; that
    is no fault of what is there now.
    """
    if not distribution.managed:
        drift = tuple(line for line in drift if line.kind is not DriftKind.VERSION)
    if drift:
        return Reason(ReasonKind.DRIFT, describe_drift(drift))
    if not distribution.intact:
        return Reason(ReasonKind.DRIFT, "its files differ from its RECORD")
    return None


def _explain_force(pin: Pin, setting: Setting) -> Iterable[Reason]:
    if setting.minor_changed:
        yield Reason(ReasonKind.PYTHON_CHANGED, f"laid anew for Python {setting.python}")
    if pin.name in setting.reinstall:
        yield Reason(ReasonKind.REQUESTED, "asked for with --reinstall")


def _line(pin: Pin, action: Action, *, before: Side | None, reasons: tuple[Reason, ...]) -> Change:
    flags = list(choose_flags(None if before is None else before.version, pin.version))
    if isinstance(pin.artifact, Directory) and pin.artifact.editable:
        flags.append("editable")
    return Change(
        address=format_package(pin.name),
        action=action,
        before=before,
        after=describe_pin(pin),
        reasons=reasons,
        direct=pin.requested,
        flags=tuple(sorted(flags)),
    )


def _decide_unwanted(distribution: Distribution, drift: tuple[Drift, ...], setting: Setting) -> Change:
    reason, goes = _judge_unwanted(distribution, setting)
    reasons = [reason]
    if goes and setting.minor_changed:
        reasons.append(Reason(ReasonKind.PYTHON_CHANGED, f"nothing of it fits Python {setting.python}"))
    if goes and distribution.managed and drift:
        reasons.append(Reason(ReasonKind.DRIFT, describe_drift(drift)))
    side = describe_distribution(distribution)
    return Change(
        address=format_package(distribution.name),
        action=Action.DELETE if goes else Action.NO_OP,
        before=side,
        after=None if goes else side,
        reasons=tuple(reasons),
        direct=distribution.managed and distribution.requested,
    )


def _judge_unwanted(distribution: Distribution, setting: Setting) -> tuple[Reason, bool]:
    """Say why a distribution that no pin is for goes or stays, and whether it goes.

    A minor version of Python takes everything with it; else ``prune`` decides, and a pip of others stays.
    """
    if distribution.managed:
        goes = setting.minor_changed or setting.prune != "never"
        kept = "" if goes else "; kept, as prune is `never`"
        if distribution.name in setting.locked:
            return Reason(ReasonKind.DESELECTED, f"in the lock, but not for this environment{kept}"), goes
        return Reason(ReasonKind.NO_LONGER_REQUIRED, f"nothing asks for it any more{kept}"), goes
    by = describe_installer(distribution)
    if setting.minor_changed:
        return Reason(ReasonKind.FOREIGN, by), True
    if setting.prune != "all":
        return Reason(ReasonKind.FOREIGN, f"{by}; kept, as prune is `{setting.prune}`"), False
    if distribution.name == "pip":
        return Reason(ReasonKind.FOREIGN, f"{by}; a pip that is there stays"), False
    return Reason(ReasonKind.FOREIGN, by), True


def _remove_remains(name: str, drift: tuple[Drift, ...]) -> Change:
    """Remove what is left of a distribution that envctl laid, that somebody removed and nobody wants.

    Not even ``prune = "never"`` can keep it: without its ``.dist-info`` nobody knows what it was.
    """
    return Change(
        address=format_package(name),
        action=Action.DELETE,
        before=Side(),
        after=None,
        reasons=(
            Reason(ReasonKind.NO_LONGER_REQUIRED, "nothing asks for it any more"),
            Reason(ReasonKind.DRIFT, describe_drift(drift)),
        ),
    )


def describe_pin(pin: Pin) -> Side:
    """Describe what a pin will be installed from."""
    artifact = pin.artifact
    origin, source = shorten_origin(identify(artifact)), format_origin(artifact)
    match artifact:
        case Wheel() | Sdist() | Archive():
            return Side(
                version=pin.version,
                origin=origin,
                source=source,
                url=artifact.url,
                hashes=artifact.hashes,
                size=artifact.size,
            )
        case Directory():
            return Side(version=pin.version, origin=origin, source=source)
        case Checkout():
            return Side(version=pin.version, origin=origin, source=source, url=artifact.url)


def describe_distribution(distribution: Distribution) -> Side:
    """Describe what is installed, as far as it can be told; of a directory that is not where it lies."""
    origin = shorten_origin(distribution.origin)
    if distribution.managed and origin != distribution.origin:
        return Side(version=distribution.version, origin=origin)
    url = _read_url(distribution.direct_url)
    installer = "" if distribution.managed else describe_installer(distribution)
    return Side(version=distribution.version, origin=origin, source=url or installer, url=url)


def _read_url(direct_url: str | None) -> str | None:
    if direct_url is None:
        return None
    try:
        url = json.loads(direct_url)["url"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return url if isinstance(url, str) else None
