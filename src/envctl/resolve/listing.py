"""One project as the solver sees it: its versions as bits of an integer.

Bit *i* is the *i*-th newest version, so that AND intersects sets, ``mask & -mask`` is the newest
member and ``mask >> i & 1`` asks for one. Masks are remembered by the text of the specifier, and
nothing here depends on a target: one `Shelf` serves all of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from envctl.model.artifact import Artifact, identify
from envctl.model.dependency import AnyRequirement
from envctl.resolve.answers import Recall, forget
from envctl.resolve.intervals import contained
from envctl.resolve.port import Catalog, ListedFile, Metadata, Project
from envctl.resolve.want import Clause, Want, clause_from


class Unexplored(Exception):
    """A shelf that may not ask its catalog was asked for something it does not hold."""


class Listing:
    """All versions of one project, newest first; ``artifact`` is set where a source gives the only one.

    ``exists`` is False when no index lists the project: it then has no versions.
    """

    def __init__(
        self,
        name: str,
        *,
        versions: Sequence[Version] = (),
        project: Project | None = None,
        artifact: Artifact | None = None,
    ) -> None:
        self.name = name
        self.versions = versions
        self.project = project
        self.artifact = artifact
        self.exists = project is not None or artifact is not None
        self.all = (1 << len(versions)) - 1
        self._masks: dict[str, int] = {}
        self._finals: int | None = None
        self._found: dict[str, int | None] = {}

    @property
    def index(self) -> str | None:
        """The name of the index that lists the project."""
        return None if self.project is None else self.project.index

    @property
    def status(self) -> str | None:
        """What its index says of the project as a whole; see `Project.status`."""
        return None if self.project is None else self.project.status

    @property
    def finals(self) -> int:
        """The versions that are no pre-releases, as a mask."""
        if self._finals is None:
            self._finals = sum(
                1 << position for position, one in enumerate(self.versions) if not one.is_prerelease
            )
        return self._finals

    def is_final(self, position: int) -> bool:
        """Whether a version is no pre-release."""
        return not self.versions[position].is_prerelease

    def mask(self, specifier: SpecifierSet) -> int:
        """Return the versions that a specifier contains, pre-releases included."""
        text = str(specifier)
        if not text:
            return self.all
        mask = self._masks.get(text)
        if mask is None:
            mask = self._masks[text] = contained(specifier, self.versions)
        return mask

    def find(self, text: str) -> int | None:
        """Return the bit of the version that a text writes, None when it is none, or not listed."""
        if text not in self._found:
            try:
                self._found[text] = self.position(Version(text))
            except InvalidVersion:
                self._found[text] = None
        return self._found[text]

    def position(self, version: Version) -> int | None:
        """Return the bit of a version, None when it is not listed."""
        position = bisect_left(self.versions, True, key=lambda each: each <= version)
        return position if position < len(self.versions) and self.versions[position] == version else None

    def files(self, position: int) -> Sequence[ListedFile]:
        """Return the files of a version; none for a direct artifact."""
        return () if self.project is None else self.project.files(self.versions[position])


class Shelf:
    """What was asked of a catalog so far; shared by all targets of a run.

    While ``sealed``, it answers from what it holds and raises `Unexplored` otherwise: looking for the
    smallest explanation of a conflict must not start downloads.
    """

    def __init__(self, catalog: Catalog, direct: Mapping[str, Artifact], recall: Recall = forget) -> None:
        """Begin; ``recall`` gives what is known of a target from other runs."""
        self.catalog = catalog
        self.answers = recall
        self.sealed = False
        self._direct = direct
        self._listings: dict[str, Listing] = {}
        self._metadata: dict[tuple[str, str], Metadata] = {}
        self._clauses: dict[int, Clause] = {}
        self._wants: dict[str, Want] = {}
        self._hinted: set[str | tuple[str, str]] = set()
        self._fits: dict[tuple[tuple[str, ...], ...], dict[str, int | None]] = {}

    def listing(self, name: str, artifact: Artifact | None = None) -> Listing:
        """Return the listing of a project: of its one ``artifact``, its source, or the index that serves it.

        On some targets a project may come from somewhere else than on others.
        """
        if artifact is None:
            artifact = self._direct.get(name)
        key = name if artifact is None else f"{name} {identify(artifact)}"
        listing = self._listings.get(key)
        if listing is None:
            if self.sealed:
                raise Unexplored(name)
            listing = self._listings[key] = self._load(name, artifact)
        return listing

    def fits(self, *tags: tuple[str, ...]) -> dict[str, int | None]:
        """Return what is known of how wheels fit these lists of tags, to be added to; see `Yardstick`."""
        return self._fits.setdefault(tags, {})

    def clause(self, requirement: AnyRequirement) -> Clause:
        """Take a requirement apart, once for all targets; wants of one text are one object."""
        clause = self._clauses.get(id(requirement))
        if clause is None:
            clause = self._clauses[id(requirement)] = clause_from(requirement, self._wants)
        return clause

    def metadata(self, name: str, version: Version | None, artifact: ListedFile | Artifact) -> Metadata:
        """Return the metadata of an artifact, asking the catalog once."""
        key = (name, artifact.url if isinstance(artifact, ListedFile) else identify(artifact))
        found = self._metadata.get(key)
        if found is None:
            if self.sealed:
                raise Unexplored(name)
            found = self._metadata[key] = self.catalog.metadata(name, version, artifact)
        return found

    def prefetch(self, names: Iterable[str]) -> None:
        """Hint at pages that will be wanted and are not known yet, once."""
        missing = [
            name for name in dict.fromkeys(names) if name not in self._hinted and name not in self._direct
        ]
        if missing and not self.sealed:
            self._hinted.update(missing)
            self.catalog.prefetch(missing)

    def prefetch_metadata(self, name: str, file: ListedFile) -> None:
        """Hint at metadata that will be wanted and is not known yet, once."""
        if not self.sealed and (name, file.url) not in self._hinted:
            self._hinted.add((name, file.url))
            self.catalog.prefetch_metadata(name, file)

    def _load(self, name: str, artifact: Artifact | None) -> Listing:
        if artifact is not None:
            version = self.metadata(name, None, artifact).version
            return Listing(name, versions=(version,), artifact=artifact)
        project = self.catalog.project(name)
        return Listing(name, versions=() if project is None else project.versions, project=project)


def newest_first(mask: int) -> Iterator[int]:
    """Yield the positions of a mask, newest version first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def oldest_first(mask: int) -> Iterator[int]:
    """Yield the positions of a mask, oldest version first."""
    while mask:
        position = mask.bit_length() - 1
        yield position
        mask ^= 1 << position
