"""The search itself: wants to one release per project, with resolvelib behind one function.

`search` is the only thing the rest of this room knows of any algorithm, so that others can stand
behind it. One identifier a project: a candidate carries the union of the extras asked of it, and is
pinned again when another extra arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep
from resolvelib.resolvers import Criterion, Resolution
from resolvelib.structs import RequirementInformation

from envctl.frozen import dataclass
from envctl.resolve.rank import is_exact, rank
from envctl.resolve.universe import Universe
from envctl.resolve.want import Want

# Beyond these a search is not going to end while somebody waits.
_ROUNDS = 200_000
_REJECTIONS = 20_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A release, by its position in the project's listing, with the extras asked of it."""

    name: str
    position: int
    extras: frozenset[str]


@dataclass(frozen=True, slots=True)
class Cause:
    """One want that took part in a dead end, and the release that has it; None for a root."""

    want: Want
    parent: Candidate | None


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """No solution was found. ``gave_up`` says that the search was too long, so there may be one."""

    causes: tuple[Cause, ...]
    gave_up: bool = False


class _OverBudgetError(Exception):
    """Too many candidates were rejected."""


def search(
    universe: Universe,
    wants: Sequence[Want],
    *,
    lowest: frozenset[str] | None,
    advance: Callable[[str], None],
    rejections: int = _REJECTIONS,
) -> Mapping[str, Candidate] | DeadEnd:
    """Pick one release for every project that ``wants`` reach, or say what stood in the way.

    ``advance`` is told each project when it is picked for the first time. The picks may hold leftovers
    that nothing reaches any more. Ends after ``rejections`` candidates that did not fit.
    """
    universe.shelf.prefetch(want.name for want in wants)
    # Not `Resolver`: to build its graph it recurses without end through circles among leftovers.
    resolution = _Resolution(_Provider(universe, lowest), _Reporter(advance, rejections))
    try:
        return resolution.resolve(wants, max_rounds=_ROUNDS).mapping
    except ResolutionImpossible as error:
        causes = dict.fromkeys(Cause(one.requirement, one.parent) for one in error.causes)
        return DeadEnd(tuple(causes))
    except (ResolutionTooDeep, _OverBudgetError):
        return DeadEnd((), gave_up=True)


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
        self._exact: dict[Want, bool] = {}

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
        excluded: dict[int, list[frozenset[str]]] = {}
        for candidate in incompatibilities[identifier]:
            excluded.setdefault(candidate.position, []).append(candidate.extras)
        extras = frozenset[str]().union(*(want.extras for want in wants))

        def matches() -> Iterator[Candidate]:
            if identifier.endswith("!"):
                return
            for position in rank(self._universe, identifier, wants, lowest=self._lowest):
                # What failed with some extras fails with more of them.
                if not any(failed <= extras for failed in excluded.get(position, ())):
                    self._foresee(identifier, position)
                    yield Candidate(identifier, position, extras)

        return matches

    def is_satisfied_by(self, requirement: Want, candidate: Candidate) -> bool:
        if not requirement.extras <= candidate.extras:
            return False
        mask = self._universe.mask(requirement)
        return bool(mask >> candidate.position & 1)

    def get_dependencies(self, candidate: Candidate) -> Iterable[Want]:
        wants = self._universe.depends(candidate.name, candidate.position, candidate.extras)
        self._universe.shelf.prefetch(want.name for want in wants if not want.is_never)
        return wants

    def _is_settled(self, information: Iterator[RequirementInformation[Want, Candidate]]) -> bool:
        """Whether a want of the project names one version or one origin."""
        for one in information:
            want = one.requirement
            known = self._exact.get(want)
            if known is None:
                known = self._exact[want] = want.url is not None or is_exact((want,))
            if known:
                return True
        return False

    def _foresee(self, name: str, position: int) -> None:
        """Start to fetch the metadata of the candidate that is about to be looked at."""
        if self._universe.listing(name).artifact is None:
            self._universe.shelf.prefetch_metadata(name, self._universe.offer(name, position).files[0])


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
