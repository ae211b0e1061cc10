"""Which versions of a sorted list a specifier contains, by bisection.

Nearly every specifier contains one or two intervals of the sorted versions, so a dozen comparisons find
them where asking for each version takes thousands. What contains, packaging decides: it is asked at the
points that the bisection visits. Forms whose versions may lie scattered are asked about one by one.

Source: version specifiers (PEP 440), "Version specifiers".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version


def contained(specifiers: SpecifierSet, versions: Sequence[Version]) -> int:
    """Return, as a mask, which of ``versions`` (newest first) are contained, pre-releases included."""
    mask = (1 << len(versions)) - 1
    for specifier in specifiers:
        mask &= _contained(specifier, versions)
        if not mask:
            break
    return mask


def _contained(specifier: Specifier, versions: Sequence[Version]) -> int:
    operator, text = specifier.operator, specifier.version
    if operator == "===" or "+" in text:
        return _each(specifier, versions)
    if operator in {"==", "!="}:
        inside = _prefix(text[:-2], versions) if text.endswith(".*") else _equal(Version(text), versions)
        return inside if operator == "==" else (1 << len(versions)) - 1 & ~inside
    if operator == "~=":
        lower = Specifier(f">={text}", prereleases=True)
        return _contained(lower, versions) & _prefix(_compatible_prefix(text), versions)
    bound = Version(text)
    # `<1.post1` leaves out pre-releases of 1, and `>1rc1` post-releases: holes inside the interval.
    if operator == "<" and bound.is_postrelease:
        return _each(specifier, versions)
    if operator == ">" and (bound.is_prerelease or bound.is_postrelease):
        return _each(specifier, versions)
    if operator == ">=":
        return _below(_first(versions, lambda version: _public(version) < bound))
    if operator == "<=":
        start = _first(versions, lambda version: _public(version) <= bound)
        return _below(len(versions)) & ~_below(start)
    if operator == ">":
        return _below(_first(versions, lambda version: not specifier.contains(version, prereleases=True)))
    start = _first(versions, lambda version: specifier.contains(version, prereleases=True))
    return _below(len(versions)) & ~_below(start)


def _each(specifier: Specifier, versions: Sequence[Version]) -> int:
    mask = 0
    for position, version in enumerate(versions):
        if specifier.contains(version, prereleases=True):
            mask |= 1 << position
    return mask


def _equal(wanted: Version, versions: Sequence[Version]) -> int:
    """Return the versions that equal one without a local part, whatever their own local part is."""
    stop = _first(versions, lambda version: version < wanted)
    start = _first(versions, lambda version: version <= wanted or _public(version) == wanted)
    return _below(stop) & ~_below(start)


def _prefix(text: str, versions: Sequence[Version]) -> int:
    """Return the versions from the first development release of a prefix to that of the next one."""
    epoch, mark, release = text.rpartition("!")
    numbers = release.lstrip("vV").split(".")
    following = ".".join([*numbers[:-1], str(int(numbers[-1]) + 1)])
    low = Version(f"{epoch}{mark}{release}.dev0")
    high = Version(f"{epoch}{mark}{following}.dev0")
    start = _first(versions, lambda version: version < high)
    stop = _first(versions, lambda version: version < low)
    return _below(stop) & ~_below(start)


def _compatible_prefix(text: str) -> str:
    """Return what ``~=`` holds fixed: the release but its last number, with the epoch."""
    version = Version(text)
    epoch = f"{version.epoch}!" if version.epoch else ""
    # Zeros at the end count here, and `release` keeps them.
    return epoch + ".".join(str(number) for number in version.release[:-1])


def _first(versions: Sequence[Version], holds: Callable[[Version], bool]) -> int:
    """Return the first position at which ``holds`` is true; from there on it must always be."""
    return bisect_left(versions, True, key=holds)


def _below(position: int) -> int:
    return (1 << position) - 1


def _public(version: Version) -> Version:
    return Version(version.public) if version.local else version
