"""HTTP by httpx: pools of connections, redirects, and the translation of its exceptions.

Only httpx's transport is used, which sends one request over a pool of connections. Its client would follow
redirects, keep cookies, read environment variables, and undo content encodings without a bound.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Mapping

import certifi
import httpx

from envctl.errors import EnvctlError, MachineError, UpstreamError
from envctl.index.location import find_origin, format_url, join, split, strip
from envctl.index.proxy import choose_proxy
from envctl.index.transport import Response, Timeouts, TransientError
from envctl.model.events import Emit, Notice
from envctl.model.settings import Settings

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAXIMAL_REDIRECTS = 5
_POOL = httpx.Limits(max_connections=16, max_keepalive_connections=16, keepalive_expiry=30.0)
_USER_AGENT = f"envctl (Python {sys.version_info.major}.{sys.version_info.minor}; {sys.platform})"
_BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Connections:
    """A `Transport` over httpx: one pool for each way out (plain, TLS, unverified TLS; each proxy)."""

    def __init__(self, settings: Settings, *, timeouts: Timeouts, emit: Emit) -> None:
        self._settings = settings
        self._timeouts = timeouts
        self._emit = emit
        self._lock = threading.Lock()
        self._pools: dict[tuple[str, str | None], httpx.HTTPTransport] = {}
        waits = httpx.Timeout(timeouts.read, connect=timeouts.connect, pool=None)
        self._waits = waits.as_dict()

    @contextlib.contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[Response]:
        """Send one GET, following redirects by the rules of `Transport`."""
        sent = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity", **headers}
        current = strip(url)
        for _ in range(_MAXIMAL_REDIRECTS + 1):
            response = self._send(current, sent)
            location = response.headers.get("location")
            if response.status_code not in _REDIRECTS or location is None:
                try:
                    yield _Answer(response, current, self._timeouts)
                finally:
                    response.close()
                return
            response.close()
            following = _check_redirect(current, location, self._settings.insecure_hosts)
            if find_origin(following) != find_origin(current):
                sent = {key: value for key, value in sent.items() if key.lower() != "authorization"}
            current = following
        message = f"`{format_url(url)}` redirects more than {_MAXIMAL_REDIRECTS} times"
        raise UpstreamError("bad-redirect", message)

    def close(self) -> None:
        """Close all pools."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def _send(self, url: str, headers: Mapping[str, str]) -> httpx.Response:
        pool = self._pool(url)
        try:
            request = httpx.Request("GET", url, headers=headers, extensions={"timeout": self._waits})
            response = pool.handle_request(request)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise _translate(error, url) from error
        except (ValueError, RuntimeError) as error:
            # An illegal header, a URL that idna refuses, a client that was closed meanwhile.
            raise UpstreamError("bad-url", f"`{format_url(url)}` cannot be asked for") from error
        response.request = request
        return response

    def _pool(self, url: str) -> httpx.HTTPTransport:
        scheme, host, _ = find_origin(url)
        if scheme not in {"http", "https"} or not host:
            raise UpstreamError("bad-url", f"`{format_url(url)}` is neither http nor https")
        way = scheme
        if scheme == "https" and _is_insecure(url, self._settings.insecure_hosts):
            way = "insecure"
        proxy = choose_proxy(url, self._settings)
        with self._lock:
            pool = self._pools.get((way, proxy))
            if pool is None:
                pool = self._pools[way, proxy] = self._open(way, proxy, host)
        return pool

    def _open(self, way: str, proxy: str | None, host: str) -> httpx.HTTPTransport:
        if way == "insecure":
            message = f"the certificate of `{host}` is not checked, as the settings say"
            self._emit(Notice("warning", "insecure-host", message))
        verify: ssl.SSLContext | bool = _make_context(self._settings) if way == "https" else False
        try:
            return httpx.HTTPTransport(verify=verify, proxy=proxy, trust_env=False, limits=_POOL)
        except (ImportError, ValueError) as error:
            message = f"the proxy `{format_url(proxy or '')}` cannot be used"
            raise MachineError("bad-proxy", message, hints=("http and https proxies are known",)) from error


