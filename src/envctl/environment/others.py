"""An environment that others made, and what others installed into one of envctl: as their RECORDs say."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping

from envctl.environment.classes import find_info, find_site
from envctl.environment.configuration import choose_executable, choose_version, read_configuration
from envctl.environment.installed import Installed, read_installed
from envctl.environment.stray import Stray, gather, make_foreign, tell_strays
from envctl.environment.tree import Seen
from envctl.frozen import replace
from envctl.model.state import Distribution, Drift, DriftKind, Owner, State
from envctl.plan.address import PYTHON, format_package

# In an environment of others these are the environment's own, though no RECORD lists them.
_OWN_NAMES = ("activate", "Activate", "deactivate", "python", "pypy", "pydoc", "wheel", "_virtualenv.")


def scan_others(path: str, found: Mapping[str, Seen]) -> State:
    """Look at the environment at ``path`` as at one of others; ``found`` is all that is in it."""
    configuration = read_configuration(path) or {}
    others = read_others(path, found, found)
    distributions: dict[str, Distribution] = {}
    for each in others:
        name = each.distribution.name
        distributions[name] = merge(distributions.get(name), each.distribution)
    leftover = {each: seen for each, seen in found.items() if not is_environments_own(each)}
    by_info = {each.distribution.info: each for each in others}
    strays = gather_strays(
        {info: each.distribution.paths for info, each in by_info.items()}, leftover, by_info
    )
    drift = [line for each in others for line in each.drift]
    drift += [*check_python(path, drift), *tell_strays(strays)]
    return State(
        path=path,
        owner=Owner.OTHERS,
        python=choose_version(configuration),
        executable=choose_executable(configuration),
        distributions=mark_intact(distributions, drift),
        drift=sort_drift(drift),
        foreign=make_foreign(strays),
    )


def read_others(
    path: str, leftover: Iterable[str], found: Mapping[str, Seen], *, known: Container[str] = ()
) -> list[Installed]:
    """Read what others installed: the distributions whose folders are in ``leftover`` and not ``known``."""
    infos: dict[str, list[str]] = {}
    for each in leftover:
        info = find_info(each)
        if info is not None and info not in known:
            infos.setdefault(info, []).append(each)
    installed = (read_installed(path, info, found, own=infos[info]) for info in sorted(infos))
    return [each for each in installed if each is not None]


def merge(before: Distribution | None, new: Distribution) -> Distribution:
    """Make one of two distributions of one name."""
    # Two folders for one name: neither is right, and both go together.
    if before is None:
        return new
    paths = tuple(sorted({*before.paths, *new.paths}))
    return replace(new, intact=False, paths=paths)


def gather_strays(
    owned: Mapping[str, Iterable[str]], leftover: Mapping[str, Seen], others: Mapping[str, Installed]
) -> tuple[Stray, ...]:
    """Gather what is ``leftover`` into strays, by who owns the files around; ``others`` by their folders."""
    claimed = {path for each in others.values() for path in each.distribution.paths}
    strays = {path: seen.size for path, seen in leftover.items() if path not in claimed}
    gathered = gather(strays, owned)
    # Owners are known here by their folders where others laid them; a line of a plan needs the name.
    names = {info: each.distribution.name for info, each in others.items()}
    return tuple(replace(each, owner=names.get(each.owner, each.owner)) for each in gathered)


def tell_foreign(distribution: Distribution) -> Drift:
    """Say of a distribution that others installed it."""
    return Drift(
        address=format_package(distribution.name),
        kind=DriftKind.FOREIGN,
        path=distribution.info,
        detail=describe_installer(distribution),
    )


def describe_installer(distribution: Distribution) -> str:
    """Say who installed a distribution, for people."""
    return f"installed by {distribution.installer}" if distribution.installer else "installed by others"


def is_environments_own(path: str) -> bool:
    """Whether a path is the environment's own, going by its name, in one that others made."""
    folder, _, name = path.rpartition("/")
    if not folder:
        return name in {"pyvenv.cfg", "lib64"}
    return (folder in {"bin", "Scripts"} or find_site(path) == folder) and name.startswith(_OWN_NAMES)


def check_python(path: str, drift: Iterable[Drift]) -> list[Drift]:
    """Check that the interpreter's link leads somewhere, where its text is still the right one."""
    if any(line.address == PYTHON for line in drift):
        return []
    name = "Scripts/python.exe" if os.path.isdir(f"{path}/Scripts") else "bin/python"
    place = f"{path}/{name}"
    if os.path.isfile(place) and os.access(place, os.X_OK):
        return []
    detail = "does not lead to an interpreter"
    return [Drift(address=PYTHON, kind=DriftKind.INTERPRETER, path=name, detail=detail)]


def mark_intact(distributions: Mapping[str, Distribution], drift: Iterable[Drift]) -> dict[str, Distribution]:
    """Mark those whose files are not as recorded; sorted by name."""
    touched = {line.address for line in drift if line.kind not in {DriftKind.FOREIGN, DriftKind.VERSION}}
    return {
        name: replace(each, intact=False) if format_package(name) in touched else each
        for name, each in sorted(distributions.items())
    }


def sort_drift(drift: Iterable[Drift]) -> tuple[Drift, ...]:
    """Sort drift as plans show it."""
    return tuple(sorted(drift, key=lambda line: (line.address, line.path, line.kind)))
