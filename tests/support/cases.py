"""A universe with lists, and what is chosen from the lock of them: checked without the resolver's help."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from packaging.pylock import Pylock
from packaging.requirements import Requirement
from packaging.tags import Tag

from envctl.lock.choose import choose, select_environment
from envctl.lock.compose import compose
from envctl.lock.lock import Lock
from envctl.lock.parse import parse
from envctl.manifest.conflicts import Conflicts, Member, conflicts_of
from envctl.model.resolution import Resolution
from envctl.model.target import Target
from envctl.model.targets import make_target, move_floor, sort_targets
from envctl.resolve.port import Catalog
from envctl.workflow.resolving import resolve_targets
from support.manifests import make_manifest
from support.universes import DictCatalog, Notation, Release, request

LINUX, MAC, WINDOWS = "linux-x86_64", "macos-arm64", "windows-x86_64"


def make_targets(*pythons: str, platforms: Sequence[str] = (LINUX,)) -> tuple[Target, ...]:
    return sort_targets([make_target(name, python) for name in platforms for python in pythons])


ONE = make_targets("3.12")


class Case:
    """A universe and lists, and what becomes of them; ``more`` are those of `make_manifest`."""

    def __init__(
        self,
        universe: Notation,
        *wanted: str,
        conflicts: Sequence[Sequence[Member]] = (),
        groups: Mapping[str, Sequence[str]] | None = None,
        extras: Mapping[str, Sequence[str]] | None = None,
        targets: Sequence[Target] = ONE,
        catalog: Catalog | None = None,
        tolerant: bool = False,
        **more: Any,
    ) -> None:
        self.universe = universe
        self.lists: dict[Member | None, Sequence[str]] = {None: wanted}
        self.lists |= {("group", name): texts for name, texts in (groups or {}).items()}
        self.lists |= {("extra", name): texts for name, texts in (extras or {}).items()}
        self.request = request(*wanted, groups=groups or {}, extras=extras or {})
        self.manifest = make_manifest(
            conflicts=tuple(map(tuple, conflicts)),
            groups=self.request.groups,
            extras=self.request.extras,
            **more,
        )
        self.conflicts: Conflicts = conflicts_of(self.manifest)
        self.targets = targets
        self.catalog = catalog or DictCatalog(universe)
        self.tolerant = tolerant

    def resolve(self, old: Lock | None = None) -> tuple[Resolution, ...]:
        return resolve_targets(
            self.request,
            self.targets,
            self.catalog,
            lambda _: None,
            old=old,
            released=frozenset(),
            tolerant=self.tolerant,
            conflicts=self.conflicts,
        )

    def lock(self, old: Lock | None = None) -> Lock:
        made = compose(self.resolve(old), manifest=self.manifest, digest="", old=old)
        return parse(made.data, path=made.path)

    def combinations(self) -> list[frozenset[Member]]:
        names = [name for name in self.lists if name is not None]
        subsets = (itertools.combinations(names, count) for count in range(len(names) + 1))
        held = map(frozenset, itertools.chain.from_iterable(subsets))
        return [each for each in held if self.conflicts.are_allowed(each)]


def split(held: Iterable[Member]) -> dict[str, Any]:
    return {
        "groups": [name for kind, name in held if kind == "group"],
        "extras": [name for kind, name in held if kind == "extra"],
    }


def chosen(lock: Lock, target: Target, *held: Member, **options: Any) -> dict[str, str | None]:
    pins = choose(lock, target, **split(held), **options).pins
    return {name: pin.version for name, pin in pins.items()}


def markers(lock: Lock) -> dict[tuple[str, str], str | None]:
    packages = tomllib.loads(lock.data.decode())["packages"]
    return {(each["name"], each["version"]): each.get("marker") for each in packages}


def needed(case: Case, picks: Mapping[str, str | None], target: Target, roots: Iterable[str]) -> set[str]:
    """Walk what is required, and fail where it is not met. Nothing of envctl is asked here."""
    found: set[tuple[str, str]] = set()
    queue = [Requirement(text) for text in roots]
    for wanted in queue:  # grows while it is walked
        if wanted.marker is not None and not wanted.marker.evaluate(dict(target.markers)):
            continue
        version = picks.get(wanted.name)
        assert version is not None, f"{wanted} is missing"
        assert wanted.specifier.contains(version, prereleases=True), f"{wanted}, not {version}"
        for extra in ("", *wanted.extras):
            if (wanted.name, extra) not in found:
                found.add((wanted.name, extra))
                written = case.universe[wanted.name][version]
                release = written if isinstance(written, Release) else Release(written)
                texts = release.extras.get(extra, ()) if extra else release.requires
                queue += map(Requirement, texts)
    return {name for name, _ in found}


def refuse_wrong_choices(case: Case, lock: Lock, patches: Sequence[int] = (0,)) -> int:
    """Check every allowed combination on every target and patch version; return how many there were."""
    count = 0
    for target, held, patch in itertools.product(case.targets, case.combinations(), patches):
        version = f"{target.python}.{patch}"
        here = move_floor(target, version, version)
        picks = chosen(lock, here, *held)
        roots = itertools.chain.from_iterable(case.lists[name] for name in (None, *held))
        assert needed(case, picks, here, roots) == set(picks), (target.name, version, held)
        count += 1
    return count


def choose_default(lock: Lock, target: Target) -> dict[str, str | None]:
    """Choose as an installer does that is told of no lists, without envctl."""
    tags = [Tag(*tag.split("-")) for tag in target.tags]
    chosen = Pylock.from_dict(tomllib.loads(lock.data.decode())).select(
        environment=select_environment(target), tags=tags
    )
    return {package.name: str(package.version) for package, _ in chosen}
