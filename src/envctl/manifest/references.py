"""Direct references: what a URL behind ``name @`` stands for, as the source that it is.

Here URLs are split whole, their fragments too. It is loaded where a list has a URL, or a source does.

Source: PyPA, "Dependency specifiers"; "Version specifiers", section "Direct references".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from envctl.frozen import dataclass
from envctl.manifest.manifest import GitSource, PathSource, UrlSource

#: Hexadecimal digits of the digests that a URL may state for its file.
_DIGESTS = {"sha256": 64, "sha384": 96, "sha512": 128}
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")
#: Names that git has for branches, tags and commits, and that no shell or option parser takes for more.
_REFERENCE = re.compile(r"[^\s\x00-\x20\x7f~^:?*\[\\-][^\s\x00-\x20\x7f~^:?*\[\\]*")
_LONGEST_REFERENCE = 255


@dataclass(frozen=True, slots=True)
class Located:
    """A URL without its fragment, and what that said: digests of the file, and a folder inside of it."""

    url: str
    hashes: Mapping[str, str]
    subdirectory: str | None = None


def is_revision(text: str) -> bool:
    """Whether git may be asked for a branch, tag or commit of this name."""
    return (
        _REFERENCE.fullmatch(text) is not None
        and len(text) <= _LONGEST_REFERENCE
        and text.isprintable()
        and ".." not in text
        and "@{" not in text
    )


def locate(url: str) -> Located:
    """Take the fragment off a URL and read it; other keys than those that count are passed over.

    Raises:
        ValueError: saying what is wrong, as the end of a sentence about the URL.
    """
    parts = urlsplit(url)
    hashes: dict[str, str] = {}
    subdirectory = None
    for key, value in parse_qsl(parts.fragment, keep_blank_values=True):
        if key == "subdirectory":
            steps = re.split(r"[/\\]", value)
            if not value or not steps[0] or ".." in steps or ":" in steps[0] or not value.isprintable():
                raise ValueError("names no folder inside of it as `subdirectory`")
            subdirectory = "/".join(steps)
        elif key in _DIGESTS:
            if len(value) != _DIGESTS[key] or not _HEXADECIMAL.fullmatch(value):
                raise ValueError(f"states a {key} that is none")
            hashes[key] = value.lower()
    return Located(urlunsplit(parts._replace(fragment="")), hashes, subdirectory)


def read_reference(url: str) -> GitSource | PathSource | UrlSource:
    """Read the URL of a requirement, whose scheme and host were looked at before.

    Raises:
        ValueError: saying what is wrong, as the end of a sentence about the URL.
    """
    located = locate(url)
    scheme = urlsplit(url).scheme.lower()
    if scheme.startswith("git+"):
        return _read_git(located)
    if scheme == "file":
        path = find_path(located.url)
        return PathSource(path=path, written=url, subdirectory=located.subdirectory)
    return UrlSource(url=url, subdirectory=located.subdirectory)


def _read_git(located: Located) -> GitSource:
    parts = urlsplit(located.url)
    path, at, revision = parts.path.rpartition("@")
    if at and not is_revision(revision):
        raise ValueError("asks for a revision that git has no name for")
    url = urlunsplit(parts._replace(scheme=parts.scheme[len("git+") :], path=path if at else parts.path))
    return GitSource(url=url, rev=revision if at else None, subdirectory=located.subdirectory)


def find_path(url: str) -> str:
    """Return the path that a ``file:`` URL of this machine names. Source: RFC 8089."""
    path = unquote(urlsplit(url).path)
    if path[2:3] == ":":  # /C:/folder: a drive of Windows
        path = path[1:].replace("/", "\\")
    return path.rstrip("/") if len(path) > 1 else path
