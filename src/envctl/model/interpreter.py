"""A Python interpreter of this machine, as its probe described it."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A base interpreter (never a virtual environment's own).

    ``version`` is the full version (``3.11.7``, ``3.14.0rc1``). ``markers`` are the environment
    markers as that interpreter evaluates them (PEP 508); ``tags`` the wheel tags it accepts, best
    first. ``cache_tag`` and ``magic`` (hexadecimal) key its bytecode. ``identity`` changes when the
    executable file does (size and mtime_ns of its real path).
    """

    executable: str
    implementation: str
    version: str
    platform: str
    free_threaded: bool
    debug: bool
    markers: Mapping[str, str]
    tags: tuple[str, ...]
    cache_tag: str
    magic: str
    identity: str
    externally_managed: bool = False

    @property
    def minor(self) -> str:
        """The language version, such as ``3.11``."""
        return ".".join(self.version.split(".")[:2])
