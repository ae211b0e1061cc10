"""What is really in an environment, as a value: `scan`. Reads, and changes nothing.

One walk with one ``stat`` a file finds what there is. An environment of envctl that is as it was left is
told by its digest. Any other is held against the inventory that lies in the tree; what is left over belongs
to distributions that others installed, as their RECORDs say, or to nobody. In an environment of others
nothing is ours, and every distribution is held against its RECORD by hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Container, Iterable, Mapping

from envctl.environment.classes import Rule, find_info, find_site, judge_distribution
from envctl.environment.configuration import choose_executable, choose_version, read_configuration
from envctl.environment.examine import Examined, Scrutiny, examine
from envctl.environment.identity import GENERATION, GenerationRecord, RecordedDistribution, parse_generation
from envctl.environment.installed import Installed, read_installed
from envctl.environment.inventory import INVENTORY, Inventory, parse_inventory
from envctl.environment.mounts import is_vacant
from envctl.environment.stray import Stray, gather, make_foreign, tell_strays
from envctl.environment.tree import BYTECODE, Seen, walk
from envctl.environment.untouched import list_untouched
from envctl.errors import MachineError
from envctl.frozen import dataclass, replace
from envctl.model.state import Distribution, Drift, DriftKind, Owner, State, Times
from envctl.plan.address import ENVIRONMENT as ENVIRONMENT_ADDRESS
from envctl.plan.address import PYTHON, format_package
from envctl.plan.origin import relate_direct_url, shorten_origin
from envctl.receipt import RECEIPT

#: How often a tree that changes places all the while is looked at.
_MOST_LOOKS = 10

# In an environment of others these are the environment's own, though no RECORD lists them.
_OWN_NAMES = ("activate", "Activate", "deactivate", "python", "pypy", "pydoc", "wheel", "_virtualenv.")


def scan(path: str, *, verify: str = "stat", lives_at: str | None = None) -> State:
    """Look at the environment at ``path`` (absolute).

    ``verify`` is ``stat``, or ``hash`` to read every file that envctl put there. ``lives_at`` is the path
    that the tree is made for, when it is looked at somewhere else: in staging, among the generations.

    What cannot be an environment, or must not be touched, is told by the state's owner and reason; no
    exception is raised for what lies on the disk. A tree that changes places with another one meanwhile is
    looked at again, so that what is told is of one of them.
    """
    path = os.path.abspath(path)
    before, state = _identify(path), _scan(path, verify=verify, lives_at=lives_at)
    for _ in range(_MOST_LOOKS - 1):
        after = _identify(path)
        if after == before:
            break
        before, state = after, _scan(path, verify=verify, lives_at=lives_at)
    return _seal(state)


def _identify(path: str) -> tuple[tuple[int, int, int] | None, ...]:
    """Say which tree lies at a path: its folder, and what names its generation."""
    return tuple(_stamp(each) for each in (path, os.path.join(path, GENERATION)))


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        seen = os.lstat(path)
    except OSError:
        return None
    return (seen.st_dev, seen.st_ino, 0 if stat.S_ISDIR(seen.st_mode) else seen.st_mtime_ns)


def _scan(path: str, *, verify: str, lives_at: str | None) -> State:
    reason = _find_obstacle(path)
    if reason is not None:
        return State(path=path, owner=Owner.UNKNOWN, distributions={}, reason=reason)
    if not os.path.lexists(path):
        return State(path=path, owner=Owner.NOBODY, distributions={})
    record = _read_record(path)
    if record is not None:
        listed = list_untouched(path) if verify == "stat" else None
        if listed is not None:
            return _recall(path, record, listed, lives_at=lives_at or path)
        return _scan_ours(path, record, verify=verify, lives_at=lives_at or path)
    if os.path.isfile(os.path.join(path, "pyvenv.cfg")):
        return _scan_others(path, walk(path))
    if is_vacant(path):
        return State(path=path, owner=Owner.NOBODY, distributions={})
    reason = "it is a folder without `pyvenv.cfg`"
    return State(path=path, owner=Owner.UNKNOWN, distributions={}, reason=reason)


def _find_obstacle(path: str) -> str | None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    if stat.S_ISLNK(status.st_mode):
        return "it is a symbolic link"
    if not stat.S_ISDIR(status.st_mode):
        return "it is not a directory"
    if os.name == "posix" and status.st_uid != os.geteuid():
        return f"it belongs to another user (uid {status.st_uid})"
    if not os.access(path, os.R_OK | os.X_OK):
        return "it cannot be read"
    return None


def _read_record(path: str) -> GenerationRecord | None:
    try:
        with open(os.path.join(path, GENERATION), "rb") as file:
            return parse_generation(file.read())
    except (OSError, MachineError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ours:
    """What envctl put into an environment, beside what was found in it."""

    record: GenerationRecord
    paths: Mapping[str, tuple[str, ...]]
    found: Mapping[str, Seen]
    leftover: Mapping[str, Seen]
    examined: Examined


def _recall(
    path: str, record: GenerationRecord, listed: Mapping[str, tuple[str, ...]], *, lives_at: str
) -> State:
    """Say what `_scan_ours` would of an environment whose files are those ``listed``, and right."""
    drift = [*_check_python(path, []), *_check_place(record, lives_at)]
    laid = {
        name: _make_distribution(name, each, listed.get(name, ()))
        for name, each in record.distributions.items()
        if listed.get(name) != ()
    }
    return State(
        path=path,
        owner=Owner.ENVCTL,
        python=record.python,
        executable=record.executable,
        generation=record.number,
        distributions=_mark_intact(laid, drift),
        drift=_sort(drift),
        times=Times(total=sum(map(len, listed.values()))),
    )


def _scan_ours(path: str, record: GenerationRecord, *, verify: str, lives_at: str) -> State:
    found = walk(path)
    scrutiny = Scrutiny(every=verify == "hash", receipt_ns=_read_mtime(os.path.join(path, RECEIPT)))
    try:
        ours = _hold_against_inventory(path, record, found=found, scrutiny=scrutiny)
    except (OSError, ValueError, MachineError):
        return _scan_without_inventory(path, record, found)
    known = {each.info for each in record.distributions.values()}
    others = _read_others(path, ours.leftover, found, known=known)
    drift = list(ours.examined.drift)
    drift += [*_check_python(path, drift), *_check_place(record, lives_at)]
    distributions, drift = _join(ours, others, drift)
    owned = {**ours.paths, **{each.distribution.info: each.distribution.paths for each in others}}
    strays = _gather(owned, ours.leftover, {each.distribution.info: each for each in others})
    drift += tell_strays(strays)
    # What took the place of one of ours is told as that.
    replaced = {line.address for line in drift if line.kind is DriftKind.VERSION}
    drift += [
        _tell_foreign(each)
        for each in distributions.values()
        if not each.managed and format_package(each.name) not in replaced
    ]
    return State(
        path=path,
        owner=Owner.ENVCTL,
        python=record.python,
        executable=record.executable,
        generation=record.number,
        distributions=_mark_intact(distributions, drift),
        drift=_sort(drift),
        foreign=make_foreign(strays),
        times=Times(retimed=ours.examined.retimed, moved=ours.examined.moved, total=ours.examined.total),
    )


def _hold_against_inventory(
    path: str, record: GenerationRecord, *, found: Mapping[str, Seen], scrutiny: Scrutiny
) -> _Ours:
    with open(os.path.join(path, INVENTORY), "rb", buffering=0) as file:
        inventory = parse_inventory(file.read())
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
    state = _scan_others(path, found)
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
        distributions=_mark_intact({**state.distributions, **laid}, lost),
        drift=_sort([*state.drift, *lost]),
    )


def _check_python(path: str, drift: Iterable[Drift]) -> list[Drift]:
    """Check that the interpreter's link leads somewhere, where its text is still the right one."""
    if any(line.address == PYTHON for line in drift):
        return []
    name = "Scripts/python.exe" if os.path.isdir(f"{path}/Scripts") else "bin/python"
    place = f"{path}/{name}"
    if os.path.isfile(place) and os.access(place, os.X_OK):
        return []
    detail = "does not lead to an interpreter"
    return [Drift(address=PYTHON, kind=DriftKind.INTERPRETER, path=name, detail=detail)]