class _Answer:
    """A `Response` over httpx's."""

    def __init__(self, response: httpx.Response, url: str, timeouts: Timeouts) -> None:
        self._response = response
        self._timeouts = timeouts
        self.status = response.status_code
        self.headers: Mapping[str, str] = {
            key.lower(): value for key, value in reversed(response.headers.multi_items())
        }
        self.url = url

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the raw body; one that trickles is given up."""
        since, received = time.monotonic(), 0
        try:
            for chunk in self._response.iter_raw():
                received += len(chunk)
                elapsed = time.monotonic() - since
                if elapsed > self._timeouts.slow_window:
                    if received < elapsed * self._timeouts.slow_rate:
                        message = f"`{format_url(self.url)}` sends less than a kilobyte a second"
                        raise TransientError("timeout", message)
                    since, received = time.monotonic(), 0
                yield chunk
        except httpx.RemoteProtocolError as error:
            shown = format_url(self.url)
            raise TransientError("truncated", f"`{shown}` broke off before its end", where=shown) from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise _translate(error, self.url) from error


def _check_redirect(current: str, location: str, insecure_hosts: tuple[str, ...]) -> str:
    """Return where a redirect leads, stripped of credentials.

    Raises:
        UpstreamError: `bad-redirect` when it leads from https to http, or to no HTTP at all.
    """
    following = strip(join(current, location))
    scheme = split(following).scheme.lower()
    if scheme not in {"http", "https"}:
        message = f"`{format_url(current)}` redirects to `{format_url(following)}`, which is not HTTP"
        raise UpstreamError("bad-redirect", message)
    downgraded = find_origin(current)[0] == "https" and scheme == "http"
    if downgraded and not _is_insecure(following, insecure_hosts):
        message = f"`{format_url(current)}` redirects to `{format_url(following)}`, which is not encrypted"
        raise UpstreamError("bad-redirect", message)
    return following


def _is_insecure(url: str, insecure_hosts: tuple[str, ...]) -> bool:
    _, host, port = find_origin(url)
    return host in insecure_hosts or f"{host}:{port}" in insecure_hosts


def _make_context(settings: Settings) -> ssl.SSLContext:
    """Trust what the settings or the usual variables name, else the system, else what httpx brings."""
    bundle = settings.ca_bundle
    if bundle is None:
        bundle = next((settings.environ[key] for key in _BUNDLE_VARIABLES if settings.environ.get(key)), None)
    try:
        if bundle is None:
            context = ssl.create_default_context(capath=settings.environ.get("SSL_CERT_DIR") or None)
            if not context.cert_store_stats()["x509_ca"] and ssl.get_default_verify_paths().capath is None:
                context.load_verify_locations(cafile=certifi.where())
        elif os.path.isdir(bundle):
            context = ssl.create_default_context(capath=bundle)
        else:
            context = ssl.create_default_context(cafile=bundle)
        if settings.client_certificate is not None:
            context.load_cert_chain(settings.client_certificate)
    except (OSError, ssl.SSLError) as error:
        path = error.filename or bundle or settings.client_certificate
        message = f"the certificates in `{path}` cannot be read"
        raise MachineError("bad-ca-bundle", message) from error
    return context


def _translate(error: Exception, url: str) -> EnvctlError:
    """Turn an exception of httpx into one of ours, by the cause it wraps."""
    shown = format_url(url)
    host = find_origin(url)[1]
    if isinstance(error, httpx.TimeoutException):
        return TransientError("timeout", f"`{shown}` does not answer in time")
    cause = _find_cause(error)
    if isinstance(cause, ssl.SSLError):
        return _translate_tls(cause, shown, host)
    if isinstance(error, httpx.ProxyError):
        return UpstreamError("proxy-failed", f"the proxy refuses to connect to `{host}`: {error}")
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        reason = "does not answer"
        if isinstance(cause, socket.gaierror):
            reason = "cannot be found: its name does not resolve"
        elif isinstance(cause, ConnectionRefusedError):
            reason = "refuses the connection"
        elif isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
            reason = "closed the connection without an answer"
        message = f"`{host}` {reason}"
        hints = ("check the network and the proxy settings, or use --offline with a cache that has all",)
        return TransientError("index-unreachable", message, where=shown, hints=hints)
    return UpstreamError("bad-url", f"`{shown}` cannot be asked for")


def _translate_tls(cause: ssl.SSLError, shown: str, host: str) -> EnvctlError:
    if isinstance(cause, ssl.SSLCertVerificationError):
        message = f"the certificate of `{host}` is not trusted: {cause.verify_message}"
        hints = ("name the authority's certificate with `ca-bundle` in config.toml or SSL_CERT_FILE",)
        return UpstreamError("tls-failed", message, where=shown, hints=hints)
    message = f"no encrypted connection to `{host}`: {cause.reason or cause}"
    return UpstreamError("tls-failed", message, where=shown)


def _find_cause(error: BaseException) -> BaseException | None:
    """Return the exception of ssl or socket at the bottom, None where there is none."""
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None or isinstance(seen, OSError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
