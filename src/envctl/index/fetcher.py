"""Asking the index: everything that a run with fresh pages never needs, in one place.

The client has what is in the cache; what is not, it gets from here. This module brings the parsers, `zipfile`
and the rest of the weight, so it is imported when the first page has to be fetched.
"""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeVar

from envctl.errors import UpstreamError
from envctl.index import local
from envctl.index.answer import Fetched, Missing, NotModified, Stated
from envctl.index.archive import MAXIMAL_METADATA, NoRangesError, open_ranges, read_metadata
from envctl.index.compact import compact, compact_flat, open_flat
from envctl.index.credentials import Credentials
from envctl.index.download import Download
from envctl.index.hashes import Verifier, check_hashes
from envctl.index.listing import Head
from envctl.index.location import find_origin, find_path, format_url, is_local
from envctl.index.page import ACCEPT, Page, parse_page
from envctl.index.pool import Pool
from envctl.index.retry import RetryPolicy, retry
from envctl.index.served import Served
from envctl.index.status import raise_for_status
from envctl.index.transport import Getter, Response, TransientError, Transport
from envctl.model.events import Emit, Notice
from envctl.resolve.port import ListedFile, Project

T = TypeVar("T")

#: Decoded bytes of one page. boto3, the biggest of the public index, has 4 MB.
MAXIMAL_PAGE = 64 * 1024 * 1024
#: Seconds for a page or metadata in all, where the settings say nothing. A file may take as long as it moves.
_PATIENCE = 300.0
#: Statuses by which a server says that it wants to know who asks.
_REFUSALS = frozenset({401, 403})


