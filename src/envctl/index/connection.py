"""HTTP by httpcore: pools of connections, redirects, proxies.

httpcore sends one request over a pool of connections, and takes half the time to import that the client
above it, httpx, takes; that would follow redirects, keep cookies, read environment variables, and undo
content encodings without a bound.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from urllib.parse import quote

import httpcore

from envctl.errors import MachineError, UpstreamError
from envctl.frozen import dataclass
from envctl.index.deadline import DeadlineBackend
from envctl.index.location import find_origin, find_userinfo, format_url, join, split, strip
from envctl.index.proxy import choose_proxy
from envctl.index.tls import choose_identity, make_context, make_insecure_context
from envctl.index.translate import FAILURES, refuse_proxy, translate
from envctl.index.transport import Response, Timeouts, TransientError
from envctl.model.events import Emit, Notice
from envctl.model.settings import Identity, Settings

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAXIMAL_REDIRECTS = 5
#: More than there are threads that ask: who waits for a connection would lose the time that its answer has.
_MAXIMAL_CONNECTIONS = 64
_MAXIMAL_IDLE = 16
_KEEPALIVE = 30.0
_USER_AGENT = f"envctl (Python {sys.version_info.major}.{sys.version_info.minor}; {sys.platform})"
#: What may stand in the target of a request; all else is percent-encoded (RFC 3986, 3.3 and 3.4).
_TARGET = "%/?:@!$&'()*+,;=[]"


@dataclass(frozen=True, slots=True)
class _Way:
    """How to get to a URL: plain, over TLS or over unverified TLS; through which proxy, and as whom."""

    kind: str
    proxy: str | None
    identity: Identity | None


class Connections:
    """A `Transport` over httpcore: one pool for each way out (`_Way`)."""

    def __init__(self, settings: Settings, *, timeouts: Timeouts, emit: Emit) -> None:
        self._settings = settings
        self._timeouts = timeouts
        self._emit = emit
        self._lock = threading.Lock()
        self._pools: dict[_Way, httpcore.ConnectionPool] = {}
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
            request = make_request(url, headers, self._extensions)
            with self._backend.within(self._timeouts.head):
                response = self._pool(way).handle_request(request)
        except FAILURES as error:
            raise translate(error, url, way.proxy) from error
        except (ValueError, RuntimeError) as error:
            # An illegal header, a URL that idna refuses, a client that was closed meanwhile.
            shown = format_url(url)
            raise UpstreamError("bad-url", f"`{shown}` cannot be asked for", where=shown) from error
        if response.status == 407:
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
        message = (
            f"the certificate of `{host}` is not checked, as your settings say: anybody can pretend to be it"
        )
        self._emit(Notice("warning", "insecure-host", message))

    def _pool(self, way: _Way) -> httpcore.ConnectionPool:
        with self._lock:
            pool = self._pools.get(way)
            if pool is None:
                pool = self._pools[way] = self._open(way)
        return pool

    def _open(self, way: _Way) -> httpcore.ConnectionPool:
        context = None
        if way.kind == "https":
            context = make_context(self._settings, way.identity)
        elif way.kind == "insecure":
            context = make_insecure_context(self._settings, way.identity)
        return httpcore.ConnectionPool(
            ssl_context=context,
            proxy=None if way.proxy is None else _make_proxy(way.proxy, self._settings),
            max_connections=_MAXIMAL_CONNECTIONS,
            max_keepalive_connections=_MAXIMAL_IDLE,
            keepalive_expiry=_KEEPALIVE,
            network_backend=self._backend,
        )


class _Answer:
    """A `Response` over httpcore's."""

    def __init__(self, response: httpcore.Response, url: str, proxy: str | None, timeouts: Timeouts) -> None:
        self._response = response
        self._proxy = proxy
        self._timeouts = timeouts
        self.status = response.status
        self.headers: Mapping[str, str] = {
            key.decode("latin-1").lower(): value.decode("latin-1")
            for key, value in reversed(response.headers)
        }
        self.url = url

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the raw body; one that trickles is given up."""
        since, received = time.monotonic(), 0
        shown = format_url(self.url)
        try:
            for chunk in self._response.iter_stream():
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


def make_request(url: str, headers: Mapping[str, str], extensions: Mapping[str, object]) -> httpcore.Request:
    """Make the request for a URL; Raises ValueError for a host that cannot be written in ASCII."""
    parts = split(url)
    scheme, host, _ = find_origin(url)
    target = quote(parts.path, safe=_TARGET) or "/"
    if parts.query:
        target += "?" + quote(parts.query, safe=_TARGET)
    name = host if host.isascii() else host.encode("idna").decode("ascii")
    shown = f"[{name}]" if ":" in name else name
    if parts.port is not None:
        shown += f":{parts.port}"
    return httpcore.Request(
        "GET",
        httpcore.URL(scheme=scheme, host=name, port=parts.port, target=target),
        headers=[("Host", shown), *headers.items()],
        extensions=dict(extensions),
    )


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
