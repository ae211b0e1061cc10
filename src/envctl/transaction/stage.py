"""Make a whole environment beside the live one, from the store.

The order is: what can stay of a tree that is no longer needed, the bare environment, the files of
distributions as links, their bytecode, what an installer writes itself, foreign files linked over from the
live tree, and at last what the generation says of itself. Nothing is flushed here, nothing in the live tree
is touched, and what is half made is garbage.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import compress

from envctl import atomic
from envctl.environment.bare import FILE, LINK, write_bare
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
from envctl.errors import SwitchError
from envctl.frozen import dataclass, replace
from envctl.model.artifact import identify
from envctl.model.events import Advanced, Emit, Ended, Notice, Phase, Started
from envctl.receipt import RECEIPT, TREE, format_receipt
from envctl.store.entry import Entry
from envctl.store.place import Linker, choose_linker
from envctl.store.store import Store
from envctl.transaction.arrange import Laid
from envctl.transaction.carry import Trace, carry_over
from envctl.transaction.draft import Draft
from envctl.transaction.generations import live_number, now
from envctl.transaction.install import Made, make_record, make_scripts
from envctl.transaction.lay import confirm, lay, list_wanted
from envctl.transaction.reuse import clear, has_spare, take_spare
from envctl.transaction.trash import discard
from envctl.transaction.verify import verify
from envctl.twofold import do_beside

#: With fewer files a second process costs more than it spares.
_WORTH_SHARING = 2000


@dataclass(frozen=True, slots=True)
class Staged:
    """A complete environment: what it says of itself, the newest mtime (ns) of its files, what it carries.

    ``unsettled`` are the entries it was laid from whose bytes could not all be vouched for (see `Entry`).
    """

    record: GenerationRecord
    newest: int
    carried: dict[str, Trace]
    unsettled: tuple[Entry, ...]


def stage(draft: Draft, *, store: Store, emit: Emit) -> Staged:
    """Make the environment, and check it by reading it.

    Raises:
        SwitchError: `stage-differs`.
        OSError, MachineError: as file system and store do; `FileNotFoundError` where the store does not have
            any more what the draft is made from.
    """
    emit(Started(Phase.LINK, sum(len(each.linked) for each in draft.laid), "files"))
    looked = has_spare(draft.site)
    if looked:
        # What stays of it is chosen by what the store holds.
        draft = replace(draft, laid=confirm(draft.laid, store))
    reused = looked and take_spare(draft.site, draft.root, site_packages=draft.layout.site_packages)
    atomic.make_directories(draft.root)
    linker = choose_linker(store.folder, draft.root, draft.blueprint.link)
    if linker.how == "copy" and linker.asked != "copy":
        emit(_tell_copies(draft, store))
    if reused:
        try:
            # What is not linked has an inode of its own: nothing would stay.
            if linker.how == "hardlink":
                missing = clear(draft.root, list_wanted(draft))
                return _make(draft, None, linker, emit, missing=missing)
        except (OSError, SwitchError):
            pass  # something is wrong with the old tree, or with all: a new one tells
        discard(draft.site, draft.root)
    return _make(draft, None if looked else store, linker, emit)


def _make(
    draft: Draft, store: Store | None, linker: Linker, emit: Emit, *, missing: AbstractSet[str] | None = None
) -> Staged:
    """Make the environment, whole, or what of it is ``missing`` (paths of what is linked).

    ``store`` is None where it has been looked at.
    """
    write_bare(draft.bare, draft.root)
    inventory, promised, unsettled = _lay_all(draft, store, linker, emit, missing)
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
    return Staged(record, newest, carried, unsettled)


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
    draft: Draft, store: Store | None, linker: Linker, emit: Emit, missing: AbstractSet[str] | None
) -> tuple[bytes, frozenset[str], tuple[Entry, ...]]:
    """Lay every distribution, or what of it is missing.

    Gives the list of all files, as text and for `verify`, and the entries that are not settled. Laying is the
    kernel's work, and takes most of the time: two processes do it. What an installer makes itself is made
    meanwhile, and the list written.
    """
    folders = {draft.root}
    folders.update(
        os.path.join(draft.root, *item.path.split("/")) for item in draft.bare if item.kind == "directory"
    )

    made = set(folders)

    def work(laid: Laid) -> bytes:
        """Lay a distribution; tell of each of its entries whether it is settled."""
        if store is not None:
            (laid,) = confirm([laid], store)
        lay(draft, laid, linker, made, missing)
        return bytes(entry.settled for entry in laid.placed.entries)

    def write() -> tuple[bytes, frozenset[str]]:
        owned = {ENVIRONMENT: _look_at_bare(draft)}
        owned |= {each.placed.pin.name: _write_made(draft, each, folders) for each in draft.laid}
        inventory = make_inventory_of(draft, owned)
        return format_inventory(inventory), inventory.outlines()

    laid = len(missing) if missing is not None else sum(len(each.linked) for each in draft.laid)
    if atomic.hook is None and laid >= _WORTH_SHARING:
        # The largest first, so that both processes are done at about the same time.
        order = sorted(draft.laid, key=lambda each: -len(each.linked))
        written, settled = do_beside(lambda number: work(order[number]), len(order), write)
    else:
        order, settled = list(draft.laid), []
        for each in order:
            settled.append(work(each))
            emit(Advanced(Phase.LINK, len(each.linked), each.placed.pin.name))
        written = write()
    entries = [entry for each in order for entry in each.placed.entries]
    return (*written, tuple(compress(entries, (not each for told in settled for each in told))))


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
