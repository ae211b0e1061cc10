"""What is really on disk: one environment as a scan saw it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from envctl.frozen import dataclass, field


class Owner(StrEnum):
    """Who made an environment."""

    ENVCTL = "envctl"
    OTHERS = "others"
    NOBODY = "nobody"  # there is none
    UNKNOWN = "unknown"  # a directory without pyvenv.cfg, a link: never touched


class DriftKind(StrEnum):
    """How a path differs from what was put there (the contract's closed set)."""

    MISSING = "missing"
    MODIFIED = "modified"
    ADDED = "added"
    MODE = "mode"
    LINK = "link"
    METADATA = "metadata"
    VERSION = "version"
    FOREIGN = "foreign"
    INTERPRETER = "interpreter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One path that is not as it was put.

    ``address`` is ``package.NAME``, ``environment``, ``python`` or ``file."PATH"``; ``path`` is relative
    to the environment, POSIX. ``detail`` is for people.
    """

    address: str
    kind: DriftKind
    path: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """An installed project, read from its ``.dist-info``.

    ``origin`` tells one artifact of a version from another: ``sha256:…`` of the wheel that envctl laid,
    a direct URL's text (PEP 610 JSON, canonical), or None when nobody can tell. ``managed`` says that
    envctl put it there; ``intact`` that every file it owns is as recorded. ``paths`` are those of its
    RECORD, relative to the environment, POSIX; kept only for distributions that envctl did not lay.
    """

    name: str
    version: str
    info: str
    installer: str = ""
    origin: str | None = None
    direct_url: str | None = None
    requested: bool = False
    managed: bool = False
    intact: bool = True
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignFile:
    """A file, or a folder taken as one, that no RECORD lists.

    ``path`` is relative to the environment, POSIX. ``data`` files are carried along by every apply;
    the others (importable files and scripts) are what ``prune`` decides about. ``size`` is bytes.
    """

    path: str
    size: int
    data: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What moved of the times of files that envctl put there, their content being right.

    ``retimed`` maps paths, relative to the environment and POSIX, to the mtimes (ns) they have now instead
    of the recorded ones. ``moved`` counts the files that were read because of their time, right or not, and
    ``total`` all that envctl put there.
    """

    retimed: Mapping[str, int] = field(default_factory=dict)
    moved: int = 0
    total: int = 0

    @property
    def are_of_a_copy(self) -> bool:
        """Whether so many times are others that nobody touched the files: they were copied."""
        return self.moved * 10 > self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One environment on disk.

    ``path`` is absolute. ``python`` is the full version it runs (``3.11.7``), ``executable`` the base
    interpreter; both None where there is none or it cannot be told. ``generation`` is the number inside
    the tree. ``digest`` is of everything a plan depends on: it changes exactly when the state does.
    ``reason`` says why ``owner`` is UNKNOWN. Of ``times`` no plan depends: they are no drift.
    """

    path: str
    owner: Owner
    python: str | None = None
    executable: str | None = None
    generation: int | None = None
    distributions: Mapping[str, Distribution]
    drift: tuple[Drift, ...] = ()
    foreign: tuple[ForeignFile, ...] = ()
    digest: str = ""
    reason: str = ""
    times: Times = field(default_factory=Times)
