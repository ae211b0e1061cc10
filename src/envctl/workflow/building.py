"""Building for one run: source trees and sdists to metadata and to wheels in the store.

A build needs an environment with the backend in it; that environment is resolved and laid by the
same rooms as any other, which is the recursion this module ties. What comes out is checked like
any wheel and kept under a key made of all that went in.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from envctl import atomic
from envctl.build.digest import digest_metadata
from envctl.build.sdist import unpack_sdist
from envctl.build.source import (
    find_source_folder,
    read_stated_metadata,
)
from envctl.errors import BuildError
from envctl.frozen import dataclass
from envctl.index.metadata import parse_metadata
from envctl.index.stated import decode_metadata, encode_metadata
from envctl.manifest.manifest import BuildSettings
from envctl.memo import Memo
from envctl.model.artifact import (
    Archive,
    Checkout,
    Directory,
    Sdist,
    Wheel,
    format_origin,
    identify,
    is_local,
)
from envctl.model.events import Advanced, Emit, Ended, Phase, Started
from envctl.model.interpreter import Interpreter
from envctl.model.selection import Pin
from envctl.model.tables import BuildInputs
from envctl.resolve.port import ListedFile, Metadata
from envctl.resolve.request import permission_from
from envctl.scratch import scratch_folder
from envctl.store.entry import Entry
from envctl.store.store import Store
from envctl.wheel.unpack import Unpacked, unpack
from envctl.workflow.archives import read_unpacked
from envctl.workflow.built import Stated, find_keys, keep_record, make_key, state_build, state_wheel
from envctl.workflow.jobs import Job, Jobs, Task
from envctl.workflow.keys import (
    BUILT,
    BUILT_METADATA,
    STATED_METADATA,
    strongest_digest,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Builds for one interpreter. May be used from several threads.

    ``fetch_sdist`` brings an sdist to a path of a folder, verified; ``open_tree`` lays out the tree of a
    direct source for a while. ``chain`` names what is being built already, and needs what is built here.
    """

    store: Store
    settings: BuildSettings
    inputs: BuildInputs
    interpreter: Interpreter
    environ: Mapping[str, str]
    jobs: Jobs
    fetch_sdist: Callable[[ListedFile | Sdist, str], str]
    open_tree: Callable[[Archive | Checkout], AbstractContextManager[str]]
    emit: Emit
    chain: tuple[str, ...] = ()

    @property
    def kept(self) -> Memo:
        """What is known of metadata, from this run and those before."""
        return Memo(self.store.folder)

    def directory_metadata(self, name: str, directory: Directory) -> Metadata:
        """Tell the metadata of a source tree: read where it is stated whole, else asked of its backend.

        Raises:
            InputError: `bad-pyproject`; BuildError: `build-failed`, `build-timeout`, `build-cycle`.
        """
        folder = _folder_of(directory)
        static = read_stated_metadata(folder)
        if static is not None:
            return static
        kind = "editable" if directory.editable else "wheel"
        stated = self._state(name, f"metadata {identify(directory)} {kind} {digest_metadata(folder)}")
        data = self._recall_metadata(stated)
        if data is None:
            self._refuse_cycle(name, directory.path)
            task = Task(name=name, folder=folder, kind=kind, where=folder, stated=stated)
            data = self._ask_metadata(task)
        return parse_metadata(data, where=folder)

    def sdist_metadata(self, name: str, file: ListedFile) -> Metadata:
        """Tell the metadata of an sdist: what it states where that can be trusted, else by a build.

        Raises:
            BuildError: `build-not-allowed` when only a build could tell and none is allowed; `build-failed`,
                `build-timeout`.
            UpstreamError: `bad-sdist`.
        """
        key = strongest_digest(file.hashes)
        stated = self.kept.find(STATED_METADATA, key) if key else None
        if stated is not None:
            return decode_metadata(stated)
        # An sdist that no digest is known of is not told from another of its name: nothing of it is kept.
        told = self._state(name, f"metadata sdist {key}") if key else None
        may_build = permission_from(self.settings).may_build(name)
        built = self._recall_metadata(told) if told and may_build else None
        if built is not None:
            return parse_metadata(built, where=file.filename)
        with self._unpacked(file) as folder:
            metadata = read_unpacked(folder, file.filename)
            if metadata is not None:
                if key:
                    self.kept.keep(STATED_METADATA, key, encode_metadata(metadata))
                return metadata
            self._refuse_cycle(name, file.filename)
            self.require_permission(name)
            task = Task(name=name, folder=folder, kind="wheel", where=file.filename, stated=told)
            return parse_metadata(self._ask_metadata(task), where=file.filename)

    def direct_metadata(self, name: str, artifact: Archive | Checkout) -> Metadata:
        """Tell the metadata of a direct source that does not state it, by a build.

        Raises:
            BuildError: `build-not-allowed`, `build-failed`, `build-timeout`.
        """
        where = format_origin(artifact)
        self._refuse_cycle(name, where)
        self.require_permission_for(name, artifact)
        stated = self._state(name, f"metadata {identify(artifact)}")
        data = self._recall_metadata(stated)
        if data is None:
            with self.open_tree(artifact) as folder:
                task = Task(name=name, folder=folder, kind="wheel", where=where, stated=stated)
                data = self._ask_metadata(task)
        return parse_metadata(data, where=where)

    def require_permission_for(self, name: str, artifact: Archive | Checkout) -> None:
        """Refuse to build a direct source that neither lies on this machine nor is allowed by name.

        Raises:
            BuildError: `build-not-allowed`.
        """
        if name in self.settings.deny or not is_local(artifact):
            self.require_permission(name)

    def require_permission(self, name: str) -> None:
        """Refuse to build a project of an index that the manifest does not allow by name.

        Raises:
            BuildError: `build-not-allowed`.
        """
        if permission_from(self.settings).may_build(name):
            return
        hint = f'`[build] allow = ["{name}"]` in the manifest allows it'
        if name in self.settings.deny:
            hint = f"take `{name}` out of `[build] deny`, or choose a version that has a wheel"
        raise BuildError(
            "build-not-allowed",
            f"`{name}` must be built from source, which runs its code, and nothing allows that",
            hints=[hint],
        )

    def build(self, pin: Pin) -> Entry:
        """Build the wheel of a pin that is a directory or an sdist, into the store.

        The tools are chosen anew; where they are those of an earlier build, its wheel is taken.

        Raises:
            BuildError: `build-failed`, `build-timeout`, `build-not-allowed`, `build-cycle`, `no-editable`.
            UpstreamError: when what the backend made is not a valid wheel.
        """
        match pin.artifact:
            case Directory() as directory:
                self._refuse_cycle(pin.name, directory.path)
                kind = "editable" if directory.editable else "wheel"
                return self._build_wheel(pin, _folder_of(directory), kind, where=directory.path)
            case Sdist() as sdist:
                self._refuse_cycle(pin.name, sdist.filename)
                self.require_permission(pin.name)
                with self._unpacked(sdist) as folder:
                    return self._build_wheel(pin, folder, "wheel", where=sdist.filename)
            case Archive() | Checkout() as artifact:
                where = format_origin(artifact)
                self._refuse_cycle(pin.name, where)
                self.require_permission_for(pin.name, artifact)
                with self.open_tree(artifact) as folder:
                    return self._build_wheel(pin, folder, "wheel", where=where)
            case Wheel():
                raise TypeError(pin)

    def list_requirements(self, pin: Pin) -> Sequence[Requirement]:
        """Ask what the build of a pin requires: what its source states, and what its backend adds.

        Raises:
            BuildError, InputError, UpstreamError: as `build` does.
        """
        artifact, where = pin.artifact, format_origin(pin.artifact)
        match artifact:
            case Directory():
                kind = "editable" if artifact.editable else "wheel"
                return self._ask_requirements(pin.name, _folder_of(artifact), kind, where)
            case Sdist():
                self.require_permission(pin.name)
                with self._unpacked(artifact) as folder:
                    return self._ask_requirements(pin.name, folder, "wheel", where)
            case Archive() | Checkout():
                self.require_permission_for(pin.name, artifact)
                with self.open_tree(artifact) as folder:
                    return self._ask_requirements(pin.name, folder, "wheel", where)
            case Wheel():
                return ()

    def _ask_requirements(self, name: str, folder: str, kind: str, where: str) -> Sequence[Requirement]:
        stated = self._state(name, f"requirements {where}")
        task = Task(name=name, folder=folder, kind=kind, where=where, stated=stated)
        with self.jobs.begin(task, "requirements") as job:
            return job.requires

    def _ask_metadata(self, task: Task) -> bytes:
        self.emit(Started(Phase.BUILD, 1))
        self.emit(Advanced(Phase.BUILD, 0, f"{task.name} (metadata)"))
        with self.jobs.begin(task, "metadata") as job:
            key = make_key(task.stated, job.tools) if task.stated else None
            data = self.kept.find(BUILT_METADATA, key) if key else None
            if data is None:
                path = job.backend.prepare_metadata(task.kind, job.target, self._config(task.name))
                with open(path, "rb") as file:
                    data = file.read()
            if task.stated and key:
                self.kept.keep(BUILT_METADATA, key, data)
                keep_record(self.kept, task.stated, job.tools, key)
        self.emit(Ended(Phase.BUILD))
        return data

    def _recall_metadata(self, stated: Stated) -> bytes | None:
        keys = find_keys(self.kept, stated, self.inputs.sources)
        return self.kept.find(BUILT_METADATA, keys[0]) if keys else None

    def _build_wheel(self, pin: Pin, folder: str, kind: str, *, where: str) -> Entry:
        self.emit(Started(Phase.BUILD, 1))
        self.emit(Advanced(Phase.BUILD, 0, pin.name))
        stated = state_wheel(pin, self.inputs, self.interpreter, self.environ)
        task = Task(name=pin.name, folder=folder, kind=kind, where=where, stated=stated)
        with self.jobs.begin(task, kind) as job:
            key = make_key(stated, job.tools)
            entry = self.store.get(BUILT, key)
            if entry is None:
                entry, told = self._make(task, job, pin, key), f"Built {pin.name}"
            else:
                job.log.discard()  # what is there is that of the build
                told = f"Found {pin.name} as the same tools have built it"
        keep_record(self.kept, stated, job.tools, key)
        self.emit(Advanced(Phase.BUILD, 1, pin.name))
        self.emit(Ended(Phase.BUILD, told))
        return entry

    def _make(self, task: Task, job: Job, pin: Pin, key: str) -> Entry:
        filename = job.backend.build(task.kind, job.target, self._config(pin.name))
        self._refuse_unusable(task, filename)
        path = os.path.join(job.target, filename)
        made_by = {
            "sha256": _digest_file(path),
            "built_with": {tool.name: f"{tool.version} {tool.digest}" for tool in job.tools},
        }

        def produce(target: str) -> Unpacked:
            made = unpack(path, target, filename=filename, name=pin.name, version=pin.version)
            return Unpacked({**made.about, **made_by}, made.hashes)

        # Not held while it is built: of two builds that need each other's, each would wait for the other.
        return self.store.add(BUILT, key, produce)

    def _refuse_unusable(self, task: Task, filename: str) -> None:
        try:
            tags = parse_wheel_filename(filename)[3]
        except InvalidWheelFilename:
            return  # who unpacks it says what is wrong
        if not {str(tag) for tag in tags} & set(self.interpreter.tags):
            raise BuildError(
                "build-failed",
                f"`{task.name}` could not be built: `{filename}` is not for the Python that it was built by",
                where=task.where,
            )

    def _refuse_cycle(self, name: str, where: str) -> None:
        if name in self.chain:
            raise BuildError(
                "build-cycle",
                f"`{name}` is needed to build itself: {' > '.join((*self.chain, name))}",
                where=where,
                hints=["one of them has to come as a wheel"],
            )

    def _state(self, name: str, subject: str) -> Stated:
        return state_build(name, subject, self.inputs, self.interpreter, self.environ)

    def _config(self, name: str) -> Mapping[str, str]:
        return self.settings.config_settings.get(name, {})

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


def _digest_file(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
