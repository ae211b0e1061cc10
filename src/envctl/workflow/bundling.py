"""``envctl bundle create``: everything that a lock needs, gathered into one file.

What has to be built is built where it is installed: for that the bundle has its source, and the wheels that
its build requires, chosen for each target as a lock's are. So it is the same for whoever makes it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

from packaging.requirements import Requirement

from envctl import atomic
from envctl.bundle.archive import KIND, Member, member_of, write_bundle
from envctl.bundle.contents import Build, Carried, list_builds, list_repositories
from envctl.errors import BuildError, EnvctlError, MachineError, ResolutionError, raise_together
from envctl.frozen import dataclass, replace
from envctl.index.pool import Pool
from envctl.lock.lock import Lock
from envctl.model.artifact import Archive, Artifact, Checkout, Sdist, Wheel, identify, is_local
from envctl.model.events import Advanced, Emit, Ended, Phase, Started
from envctl.model.selection import Pin
from envctl.model.target import Target
from envctl.scratch import scratch_folder
from envctl.workflow.carrying import gather_commits
from envctl.workflow.context import Context
from envctl.workflow.inputs import declared
from envctl.workflow.keys import as_wheel, strongest_digest
from envctl.workflow.needed import Need, choose_cells, file_of, list_needs
from envctl.workflow.plan import open_run
from envctl.workflow.prepare import Situation, survey
from envctl.workflow.remote import Adapters, make_adapters
from envctl.workflow.resolver import make_client
from envctl.workflow.results import BundleReport
from envctl.workflow.staleness import is_up_to_date, refuse_stale

#: Downloads in flight.
_WORKERS = 8

#: What keeps one package out of a bundle, whatever there is to say of others.
_REFUSALS = {"build-not-allowed", "no-build-tool"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleOptions:
    """What of a lock goes into a bundle: names of targets and Pythons, empty for all; and where it goes."""

    targets: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What goes into a bundle beside its texts.

    ``roles`` maps each role to the paths of its files; ``tool_commits`` maps what builds require from a
    repository, by project name, to its commit.
    """

    members: Mapping[str, Member]
    roles: Mapping[str, Collection[str]]
    repositories: Sequence[Carried]
    builds: Sequence[Build]
    tool_commits: Mapping[str, str]


def create_bundle(context: Context, options: BundleOptions) -> BundleReport:
    """Gather what the lock needs for the targets into one file, which has the same bytes each time.

    Raises:
        CheckError: `lock-stale`, `lock-missing`.
        InputError: `not-locked-for`.
        BuildError: `build-failed`; `build-not-allowed`, `no-build-tool`, and with them ResolutionError where
            build tools cannot be had, of all packages together.
        UpstreamError: as fetching does; MachineError: `cannot-write`.
    """
    run = open_run(context)
    loaded, declaration = declared(context)
    situation = survey(context, loaded, declaration, present=None)
    lock = _fitting(situation)
    cells = choose_cells(situation.manifest, lock, options.targets, options.pythons)
    client = make_client(context, situation.manifest)
    adapters = make_adapters(context, situation.manifest, situation.interpreter, run.store, client)
    try:
        needs = list(list_needs(situation.manifest, lock, cells))
        with scratch_folder("bundle") as place:
            gathered = _gather(adapters, situation, needs, place)
            members = {**_texts(situation), **gathered.members}
            contents = _contents(situation, lock, cells) | _list(members.values(), gathered)
            _write(options.output, contents, list(members.values()))
    finally:
        client.close()
        run.close()
    return BundleReport(
        path=options.output,
        targets=tuple(dict.fromkeys(cell.name for cell in cells)),
        pythons=tuple(dict.fromkeys(cell.python for cell in cells)),
        packages=len({need.pin.name for need in needs}),
        files=len(members),
        size=os.path.getsize(options.output),
    )


def _fitting(situation: Situation) -> Lock:
    lock = situation.lock.lock
    if lock is None or not is_up_to_date(situation.manifest, lock, situation.direct):
        raise refuse_stale(situation.lock)
    return lock


