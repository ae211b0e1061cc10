"""Two locks beside each other: what a new one has at another version, newly, otherwise, or no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from envctl.frozen import dataclass
from envctl.lock.lock import Lock, own_requires, own_text, requirers
from envctl.model.step import measure_step

if TYPE_CHECKING:  # plans name this module and need not pay for packaging's parsers
    from packaging import pylock
    from packaging.version import Version

    from envctl.lock import entries

    _Package = pylock.Package | entries.Package
    _File = (
        pylock.PackageWheel
        | pylock.PackageSdist
        | pylock.PackageArchive
        | entries.PackageWheel
        | entries.PackageSdist
        | entries.PackageArchive
    )

ADDED, REMOVED, UP, DOWN, CHANGED = "added", "removed", "up", "down", "changed"

#: Kinds of change, in the order in which they are counted.
KINDS = (ADDED, REMOVED, UP, DOWN, CHANGED)

#: What may differ at one version, in the order in which it is told.
PARTS = ("versions", "origin", "index", "hashes", "files", "markers", "requirements")

#: What can be compared where the locks are of different tools, each of which has its own way with the rest.
_PARTS_OF_ANY = ("versions", "origin", "hashes")


@dataclass(frozen=True, slots=True, kw_only=True)
class LockChange:
    """One project that a new lock has newly, no more, or not as it was.

    ``before`` and ``after`` are versions, with the origin where it is not an index; several, joined by
    commas, where a lock has several. ``reason`` is for people: who asks for it, or asked.

    ``kind`` is one of `KINDS`; ``step`` is ``major``, ``minor`` or ``patch`` between two versions, else
    empty. ``differs`` holds those of `PARTS` that are not as they were, at another version only what does
    not follow from that. ``direct`` says that a list asks for it, ``required_by`` names lists and packages.
    Of the newest version ``uploaded_…`` is when its first file was (RFC 3339), ``size_…`` the bytes of its
    largest wheel, of its source where it has none; None where the lock does not say.
    """

    name: str
    before: str | None
    after: str | None
    kind: str
    reason: str = ""
    step: str = ""
    differs: tuple[str, ...] = ()
    direct: bool = False
    required_by: tuple[str, ...] = ()
    uploaded_before: str | None = None
    uploaded_after: str | None = None
    size_before: int | None = None
    size_after: int | None = None


def compare(
    old: Lock | None, new: Lock, *, asked: Mapping[str, tuple[str, ...]] | None = None
) -> tuple[LockChange, ...]:
    """Return the differences between two locks, sorted by name.

    ``asked`` maps names to the lists that ask for them in the new lock; where nobody is known to ask, what
    no other package of a lock requires counts as asked for. URLs do not count: a mirror changes nothing.
    """
    if old is not None and old.data == new.data:
        return ()
    before, after = _by_name(old), _by_name(new)
    names = sorted((before.keys() | after.keys()) - _find_untouched(old, new))
    parts = PARTS if old is None or old.is_ours == new.is_ours else _PARTS_OF_ANY
    found = [(name, _compare(before.get(name, ()), after.get(name, ()), parts)) for name in names]
    gone = tuple(name for name, (kind, _) in found if kind == REMOVED)
    there = tuple(name for name, (kind, _) in found if kind and kind != REMOVED)
    required_before = requirers(old.packages, of=gone) if old is not None and gone else {}
    required_after = requirers(new.packages, of=there) if there else {}
    return tuple(
        _describe(
            name,
            (before.get(name, ()), after.get(name, ())),
            kind=kind,
            differs=differs,
            lists=(asked or {}).get(name, ()) if kind != REMOVED else (),
            packages=(required_before if kind == REMOVED else required_after).get(name, ()),
        )
        for name, (kind, differs) in found
        if kind
    )


_TABLE = b"\n[[packages]]\n"
_NAME = b'name = "'


def _find_untouched(old: Lock | None, new: Lock) -> frozenset[str]:
    """Find what is, byte for byte, the same in two files of ours; it need not be compared value by value.

    Of a changed lock that is nearly all there is.
    """
    if old is None or not (old.is_ours and new.is_ours):
        return frozenset()
    before, after = (set(lock.data.split(_TABLE)[1:]) for lock in (old, new))
    if not all(table.startswith(_NAME) for table in before | after):
        return frozenset()  # somebody else wrote into one of them
    return _names_in(before & after) - _names_in(before ^ after)


def _names_in(tables: Iterable[bytes]) -> frozenset[str]:
    return frozenset(table[len(_NAME) : table.index(b"\n")].decode().rstrip('"') for table in tables)


def compare_coverage(old: Lock, new: Lock) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what only the new lock is for, and what only the old one was: targets, and ``Python 3.12``.

    Nothing where one of them is of another tool, which does not say.
    """
    if not (old.is_ours and new.is_ours):
        return (), ()
    before, after = ([*lock.targets, *(f"Python {python}" for python in lock.pythons)] for lock in (old, new))
    return tuple(one for one in after if one not in before), tuple(one for one in before if one not in after)


def _by_name(lock: Lock | None) -> Mapping[str, tuple[_Package, ...]]:
    found: dict[str, tuple[_Package, ...]] = {}
    for package in () if lock is None else lock.packages:
        found[package.name] = (*found.get(package.name, ()), package)
    return found


