"""Which files of a release count on one target, and why the others do not.

Pure: a listed file, a target and what the request permits go in; an `Offer` comes out. Expected
refusals are values, because an explanation needs them.

Source: binary distribution format ("File name convention"), simple repository API (Requires-Python,
yanked), PEP 592, PEP 700.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from envctl.frozen import dataclass
from envctl.model.target import Target
from envctl.resolve.port import ListedFile
from envctl.resolve.request import Request


class RefusalKind(StrEnum):
    """Why a file, or a whole release, does not count."""

    TAGS = "tags"  # a wheel for another platform or Python
    PYTHON = "python"  # Requires-Python does not hold
    BUILD = "build"  # a source distribution, and `[build]` does not let it be built
    NO_BINARY = "no-binary"  # a wheel, and `[build] no-binary` names the project
    TOO_NEW = "too-new"  # uploaded after `exclude-newer`
    YANKED = "yanked"
    PRERELEASE = "prerelease"
    METADATA = "metadata"  # its metadata is invalid or cannot be known


@dataclass(frozen=True, slots=True)
class Refusal:
    """One file that does not count. ``detail`` is the tag, the specifier, the moment or the reason."""

    kind: RefusalKind
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a release offers on a target, best file first.

    ``fresh`` count; ``yanked`` and ``late`` (uploaded after `exclude-newer`) count for a version that
    was locked before, and ``yanked`` for one that is asked for exactly.
    """

    fresh: tuple[ListedFile, ...] = ()
    yanked: tuple[ListedFile, ...] = ()
    late: tuple[ListedFile, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def files(self) -> tuple[ListedFile, ...]:
        """The files that a lock lists: those that count, else those that count exceptionally."""
        return self.fresh or self.yanked or self.late


class Yardstick:
    """Measures files for one target and request; remembers tags and specifiers it has met."""

    def __init__(self, request: Request, target: Target, fits: dict[str, int | None] | None = None) -> None:
        """Begin; ``fits`` is what is known of the target's tags, and grows."""
        self._request = request
        self._ranks = {tag: position for position, tag in enumerate(target.tags)}
        # As pip does: an interpreter that is a release candidate of 3.14 counts as 3.14.0.
        self._floor = Version(Version(target.floor).base_version)
        self._whole_minor = target.floor != target.ceiling
        self._fits: dict[str, int | None] = {} if fits is None else fits
        self._holds: dict[str, bool] = {}

    def measure(self, name: str, files: Sequence[ListedFile]) -> Offer:
        """Sort the files of one release of ``name`` into those that count and those that do not."""
        fresh: list[tuple[tuple[int, int], ListedFile]] = []
        yanked: list[tuple[tuple[int, int], ListedFile]] = []
        late: list[tuple[tuple[int, int], ListedFile]] = []
        refusals: list[Refusal] = []
        limit = self._request.newest_upload(name)
        for file in files:
            place = self._place(name, file)
            if isinstance(place, Refusal):
                refusals.append(place)
            elif limit is not None and (refusal := _is_late(file, limit)):
                refusals.append(refusal)
                late.append((place, file))
            elif file.yanked is not None:
                refusals.append(Refusal(RefusalKind.YANKED, file.yanked))
                yanked.append((place, file))
            else:
                fresh.append((place, file))
        return Offer(
            fresh=_in_order(fresh), yanked=_in_order(yanked), late=_in_order(late), refusals=tuple(refusals)
        )

    def holds(self, requires_python: str | None) -> bool:
        """Whether Requires-Python admits the target. A text that is no specifier states nothing.

        For a whole minor version, clauses such as ``!=3.9.1`` are left out: the lock carries them
        and an installer asks again.
        """
        if requires_python is None:
            return True
        known = self._holds.get(requires_python)
        if known is None:
            known = self._holds[requires_python] = self._contains(requires_python)
        return known

    def fit(self, filename: str) -> int | None:
        """Return the rank of a wheel's best tag, lower is better; None when no tag fits."""
        tags = wheel_tags(filename)
        if tags not in self._fits:
            ranks = [self._ranks[tag] for tag in _expand(tags) if tag in self._ranks]
            self._fits[tags] = min(ranks, default=None)
        return self._fits[tags]

    def _place(self, name: str, file: ListedFile) -> tuple[int, int] | Refusal:
        """Return a sort key, or why the file does not count whatever its age."""
        permission = self._request.permission
        if file.filename.endswith(".whl"):
            if not permission.may_use_wheels(name):
                return Refusal(RefusalKind.NO_BINARY, file.filename)
            rank = self.fit(file.filename)
            if rank is None:
                return _refuse_tags(wheel_tags(file.filename))
            place = (rank, -build_number(file.filename))
        else:
            if not permission.may_build(name):
                return Refusal(RefusalKind.BUILD, file.filename)
            # After all wheels; of two source distributions the standard one (PEP 625) goes first.
            place = (len(self._ranks), 0 if file.filename.endswith(".tar.gz") else 1)
        if not self.holds(file.requires_python):
            return Refusal(RefusalKind.PYTHON, file.requires_python or "")
        return place

    def _contains(self, text: str) -> bool:
        try:
            specifiers = SpecifierSet(text)
        except InvalidSpecifier:
            return True
        if self._whole_minor:
            kept = (one for one in specifiers if one.operator != "!=" or len(one.version.split(".")) < 3)
            specifiers = SpecifierSet(",".join(str(one) for one in kept))
        return specifiers.contains(self._floor, prereleases=True)


@lru_cache(maxsize=4096)
def _refuse_tags(tags: str) -> Refusal:
    return Refusal(RefusalKind.TAGS, tags)


@lru_cache(maxsize=65_536)
def wheel_tags(filename: str) -> str:
    """Return the tag part of a wheel's file name, compressed as it stands there."""
    return "-".join(filename.removesuffix(".whl").split("-")[-3:])


def _expand(tags: str) -> list[str]:
    interpreters, abis, platforms = (part.split(".") for part in tags.split("-"))
    return [
        f"{interpreter}-{abi}-{platform}"
        for interpreter in interpreters
        for abi in abis
        for platform in platforms
    ]


def build_number(filename: str) -> int:
    """Return the number that a wheel's build tag begins with; no build tag sorts lowest."""
    parts = filename.split("-")
    if len(parts) != 6:
        return -1
    digits = ""
    for character in parts[2]:
        if not character.isdigit():
            break
        digits += character
    return int(digits or 0)


def _in_order(files: list[tuple[tuple[int, int], ListedFile]]) -> tuple[ListedFile, ...]:
    return tuple(file for _, file in sorted(files, key=lambda pair: (pair[0], pair[1].filename)))


def _is_late(file: ListedFile, limit: datetime) -> Refusal | None:
    """Say that a file was uploaded after ``limit``, or that nobody can tell when it was."""
    if file.upload_time is None:
        return Refusal(RefusalKind.TOO_NEW, "its index does not say when it was uploaded")
    try:
        uploaded = datetime.fromisoformat(file.upload_time)
    except ValueError:
        return Refusal(RefusalKind.TOO_NEW, f"its upload time is `{file.upload_time}`")
    if uploaded.tzinfo is None:
        uploaded = uploaded.replace(tzinfo=UTC)
    return Refusal(RefusalKind.TOO_NEW, f"uploaded {file.upload_time}") if uploaded > limit else None
