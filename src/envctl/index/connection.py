"""HTTP by httpx: pools of connections, redirects, proxies.

Requests, URLs and answers are those of httpx; its transport is `_Transport`, over a pool of httpcore's whose
sockets know a deadline. httpx's client is not used: it would follow redirects, keep cookies, read variables
of the environment, and undo content encodings without a bound.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec

import httpcore
import httpx

from envctl.errors import MachineError, UpstreamError
from envctl.frozen import dataclass
from envctl.index.deadline import DeadlineBackend
from envctl.index.location import find_origin, find_userinfo, format_url, join, split, strip
from envctl.index.proxy import choose_proxy
from envctl.index.tls import choose_identity, make_context, make_insecure_context
from envctl.index.translate import FAILURES, refuse_proxy, translate
from envctl.index.transport import Response, Timeouts, TransientError
from envctl.model.events import Emit, insecure_host
from envctl.model.settings import Identity, Settings

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAXIMAL_REDIRECTS = 5
#: More than there are threads that ask: who waits for a connection would lose the time that its answer has.
_MAXIMAL_CONNECTIONS = 64
_MAXIMAL_IDLE = 16
_KEEPALIVE = 30.0
_USER_AGENT = f"envctl (Python {sys.version_info.major}.{sys.version_info.minor}; {sys.platform})"


@dataclass(frozen=True, slots=True)
class _Way:
    """How to get to a URL: plain, over TLS or over unverified TLS; through which proxy, and as whom."""

    kind: str
    proxy: str | None
    identity: Identity | None


class Connections:
    """A `Transport` over httpx: one pool for each way out (`_Way`)."""

    def __init__(self, settings: Settings, *, timeouts: Timeouts, emit: Emit) -> None:
        self._settings = settings
        self._timeouts = timeouts
        self._emit = emit
        self._lock = threading.Lock()
        self._pools: dict[_Way, _Transport] = {}
        self._told: set[str] = set()
        self._backend = DeadlineBackend()
        waits = {"connect": timeouts.connect, "read": timeouts.read, "write": timeouts.read, "pool": None}
        self._extensions = {"timeout": waits}

    @contextlib.contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[Response]:
        """Send one GET, following redirects by the rules of `Transport`."""
        sent = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity", **headers}
        current = strip(url)
        for _ in range(_MAXIMAL_REDIRECTS + 1):
            answer = self._send(current, sent)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or location is None:
                try:
                    yield answer
                finally:
                    answer.close()
                return
            answer.close()
            following = _check_redirect(current, location, self._settings.insecure_hosts)
            if find_origin(following) != find_origin(current):
                sent = {key: value for key, value in sent.items() if key.lower() != "authorization"}
            current = following
        message = f"`{format_url(url)}` redirects more than {_MAXIMAL_REDIRECTS} times"
        raise UpstreamError("bad-redirect", message, where=format_url(url))

    def close(self) -> None:
        """Close all pools."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            with contextlib.suppress(RuntimeError):  # of requests that are under way in other threads
                pool.close()

    def _send(self, url: str, headers: Mapping[str, str]) -> _Answer:
        way = self._choose_way(url)
        try:
            request = httpx.Request("GET", url, headers=headers, extensions=self._extensions)
            with self._backend.within(self._timeouts.head):
                response = self._pool(way).handle_request(request)
        except FAILURES as error:
            raise translate(error, url, way.proxy) from error
        except (httpx.InvalidURL, ValueError, RuntimeError) as error:
            # A URL that idna refuses, an illegal header, a client that was closed meanwhile.
            shown = format_url(url)
            raise UpstreamError("bad-url", f"`{shown}` cannot be asked for", where=shown) from error
        if response.status_code == 407:
            response.close()
            raise refuse_proxy(way.proxy or "", "wants a password (407)", where=format_url(url))
        return _Answer(response, url, way.proxy, self._timeouts)

    def _choose_way(self, url: str) -> _Way:
        scheme, host, port = find_origin(url)
        if scheme not in {"http", "https"} or not host:
            shown = format_url(url)
            raise UpstreamError("bad-url", f"`{shown}` is neither http nor https", where=shown)
        kind = scheme
        if scheme == "https" and _is_insecure(url, self._settings.insecure_hosts):
            kind = "insecure"
            self._warn(f"{host}:{port}" if port != 443 else host)
        identity = None if scheme == "http" else choose_identity(self._settings, host, port)
        return _Way(kind, choose_proxy(url, self._settings), identity)

    def _warn(self, host: str) -> None:
        """Say, once for each host, that anybody can pretend to be it."""
        with self._lock:
            if host in self._told:
                return
            self._told.add(host)
        self._emit(insecure_host(host))

    def _pool(self, way: _Way) -> _Transport:
        with self._lock:
            pool = self._pools.get(way)
            if pool is None:
                pool = self._pools[way] = self._open(way)
        return pool

    def _open(self, way: _Way) -> _Transport:
        context = None
        if way.kind == "https":
            context = make_context(self._settings, way.identity)
        elif way.kind == "insecure":
            context = make_insecure_context(self._settings, way.identity)
        return _Transport(
            httpcore.ConnectionPool(
                ssl_context=context,
                proxy=None if way.proxy is None else _make_proxy(way.proxy, self._settings),
                max_connections=_MAXIMAL_CONNECTIONS,
                max_keepalive_connections=_MAXIMAL_IDLE,
                keepalive_expiry=_KEEPALIVE,
                network_backend=self._backend,
            )
        )


