"""Make a whole environment beside the live one, from the store, on one thread.

The order is: what can stay of a tree that is no longer needed, the bare environment, the files of
distributions as links, their bytecode, what an installer writes itself, foreign files linked over from the
live tree, and at last what the generation says of itself. Nothing is flushed here, nothing in the live tree
is touched, and what is half made is garbage.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from envctl import atomic
from envctl.environment.bare import FILE, LINK, BareItem, write_bare
from envctl.environment.identity import (
    GENERATION,
    GenerationRecord,
    RecordedDistribution,
    format_generation,
)
from envctl.environment.inventory import (
    ENVIRONMENT,
    INVENTORY,
    Inventory,
    OwnedFile,
    format_inventory,
    make_inventory,
)
from envctl.environment.layout import Layout
from envctl.errors import SwitchError
from envctl.frozen import dataclass
from envctl.model.artifact import identify
from envctl.model.events import Advanced, Emit, Ended, Notice, Phase, Started
from envctl.receipt import RECEIPT, TREE, format_receipt
from envctl.store.entry import Entry
from envctl.store.place import Linker, Placement, choose_linker, place, raise_marks
from envctl.store.store import Store
from envctl.transaction.arrange import SCRIPTS, SITE, Laid
from envctl.transaction.blueprint import Blueprint
from envctl.transaction.carry import Trace, carry_over
from envctl.transaction.generations import live_number, now
from envctl.transaction.install import Made, make_record, make_scripts
from envctl.transaction.reuse import clear, take_spare
from envctl.transaction.site import Site
from envctl.transaction.trash import discard
from envctl.transaction.verify import verify
from envctl.twofold import do_beside

#: With fewer files a second process costs more than it spares.
_WORTH_SHARING = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What one stage is made from: all decided, nothing written.

    Of a stage for a ``merge`` only what differs gets into the live tree: what is carried stays there.
    """

    site: Site
    number: int
    blueprint: Blueprint
    layout: Layout
    bare: Sequence[BareItem]
    laid: tuple[Laid, ...]
    merge: bool = False

    @property
    def root(self) -> str:
        """The folder it is made in."""
        return self.site.staged(self.number)


def own_paths(items: Iterable[BareItem]) -> frozenset[str]:
    """Give the paths of the files and links of a bare environment."""
    return frozenset(item.path for item in items if item.kind in {FILE, LINK})


@dataclass(frozen=True, slots=True)
class Staged:
    """A complete environment: what it says of itself, the newest mtime (ns) of its files, what it carries."""

    record: GenerationRecord
    newest: int
    carried: dict[str, Trace]


def stage(draft: Draft, *, store: Store, emit: Emit) -> Staged:
    """Make the environment, and check it by reading it.

    Raises:
        SwitchError: `stage-differs`.
        OSError, MachineError: as file system and store do.
    """
    emit(Started(Phase.LINK, sum(len(each.linked) for each in draft.laid), "files"))
    reused = take_spare(draft.site, draft.root, site_packages=draft.layout.site_packages)
    atomic.make_directories(draft.root)
    linker = choose_linker(store.folder, draft.root, draft.blueprint.link)
    if linker.how == "copy" and linker.asked != "copy":
        emit(_tell_copies(draft, store))
    if reused:
        try:
            # What is not linked has an inode of its own: nothing would stay.
            if linker.how == "hardlink":
                return _make(draft, linker, emit, missing=clear(draft.root, _list_wanted(draft)))
        except (OSError, SwitchError):
            pass  # something is wrong with the old tree, or with all: a new one tells
        discard(draft.site, draft.root)
    return _make(draft, linker, emit)


