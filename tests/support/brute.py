"""Small universes made at random, and every solution there is of one, without any solver.

The rules of which releases may be picked are written down a second time here, over packaging's own
comparison and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random

from packaging.requirements import Requirement
from packaging.version import Version

from envctl.resolve.request import Request
from support.universes import Release, request

Picks = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Puzzle:
    releases: Mapping[str, Mapping[str, Release]]
    roots: Sequence[str]
    constraints: Sequence[str] = ()
    prerelease: str = "if-necessary"
    kept: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, Sequence[str]] = field(default_factory=dict)
    overrides: Sequence[str] = ()
    excludes: Sequence[str] = ()
    resolution: str = "highest"


def make_puzzle(random: Random) -> Puzzle:
    """Make a universe of a few projects; about half of them have no solution."""
    names = [f"p{number}" for number in range(random.randint(2, 5))]
    peculiar = random.random() < 0.5
    versions = {name: _versions(random, peculiar=peculiar) for name in names}
    density = random.choice((0.5, 1.0, 1.5, 2.5))
    extras = random.random() < 0.3

    def want() -> str:
        name = random.choice([*names, "gone"]) if random.random() < 0.05 else random.choice(names)
        extra = "[x]" if extras and random.random() < 0.3 else ""
        if random.random() < 0.3:
            return f"{name}{extra}"
        operator = random.choice(("<", "<=", ">", ">=", "==", "!="))
        return f"{name}{extra}{operator}{random.choice(versions.get(name, ['1.0']))}"

    def release(name: str) -> Release:
        amount = min(int(random.expovariate(1 / density)), 4)
        return Release(
            [text for text in (want() for _ in range(amount)) if not _is_about(text, name)],
            extras={"x": [text for text in (want(),) if not _is_about(text, name)]} if extras else {},
            yanked="broken" if peculiar and random.random() < 0.12 else None,
            wheels=("cp39-cp39-win_amd64",) if random.random() < 0.04 else ("py3-none-any",),
        )

    chosen = {name: random.choice(versions[name]) for name in names if random.random() < 0.5}
    return Puzzle(
        releases={name: {version: release(name) for version in versions[name]} for name in names},
        roots=sorted({want() for _ in range(random.randint(1, 3))}),
        constraints=[want().replace("[x]", "")] if random.random() < 0.15 else [],
        prerelease=random.choice(("allow", "disallow")) if random.random() < 0.1 else "if-necessary",
        kept=chosen if random.random() < 0.2 else {},
        elsewhere={name: [version] for name, version in chosen.items()} if random.random() < 0.1 else {},
        overrides=[want().replace("[x]", "")] if random.random() < 0.1 else [],
        excludes=[random.choice(names)] if random.random() < 0.05 else [],
        resolution=random.choice(("lowest", "lowest-direct")) if random.random() < 0.15 else "highest",
    )


def ask(puzzle: Puzzle) -> Request:
    """Make the request of a puzzle."""
    return request(
        *puzzle.roots,
        constraints=puzzle.constraints,
        prerelease={"*": puzzle.prerelease},
        preferences=puzzle.kept,
        elsewhere=puzzle.elsewhere,
        overrides=puzzle.overrides,
        excludes=frozenset(puzzle.excludes),
        resolution=puzzle.resolution,
    )


def solutions(puzzle: Puzzle, roots: Sequence[str] | None = None) -> Iterator[Picks]:
    """Yield every set of picks that satisfies what is asked, each project reached and admitted."""
    yield from _extend(puzzle, puzzle.roots if roots is None else roots, {})


def is_solution(puzzle: Puzzle, picks: Picks) -> bool:
    """Whether these picks, no more and no fewer, are a solution."""
    wants = _wants(puzzle, puzzle.roots, picks)
    return set(wants) == set(picks) and all(
        picks[name] in puzzle.releases[name]
        and _fits(puzzle, name, wants[name], picks[name])
        and _admits(puzzle, name, wants[name], picks[name])
        for name in picks
    )


def restrict(puzzle: Puzzle, picks: Picks) -> Picks | None:
    """Leave out of picks what nothing reaches; None where something is reached that was not picked."""
    wants = _wants(puzzle, puzzle.roots, picks)
    return {name: picks[name] for name in wants} if wants.keys() <= picks.keys() else None


def _extend(puzzle: Puzzle, roots: Sequence[str], picks: dict[str, str]) -> Iterator[Picks]:
    wants = _wants(puzzle, roots, picks)
    if not all(_fits(puzzle, name, wants[name], version) for name, version in picks.items()):
        return
    missing = sorted(set(wants) - set(picks))
    if not missing:
        if all(_admits(puzzle, name, wants[name], version) for name, version in picks.items()):
            yield dict(picks)
        return
    name = missing[0]
    for version in puzzle.releases.get(name, {}):
        if _fits(puzzle, name, wants[name], version):
            yield from _extend(puzzle, roots, {**picks, name: version})


def _wants(puzzle: Puzzle, roots: Sequence[str], picks: Picks) -> dict[str, list[str]]:
    """Collect what the roots and all that they reach want, by project."""
    found: dict[str, list[str]] = {}
    done: set[tuple[str, str]] = set()
    queue = _replace(puzzle, roots)
    for text in queue:  # grows while it is walked
        parsed = _parse(text)
        found.setdefault(parsed.name, []).append(text)
        for extra in ("", *parsed.extras):
            if parsed.name in picks and (parsed.name, extra) not in done:
                done.add((parsed.name, extra))
                release = puzzle.releases[parsed.name][picks[parsed.name]]
                queue += _replace(puzzle, release.extras.get(extra, ()) if extra else release.requires)
    return found


def _replace(puzzle: Puzzle, texts: Sequence[str]) -> list[str]:
    """Drop what is excluded, and put overrides for what is overridden; the extras stay asked for."""
    result: list[str] = []
    for text in texts:
        parsed = _parse(text)
        if parsed.name in puzzle.excludes:
            continue
        overrides = [_parse(override) for override in puzzle.overrides if _is_about(override, parsed.name)]
        extras = f"[{','.join(parsed.extras)}]" if parsed.extras else ""
        result += [f"{one.name}{extras}{one.specifier}" for one in overrides] or [text]
    return result


def _fits(puzzle: Puzzle, name: str, wants: Sequence[str], version: str) -> bool:
    limits = [text for text in puzzle.constraints if _is_about(text, name)]
    return all(_contains(text, version) for text in (*wants, *limits))


def _admits(puzzle: Puzzle, name: str, wants: Sequence[str], version: str) -> bool:
    """Whether a release may be picked for ``wants``: tiers of finals, pre-releases, yanked ones."""
    releases = puzzle.releases[name]
    if "cp39-cp39-win_amd64" in releases[version].wheels:
        return False
    if puzzle.kept.get(name) == version:
        return True
    limits = (*wants, *(text for text in puzzle.constraints if _is_about(text, name)))
    fitting = [other for other in releases if _fits(puzzle, name, wants, other)]
    usable = [other for other in fitting if "cp39-cp39-win_amd64" not in releases[other].wheels]
    finals = [other for other in usable if not _version(other).is_prerelease]
    pool = finals if puzzle.prerelease == "disallow" else usable
    fresh = [other for other in pool if releases[other].yanked is None]
    if fresh:
        asked = puzzle.prerelease == "allow" or any(_parse(text).specifier.prereleases for text in limits)
        fresh_finals = [other for other in fresh if other in finals]
        return version in (fresh if asked or not fresh_finals else fresh_finals)
    exact = any(one.operator == "==" for text in limits for one in _parse(text).specifier)
    return exact and version in pool


def _versions(random: Random, *, peculiar: bool) -> list[str]:
    numbers = [f"{number}.0" for number in range(1, random.randint(2, 6))]
    if not peculiar:
        return numbers
    return [f"{number}b1" if random.random() < 0.4 else number for number in numbers]


def _is_about(text: str, name: str) -> bool:
    return _parse(text).name == name


@cache
def _parse(text: str) -> Requirement:
    return Requirement(text)


@cache
def _version(text: str) -> Version:
    return Version(text)


@cache
def _contains(text: str, version: str) -> bool:
    return _parse(text).specifier.contains(_version(version), prereleases=True)
