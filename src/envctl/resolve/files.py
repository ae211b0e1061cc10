"""Which files of a release count on one target, and why the others do not.

Pure: a listed file, a target and what the request permits go in; an `Offer` comes out. Expected
refusals are values, because an explanation needs them.

Source: binary distribution format ("File name convention"), simple repository API (Requires-Python,
yanked), PEP 592, PEP 700.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from envctl.frozen import dataclass
from envctl.model.artifact import BuildTag, build_tag
from envctl.model.target import Target
from envctl.resolve.port import ListedFile
from envctl.resolve.request import Request

#: What is said of a file that a limit on uploads is laid on, and whose age nobody can know.
UNDATED = "its index does not say when it was uploaded"

#: The rank of a file, lower is better, and its build tag, higher is better.
_Place = tuple[int, BuildTag]


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

    @property
    def is_source(self) -> bool:
        """Whether the best file is a source distribution: its metadata is costly, and may need a build."""
        return bool(self.files) and not self.files[0].filename.endswith(".whl")


class Yardstick:
    """Measures files for one target and request; remembers tags and specifiers it has met."""

    def __init__(self, request: Request, target: Target, fits: dict[str, int | None] | None = None) -> None:
        """Begin; ``fits`` is what is known of the target's tags, and grows."""
        self._request = request
        self._ranks = {tag: position for position, tag in enumerate(target.tags)}
        for other in target.others:
            for position, tag in enumerate(other.tags):
                self._ranks.setdefault(tag, position)
        # Of targets that are alike, a release needs a file for each.
        self._alike = [frozenset(each.tags) for each in target.all] if target.others else []
        # As pip does: an interpreter that is a release candidate of 3.14 counts as 3.14.0.
        self._floor = Version(Version(target.floor).base_version)
        self._ceiling = Version(target.ceiling) if target.ceiling != target.floor else None
        self._fits: dict[str, int | None] = {} if fits is None else fits
        self._holds: dict[str, bool] = {}

    def measure(self, name: str, files: Sequence[ListedFile], index: str | None = None) -> Offer:
        """Sort the files that ``index`` lists of one release into those that count and those that do not."""
        fresh: list[tuple[_Place, ListedFile]] = []
        yanked: list[tuple[_Place, ListedFile]] = []
        late: list[tuple[_Place, ListedFile]] = []
        refusals: list[Refusal] = []
        limit = self._request.newest_upload(name, index)
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
        offer = Offer(
            fresh=_in_order(fresh), yanked=_in_order(yanked), late=_in_order(late), refusals=tuple(refusals)
        )
        return self._keep_common(offer) if self._alike else offer

    def _keep_common(self, offer: Offer) -> Offer:
        """Let only such files count, of targets that are alike, as have a file for each among them."""
        kept: list[tuple[ListedFile, ...]] = []
        refusals = list(offer.refusals)
        for files in (offer.fresh, offer.yanked, offer.late):
            serve_all = all(
                any(not file.filename.endswith(".whl") or has_tag(file.filename, tags) for file in files)
                for tags in self._alike
            )
            kept.append(files if serve_all else ())
            refusals += [
                Refusal(RefusalKind.TAGS, wheel_tags(file.filename)) for file in (() if serve_all else files)
            ]
        return Offer(fresh=kept[0], yanked=kept[1], late=kept[2], refusals=tuple(refusals))

    def objections(
        self, name: str, files: Sequence[ListedFile], index: str | None = None
    ) -> tuple[Refusal, ...]:
        """Say what stands against a release of which no file counts, in the fewest reasons.

        That is what all of its files have in common; else what is against those with the least against
        them: who lets a source distribution be built gains nothing when it is too new as well.
        """
        limit = self._request.newest_upload(name, index)
        several = [self._object(name, file, limit) for file in files]
        if self._alike:  # a file that is for one of them only
            several = [
                refusals or [_refuse_tags(wheel_tags(file.filename))]
                for file, refusals in zip(files, several, strict=True)
            ]
        if not all(several):
            return ()
        kinds = [frozenset(refusal.kind for refusal in refusals) for refusals in several]
        common = frozenset[RefusalKind].intersection(*kinds) if kinds else frozenset()
        least = min((len(of_file) for of_file in kinds), default=0)
        told = [
            refusal
            for refusals, of_file in zip(several, kinds, strict=True)
            for refusal in refusals
            if (refusal.kind in common if common else len(of_file) == least)
        ]
        return tuple(dict.fromkeys(told))

    def holds(self, requires_python: str | None) -> bool:
        """Whether Requires-Python admits the target. A text that is no specifier states nothing.

        It admits a whole minor version when it admits all of its patch versions, but for those that it
        leaves out one by one (``!=3.9.1``): these clauses the lock carries, and an installer asks again.
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

    def _place(self, name: str, file: ListedFile) -> _Place | Refusal:
        """Return rank and build tag, or why the file does not count whatever its age."""
        permission = self._request.permission
        if file.filename.endswith(".whl"):
            if not permission.may_use_wheels(name):
                return Refusal(RefusalKind.NO_BINARY, file.filename)
            rank = self.fit(file.filename)
            if rank is None:
                return _refuse_tags(wheel_tags(file.filename))
            place: _Place = (rank, build_tag(file.filename))
        else:
            if not permission.may_build(name):
                return Refusal(RefusalKind.BUILD, file.filename)
            # After all wheels; of two source distributions the standard one (PEP 625) goes first.
            place = (len(self._ranks) + (0 if file.filename.endswith(".tar.gz") else 1), ())
        if not self.holds(file.requires_python):
            return Refusal(RefusalKind.PYTHON, file.requires_python or "")
        return place

    def _object(self, name: str, file: ListedFile, limit: datetime | None) -> list[Refusal]:
        """List everything that is against a file."""
        permission = self._request.permission
        found: list[Refusal] = []
        if not file.filename.endswith(".whl"):
            if not permission.may_build(name):
                found.append(Refusal(RefusalKind.BUILD, file.filename))
        elif not permission.may_use_wheels(name):
            found.append(Refusal(RefusalKind.NO_BINARY, file.filename))
        elif self.fit(file.filename) is None:
            found.append(Refusal(RefusalKind.TAGS, wheel_tags(file.filename)))
        if not self.holds(file.requires_python):
            found.append(Refusal(RefusalKind.PYTHON, file.requires_python or ""))
        if limit is not None and (late := _is_late(file, limit)):
            found.append(late)
        if file.yanked is not None:
            found.append(Refusal(RefusalKind.YANKED, file.yanked))
        return found

    def _contains(self, text: str) -> bool:
        try:
            specifiers = SpecifierSet(text)
        except InvalidSpecifier:
            return True
        if self._ceiling is None:
            return specifiers.contains(self._floor, prereleases=True)
        kept = (one for one in specifiers if one.operator != "!=" or one.version.endswith(".*"))
        specifiers = SpecifierSet(",".join(str(one) for one in kept))
        # What is left is one span: where it holds at both ends, it holds between them.
        return all(specifiers.contains(end, prereleases=True) for end in (self._floor, self._ceiling))


@lru_cache(maxsize=4096)
def _refuse_tags(tags: str) -> Refusal:
    return Refusal(RefusalKind.TAGS, tags)


def has_tag(filename: str, tags: Collection[str]) -> bool:
    """Whether a wheel has one of the tags."""
    return any(tag in tags for tag in _expand(wheel_tags(filename)))


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


def _in_order(files: list[tuple[_Place, ListedFile]]) -> tuple[ListedFile, ...]:
    """Sort by rank, then higher build tags first, then by name: the order of a page does not matter."""
    if len(files) > 1:
        files.sort(key=lambda pair: (pair[1].filename, pair[1].url))
        files.sort(key=lambda pair: pair[0][1], reverse=True)
        files.sort(key=lambda pair: pair[0][0])
    return tuple(file for _, file in files)


def _is_late(file: ListedFile, limit: datetime) -> Refusal | None:
    """Say that a file was uploaded after ``limit``, or that nobody can tell when it was."""
    if file.upload_time is None:
        return Refusal(RefusalKind.TOO_NEW, UNDATED)
    uploaded = read_moment(file.upload_time)
    if uploaded is None:
        return Refusal(RefusalKind.TOO_NEW, f"its upload time is `{file.upload_time}`")
    return Refusal(RefusalKind.TOO_NEW, f"uploaded {file.upload_time}") if uploaded > limit else None


def read_moment(text: str | None) -> datetime | None:
    """Read a time as RFC 3339 has it; one without a zone is UTC, and what is none is None."""
    try:
        moment = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
