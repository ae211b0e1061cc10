"""Locks made in the test: a manifest solved against an index in memory, for targets by name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from envctl.lock.cells import find_cells
from envctl.lock.compose import compose
from envctl.lock.graph import LockGraph
from envctl.lock.lock import Lock
from envctl.manifest.conflicts import conflicts_of
from envctl.manifest.manifest import Manifest
from envctl.model.target import Target
from envctl.model.targets import make_target, sort_targets
from envctl.resolve.request import request_from
from envctl.workflow.resolving import resolve_targets
from support.universes import DictCatalog, Notation

NOW = datetime(2026, 1, 1, tzinfo=UTC)

LINUX = "linux-x86_64"
WINDOWS = "windows-x86_64"


def targets(*names: str, pythons: Sequence[str] = ("3.12",)) -> tuple[Target, ...]:
    """The targets of those names with each of the Pythons, in the order they are solved in."""
    return sort_targets([make_target(name, python) for name in names or (LINUX,) for python in pythons])


def make_lock(universe: Notation, manifest: Manifest, where: Sequence[Target] = ()) -> Lock:
    """Lock a manifest; without targets for Linux with Python 3.12."""
    request = request_from(manifest, direct={}, preferences={}, now=NOW)
    resolutions = resolve_targets(
        request,
        where or targets(),
        DictCatalog(universe),
        lambda _: None,
        old=None,
        released=frozenset(),
        conflicts=conflicts_of(manifest),
    )
    return compose(resolutions, manifest=manifest, digest="sha256:0", old=None)


def make_graph(
    universe: Notation, manifest: Manifest, where: Sequence[Target] = (), *, environment: str | None = None
) -> LockGraph:
    """Lock a manifest and read who asks for what; with an environment only as far as that goes."""
    lock = make_lock(universe, manifest, where)
    declaration = None if environment is None else manifest.environments[environment]
    grid = find_cells(lock, manifest, declaration=declaration)
    return LockGraph(lock, manifest, grid, declaration=declaration)
