"""``envctl cache prune``: what no longer is of use is deleted, and what was longest not used beyond a size.

In this order:

- litter of runs that were killed, told by locks, not by age;
- buckets of older schemas, which this version neither reads nor writes;
- with ``verify``, what is not what was put in;
- what belongs to something that is gone: bytecode of wheels or interpreters, and what was kept of
  interpreters, of projects and of the tools of builds;
- with a size, what was longest not used, until the rest fits. What environments share costs no room, and
  is left: deleting it would free nothing.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from envctl.environment.bare import BARE, VIRTUALENV
from envctl.environment.probe import INTERPRETERS
from envctl.frozen import dataclass
from envctl.index.cache import METADATA, PAGES, STATED
from envctl.index.listing import parse_head
from envctl.made import LOCKS_MADE
from envctl.memo import parse_answer
from envctl.model.events import Advanced, Emit, Ended, Phase, Started
from envctl.receipt import parse_receipt
from envctl.store.measure import measure
from envctl.store.prune import (
    Thing,
    clear_litter,
    list_things,
    remove_empty_folders,
    take_as_one,
    throw_away,
)
from envctl.store.store import Store
from envctl.trust import read_kept
from envctl.unchanged import LOCK_RECEIPTS
from envctl.workflow.answers import ANSWERS
from envctl.workflow.built import read_keys
from envctl.workflow.context import Context
from envctl.workflow.goals import GOALS
from envctl.workflow.inputs import MANIFESTS
from envctl.workflow.keys import (
    ARCHIVES,
    BUILD_LOGS,
    BUILT,
    BUILT_METADATA,
    BUILT_WITH,
    BYTECODE,
    CHECKED_OUT,
    REPOSITORIES,
    STATED_METADATA,
    WHEELS,
)
from envctl.workflow.locks import LOCKS_READ
from envctl.workflow.results import Damage, Pruned, Removed

_ENTRIES = (WHEELS, BUILT, ARCHIVES, REPOSITORIES)
_ANSWERS = (
    ANSWERS, BARE, BUILT_METADATA, BUILT_WITH, CHECKED_OUT, GOALS, INTERPRETERS, LOCKS_MADE, LOCKS_READ,
    LOCK_RECEIPTS, MANIFESTS, METADATA, PAGES, STATED, STATED_METADATA,
)  # fmt: skip

#: All buckets that this version reads and writes.
BUCKETS = frozenset({*_ENTRIES, BYTECODE, *_ANSWERS, BUILD_LOGS})

LITTER, OUTDATED, DAMAGED, ORPHANED, SIZE = "litter", "outdated", "damaged", "orphaned", "size"


def prune(context: Context, *, max_size: int | None = None, verify: bool = False) -> Pruned:
    """Delete what no longer is of use; with ``max_size`` (bytes), until what only the cache holds fits.

    ``verify`` reads every byte, and deletes what is damaged.

    Raises:
        MachineError: as the store does.
    """
    store = Store(context.settings.cache_dir)
    with store.translated():
        # A folder that is none, or not ours, is refused; one that is not there is left so.
        if not store.admit():
            return Pruned(path=store.folder)
    removed = [*_clear_litter(store), *_remove_outdated(store)]
    damaged = _find_damaged(store, context.emit) if verify else ()
    things = tuple(list_things(store, BUCKETS))
    orphans = _find_orphans(store, things)
    removed += _remove(store, orphans, ORPHANED)
    if max_size is not None:
        gone = {thing.path for thing in orphans}
        kept = [thing for thing in things if thing.path not in gone]
        kept += [thing for thing in (take_as_one(store, VIRTUALENV),) if thing is not None]
        removed += _remove(store, _choose_oldest(store, kept, max_size), SIZE)
    remove_empty_folders(store)
    extents = store.info().values()
    own = sum(extent.own for extent in extents)
    return Pruned(
        path=store.folder,
        removed=(*removed, *_sum_up(DAMAGED, ((each.bucket, each.size) for each in damaged))),
        damaged=tuple(damaged),
        own_bytes=own,
        shared_bytes=sum(extent.size for extent in extents) - own,
    )


def _clear_litter(store: Store) -> Iterator[Removed]:
    count, size = clear_litter(store)
    if count:
        yield Removed(reason=LITTER, bucket=None, count=count, size=size)


def _remove_outdated(store: Store) -> Iterator[Removed]:
    """Throw buckets away that an older version has filled; one that a newer has is left."""
    current = {name.rpartition("-v")[0]: int(name.rpartition("-v")[2]) for name in BUCKETS}
    for name in store.buckets():
        stem, _, schema = name.rpartition("-v")
        if int(schema) < current.get(stem, 0):
            extent = measure(f"{store.folder}/{name}")
            with store.translated():
                store.throw_away(f"{store.folder}/{name}")
            yield Removed(reason=OUTDATED, bucket=name, count=extent.count, size=extent.own)


def _remove(store: Store, things: Iterable[Thing], reason: str) -> list[Removed]:
    return _sum_up(reason, [(each.bucket, each.own) for each in things if throw_away(store, each)])


def _sum_up(reason: str, gone: Iterable[tuple[str, int]]) -> list[Removed]:
    sums: dict[str, tuple[int, int]] = {}
    for bucket, size in gone:
        count, total = sums.get(bucket, (0, 0))
        sums[bucket] = count + 1, total + size
    return [
        Removed(reason=reason, bucket=name, count=n, size=size) for name, (n, size) in sorted(sums.items())
    ]


# --- what is damaged ---


def _find_damaged(store: Store, emit: Emit) -> Sequence[Damage]:
    """Read everything; throw away and tell what is not what was put in."""
    things = tuple(list_things(store, BUCKETS))
    emit(Started(Phase.VERIFY, sum(thing.size for thing in things), "bytes"))
    damaged = []
    for thing in things:
        fault = _find_fault(store, thing)
        emit(Advanced(Phase.VERIFY, thing.size, _name(thing) or thing.bucket))
        if fault is not None:
            damaged.append(
                Damage(bucket=thing.bucket, key=thing.key, name=_name(thing), fault=fault, size=thing.own)
            )
    emit(Ended(Phase.VERIFY))
    return damaged


def _name(thing: Thing) -> str | None:
    """Name the release that an entry is of, where it says so."""
    name, version = thing.about.get("name"), thing.about.get("version")
    return f"{name} {version}" if isinstance(name, str) and isinstance(version, str) else None


def _find_fault(store: Store, thing: Thing) -> str | None:
    if thing.bucket in {*_ENTRIES, BYTECODE}:
        return store.verify(thing.bucket, thing.key)
    data = None if thing.is_entry else _read(store, thing)
    if not os.path.lexists(thing.path):
        return None
    if data is not None and _choose_parser(thing.bucket)(data, thing.key):
        return None
    throw_away(store, thing)
    return "it is damaged"


def _choose_parser(bucket: str) -> Callable[[bytes, str], bool]:
    match bucket:
        case _ if bucket == PAGES:
            return _is_page
        case _ if bucket == BUILD_LOGS:
            return lambda *_: True  # for people, who see
        case _ if bucket == LOCK_RECEIPTS:
            return lambda data, _: parse_receipt(data) is not None
        case _:
            return lambda data, key: parse_answer(data, key) is not None


def _is_page(data: bytes, _: str) -> bool:
    head = parse_head(data, lambda offset, size: data[offset : offset + size])
    if head is None or head.size != len(data):
        return False
    position = head.offset
    for span in head.spans.split():
        length, _, checksum = span.partition(":")
        blob = data[position : position + int(length)]
        if f"{zlib.crc32(blob):08x}" != checksum:
            return False
        position += int(length)
    return True


# --- what belongs to something that is gone ---


def _find_orphans(store: Store, things: Sequence[Thing]) -> list[Thing]:
    wheels = {(thing.key, thing.generation) for thing in things if thing.bucket in _ENTRIES}
    compilers = set(_list_compilers(store, things))
    built = {thing.key for thing in things if thing.bucket in {BUILT, BUILT_METADATA}}
    return [
        thing
        for thing in things
        if not thing.is_whole
        or (thing.bucket == BYTECODE and _is_lost_bytecode(thing, wheels, compilers))
        or (thing.bucket == BUILT_WITH and built.isdisjoint(_find_built(store, thing)))
        or (not thing.is_entry and _is_of_something_gone(store, thing))
    ]


def _list_compilers(store: Store, things: Iterable[Thing]) -> Iterator[tuple[object, object]]:
    """List what interpreters that are there make of a module: the tag and the magic number of bytecode."""
    for thing in things:
        document = _read_document(store, thing) if thing.bucket == INTERPRETERS else None
        if document is not None and os.path.exists(str(document.get("base"))):
            yield document.get("cache_tag"), document.get("magic")


def _is_lost_bytecode(
    thing: Thing, wheels: set[tuple[str, str | None]], compilers: set[tuple[object, object]]
) -> bool:
    """Whether the wheel that bytecode is of, as it was unpacked, or what reads it is gone."""
    about = thing.about
    has_reader = os.path.exists(str(about.get("executable")))
    return (about.get("wheel"), about.get("generation")) not in wheels or not (
        has_reader or (about.get("cache_tag"), about.get("magic")) in compilers
    )


def _find_built(store: Store, thing: Thing) -> Sequence[str]:
    """Name what the tools of a record have made, newest first; nothing for one that is damaged or gone."""
    data = _read(store, thing)
    answer = None if data is None else parse_answer(data, thing.key)
    return () if answer is None else read_keys(answer)


def _is_of_something_gone(store: Store, thing: Thing) -> bool:
    """Whether an answer was kept of an interpreter or a project that is not there any more."""
    if thing.bucket == INTERPRETERS:
        document = _read_document(store, thing)
        return document is None or not os.path.exists(str(document.get("base")))
    if thing.bucket in {GOALS, LOCKS_MADE, LOCK_RECEIPTS}:
        folder = _find_project(store, thing)
        return folder is not None and not os.path.isdir(folder)
    return False


def _read_document(store: Store, thing: Thing) -> Mapping[str, object] | None:
    """Read what was kept of an interpreter; None for what is damaged or gone."""
    data = _read(store, thing)
    answer = None if data is None else parse_answer(data, thing.key)
    return None if answer is None else json.loads(answer)


def _find_project(store: Store, thing: Thing) -> str | None:
    """Name the folder of the project that something was kept of; None where it cannot be told."""
    data = _read(store, thing)
    if data is None:
        return None
    if thing.bucket == LOCK_RECEIPTS:
        return _folder_of((parse_receipt(data) or {}).get("lock"))
    answer = parse_answer(data, thing.key)
    if answer is None:
        return None
    if thing.bucket == GOALS:
        return _folder_of(json.loads(answer.partition(b"\n")[0]).get("manifest"))
    head, _, _ = answer.partition(b"\n\n")
    return _folder_of((parse_receipt(head + b"\n") or {}).get("lock"))


def _folder_of(path: str | None) -> str | None:
    return None if path is None else os.path.dirname(path)


def _read(store: Store, thing: Thing) -> bytes | None:
    return read_kept(store.folder, thing.path)


# --- what was longest not used ---


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lot:
    """Things that go together: a wheel with its bytecode and what leads to it, or one answer."""

    things: tuple[Thing, ...]

    @property
    def used_ns(self) -> int:
        """When one of them was used last."""
        return max(thing.used_ns for thing in self.things)

    @property
    def own(self) -> int:
        """The bytes that are free when they are deleted."""
        return sum(thing.own for thing in self.things)

    @property
    def is_shared(self) -> bool:
        """Whether environments hold most of it, so that it is in use, and deleting it frees little."""
        return 2 * self.own < sum(thing.size for thing in self.things)


def _choose_oldest(store: Store, things: Sequence[Thing], max_size: int) -> list[Thing]:
    """Choose what goes so that what only the cache holds is at most ``max_size`` bytes."""
    excess = sum(thing.own for thing in things) - max_size
    chosen: list[Thing] = []
    for lot in sorted(_make_lots(store, things), key=lambda lot: lot.used_ns):
        if excess <= 0:
            break
        if not lot.is_shared:
            chosen += lot.things
            excess -= lot.own
    return chosen


def _make_lots(store: Store, things: Sequence[Thing]) -> Iterator[_Lot]:
    followers: dict[object, list[Thing]] = {}
    for thing in things:
        if thing.bucket == BYTECODE:
            followers.setdefault(thing.about.get("wheel"), []).append(thing)
        elif thing.bucket == BUILT_WITH:
            followers.setdefault(next(iter(_find_built(store, thing)), None), []).append(thing)
    for thing in things:
        if thing.bucket not in {BYTECODE, BUILT_WITH}:
            yield _Lot(things=(thing, *followers.get(thing.key, ())))