def _gather(adapters: Adapters, situation: Situation, needs: Sequence[Need], place: str) -> Gathered:
    """Bring all that is needed into the folder ``place``."""
    wanted = [need.pin for need in needs]
    chosen = _choose_tools(adapters, situation, needs)
    required = [tool for _, pins in chosen for tool in pins]
    commits = gather_commits(
        adapters.checkouts(), _list_checkouts([*wanted, *required]).values(), os.path.join(place, "commits")
    )
    packs = {(carried.url, carried.commit): member for carried, member in commits}
    packages = _fetch(adapters, wanted, os.path.join(place, "packages"))
    tools = {
        **_fetch(adapters, required, os.path.join(place, "tools")),
        **{key: packs[each.url, each.commit] for key, each in _list_checkouts(required).items()},
    }
    roles = {
        "package": packages.values(),
        "tool": tools.values(),
        "repository": [member for _, member in commits],
    }
    return Gathered(
        members={each.path: each for members in roles.values() for each in members},
        roles={role: frozenset(each.path for each in members) for role, members in roles.items()},
        repositories=[carried for carried, _ in commits],
        builds=[
            replace(build, tools=tuple(tools[_key(pin.artifact)].path for pin in pins))
            for build, pins in chosen
        ],
        tool_commits={
            tool.name: tool.artifact.commit for tool in required if isinstance(tool.artifact, Checkout)
        },
    )


def _list_checkouts(pins: Iterable[Pin]) -> Mapping[str, Checkout]:
    """List the commits that pins are built from; by `_key`."""
    return {_key(pin.artifact): pin.artifact for pin in pins if isinstance(pin.artifact, Checkout)}


def _choose_tools(
    adapters: Adapters, situation: Situation, needs: Sequence[Need]
) -> list[tuple[Build, Sequence[Pin]]]:
    """Choose what builds require, for every target that they are done on."""
    waiting: dict[str, tuple[Pin, dict[str, Target]]] = {}
    for need in needs:
        if as_wheel(need.pin.artifact) is None:
            _, cells = waiting.setdefault(identify(need.pin.artifact), (need.pin, {}))
            cells[need.target.label] = need.target
    chosen: list[tuple[Build, Sequence[Pin]]] = []
    problems: list[EnvctlError] = []
    asked: dict[str, Sequence[Requirement]] = {}
    for pin, cells in waiting.values():
        # Of a folder what lies there now; the lock has only what decided its metadata.
        artifact = situation.direct.get(pin.name, pin.artifact)
        try:
            for cell in cells.values():
                required = _list_required(adapters, asked, replace(pin, artifact=artifact), cell)
                tools = {_key(tool.artifact): tool for tool in required}
                build = Build(name=pin.name, target=cell.name, python=cell.python)
                chosen.append((build, tuple(tools.values())))
        except BuildError as error:
            if error.code not in _REFUSALS:
                raise
            problems.append(error)
        except ResolutionError as error:
            error.where = error.where or f"the build requirements of {pin.name}"
            problems.append(error)
    raise_together(problems)
    return chosen


def _list_required(
    adapters: Adapters, asked: dict[str, Sequence[Requirement]], pin: Pin, cell: Target
) -> Iterator[Pin]:
    """Choose the wheels and the commits that a build requires on a target.

    A tool that is a folder is where it is. Carried is what the build of a folder or a commit requires, too.
    ``asked`` remembers what backends said.
    """
    # Of the same few tools for one target after the other there is nothing to tell.
    silent = replace(adapters, context=replace(adapters.context, emit=_without_summaries(adapters.emit)))
    waiting, seen = [pin], {identify(pin.artifact)}
    while waiting:
        built = waiting.pop()
        key = identify(built.artifact)
        if key not in asked:
            asked[key] = adapters.builder().list_requirements(built)
        for tool in silent.choose_tools(asked[key], cell):
            is_wheel, is_commit = as_wheel(tool.artifact) is not None, isinstance(tool.artifact, Checkout)
            if is_wheel or is_commit:
                yield tool
            elif not is_local(tool.artifact):
                raise BuildError(
                    "no-build-tool",
                    f"`{tool.name}` is needed to build `{built.name}` and has no wheel for {cell.label}",
                )
            if not is_wheel and identify(tool.artifact) not in seen:
                seen.add(identify(tool.artifact))
                waiting.append(tool)


