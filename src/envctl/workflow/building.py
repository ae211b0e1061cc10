"""Building for one run: source trees and sdists to metadata and to wheels in the store.

A build needs an environment with the backend in it; that environment is resolved and laid by the
same rooms as any other, which is the recursion this module ties. What comes out is checked like
any wheel and kept under a key made of all that went in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from packaging.requirements import InvalidRequirement, Requirement

from envctl import atomic
from envctl.build.backend import Backend
from envctl.build.digest import digest_metadata
from envctl.build.sdist import read_static_package_info, unpack_sdist
from envctl.build.source import (
    BuildSystem,
    find_source_folder,
    parse_build_system,
    read_pyproject,
    read_stated_metadata,
)
from envctl.errors import BuildError, InputError
from envctl.frozen import dataclass
from envctl.index.metadata import parse_metadata
from envctl.manifest.manifest import BuildSettings
from envctl.model.artifact import Directory, Sdist, identify
from envctl.model.events import Advanced, Emit, Ended, Phase, Started
from envctl.model.interpreter import Interpreter
from envctl.model.selection import Pin
from envctl.resolve.port import ListedFile, Metadata
from envctl.store.entry import Entry
from envctl.store.store import Store
from envctl.wheel.unpack import Unpacked, unpack
from envctl.workflow.keys import BUILT, BUILT_METADATA, build_digest, built_key
from envctl.workflow.scratch import scratch_folder


@dataclass(frozen=True, slots=True)
class Workshop:
    """An isolated environment, ready to run a backend: its interpreter and its folder of commands."""

    python: str
    scripts: str


#: Makes, for building a project, an isolated environment with these requirements in it, at a folder; may be
#: called again with more.
Furnish = Callable[[str, Sequence[Requirement], str], Workshop]


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Builds for one interpreter. ``fetch_sdist`` brings an sdist to a path of a folder, verified."""

    store: Store
    settings: BuildSettings
    interpreter: Interpreter
    environ: Mapping[str, str]
    furnish: Furnish
    fetch_sdist: Callable[[ListedFile | Sdist, str], str]
    emit: Emit

    def directory_metadata(self, name: str, directory: Directory) -> Metadata:
        """Tell the metadata of a source tree: read where it is stated whole, else asked of its backend.

        Raises:
            InputError: `bad-pyproject`; BuildError: `build-failed`.
        """
        folder = _folder_of(directory)
        static = read_stated_metadata(folder)
        if static is not None:
            return static
        kind = "editable" if directory.editable else "wheel"
        return self._built_metadata(name, folder, kind, key=f"{identify(directory)} {kind}")

    def sdist_metadata(self, name: str, file: ListedFile) -> Metadata:
        """Tell the metadata of an sdist: read from its PKG-INFO where that can be trusted, else by a build.

        Raises:
            BuildError: `build-not-allowed` when only a build could tell and none is allowed; `build-failed`.
            UpstreamError: `bad-sdist`.
        """
        with self._unpacked(file) as folder:
            static = read_static_package_info(folder)
            if static is not None:
                return parse_metadata(static, where=file.filename)
            self.require_permission(name)
            return self._built_metadata(name, folder, "wheel", key=f"sdist {sorted(file.hashes.items())}")

    def require_permission(self, name: str) -> None:
        """Refuse to build a project of an index that the manifest does not allow by name.

        Raises:
            BuildError: `build-not-allowed`.
        """
        allow = self.settings.allow
        if name in self.settings.deny or not (allow is True or (allow is not False and name in allow)):
            raise BuildError(
                "build-not-allowed",
                f"`{name}` must be built from source, which runs its code, and nothing allows that",
                hints=[f'`[build] allow = ["{name}"]` in the manifest allows it'],
            )

    def build(self, pin: Pin) -> Entry:
        """Build the wheel of a pin that is a directory or an sdist, into the store.

        Raises:
            BuildError: `build-failed`, `build-not-allowed`, `no-editable`.
            UpstreamError: when what the backend made is not a valid wheel.
        """
        match pin.artifact:
            case Directory() as directory:
                folder = _folder_of(directory)
                kind = "editable" if directory.editable else "wheel"
                return self._build_wheel(pin, folder, kind)
            case Sdist() as sdist:
                self.require_permission(pin.name)
                with self._unpacked(sdist) as folder:
                    return self._build_wheel(pin, folder, "wheel")
            case _:
                raise BuildError("source-not-supported", f"`{pin.name}` is of a kind that is not built yet")

    def _built_metadata(self, name: str, folder: str, kind: str, *, key: str) -> Metadata:
        subject = f"metadata {key} {digest_metadata(folder)}"
        memo = build_digest(name, subject, self.settings.inputs, self.interpreter)
        data = self.store.read_memo(BUILT_METADATA, memo)
        if data is None:
            with self._backend(name, folder, kind) as (backend, scratch):
                path = backend.prepare_metadata(kind, scratch, self._config(name))
                with open(path, "rb") as file:
                    data = file.read()
            self.store.write_memo(BUILT_METADATA, memo, data)
        return parse_metadata(data, where=folder)

    def _build_wheel(self, pin: Pin, folder: str, kind: str) -> Entry:
        self.emit(Started(Phase.BUILD, 1))
        self.emit(Advanced(Phase.BUILD, 0, pin.name))
        with self._backend(pin.name, folder, kind) as (backend, scratch):
            filename = backend.build(kind, scratch, self._config(pin.name))
            path = os.path.join(scratch, filename)
            entry = self.store.add(
                BUILT,
                built_key(pin, self.settings.inputs, self.interpreter),
                lambda target: _unpack(path, target, filename, pin),
            )
        self.emit(Ended(Phase.BUILD, f"Built {pin.name}"))
        return entry

    def _config(self, name: str) -> Mapping[str, str]:
        return self.settings.config_settings.get(name, {})

    @contextmanager
    def _backend(self, name: str, folder: str, kind: str) -> Iterator[tuple[Backend, str]]:
        """Give a backend whose environment holds all it asks for, and a scratch folder, both for a while."""
        where = os.path.join(folder, "pyproject.toml")
        system = parse_build_system(read_pyproject(folder), where=where)
        with scratch_folder("build") as place:
            requires = self._requirements(system.requires, where)
            backend = self._workbench(
                name, folder, system, self.furnish(name, requires, os.path.join(place, "environment"))
            )
            more = backend.requires(kind, self._config(name))
            if more:
                wanted = [*requires, *self._requirements(more, where)]
                furnished = self.furnish(name, wanted, os.path.join(place, "environment-with-more"))
                backend = self._workbench(name, folder, system, furnished)
            scratch = os.path.join(place, "scratch")
            atomic.make_directory(scratch)
            yield backend, scratch

    def _workbench(self, name: str, folder: str, system: BuildSystem, workshop: Workshop) -> Backend:
        return Backend(
            source=folder,
            system=system,
            python=workshop.python,
            scripts=workshop.scripts,
            environ=self.environ,
            project=name,
        )

    def _requirements(self, texts: Sequence[str], where: str) -> list[Requirement]:
        try:
            return [Requirement(text) for text in texts]
        except InvalidRequirement as error:
            raise InputError(
                "bad-pyproject", f"a build requirement is invalid: {error}", where=where
            ) from error

    @contextmanager
    def _unpacked(self, file: ListedFile | Sdist) -> Iterator[str]:
        with scratch_folder("sdist") as place:
            archive = self.fetch_sdist(file, place)
            unpacked = os.path.join(place, "source")
            atomic.make_directory(unpacked)
            unpack_sdist(archive, unpacked, filename=file.filename)
            yield find_source_folder(unpacked, os.listdir(unpacked))


def _folder_of(directory: Directory) -> str:
    return os.path.join(directory.path, directory.subdirectory) if directory.subdirectory else directory.path


def _unpack(path: str, target: str, filename: str, pin: Pin) -> Unpacked:
    return unpack(
        path,
        target,
        filename=filename,
        name=pin.name,
        version=pin.version,
    )
