"""Where a marker about patch versions cuts a Python: ``async-timeout; python_full_version < '3.11.3'``.

A target stands for all patch versions of a minor one. Where a marker that counts does not hold for all of
them, the target is cut in two, each of which is of one mind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from envctl.model.dependency import marker_of, parse_marker
from envctl.model.resolution import Resolution
from envctl.model.target import Target
from envctl.model.targets import move_floor, sort_targets
from envctl.resolve.port import Metadata
from envctl.resolve.request import Request

#: Cuts of a Python, by minor version: the first patch version of each part but the lowest.
Cuts = Mapping[str, frozenset[int]]

_PATCH_MARKERS = ("python_full_version", "implementation_version")


def cut_targets(targets: Sequence[Target], cuts: Cuts) -> tuple[Target, ...]:
    """Cut whole minor versions at their cuts; the parts stand in the order that targets are solved in."""
    result = []
    for target in targets:
        minor = minor_of(target.floor)
        borders = sorted(cuts.get(minor, ())) if target.floor != target.ceiling else []
        floors = [target.floor, *(f"{minor}.{patch}" for patch in borders)]
        ceilings = [*(f"{minor}.{patch - 1}" for patch in borders), target.ceiling]
        result += [
            move_floor(target, floor, ceiling) for floor, ceiling in zip(floors, ceilings, strict=True)
        ]
    return sort_targets(result) if cuts else tuple(targets)


def find_cuts(
    request: Request,
    resolution: Resolution,
    conditional: Mapping[str, Sequence[Metadata]],
    known: dict[str, bool],
) -> frozenset[int]:
    """Find where a marker that counts in a resolution changes its answer within the target's patch versions.

    ``conditional`` has the metadata in which there are such markers; ``known`` what is known of markers on
    the target, which is added to.
    """
    target = resolution.target
    if target.floor == target.ceiling:
        return frozenset()
    markers = list(_markers_of_lists(request))
    for name, several in conditional.items():
        package = resolution.packages.get(name)
        for metadata in several if package is not None else ():
            if package is not None and package.version in {None, str(metadata.version)}:
                extras = ("", *sorted(package.extras))
                markers += [
                    (one.marker_text, extras)
                    for one in metadata.requirements
                    if is_about_patches(one.marker_text)
                ]
    return frozenset(cut for marker, extras in markers for cut in _cuts_of(marker, extras, target, known))


def is_about_patches(marker: str) -> bool:
    """Whether a marker may hold for some patch versions of a Python only."""
    return any(name in marker for name in _PATCH_MARKERS)


def minor_of(version: str) -> str:
    """Return ``3.11`` for ``3.11.4``."""
    return ".".join(version.split(".")[:2])


def _markers_of_lists(request: Request) -> Iterable[tuple[str, Sequence[str]]]:
    lists = (request.base, *request.groups.values(), *request.extras.values())
    requirements = [asked.requirement for several in lists for asked in several]
    for requirement in (*requirements, *request.constraints, *request.overrides):
        if is_about_patches(marker_of(requirement)):
            yield marker_of(requirement), ("",)


def _cuts_of(marker: str, extras: Sequence[str], target: Target, known: dict[str, bool]) -> Iterable[int]:
    """Yield the first patch version of each part but the lowest in which a marker is of one mind."""
    minor = minor_of(target.floor)
    first, last = _patch(target.floor), _patch(target.ceiling)
    named = {int(patch) for patch in re.findall(rf"['\"]{re.escape(minor)}\.(\d+)", marker)}
    # Between what a marker names and its neighbours its answer cannot change.
    places = sorted(
        {first, *(place for patch in named for place in (patch, patch + 1) if first < place <= last)}
    )
    for extra in extras:
        answers = [_holds(marker, target, f"{minor}.{place}", extra, known) for place in places]
        for place, before, answer in zip(places[1:], answers, answers[1:], strict=False):
            if before != answer:
                yield place


def _holds(marker: str, target: Target, version: str, extra: str, known: dict[str, bool]) -> bool:
    key = f"{version};{extra};{marker}"
    if key not in known:
        markers = {**move_floor(target, version, version).markers, "extra": extra}
        known[key] = parse_marker(marker).evaluate(markers)
    return known[key]


def _patch(version: str) -> int:
    return int(re.findall(r"\d+", version)[2])
