"""``envctl why``: every way in which the manifest asks for a package; from manifest and lock alone."""

from __future__ import annotations

import os
from collections.abc import Sequence

from envctl.errors import EnvctlError, raise_together
from envctl.frozen import dataclass
from envctl.lock.cells import find_cells
from envctl.lock.graph import LockGraph
from envctl.lock.lock import Lock
from envctl.lock.presence import Presence, explain_presence
from envctl.manifest.manifest import Declaration, Manifest
from envctl.manifest.near import suggest
from envctl.manifest.select import python_requests, select_environment
from envctl.model.events import Notice
from envctl.model.target import Target
from envctl.workflow.context import Context
from envctl.workflow.coverage import admits
from envctl.workflow.inputs import load_manifest
from envctl.workflow.locks import LoadedLock, load_lock
from envctl.workflow.sources import find_direct_artifacts
from envctl.workflow.staleness import is_up_to_date

#: Ways that are looked for, without and with ``--all-paths``.
LIMIT = 1_000
HIGHEST_LIMIT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The answer of ``why``. ``fits`` says that the lock is up to date; ``environment`` is what was asked.

    ``ours`` says that envctl made the lock; others may not record what each package requires.
    """

    lock: str
    fits: bool
    ours: bool
    environment: str | None
    packages: tuple[Presence, ...]


def why(context: Context, names: Sequence[str], *, limit: int = LIMIT) -> Why:
    """Explain why packages (normalised names) are locked. Opens no socket, and resolves nothing.

    Raises:
        EnvctlError: `lock-missing`; `not-locked` for what the lock does not hold, `not-selected` for what
            the environment that was named does not.
        InputError: anything wrong with the files.
    """
    manifest = load_manifest(context).manifest
    declaration = None
    if context.environment is not None:
        declaration = select_environment(manifest, context.environment)
    loaded = load_lock(manifest)
    lock = require_lock(loaded)
    graph = read_graph(lock, manifest, declaration)
    refuse_unknown(graph, names, loaded.path)
    found = [
        explain_presence(graph, entry, manifest.lock, limit=limit)
        for name in dict.fromkeys(names)
        for entry in graph.entries_of(name)
        if declaration is None or graph.cells_of(entry)
    ]
    _refuse_unselected(names, found, declaration)
    return Why(
        lock=loaded.path,
        fits=tell_stale(context, manifest, loaded),
        ours=lock.is_ours,
        environment=None if declaration is None else declaration.name,
        packages=tuple(found),
    )


def require_lock(loaded: LoadedLock) -> Lock:
    """Return the lock that is to be explained.

    Raises:
        EnvctlError: `lock-missing`.
    """
    if loaded.lock is None:
        raise EnvctlError(
            "lock-missing",
            f"there is no `{os.path.basename(loaded.path)}` to explain",
            where=loaded.path,
            hints=["`envctl lock` makes it"],
        )
    return loaded.lock


def read_graph(
    lock: Lock, manifest: Manifest, declaration: Declaration | None, *, here: Target | None = None
) -> LockGraph:
    """Read who asks for what in a lock; with a ``declaration`` only for its lists and its Pythons.

    ``here`` stands for a lock that names no target.
    """
    pythons = None
    if declaration is not None:
        requests = python_requests(manifest, declaration)
        pythons = [python for python in lock.pythons if admits(requests, python)]
    grid = find_cells(lock, manifest, declaration=declaration, pythons=pythons, here=here)
    return LockGraph(lock, manifest, grid, declaration=declaration)


def tell_stale(context: Context, manifest: Manifest, loaded: LoadedLock) -> bool:
    """Say in one line that the lock does not fit the manifest; return whether it does."""
    if is_up_to_date(manifest, loaded.lock, find_direct_artifacts(manifest)):
        return True
    path = os.path.basename(loaded.path)
    message = f"`{path}` does not fit the manifest any more; this is about `{path}` as it is"
    context.emit(Notice("warning", "lock-stale", message))
    return False


def refuse_unknown(graph: LockGraph, names: Sequence[str], path: str) -> None:
    """Refuse names that the lock does not hold, each with one that is near.

    Raises:
        EnvctlError: `not-locked`.
    """
    raise_together(
        [
            EnvctlError(
                "not-locked",
                f"nothing asks for `{name}`: `{os.path.basename(path)}` does not hold it",
                where=path,
                hints=suggest(name, graph.names),
            )
            for name in dict.fromkeys(names)
            if not graph.entries_of(name)
        ]
    )


def _refuse_unselected(
    names: Sequence[str], found: Sequence[Presence], declaration: Declaration | None
) -> None:
    there = {each.name for each in found}
    raise_together(
        [
            EnvctlError(
                "not-selected",
                f"nothing that the environment `{declaration.name}` holds asks for `{name}`",
                hints=[f"`envctl why {name}` says what else does"],
            )
            for name in dict.fromkeys(names)
            if declaration is not None and name not in there
        ]
    )
