"""Releases without a file for one of the targets that the manifest names: locked for the others, and told.

A manifest that names many targets may need a project that no longer has, or never had, files for one of
them. Where nothing usable exists at all, the target is solved again as if those releases had a file;
the lock is then right everywhere else, and installing there fails with the same name. Usable releases,
older ones too, always go first, because only a search that failed with them comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from packaging.version import Version

from envctl.errors import ResolutionError
from envctl.frozen import replace
from envctl.model.artifact import Artifact, Wheel
from envctl.model.events import Notice
from envctl.model.resolution import Resolution, Resolved
from envctl.resolve.files import RefusalKind, Yardstick, has_tag
from envctl.resolve.port import Catalog, ListedFile, Metadata, Project

_CODE = "no-usable-file"

#: So many files of a release are named.
_TOLD = 3


def tolerate(
    error: ResolutionError, attempt: Callable[[Catalog], Resolution], catalog: Catalog, yardstick: Yardstick
) -> Resolution | None:
    """Resolve once more where ``error`` is that releases have no usable file; None where it is another.

    In the resolution those releases have no artifacts. ``attempt`` solves with the catalog it is given.
    """
    names: frozenset[str] = frozenset()
    while error.code == _CODE:
        more = _unusable(error) - names
        if not more:
            return None
        names |= more
        view = _View(catalog, names, yardstick)
        try:
            return view.strip(attempt(view))
        except ResolutionError as next_error:
            error = next_error
    return None


def find_orphans(resolutions: Sequence[Resolution]) -> frozenset[str]:
    """Return the projects of which a release was resolved that has no file on any target."""
    held = {
        (name, package.version)
        for resolution in resolutions
        for name, package in resolution.packages.items()
        if package.artifacts
    }
    return frozenset(
        name
        for resolution in resolutions
        for name, package in resolution.packages.items()
        if (name, package.version) not in held
    )


def tell(resolutions: Sequence[Resolution]) -> Iterable[Notice]:
    """Say which packages cannot be installed on which targets, one notice a release, and what it has."""
    places: dict[tuple[str, str | None], dict[str, None]] = {}
    for resolution in resolutions:
        for target in resolution.target.all:
            tags = frozenset(target.tags) if resolution.target.others else None
            for name, package in resolution.packages.items():
                if not _has_file(package, tags):
                    place = f"{target.name} with Python {target.python}"
                    places.setdefault((name, package.version), {})[place] = None
    hint = "it is locked for the other targets only; `[lock] overrides` with a marker can drop it there"
    for (name, version), where in sorted(places.items()):
        message = f"no file of {name} {version} can be used on {', '.join(where)}"
        yield Notice("warning", _CODE, message, (*_tell_files(resolutions, name, version), hint))


def _tell_files(resolutions: Sequence[Resolution], name: str, version: str | None) -> Iterable[str]:
    """Name the wheels of a release that other targets can use, a few of many."""
    packages = (resolution.packages.get(name) for resolution in resolutions)
    files = sorted(
        {
            artifact.filename
            for package in packages
            if package is not None and package.version == version
            for artifact in package.artifacts
            if isinstance(artifact, Wheel)
        }
    )
    if files:
        more = f" and {len(files) - _TOLD} more" if len(files) > _TOLD else ""
        yield f"its files are {', '.join(f'`{file}`' for file in files[:_TOLD])}{more}"


def _has_file(package: Resolved, tags: Collection[str] | None) -> bool:
    """Whether one of the files is for a target; with ``tags`` for one of several that are alike."""
    return any(
        tags is None or not isinstance(one, Wheel) or has_tag(one.filename, tags) for one in package.artifacts
    )


def _unusable(error: ResolutionError) -> frozenset[str]:
    from envctl.resolve.conflict import Conflict, Unusable  # noqa: PLC0415 - there is an error to look at

    conflict = error.conflict
    facts = conflict.facts if isinstance(conflict, Conflict) else ()
    return frozenset(
        fact.name for fact in facts if isinstance(fact, Unusable) and fact.kind is RefusalKind.TAGS
    )


class _View:
    """A catalog in which releases of some projects that have wheels, but none that fits, seem to have one."""

    def __init__(self, catalog: Catalog, names: frozenset[str], yardstick: Yardstick) -> None:
        self._catalog = catalog
        self._names = names
        self._yardstick = yardstick
        self._files: dict[str, ListedFile] = {}

    def project(self, name: str) -> Project | None:
        """See `Catalog.project`."""
        project = self._catalog.project(name)
        return _Pretender(project, self._pretend) if project is not None and name in self._names else project

    def metadata(self, name: str, version: Version | None, artifact: ListedFile | Artifact) -> Metadata:
        """See `Catalog.metadata`."""
        return self._catalog.metadata(name, version, self._real(artifact))

    def prefetch(self, names: Iterable[str]) -> None:
        """See `Catalog.prefetch`."""
        self._catalog.prefetch(names)

    def prefetch_metadata(self, name: str, file: ListedFile) -> None:
        """See `Catalog.prefetch_metadata`."""
        self._catalog.prefetch_metadata(name, self._files.get(file.url, file))

    def near_names(self, name: str) -> Sequence[str]:
        """See `Catalog.near_names`."""
        return self._catalog.near_names(name)

    def strip(self, resolution: Resolution) -> Resolution:
        """Take back what only seemed to be a file."""
        packages = {
            name: replace(
                package, artifacts=tuple(one for one in package.artifacts if not self._is_pretended(one))
            )
            for name, package in resolution.packages.items()
        }
        return replace(resolution, packages=packages)

    def _is_pretended(self, artifact: Artifact) -> bool:
        if not isinstance(artifact, Wheel) or artifact.url not in self._files:
            return False
        return artifact.filename != self._files[artifact.url].filename

    def _real(self, artifact: ListedFile | Artifact) -> ListedFile | Artifact:
        return self._files.get(artifact.url, artifact) if isinstance(artifact, ListedFile) else artifact

    def _pretend(self, name: str, files: Sequence[ListedFile], index: str) -> Sequence[ListedFile]:
        if self._yardstick.measure(name, files, index).files:
            return files
        wheel = next((file for file in files if file.filename.endswith(".whl")), None)
        if wheel is None:
            return files
        self._files[wheel.url] = wheel
        distribution, version = wheel.filename.split("-")[:2]
        return (*files, replace(wheel, filename=f"{distribution}-{version}-py3-none-any.whl"))


class _Pretender:
    """A project whose files are looked at before they are told."""

    def __init__(
        self, project: Project, pretend: Callable[[str, Sequence[ListedFile], str], Sequence[ListedFile]]
    ) -> None:
        self._project = project
        self._pretend = pretend

    @property
    def name(self) -> str:
        """See `Project.name`."""
        return self._project.name

    @property
    def index(self) -> str:
        """See `Project.index`."""
        return self._project.index

    @property
    def status(self) -> str | None:
        """See `Project.status`."""
        return self._project.status

    @property
    def versions(self) -> Sequence[Version]:
        """See `Project.versions`."""
        return self._project.versions

    def files(self, version: Version) -> Sequence[ListedFile]:
        """See `Project.files`."""
        return self._pretend(self._project.name, self._project.files(version), self._project.index)
