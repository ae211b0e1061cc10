"""Where a lock says that its files are, whatever machine it is made on.

A file whose digest stays keeps its line. A new one that came through a mirror gets the URL that the index
itself has for it, where that can be known. Where the lock names files that the mirror has too, their URLs
tell what stands for what. Else the mirror stands for the index, so that what lies below the one's base lies
below the other's; but not where the index is known to keep its files elsewhere. What remains gets the
mirror's own URL, which is a hint like any other: `apply` asks the index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from envctl.lock.lock import Lock
from envctl.model.artifact import Sdist, Wheel

if TYPE_CHECKING:  # a lock that is made first need not load packaging's parsers
    from packaging.pylock import PackageArchive, PackageSdist, PackageWheel

    from envctl.lock import entries

    File = (
        PackageWheel
        | PackageSdist
        | PackageArchive
        | entries.PackageWheel
        | entries.PackageSdist
        | entries.PackageArchive
    )

#: Digests that a lock may rest on.
STRONG = ("sha256", "sha384", "sha512")

#: Two beginnings of URLs: the mirror's, and the index's for the same.
_Pair = tuple[str, str]
#: What the names of parameters hold that let somebody in.
_SECRETS = ("auth", "credential", "key", "password", "secret", "sig", "token")


class Places:
    """The URLs of one lock that is made; ``mirrors`` map names of indexes to what stood for them."""

    def __init__(self, old: Lock | None, *, indexes: Mapping[str, str], mirrors: Mapping[str, str]) -> None:
        self._files = _files_by_digest(old)
        self._is_ours = old is not None and old.is_ours
        self._pairs: dict[str, _Pair | None] = {
            name: _find_bases(url, indexes[name]) for name, url in mirrors.items() if name in indexes
        }

    def learn(self, files: Iterable[Wheel | Sdist]) -> None:
        """Compare where files came from with where the old lock has them, before new ones are placed."""
        seen: dict[str, set[_Pair | None]] = {}
        for file in files if self._pairs else ():
            kept = self.kept_url(file.filename, file.hashes)
            if file.index in self._pairs and kept is not None and file.url not in {None, kept}:
                seen.setdefault(file.index or "", set()).add(_find_pair(file.url or "", kept))
        for name, (pair, *others) in seen.items():
            # Where files disagree, nothing is known: a guess would be wrong for some of them.
            self._pairs[name] = None if others else pair

    def kept_line(self, filename: str, hashes: Mapping[str, str]) -> File | None:
        """Return the line that envctl wrote for a file: who lists it now may know less, or more, of it."""
        return self._find(filename, hashes) if self._is_ours else None

    def kept_url(self, filename: str, hashes: Mapping[str, str]) -> str | None:
        """Return the URL that a file has in the old lock; an archive has no file name."""
        file = self._find(filename, hashes)
        return None if file is None else file.url

    def own_url(self, url: str, index: str | None) -> str:
        """Return what the index has for a URL that came through its mirror, as far as that is known.

        Without a signature; who needs one gets it from the index.
        """
        pair = self._pairs.get(index or "")
        if pair is not None and url.startswith(pair[0]):
            url = pair[1] + url[len(pair[0]) :]
        return _without_signature(url) if "?" in url else url

    def _find(self, filename: str, hashes: Mapping[str, str]) -> File | None:
        for algorithm in STRONG:
            file = self._files.get((filename, algorithm, hashes.get(algorithm, "")))
            if file is not None:
                return file
        return None


def _files_by_digest(old: Lock | None) -> dict[tuple[str, str, str], File]:
    """Map file names with algorithms and strong digests to those files of a lock that have a URL.

    The same bytes can be two files: of two builds, or for two Pythons.
    """
    return {
        (filename, algorithm, digest): file
        for package in (() if old is None else old.packages)
        for file, filename in (
            *((wheel, wheel.filename) for wheel in package.wheels or ()),
            (package.sdist, package.sdist.filename if package.sdist else ""),
            (package.archive, ""),
        )
        if file is not None and file.url is not None
        for algorithm, digest in file.hashes.items()
        if algorithm in STRONG
    }


def strip_url(url: str) -> str:
    """Return the URL of an index as a lock may have it: without userinfo, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def _find_bases(mirror: str, index: str) -> _Pair | None:
    """Return what begins the URLs below a mirror and below its index; None where files lie elsewhere."""
    from envctl.manifest.sources import DEFAULT_INDEX  # noqa: PLC0415 - few machines have a mirror

    # The public index keeps its files on a host of their own.
    return None if index == DEFAULT_INDEX.url else (_as_base(mirror), _as_base(index))


def _as_base(url: str) -> str:
    """Return what the URLs below an index begin with; those below a folder are ``file:`` URLs."""
    return strip_url(f"file://{quote(url)}" if url.startswith("/") else url).rstrip("/") + "/"


def _without_signature(url: str) -> str:
    """Drop a query that is a key for a while: it is a secret, and of no use to later readers of the lock."""
    parts = urlsplit(url)
    names = [name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    is_signed = any(word in name for name in names for word in _SECRETS)
    return urlunsplit(parts._replace(query="")) if is_signed else url


def _find_pair(mirrored: str, own: str) -> _Pair | None:
    """Return what two URLs of one file begin with before what they share, None where that is too little.

    A name alone says nothing: all files are called the same everywhere. A folder has to be shared, too.
    """
    left, right = mirrored.split("/"), own.split("/")
    shared = 0
    while shared < min(len(left), len(right)) - 3 and left[-1 - shared] == right[-1 - shared]:
        shared += 1  # scheme and host, the first three, are never shared
    if shared < 2:
        return None
    return "/".join(left[:-shared]) + "/", "/".join(right[:-shared]) + "/"
