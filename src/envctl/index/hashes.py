"""Digests that files must fit: which count, and whether a file has them all.

sha256, sha384 and sha512 prove an identity; others may stand beside one of them and must then fit too.
A file that is known by weak digests alone is refused, not believed; who locks it computes one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from envctl.errors import UpstreamError

_STRONG = {"sha256": 64, "sha384": 96, "sha512": 128}
#: Checked where they stand beside a strong one. Names of hashlib, with their length in digits.
_WEAK = {"md5": 32, "sha1": 40, "sha224": 56}


class Verifier:
    """Hashes a stream with every algorithm that is given, and with sha256."""

    def __init__(self, wanted: Mapping[str, str], *, where: str, code: str = "hash-mismatch") -> None:
        """``wanted`` are digests that `check_hashes` has let in, each of them."""
        self._wanted = wanted
        self._where = where
        self._code = code
        self._sums = {
            name: hashlib.new(name, usedforsecurity=name in _STRONG) for name in {"sha256", *self._wanted}
        }

    def update(self, data: bytes) -> None:
        """Hash the next part of the stream."""
        for each in self._sums.values():
            each.update(data)

    def finish(self) -> str:
        """Return the sha256 (hexadecimal) of all that was hashed.

        Raises:
            UpstreamError: `hash-mismatch`, or the code this was made with, when a digest differs.
        """
        for name, expected in sorted(self._wanted.items()):
            actual = self._sums[name].hexdigest()
            if actual != expected:
                message = f"the {name} of `{self._where}` is `{actual}`, but `{expected}` is expected"
                hints = ("the file was changed on the way or on the server: do not install it",)
                raise UpstreamError(self._code, message, where=self._where, hints=hints)
        return self._sums["sha256"].hexdigest()


def check_hashes(hashes: Mapping[str, str], *, where: str, weak: bool = False) -> dict[str, str]:
    """Return the digests that will be checked, in lower case; none when none is given.

    With ``weak`` those will do that prove nothing: for who computes a digest to go by from then on.

    Raises:
        UpstreamError: `weak-hash` when digests are given but no sha256, sha384 or sha512; `bad-hash` when one
            is not a whole hexadecimal digest.
    """
    known: dict[str, str] = {}
    for written, digest in hashes.items():
        name, text = written.lower(), digest.lower()
        length = _STRONG.get(name) or _WEAK.get(name)
        if length is None:
            continue  # nothing here can compute it; a strong one beside it is demanded below
        if len(text) != length or any(letter not in "0123456789abcdef" for letter in text):
            message = f"`{name}={digest[:140]}` of `{where}` is not a whole {name} digest"
            raise UpstreamError("bad-hash", message, where=where)
        known[name] = text
    if hashes and not weak and not known.keys() & _STRONG.keys():
        names = ", ".join(sorted(hashes))
        message = f"`{where}` is known only by {names[:80]}, which proves nothing"
        hints = ("an index has to list sha256, sha384 or sha512",)
        raise UpstreamError("weak-hash", message, where=where, hints=hints)
    return known
