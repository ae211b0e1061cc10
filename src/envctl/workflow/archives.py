"""Wheels and source archives at a URL or path of their own: fetched into the store once, by digest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from envctl import atomic
from envctl.build.sdist import read_static_package_info, unpack_sdist
from envctl.build.source import find_source_folder, read_stated_metadata
from envctl.errors import InputError, UpstreamError
from envctl.frozen import dataclass
from envctl.index.client import IndexClient
from envctl.index.metadata import parse_metadata
from envctl.manifest.references import Located
from envctl.model.artifact import Archive
from envctl.model.events import Advanced, Emit, Ended, Phase, Started
from envctl.resolve.port import Metadata
from envctl.scratch import scratch_folder
from envctl.store.store import Store
from envctl.workflow.keys import ARCHIVES
from envctl.workflow.origins import check_file_name, file_name

#: The one file of an entry.
_FILE = "archive"

#: Puts a file, whose sha256 (hexadecimal) is given, into the store.
Keep = Callable[[str, str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Archives:
    """The archives of one run."""

    client: IndexClient
    store: Store
    emit: Emit

    def settle(self, located: Located, keep: Keep | None = None) -> Archive:
        """Fetch a file that nothing is known of but its URL, and tell its digest and size.

        ``keep`` puts it into the store otherwise than as it is.

        Raises:
            UpstreamError, MachineError: as `IndexClient.fetch` does; what ``keep`` raises.
        """
        archive = Archive(url=located.url, hashes=located.hashes, subdirectory=located.subdirectory)
        return self._fetch(archive, keep or self._keep)

    def bring(self, archive: Archive, folder: str, on_bytes: Callable[[int], object]) -> str:
        """Bring the bytes of an archive into a folder, under its own name, verified; return their path.

        Raises:
            InputError: `bad-url`; UpstreamError: `hash-mismatch`, and as `IndexClient.fetch` does.
        """
        place = archive.url or archive.path or ""
        name = os.path.basename(place) if archive.url is None else check_file_name(place, where=place)
        target = os.path.join(folder, name)
        stored = self._find(archive)
        self._download(archive, stored or place, target, on_bytes)
        return target

    @contextmanager
    def open(self, archive: Archive) -> Iterator[str]:
        """Unpack a source archive for a while; yields the folder that is built.

        Raises:
            UpstreamError: `bad-sdist`, and as fetching does; InputError: `no-source`.
        """
        with scratch_folder("archive") as place:
            if archive.url is not None and self._find(archive) is None:
                self._fetch(archive, self._keep)
            path = self.bring(archive, place, lambda _: None)
            filename = os.path.basename(path)
            target = os.path.join(place, "source")
            atomic.make_directory(target)
            unpack_sdist(path, target, filename=filename)
            folder = find_source_folder(target, os.listdir(target))
            if archive.subdirectory:
                folder = os.path.join(folder, *archive.subdirectory.split("/"))
            if not os.path.isdir(folder):
                raise InputError(
                    "no-source",
                    f"there is no folder `{archive.subdirectory}` in `{filename}`",
                    where=archive.url or archive.path,
                    hints=["`subdirectory` is a folder inside of the archive's own top-level folder"],
                )
            yield folder

    def _find(self, archive: Archive) -> str | None:
        digest = archive.hashes.get("sha256")
        entry = self.store.get(ARCHIVES, digest) if digest else None
        return None if entry is None else os.path.join(entry.tree, _FILE)

    def _fetch(self, archive: Archive, keep: Keep) -> Archive:
        url = archive.url or ""
        self.emit(Started(Phase.DOWNLOAD, archive.size or 0, "bytes"))

        def tell(amount: int) -> None:
            self.emit(Advanced(Phase.DOWNLOAD, amount, file_name(url)))

        summary = ""
        try:
            with scratch_folder("download") as folder:
                path = os.path.join(folder, _FILE)
                digest = self._download(archive, url, path, tell)
                size = os.path.getsize(path)
                keep(path, digest)
            summary = f"Downloaded {file_name(url)}"
        finally:
            self.emit(Ended(Phase.DOWNLOAD, summary))
        hashes = {**archive.hashes, "sha256": digest}
        return Archive(url=url, hashes=hashes, size=size, subdirectory=archive.subdirectory)

    def _download(self, archive: Archive, url: str, target: str, tell: Callable[[int], object]) -> str:
        """Fetch a file; one of another size is read to its end, so that its digest can be told."""
        try:
            return self.client.fetch(url, target, hashes=archive.hashes, size=None, on_bytes=tell)
        except UpstreamError as error:
            if error.code != "hash-mismatch" or archive.url is None:
                raise
            hint = "`envctl lock --upgrade-package NAME` locks what is there now, if that is meant"
            raise UpstreamError(
                error.code, error.message, where=error.where, hints=(*error.hints, hint)
            ) from error

    def _keep(self, path: str, digest: str) -> None:
        def produce(target: str) -> dict[str, object]:
            with open(path, "rb") as source, atomic.create(os.path.join(target, _FILE)) as copy:
                while block := source.read(1 << 18):
                    copy.write(block)
            return {}

        self.store.add(ARCHIVES, digest, produce)


def read_unpacked(folder: str, where: str) -> Metadata | None:
    """Read what an unpacked source archive states of its metadata; None where only its backend could tell."""
    static = read_static_package_info(folder)
    return read_stated_metadata(folder) if static is None else parse_metadata(static, where=where)
