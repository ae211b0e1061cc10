"""What to do about a conflict: found out once nothing else is left to try, for the error that ends a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from envctl.errors import ResolutionError
from envctl.frozen import replace
from envctl.model.artifact import Artifact
from envctl.model.target import Target
from envctl.resolve.admissions import Elsewhere
from envctl.resolve.conflict import make_error
from envctl.resolve.facts import Conflict, Fact, Limit, Replaced
from envctl.resolve.port import Catalog, ListedFile
from envctl.resolve.remedies import find_remedies
from envctl.resolve.request import Request
from envctl.resolve.trial import Trial

# About these there is something to try.
_CODES = frozenset(
    {
        "no-matching-version",
        "no-solution",
        "no-such-package",
        "no-usable-file",
        "python-too-new",
        "python-too-old",
    }
)


def advise(
    error: ResolutionError,
    request: Request,
    target: Target,
    others: Sequence[Target],
    *,
    catalog: Catalog,
    is_known: Callable[[str, ListedFile | Artifact], bool],
    places: Mapping[str, str],
    elsewhere: Elsewhere,
) -> ResolutionError:
    """Complete the error of ``target``: where its statements stand, who fails alike, what would help.

    ``others`` are the other targets of the run; ``places`` are of constraints and overrides, by their text;
    ``elsewhere`` tells what other indexes have of a project.
    Errors without a conflict come back as they are.
    """
    conflict = error.conflict
    if not isinstance(conflict, Conflict) or error.code not in _CODES:
        return error
    trial = Trial(catalog, request.direct, is_known=is_known)
    conflict = replace(conflict, facts=tuple(_place(fact, places) for fact in conflict.facts))
    alike = [other for other in others if trial.fails_alike(request, other, conflict)]
    remedies = find_remedies(
        conflict,
        request,
        (target, *alike),
        [other for other in others if other not in alike],
        trial,
        elsewhere=elsewhere,
    )
    also = tuple(other.label for other in alike)
    return make_error(replace(conflict, also=also, remedies=remedies))


def _place(fact: Fact, places: Mapping[str, str]) -> Fact:
    if isinstance(fact, Limit | Replaced):
        return replace(fact, where=places.get(fact.requirement, ""))
    return fact