class _Transport(httpx.BaseTransport):
    """httpx's transport over a pool of our making: that of httpx takes no sockets of others."""

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return when the head of its answer is there; raises what httpcore does."""
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions
        )

    def close(self) -> None:
        """Close the pool."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """The body of an answer, as it arrives."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        """Give the connection back; one whose answer was not read to its end is closed."""
        self._answer.close()


class _Answer:
    """A `Response` over httpx's."""

    def __init__(self, response: httpx.Response, url: str, proxy: str | None, timeouts: Timeouts) -> None:
        self._response = response
        self._proxy = proxy
        self._timeouts = timeouts
        self.status = response.status_code
        self.headers: Mapping[str, str] = {
            key.decode("latin-1").lower(): value.decode("latin-1")
            for key, value in reversed(response.headers.raw)
        }
        self.url = url

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the raw body; one that trickles is given up."""
        since, received = time.monotonic(), 0
        shown = format_url(self.url)
        try:
            for chunk in self._response.iter_raw():
                received += len(chunk)
                elapsed = time.monotonic() - since
                if elapsed > self._timeouts.slow_window:
                    if received < elapsed * self._timeouts.slow_rate:
                        message = f"`{shown}` sends less than a kilobyte a second"
                        raise TransientError("timeout", message, where=shown)
                    since, received = time.monotonic(), 0
                yield chunk
        except httpcore.RemoteProtocolError as error:
            raise TransientError("truncated", f"`{shown}` broke off before its end", where=shown) from error
        except FAILURES as error:
            raise translate(error, self.url, self._proxy) from error

    def close(self) -> None:
        """Give the connection back; one whose answer was not read to its end is closed."""
        self._response.close()


def _make_proxy(url: str, settings: Settings) -> httpcore.Proxy:
    """Describe a proxy.

    Raises:
        MachineError: `bad-proxy`.
    """
    known = ("http", "https", "socks5", "socks5h") if find_spec("socksio") else ("http", "https")
    scheme, host, port = find_origin(url)
    if scheme not in known or not host:
        shown = format_url(url)
        hints = [f"known are {', '.join(f'{each}://' for each in known)}"]
        if scheme.startswith("socks5"):
            hints = ["install envctl[socks] for proxies that speak SOCKS"]
        raise MachineError("bad-proxy", f"the proxy `{shown}` cannot be used", where=shown, hints=hints)
    userinfo = find_userinfo(url)
    default = {"http": 80, "https": 443}.get(scheme, 1080)
    return httpcore.Proxy(
        httpcore.URL(scheme=scheme, host=host, port=port or default, target="/"),
        auth=None if userinfo is None else (userinfo[0].encode(), userinfo[1].encode()),
        ssl_context=None
        if scheme != "https"
        else make_context(settings, choose_identity(settings, host, port)),
    )


def _check_redirect(current: str, location: str, insecure_hosts: tuple[str, ...]) -> str:
    """Return where a redirect leads, stripped of credentials.

    Raises:
        UpstreamError: `bad-redirect` when it leads from https to http, or to no HTTP at all.
    """
    following = strip(join(current, location))
    scheme = split(following).scheme.lower()
    shown, led = format_url(current), format_url(following)
    if scheme not in {"http", "https"}:
        raise UpstreamError("bad-redirect", f"`{shown}` redirects to `{led}`, which is not HTTP", where=shown)
    downgraded = find_origin(current)[0] == "https" and scheme == "http"
    if downgraded and not _is_insecure(following, insecure_hosts):
        message = f"`{shown}` redirects to `{led}`, which is not encrypted"
        raise UpstreamError("bad-redirect", message, where=shown)
    return following


def _is_insecure(url: str, insecure_hosts: tuple[str, ...]) -> bool:
    _, host, port = find_origin(url)
    return host in insecure_hosts or f"{host}:{port}" in insecure_hosts