class Fetcher:
    """Fetches pages, metadata and files for all indexes of a run. Safe to be called from several threads."""

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        *,
        policy: RetryPolicy,
        sleep: Callable[[float], object],
        clock: Callable[[], float],
        emit: Emit,
        timeout: float | None = None,
    ) -> None:
        """``timeout`` is seconds for one page or file, all tries together."""
        self._timeout = timeout
        self._transport = transport
        self._credentials = credentials
        self._policy = policy
        self._sleep = sleep
        self._clock = clock
        self._emit = emit
        self._told: set[str] = set()
        # Parsing holds the interpreter's lock anyway. Done by one thread it takes half the time and half the
        # memory (55 MB, not 97, for a dozen big pages) that sixteen with heaps of their own need.
        self._parser = Pool(1)

    def page(self, served: Served, name: str, known: Head | None) -> Fetched | NotModified | Missing:
        """Fetch the page of a project and return its record, or that the index has no such project.

        That of a flat index has all projects, and has to be there; its record is one of `compact_flat`.
        ``known`` is the head of an earlier record: if the index says that it still holds, so does this.

        Raises:
            UpstreamError: `index-error`, `bad-index-page`, and what the transport raises.
        """
        until = self._until(_PATIENCE)
        return self._retry(lambda: self._page(served, name, known, until))

    def local_flat(self, served: Served) -> Mapping[str, Project]:
        """Return all projects of a flat index of this machine: a folder, or a page that is a file."""
        return local.read_flat(find_path(served.url), index=served.name)

    def open_flat(self, record: bytes, served: Served) -> Mapping[str, Project] | None:
        """Return all projects of the page of a flat index; None for a damaged record."""
        page = open_flat(record)
        return None if page is None else local.open_projects(page, index=served.name)

    def local_project(self, served: Served, name: str) -> Project | None:
        """Return a project of an index that is a tree of folders on this machine."""
        return local.read_project(os.path.join(find_path(served.url), name), name, index=served.name)

    def exists(self, served: Served, name: str) -> bool:
        """Whether an index has a project; asked once, and no for anything that goes wrong."""
        try:
            with self.get(served.project_url(name), {"Accept": ACCEPT}) as response:
                return response.status == 200
        except UpstreamError:
            return False

    def metadata(self, file: ListedFile, *, scratch: Callable[[], str]) -> Stated:
        """Fetch the METADATA of a wheel by the cheapest way there is.

        A metadata file beside it, ranges of the wheel, the whole wheel (into a file that ``scratch`` names).

        Raises:
            UpstreamError: `metadata-hash-mismatch`, `bad-wheel`, `hash-mismatch`, `index-error`, and what the
                transport raises.
        """
        if is_local(file.url):
            return Stated(data=local.read_wheel_metadata(find_path(file.url), file.filename))
        until = self._until(_PATIENCE)
        if file.core_metadata is not None:
            watch = _Watch(partial(self.get, until=until))
            data = self._retry(lambda: self._beside(file, file.core_metadata or {}, watch.get))
            if data is not None:
                return watch.state(data)
        watch = _Watch(partial(self.get, until=until))
        try:
            return watch.state(self._retry(lambda: self._by_ranges(file, watch.get)))
        except NoRangesError:
            watch = _Watch(partial(self.get, until=self._until(None)))
            return watch.state(self._from_whole(file, scratch(), watch.get))

    def download(
        self,
        url: str,
        target: str,
        *,
        hashes: Mapping[str, str],
        size: int | None,
        on_bytes: Callable[[int], object],
        weak: bool = False,
        get: Getter | None = None,
    ) -> str:
        """Stream a file to ``target``; see `IndexClient.fetch`. With ``weak`` any digests will do."""
        download = Download(url, target, hashes=hashes, size=size, on_bytes=on_bytes, weak=weak)
        get = get or partial(self.get, until=self._until(None))
        try:
            return self._retry(lambda: download.attempt(get), progress=lambda: download.received)
        except BaseException:
            download.discard()
            raise

    def digest(self, url: str, *, scratch: str, hashes: Mapping[str, str], size: int | None) -> str:
        """Fetch a file for its sha256 alone, into ``scratch``, which is removed."""
        digest = self.download(url, scratch, hashes=hashes, size=size, on_bytes=_ignore, weak=True)
        local.remove(scratch)
        return digest

    def close(self) -> None:
        """End the thread that parses."""
        self._parser.close()

    @contextlib.contextmanager
    def get(self, url: str, headers: Mapping[str, str], *, until: float | None = None) -> Iterator[Response]:
        """Send one GET, with the credentials of the URL's own origin; with others, should it refuse those.

        ``until`` is the moment (of `time.monotonic`) at which the body has to be there.
        """
        try:
            while True:
                sent = self._credentials.headers(url)
                with self._transport.get(url, {**headers, **sent}) as response:
                    refused = response.status in _REFUSALS and find_origin(response.url) == find_origin(url)
                    if refused and self._credentials.learn(url, sent):
                        continue
                    if refused:
                        self._tell_of_netrc()
                    yield response if until is None else _Bounded(response, until)
                    return
        except TransientError as error:
            if until is not None and time.monotonic() > until:
                raise _give_up(url) from error
            raise

    def _tell_of_netrc(self) -> None:
        """Say, to who is refused, that their netrc was passed over; it is nobody's trouble otherwise."""
        fault = self._credentials.netrc_fault
        if fault is not None and fault not in self._told:
            self._told.add(fault)
            self._emit(Notice("warning", "bad-netrc", fault))

    def _until(self, default: float | None) -> float | None:
        seconds = default if self._timeout is None else self._timeout
        return None if seconds is None else time.monotonic() + seconds

    def _retry(self, operation: Callable[[], T], progress: Callable[[], int] = int) -> T:
        return retry(operation, self._policy, progress=progress, sleep=self._sleep)

    def _page(
        self, served: Served, name: str, known: Head | None, until: float | None
    ) -> Fetched | NotModified | Missing:
        headers = {"Accept": ACCEPT, "Accept-Encoding": "gzip"}
        if known is not None and known.etag:
            headers["If-None-Match"] = known.etag
        if known is not None and known.modified:
            headers["If-Modified-Since"] = known.modified
        url = served.url if served.flat else served.project_url(name)
        with self.get(url, headers, until=until) as response:
            control = response.headers.get("cache-control", "")
            if response.status in {404, 410} and not served.flat:
                return Missing(may_keep(control))
            etag, modified = response.headers.get("etag"), response.headers.get("last-modified")
            keep, max_age = may_keep(control), read_max_age(control, response.headers.get("age", ""))
            if response.status == 304:
                if len(headers) == 2:
                    message = f"index `{served.name}` says that nothing changed, but was not asked that"
                    raise UpstreamError("index-error", message, where=format_url(url))
                return NotModified(keep=keep, max_age=max_age, etag=etag, modified=modified)
            raise_for_status(response, index=served.name)
            body = read_body(response, limit=MAXIMAL_PAGE)
        expires = int(self._clock()) + max_age

        def parse() -> Fetched:
            page = self._parse(body, response, served)
            make = compact_flat if served.flat else partial(compact, name=name)
            return Fetched(make(page, etag=etag, modified=modified, expires=expires), keep)

        return self._parser.call(parse)

    def _parse(self, body: bytearray, response: Response, served: Served) -> Page:
        kind = response.headers.get("content-type", "")
        page = parse_page(body, content_type=kind, url=response.url)
        if page.newer and served.name not in self._told:
            self._told.add(served.name)
            message = f"index `{served.name}` speaks a newer version of the Simple API than is known"
            self._emit(Notice("warning", "index-api-newer", message))
        return page

    def _beside(self, file: ListedFile, hashes: Mapping[str, str], get: Getter) -> bytes | None:
        url = file.url + ".metadata"
        with get(url, {"Accept-Encoding": "gzip"}) as response:
            if response.status in {404, 410}:
                return None
            raise_for_status(response)
            data = bytes(read_body(response, limit=MAXIMAL_METADATA))
        where = f"{file.filename}.metadata"
        verifier = Verifier(check_hashes(hashes, where=where), where=where, code="metadata-hash-mismatch")
        verifier.update(data)
        verifier.finish()
        return data

    def _by_ranges(self, file: ListedFile, get: Getter) -> bytes:
        with open_ranges(file.url, size=file.size, get=get) as ranges:
            return read_metadata(ranges, filename=file.filename)

    def _from_whole(self, file: ListedFile, scratch: str, get: Getter) -> bytes:
        self.download(
            file.url, scratch, hashes=file.hashes, size=file.size, on_bytes=_ignore, weak=True, get=get
        )
        try:
            return local.read_wheel_metadata(scratch, file.filename)
        finally:
            local.remove(scratch)


