"""One file, streamed to disk, hashed on the way, resumed where it broke off."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from envctl import atomic
from envctl.errors import EnvctlError, MachineError, UpstreamError
from envctl.index.hashes import Verifier, check_hashes
from envctl.index.location import find_path, format_url, is_local
from envctl.index.status import raise_for_status
from envctl.index.transport import Getter, Response, TransientError

_BLOCK = 256 * 1024
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(?:\d{1,18}|\*)", re.ASCII)


class Download:
    """One file on its way to ``target``; `attempt` is called until it succeeds or gives up.

    Between attempts the file, its hashes and the validator of the server's copy are kept, so that the next
    asks for the rest only. That the parts belong together is shown by the digest, or, where none is given, by
    the server's own strong validator; without either, the next attempt begins anew.
    """

    def __init__(
        self,
        url: str,
        target: str,
        *,
        hashes: Mapping[str, str],
        size: int | None,
        on_bytes: Callable[[int], object],
        weak: bool = False,
    ) -> None:
        """Raise UpstreamError `weak-hash` (but with ``weak``) or `bad-hash` before anything is fetched."""
        self._url = url
        self._shown = format_url(url)
        self._hashes = check_hashes(hashes, where=self._shown, weak=weak)
        self._size = size
        self._on_bytes = on_bytes
        self._target = target
        self._file: BinaryIO | None = None
        self._created = False
        self._verifier = Verifier(self._hashes, where=self._shown)
        self._received = 0
        self._resumed = False
        self._validator: str | None = None

    def attempt(self, get: Getter) -> str:
        """Fetch all, or the rest; return the sha256 (hexadecimal) of the whole file.

        Raises:
            TransientError: worth another attempt.
            UpstreamError: `hash-mismatch`, `size-mismatch`, `index-error`.
            MachineError: `disk-full`, `cannot-write`.
        """
        if is_local(self._url):
            self._take(_read_file(find_path(self._url)))
            return self._finish()
        headers = {"Accept-Encoding": "identity"}
        resuming = self._received > 0 and (self._hashes or self._validator)
        if resuming:
            headers["Range"] = f"bytes={self._received}-"
            if self._validator:
                headers["If-Range"] = self._validator
        with get(self._url, headers) as response:
            if resuming and response.status == 416:
                self._begin()
                message = f"`{self._shown}` cannot be resumed"
                raise TransientError("truncated", message)
            raise_for_status(response)
            if not self._continues(response):
                self._begin()
            self._validator = _find_validator(response)
            self._take(response.iter_bytes())
        return self._finish()

    @property
    def received(self) -> int:
        """How many bytes are there, for the next attempt to go on from."""
        return self._received

    def discard(self) -> None:
        """Close the file and remove it; after a failure."""
        with contextlib.suppress(OSError, MachineError):
            self._close()
        if self._created:
            with contextlib.suppress(OSError):  # the caller owns the folder and removes it whole
                atomic.remove(self._target)

    def _continues(self, response: Response) -> bool:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        if response.status != 206 or match is None:
            return False
        if int(match[1]) != self._received:
            message = f"`{self._shown}` was resumed at a place nobody asked for"
            raise UpstreamError("index-error", message, where=self._shown)
        self._resumed = True
        return True

    def _begin(self) -> None:
        """Begin anew, with an empty file."""
        if self._received:
            self._on_bytes(-self._received)
        if self._file is not None:
            with _translated(self._target):
                self._file.seek(0)
                self._file.truncate()
        self._verifier = Verifier(self._hashes, where=self._shown)
        self._received = 0
        self._resumed = False

    def _take(self, chunks: Iterator[bytes]) -> None:
        if self._file is None:
            with _translated(self._target):
                self._file = atomic.create(self._target)
            self._created = True
        for chunk in chunks:
            self._received += len(chunk)
            if self._size is not None and self._received > self._size:
                raise self._wrong_size(f"at least {self._received}")
            self._verifier.update(chunk)
            with _translated(self._target):
                self._file.write(chunk)
            self._on_bytes(len(chunk))

    def _finish(self) -> str:
        if self._size is not None and self._received != self._size:
            raise self._wrong_size(str(self._received))
        try:
            digest = self._verifier.finish()
        except UpstreamError as error:
            if self._resumed:  # the parts may be of two versions of the file: try it in one piece
                self._begin()
                raise TransientError(
                    error.code, error.message, where=error.where, hints=error.hints
                ) from error
            raise
        self._close()
        return digest

    def _wrong_size(self, actual: str) -> UpstreamError:
        message = f"`{self._shown}` has {actual} bytes, but {self._size} are expected"
        return UpstreamError("size-mismatch", message, where=self._shown)

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with _translated(self._target):
                file.close()


def _find_validator(response: Response) -> str | None:
    """Return a strong ETag; a weak one, or a date, does not say that bytes are equal (RFC 9110, 13.1.5)."""
    etag = response.headers.get("etag")
    return None if etag is None or etag.startswith("W/") else etag


def _read_file(path: str) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                yield block
    except FileNotFoundError as error:
        message = f"the file `{path}` does not exist"
        raise UpstreamError("no-such-file", message, where=path) from error
    except OSError as error:
        message = f"the file `{path}` cannot be read: {os.strerror(error.errno or 0)}"
        raise MachineError("cannot-read", message, where=path) from error


_ELSEWHERE = "wheels arrive in the cache folder (`--cache-dir`), source archives in that of TMPDIR"


class _translated:  # noqa: N801 - a context manager reads like a function
    """Turn an OSError of writing ``path`` into a MachineError; cheap enough for every block."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, EnvctlError):
            raise translate_write(error, self._path) from error


def translate_write(error: OSError, path: str) -> MachineError:
    """Say why a download cannot be written: `disk-full` or `cannot-write`.

    It is named without its folder, which is a temporary one and gone when this is read.
    """
    name = os.path.basename(path)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        message = f"no space is left to write the download `{name}`"
        return MachineError("disk-full", message, hints=(f"make room and run it again; {_ELSEWHERE}",))
    message = f"the download `{name}` cannot be written: {os.strerror(error.errno or 0)}"
    hint = f"look at the permissions and limits of the folder it is for; {_ELSEWHERE}"
    return MachineError("cannot-write", message, hints=(hint,))
