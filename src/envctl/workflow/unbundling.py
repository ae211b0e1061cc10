"""A bundle checked, and taken into the store, so that an apply finds there all that it needs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from envctl import atomic
from envctl.bundle.archive import Bundle, open_bundle
from envctl.bundle.contents import Build, read_builds, read_repositories, read_tool_commits
from envctl.environment.configuration import choose_executable, read_configuration
from envctl.errors import EnvctlError, InputError, raise_together
from envctl.frozen import replace
from envctl.index.client import IndexClient
from envctl.index.http import HttpTransport
from envctl.lock.lock import Lock
from envctl.lock.parse import parse as parse_lock
from envctl.manifest.manifest import GitSource, Index, Manifest
from envctl.manifest.parse import parse as parse_manifest
from envctl.manifest.project import find_project
from envctl.manifest.urls import file_url
from envctl.model.artifact import Archive, Artifact, Checkout, Sdist, Wheel, identify
from envctl.model.selection import Pin
from envctl.model.settings import Settings
from envctl.scratch import scratch_folder
from envctl.store.store import Store
from envctl.workflow.built import find_places
from envctl.workflow.carrying import take_commit
from envctl.workflow.checkouts import Checkouts, make_git
from envctl.workflow.context import Run
from envctl.workflow.inputs import declared
from envctl.workflow.keys import as_wheel, strongest_digest
from envctl.workflow.needed import Need, choose_cells, file_of, list_needs
from envctl.workflow.prepare import Situation, choose_for, survey
from envctl.workflow.receipts import read_built
from envctl.workflow.remote import Adapters, make_adapters
from envctl.workflow.results import BundleReport
from envctl.workflow.sources import list_local_paths
from envctl.workflow.staleness import is_up_to_date, refuse_stale
from envctl.workflow.toolsources import ToolSources


def verify_bundle(settings: Settings, path: str) -> BundleReport:
    """Check a bundle offline: every file is what its list says, and its lock finds all that it needs in it.

    That is: every file, every commit with its submodules, and what is required to build on each target.

    Raises:
        InputError: `no-file`, `bad-bundle`, `bundle-incomplete`; all that is missing is told together.
        MachineError: `git-missing`, where commits are to be looked at.
    """
    with open_bundle(path) as bundle:
        bundle.check()
        return _compare(bundle, replace(settings, offline=True))


def _compare(bundle: Bundle, settings: Settings) -> BundleReport:
    """Compare what the lock of a bundle needs with what is in it."""
    folder = os.path.dirname(bundle.path)  # where it would be laid out: nothing is read there
    texts = {
        each["path"]: bundle.read(each["path"]) for each in bundle.contents["files"] if "roles" not in each
    }
    name = str(bundle.contents.get("manifest"))
    if name not in texts:
        raise bundle.refuse("it has no manifest")
    manifest_path = os.path.join(folder, name)
    project = find_project(texts[name], path=manifest_path)
    pyproject = None if project is None else texts.get(os.path.relpath(project, folder).replace(os.sep, "/"))
    manifest = parse_manifest(texts[name], path=manifest_path, pyproject=pyproject)
    lock = parse_lock(
        _lock_of(bundle, texts),
        path=os.path.join(folder, str(bundle.contents["lock"])),
        allowed_paths=list_local_paths(manifest),
    )
    cells = choose_cells(manifest, lock, _names(bundle, "targets"), _names(bundle, "pythons"))
    needs = list(list_needs(manifest, lock, cells))
    raise_together(_find_lacking(bundle, manifest, needs, settings))
    return BundleReport(
        path=bundle.path,
        targets=_names(bundle, "targets"),
        pythons=_names(bundle, "pythons"),
        packages=len({need.pin.name for need in needs}),
        files=len(bundle.files),
        size=os.path.getsize(bundle.path),
    )


def _lock_of(bundle: Bundle, texts: Mapping[str, bytes]) -> bytes:
    found = texts.get(str(bundle.contents.get("lock")))
    if found is None:
        raise bundle.refuse("it has no lock")
    return found


def _names(bundle: Bundle, key: str) -> tuple[str, ...]:
    found = bundle.contents.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(each, str) for each in found):
        raise bundle.refuse(f"it does not say for which {key} it is")
    return tuple(found)


def _find_lacking(
    bundle: Bundle, manifest: Manifest, needs: Sequence[Need], settings: Settings
) -> list[EnvctlError]:
    """Say what needs do not find in a bundle: each file, commit and build tool once."""
    digests = {str(each["sha256"]) for each in bundle.contents["files"] if "roles" in each}
    problems: dict[str, EnvctlError] = {}
    for need in needs:
        found = file_of(need.pin.artifact)
        if found is not None and found[1].get("sha256", "").lower() not in digests:
            lacking = f"`{found[0]}`"
            problems.setdefault(lacking, _incomplete(bundle, need, lacking))
    problems |= _find_lacking_tools(bundle, read_builds(bundle), needs)
    tools = [Need(pin, needs[0].target) for pin in _list_tool_commits(bundle, manifest) if needs]
    checkouts = {
        identify(need.pin.artifact): need
        for need in (*needs, *tools)
        if isinstance(need.pin.artifact, Checkout)
    }
    if checkouts:
        with scratch_folder("bundle") as place:
            # Where nothing is yet, so that all of it has to be in the bundle.
            taken = Checkouts(git=make_git(settings), store=Store(place), emit=lambda _: None)
            problems |= _find_lacking_commits(bundle, checkouts.values(), taken)
    return list(problems.values())


def _find_lacking_tools(
    bundle: Bundle, builds: Mapping[tuple[str, str, str], Build], needs: Iterable[Need]
) -> Mapping[str, EnvctlError]:
    problems: dict[str, EnvctlError] = {}
    for need in needs:
        if as_wheel(need.pin.artifact) is not None:
            continue
        for lacking in _list_lacking_tools(bundle, builds.get(_build_of(need)), need.pin.name):
            problems.setdefault(lacking, _incomplete(bundle, need, lacking))
    return problems


def _list_lacking_tools(bundle: Bundle, build: Build | None, name: str) -> list[str]:
    if build is None:
        return [f"what the build of `{name}` requires"]
    return [
        f"`{path.rpartition('/')[2]}`"
        for path in build.tools
        if "tool" not in bundle.files.get(path, {}).get("roles", ())
    ]


def _list_tool_commits(bundle: Bundle, manifest: Manifest) -> list[Pin]:
    """List what builds require from repositories that the manifest names, of the commits in the bundle."""
    commits = read_tool_commits(bundle)
    return [
        Pin(
            name=name,
            version="",
            artifact=Checkout(
                vcs="git", url=source.url, commit=commits[name], subdirectory=source.subdirectory
            ),
        )
        for name, source in manifest.sources.items()
        if name in commits and isinstance(source, GitSource)
    ]


def _build_of(need: Need) -> tuple[str, str, str]:
    return need.pin.name, need.target.name, need.target.python


def _find_lacking_commits(
    bundle: Bundle, needs: Iterable[Need], checkouts: Checkouts
) -> Mapping[str, EnvctlError]:
    carried = read_repositories(bundle)
    problems: dict[str, EnvctlError] = {}
    for need in needs:
        assert isinstance(need.pin.artifact, Checkout)  # noqa: S101 - the caller chose them
        try:
            take_commit(bundle, carried, checkouts, need.pin.artifact, partial(_incomplete, bundle, need))
        except EnvctlError as error:
            problems.setdefault(str(error), error)
    return problems


def _incomplete(bundle: Bundle, need: Need, lacking: str) -> InputError:
    targets, pythons = (", ".join(_names(bundle, key)) for key in ("targets", "pythons"))
    return InputError(
        "bundle-incomplete",
        f"`{os.path.basename(bundle.path)}` lacks {lacking}, which `{need.pin.name}` needs on"
        f" {need.target.label}",
        where=bundle.path,
        hints=[
            f"it is for {targets} with Python {pythons}",
            "`envctl bundle create` makes one from the lock as it is",
        ],
    )


def take_bundle(run: Run, path: str) -> None:
    """Take from a bundle into the store what the environment needs; what has to be built is built from it.

    Raises:
        InputError: `no-file`, `bad-bundle`, `bundle-incomplete`; `bundle-of-another-lock` when the lock of
            the project is another one.
        CheckError: `lock-missing`, `lock-stale`. BuildError, UpstreamError: as unpacking and building do.
    """
    loaded, declaration = declared(run.context)
    present = choose_executable(read_configuration(declaration.path) or {})
    situation = survey(run.context, loaded, declaration, present=present)
    lock = situation.lock.lock
    if lock is None or not is_up_to_date(situation.manifest, lock, situation.direct):
        raise refuse_stale(situation.lock)
    with open_bundle(path) as bundle:
        _refuse_other(bundle, situation)
        missing = _find_missing(run, situation, lock)
        if missing:
            with scratch_folder("bundle") as place:
                _obtain(run, situation, bundle, missing, place)


def _refuse_other(bundle: Bundle, situation: Situation) -> None:
    listed = bundle.files.get(str(bundle.contents.get("lock")))
    if listed is None:
        raise bundle.refuse("it has no lock")
    name = os.path.basename(situation.lock.path)
    if listed["sha256"] != situation.lock.digest:
        raise InputError(
            "bundle-of-another-lock",
            f"`{os.path.basename(bundle.path)}` is for another lock than `{name}` is now",
            where=bundle.path,
            hints=["`envctl bundle create` makes one from the lock as it is"],
        )


def _find_missing(run: Run, situation: Situation, lock: Lock) -> list[Pin]:
    environ, inputs = run.context.settings.environ, situation.manifest.build_inputs
    pins = list(choose_for(situation, lock).pins.values())
    laid = read_built(situation.declaration.path)
    places = find_places(run.store, pins, inputs, situation.interpreter, environ, laid=laid)
    found = dict(zip(places, run.store.get_all(list(places.values())), strict=True))
    return [pin for pin in pins if found.get(pin.name) is None]


def _obtain(run: Run, situation: Situation, bundle: Bundle, pins: Sequence[Pin], place: str) -> None:
    needs = [Need(pin, situation.target) for pin in pins]
    builds = read_builds(bundle)
    # A machine that is no target by its name builds with the tools of one that it can do as well.
    problems = dict(
        _find_lacking_tools(bundle, builds, [need for need in needs if _build_of(need) in builds])
    )
    has_builds = any(as_wheel(pin.artifact) is None for pin in pins)
    tools = _list_tool_commits(bundle, situation.manifest) if has_builds else []
    commits = [need for need in needs if isinstance(need.pin.artifact, Checkout)]
    commits += [Need(pin, situation.target) for pin in tools]
    if commits:
        settings = replace(run.context.settings, offline=True)
        checkouts = Checkouts(git=make_git(settings), store=run.store, emit=run.context.emit)
        problems |= _find_lacking_commits(bundle, commits, checkouts)
    raise_together(list(problems.values()))
    local = [_bring(bundle, need, place) for need in needs]
    known = {pin.name: pin.artifact for pin in tools}
    with _offered(run, situation, bundle, place if has_builds else None, known) as adapters:
        adapters.obtain(local)


def _bring(bundle: Bundle, need: Need, place: str) -> Pin:
    """Lay the file of a pin out; the pin then says that it lies there. All else is where it is."""
    found = file_of(need.pin.artifact)
    if found is None:
        return need.pin
    filename, hashes = found
    listed = next((path for path in bundle.files if _is_for(bundle, path, hashes)), None)
    if listed is None:
        raise _incomplete(bundle, need, f"`{filename}`")
    folder = os.path.join(place, hashlib.sha256(listed.encode()).hexdigest())
    atomic.make_directories(folder)
    target = os.path.join(folder, os.path.basename(listed))
    bundle.extract(listed, target)
    return replace(need.pin, artifact=_relocated(need.pin.artifact, target))


def _is_for(bundle: Bundle, path: str, hashes: Mapping[str, str]) -> bool:
    return "roles" in bundle.files[path] and bundle.files[path]["sha256"] == strongest_digest(hashes)


def _relocated(artifact: Artifact, path: str) -> Artifact:
    assert isinstance(artifact, Wheel | Sdist | Archive)  # noqa: S101 - nothing else is a file
    return replace(artifact, url=None, path=path)


@contextmanager
def _offered(
    run: Run, situation: Situation, bundle: Bundle, place: str | None, known: Mapping[str, Artifact]
) -> Iterator[Adapters]:
    """Give what unpacks and builds, for whom the build tools of the bundle are all that there is."""
    indexes: tuple[Index, ...] = ()
    if place is not None:
        folder = os.path.join(place, "tools")
        atomic.make_directory(folder)
        for path, listed in bundle.files.items():
            target = os.path.join(folder, os.path.basename(path))
            is_tool = "tool" in listed.get("roles", ()) and _is_plain(os.path.basename(path))
            if is_tool and not os.path.exists(target):
                bundle.extract(path, target)
        indexes = (Index(name="bundle", url=file_url(folder), flat=True),)
    settings = replace(run.context.settings, offline=True, mirrors={})
    client = IndexClient(
        indexes=indexes,
        pinned={},
        settings=settings,
        transport=HttpTransport(settings),
        emit=run.context.emit,
    )
    try:
        adapters = make_adapters(run.context, situation.manifest, situation.interpreter, run.store, client)
        near = ToolSources(situation.manifest, known=known, make_origins=None)
        yield replace(adapters, sources=near)
    finally:
        client.close()


def _is_plain(filename: str) -> bool:
    try:
        parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return False
    return True