class _Watch:
    """Sees what the answers that something is read from say about keeping it."""

    def __init__(self, get: Getter) -> None:
        self._get = get
        self._keep = self._reuse = True

    @contextlib.contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[Response]:
        """Send one GET."""
        with self._get(url, headers) as response:
            control = response.headers.get("cache-control", "")
            self._keep = self._keep and may_keep(control)
            self._reuse = self._reuse and may_reuse(control)
            yield response

    def state(self, data: bytes) -> Stated:
        """Say what was read, and what may be done with it."""
        return Stated(data=data, keep=self._keep, reuse=self._reuse)


class _Bounded:
    """A `Response` whose body has to be there at a moment; looked at between its parts."""

    def __init__(self, response: Response, until: float) -> None:
        self._response = response
        self._until = until
        self.status = response.status
        self.headers = response.headers
        self.url = response.url

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the parts of the body; raises UpstreamError `timeout`, which is not worth another try."""
        for part in self._response.iter_bytes():
            yield part
            if time.monotonic() > self._until:
                raise _give_up(self.url)


def _give_up(url: str) -> UpstreamError:
    shown = format_url(url)
    message = f"`{shown}` was given up: it took longer than it may take in all"
    hints = ("`timeout` in config.toml, or ENVCTL_TIMEOUT, is how many seconds that are",)
    return UpstreamError("timeout", message, where=shown, hints=hints)


def _ignore(amount: int) -> None:
    """Show no progress."""


def read_body(response: Response, *, limit: int) -> bytearray:
    """Return the decoded body, at most ``limit`` bytes.

    Decoding is bounded step by step: a bomb is given up as soon as it is over the limit.

    Raises:
        UpstreamError: `response-too-large`; `bad-encoding` for a content encoding that was not asked for or
            is broken; as a TransientError `truncated` when a compressed body lacks its end.

    Source: RFC 9110, 8.4.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"identity", ""}:
        parts = response.iter_bytes()
    elif encoding in {"gzip", "x-gzip"}:
        parts = _gunzip(response, limit)
    else:
        message = f"`{format_url(response.url)}` is encoded as `{encoding[:80]}`, which nobody asked for"
        raise UpstreamError("bad-encoding", message)
    body = bytearray()
    for part in parts:
        body += part
        if len(body) > limit:
            message = f"`{format_url(response.url)}` is longer than {limit // (1024 * 1024)} MiB"
            raise UpstreamError("response-too-large", message)
    return body


def _gunzip(response: Response, limit: int) -> Iterator[bytes]:
    step = 1024 * 1024
    produced = 0
    decoder = zlib.decompressobj(wbits=31)
    try:
        for chunk in response.iter_bytes():
            rest, full = chunk, False
            while rest or full:
                if decoder.eof:  # another member follows (RFC 1952, 2.2)
                    decoder = zlib.decompressobj(wbits=31)
                part = decoder.decompress(rest, step)
                rest = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
                full = len(part) == step and not decoder.eof
                produced += len(part)
                yield part
                if produced > limit:
                    return
    except zlib.error as error:
        message = f"the compressed body of `{format_url(response.url)}` is broken"
        raise UpstreamError("bad-encoding", message) from error
    if not decoder.eof:
        message = f"`{format_url(response.url)}` broke off before its end"
        raise TransientError("truncated", message)


def may_keep(text: str) -> bool:
    """Whether Cache-Control lets an answer be kept at all. Source: RFC 9111, 5.2.2.5."""
    return "no-store" not in _split_directives(text)


def may_reuse(text: str) -> bool:
    """Whether Cache-Control lets a kept answer be used again without asking. Source: RFC 9111, 5.2.2.4."""
    return {"no-store", "no-cache"}.isdisjoint(_split_directives(text))


def read_max_age(text: str, age: str = "") -> int:
    """Return for how many seconds an answer is fresh: ``max-age`` of Cache-Control, 0 where it is not stated.

    Less the ``age`` that it has already, as who kept it on the way says. At most a day: a page says which
    releases exist.

    Source: RFC 9111, 4.2 and 5.2.2.
    """
    if not may_reuse(text):
        return 0
    for directive in _split_directives(text):
        name, _, value = directive.partition("=")
        if name == "max-age" and value.strip('"').isdecimal():
            passed = int(age.strip()[:9]) if age.strip().isdecimal() else 0
            return max(0, min(int(value.strip('"')[:9]), 24 * 3600) - passed)
    return 0


def _split_directives(text: str) -> list[str]:
    return [part.strip().lower() for part in text.split(",")]
