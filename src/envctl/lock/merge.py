"""`merge`: what was resolved for each target, as the packages of one lock.

One package of a lock is a release of a project from one origin. It has the files that any of the
targets it is chosen for can use, and a marker that chooses it for exactly those, and for exactly the
environments that need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from envctl.frozen import dataclass
from envctl.lock.grid import Grid, either
from envctl.lock.markers import reach_marker
from envctl.lock.reach import Reached, Reaches
from envctl.manifest.conflicts import Fork, Member
from envctl.model.artifact import Artifact, Sdist, Wheel, build_tag, identify
from envctl.model.resolution import Resolution, Resolved


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A package of the lock.

    ``resolved`` has the files of all its cells; its ``requires`` carry a marker where not all cells have
    them. ``dependencies`` are the names it requires, each with the versions it may be chosen in,
    empty where the lock has only one.
    """

    resolved: Resolved
    marker: str | None
    dependencies: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Release:
    """One release of a project, as it was resolved: in which cells, and for whom."""

    packages: Sequence[tuple[int, Resolved]]
    reached: Reached

    @property
    def cells(self) -> frozenset[int]:
        """The targets that it is chosen for, through whatever lists."""
        return frozenset(cell for cell, _ in self.packages)


def merge(resolutions: Sequence[Resolution], grid: Grid, reaches: Reaches) -> tuple[Merged, ...]:
    """Merge resolutions, each of a target of the grid; with conflicts there are several of one."""
    entries: dict[tuple[str, str], list[tuple[int, Fork, Resolved]]] = {}
    for resolution in resolutions:
        cell = grid.targets.index(resolution.target)
        for name, package in resolution.packages.items():
            entries.setdefault((name, _release(package)), []).append((cell, resolution.fork, package))
    by_name: dict[str, list[_Release]] = {}
    for (name, _), several in sorted(entries.items()):
        packages = [(cell, package) for cell, _, package in several]
        by_name.setdefault(name, []).append(_Release(packages, _reached(several)))
    return tuple(
        _merge(release, by_name, grid, reaches) for several in by_name.values() for release in several
    )


def _release(package: Resolved) -> str:
    """Tell releases of one project apart: by version, and by origin where that is not an index."""
    origins = (identify(one) for one in package.artifacts if not isinstance(one, Wheel | Sdist))
    return f"{package.version} {next(origins, '')}"


def _reached(packages: Iterable[tuple[int, Fork, Resolved]]) -> Reached:
    found: dict[Member | None, dict[Fork, int]] = {}
    for cell, fork, package in packages:
        lists: list[Member | None] = [None] if package.in_base else []
        lists += [("group", name) for name in package.groups]
        lists += [("extra", name) for name in package.extras_of]
        for one in lists:
            by_fork = found.setdefault(one, {})
            by_fork[fork] = by_fork.get(fork, 0) | 1 << cell
    return found


def _merge(
    release: _Release, by_name: Mapping[str, Sequence[_Release]], grid: Grid, reaches: Reaches
) -> Merged:
    packages = [package for _, package in release.packages]
    required = _where_required(release, grid)
    specifiers = {package.requires_python for package in packages}
    return Merged(
        resolved=Resolved(
            name=packages[0].name,
            version=packages[0].version,
            artifacts=_union(packages),
            # Files of one release may disagree; then only the solver's answer for each target counts.
            requires_python=specifiers.pop() if len(specifiers) == 1 else None,
            requires=_requires(required, grid.all & ~grid.cells(release.cells), grid),
            extras=frozenset().union(*(package.extras for package in packages)),
            index=packages[0].index,
            yanked=packages[0].yanked,
            status=packages[0].status,
        ),
        marker=reach_marker(reaches.of(release.reached), grid),
        dependencies=_dependencies(packages[0].name, required, by_name, grid),
    )


def _where_required(release: _Release, grid: Grid) -> dict[str, int]:
    """Map each active requirement, sorted, to the cells it is active in, through whatever lists."""
    where: dict[str, set[int]] = {}
    for cell, package in release.packages:
        for text in package.requires:
            where.setdefault(text, set()).add(cell)
    return {text: grid.cells(several) for text, several in sorted(where.items())}


def _requires(required: Mapping[str, int], indifferent: int, grid: Grid) -> tuple[str, ...]:
    result = []
    for text, where in required.items():
        conditions = grid.simplify(where, indifferent)
        # A URL ends at a space only.
        result.append(f"{text} ; {either(conditions)}" if conditions else text)
    return tuple(result)


def _dependencies(
    own: str,
    required: Mapping[str, int],
    by_name: Mapping[str, Sequence[_Release]],
    grid: Grid,
) -> Mapping[str, tuple[str, ...]]:
    """Map the names that are required to the versions of them that are chosen in those cells."""
    cells: dict[str, int] = {}
    for text, where in required.items():
        name = project_name(text)
        cells[name] = cells.get(name, 0) | where
    result = {}
    for name, where in cells.items():
        several = by_name.get(name, ())
        if name == own or not several:
            continue
        met = [one for one in several if grid.cells(one.cells) & where]
        versions = [one.packages[0][1].version for one in met]
        result[name] = tuple(filter(None, versions)) if len(several) > 1 else ()
    return result


def project_name(requirement: str) -> str:
    """Return the name that a normalised requirement begins with."""
    end = next(
        (place for place, sign in enumerate(requirement) if not (sign.isalnum() or sign == "-")),
        len(requirement),
    )
    return requirement[:end]


def _union(packages: Iterable[Resolved]) -> tuple[Artifact, ...]:
    """Join the files of one release: wheels as a resolution sorts them, then one source distribution."""
    wheels: dict[str, Wheel] = {}
    others: dict[str, Artifact] = {}
    for package in packages:
        for artifact in package.artifacts:
            if isinstance(artifact, Wheel):
                wheels.setdefault(artifact.filename, artifact)
            else:
                others.setdefault("" if isinstance(artifact, Sdist) else identify(artifact), artifact)
    ordered = sorted(wheels.values(), key=lambda wheel: wheel.filename)
    # An installer that looks at tags alone takes the first of equals.
    ordered.sort(key=lambda wheel: build_tag(wheel.filename), reverse=True)
    return (*ordered, *others.values())
