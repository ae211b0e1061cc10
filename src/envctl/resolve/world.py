"""A universe as variables and statements: what releases require, put into words that `Deduction` reads.

A project is a variable whose bits are its versions, newest lowest, and above them one bit that says
*not there*. ``name[extra]`` is a variable of two values, asked for or not, and ``name@`` one of the
URLs that a project is wanted from. What release *i* of *a* wants of *b* is the statement ``not (a is i
and b is outside)``; the same want of another release widens it, so that one conclusion serves all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from envctl.resolve.deduce import Deduction, Incompatibility
from envctl.resolve.statements import Asked, Limited, Required, Unfit
from envctl.resolve.universe import Universe
from envctl.resolve.want import Want

_ASKED_FOR = 1
_NOT_ASKED_FOR = 2
_HOLDS = 1
_FAILS = 2


@dataclass(slots=True, eq=False)
class _Demand:
    """One want of releases of a project, perhaps under an extra, and the statements it makes."""

    name: str
    extra: str
    reason: Required
    facts: list[Incompatibility]

    @property
    def variable(self) -> str:
        """The variable that the want comes with: the project, or its extra."""
        return _extra(self.name, self.extra) if self.extra else self.name


class World:
    """What is known so far about projects that were met, and the deduction from it."""

    def __init__(self, universe: Universe, wants: Iterable[Want]) -> None:
        self.universe = universe
        self.deduction = Deduction()
        self.names: dict[str, int] = {}  # each with its bit for *not there*, in the order they were met
        self.extras: dict[str, tuple[str, str]] = {}  # variable to (name, extra)
        self._extras_of: dict[str, list[str]] = {}
        self._roots = tuple(wants)
        self._urls: dict[str, dict[str, int]] = {}
        self._demands: dict[tuple[str, str, Want], _Demand] = {}
        self._demands_on: dict[str, list[_Demand]] = {}
        self._loaded: dict[str, int] = {}  # by variable: the releases whose wants, with an extra, are known
        self._unfit: dict[str, tuple[Unfit, Incompatibility]] = {}
        self._forbidden: dict[tuple[object, frozenset[str], frozenset[str]], Incompatibility] = {}
        # A variable of two values, see `assume`; with what must be true of wants for it to hold.
        self._assumption: str | None = None
        self._guards: dict[object, Callable[[Want], bool]] = {}
        self._assumptions = 0
        self._is_refuted = False
        universe.prefetch(want.name for want in self._roots)
        for want in self._roots:
            self._state_want({}, want, Asked(want))

    # What is so ----------------------------------------------------------------------------------

    def left(self, name: str) -> int:
        """Return the versions of a project that are left, as a mask."""
        return self.deduction.domains[name] & ~self.names[name]

    def is_needed(self, name: str) -> bool:
        """Whether a project must be there."""
        return not self.deduction.domains[name] & self.names[name]

    def settled(self, name: str) -> int | None:
        """Return the only version that is left of a project that must be there."""
        domain = self.deduction.domains[name]
        if domain & self.names[name] or domain & (domain - 1):
            return None
        return domain.bit_length() - 1

    def survey(self) -> tuple[tuple[str, int] | None, list[str]]:
        """Return what is settled and not loaded, if anything is, or else what is needed and not settled.

        In the order in which projects were met. Asked for before every pick, so it must be cheap.
        """
        domains, loaded = self.deduction.domains, self._loaded
        undecided = []
        for name, absent in self.names.items():
            domain = domains[name]
            if domain & absent:
                continue
            if domain & (domain - 1):
                undecided.append(name)
            elif not loaded.get(name, 0) & domain or (
                name in self._extras_of
                and any(not loaded.get(_extra(name, extra), 0) & domain for extra in self.asked_extras(name))
            ):
                return (name, domain.bit_length() - 1), undecided
        return None, undecided

    def asked_extras(self, name: str) -> list[str]:
        """Return the extras that must be there with a project."""
        return [extra for extra in self._extras_of.get(name, ()) if self._is_asked(name, extra)]

    def wants_on(self, name: str, among: Collection[str] | None = None) -> list[Want]:
        """Return what all that is settled so far wants of a project, or the variables ``among`` it do."""
        found = [want for want in self._roots if want.name == name]
        for demand in self._demands_on.get(name, ()):
            domain = self.deduction.domains[demand.name]
            if domain & ~demand.reason.mask:
                continue
            if demand.extra and not self._is_asked(demand.name, demand.extra):
                continue
            if among is None or demand.variable in among:
                found.append(demand.reason.want)
        return found

    def reached(self) -> set[str]:
        """Return the variables of settled projects, and of extras of them, that the roots reach."""
        wanted: dict[str, list[Want]] = {}
        for demand in self._demands.values():
            if not self.deduction.domains[demand.name] & ~demand.reason.mask:
                wanted.setdefault(demand.variable, []).append(demand.reason.want)
        found: dict[str, None] = {}
        for want in self._roots:
            found.update(dict.fromkeys(_variables(want)))
        queue = list(found)
        for variable in queue:  # grows while it is walked
            for want in wanted.get(variable, ()):
                fresh = [other for other in _variables(want) if other not in found]
                found.update(dict.fromkeys(fresh))
                queue += fresh
        return set(found)

    def unfounded(self) -> frozenset[str]:
        """Return the variables of what is there although the roots do not reach it."""
        there = {name for name in self.names if self.is_needed(name)}
        there |= {extra for extra in self.extras if self.deduction.domains[extra] == _ASKED_FOR}
        return frozenset(there - self.reached())

    # What becomes known --------------------------------------------------------------------------

    def load(self, name: str, position: int) -> bool:
        """State what a release requires, with the extras asked for; return whether that was news."""
        news = False
        for extra in ("", *self.asked_extras(name)):
            variable = _extra(name, extra) if extra else name
            loaded = self._loaded.get(variable, 0)
            if not loaded >> position & 1:
                self._loaded[variable] = loaded | 1 << position
                self._load(name, position, extra)
                news = True
        return news

    def state_unfit(self, name: str, mask: int) -> None:
        """State that releases are no candidates, whatever else is picked."""
        known = self._unfit.get(name)
        if known is None:
            reason = Unfit(name, mask)
            self._unfit[name] = reason, self.deduction.state({name: mask}, reason)
        else:
            known[0].mask |= mask
            self.deduction.widen(known[1], name, mask)

    def close(self) -> bool:
        """Suppose that one more thing that nothing needs is not there; False when nothing is left."""
        for name, absent in self.names.items():
            if self.deduction.domains[name] & absent and self.deduction.domains[name] != absent:
                self.deduction.decide(name, absent)
                return True
        for variable in self.extras:
            if self.deduction.domains[variable] == _ASKED_FOR | _NOT_ASKED_FOR:
                self.deduction.decide(variable, _NOT_ASKED_FOR)
                return True
        return False

    def assume(self) -> bool:
        """Suppose, before all else, that no release that was not looked at lets anything in.

        Then a statement about what nothing lets in has to do with what is known to let it in, not with
        every project, so that it binds. Where a release turns out to let something in after all, such
        statements are dropped, and a new assumption made. Where nothing is possible under it, the search
        goes on without. Returns whether something was supposed.
        """
        if self._is_refuted:
            return False
        if self._assumption is not None:
            domain = self.deduction.domains[self._assumption]
            if domain == _HOLDS:
                return False
            if domain == _FAILS:
                self._assumption = None
                self._is_refuted = True
                return False
        else:
            self._assumptions += 1
            self._assumption = f"~{self._assumptions}"
            self.deduction.declare(self._assumption, _HOLDS | _FAILS)
        self.deduction.decide(self._assumption, _HOLDS)
        return True

    def forbid_unadmitted(self, name: str, mask: int, witness: int | None) -> None:
        """State that releases are no candidates as long as nobody wants more of their project than now.

        They are shut out as pre-releases, or as yanked, by what is wanted of the project. Other wants could
        let them in: those that mention a pre-release, name a version, or exclude ``witness``, the better
        release that is there. So whatever could bring such wants must stay as it is.
        """
        wants = self.wants_on(name)
        mentioned = any(want.mentions_prerelease for want in wants)
        exact = any(want.is_exact for want in wants)

        def is_harmless(want: Want) -> bool:
            return want.name != name or not (
                (want.mentions_prerelease and not mentioned)
                or (want.is_exact and not exact)
                or (witness is not None and not self.universe.mask(want) >> witness & 1)
            )

        # What the releases themselves require could let them in, too: only those count whose wants are known.
        key = (name, mentioned, exact, witness)
        stay = self._stay(is_harmless, (), key)
        mask &= stay.get(name, mask)
        self._forbid(key, {**stay, name: mask}, Unfit(name, mask))

    def forbid_unfounded(self, unfounded: frozenset[str]) -> None:
        """State that what only wants each other is not there unless another wants some of it."""
        one = min(unfounded)
        there = _ASKED_FOR if one in self.extras else self.deduction.whole(one) & ~self.names[one]
        stay = self._stay(lambda want: unfounded.isdisjoint(_variables(want)), unfounded, unfounded)
        self._forbid(unfounded, {**stay, one: there}, None)

    def _forbid(self, key: object, terms: dict[str, int], reason: Unfit | None) -> None:
        """State what is forbidden, or state it of more where it was stated of the same variables.

        And while the same extras were asked for: what these want counts for the releases in ``terms``, so a
        release that was stated before one of them was known must not meet a release that asks for it.
        """
        asked = (variable for variable in self.extras if self.deduction.domains[variable] == _ASKED_FOR)
        place = key, frozenset(terms), frozenset(asked)
        known = self._forbidden.get(place)
        if known is None:
            self._forbidden[place] = self.deduction.state(terms, reason)
            return
        if reason is not None and isinstance(known.reason, Unfit):
            known.reason.mask |= reason.mask
        for variable, mask in terms.items():
            self.deduction.widen(known, variable, mask)

    def _stay(self, is_harmless: Callable[[Want], bool], but: Collection[str], key: object) -> dict[str, int]:
        """Return terms that hold while all variables, ``but`` some, want harmless things only.

        Under the assumption they are about those only of which something harmful is known, else about all.
        ``key`` tells apart what is harmless to what.
        """
        brief = self._assumption is not None
        harmful: dict[str, int] = {}
        about: set[str] = set()  # projects and extras of which something harmful is known
        for demand in self._demands.values():
            if not is_harmless(demand.reason.want):
                harmful[demand.variable] = harmful.get(demand.variable, 0) | demand.reason.mask
                about.update((demand.name, demand.variable))
        terms: dict[str, int] = {}
        if self._assumption is not None:
            terms[self._assumption] = _HOLDS
            self._guards[key] = is_harmless
        for name, absent in self.names.items():
            if name not in but and (not brief or name in about):
                known = -1 if brief else self._loaded.get(name, 0)
                terms[name] = absent | known & ~harmful.get(name, 0)
        for variable, (name, _) in self.extras.items():
            if name in but or variable in but or (brief and variable not in about):
                continue
            if self.deduction.domains[variable] != _ASKED_FOR:
                terms[variable] = _NOT_ASKED_FOR
            else:
                known = -1 if brief else self._loaded.get(variable, 0)
                terms[name] &= self.names[name] | known & ~harmful.get(variable, 0)
        return terms

    def _reconsider(self, want: Want) -> None:
        """Give the assumption up, for a new one, where a want lets in what statements under it shut out."""
        if self._assumption is not None and not all(guard(want) for guard in self._guards.values()):
            self.deduction.state({self._assumption: _HOLDS}, None)
            self._assumption = None
            self._guards.clear()

    def _load(self, name: str, position: int, extra: str) -> None:
        universe = self.universe
        base = universe.depends(name, position, frozenset())
        wants: Sequence[Want] = base
        if extra:
            known = set(base)
            whole = universe.depends(name, position, frozenset((extra,)))
            wants = [want for want in whole if want not in known]
        universe.prefetch(want.name for want in wants if not want.is_never)
        bit = 1 << position
        for want in wants:
            if want.is_never and not extra:
                self.state_unfit(name, bit)
                continue
            self._reconsider(want)
            demand = self._demands.get((name, extra, want))
            if demand is None:
                self._demand(name, extra, bit, want)
            else:
                demand.reason.mask |= bit
                for fact in demand.facts:
                    self.deduction.widen(fact, name, bit)

    def _demand(self, name: str, extra: str, bit: int, want: Want) -> None:
        condition = {name: bit}
        if extra:
            condition[_extra(name, extra)] = _ASKED_FOR
        reason = Required(name, bit, want)
        if want.is_never:
            facts = [self.deduction.state(condition, reason)]
        else:
            facts = self._state_want(condition, want, reason)
        demand = self._demands[name, extra, want] = _Demand(name, extra, reason, facts)
        self._demands_on.setdefault(want.name, []).append(demand)

    def _state_want(self, condition: dict[str, int], want: Want, reason: object) -> list[Incompatibility]:
        self._meet(want.name)
        deduction = self.deduction
        outside = deduction.whole(want.name) & ~self.universe.mask(want)
        facts = [deduction.state({**condition, want.name: outside}, reason)]
        for extra in sorted(want.extras):
            variable = _extra(want.name, extra)
            if variable not in self.extras:
                self.extras[variable] = want.name, extra
                self._extras_of.setdefault(want.name, []).append(extra)
                deduction.declare(variable, _ASKED_FOR | _NOT_ASKED_FOR)
            facts.append(deduction.state({**condition, variable: _NOT_ASKED_FOR}, reason))
        if want.url is not None:
            facts.append(deduction.state({**condition, **self._other_urls(want.name, want.url)}, reason))
        return facts

    def _meet(self, name: str) -> None:
        """Make a project known: its versions and what limits them."""
        if name in self.names:
            return
        listing = self.universe.listing(name)
        absent = listing.all + 1
        self.names[name] = absent
        self.deduction.declare(name, listing.all | absent)
        for want in self.universe.constraints(name):
            self.deduction.state({name: listing.all & ~self.universe.mask(want)}, Limited(want))
        if self.universe.request.prerelease_mode(name) == "disallow" and listing.artifact is None:
            kept = self.universe.kept(name)
            excluded = listing.all & ~listing.finals & ~(0 if kept is None else 1 << kept)
            if excluded:
                self.state_unfit(name, excluded)

    def _other_urls(self, name: str, url: str) -> dict[str, int]:
        # As many values as there may ever be URLs: a negative mask has no end.
        variable = f"{name}@"
        if variable not in self._urls:
            self._urls[variable] = {}
            self.deduction.declare(variable, -1)
        urls = self._urls[variable]
        return {variable: ~(1 << urls.setdefault(url, len(urls)))}

    def _is_asked(self, name: str, extra: str) -> bool:
        return self.deduction.domains.get(_extra(name, extra)) == _ASKED_FOR


def _variables(want: Want) -> list[str]:
    return [want.name, *(_extra(want.name, extra) for extra in want.extras)]


def _extra(name: str, extra: str) -> str:
    return f"{name}[{extra}]"
