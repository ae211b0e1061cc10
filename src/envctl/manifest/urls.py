"""URLs and paths of the manifest: what may be written, and what must never be.

A URL is split with a pattern here, and not by ``urllib.parse``: only scheme and authority matter, and the
import would cost more than parsing a manifest does.
"""

from __future__ import annotations

import os
import re

from envctl.manifest.document import Document, show
from envctl.manifest.locate import Path

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?://(?P<authority>[^/?#\\]*))?(?P<rest>.*)", re.DOTALL
)
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^\s:\[\]@]+)(?::\d{1,5})?")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

ARCHIVE_SCHEMES = ("https", "http", "file")
GIT_SCHEMES = ("https", "ssh", "file", "http")
REQUIREMENT_SCHEMES = (*ARCHIVE_SCHEMES, *(f"git+{scheme}" for scheme in GIT_SCHEMES))


def scheme_of(text: str) -> str | None:
    """Return the scheme of a URL in lower case, None for a path (a drive of Windows is no scheme)."""
    found = _URL.fullmatch(text)
    return found["scheme"].lower() if found and len(found["scheme"]) > 1 else None


def check_url(
    document: Document, key: Path, url: str, *, schemes: tuple[str, ...], variable: str | None = None
) -> bool:
    """Whether ``url`` may stand in the file; else report `bad-url` or `credentials-in-url`.

    ``variable`` is the prefix of the environment variables that its credentials belong in. The user name
    of an ssh URL says whom to log in as and is no secret; a password is one everywhere.
    """
    found = _URL.fullmatch(url)
    scheme = scheme_of(url)
    if found is None or scheme is None or _UNPRINTABLE.search(url) or not url.isprintable():
        document.refuse("bad-url", key, f"has {show(url)}, which is not a URL")
        return False
    if scheme not in schemes:
        known = ", ".join(f"`{one}:`" for one in schemes)
        document.refuse("bad-url", key, f"has a URL of the scheme `{scheme}:`, not one of {known}")
        return False
    user, at, host = (found["authority"] or "").rpartition("@")
    if at and (not scheme.endswith("ssh") or ":" in user):
        _refuse_credentials(document, key, variable)
        return False
    if scheme.endswith("file"):
        is_right = host in ("", "localhost") and found["rest"].startswith("/")
    else:
        is_right = _HOST.fullmatch(host) is not None and not user.startswith("-") and not host.startswith("-")
    if not is_right:
        # Not shown: where the host is malformed, parts of it may be a password.
        document.refuse("bad-url", key, f"has a URL of the scheme `{scheme}:` without a proper host or path")
    return is_right


def check_subdirectory(document: Document, key: Path, text: str) -> bool:
    """Whether ``text`` names a folder below another; else report `bad-path`."""
    parts = re.split(r"[/\\]", text)
    if text and not os.path.isabs(text) and parts[0] and ".." not in parts and not _CONTROL.search(text):
        return True
    document.refuse("bad-path", key, f"is {show(text)}, which is not a folder inside the source")
    return False


def parse_path(document: Document, key: Path, text: str) -> str | None:
    """Make a path absolute: it is relative to the file it stands in. Reports `bad-path`."""
    if not text.strip() or _CONTROL.search(text):
        document.refuse("bad-path", key, f"is {show(text)}, which is not a path")
        return None
    if text.startswith("~"):
        document.refuse(
            "bad-path",
            key,
            f"is {show(text)}; `~` is not replaced",
            "write a path relative to the file, or a whole one",
        )
        return None
    return os.path.normpath(os.path.join(os.path.dirname(document.path), text))


def file_url(path: str) -> str:
    """Write an absolute path as a ``file:`` URL. Source: RFC 8089."""
    text = path.replace(os.sep, "/")
    quoted = "".join(
        chr(byte)
        if byte < 0x80 and (chr(byte).isalnum() or chr(byte) in "/._~-:@+,;=!$&'()*")
        else f"%{byte:02X}"
        for byte in text.encode("utf-8", "surrogateescape")
    )
    return "file://" + ("" if quoted.startswith("/") else "/") + quoted


def _refuse_credentials(document: Document, key: Path, variable: str | None) -> None:
    hints = ["credentials belong in no file of a project: use netrc"]
    if variable is not None:
        hints = [f"set `{variable}_USERNAME` and `{variable}_PASSWORD` instead, or use netrc"]
    document.refuse("credentials-in-url", key, "has a user name or password in its URL", *hints)
