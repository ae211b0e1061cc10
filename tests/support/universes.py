"""An index in memory, from a compact notation.

::

    {
        "a": {
            "1.0": ["b>=1"],                       # requirements; one wheel for everything
            "2.0": Release(["c"], wheels=("cp39-cp39-win_amd64",), sdist=True, yanked=""),
        },
    }
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envctl.errors import BuildError
from envctl.manifest.manifest import Asked
from envctl.model.artifact import Artifact
from envctl.model.dependency import dependency_from
from envctl.model.events import Event
from envctl.model.resolution import Resolution
from envctl.model.target import Target
from envctl.resolve.port import ListedFile, Metadata, Project
from envctl.resolve.request import Permission, Request
from envctl.resolve.solve import solve


@dataclass(frozen=True, slots=True)
class Release:
    requires: Sequence[str] = ()
    extras: Mapping[str, Sequence[str]] = field(default_factory=dict)
    wheels: Sequence[str] = ("py3-none-any",)
    sdist: bool = False
    python: str | None = None
    yanked: str | None = None
    uploaded: str | None = "2024-01-01T00:00:00Z"
    told: bool = True  # whether metadata can be read without a build


Notation = Mapping[str, Mapping[str, "Release | Sequence[str]"]]


def _release(written: Release | Sequence[str]) -> Release:
    return written if isinstance(written, Release) else Release(written)


def _file(name: str, version: str, release: Release, ending: str) -> ListedFile:
    filename = f"{name.replace('-', '_')}-{version}{ending}"
    return ListedFile(
        filename=filename,
        url=f"https://files.example/{filename}",
        hashes={"sha256": hashlib.sha256(filename.encode()).hexdigest()},
        size=len(filename),
        upload_time=release.uploaded,
        requires_python=release.python,
        yanked=release.yanked,
    )


class DictProject:
    def __init__(self, name: str, releases: Mapping[str, Release]) -> None:
        self._name = name
        self._releases = {Version(version): release for version, release in releases.items()}

    @property
    def name(self) -> str:
        return self._name

    @property
    def index(self) -> str:
        return "main"

    @property
    def status(self) -> None:
        return None

    @property
    def versions(self) -> Sequence[Version]:
        return sorted(self._releases, reverse=True)

    def files(self, version: Version) -> Sequence[ListedFile]:
        release = self._releases[version]
        endings = [f"-{tag}.whl" for tag in release.wheels] + [".tar.gz"] * release.sdist
        return [_file(self._name, str(version), release, ending) for ending in endings]


class DictCatalog:
    """A catalog of one index; ``direct`` holds the metadata of sources by name."""

    def __init__(self, notation: Notation, direct: Mapping[str, Metadata] | None = None) -> None:
        self._releases: dict[str, dict[str, Release]] = {
            canonicalize_name(name): {version: _release(written) for version, written in releases.items()}
            for name, releases in notation.items()
        }
        self._by_version: dict[str, dict[Version, Release]] = {}
        self._direct = direct or {}
        self.asked: list[str] = []
        self.hinted: list[str] = []
        self.hinted_files: list[str] = []

    def project(self, name: str) -> Project | None:
        self.asked.append(name)
        return DictProject(name, self._releases[name]) if name in self._releases else None

    def metadata(self, name: str, version: Version | None, artifact: ListedFile | Artifact) -> Metadata:
        if not isinstance(artifact, ListedFile):
            return self._direct[name]
        assert version is not None
        if name not in self._by_version:
            self._by_version[name] = {
                Version(text): release for text, release in self._releases[name].items()
            }
        release = self._by_version[name][version]
        if not release.told:
            raise BuildError("build-not-allowed", f"{name} {version} would have to be built")
        return metadata(name, str(version), release)

    def prefetch(self, names: Iterable[str]) -> None:
        self.hinted += names

    def prefetch_metadata(self, name: str, file: ListedFile) -> None:
        self.hinted_files.append(file.filename)

    def near_names(self, name: str) -> Sequence[str]:
        return [other for other in self._releases if other[:2] == name[:2]]


def metadata(name: str, version: str, release: Release) -> Metadata:
    requirements = [Requirement(text) for text in release.requires]
    for extra, texts in release.extras.items():
        for text in texts:
            base, _, marker = text.partition(";")
            condition = f"({marker}) and " if marker else ""
            requirements.append(Requirement(f'{base}; {condition}extra == "{extra}"'))
    return Metadata(
        name=name,
        version=Version(version),
        requires_python=None if release.python is None else SpecifierSet(release.python),
        requirements=tuple(map(dependency_from, requirements)),
        extras=frozenset(canonicalize_name(extra) for extra in release.extras),
    )


def make_target(
    python: str = "3.11.7",
    *,
    ceiling: str | None = None,
    system: str = "linux",
    machine: str = "x86_64",
    tags: Sequence[str] | None = None,
) -> Target:
    minor = ".".join(python.split(".")[:2])
    digits = minor.replace(".", "")
    platforms = {"linux": f"linux_{machine}", "win32": "win_amd64", "darwin": "macosx_13_0_x86_64"}
    systems = {"linux": "linux", "win32": "windows", "darwin": "macos"}
    names = {"linux": ("Linux", "posix"), "win32": ("Windows", "nt"), "darwin": ("Darwin", "posix")}
    return Target(
        name=f"{systems[system]}-{machine.lower()}",
        python=minor,
        floor=python,
        ceiling=ceiling or python,
        markers={
            "implementation_name": "cpython",
            "implementation_version": python,
            "os_name": names[system][1],
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": names[system][0],
            "platform_version": "",
            "python_full_version": python,
            "python_version": minor,
            "sys_platform": system,
        },
        tags=tuple(
            tags
            or (
                f"cp{digits}-cp{digits}-{platforms[system]}",
                f"cp{digits}-abi3-{platforms[system]}",
                f"cp{digits}-none-any",
                "py3-none-any",
            )
        ),
    )


def asked(*texts: str, by: str = "env.toml") -> tuple[Asked, ...]:
    return tuple(
        Asked(requirement=Requirement(text), by=by, where=f"env.toml:{line}")
        for line, text in enumerate(texts, 1)
    )


def request(*texts: str, **changes: object) -> Request:
    """A request whose dependencies are ``texts``; groups and extras are given as texts too."""
    for key, word in (("groups", "group"), ("extras", "extra")):
        lists = changes.get(key)
        if isinstance(lists, Mapping):
            changes[key] = {name: asked(*wanted, by=f"{word} {name}") for name, wanted in lists.items()}
    for key in ("constraints", "overrides"):
        written = changes.get(key)
        if isinstance(written, Sequence):
            changes[key] = tuple(Requirement(text) for text in written)
    if "allow" in changes:
        changes["permission"] = Permission(allow=changes.pop("allow"))  # type: ignore[arg-type]
    return Request(base=asked(*texts), **changes)  # type: ignore[arg-type]


def resolve(
    notation: Notation, wanted: Request, target: Target | None = None, events: list[Event] | None = None
) -> Resolution:
    emit = (lambda _: None) if events is None else events.append
    return solve(wanted, target or make_target(), DictCatalog(notation), emit)


def versions(resolution: Resolution) -> dict[str, str | None]:
    return {name: package.version for name, package in resolution.packages.items()}