def _check_place(record: GenerationRecord, lives_at: str) -> list[Drift]:
    if os.path.realpath(record.path) == os.path.realpath(lives_at):
        return []
    # Its scripts name the place it was made for.
    detail = f"was made for `{record.path}`"
    return [Drift(address=ENVIRONMENT_ADDRESS, kind=DriftKind.METADATA, path=GENERATION, detail=detail)]


def _read_others(
    path: str, leftover: Iterable[str], found: Mapping[str, Seen], *, known: Container[str] = ()
) -> list[Installed]:
    """Read what others installed: the distributions whose folders are in ``leftover`` and not ``known``."""
    infos: dict[str, list[str]] = {}
    for each in leftover:
        info = find_info(each)
        if info is not None and info not in known:
            infos.setdefault(info, []).append(each)
    installed = (read_installed(path, info, found, own=infos[info]) for info in sorted(infos))
    return [each for each in installed if each is not None]


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
            detail = f"{new.version} instead of {laid.version}, {_describe_installer(new)}"
            drift = [line for line in drift if line.address != address]
            drift.append(Drift(address=address, kind=DriftKind.VERSION, path=new.info, detail=detail))
            distributions[new.name] = new
        else:
            distributions[new.name] = _merge(distributions.get(new.name), new)
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


def _merge(before: Distribution | None, new: Distribution) -> Distribution:
    # Two folders for one name: neither is right, and both go together.
    if before is None:
        return new
    paths = tuple(sorted({*before.paths, *new.paths}))
    return replace(new, intact=False, paths=paths)


