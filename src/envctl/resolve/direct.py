"""Direct references: requirements that say by URL where their project comes from (PEP 508).

They may stand in the lists of the manifest, which are known before anything is resolved, and in those of
source trees of this machine, which are met while it is: then a resolution ends with `Undiscovered`, somebody
finds out what the URL stands for, and it begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping

from envctl.model.artifact import Artifact, Directory, identify
from envctl.model.dependency import marker_of, parse_marker
from envctl.model.names import normalise
from envctl.model.target import Target
from envctl.resolve.listing import Unexplored
from envctl.resolve.request import Reference, Request


class Undiscovered(Unexplored):
    """Ends an attempt: the source tree of ``by`` has a direct reference that was not met before."""

    def __init__(self, reference: Reference, by: str) -> None:
        super().__init__(reference.url)
        self.reference = reference
        self.by = by


def find_direct(request: Request, target: Target) -> Mapping[str, Artifact]:
    """Return by project name what does not come from an index on a target.

    That is what sources name, and what the references stand for whose markers hold. Two that hold for one
    project are in conflict, which a resolution finds and explains; here the first one counts.
    """
    references = (*_of_lists(request), *request.references)
    if not references:
        return request.direct  # not copied: what is in it may be settled only when it is asked for
    found = dict(request.direct)
    for reference in references:
        artifact = request.direct.get(reference.url)
        if artifact is not None and reference.name not in found and _holds(reference, target):
            found[reference.name] = artifact
    return found


def is_same(one: Artifact, other: Artifact) -> bool:
    """Whether two ways to name an artifact lead to the same; being editable does not count."""
    if isinstance(one, Directory) and isinstance(other, Directory):
        return (one.path, one.subdirectory) == (other.path, other.subdirectory)
    return identify(one) == identify(other)


def _of_lists(request: Request) -> list[Reference]:
    lists = (request.base, *request.groups.values(), *request.extras.values())
    return [
        Reference(normalise(asked.requirement.name), asked.requirement.url, marker_of(asked.requirement))
        for several in lists
        for asked in several
        if asked.requirement.url
    ]


def _holds(reference: Reference, target: Target) -> bool:
    if not reference.marker:
        return True
    environment = {**target.markers, "extra": reference.extra}
    return parse_marker(reference.marker).evaluate(environment)
