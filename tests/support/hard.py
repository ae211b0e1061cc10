"""Universes that are hard to solve or to refute without learning, made by rule.

Each function returns a universe with its roots, and says whether there is a solution.
"""

from __future__ import annotations

from dataclasses import dataclass

from support.universes import Notation


@dataclass(frozen=True, slots=True)
class Case:
    universe: Notation
    roots: tuple[str, ...]
    solvable: bool


def late_conflict() -> Case:
    """Ask for 400 releases of a pair that move in lockstep, and for what all but the oldest few refuse."""
    count = 400
    top = {f"1.{n}.0": [f"core>=1.{n}.0,<1.{n + 1}.0"] for n in range(count)}
    core = {
        f"1.{n}.0": ["transport>=1.25,<3"] if n < 5 else ["transport>=1.25,<2", "jmes<2"]
        for n in range(count)
    }
    transport: dict[str, list[str]] = {f"1.{n}": [] for n in range(20, 30)}
    transport.update({f"2.{n}": [] for n in range(5)})
    return Case(
        {
            "top": top,
            "core": core,
            "transport": transport,
            "jmes": {"1.0": []},
            "web": {"1": ["transport>=2"]},
        },
        ("top", "web"),
        solvable=True,
    )


def ring() -> Case:
    """Ask for 40 providers that require each other in a ring, and for one package that holds them back."""
    count, releases = 40, 12
    universe: dict[str, dict[str, list[str]]] = {
        f"provider{n}": {
            f"{r}.0": [f"provider{(n + 1) % count}>={max(r - 1, 1)}.0", f"base>={r}.0"]
            for r in range(1, releases + 1)
        }
        for n in range(count)
    }
    universe["base"] = {f"{r}.0": ["common"] for r in range(1, releases + 1)}
    universe["common"] = {"1.0": []}
    universe["old"] = {"1.0": ["base<4"]}
    return Case(universe, (*(f"provider{n}" for n in range(count)), "old"), solvable=True)


def hidden_contradiction() -> Case:
    """Ask for two packages of 100 releases that want different things, one of them by way of a third."""
    universe: dict[str, dict[str, list[str]]] = {
        "a": {f"{n}.0": ["x==1"] for n in range(1, 101)},
        "b": {f"{n}.0": [f"y=={n}.0"] for n in range(1, 101)},
        "y": {f"{n}.0": ["x==2"] for n in range(1, 101)},
        "x": {"1": [], "2": []},
    }
    return Case(universe | _fillers(), ("a", "b", *_fillers()), solvable=False)


def chains() -> Case:
    """Ask for two chains of three packages, 100 releases each, that meet in a contradiction."""
    universe: dict[str, dict[str, list[str]]] = {"x": {"1": [], "2": []}}
    for side, end in (("a", "x==1"), ("b", "x==2")):
        for link in range(3):
            following = f"{side}{link + 1}>={{low}}.0,<={{high}}.0" if link < 2 else end
            universe[f"{side}{link}"] = {
                f"{n}.0": [following.format(low=max(n - 3, 1), high=min(n + 3, 100))] for n in range(1, 101)
            }
    return Case(universe | _fillers(), ("a0", "b0", *_fillers()), solvable=False)


def window() -> Case:
    """Ask for ten packages, each near its neighbour, the first newest and the last oldest."""
    count, releases, reach = 10, 100, 8
    universe: dict[str, dict[str, list[str]]] = {
        f"w{link}": {
            f"{n}.0": [f"w{link + 1}>={max(n - reach, 1)}.0,<={min(n + reach, releases)}.0"]
            if link + 1 < count
            else []
            for n in range(1, releases + 1)
        }
        for link in range(count)
    }
    return Case(universe, ("w0", f"w{count - 1}<40"), solvable=True)


def pigeons() -> Case:
    """Put seven pigeons into six holes."""
    pigeons, holes = 7, 6
    universe: dict[str, dict[str, list[str]]] = {
        f"pigeon{p}": {f"{h}.0": [f"hole{h}=={p}.0"] for h in range(holes)} for p in range(pigeons)
    }
    universe |= {f"hole{h}": {f"{p}.0": [] for p in range(pigeons)} for h in range(holes)}
    return Case(universe, tuple(f"pigeon{p}" for p in range(pigeons)), solvable=False)


