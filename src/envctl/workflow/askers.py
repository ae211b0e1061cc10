"""Which lists of a manifest ask for what, by the words that people know them by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from envctl.manifest.manifest import Asked, Declaration, Manifest


def asked_by_lists(manifest: Manifest, declaration: Declaration) -> Mapping[str, tuple[str, ...]]:
    """Say which lists of the manifest ask for what, for one environment: project name to lists."""
    lists = [manifest.dependencies]
    lists += [manifest.groups[group] for group in declaration.groups]
    lists += [manifest.extras[extra] for extra in declaration.extras]
    return _collect_askers(lists)


def asked_by_anyone(manifest: Manifest) -> Mapping[str, tuple[str, ...]]:
    """Say which of all lists of the manifest ask for what: project name to lists."""
    return _collect_askers([manifest.dependencies, *manifest.groups.values(), *manifest.extras.values()])


def _collect_askers(lists: Iterable[Iterable[Asked]]) -> Mapping[str, tuple[str, ...]]:
    asked: dict[str, tuple[str, ...]] = {}
    for entries in lists:
        for entry in entries:
            name = entry.requirement.name
            if entry.by not in asked.get(name, ()):
                asked[name] = (*asked.get(name, ()), entry.by)
    return asked
