"""From exceptions of httpcore, ssl and socket to errors that say what to do; no other module sees them."""

from __future__ import annotations

import socket
import ssl

import httpcore

from envctl.errors import EnvctlError, UpstreamError
from envctl.index.location import find_origin, format_url
from envctl.index.transport import TransientError

#: What httpcore raises for an exchange that failed.
FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)

_NETWORK = "check the network and the proxy settings, or use --offline with a cache that has all"
_PROXY = (
    "it is named by `proxy` in config.toml or by HTTPS_PROXY, HTTP_PROXY or ALL_PROXY;"
    " NO_PROXY names hosts that need none"
)
_PROXY_PASSWORD = "its user name and password belong in that URL: http://USER:PASSWORD@HOST:PORT"  # noqa: S105
_AUTHORITY = "name the authority's certificate with `ca-bundle` in config.toml or SSL_CERT_FILE"
_CLIENT = "a server that wants a client certificate is shown the one that `client-certificate` names"
#: X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_HOSTNAME_MISMATCH and
#: X509_V_ERR_IP_ADDRESS_MISMATCH (x509_vfy.h of OpenSSL).
_TIME, _NAME = frozenset({9, 10}), frozenset({62, 64})


def translate(error: Exception, url: str, proxy: str | None) -> EnvctlError:
    """Turn an exception into an error, by the cause it wraps; ``proxy`` is what the request went through."""
    shown, host = format_url(url), find_origin(url)[1]
    cause = _find_cause(error)
    if isinstance(cause, ssl.SSLError) and not _broke_off(error, cause):
        return _translate_tls(cause, shown, host)
    if isinstance(error, httpcore.ProxyError):
        return refuse_proxy(proxy or "", f"refuses to connect to `{host}`: {error}", where=shown)
    is_connecting = isinstance(error, httpcore.ConnectError | httpcore.ConnectTimeout)
    if proxy is not None and is_connecting:
        message = f"the proxy `{format_url(proxy)}` {_explain(error, cause)}"
        return TransientError("proxy-failed", message, where=shown, hints=(_PROXY,))
    if isinstance(error, httpcore.TimeoutException):
        message = f"`{host}` does not answer in time"
        return TransientError("timeout", message, where=shown, hints=(_NETWORK,))
    if isinstance(error, httpcore.NetworkError | httpcore.RemoteProtocolError):
        message = f"`{host}` {_explain(error, cause)}"
        return TransientError("index-unreachable", message, where=shown, hints=(_NETWORK,))
    return UpstreamError("bad-url", f"`{shown}` cannot be asked for", where=shown)


def refuse_proxy(proxy: str, what: str, *, where: str) -> UpstreamError:
    """Make the error for a proxy that answers with a refusal."""
    hints = (_PROXY, _PROXY_PASSWORD) if "407" in what else (_PROXY,)
    return UpstreamError("proxy-failed", f"the proxy `{format_url(proxy)}` {what}", where=where, hints=hints)


def _broke_off(error: Exception, cause: ssl.SSLError) -> bool:
    """Whether a connection ended, and not because the two sides do not want to speak with each other."""
    if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return True
    return isinstance(error, httpcore.ReadError) and not _is_refusal(cause)


def _is_refusal(cause: ssl.SSLError) -> bool:
    return "CERTIFICATE" in (cause.reason or "") or "HANDSHAKE_FAILURE" in (cause.reason or "")


def _explain(error: Exception, cause: OSError | None) -> str:
    if isinstance(error, httpcore.TimeoutException):
        return "does not answer in time"
    if isinstance(cause, socket.gaierror):
        return "cannot be found: its name does not resolve"
    if isinstance(cause, ConnectionRefusedError):
        return "refuses the connection"
    if isinstance(error, httpcore.RemoteProtocolError | httpcore.ReadError) or isinstance(
        cause, ssl.SSLError
    ):
        return "closed the connection without an answer"
    return "does not answer"


def _translate_tls(cause: ssl.SSLError, shown: str, host: str) -> EnvctlError:
    if isinstance(cause, ssl.SSLCertVerificationError):
        message = f"the certificate of `{host}` is not trusted: {cause.verify_message}"
        hint = _AUTHORITY
        if cause.verify_code in _TIME:
            hint = "look at the clock of this machine, then ask who runs the server"
        elif cause.verify_code in _NAME:
            hint = "the server is another one, or its certificate lacks this name: check the URL"
        return UpstreamError("tls-failed", message, where=shown, hints=(hint,))
    reason = cause.reason or str(cause)
    message = f"no encrypted connection to `{host}`: {reason}"
    if _is_refusal(cause):
        return UpstreamError("tls-failed", message, where=shown, hints=(_CLIENT,))
    hints = ("the port may speak no TLS, or a proxy may stand between: check the URL",)
    return UpstreamError("tls-failed", message, where=shown, hints=hints)


def _find_cause(error: BaseException) -> OSError | None:
    """Return the exception of ssl or socket at the bottom, None where there is none."""
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None or isinstance(seen, OSError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
