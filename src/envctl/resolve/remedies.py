"""What would make it work: the changes that can be read from a conflict, each tried before it is told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from envctl.frozen import replace
from envctl.model.target import Target
from envctl.resolve.admissions import Elsewhere, fewer_targets, let_in, other_indexes, other_pythons
from envctl.resolve.bounds import drop, edit_sources, force, lift, lift_all
from envctl.resolve.facts import (
    Ask,
    Conflict,
    Demand,
    Limit,
    Remedy,
    RemedyKind,
    Replaced,
    Unusable,
    project_of,
)
from envctl.resolve.proposal import Proposal
from envctl.resolve.request import Request
from envctl.resolve.trial import Trial
from envctl.resolve.universe import Universe

# So many versions are told with a remedy.
_TOLD = 3


def find_remedies(
    conflict: Conflict,
    request: Request,
    failed: Sequence[Target],
    others: Sequence[Target],
    trial: Trial,
    *,
    elsewhere: Elsewhere,
) -> tuple[Remedy, ...]:
    """Return the changes that make ``request`` solvable, those that were tried before those that were not.

    ``failed`` are the targets without a solution, that of the conflict first; ``others`` those of the same
    lock that are not known to fail. ``elsewhere`` tells what other indexes than one have of a project.
    """
    found: list[Remedy] = []
    for proposal in _propose(conflict, trial.look(request, failed[0]), failed, others, elsewhere):
        if _is_idle(proposal, found):
            continue
        picks = _try(proposal, proposal.targets or failed, trial)
        if picks is not None:
            found.append(_complete(proposal, picks))
        elif proposal.is_likely:
            found.append(replace(proposal.remedy, verified=False))
    unique = {remedy.text: remedy for remedy in found}
    return tuple(sorted(_worthwhile(unique.values()), key=lambda remedy: not remedy.verified))


def _worthwhile(remedies: Collection[Remedy]) -> Iterator[Remedy]:
    """Leave out what was tried in vain where anything else helps; else say that it does not do alone."""
    helps = any(remedy.verified for remedy in remedies)
    pythons = 0
    for remedy in remedies:
        if remedy.verified or remedy.kind is not RemedyKind.PYTHON:
            yield remedy
        elif not helps and not pythons:
            pythons += 1
            yield replace(remedy, text=f"{remedy.text}, though that alone may not be enough")


def _is_idle(proposal: Proposal, found: Sequence[Remedy]) -> bool:
    """Whether there is no need to try: a nearer Python works, or anything where this is the last resort."""
    verified = [remedy.kind for remedy in found if remedy.verified]
    if proposal.remedy.kind is RemedyKind.PYTHON:
        return RemedyKind.PYTHON in verified
    return proposal.is_last_resort and bool(verified)


def _propose(
    conflict: Conflict,
    universe: Universe,
    failed: Sequence[Target],
    others: Sequence[Target],
    elsewhere: Elsewhere,
) -> Iterator[Proposal]:
    """Yield changes that may end a conflict, those first that are the least to ask for."""
    request = universe.request
    about = _disputed(conflict)
    asks = [fact for fact in conflict.facts if isinstance(fact, Ask)]
    for fact in conflict.facts:
        if isinstance(fact, Limit | Replaced):
            yield drop(fact, request, about)
    yield from let_in(conflict, universe, about)
    yield from other_indexes(conflict, universe, about, elsewhere)
    yield from lift(asks, request, about)
    if others:
        yield from fewer_targets(request, failed, others)
    else:
        key = '[lock] python = ["{}"]' if len(failed) > 1 else 'python = "{}"'
        yield from other_pythons(conflict, universe, about, key=key)
    yield from lift_all(asks, request, about)
    yield from edit_sources(conflict, request, about)
    yield from force(conflict, request, about)


def _disputed(conflict: Conflict) -> tuple[str, ...]:
    """Return the projects that have nothing usable, that several statements are about, or lists ask for."""
    statements = [fact for fact in conflict.facts if isinstance(fact, Ask | Demand | Limit | Replaced)]
    named = [project_of(fact.requirement) for fact in statements]
    unusable = [fact.name for fact in conflict.facts if isinstance(fact, Unusable)]
    several = [name for name in named if named.count(name) > 1]
    return tuple(dict.fromkeys([*unusable, *several, *named]))[:_TOLD]


def _try(proposal: Proposal, targets: Sequence[Target], trial: Trial) -> Mapping[str, str] | None:
    """Return the versions on the first target, None unless all of them have a solution."""
    first: Mapping[str, str] | None = None
    if proposal.project is not None:
        trial = trial.instead(proposal.project)
    for target in targets:
        picks = trial.solve(proposal.request, target)
        if picks is None:
            return None
        first = picks if first is None else first
    return first


def _complete(proposal: Proposal, picks: Mapping[str, str]) -> Remedy:
    """Add to a remedy which versions the projects in dispute get with it."""
    told = {name: picks[name] for name in proposal.about if name in picks}
    text = proposal.remedy.text
    if told:
        text += f", which gives {' and '.join(f'{name} {version}' for name, version in told.items())}"
    return replace(proposal.remedy, text=text, picks=told)
