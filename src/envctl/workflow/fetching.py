"""Fetching for one run: wheels from indexes and direct sources, unpacked into the store, and other files.

Large files first, several at a time; what arrives is verified before it is unpacked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from queue import Empty, SimpleQueue

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from envctl import atomic
from envctl.errors import UpstreamError
from envctl.frozen import dataclass
from envctl.index.client import IndexClient
from envctl.index.location import is_local
from envctl.index.pool import Pool
from envctl.manifest.references import Located
from envctl.model.artifact import Archive, Sdist, Wheel, format_origin
from envctl.model.events import Advanced, Emit, Ended, Grew, Phase, Started
from envctl.model.selection import Pin
from envctl.resolve.port import ListedFile
from envctl.store.entry import Entry
from envctl.store.room import take_up
from envctl.store.store import Store
from envctl.wheel.unpack import Unpacked, unpack
from envctl.workflow.archives import Archives
from envctl.workflow.keys import WHEELS, as_wheel, wheel_key
from envctl.workflow.origins import file_name

#: Downloads in flight; more gains nothing on one connection pool and starves small machines.
WORKERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """What fetches in one run. ``accept_bad_record`` names the projects whose wrong RECORD is let in."""

    store: Store
    client: IndexClient
    accept_bad_record: Collection[str]
    emit: Emit

    @property
    def archives(self) -> Archives:
        """The files of direct sources."""
        return Archives(client=self.client, store=self.store, emit=self.emit)

    def fetch_wheels(self, pins: Sequence[Pin]) -> dict[str, Entry]:
        """Bring wheels into the store; by project name. Large files first, so that the last is a small one.

        Raises:
            UpstreamError, MachineError: as fetching, unpacking and the store do.
        """
        if not pins:
            return {}
        pins = sorted(pins, key=lambda pin: -(_size(pin) or 0))
        self.emit(Started(Phase.DOWNLOAD, sum(_size(pin) or 0 for pin in pins), "bytes"))
        self.emit(Started(Phase.UNPACK, len(pins)))
        sizes = [_size(pin) or 0 for pin in pins]
        # No file is smaller unpacked, and the last of them has to be there packed, too.
        self.store.require_room(_what(pins), size=sum(sizes) + min(sizes), inodes=len(pins))
        # After a failure, or Ctrl-C, nobody waits for what is under way: its threads are daemons, which end
        # with the process, and the next run clears away from the store what they wrote.
        pool = Pool(WORKERS)
        try:
            found = dict(gather(pool, pins, self._fetch_wheel))
        finally:
            pool.close()
        fetched = sum(_is_fetched(pin) for pin in pins)
        brought = f"Downloaded {_count(fetched)}" if fetched else f"Copied {_count(len(pins))}"
        self.emit(Ended(Phase.DOWNLOAD, brought))
        self.emit(Ended(Phase.UNPACK, f"Unpacked {_count(len(pins))}"))
        return found

    def _fetch_wheel(self, pin: Pin) -> Entry:
        wheel = as_wheel(pin.artifact)
        assert wheel is not None  # noqa: S101 - the caller chose it
        return self.keep_wheel(pin, wheel, partial(self.bring, wheel))

    def keep_wheel(self, pin: Pin, wheel: Wheel | Archive, bring: Callable[[str], str]) -> Entry:
        """Unpack a wheel into the store; ``bring`` puts it into a folder, and it is removed from there."""
        filename = wheel.filename if isinstance(wheel, Wheel) else file_name(wheel.path or wheel.url or "")

        def produce(target: str) -> Unpacked:
            path = bring(os.path.dirname(target))
            try:
                return unpack(
                    path,
                    target,
                    filename=filename,
                    name=pin.name,
                    version=pin.version,
                    accept_bad_record=pin.name in self.accept_bad_record,
                    admit=partial(self._admit, filename),
                )
            finally:
                atomic.remove(path)

        entry = self.store.add(WHEELS, wheel_key(wheel), produce)
        self.emit(Advanced(Phase.UNPACK, 1, pin.name))
        # It may be there because another project lets its wrong RECORD in; this one has to do so itself.
        if entry.about.get("record_faults") and pin.name not in self.accept_bad_record:
            raise refuse_record(pin, filename, entry)
        return entry

    def _admit(self, filename: str, sizes: Sequence[int]) -> None:
        """Refuse to unpack what there is no room for. Raises MachineError: `no-space`."""
        self.store.require_room(f"`{filename}`, unpacked,", size=sum(map(take_up, sizes)), inodes=len(sizes))

    def bring(self, file: Wheel | Sdist | ListedFile | Archive, folder: str) -> str:
        """Bring a file into ``folder`` under its own name, verified."""
        if file.size is None:
            self.emit(Grew(Phase.DOWNLOAD, 0))
        filename = file_name(file.path or file.url or "") if isinstance(file, Archive) else file.filename

        def tell(amount: int) -> None:
            self.emit(Advanced(Phase.DOWNLOAD, amount, filename))

        if isinstance(file, Archive):
            return self.archives.bring(file, folder, tell)
        target = os.path.join(folder, filename)
        if isinstance(file, ListedFile):
            self.client.fetch(file.url, target, hashes=file.hashes, size=file.size, on_bytes=tell)
        else:
            self.client.fetch_locked(file, target, on_bytes=tell)
        return target

    def settle_archive(self, name: str, located: Located) -> Archive:
        """Fetch a project's file from a URL into the store, and tell its digest and size.

        Raises:
            UpstreamError, MachineError: as fetching and unpacking do.
        """

        def keep(path: str, digest: str) -> None:
            wheel = Archive(url=located.url, hashes={"sha256": digest})
            self.keep_wheel(pin_wheel(name, wheel), wheel, lambda _: path)

        is_wheel = Archive(url=located.url, hashes={}).is_wheel
        return self.archives.settle(located, keep if is_wheel else None)


def gather(pool: Pool, pins: Sequence[Pin], work: Callable[[Pin], Entry]) -> Iterator[tuple[str, Entry]]:
    """Do all at once; yield each as it arrives, so that the first failure is the end."""
    arrived: SimpleQueue[str] = SimpleQueue()

    def bring(pin: Pin) -> Entry:
        try:
            return work(pin)
        finally:
            arrived.put(pin.name)

    pending = {pin.name: pool.submit(partial(bring, pin)) for pin in pins}
    while pending:
        try:
            name = arrived.get(timeout=0.5)  # without one, Windows would not hear Ctrl-C
        except Empty:
            continue
        yield name, pending.pop(name).wait()


def refuse_record(pin: Pin, filename: str, entry: Entry) -> UpstreamError:
    """Say that a wheel's RECORD is wrong, and how it can be let in."""
    faults = entry.about.get("record_faults")
    first = str(faults[0]) if isinstance(faults, list) and faults else "it does not list what the wheel holds"
    return UpstreamError(
        "bad-record",
        f"the RECORD of `{filename}` is wrong: {first}",
        where=filename,
        hints=[f'`[install] accept-bad-record = ["{pin.name}"]` lets it in'],
    )


def pin_wheel(name: str, archive: Archive) -> Pin:
    """Make the pin of a wheel of a direct source: its version stands in its name.

    Raises:
        UpstreamError: `bad-wheel`.
    """
    filename = file_name(archive.path or archive.url or "")
    try:
        _, version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        message = f"`{filename}` is not the name of a wheel: {error}"
        raise UpstreamError("bad-wheel", message, where=format_origin(archive)) from error
    return Pin(name=name, version=str(version), artifact=archive)


def _what(pins: Sequence[Pin]) -> str:
    return f"what is to be fetched ({_count(len(pins))})"


def _count(amount: int) -> str:
    return f"{amount} package{'' if amount == 1 else 's'}"


def _is_fetched(pin: Pin) -> bool:
    """Whether the wheel of a pin comes from a server, and not from a folder or a bundle."""
    wheel = as_wheel(pin.artifact)
    return wheel is not None and wheel.path is None and not is_local(wheel.url or "")


def _size(pin: Pin) -> int | None:
    return getattr(pin.artifact, "size", None)