def _make(draft: Draft, linker: Linker, emit: Emit, *, missing: AbstractSet[str] | None = None) -> Staged:
    """Make the environment, whole, or what of it is ``missing`` (paths of what is linked)."""
    write_bare(draft.bare, draft.root)
    inventory, promised = _lay_all(draft, linker, emit, missing)
    carried: dict[str, Trace] = {}
    if not draft.merge:
        carried = carry_over(draft.site.path, draft.root, draft.blueprint.carry)
    record = _describe(draft)
    folder = os.path.join(draft.root, ".envctl")
    if not os.path.isdir(folder):
        atomic.make_directory(folder)
    atomic.write(os.path.join(draft.root, INVENTORY), inventory)
    atomic.write(os.path.join(draft.root, GENERATION), format_generation(record))
    emit(Ended(Phase.LINK, _tell_laid(draft, linker, missing)))
    tree, newest = verify(draft.root, promised, carried)
    labels = {**draft.blueprint.receipt, TREE: tree}
    atomic.write(os.path.join(draft.root, RECEIPT), format_receipt(labels))
    return Staged(record, newest, carried)


def _tell_laid(draft: Draft, linker: Linker, missing: AbstractSet[str] | None) -> str:
    total = sum(len(each.linked) for each in draft.laid)
    if missing is None:
        return f"{'Copied' if linker.how == 'copy' else 'Linked'} {total:,} files"
    laid = sum(len(missing & each.linked.keys()) for each in draft.laid)
    return f"Linked {laid:,} of {total:,} files anew"


def _tell_copies(draft: Draft, store: Store) -> Notice:
    size = sum(file.size for each in draft.laid for file in each.linked.values())
    return Notice(
        "info",
        "copying",
        f"copying {size / 1e6:,.1f} MB: nothing can be linked from the store in `{store.folder}` to here",
    )


def _lay_all(
    draft: Draft, linker: Linker, emit: Emit, missing: AbstractSet[str] | None
) -> tuple[bytes, frozenset[str]]:
    """Lay every distribution, or what of it is missing; give the list of all files, as text and for `verify`.

    Laying is the kernel's work, and takes most of the time: two processes do it. What an installer makes
    itself is made meanwhile, and the list written.
    """
    folders = {draft.root}
    folders.update(
        os.path.join(draft.root, *item.path.split("/")) for item in draft.bare if item.kind == "directory"
    )

    made = set(folders)

    def lay(each: Laid) -> None:
        raise_marks(list(_lay(draft, each, linker, made, missing)))

    def write() -> tuple[bytes, frozenset[str]]:
        owned = {ENVIRONMENT: _look_at_bare(draft)}
        owned |= {each.placed.pin.name: _write_made(draft, each, folders) for each in draft.laid}
        inventory = make_inventory_of(draft, owned)
        return format_inventory(inventory), inventory.outlines()

    laid = len(missing) if missing is not None else sum(len(each.linked) for each in draft.laid)
    if atomic.hook is None and laid >= _WORTH_SHARING:
        # The largest first, so that both processes are done at about the same time.
        order = sorted(draft.laid, key=lambda each: -len(each.linked))
        return do_beside(lambda number: lay(order[number]), len(order), write)
    for each in draft.laid:
        lay(each)
        emit(Advanced(Phase.LINK, len(each.linked), each.placed.pin.name))
    return write()


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


def _list_wanted(draft: Draft) -> Iterator[tuple[str, int]]:
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


def _write_made(draft: Draft, laid: Laid, made: set[str]) -> list[OwnedFile]:
    """Write what an installer makes itself: scripts, REQUESTED, direct_url.json, RECORD."""
    python = f"{draft.site.path}/{draft.layout.python}"
    files: list[Made] = list(make_scripts(laid, python=python))
    if laid.placed.pin.requested:
        files.append(Made(f"{laid.info}/REQUESTED", b""))
    if laid.placed.direct_url is not None:
        files.append(Made(f"{laid.info}/direct_url.json", laid.placed.direct_url.encode()))
    if laid.needs_record:
        files.append(make_record(laid, files, site_packages=draft.layout.site_packages))
    return [_write(draft, each, made) for each in files]


