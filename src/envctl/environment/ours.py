"""An environment of envctl: what is in it, held against the file list that lies in the tree.

One that is as it was left is told by its digest. In any other each file is looked at; what is left over
belongs to distributions that others installed, or to nobody.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from envctl.environment.classes import Rule, judge_distribution
from envctl.environment.examine import Examined, Scrutiny, examine
from envctl.environment.identity import GENERATION, GenerationRecord, RecordedDistribution
from envctl.environment.installed import Installed
from envctl.environment.inventory import INVENTORY, Inventory, read_inventory
from envctl.environment.others import (
    check_python,
    describe_installer,
    gather_strays,
    mark_intact,
    merge,
    read_others,
    scan_others,
    sort_drift,
    tell_foreign,
)
from envctl.environment.stray import make_foreign, tell_strays
from envctl.environment.tree import BYTECODE, Seen, walk
from envctl.environment.untouched import list_untouched
from envctl.errors import MachineError
from envctl.frozen import dataclass, replace
from envctl.model.state import Distribution, Drift, DriftKind, ForeignFile, Owner, State, Times
from envctl.plan.address import ENVIRONMENT as ENVIRONMENT_ADDRESS
from envctl.plan.address import format_package
from envctl.receipt import RECEIPT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ours:
    """What envctl put into an environment, beside what was found in it."""

    record: GenerationRecord
    paths: Mapping[str, tuple[str, ...]]
    found: Mapping[str, Seen]
    leftover: Mapping[str, Seen]
    examined: Examined


def scan_ours(path: str, record: GenerationRecord, *, verify: str, lives_at: str) -> State:
    """Look at the environment at ``path``, which says of itself that it is ``record``; as `scan`."""
    listed = list_untouched(path) if verify == "stat" else None
    if listed is not None:
        return _recall(path, record, listed, lives_at=lives_at)
    return _look_at_files(path, record, verify=verify, lives_at=lives_at)


def _look_at_files(path: str, record: GenerationRecord, *, verify: str, lives_at: str) -> State:
    found = walk(path)
    scrutiny = Scrutiny(every=verify == "hash", receipt_ns=_read_mtime(os.path.join(path, RECEIPT)))
    try:
        ours = _hold_against_inventory(path, record, found=found, scrutiny=scrutiny)
    except (OSError, ValueError, MachineError):
        return _scan_without_inventory(path, record, found)
    known = {each.info for each in record.distributions.values()}
    others = read_others(path, ours.leftover, found, known=known)
    drift = list(ours.examined.drift)
    drift += [*check_python(path, drift), *_check_place(record, lives_at)]
    distributions, drift = _join(ours, others, drift)
    owned = {**ours.paths, **{each.distribution.info: each.distribution.paths for each in others}}
    strays = gather_strays(owned, ours.leftover, {each.distribution.info: each for each in others})
    drift += tell_strays(strays)
    # What took the place of one of ours is told as that.
    replaced = {line.address for line in drift if line.kind is DriftKind.VERSION}
    drift += [
        tell_foreign(each)
        for each in distributions.values()
        if not each.managed and format_package(each.name) not in replaced
    ]
    examined = ours.examined
    times = Times(retimed=examined.retimed, moved=examined.moved, total=examined.total)
    return _make_state(path, record, distributions, drift, foreign=make_foreign(strays), times=times)


def _recall(
    path: str, record: GenerationRecord, listed: Mapping[str, tuple[str, ...]], *, lives_at: str
) -> State:
    """Say what `_look_at_files` would of an environment whose files are those ``listed``, and right."""
    drift = [*check_python(path, []), *_check_place(record, lives_at)]
    laid = {
        name: _make_distribution(name, each, listed.get(name, ()))
        for name, each in record.distributions.items()
        if listed.get(name) != ()
    }
    return _make_state(path, record, laid, drift, times=Times(total=sum(map(len, listed.values()))))


def _make_state(
    path: str,
    record: GenerationRecord,
    distributions: Mapping[str, Distribution],
    drift: Iterable[Drift],
    *,
    foreign: tuple[ForeignFile, ...] = (),
    times: Times,
) -> State:
    drift = sort_drift(drift)
    return State(
        path=path,
        owner=Owner.ENVCTL,
        python=record.python,
        executable=record.executable,
        generation=record.number,
        distributions=mark_intact(distributions, drift),
        drift=drift,
        foreign=foreign,
        times=times,
    )


def _hold_against_inventory(
    path: str, record: GenerationRecord, *, found: Mapping[str, Seen], scrutiny: Scrutiny
) -> _Ours:
    inventory = read_inventory(path)
    listed = {owner: _list_files(inventory, owner) for owner in inventory.owners}
    infos = {name: each.info for name, each in record.distributions.items()}
    examined = examine(path, listed, found, scrutiny=scrutiny, infos=infos)
    paths = {owner: tuple([each for each, _ in files]) for owner, files in listed.items()}
    leftover = {each: found[each] for each in found.keys() - set().union(*paths.values())}
    return _Ours(record=record, paths=paths, found=found, leftover=leftover, examined=examined)


def _list_files(inventory: Inventory, owner: str) -> list[tuple[str, str]]:
    files = inventory.stamps(owner)
    if BYTECODE not in inventory.sections[owner]:
        return list(files)
    return [(path, rest) for path, rest in files if BYTECODE not in path.split("/")]


def _read_mtime(path: str) -> int:
    try:
        return os.lstat(path).st_mtime_ns
    except OSError:
        return 0


def _scan_without_inventory(path: str, record: GenerationRecord, found: Mapping[str, Seen]) -> State:
    """Look at an environment of ours as at one of others, for the list of what is ours is lost.

    Nothing can be vouched for, so all of it is to be laid anew; what is foreign is still told by RECORDs.
    """
    state = scan_others(path, found)
    detail = "is damaged or gone: it lists what envctl put here"
    addresses = [ENVIRONMENT_ADDRESS, *map(format_package, record.distributions)]
    lost = [
        Drift(address=address, kind=DriftKind.METADATA, path=INVENTORY, detail=detail)
        for address in addresses
    ]
    laid = {
        name: _make_distribution(name, each, state.distributions[name].paths)
        for name, each in record.distributions.items()
        if name in state.distributions
    }
    return replace(
        state,
        owner=Owner.ENVCTL,
        python=record.python,
        executable=record.executable,
        generation=record.number,
        distributions=mark_intact({**state.distributions, **laid}, lost),
        drift=sort_drift([*state.drift, *lost]),
    )


def _check_place(record: GenerationRecord, lives_at: str) -> list[Drift]:
    if os.path.realpath(record.path) == os.path.realpath(lives_at):
        return []
    # Its scripts name the place it was made for.
    detail = f"was made for `{record.path}`"
    return [Drift(address=ENVIRONMENT_ADDRESS, kind=DriftKind.METADATA, path=GENERATION, detail=detail)]


def _join(
    ours: _Ours, others: Iterable[Installed], drift: Iterable[Drift]
) -> tuple[dict[str, Distribution], list[Drift]]:
    """Join what envctl laid with what others installed, one distribution a name."""
    drift = list(drift)
    distributions = {
        name: _make_distribution(name, each, ours.paths.get(name, ()))
        for name, each in ours.record.distributions.items()
        if _is_there(ours.paths.get(name), ours.found)
    }
    for each in others:
        new = each.distribution
        laid = ours.record.distributions.get(new.name)
        address = format_package(new.name)
        rule = judge_distribution(
            ours=laid is not None,
            metadata=laid is not None and f"{laid.info}/METADATA" in ours.found,
        )
        if rule is Rule.SECOND:
            detail = f"is a second one, {new.version}"
            drift.append(Drift(address=address, kind=DriftKind.ADDED, path=new.info, detail=detail))
            continue
        if rule is Rule.REPLACED and laid is not None:
            # Of the old one only the new one's RECORD still tells.
            detail = f"{new.version} instead of {laid.version}, {describe_installer(new)}"
            drift = [line for line in drift if line.address != address]
            drift.append(Drift(address=address, kind=DriftKind.VERSION, path=new.info, detail=detail))
            distributions[new.name] = new
        else:
            distributions[new.name] = merge(distributions.get(new.name), new)
        drift += each.drift
    return distributions, drift


def _is_there(paths: tuple[str, ...] | None, found: Mapping[str, Seen]) -> bool:
    return paths is None or any(path in found for path in paths)


def _make_distribution(name: str, laid: RecordedDistribution, paths: tuple[str, ...]) -> Distribution:
    return Distribution(
        name=name,
        version=laid.version,
        info=laid.info,
        installer="envctl",
        origin=laid.origin,
        direct_url=laid.direct_url,
        requested=laid.requested,
        managed=True,
        paths=paths,
    )