def steep() -> Case:
    """Ask for a plugin of 400 releases among 300 bystanders, and for an old tool that holds both back."""
    universe: dict[str, dict[str, list[str]]] = {
        f"bystander{n}": {f"{r}.0": [f"bystander{n + 1}"] if n < 299 else [] for r in range(1, 41)}
        for n in range(300)
    }
    universe["test"] = {f"{n}.0": ["bystander0"] for n in range(1, 401)}
    universe["plugin"] = {f"{n}.0": [f"test>={n}.0"] for n in range(1, 401)}
    universe["sugar"] = {f"{n}.0": ["test>=2"] for n in range(1, 11)}
    universe["monitor"] = {"0.9": ["test<4", "cover<6"], "1.0": ["test>=9"]}
    universe["cover"] = {"5.3": [], "6.0": []}
    return Case(universe, ("cover==5.3", "plugin>=2", "sugar", "monitor<1"), solvable=True)


def tangle() -> Case:
    """Ask for an old release that pins a client of 30 libraries, whose newer ones need what is not there."""
    count, releases = 30, 30
    universe: dict[str, dict[str, list[str]]] = {
        f"library{n}": {
            f"{r}.0": [
                f"build>={max(r // 3, 1)}.0",
                f"library{(n + 1) % count}>={max(r - 5, 1)}.0",
                *(["serial>=5"] if r >= 10 else ["serial"]),
            ]
            for r in range(1, releases + 1)
        }
        for n in range(count)
    }
    universe["build"] = {f"{r}.0": [] for r in range(1, 31)}
    universe["serial"] = {f"{r}.0": ["message>=1"] if r >= 5 else [] for r in range(1, 40)}
    universe["message"] = {}
    universe["client"] = {f"{r}.0": [f"library{n}>=1" for n in range(count)] for r in range(1, 40)}
    universe["top"] = {f"{r}.0": [f"client=={r}.0"] for r in range(1, 40)}
    return Case(universe, ("top==27",), solvable=True)


def let_in_by_nobody() -> Case:
    """Ask for a package that once did without a parser, of which only pre-releases fit."""
    universe = _parsers()
    universe["notebook"] = {f"{n}.0": ["parser"] if n > 5 else [] for n in range(1, 41)}
    return Case(universe, ("notebook", "markdown<2", *_many("filler")), solvable=True)


def let_in_by_an_old_release() -> Case:
    """Ask for such a package, and for one of which an old release alone lets the pre-releases in."""
    universe = _parsers()
    universe["notebook"] = {f"{n}.0": ["parser"] for n in range(1, 41)}
    universe["theme"] = {f"{n}.0": ["parser>=1.0b1"] if n < 3 else [] for n in range(1, 41)}
    return Case(universe, ("notebook", "markdown<2", "theme", *_many("filler")), solvable=True)


def shut_out() -> Case:
    """Ask for such a package, where nothing lets the pre-releases in."""
    universe = _parsers()
    universe["notebook"] = {f"{n}.0": ["parser"] for n in range(1, 41)}
    return Case(universe, ("notebook", "markdown<2", *_many("filler")), solvable=False)


def _parsers() -> dict[str, dict[str, list[str]]]:
    """Make a parser whose final releases need a newer library than its pre-releases, among fillers."""
    finals = {f"{n}.0": ["markdown>=2"] for n in range(1, 20)}
    early = {f"{n}.0b1": ["markdown<2"] for n in range(1, 20)}
    return {**_fillers(), "parser": {**finals, **early}, "markdown": {"1.0": [], "2.0": []}}


def _many(name: str) -> list[str]:
    return [f"{name}{n}" for n in range(8)]


def _fillers() -> dict[str, dict[str, list[str]]]:
    """Make packages that have nothing to do with anything, and many releases."""
    return {f"filler{n}": {f"{r}.0": [] for r in range(1, 31)} for n in range(8)}


CASES = (
    late_conflict, ring, hidden_contradiction, chains, window, pigeons, steep, tangle,
    let_in_by_nobody, let_in_by_an_old_release, shut_out,
)  # fmt: skip
