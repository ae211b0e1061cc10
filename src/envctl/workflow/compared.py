"""Two generations of an environment beside each other: off the disk, whoever put there what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from packaging.version import InvalidVersion, Version

from envctl.environment.scan import scan
from envctl.errors import MachineError
from envctl.lock.difference import ADDED, CHANGED, DOWN, REMOVED, UP, LockChange
from envctl.model.state import Distribution, Owner, State
from envctl.model.step import measure_step
from envctl.plan.origin import shorten_origin
from envctl.transaction.generations import kept_numbers, live_number
from envctl.transaction.site import Site, locate
from envctl.workflow.context import Context
from envctl.workflow.goals import find_place
from envctl.workflow.results import ComparedFile, ComparedLock, Difference

#: The word for the generation that is in place.
LIVE = "live"


def means_generation(word: str | None) -> bool:
    """Whether a word of the command line names a generation: a whole number, or ``live``."""
    return word is not None and (word == LIVE or (word.isascii() and word.isdigit()))


def compare_generations(context: Context, before: str, after: str) -> Difference:
    """Compare two generations: packages, Python, and files that no RECORD lists.

    Raises:
        InputError: anything wrong with the manifest.
        MachineError: `no-such-generation`, `generation-damaged`.
    """
    site = locate(find_place(context).environment)
    numbers = [_find(site, word) for word in (before, after)]
    states = [_scan(site, number) for number in numbers]
    old, new = states
    return Difference(
        before=_describe(site, numbers[0], old),
        after=_describe(site, numbers[1], new),
        changes=tuple(_compare_all(old.distributions, new.distributions)),
        python=None if old.python == new.python else (old.python, new.python),
        files=tuple(_compare_files(old, new)),
    )


def _find(site: Site, word: str) -> int:
    live, kept = live_number(site), kept_numbers(site)
    number = live if word == LIVE else int(word)
    there = sorted({*kept, *([] if live is None else [live])})
    if number is not None and number in there:
        return number
    message = (
        "no generation is live: there is no environment"
        if number is None
        else f"there is no generation {number}"
    )
    hints = [f"there are: {', '.join(map(str, there))}" if there else "`envctl apply` makes the first"]
    if number is not None:
        hints.append(f"a git revision of that name is written `{word}^0`")
    raise MachineError("no-such-generation", message, where=site.path, hints=hints)


def _scan(site: Site, number: int) -> State:
    place = site.path if number == live_number(site) else site.generation(number)
    state = scan(place, lives_at=site.path)
    if state.owner in {Owner.UNKNOWN, Owner.NOBODY}:
        message = f"generation {number} cannot be looked at: {state.reason or 'it is gone'}"
        raise MachineError("generation-damaged", message, where=place)
    return state


def _describe(site: Site, number: int, state: State) -> ComparedLock:
    return ComparedLock(path=site.path, packages=len(state.distributions), generation=number)


def _compare_all(old: Mapping[str, Distribution], new: Mapping[str, Distribution]) -> Iterator[LockChange]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        kind, step, differs = _compare(before, after)
        if not kind:
            continue
        told = after or before
        assert told is not None  # noqa: S101 - one of the two has the name
        reason = _explain(told)
        yield LockChange(
            name=name,
            before=_label(before),
            after=_label(after),
            kind=kind,
            reason=f"was {reason}" if kind == REMOVED else reason,
            step=step,
            differs=differs,
            direct=told.requested,
        )


def _compare(before: Distribution | None, after: Distribution | None) -> tuple[str, str, tuple[str, ...]]:
    """Give kind, step and parts of a change; an empty kind for none."""
    if before is None or after is None:
        return (REMOVED if after is None else ADDED), "", ()
    if before.version == after.version:
        return _compare_of_one_version(before, after)
    try:
        old, new = Version(before.version), Version(after.version)
    except InvalidVersion:
        return CHANGED, "", ("versions",)
    return (UP if old < new else DOWN), measure_step(old, new), ()


def _compare_of_one_version(before: Distribution, after: Distribution) -> tuple[str, str, tuple[str, ...]]:
    """Compare two distributions of one version: where from, by whom, and whether edited."""
    if not _is_from_same(before, after):
        return CHANGED, "", ("origin",)
    if before.intact != after.intact:
        return CHANGED, "", ("files",)
    return "", "", ()


def _is_from_same(before: Distribution, after: Distribution) -> bool:
    if before.managed and after.managed:
        return before.origin == after.origin
    # Of what others installed only PEP 610 tells: what has no URL is from some index.
    return _read_url(before.direct_url) == _read_url(after.direct_url)


def _read_url(text: str | None) -> object:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return text


def _label(distribution: Distribution | None) -> str | None:
    if distribution is None:
        return None
    origin = (shorten_origin(distribution.origin) or "").partition(" ")[0]
    marks = [origin] if origin in {"directory", "editable"} else []
    if not distribution.intact:
        marks.append("edited")
    return distribution.version + (f" ({', '.join(marks)})" if marks else "")


def _explain(distribution: Distribution) -> str:
    if not distribution.managed:
        by = distribution.installer or "others"
        return f"installed by {by}"
    return "asked for directly" if distribution.requested else "required by others"


def _compare_files(old: State, new: State) -> Iterator[ComparedFile]:
    before, after = ({each.path: each.size for each in state.foreign} for state in (old, new))
    for path in sorted(before.keys() ^ after.keys()):
        kind = ADDED if path in after else REMOVED
        yield ComparedFile(path=path, kind=kind, size=after.get(path, before.get(path, 0)))
