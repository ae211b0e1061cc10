"""Deduction over finite domains: what follows from facts, and what to learn where they contradict.

A *variable* has a domain, an integer whose bits are the values that are left. An `Incompatibility` is
a statement ``not all of these at once``: it maps variables to masks, and is broken when every domain
lies inside its mask. Where all masks but one are met, the last variable loses the values of its mask.
Where all are met, the two statements that clash are resolved into a new one, which says what to do
differently and takes the search back to where it first could have been known.

Knows nothing of packages. Source: Weizenbaum, "PubGrub: Next-Generation Version Solving"; the learning
is that of conflict-driven clause learning with masks in place of literals.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple


class Incompatibility:
    """Not all of ``terms`` at once. ``reason`` says whence, for facts; ``sources`` for what was learned.

    Compared by identity. A mask may grow while facts come in (see `Deduction.widen`).
    """

    __slots__ = ("reason", "sources", "terms")

    def __init__(
        self, terms: Mapping[str, int], reason: object = None, sources: tuple[Incompatibility, ...] = ()
    ) -> None:
        self.terms = dict(terms)
        self.reason = reason
        self.sources = sources

    def reasons(self) -> list[object]:
        """Return the reasons of the facts that this follows from, each once."""
        found: dict[int, object] = {}
        seen = {id(self)}
        queue = [self]
        for one in queue:  # grows while it is walked
            if one.reason is not None:
                found[id(one.reason)] = one.reason
            for source in one.sources:
                if id(source) not in seen:
                    seen.add(id(source))
                    queue.append(source)
        return list(found.values())


class _Step(NamedTuple):
    """One narrowing of a domain. ``cause`` is None for a decision."""

    variable: str
    before: int
    after: int
    level: int
    cause: Incompatibility | None


class Deduction:
    """The domains as they are now, the way they came to be so, and all statements."""

    def __init__(self) -> None:
        self.domains: dict[str, int] = {}
        self.level = 0
        self.effort = 0  # how many statements were read so far, about
        self._whole: dict[str, int] = {}
        self._trail: list[_Step] = []
        self._history: dict[str, list[int]] = {}
        self._about: dict[str, list[Incompatibility]] = {}
        self._unread: deque[Incompatibility] = deque()
        self._changed: deque[str] = deque()
        # What was learned deeper than a level may bind at that level too: it is read again after a
        # jump back. Without this, wrong solutions are found.
        self._late: list[tuple[int, Incompatibility]] = []

    def declare(self, variable: str, domain: int) -> None:
        """Make a variable known."""
        self.domains[variable] = self._whole[variable] = domain
        self._history[variable] = []
        self._about[variable] = []

    def whole(self, variable: str) -> int:
        """Return the domain that a variable began with."""
        return self._whole[variable]

    def state(self, terms: Mapping[str, int], reason: object) -> Incompatibility:
        """State a fact. Terms that always hold are dropped; a term that never holds makes it idle."""
        return self._add(Incompatibility(terms, reason))

    def widen(self, fact: Incompatibility, variable: str, values: int) -> None:
        """State the same fact of more values of one of its variables."""
        if variable in fact.terms and values & ~fact.terms[variable]:
            fact.terms[variable] |= values
            self._read_again(fact)

    def decide(self, variable: str, values: int) -> None:
        """Suppose that a variable has one of ``values``, one level deeper."""
        self.level += 1
        self._assign(variable, self.domains[variable] & values, None)

    def propagate(self) -> Incompatibility | None:
        """Narrow domains until nothing follows any more; return a statement that is broken, if one is."""
        while True:
            while self._unread:
                fact = self._unread.popleft()
                if self._examine(fact):
                    return fact
            if not self._changed:
                return None
            about = self._about[self._changed.popleft()]
            self.effort += len(about)
            for fact in about:
                if self._examine(fact):
                    return fact

    def learn(self, broken: Incompatibility) -> Incompatibility | None:
        """Resolve a broken statement into one that avoids it, and jump back to where it binds.

        Returns None after that. When no supposition takes part there is nothing to go back to: returns
        the statement that nothing is possible, from which the facts can be told.
        """
        terms = {variable: mask for variable, mask in broken.terms.items() if not self._holds(variable, mask)}
        sources = [broken]
        while terms:
            variable, step, earlier = self._last_satisfier(terms)
            if step.level > 0 and (step.cause is None or earlier < step.level):
                self._jump_back(earlier)
                if len(sources) == 1:  # it says all there is to learn
                    self._read_again(broken)
                else:
                    self._add(Incompatibility(terms, sources=tuple(sources)))
                return None
            cause = step.cause
            assert cause is not None  # noqa: S101 - suppositions are made above level 0 only
            sources.append(cause)
            self._resolve(terms, variable, cause)
        return Incompatibility({}, sources=tuple(sources))

    def _resolve(self, terms: dict[str, int], pivot: str, cause: Incompatibility) -> None:
        """Make ``terms`` what follows from them and ``cause``: union at the pivot, else intersection."""
        for variable, mask in cause.terms.items():
            if variable not in terms:
                if not self._holds(variable, mask):
                    terms[variable] = mask
            elif variable != pivot:
                terms[variable] &= mask
            else:
                terms[variable] |= mask
        if self._holds(pivot, terms[pivot]):
            del terms[pivot]

    def _holds(self, variable: str, mask: int) -> bool:
        """Whether a term always holds."""
        return not self._whole[variable] & ~mask

    def _last_satisfier(self, terms: Mapping[str, int]) -> tuple[str, _Step, int]:
        """Return the term that was met last, the step that met it, and the level at which all others were."""
        last, variable, earlier = -1, "", 0
        for name, mask in terms.items():
            position = self._met_at(name, mask)
            if position > last:
                if last >= 0:
                    earlier = max(earlier, self._trail[last].level)
                last, variable = position, name
            else:
                earlier = max(earlier, self._trail[position].level)
        return variable, self._trail[last], earlier

    def _met_at(self, variable: str, mask: int) -> int:
        for position in self._history[variable]:
            if not self._trail[position].after & ~mask:
                return position
        raise AssertionError(f"{variable} does not lie in its mask")

    def _add(self, fact: Incompatibility) -> Incompatibility:
        for variable, mask in tuple(fact.terms.items()):
            if self._holds(variable, mask):
                del fact.terms[variable]
            else:
                self._about[variable].append(fact)
        self._read_again(fact)
        return fact

    def _read_again(self, fact: Incompatibility) -> None:
        self._unread.append(fact)
        if self.level:
            self._late.append((self.level, fact))

    def _examine(self, fact: Incompatibility) -> bool:
        """Draw the conclusion of one statement; return whether it is broken."""
        open_variable = None
        for variable, mask in fact.terms.items():
            domain = self.domains[variable]
            common = domain & mask
            if common == domain:
                continue
            if not common or open_variable is not None:
                return False
            open_variable = variable
        if open_variable is None:
            return True
        self._assign(open_variable, self.domains[open_variable] & ~fact.terms[open_variable], fact)
        return False

    def _assign(self, variable: str, after: int, cause: Incompatibility | None) -> None:
        self._history[variable].append(len(self._trail))
        self._trail.append(_Step(variable, self.domains[variable], after, self.level, cause))
        self.domains[variable] = after
        self._changed.append(variable)

    def _jump_back(self, level: int) -> None:
        self._changed.clear()
        self._unread.clear()
        while self._trail and self._trail[-1].level > level:
            step = self._trail.pop()
            self._history[step.variable].pop()
            self.domains[step.variable] = step.before
        self.level = level
        again: dict[int, Incompatibility] = {}
        while self._late and self._late[-1][0] > level:
            _, fact = self._late.pop()
            again[id(fact)] = fact
        for fact in reversed(again.values()):
            self._read_again(fact)
