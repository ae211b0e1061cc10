"""`solve`: a request and a catalog to one release per project, for one target.

The order is: roots, the chain of solvers, reachability, a check that trusts none of them, and the
resolution; or, where there is none, its explanation as an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envctl.model.artifact import Artifact, Directory, Sdist, Wheel, build_tag
from envctl.model.events import Advanced, Emit, Ended, Notice, Phase, Started
from envctl.model.resolution import Resolution, Resolved
from envctl.model.target import Target
from envctl.resolve.chain import find
from envctl.resolve.check import check
from envctl.resolve.files import UNDATED
from envctl.resolve.listing import Shelf
from envctl.resolve.port import Catalog, ListedFile
from envctl.resolve.reach import reach
from envctl.resolve.request import Request
from envctl.resolve.roots import ListKind, Root, distinct_wants, find_roots, picked_lowest
from envctl.resolve.universe import Universe
from envctl.resolve.want import Want


def solve(
    request: Request, target: Target, catalog: Catalog, emit: Emit, *, shelf: Shelf | None = None
) -> Resolution:
    """Resolve all lists of ``request`` together for ``target``.

    Who solves for several targets hands the same ``shelf`` (a `Shelf` of that catalog and of
    ``request.direct``) to each call, so that nothing is fetched, parsed or compared twice.

    Deterministic: the order of lists and of a catalog's hints does not matter. Versions of
    ``request.preferences`` that still fit stay.

    Raises:
        ResolutionError: `no-solution`, `no-such-package`, `no-matching-version`, `no-usable-file`,
            `python-too-old`, `python-too-new`, `too-hard`, with the conflict as a value;
            `direct-url-refused` for a direct URL below the top level.
        UpstreamError: an index does not answer.
        BuildError: a direct source cannot tell its metadata.
    """
    emit(Started(Phase.RESOLVE))
    summary = ""
    try:
        universe = Universe(request, target, shelf or Shelf(catalog, request.direct))
        resolution = _solve(universe, emit)
        summary = summarise(len(resolution.packages))
    finally:
        emit(Ended(Phase.RESOLVE, summary))
    return resolution


def summarise(count: int) -> str:
    """Say how many packages were resolved."""
    return f"Resolved {count} package{'' if count == 1 else 's'}"


def _solve(universe: Universe, emit: Emit) -> Resolution:
    roots = find_roots(universe)
    wants = distinct_wants(roots)
    lowest = picked_lowest(universe, wants)
    picks = find(universe, wants, lowest=lowest, advance=lambda name: emit(Advanced(Phase.RESOLVE, 1, name)))
    if not isinstance(picks, Mapping):
        from envctl.resolve.conflict import make_error  # noqa: PLC0415 - few resolutions need to be explained
        from envctl.resolve.diagnose import diagnose  # noqa: PLC0415 - likewise

        raise make_error(diagnose(universe, roots, picks, lowest=lowest))
    reached = reach(universe, picks, wants)
    check(universe, picks, reached, wants)
    _warn(universe, picks, reached, emit)
    _warn_of_passed_over(universe, {name: picks[name] for name in reached}, emit, lowest=lowest)
    return _assemble(universe, picks, reached, roots)


def _assemble(
    universe: Universe,
    picks: Mapping[str, int],
    reached: Mapping[str, frozenset[str]],
    roots: Sequence[Root],
) -> Resolution:
    """Make the resolution: what was reached, and from which lists."""
    by_list: dict[tuple[ListKind, str], list[Want]] = {}
    for root in roots:
        by_list.setdefault((root.kind, root.list_name), []).append(root.want)
    reachers: dict[str, set[tuple[ListKind, str]]] = {}
    for place, wants in by_list.items():
        for name in reach(universe, picks, wants):
            reachers.setdefault(name, set()).add(place)
    return Resolution(
        target=universe.target,
        packages={
            name: _resolved(universe, name, picks[name], reached[name], reachers[name])
            for name in sorted(reached)
        },
    )


def _resolved(
    universe: Universe,
    name: str,
    position: int,
    extras: frozenset[str],
    reachers: set[tuple[ListKind, str]],
) -> Resolved:
    listing = universe.listing(name)
    version: str | None = str(listing.versions[position])
    artifact = listing.artifact
    metadata = universe.metadata(name, position)
    if isinstance(artifact, Directory) and metadata.dynamic_version:
        version = None
    return Resolved(
        name=name,
        version=version,
        artifacts=_artifacts(universe, name, position) if artifact is None else (artifact,),
        requires_python=_requires_python(universe, name, position),
        requires=tuple(sorted(want.text for want in universe.depends(name, position, extras))),
        extras=extras,
        index=listing.index,
        yanked=None if artifact is not None else universe.offer(name, position).files[0].yanked,
        status=listing.status,
        in_base=(ListKind.BASE, "") in reachers,
        groups=frozenset(place for kind, place in reachers if kind is ListKind.GROUP),
        extras_of=frozenset(place for kind, place in reachers if kind is ListKind.EXTRA),
    )


def _artifacts(universe: Universe, name: str, position: int) -> tuple[Artifact, ...]:
    """Return the files that count: wheels by name, then one source distribution.

    Higher build numbers first: an installer that looks at tags alone takes the first of equals.
    """
    index = universe.listing(name).index
    files = universe.offer(name, position).files
    wheels = [file for file in files if file.filename.endswith(".whl")]
    sdists = [file for file in files if not file.filename.endswith(".whl")]
    wheels.sort(key=lambda file: file.filename)
    wheels.sort(key=lambda file: build_tag(file.filename), reverse=True)
    return tuple(artifact_from(file, index) for file in (*wheels, *sdists[:1]))


def artifact_from(file: ListedFile, index: str | None) -> Wheel | Sdist:
    """Make the artifact of a file that an index lists."""
    kind = Wheel if file.filename.endswith(".whl") else Sdist
    return kind(
        filename=file.filename,
        url=file.url,
        hashes=file.hashes,
        size=file.size,
        upload_time=file.upload_time,
        index=index,
    )


def _requires_python(universe: Universe, name: str, position: int) -> str | None:
    """Return Requires-Python of the best file, normalised; None where it states nothing valid."""
    if universe.listing(name).artifact is None:
        text = universe.offer(name, position).files[0].requires_python
        if text:
            try:
                return str(SpecifierSet(text)) or None
            except InvalidSpecifier:
                return None
    found = universe.metadata(name, position).requires_python
    return None if found is None else str(found) or None


def _warn(
    universe: Universe, picks: Mapping[str, int], reached: Mapping[str, frozenset[str]], emit: Emit
) -> None:
    """Tell of extras that the picked releases do not have: they ask for nothing."""
    for name in sorted(reached):
        for extra in universe.missing_extras(name, picks[name], reached[name]):
            version = universe.listing(name).versions[picks[name]]
            emit(Notice("warning", "no-such-extra", f"{name} {version} has no extra `{extra}`"))


def _warn_of_passed_over(
    universe: Universe, picks: Mapping[str, int], emit: Emit, *, lowest: frozenset[str] | None
) -> None:
    """Tell of releases that would have gone before those picked, and that nobody can read or date."""

    def is_better(name: str, position: int) -> bool:
        is_lowest = lowest is None or name in lowest
        return name in picks and position != picks[name] and (position > picks[name]) == is_lowest

    for (name, position), refusal in sorted(universe.wrong().items(), key=itemgetter(0)):
        if is_better(name, position):
            version = universe.listing(name).versions[position]
            emit(Notice("warning", "bad-metadata", f"{name} {version} is passed over: {refusal.detail}"))
    told: set[str] = set()
    for name, position in sorted(universe.undated()):
        if is_better(name, position) and name not in told:
            told.add(name)
            version = universe.listing(name).versions[position]
            message = f"`exclude-newer` passes {name} {version} over: {UNDATED}"
            hint = f"to take it: `[lock] exclude-newer = {{ {name} = false }}` beside what `*` says"
            emit(Notice("warning", "no-upload-time", message, (hint,)))
