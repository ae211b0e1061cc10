"""The names under which artifacts lie in the store."""

from __future__ import annotations

from envctl.errors import InputError
from envctl.model.artifact import Wheel

#: Unpacked wheels, by the digest of the archive.
WHEELS = "wheels"

#: Bytecode of an entry for one interpreter.
BYTECODE = "bytecode"


def wheel_key(wheel: Wheel) -> str:
    """Name the store's entry of a wheel: the strongest digest it is known by.

    Raises:
        InputError: `no-hash` when none is known that can be trusted.
    """
    for algorithm in ("sha256", "sha384", "sha512"):
        digest = wheel.hashes.get(algorithm)
        if digest is not None:
            return digest.lower()
    raise InputError(
        "no-hash",
        f"`{wheel.filename}` has no sha256, sha384 or sha512 in the lock",
        hints=["`envctl lock` writes one"],
    )
