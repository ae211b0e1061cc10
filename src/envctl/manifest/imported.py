"""What is installed, as entries of a manifest: who asks for what, and where it came from.

Pure. Sources: PyPA "Recording installed projects" (REQUESTED), "Recording the Direct URL Origin of installed
distributions" (``direct_url.json``), "Core metadata" (Requires-Dist, Provides-Extra).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from packaging.version import InvalidVersion, Version

from envctl.errors import InputError
from envctl.frozen import dataclass
from envctl.manifest.bounds import EXACT, LOWER, NONE
from envctl.model.dependency import Dependency
from envctl.model.names import normalise

#: What tools that make environments put there unasked; all but pip until Python 3.12.
_SEEDS = ("distribute", "setuptools", "wheel")
_LAST_SEEDED = (3, 11)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One distribution: ``name`` and ``extras`` (those it provides) are normalised.

    ``requested`` says that it is marked as asked for by name, by the ``installer``; ``direct_url`` is the
    document of PEP 610.
    """

    name: str
    version: str
    installer: str = ""
    requested: bool = False
    requirements: tuple[Dependency, ...] = ()
    extras: frozenset[str] = frozenset()
    direct_url: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a manifest has to say: ``entries`` by name, and ``sources`` as tables, by name.

    ``seeds`` were left out: tools put them into every environment, and nothing needs them.
    """

    entries: Mapping[str, str]
    sources: Mapping[str, Mapping[str, str | bool]]
    seeds: tuple[str, ...] = ()


def describe_installed(
    installed: Sequence[Installed], markers: Mapping[str, str], *, folder: str, bounds: str
) -> Imported:
    """Say what a manifest in ``folder`` has to ask for to get what is installed.

    Asked for is what was requested, and what nothing else requires. ``markers`` are those of the
    environment; ``bounds`` is ``lower``, ``exact`` or ``none``.

    Raises:
        InputError: `import-not-supported` for a distribution from a repository that is not git's.
    """
    graph = _Graph(installed, markers)
    roots = choose_roots(graph)
    sources = {
        each.name: _describe_source(each.name, each.direct_url, folder)
        for each in installed
        if each.direct_url is not None
    }
    entries = {
        name: write_entry(
            name,
            graph.known[name].version,
            NONE if name in sources else bounds,
            extras=extras,
        )
        for name, extras in sorted(roots.items())
    }
    reached = graph.reach(roots)
    return Imported(
        entries=entries,
        sources={name: source for name, source in sorted(sources.items()) if name in reached},
        seeds=tuple(sorted(graph.known.keys() - reached.keys())),
    )


class _Graph:
    """Who requires whom, in one environment."""

    def __init__(self, installed: Iterable[Installed], markers: Mapping[str, str]) -> None:
        self.known = {each.name: each for each in installed}
        self._markers = dict(markers)
        minor = tuple(int(part) for part in markers["python_version"].split(".")[:2])
        self.seeds = {"pip", *(_SEEDS if minor <= _LAST_SEEDED else ())}

    def requires(self, name: str, extra: str = "") -> Iterator[tuple[str, frozenset[str]]]:
        """Yield what of `needs` is installed."""
        return ((target, extras) for target, extras in self.needs(name, extra) if target in self.known)

    def needs(self, name: str, extra: str = "") -> Iterator[tuple[str, frozenset[str]]]:
        """Yield what is required for an extra, or in any case, with the extras that are wanted of it."""
        for requirement in self.known[name].requirements:
            marker = requirement.marker
            if marker is None:
                holds = not extra
            else:
                holds = marker.evaluate({**self._markers, "extra": extra})
                if holds and extra:  # what holds without the extra is no reason to have it
                    holds = not marker.evaluate({**self._markers, "extra": ""})
            target = normalise(requirement.name)
            if holds and target != name:
                yield target, frozenset(map(normalise, requirement.extras))

    def reach(self, roots: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
        """Map all that is needed for ``roots`` to the extras that are needed of it."""
        reached: dict[str, frozenset[str]] = {}
        pending = list(roots.items())
        while pending:
            name, extras = pending.pop()
            before = reached.get(name)
            if before is not None and extras <= before:
                continue
            reached[name] = extras | (before or frozenset())
            for extra in ("", *sorted(extras)):
                pending += self.requires(name, extra)
        return reached

    def required(self) -> frozenset[str]:
        """Name all that something else requires, whether that is needed or not."""
        everything = self.reach(dict.fromkeys(self.known, frozenset()))
        return frozenset(
            target
            for name, extras in everything.items()
            for extra in ("", *extras)
            for target, _ in self.requires(name, extra)
        )


def choose_roots(graph: _Graph) -> Mapping[str, frozenset[str]]:
    """Choose what to ask for, with which extras, so that all but seeds is needed."""
    required = graph.required()
    names = graph.known.keys() - graph.seeds
    requested = _find_requested(graph.known[name] for name in names)
    alone = {name for name in names if name not in required}
    roots: dict[str, frozenset[str]] = dict.fromkeys(requested | alone, frozenset())
    # Installers record what was asked for; then the rest is there for an extra, or by itself.
    for name in sorted(alone - requested) if requested else ():
        found = _find_extra(graph, requested, name)
        if found is not None:
            roots[found[0]] |= {found[1]}
            del roots[name]
    while missing := names - graph.reach(roots).keys():
        roots[min(missing)] = frozenset()  # they require each other, and nobody them
    return roots


def _find_requested(installed: Iterable[Installed]) -> frozenset[str]:
    """Name what was asked for. An installer that marked all that it installed, as uv does, marked nothing."""
    by_installer: dict[str, list[Installed]] = {}
    for each in installed:
        by_installer.setdefault(each.installer, []).append(each)
    return frozenset(
        each.name
        for several in by_installer.values()
        if not all(other.requested for other in several)
        for each in several
        if each.requested
    )


def _find_extra(graph: _Graph, requested: Iterable[str], name: str) -> tuple[str, str] | None:
    """Find an extra of what was asked for that explains why ``name`` is there, and all else of it, too."""
    for root in sorted(requested):
        for extra in sorted(graph.known[root].extras):
            needed = {target for target, _ in graph.needs(root, extra)}
            if name in needed and needed <= graph.known.keys():
                return root, extra
    return None


def write_entry(name: str, version: str, bounds: str, *, extras: frozenset[str] = frozenset()) -> str:
    """Write a requirement with ``lower`` or ``exact`` bounds, or ``none``; none for what is no version."""
    head = name + (f"[{','.join(sorted(extras))}]" if extras else "")
    try:
        parsed = Version(version)
    except InvalidVersion:
        return head
    # No lower bound may have a local version (PEP 440).
    return head + {EXACT: f"=={parsed}", LOWER: f">={parsed.public}", NONE: ""}[bounds]


def _describe_source(name: str, document: Mapping[str, Any], folder: str) -> Mapping[str, str | bool]:
    """Write an entry of ``[sources]`` for where a distribution came from."""
    url = str(document.get("url", ""))
    source: dict[str, str | bool] = {}
    match document:
        case {"dir_info": Mapping() as about}:
            source["path"] = relate(_local_path(url), folder)
            if about.get("editable") is True:
                source["editable"] = True
        case {"vcs_info": {"vcs": "git", "commit_id": str(commit)}}:
            source["git"], source["rev"] = _strip(url), commit
        case {"vcs_info": Mapping() as about}:
            raise InputError(
                "import-not-supported",
                f"`{name}` was installed from a repository of {about.get('vcs')}; only git's can be named",
            )
        case _ if urlsplit(url).scheme == "file":
            source["path"] = relate(_local_path(url), folder)
        case _:
            source["url"] = _strip(url)
    subdirectory = document.get("subdirectory")
    if isinstance(subdirectory, str):
        source["subdirectory"] = subdirectory
    return source


def _local_path(url: str) -> str:
    path = unquote(urlsplit(url).path)
    return path[1:].replace("/", os.sep) if path[2:3] == ":" else path


def _strip(url: str) -> str:
    """Take user and password out of a URL; whom to log in as by ssh is neither."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url
    # PEP 610 lets a variable stand for each: ``${USER}``.
    is_name = parts.scheme.endswith("ssh") and not set(user) & set(":$")
    return urlunsplit(parts._replace(netloc=f"{user}@{host}" if is_name else host))


def relate(path: str, folder: str) -> str:
    """Write a path as a manifest in ``folder`` has it: from there if it lies near, else whole; POSIX."""
    try:
        relative = os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # another drive on Windows
        return path
    return path if relative.startswith("../../../") else relative
