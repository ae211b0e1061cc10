"""What was fetched before: pages and metadata, on disk below the cache folder.

::

    <cache>/pages-v2/<sha256 of the index URL, 16 digits>/<project>.page      a record of `listing.py`
    <cache>/metadata-v2/<2 digits>/<key>                                       METADATA, as a `Memo`
    <cache>/stated-v2/<2 digits>/<key>                                         what `stated.py` keeps of it

Anything may be missing, old or damaged at any time, and then counts as absent. Files appear by a rename
and are not flushed to the disk: after a loss of power a torn one is told by its digest. What cannot be
written (a full disk, a folder of somebody else) is not kept, and the run goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re

from envctl import atomic
from envctl.index.listing import Head, parse_head
from envctl.memo import Memo, put
from envctl.model.settings import Settings
from envctl.receipt import describe_status
from envctl.trust import open_kept

PAGES = "pages-v2"
METADATA = "metadata-v2"
STATED = "stated-v2"
#: The first read of a page: the head and the newest versions of nearly all of them.
_FIRST_READ = 64 * 1024
_PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,150}[a-z0-9])?", re.ASCII)


class StoredRecord:
    """A record on disk. The file is opened again for each read: a run may hold hundreds of them.

    If another run has replaced it meanwhile, the checksum of the blob tells. ``stamp`` is what
    `envctl.receipt.describe_file` said of it when its head was read.
    """

    __slots__ = ("_begin", "head", "path", "stamp")

    def __init__(self, path: str, head: Head, begin: bytes, stamp: str) -> None:
        self.path = path
        self.stamp = stamp
        self.head = head
        self._begin = begin

    def read(self, offset: int, size: int) -> bytes:
        """Return a part of the record; shorter where the file ends. Raises OSError."""
        if offset + size <= len(self._begin):
            return self._begin[offset : offset + size]
        return _read_part(self.path, offset, size)

    def read_all(self) -> bytes:
        """Return the whole record. Raises OSError."""
        with open(self.path, "rb") as file:
            return file.read()


class Cache:
    """Both caches of one run; ``settings.no_cache`` makes them read and write nothing."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.cache_dir
        self._enabled = not settings.no_cache
        self._memo = Memo(settings.cache_dir, enabled=self._enabled)

    def page_path(self, index_url: str, project: str) -> str:
        """Return where the record of a project lies."""
        key = hashlib.sha256(index_url.encode()).hexdigest()[:16]
        name = project if _PLAIN.fullmatch(project) else f"_{hashlib.sha256(project.encode()).hexdigest()}"
        return os.path.join(self._folder, PAGES, key, f"{name}.page")

    def find_page(self, index_url: str, project: str) -> StoredRecord | None:
        """Return the record of a project, None when there is none that is whole; blobs are not looked at."""
        if not self._enabled:
            return None
        path = self.page_path(index_url, project)
        opened = open_kept(self._folder, path)
        if opened is None:
            return None
        descriptor, status = opened
        try:
            begin = os.read(descriptor, _FIRST_READ)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        head = parse_head(begin, lambda offset, length: _read_part(path, offset, length))
        if head is None or head.size != status.st_size or head.name != project:
            return None
        return StoredRecord(path, head, begin, describe_status(status))

    def keep_page(self, index_url: str, project: str, record: bytes) -> None:
        """Keep a record, whole."""
        if self._enabled:
            put(self._folder, self.page_path(index_url, project), record)

    def drop_page(self, index_url: str, project: str) -> None:
        """Forget what was kept of a project."""
        if self._enabled:
            with contextlib.suppress(OSError):  # there is none, or it is somebody else's
                atomic.remove(self.page_path(index_url, project))

    def known_projects(self) -> frozenset[str]:
        """Name the projects whose page was kept, of whichever index."""
        root = os.path.join(self._folder, PAGES)
        names: set[str] = set()
        try:
            for index in os.listdir(root):
                names.update(
                    name.removesuffix(".page")
                    for name in os.listdir(os.path.join(root, index))
                    if name.endswith(".page")
                )
        except OSError:
            pass  # no cache, no names
        return frozenset(names)

    def find_metadata(self, key: str) -> bytes | None:
        """Return the metadata kept under ``key`` (hexadecimal), None when there is none that is whole."""
        return self._memo.find(METADATA, key)

    def has_metadata(self, key: str) -> bool:
        """Whether there is a file for ``key``, whole or not."""
        return self._memo.has(METADATA, key)

    def keep_metadata(self, key: str, data: bytes) -> None:
        """Keep metadata under ``key``."""
        self._memo.keep(METADATA, key, data)

    def find_stated(self, key: str) -> bytes | None:
        """Return what is kept of the metadata under ``key`` in the form of `stated.py`."""
        return self._memo.find(STATED, key)

    def keep_stated(self, key: str, data: bytes) -> None:
        """Keep what `stated.py` makes of the metadata under ``key``."""
        self._memo.keep(STATED, key, data)

    def scratch(self) -> str:
        """Return a path for a new file that the caller removes: not in the cache, which may be purged."""
        import tempfile  # noqa: PLC0415 - few wheels have to be fetched whole for their metadata

        return os.path.join(tempfile.gettempdir(), f"envctl-{atomic.unique_name()}.whl")


def _read_part(path: str, offset: int, size: int) -> bytes:
    with open(path, "rb", buffering=0) as file:
        file.seek(offset)
        return file.read(size) or b""
