"""Who asks for what in a lock: its packages, what each requires, and the lists of the manifest above them.

Everything is read from the lock and the manifest; nothing is resolved. Which extra of a package brings a
requirement the lock does not say. Where it matters, the markers of the packages do: they are evaluated
for each list alone, so that no list seems to ask for what it does not reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packaging.pylock import Package

from envctl.frozen import dataclass
from envctl.lock.cells import LockGrid
from envctl.lock.entries import Package as Composed
from envctl.lock.lock import Lock, own_requires, own_text
from envctl.lock.merge import project_name
from envctl.manifest.manifest import Asked, Declaration, Manifest
from envctl.model.dependency import marker_of
from envctl.model.names import normalise


@dataclass(frozen=True, slots=True)
class Entry:
    """A package of the lock. ``number`` is its place in the file; ``version`` is None where nobody knows."""

    number: int
    name: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Need:
    """A package requires another one, in ``cells``. ``requirement`` is normalised text without a marker."""

    requirer: Entry
    required: Entry
    requirement: str
    cells: int


@dataclass(frozen=True, slots=True)
class Start:
    """A list of the manifest asks for a package, in ``cells``."""

    asked: Asked
    required: Entry
    cells: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What one list of the manifest chooses: its ``starts``, and in which cells each package is there.

    ``chosen`` is by the number of the entry. The dependencies are there whatever list is chosen.
    """

    starts: tuple[Start, ...]
    chosen: tuple[int, ...]


class LockGraph:
    """The requirements of one lock; made once, and asked for many packages.

    ``choices`` holds one for the dependencies, one for each group and one for each extra that counts.
    """

    def __init__(
        self, lock: Lock, manifest: Manifest, grid: LockGrid, *, declaration: Declaration | None = None
    ) -> None:
        """Read a lock; with a ``declaration`` only as far as that environment goes."""
        self.grid = grid
        self.entries = tuple(
            Entry(number, str(package.name), _version(package))
            for number, package in enumerate(lock.packages)
        )
        self._by_name: dict[str, list[Entry]] = {}
        for entry in self.entries:
            self._by_name.setdefault(entry.name, []).append(entry)
        self.needs = tuple(self._read_needs(lock.packages))
        self._needs_on: dict[int, list[Need]] = {}
        for need in self.needs:
            self._needs_on.setdefault(need.required.number, []).append(need)
        markers = [str(package.marker or "") for package in lock.packages]
        defaults = () if lock.is_ours else lock.pylock.default_groups or ()
        groups = manifest.groups if declaration is None else _pick(manifest.groups, declaration.groups)
        extras = manifest.extras if declaration is None else _pick(manifest.extras, declaration.extras)
        self.choices = (
            self._choose(manifest.dependencies, markers, groups=defaults),
            *(self._choose(asked, markers, groups=(name, *defaults)) for name, asked in groups.items()),
            *(
                self._choose(asked, markers, groups=defaults, extras=(name,))
                for name, asked in extras.items()
            ),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all packages, as the lock has them."""
        return tuple(self._by_name)

    def entries_of(self, name: str) -> tuple[Entry, ...]:
        """Return the packages of one project: several where targets or lists have other versions."""
        return tuple(self._by_name.get(name, ()))

    def needs_on(self, entry: Entry) -> Sequence[Need]:
        """Return what other packages require of one."""
        return self._needs_on.get(entry.number, ())

    def cells_of(self, entry: Entry) -> int:
        """Return the cells in which any of the lists chooses a package."""
        cells = 0
        for choice in self.choices:
            cells |= choice.chosen[entry.number]
        return cells

    def starts_on(self, entry: Entry) -> tuple[Start, ...]:
        """Return which lists ask for a package themselves; one that others include is there once."""
        found = {
            (start.asked.by, start.asked.where, str(start.asked.requirement)): start
            for choice in self.choices
            for start in choice.starts
            if start.required == entry
        }
        return tuple(found.values())

    def _read_needs(self, packages: Sequence[Package | Composed]) -> Iterable[Need]:
        for entry, package in zip(self.entries, packages, strict=True):
            for text in own_requires(package):
                requirement, _, marker = text.partition(" ; ")
                cells = self.grid.where(marker)
                for required in self._by_name.get(project_name(requirement), ()):
                    if required.name != entry.name:
                        yield Need(entry, required, requirement, cells)

    def _choose(
        self,
        asked: Iterable[Asked],
        markers: Sequence[str],
        *,
        groups: Sequence[str] = (),
        extras: Sequence[str] = (),
    ) -> Choice:
        chosen = tuple(
            self.grid.where(marker, groups=frozenset(groups), extras=frozenset(extras)) for marker in markers
        )
        starts = []
        for one in asked:
            where = self.grid.where(marker_of(one.requirement))
            for entry in self._by_name.get(normalise(one.requirement.name), ()):
                cells = where & chosen[entry.number]
                if cells:
                    starts.append(Start(one, entry, cells))
        return Choice(tuple(starts), chosen)


def _pick(lists: Mapping[str, tuple[Asked, ...]], names: Iterable[str]) -> Mapping[str, tuple[Asked, ...]]:
    return {name: lists[name] for name in names if name in lists}


def _version(package: Package | Composed) -> str | None:
    return own_text(package, "version") if package.version is None else str(package.version)
