"""Lay what comes from the store: the files of each distribution, and their bytecode.

The store is looked at by who links from it, right before: whatever happened to it until then is seen, and
both processes that lay an environment look at their share of it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from envctl.frozen import dataclass, replace
from envctl.store.entry import Entry
from envctl.store.place import Linker, Placement, place, raise_marks
from envctl.store.store import Store
from envctl.transaction.arrange import SCRIPTS, SITE, Laid
from envctl.transaction.draft import Draft


def confirm(laid: Iterable[Laid], store: Store) -> tuple[Laid, ...]:
    """Look at what is about to be laid of each distribution; give them as the store has them now.

    Raises:
        OSError: `FileNotFoundError` where an entry is not what was found any more; a wrong one is thrown
            away.
    """
    laid = tuple(laid)
    found = iter(store.confirm_all([entry for each in laid for entry in each.placed.entries]))
    return tuple(_confirm(each, [next(found) for _ in each.placed.entries]) for each in laid)


def _confirm(laid: Laid, found: list[Entry | None]) -> Laid:
    placed = laid.placed
    right = []
    for entry, now in zip(placed.entries, found, strict=True):
        # Where it goes, and what the file list says of it, was decided by what was found.
        if now is None or not now.is_as(entry):
            raise FileNotFoundError(errno.ENOENT, "what was in the cache is not there any more", entry.folder)
        right.append(now)
    if all(now is entry for now, entry in zip(right, placed.entries, strict=True)):
        return laid
    wheel, *bytecode = right
    return replace(laid, placed=replace(placed, wheel=wheel, bytecode=bytecode[0] if bytecode else None))


def lay(
    draft: Draft, laid: Laid, linker: Linker, made: set[str], missing: AbstractSet[str] | None = None
) -> None:
    """Lay the files of a distribution, or what of them is ``missing`` (see `list_wanted`).

    ``made`` holds the folders that are known to be there, absolute, and grows. Raises `OSError`.
    """
    raise_marks(list(_lay(draft, laid, linker, made, missing)))


def _lay(
    draft: Draft, laid: Laid, linker: Linker, made: set[str], missing: AbstractSet[str] | None
) -> Iterator[Placement]:
    for share in _shares(draft, laid):
        skip = share.skip
        if missing is not None:
            there = {path for path, whole, _ in _list_share(draft, share) if whole not in missing}
            if len(there | skip) == len(share.entry.below(share.subtree)):
                continue
            skip = there | skip
        placement = place(share.entry, share.subtree, share.destination, how=linker, made=made, skip=skip)
        if placement.collisions and share.entry is laid.placed.wheel:
            path = f"{share.destination}/{placement.collisions[0]}"
            raise FileExistsError(errno.EEXIST, "something is in the way", path)
        yield placement


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """Files of one entry below one of its folders, but for some; ``destination`` is absolute."""

    entry: Entry
    subtree: str
    destination: str
    skip: AbstractSet[str]


def _shares(draft: Draft, laid: Laid) -> Iterator[_Share]:
    """Say what is laid of a distribution where: the folders of its wheel, and its bytecode."""
    replaced = {laid.record} if laid.needs_record else set()
    for folder, target in laid.folders.items():
        if folder == SCRIPTS:
            continue
        destination = os.path.join(draft.root, *target.split("/")) if target else draft.root
        start = len(target) + 1 if target else 0
        left = laid.lost | replaced
        skip = {path[start:] for path in left if path.startswith(f"{target}/" if target else "")}
        yield _Share(entry=laid.placed.wheel, subtree=folder, destination=destination, skip=skip)
    bytecode = laid.placed.bytecode
    if bytecode is not None and bytecode.files:
        destination = os.path.join(draft.root, *draft.layout.site_packages.split("/"))
        skip = _bytecode_of(laid.lost, draft)
        # Its tree is a site, or has one, as that of its wheel does.
        subtree = SITE if all(file.path.startswith(f"{SITE}/") for file in bytecode.files) else ""
        yield _Share(entry=bytecode, subtree=subtree, destination=destination, skip=skip)


def list_wanted(draft: Draft) -> Iterator[tuple[str, int]]:
    """List what is to be linked: paths in the environment, with the inodes of the store."""
    for each in draft.laid:
        for share in _shares(draft, each):
            for path, whole, inode in _list_share(draft, share):
                if path not in share.skip:
                    yield whole, inode


def _list_share(draft: Draft, share: _Share) -> Iterator[tuple[str, str, int]]:
    """List the files of a share, skipped ones too: path below its destination, in the environment, inode."""
    start = len(share.subtree) + 1 if share.subtree else 0
    below = share.destination[len(draft.root) + 1 :]
    prefix = f"{below}/" if below else ""
    for file in share.entry.below(share.subtree):
        path = file[0][start:]
        yield path, prefix + path, file.inode


def _bytecode_of(paths: Iterable[str], draft: Draft) -> set[str]:
    """Name the bytecode of modules that another distribution overwrites, relative to site-packages."""
    start = len(draft.layout.site_packages) + 1
    tag = draft.blueprint.interpreter.cache_tag
    found = set()
    for path in paths:
        if path.endswith(".py"):
            folder, _, name = path[start:].rpartition("/")
            found.add(f"{folder}/__pycache__/{name[:-3]}.{tag}.pyc".lstrip("/"))
    return found
