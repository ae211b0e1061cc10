"""The second link of the chain: resolvelib, with a budget.

One identifier a project: a candidate carries the union of the extras asked of it, and is pinned again
when another extra arrives. It learns nothing from a conflict, so releases that would fail for the same
reasons are passed over here, and what takes long is left to the next link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep
from resolvelib.resolvers import Criterion, Resolution
from resolvelib.structs import RequirementInformation

from envctl.frozen import dataclass
from envctl.resolve.foresight import Foresight
from envctl.resolve.rank import rank
from envctl.resolve.universe import Universe
from envctl.resolve.want import Want

# Of some sixty real cases those that it solves at all take 103 at most; where it takes more, PubGrub gets
# there with a fraction of the metadata (docs/explanation/solver.md).
_ROUNDS = 20_000
_REJECTIONS = 200
# With each jump back resolvelib may double what it remembers as excluded, and hands over all of it.
_EXCLUDED = 200_000
# What a release without a wheel requires, often only a build can tell, so few of them are looked at beyond
# the first of a project.
_SOURCES = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """A release, by its position in the project's listing, with the extras asked of it."""

    name: str
    position: int
    extras: frozenset[str]


class _OverBudgetError(Exception):
    """Too many candidates were rejected, are remembered as excluded, or have no wheel."""


def search(
    universe: Universe,
    wants: Sequence[Want],
    *,
    lowest: frozenset[str] | None,
    advance: Callable[[str], None],
    rejections: int | None = None,
) -> Mapping[str, int] | None:
    """Pick one release for every project that ``wants`` reach; None when it finds no solution.

    That does not mean that there is none. ``advance`` is told each project when it is picked for the
    first time. The picks may hold leftovers that nothing reaches any more. Ends after ``rejections``
    candidates that did not fit, or when resolvelib drowns in what it remembers of them.
    """
    universe.prefetch(want.name for want in wants)
    reporter = _Reporter(advance, _REJECTIONS if rejections is None else rejections)
    # Not `Resolver`: to build its graph it recurses without end through circles among leftovers.
    resolution = _Resolution(_Provider(universe, lowest), reporter)
    try:
        found = resolution.resolve(wants, max_rounds=_ROUNDS).mapping
    except (ResolutionImpossible, ResolutionTooDeep, _OverBudgetError):
        return None
    return {name: candidate.position for name, candidate in found.items()}


class _Resolution(Resolution[Want, Candidate, str]):
    """resolvelib's resolution, without asking twice whether a pin still satisfies a criterion.

    It asks for every project in every round, which is quadratic; criteria are replaced, never changed,
    so an answer holds as long as both are the same objects.
    """

    def __init__(self, provider: _Provider, reporter: _Reporter) -> None:
        super().__init__(provider, reporter)
        self._answers: dict[str, tuple[Criterion[Want, Candidate], Candidate, bool]] = {}

    def _is_current_pin_satisfying(self, name: str, criterion: Criterion[Want, Candidate]) -> bool:
        pin = self.state.mapping.get(name)
        if pin is None:
            return False
        known = self._answers.get(name)
        if known is not None and known[0] is criterion and known[1] is pin:
            return known[2]
        answer = super()._is_current_pin_satisfying(name, criterion)
        self._answers[name] = (criterion, pin, answer)
        return answer


