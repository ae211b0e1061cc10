"""``envctl bundle create``: everything that a lock needs, gathered into one file.

What has to be built is built where it is installed: for that the bundle has its source, and the wheels that
its build requires, chosen for each target as a lock's are. So it is the same for whoever makes it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

from envctl import atomic
from envctl.bundle.archive import KIND, Member, member_of, write_bundle
from envctl.errors import BuildError, InputError, MachineError
from envctl.frozen import dataclass, replace
from envctl.index.pool import Pool
from envctl.lock.lock import Lock
from envctl.model.artifact import Archive, Checkout, Directory, Sdist, Wheel, format_origin, identify
from envctl.model.events import Advanced, Emit, Ended, Phase, Started
from envctl.model.selection import Pin
from envctl.model.target import Target
from envctl.scratch import scratch_folder
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


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleOptions:
    """What of a lock goes into a bundle: names of targets and Pythons, empty for all; and where it goes."""

    targets: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()
    output: str


def create_bundle(context: Context, options: BundleOptions) -> BundleReport:
    """Gather what the lock needs for the targets into one file, which has the same bytes each time.

    Raises:
        CheckError: `lock-stale`, `lock-missing`.
        InputError: `not-locked-for`, `not-bundled` for sources that cannot be carried.
        BuildError: `build-not-allowed`, `build-failed`, `no-build-tool`.
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
        _refuse_uncarried(needs)
        tools = _choose_tools(adapters, situation, needs)
        with scratch_folder("bundle") as place:
            packages = _fetch(adapters, [need.pin for need in needs], os.path.join(place, "packages"))
            extra = _fetch(adapters, tools, os.path.join(place, "tools"))
            members = {each.path: each for each in (*_texts(situation), *packages.values(), *extra.values())}
            roles = {"package": packages.keys(), "tool": extra.keys()}
            contents = _contents(situation, lock, cells, members.values(), roles)
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


def _refuse_uncarried(needs: Iterable[Need]) -> None:
    for need in needs:
        if isinstance(need.pin.artifact, Checkout):
            raise InputError(
                "not-bundled",
                f"`{need.pin.name}` comes from a git repository, which no bundle carries",
                where=format_origin(need.pin.artifact),
                hints=["name an archive or a wheel of it in `[sources]`, by `url` or `path`"],
            )


def _choose_tools(adapters: Adapters, situation: Situation, needs: Sequence[Need]) -> list[Pin]:
    """Choose the wheels that builds require, for every target that they are done on."""
    waiting: dict[str, tuple[Pin, dict[str, Target]]] = {}
    for need in needs:
        if as_wheel(need.pin.artifact) is None:
            _, cells = waiting.setdefault(identify(need.pin.artifact), (need.pin, {}))
            cells[need.target.label] = need.target
    tools: list[Pin] = []
    builder = adapters.builder()
    # Of the same few tools for one target after the other there is nothing to tell.
    silent = replace(adapters, context=replace(adapters.context, emit=_without_summaries(adapters.emit)))
    for pin, cells in waiting.values():
        # Of a folder what lies there now; the lock has only what decided its metadata.
        artifact = situation.direct.get(pin.name, pin.artifact)
        requirements = builder.list_requirements(Pin(name=pin.name, version=pin.version, artifact=artifact))
        for cell in cells.values():
            for tool in silent.choose_tools(requirements, cell):
                if as_wheel(tool.artifact) is None:
                    raise BuildError(
                        "no-build-tool",
                        f"`{tool.name}` is needed to build `{pin.name}` and has no wheel for {cell.label}",
                    )
                tools.append(tool)
    return tools


def _without_summaries(emit: Emit) -> Emit:
    return lambda event: emit(Ended(event.phase) if isinstance(event, Ended) else event)


def _fetch(adapters: Adapters, pins: Iterable[Pin], folder: str) -> Mapping[str, Member]:
    """Bring the files of pins into ``folder``, each once; by digest."""
    wanted: dict[str, tuple[str, Wheel | Sdist | Archive]] = {}
    for pin in pins:
        found = file_of(pin.artifact)
        if found is not None and not isinstance(pin.artifact, Directory | Checkout):
            wanted.setdefault(strongest_digest(found[1]) or found[0], (found[0], pin.artifact))
    sizes = [each.size or 0 for _, each in wanted.values()]
    adapters.emit(Started(Phase.DOWNLOAD, sum(sizes), "bytes"))
    pool = Pool(_WORKERS)
    try:
        pending = [
            pool.submit(partial(_bring, adapters, artifact, name, os.path.join(folder, str(number))))
            for number, (name, artifact) in enumerate(wanted.values())
        ]
        members = [each.wait() for each in pending]
    finally:
        pool.close()
    adapters.emit(Ended(Phase.DOWNLOAD, f"Gathered {len(members)} files" if members else ""))
    return {each.sha256: each for each in members}


def _bring(adapters: Adapters, artifact: Wheel | Sdist | Archive, name: str, folder: str) -> Member:
    atomic.make_directories(folder)
    path = adapters.bring(artifact, folder)
    adapters.emit(Advanced(Phase.DOWNLOAD, 0, name))
    member = member_of("", path)
    return Member(path=f"files/{member.sha256}/{name}", sha256=member.sha256, size=member.size, source=path)


def _texts(situation: Situation) -> list[Member]:
    """Take the manifest, the lock, and the pyproject.toml of the lists, as they are."""
    found = []
    root = situation.manifest.folder
    for path in (*situation.loaded.digests, situation.lock.path):
        name = os.path.relpath(path, root).replace(os.sep, "/")
        if not name.startswith("../"):
            found.append(member_of(name, path))
    return found


def _contents(
    situation: Situation,
    lock: Lock,
    cells: Sequence[Target],
    members: Iterable[Member],
    roles: Mapping[str, Collection[str]],
) -> dict[str, object]:
    root = situation.manifest.folder
    return {
        "format_version": "1.0",
        "kind": KIND,
        "manifest": os.path.basename(situation.manifest.path),
        "lock": os.path.relpath(lock.path, root).replace(os.sep, "/"),
        "targets": list(dict.fromkeys(cell.name for cell in cells)),
        "pythons": list(dict.fromkeys(cell.python for cell in cells)),
        "files": [_list(each, roles) for each in sorted(members, key=lambda each: each.path)],
    }


def _list(member: Member, roles: Mapping[str, Collection[str]]) -> dict[str, object]:
    listed: dict[str, object] = {"path": member.path, "sha256": member.sha256, "size": member.size}
    if member.path.startswith("files/"):
        listed["roles"] = [role for role, digests in roles.items() if member.sha256 in digests]
    return listed


def _write(path: str, contents: Mapping[str, object], members: Sequence[Member]) -> None:
    try:
        write_bundle(path, contents, members)
    except OSError as error:
        raise MachineError(
            "cannot-write", f"the bundle could not be written: {error.strerror or error}", where=path
        ) from error
