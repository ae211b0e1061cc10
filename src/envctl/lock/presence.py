"""Why a package is locked, as a value that can be told: who asks for it, through whom, and where."""

from __future__ import annotations

from envctl.frozen import dataclass
from envctl.lock.graph import Entry, LockGraph, Need, Start
from envctl.lock.paths import Path, find_needs_above, find_paths
from envctl.manifest.manifest import LockSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A package of the lock requires something; ``requirement`` is without its marker."""

    name: str
    version: str | None
    requirement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """From a list of the manifest down to a package.

    ``by`` is the list (``env.toml``, ``group dev``), ``where`` file and line, ``requirement`` as it stands
    there. Each of the ``steps`` is required by what came before. ``marker`` says where all of it holds,
    None for wherever the lock holds.
    """

    by: str
    where: str
    requirement: str
    steps: tuple[Step, ...] = ()
    marker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One requirement of a package of the lock on another, with where it holds."""

    name: str
    version: str | None
    requirement: str
    required: str
    required_version: str | None
    marker: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Why one package is locked.

    ``marker`` says where it is chosen by any list. ``ways`` are the shortest, at most ``limit``;
    ``complete`` says that there are no others. ``requirements`` are all those above it, so that every way
    can be made of them. ``constraints`` and ``overrides`` of the manifest are about it and ask for nothing.
    """

    name: str
    version: str | None
    marker: str | None
    ways: tuple[Way, ...]
    complete: bool
    limit: int
    requirements: tuple[Link, ...]
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()


def explain_presence(graph: LockGraph, entry: Entry, settings: LockSettings, *, limit: int) -> Presence:
    """Explain why a package is in the lock; without ways where no list of the manifest reaches it."""
    paths = find_paths(graph, entry, limit=limit)
    links = [
        Link(
            name=need.requirer.name,
            version=need.requirer.version,
            requirement=need.requirement,
            required=need.required.name,
            required_version=need.required.version,
            marker=_describe_need(graph, need),
        )
        for need in find_needs_above(graph, entry)
    ]
    return Presence(
        name=entry.name,
        version=entry.version,
        marker=graph.describe(entry),
        ways=tuple(tell_way(graph, path) for path in paths.found),
        complete=paths.complete,
        limit=limit,
        requirements=tuple(links),
        constraints=tuple(str(one) for one in settings.constraints if one.name == entry.name),
        overrides=tuple(str(one) for one in settings.overrides if one.name == entry.name),
    )


def tell_way(graph: LockGraph, path: Path, *more: Need) -> Way:
    """Tell a path, with requirements that come after it."""
    cells = path.cells
    for need in more:
        cells &= need.cells
    steps = (*path.needs, *more)
    return Way(
        by=path.start.asked.by,
        where=path.start.asked.where,
        requirement=str(path.start.asked.requirement),
        steps=tuple(
            Step(name=need.requirer.name, version=need.requirer.version, requirement=need.requirement)
            for need in steps
        ),
        marker=graph.grid.describe(cells, path.start.among),
    )


def tell_start(graph: LockGraph, start: Start) -> Way:
    """Tell that a list asks for a package itself."""
    return tell_way(graph, Path(start, (), start.cells))


def _describe_need(graph: LockGraph, need: Need) -> str | None:
    """Say where a package requires another one, as far as that does not follow from where itself is."""
    around = graph.grid.around
    forks = around(graph.meeting(need)) or graph.grid.all  # a stale lock has what no list chooses
    return graph.grid.describe(need.cells & forks, around(graph.cells_of(need.requirer)) or None)