def _compare(
    before: Sequence[_Package], after: Sequence[_Package], parts: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    """Give kind and parts of a change; an empty kind where the difference does not count."""
    if not before or not after:
        return (REMOVED if before else ADDED), ()
    differs = tuple(part for part in parts if _differ(part, before, after))
    old, new = (_newest(before), _newest(after)) if "versions" in differs else (None, None)
    if old is None or new is None or old == new:
        return (CHANGED if differs else ""), differs
    return (UP if old < new else DOWN), tuple(part for part in differs if part in {"origin", "index"})


def _differ(part: str, before: Sequence[_Package], after: Sequence[_Package]) -> bool:
    match part:
        case "versions":
            return _versions(before) != _versions(after)
        case "origin":
            return {_origin(each) for each in before} != {_origin(each) for each in after}
        case "index":
            old, new = (set(filter(None, map(_index, side))) for side in (before, after))
            return bool(old and new) and old != new
        case "hashes":
            old_files, new_files = _files(before), _files(after)
            return any(
                _contradict(old_files[name], new_files[name]) for name in old_files if name in new_files
            )
        case "files":
            return _files(before).keys() != _files(after).keys()
        case "markers":
            return {_conditions(each) for each in before} != {_conditions(each) for each in after}
        case _:
            return _requirements(before) != _requirements(after)


def _versions(packages: Sequence[_Package]) -> set[str]:
    return {_version(package) for package in packages}


def _version(package: _Package) -> str:
    return (own_text(package, "version") or "") if package.version is None else str(package.version)


def _newest(packages: Sequence[_Package]) -> Version | None:
    from packaging.version import Version  # noqa: PLC0415 - whoever compares locks has loaded it

    return max((Version(str(package.version)) for package in packages if package.version), default=None)


def _index(package: _Package) -> str | None:
    return own_text(package, "index") or package.index


def _conditions(package: _Package) -> tuple[str, ...]:
    return _version(package), str(package.marker or ""), str(package.requires_python or "")


def _requirements(packages: Sequence[_Package]) -> set[str]:
    """Give what is required; on which targets follows from what these are, so that it does not count."""
    return {text.partition(" ; ")[0] for package in packages for text in own_requires(package)}


def _files(packages: Sequence[_Package]) -> Mapping[str, Mapping[str, str]]:
    """Map the names of all files to their hashes; an archive has none but its place."""
    return {_name(file): file.hashes for package in packages for file in _listed(package)}


def _listed(package: _Package) -> Iterator[_File]:
    yield from package.wheels or ()
    if package.sdist is not None:
        yield package.sdist
    if package.archive is not None:
        yield package.archive


def _name(file: _File) -> str:
    name = getattr(file, "filename", None) or getattr(file, "name", None)
    return name if isinstance(name, str) else file.url or file.path or ""


def _contradict(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    return any(after.get(algorithm, digest).lower() != digest.lower() for algorithm, digest in before.items())


def _describe(
    name: str,
    sides: tuple[Sequence[_Package], Sequence[_Package]],
    *,
    kind: str,
    differs: tuple[str, ...],
    lists: tuple[str, ...],
    packages: tuple[str, ...],
) -> LockChange:
    old, new = (_newest(side) for side in sides)
    uploaded, sizes = [_uploaded(side) for side in sides], [_size(side) for side in sides]
    return LockChange(
        name=name,
        before=_label(sides[0]),
        after=_label(sides[1]),
        reason=_explain(lists, packages, was=kind == REMOVED),
        kind=kind,
        step=measure_step(old, new) if kind in {UP, DOWN} and old is not None and new is not None else "",
        differs=differs,
        direct=bool(lists) or not packages,
        required_by=(*lists, *packages),
        uploaded_before=uploaded[0],
        uploaded_after=uploaded[1],
        size_before=sizes[0],
        size_after=sizes[1],
    )


def _explain(lists: tuple[str, ...], packages: tuple[str, ...], *, was: bool) -> str:
    """Say who asks for a project, in the words of a plan's reasons."""
    parts = [f"asked for by {', '.join(lists)}"] if lists else []
    parts += [f"required by {', '.join(packages)}"] if packages else []
    text = ", ".join(parts) or "asked for directly"
    return f"was {text}" if was else text


def _label(packages: Sequence[_Package]) -> str | None:
    """Write versions and origins: ``3.10``, ``1.0 (../core, editable)``, ``2.1 (git+https://…@1a2b3c4d)``."""
    if not packages:
        return None
    labels = set()
    for package in packages:
        version, origin = _version(package), _origin(package)
        labels.add(" ".join(part for part in (version, f"({origin})" if origin else "") if part))
    return ", ".join(sorted(labels))


def _origin(package: _Package) -> str:
    """Write where a package comes from, empty for an index."""
    if package.directory is not None:
        return package.directory.path + (", editable" if package.directory.editable else "")
    if package.vcs is not None:
        return f"{package.vcs.type}+{package.vcs.url or package.vcs.path}@{package.vcs.commit_id[:12]}"
    if package.archive is not None:
        return package.archive.url or package.archive.path or ""
    return ""


def _of_newest(packages: Sequence[_Package]) -> Sequence[_Package]:
    """Leave those at the newest version; those without one are as new as any."""
    if len(packages) < 2:
        return packages
    newest = _newest(packages)
    return [package for package in packages if not package.version or str(package.version) == str(newest)]


def _uploaded(packages: Sequence[_Package]) -> str | None:
    """Give when the newest version was first uploaded; a moment without a zone is UTC (PEP 751)."""
    times = [
        moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        for package in _of_newest(packages)
        for file in _listed(package)
        if (moment := file.upload_time) is not None
    ]
    return _write(min(times)) if times else None


def _write(moment: datetime) -> str:
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _size(packages: Sequence[_Package]) -> int | None:
    """Give the bytes of the largest wheel of the newest version, else of its source."""
    several = _of_newest(packages)
    wheels = [wheel.size for package in several for wheel in package.wheels or () if wheel.size is not None]
    others = [file.size for package in several for file in _listed(package) if file.size is not None]
    return max(wheels or others, default=None)