def _write(draft: Draft, file: Made, made: set[str]) -> OwnedFile:
    full = os.path.join(draft.root, *file.path.split("/"))
    folder = os.path.dirname(full)
    if folder not in made:
        atomic.make_directories(folder)
        made.add(folder)
    atomic.write(full, file.content, mode=0o755 if file.executable else 0o644)
    _keep_time(draft, file.path, file.content)
    return OwnedFile(
        file.path,
        len(file.content),
        os.stat(full).st_mtime_ns,
        file.executable,
        hashlib.sha256(file.content).hexdigest(),
    )


def _keep_time(draft: Draft, path: str, content: bytes) -> None:
    """Give a file that was made the mtime that it has in the live tree, if it is there with this content.

    So a merge finds no difference. It is a file of its own: nothing in the store is touched.
    """
    if not draft.merge:
        return
    parts = path.split("/")
    try:
        with open(os.path.join(draft.site.path, *parts), "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if status.st_size != len(content) or file.read() != content:
                return
    except OSError:
        return
    atomic.set_mtime(os.path.join(draft.root, *parts), status.st_mtime_ns)


def _look_at_bare(draft: Draft) -> list[OwnedFile]:
    found = []
    for item in draft.bare:
        if item.kind == LINK:
            found.append(OwnedFile(item.path, 0, 0, False, "", item.link))
        elif item.kind == FILE:
            _keep_time(draft, item.path, item.content)
            status = os.stat(os.path.join(draft.root, *item.path.split("/")))
            digest = hashlib.sha256(item.content).hexdigest()
            executable = bool(item.mode & stat.S_IXUSR)
            found.append(OwnedFile(item.path, status.st_size, status.st_mtime_ns, executable, digest))
    return found


def make_inventory_of(draft: Draft, owned: Mapping[str, Sequence[OwnedFile]]) -> Inventory:
    """Make the file list of a stage from what was linked and what was made."""
    sections = dict(make_inventory(owned).sections)
    for laid in draft.laid:
        name = laid.placed.pin.name
        lines = _format_linked(laid)
        if lines is None:
            sections[name] = make_inventory({name: [*owned[name], *_list_linked(laid)]}).sections[name]
        else:
            made = sections[name]
            sections[name] = "\n".join(sorted([*made.split("\n"), *lines] if made else lines))
    return Inventory(sections)


def _format_linked(laid: Laid) -> list[str] | None:
    """Format lines of linked files at once, for there are 30,000; None where a name needs escapes."""
    replaced = laid.record if laid.needs_record else None
    lines = [
        f"{path}\t{size}\t{mtime_ns}\t{'x' if mode & stat.S_IXUSR else '-'}\t{sha256}"
        for path, (_, size, mode, mtime_ns, _, sha256) in laid.linked.items()
        if path != replaced
    ]
    text = "\n".join(lines)
    if (
        "\\" in text
        or "\r" in text
        or text.count("\t") != 4 * len(lines)
        or text.count("\n") >= len(lines) > 0
    ):
        return None
    return lines


def _list_linked(laid: Laid) -> list[OwnedFile]:
    replaced = laid.record if laid.needs_record else None
    return [
        OwnedFile(path, file.size, file.mtime_ns, bool(file.mode & stat.S_IXUSR), file.sha256)
        for path, file in laid.linked.items()
        if path != replaced
    ]


def _describe(draft: Draft) -> GenerationRecord:
    blueprint = draft.blueprint
    return GenerationRecord(
        number=draft.number,
        previous=live_number(draft.site),
        path=draft.site.path,
        python=blueprint.interpreter.version,
        executable=blueprint.interpreter.executable,
        interpreter=blueprint.interpreter.identity,
        time=now(),
        command=blueprint.command,
        lock_digest=blueprint.receipt.get("lock"),
        distributions={
            each.placed.pin.name: RecordedDistribution(
                version=each.version,
                origin=identify(each.placed.pin.artifact),
                direct_url=each.placed.direct_url,
                requested=each.placed.pin.requested,
                info=each.info,
            )
            for each in draft.laid
        },
    )
