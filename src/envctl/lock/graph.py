"""Who asks for what in a lock: its packages, what each requires, and the lists of the manifest above them.

Everything is read from the lock and the manifest; nothing is resolved. Which extra of a package brings a
requirement the lock does not say. Where it matters, the markers of the packages do: they are evaluated
for each list alone, so that no list seems to ask for what it does not reach. Where lists conflict they are
evaluated once more in each fork, along with the least that an environment of that fork holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packaging.pylock import Package

from envctl.frozen import dataclass, replace
from envctl.lock.cells import LockGrid
from envctl.lock.entries import Package as Composed
from envctl.lock.lock import Lock, own_requires, own_text
from envctl.lock.merge import project_name
from envctl.manifest.conflicts import Fork, Member
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
    """A list of the manifest asks for a package, in ``cells``, of those ``among`` which it can be chosen."""

    asked: Asked
    required: Entry
    cells: int
    among: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What one list of the manifest chooses: its ``starts``, and in which cells each package is there.

    ``chosen`` is by the number of the entry. The dependencies are there whatever list is chosen. The list
    itself can be chosen ``among`` all cells of those forks that have no rival of it.
    """

    starts: tuple[Start, ...]
    chosen: tuple[int, ...]
    among: int


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
        self._needs_of: dict[int, list[Need]] = {}
        for need in self.needs:
            self._needs_on.setdefault(need.required.number, []).append(need)
            self._needs_of.setdefault(need.requirer.number, []).append(need)
        self._markers = [str(package.marker or "") for package in lock.packages]
        defaults = () if lock.is_ours else lock.pylock.default_groups or ()
        self._defaults = frozenset(("group", name) for name in defaults)
        groups = manifest.groups if declaration is None else _pick(manifest.groups, declaration.groups)
        extras = manifest.extras if declaration is None else _pick(manifest.extras, declaration.extras)
        self.choices = _tell_once(
            [
                self._choose(None, manifest.dependencies),
                *(self._choose(("group", name), asked) for name, asked in groups.items()),
                *(self._choose(("extra", name), asked) for name, asked in extras.items()),
            ]
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

    def describe(self, entry: Entry) -> str | None:
        """Say where a package is chosen; of conflicts only what does not follow from who asks for it."""
        cells = self.cells_of(entry)
        around = self.grid.around
        varies = any(
            choice.chosen[entry.number] and around(choice.chosen[entry.number]) != choice.among
            for choice in self.choices
        )
        return self.grid.describe(cells, None if varies else around(cells))

    def meeting(self, need: Need) -> int:
        """Return the cells in which a package requires another one, and both are chosen."""
        return need.cells & self.cells_of(need.requirer) & self.cells_of(need.required)

    def starts_on(self, entry: Entry) -> tuple[Start, ...]:
        """Return which lists ask for a package themselves; one that others include is there once."""
        return tuple(start for choice in self.choices for start in choice.starts if start.required == entry)

    def askers_of(self, entry: Entry) -> tuple[bool, tuple[str, ...]]:
        """Say whether lists ask for a package, and which; else which packages do, by name."""
        lists = tuple(dict.fromkeys(start.asked.by for start in self.starts_on(entry)))
        packages = {need.requirer.name for need in self.needs_on(entry) if self.meeting(need)}
        return bool(lists), lists or tuple(sorted(packages))

    def _read_needs(self, packages: Sequence[Package | Composed]) -> Iterable[Need]:
        for entry, package in zip(self.entries, packages, strict=True):
            for text in own_requires(package):
                requirement, _, marker = text.partition(" ; ")
                cells = self.grid.where(marker)
                for required in self._by_name.get(project_name(requirement), ()):
                    if required.name != entry.name:
                        yield Need(entry, required, requirement, cells)

    def _choose(self, member: Member | None, asked: Iterable[Asked]) -> Choice:
        """Evaluate one list, None for the dependencies, in every fork that it can be in."""
        forks = self.grid.forks
        own: Fork = frozenset() if member is None else frozenset((member,))
        holdings = [forks.holding(fork, member) for fork in forks.all]
        among = self.grid.in_forks(place for place, held in enumerate(holdings) if held is not None)
        chosen = self._chosen(own, holdings)
        starts = []
        for one in asked:
            where = self.grid.where(marker_of(one.requirement))
            for entry in self._by_name.get(normalise(one.requirement.name), ()):
                cells = where & chosen[entry.number]
                if cells:
                    starts.append(Start(one, entry, cells, among))
        shared = self.grid.in_forks(place for place, held in enumerate(holdings) if held and held - own)
        if shared:
            reached = self._reach(starts, chosen, self._chosen(own, [frozenset()] * len(holdings)))
            chosen = tuple(
                cells & ~shared | more & shared for cells, more in zip(chosen, reached, strict=True)
            )
        return Choice(tuple(starts), chosen, among)

    def _chosen(self, own: Fork, holdings: Iterable[Fork | None]) -> tuple[int, ...]:
        always = own | self._defaults
        cells = self.grid.chosen(
            self._markers, [None if held is None else held | always for held in holdings]
        )
        return tuple(cells[marker] for marker in self._markers)

    def _reach(self, starts: Iterable[Start], chosen: Sequence[int], alone: Sequence[int]) -> Sequence[int]:
        """Return in which cells a list reaches each package that is ``chosen`` when others are, too.

        What a package requires with an extra that the list does not ask for it does not bring. Then the list
        ``alone`` chooses the package, and nothing of what is required. But a version that the list has only
        when others are there may ask for the extra.
        """
        named = dict.fromkeys(self._by_name, 0)
        for entry, cells in zip(self.entries, alone, strict=True):
            named[entry.name] |= cells
        reached = [0] * len(self.entries)
        widened = [0] * len(self.entries)
        for start in starts:
            reached[start.required.number] |= start.cells
        queue = [number for number, cells in enumerate(reached) if cells]
        for number in queue:  # grows while it is walked
            for need in self._needs_of.get(number, ()):
                required = need.required.number
                brings = widened[number] | ~(alone[number] & ~named[need.required.name])
                more = reached[number] & need.cells & brings & chosen[required]
                wider = more & ~alone[number] if "[" in need.requirement else 0
                if more & ~reached[required] or wider & ~widened[required]:
                    reached[required] |= more
                    widened[required] |= wider
                    queue.append(required)
        return reached


def _tell_once(choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """Leave out of a list what it includes of another one, which asks for it wherever this one does."""
    widest: dict[tuple[object, ...], Start] = {}
    # The list that is included may be chosen in all forks that the other one may be.
    for start in sorted((start for choice in choices for start in choice.starts), key=_width, reverse=True):
        widest.setdefault(_identify(start), start)
    return tuple(
        replace(
            choice,
            starts=tuple(
                start
                for start in choice.starts
                if start is widest[_identify(start)] or start.cells & ~widest[_identify(start)].cells
            ),
        )
        for choice in choices
    )


def _width(start: Start) -> tuple[int, int]:
    return start.cells.bit_count(), start.among.bit_count()


def _identify(start: Start) -> tuple[object, ...]:
    return start.asked.by, start.asked.where, str(start.asked.requirement), start.required


def _pick(lists: Mapping[str, tuple[Asked, ...]], names: Iterable[str]) -> Mapping[str, tuple[Asked, ...]]:
    return {name: lists[name] for name in names if name in lists}


def _version(package: Package | Composed) -> str | None:
    return own_text(package, "version") if package.version is None else str(package.version)
