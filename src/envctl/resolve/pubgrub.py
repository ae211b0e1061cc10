"""PubGrub: the last link of the chain, and the only one that may say *impossible*.

Complete: it finds a solution where there is one, or statements from which it follows that there is
none. Which pre-releases and yanked releases may be picked depends on what the whole solution wants of
them, so that is looked at when all is picked; a pick that nothing lets in is forbidden for as long as
nothing lets it in. At first under the assumption that what was not looked at lets nothing in: see
`World.assume`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import cast

from envctl.resolve.foresight import Foresight
from envctl.resolve.listing import newest_first
from envctl.resolve.rank import admits, rank
from envctl.resolve.statements import Refutation, Statement
from envctl.resolve.universe import Universe
from envctl.resolve.want import Want
from envctl.resolve.world import World

# Beyond these a search is not going to end while somebody waits (docs/explanation/solver.md).
_CONFLICTS = 20_000
_EFFORT = 30_000_000  # statements read, and projects looked through


def prove(
    universe: Universe,
    wants: Iterable[Want],
    *,
    lowest: frozenset[str] | None,
    advance: Callable[[str], None],
    conflicts: int | None = None,
) -> Mapping[str, int] | Refutation:
    """Pick one release for every project that ``wants`` reach, or prove that it cannot be done.

    Gives up after so many ``conflicts``, or after too much effort, and says so.
    """
    return _Proof(universe, wants, lowest, advance).run(_CONFLICTS if conflicts is None else conflicts)


class _Proof:
    def __init__(
        self,
        universe: Universe,
        wants: Iterable[Want],
        lowest: frozenset[str] | None,
        advance: Callable[[str], None],
    ) -> None:
        self._universe = universe
        self._wants = tuple(wants)
        self._lowest = lowest
        self._advance = advance
        self._world = World(universe, self._wants)
        self._met: set[tuple[str, int]] = set()
        self._foresight = Foresight(universe)
        self._surveyed = 0

    def run(self, conflicts: int) -> Mapping[str, int] | Refutation:
        deduction = self._world.deduction
        while True:
            broken = deduction.propagate()
            if broken is not None:
                if not conflicts or deduction.effort + self._surveyed > _EFFORT:
                    return Refutation((), gave_up=True)
                conflicts -= 1
                impossible = deduction.learn(broken)
                if impossible is not None:
                    return Refutation(tuple(cast("Statement", one) for one in impossible.reasons()))
            elif not self._proceed():
                picks = self._picks()
                if not self._object(picks):
                    return picks

    def _proceed(self) -> bool:
        """Load what is settled, else pick one more release; False when there is nothing left to pick."""
        world = self._world
        if world.assume():
            return True
        self._surveyed += len(world.names)
        unread, undecided = world.survey()
        if unread is not None:
            return self._load(*unread)
        if not undecided:
            return False
        # What is shut out now may be let in by what others want, so those are picked first.
        for name in undecided:
            position = next(self._rank(name), None)
            if position is not None:
                return self._pick(name, position)
        return self._pick_unadmitted(undecided[0])

    def _pick_unadmitted(self, name: str) -> bool:
        unfit, fit = 0, None
        for position in newest_first(self._world.left(name)):
            if not self._counts(name, position):
                unfit |= 1 << position
            elif fit is None:
                fit = position
        if unfit:
            self._world.state_unfit(name, unfit)
            return True
        assert fit is not None  # noqa: S101 - a project with nothing left is a broken statement
        return self._pick(name, fit)

    def _pick(self, name: str, position: int) -> bool:
        """Suppose a release, once what it requires is known and leaves it possible."""
        if not self._load(name, position):
            self._world.deduction.decide(name, 1 << position)
        return True

    def _load(self, name: str, position: int) -> bool:
        """State what a release requires; return whether that was news."""
        if (name, position) not in self._met:
            self._met.add((name, position))
            if not self._counts(name, position):
                self._world.state_unfit(name, 1 << position)
                return True
            self._foresight.look(name, position, lambda mask: self._rank(name, mask))
            self._advance(name)
        return self._world.load(name, position)

    def _counts(self, name: str, position: int) -> bool:
        """Whether a release may ever be picked, as far as its files tell."""
        universe = self._universe
        if universe.listing(name).artifact is not None or universe.kept(name) == position:
            return True
        offer = universe.offer(name, position)
        return bool(offer.fresh or offer.yanked)

    def _rank(self, name: str, within: int = -1) -> Iterator[int]:
        world = self._world
        return rank(
            self._universe, name, world.wants_on(name), lowest=self._lowest, within=within & world.left(name)
        )

    # When all is picked --------------------------------------------------------------------------

    def _picks(self) -> dict[str, int]:
        world = self._world
        settled = ((name, world.settled(name)) for name in world.names)
        return {name: position for name, position in settled if position is not None}

    def _object(self, picks: Mapping[str, int]) -> bool:
        """State what is wrong with complete picks; False when nothing is."""
        world, universe = self._world, self._universe
        reached = world.reached()
        for name in sorted(reached & picks.keys()):
            if not admits(universe, name, world.wants_on(name, among=reached), picks[name]):
                break
        else:
            return False
        if world.close():
            return True
        wants = world.wants_on(name)
        if admits(universe, name, wants, picks[name]):
            world.forbid_unfounded(world.unfounded())
        else:
            self._forbid_unadmitted(name, wants, picks[name])
        return True

    def _forbid_unadmitted(self, name: str, wants: Sequence[Want], position: int) -> None:
        universe = self._universe
        listing = universe.listing(name)
        mask = universe.allowed(name, wants)
        fresh = (
            one
            for finals in (True, False)
            for one in newest_first(mask)
            if listing.is_final(one) >= finals and universe.offer(name, one).fresh
        )
        witness = next(fresh, None)
        shut_out = 1 << position
        asked = universe.request.prerelease_mode(name) == "allow" or any(
            want.mentions_prerelease for want in (*wants, *universe.constraints(name))
        )
        if witness is not None and listing.is_final(witness) and not asked:
            kept = universe.kept(name)
            shut_out |= listing.all & ~listing.finals & ~(0 if kept is None else 1 << kept)
        self._world.forbid_unadmitted(name, shut_out, witness)