def _gather(
    owned: Mapping[str, Iterable[str]], leftover: Mapping[str, Seen], others: Mapping[str, Installed]
) -> tuple[Stray, ...]:
    claimed = {path for each in others.values() for path in each.distribution.paths}
    strays = {path: seen.size for path, seen in leftover.items() if path not in claimed}
    gathered = gather(strays, owned)
    # Owners are known here by their folders where others laid them; a line of a plan needs the name.
    names = {info: each.distribution.name for info, each in others.items()}
    return tuple(replace(each, owner=names.get(each.owner, each.owner)) for each in gathered)


def _tell_foreign(distribution: Distribution) -> Drift:
    return Drift(
        address=format_package(distribution.name),
        kind=DriftKind.FOREIGN,
        path=distribution.info,
        detail=_describe_installer(distribution),
    )


def _describe_installer(distribution: Distribution) -> str:
    return f"installed by {distribution.installer}" if distribution.installer else "installed by others"


def _mark_intact(
    distributions: Mapping[str, Distribution], drift: Iterable[Drift]
) -> dict[str, Distribution]:
    touched = {line.address for line in drift if line.kind not in {DriftKind.FOREIGN, DriftKind.VERSION}}
    return {
        name: replace(each, intact=False) if format_package(name) in touched else each
        for name, each in sorted(distributions.items())
    }


def _scan_others(path: str, found: Mapping[str, Seen]) -> State:
    configuration = read_configuration(path) or {}
    others = _read_others(path, found, found)
    distributions: dict[str, Distribution] = {}
    for each in others:
        name = each.distribution.name
        distributions[name] = _merge(distributions.get(name), each.distribution)
    leftover = {each: seen for each, seen in found.items() if not is_environments_own(each)}
    by_info = {each.distribution.info: each for each in others}
    strays = _gather({info: each.distribution.paths for info, each in by_info.items()}, leftover, by_info)
    drift = [line for each in others for line in each.drift]
    drift += [*_check_python(path, drift), *tell_strays(strays)]
    return State(
        path=path,
        owner=Owner.OTHERS,
        python=choose_version(configuration),
        executable=choose_executable(configuration),
        distributions=_mark_intact(distributions, drift),
        drift=_sort(drift),
        foreign=make_foreign(strays),
    )


def is_environments_own(path: str) -> bool:
    """Whether a path is the environment's own, going by its name, in one that others made."""
    folder, _, name = path.rpartition("/")
    if not folder:
        return name in {"pyvenv.cfg", "lib64"}
    return (folder in {"bin", "Scripts"} or find_site(path) == folder) and name.startswith(_OWN_NAMES)


def _sort(drift: Iterable[Drift]) -> tuple[Drift, ...]:
    return tuple(sorted(drift, key=lambda line: (line.address, line.path, line.kind)))


def _seal(state: State) -> State:
    """Fill in the digest: of everything a plan depends on, and nothing else.

    Not in it are the path and the number of the generation, nor where folders lie that were installed
    from, so that another checkout in the same state has the same digest; sizes of foreign files, which no
    plan looks at; and words for people.
    """
    home = os.path.dirname(state.path)
    facts = [
        state.owner,
        state.python,
        sorted(
            [
                each.name,
                each.version,
                *_describe_origin(each, home),
                each.requested,
                each.managed,
                each.intact,
            ]
            for each in state.distributions.values()
        ),
        [[line.address, line.kind, line.path] for line in state.drift],
        [[each.path, each.data] for each in state.foreign],
        state.reason,
    ]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    return replace(state, digest=f"sha256:{digest}")


def _describe_origin(distribution: Distribution, home: str) -> tuple[str | None, str | None]:
    """Give what a distribution came from without what only this checkout has.

    The digest of its metadata tells a folder that envctl installed; one of others is told by its path,
    from ``home`` where it lies there.
    """
    short = shorten_origin(distribution.origin)
    if short != distribution.origin:
        return short, None
    return relate_direct_url(short, home), relate_direct_url(distribution.direct_url, home)
