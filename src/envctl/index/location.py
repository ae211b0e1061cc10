"""URLs as the index room handles them: without credentials, printable, compared by origin.

Credentials never travel inside a URL here: `strip` takes them off where a URL enters.
"""

from __future__ import annotations

import os
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit, urlunsplit

from envctl.errors import UpstreamError

_DEFAULT_PORTS = {"http": 80, "https": 443}

#: Scheme, host, port: who may see credentials (RFC 6454).
Origin = tuple[str, str, int]


def split(url: str) -> SplitResult:
    """Split a URL.

    Raises:
        UpstreamError: `bad-url` for what is not one.
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what validates it
    except ValueError as error:
        message = f"`{_cut(url)}` is not a URL"
        raise UpstreamError("bad-url", message) from error
    return parts


def strip(url: str) -> str:
    """Return ``url`` without user name and password."""
    if "@" not in url:
        return url
    parts = split(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def find_userinfo(url: str) -> tuple[str, str] | None:
    """Return the user name and password a URL carries, None where it carries none."""
    parts = split(url)
    if "@" not in parts.netloc:
        return None
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    return unquote(user), unquote(password)


def find_origin(url: str) -> Origin:
    """Return scheme, host and port, the port filled in."""
    parts = split(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(scheme, 0)


def format_url(url: str) -> str:
    """Make a URL fit for messages: no credentials, no query (it may be a signature), no fragment."""
    try:
        parts = split(url)
    except UpstreamError:
        return _cut(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def is_local(url: str) -> bool:
    """Whether ``url`` names files of this machine: a ``file:`` URL, or an absolute path."""
    return url[:5].lower() == "file:" or os.path.isabs(url)


def find_path(url: str) -> str:
    """Return the absolute path that a ``file:`` URL or a path names.

    Raises:
        UpstreamError: `bad-url` for a ``file:`` URL of another host.

    Source: RFC 8089.
    """
    if url[:5].lower() != "file:":
        return os.path.abspath(url)
    parts = split(url)
    if parts.netloc.lower() not in {"", "localhost"}:
        message = f"`{format_url(url)}` is a file of another host"
        raise UpstreamError("bad-url", message)
    path = unquote(parts.path)
    if os.name == "nt" and path[2:3] == ":":
        path = path.removeprefix("/")
    return os.path.abspath(path)


def make_file_url(path: str) -> str:
    """Return the ``file:`` URL of an absolute path."""
    text = path.replace(os.sep, "/")
    return "file://" + quote(text if text.startswith("/") else "/" + text)


def join(base: str, url: str) -> str:
    """Return ``url``, taken relative to ``base``; the usual absolute URL costs next to nothing."""
    if url.startswith(("https://", "http://")):
        return url
    if url.startswith("/") and not url.startswith("//"):
        parts = urlsplit(base)
        return f"{parts.scheme}://{parts.netloc}{url}"
    return urljoin(base, url)


def _cut(text: str) -> str:
    """Shorten what is not a URL, and drop all before an ``@``: it may be a password."""
    return text.rpartition("@")[2][:200]