class _Provider(AbstractProvider[Want, Candidate, str]):
    def __init__(self, universe: Universe, lowest: frozenset[str] | None) -> None:
        self._universe = universe
        self._lowest = lowest
        self._foresight = Foresight(universe)
        self._asked: dict[str, dict[Want, None]] = {}
        self._left = _EXCLUDED
        self._sources: dict[str, int] = {}  # those looked at, as masks

    def identify(self, requirement_or_candidate: Want | Candidate) -> str:
        return requirement_or_candidate.name

    def get_preference(
        self,
        identifier: str,
        resolutions: Mapping[str, Candidate],  # noqa: ARG002 - resolvelib's interface
        candidates: Mapping[str, Iterator[Candidate]],  # noqa: ARG002
        information: Mapping[str, Iterator[RequirementInformation[Want, Candidate]]],  # noqa: ARG002
        backtrack_causes: Sequence[RequirementInformation[Want, Candidate]],  # noqa: ARG002
    ) -> str:
        return identifier

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[str],
        resolutions: Mapping[str, Candidate],  # noqa: ARG002 - resolvelib's interface
        candidates: Mapping[str, Iterator[Candidate]],  # noqa: ARG002
        information: Mapping[str, Iterator[RequirementInformation[Want, Candidate]]],
        backtrack_causes: Sequence[RequirementInformation[Want, Candidate]],
    ) -> Iterable[str]:
        """Name one project to pin next, so that resolvelib compares none.

        What caused the last dead end goes first: its choice is what must change. Then what has one
        candidate anyway, then in the order in which projects were met.
        """
        names = list(identifiers)
        involved = set()
        for one in backtrack_causes:
            involved.add(one.requirement.name)
            if one.parent is not None:
                involved.add(one.parent.name)
        first = [name for name in names if name in involved] if involved else []
        pool = first or names
        return [next((name for name in pool if self._is_settled(information[name])), pool[0])]

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Want]],
        incompatibilities: Mapping[str, Iterator[Candidate]],
    ) -> Callable[[], Iterator[Candidate]]:
        wants = list(requirements[identifier])
        self._asked.setdefault(identifier, {}).update(dict.fromkeys(wants))
        excluded: dict[int, set[frozenset[str]]] = {}
        for candidate in incompatibilities[identifier]:
            self._left -= 1
            if self._left < 0:
                raise _OverBudgetError
            excluded.setdefault(candidate.position, set()).add(candidate.extras)
        extras = frozenset[str]().union(*(want.extras for want in wants))

        def ranked(within: int) -> Iterator[int]:
            return rank(self._universe, identifier, wants, lowest=self._lowest, within=within)

        def matches() -> Iterator[Candidate]:
            if identifier.endswith("!"):
                return
            failed = {
                self._class(identifier, position, extras)
                for position, several in excluded.items()
                # What failed with some extras fails with more of them.
                if any(some <= extras for some in several)
            }
            for position in ranked(-1):
                if position in excluded and any(some <= extras for some in excluded[position]):
                    continue
                self._foresight.look(identifier, position, ranked)
                # Not asked for the first one: its metadata may still be on its way.
                if failed and self._class(identifier, position, extras) in failed:
                    continue
                yield Candidate(identifier, position, extras)
                # Who asks for another one has turned this one down.
                failed.add(self._class(identifier, position, extras))

        return matches

    def is_satisfied_by(self, requirement: Want, candidate: Candidate) -> bool:
        if not requirement.extras <= candidate.extras:
            return False
        mask = self._universe.mask(requirement)
        return bool(mask >> candidate.position & 1)

    def get_dependencies(self, candidate: Candidate) -> Iterable[Want]:
        wants = self._depends(candidate.name, candidate.position, candidate.extras)
        self._universe.prefetch(want.name for want in wants if not want.is_never)
        return wants

    def _class(self, name: str, position: int, extras: frozenset[str]) -> tuple[object, ...]:
        """Return what a candidate shares with those that would fail for the same reasons.

        That is what it requires, and which of the wants that were ever met contain it.
        """
        universe = self._universe
        contained = tuple(universe.mask(want) >> position & 1 for want in self._asked[name])
        return frozenset(self._depends(name, position, extras)), contained

    def _depends(self, name: str, position: int, extras: frozenset[str]) -> tuple[Want, ...]:
        universe = self._universe
        if universe.listing(name).artifact is None and universe.offer(name, position).is_source:
            self._sources[name] = self._sources.get(name, 0) | 1 << position
            if sum(mask.bit_count() - 1 for mask in self._sources.values()) > _SOURCES:
                raise _OverBudgetError
        return universe.depends(name, position, extras)

    def _is_settled(self, information: Iterator[RequirementInformation[Want, Candidate]]) -> bool:
        """Whether a want of the project names one version or one origin."""
        return any(one.requirement.url is not None or one.requirement.is_exact for one in information)


class _Reporter(BaseReporter[Want, Candidate, str]):
    def __init__(self, advance: Callable[[str], None], rejections: int) -> None:
        self._advance = advance
        self._left = rejections
        self._pinned: set[str] = set()

    def pinning(self, candidate: Candidate) -> None:
        if candidate.name not in self._pinned:
            self._pinned.add(candidate.name)
            self._advance(candidate.name)

    def rejecting_candidate(self, criterion: object, candidate: Candidate) -> None:  # noqa: ARG002
        self._left -= 1
        if self._left < 0:
            raise _OverBudgetError