def _without_summaries(emit: Emit) -> Emit:
    return lambda event: emit(Ended(event.phase) if isinstance(event, Ended) else event)


def _fetch(adapters: Adapters, pins: Iterable[Pin], folder: str) -> Mapping[str, Member]:
    """Bring the files of pins into ``folder``, each once; by `_key`."""
    wanted = {
        _key(pin.artifact): pin.artifact for pin in pins if isinstance(pin.artifact, Wheel | Sdist | Archive)
    }
    sizes = [each.size or 0 for each in wanted.values()]
    adapters.emit(Started(Phase.DOWNLOAD, sum(sizes), "bytes"))
    pool = Pool(_WORKERS)
    try:
        pending = {
            key: pool.submit(partial(_bring, adapters, artifact, os.path.join(folder, str(number))))
            for number, (key, artifact) in enumerate(wanted.items())
        }
        members = {key: each.wait() for key, each in pending.items()}
    finally:
        pool.close()
    adapters.emit(Ended(Phase.DOWNLOAD, f"Gathered {len(members)} files" if members else ""))
    return members


def _key(artifact: Artifact) -> str:
    """Name a file by its digest, where one is known; a commit by what it is."""
    filename, hashes = file_of(artifact) or (identify(artifact), {})
    return strongest_digest(hashes) or filename


def _bring(adapters: Adapters, artifact: Wheel | Sdist | Archive, folder: str) -> Member:
    atomic.make_directories(folder)
    path = adapters.bring(artifact, folder)
    adapters.emit(Advanced(Phase.DOWNLOAD, 0, os.path.basename(path)))
    member = member_of("", path)
    return replace(member, path=f"files/{member.sha256}/{os.path.basename(path)}")


def _texts(situation: Situation) -> dict[str, Member]:
    """Take the manifest, the lock, and the pyproject.toml of the lists as they are; by path in the bundle."""
    found = {}
    root = situation.manifest.folder
    for path in (*situation.loaded.digests, situation.lock.path):
        name = os.path.relpath(path, root).replace(os.sep, "/")
        if not name.startswith("../"):
            found[name] = member_of(name, path)
    return found


def _contents(situation: Situation, lock: Lock, cells: Sequence[Target]) -> dict[str, object]:
    root = situation.manifest.folder
    return {
        "format_version": "1.1",
        "kind": KIND,
        "manifest": os.path.basename(situation.manifest.path),
        "lock": os.path.relpath(lock.path, root).replace(os.sep, "/"),
        "targets": list(dict.fromkeys(cell.name for cell in cells)),
        "pythons": list(dict.fromkeys(cell.python for cell in cells)),
    }


def _list(members: Iterable[Member], gathered: Gathered) -> dict[str, object]:
    return {
        "files": [_describe(each, gathered.roles) for each in sorted(members, key=lambda each: each.path)],
        "repositories": list_repositories(gathered.repositories),
        "builds": list_builds(gathered.builds),
        "tool_commits": gathered.tool_commits,
    }


def _describe(member: Member, roles: Mapping[str, Collection[str]]) -> dict[str, object]:
    told: dict[str, object] = {"path": member.path, "sha256": member.sha256, "size": member.size}
    if member.path.startswith("files/"):
        told["roles"] = [role for role, paths in roles.items() if member.path in paths]
    return told


def _write(path: str, contents: Mapping[str, object], members: Sequence[Member]) -> None:
    try:
        write_bundle(path, contents, members)
    except OSError as error:
        raise MachineError(
            "cannot-write", f"the bundle could not be written: {error.strerror or error}", where=path
        ) from error
