"""``envctl python``: which interpreters there are, which one fits, and one more installed."""

from __future__ import annotations

import errno
import os

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envctl import atomic
from envctl.environment.configuration import choose_executable, read_configuration
from envctl.environment.interpreters import explain_misfit, find, list_interpreters
from envctl.environment.interrogate import interrogate
from envctl.environment.managers import name_manager, pythons_folder
from envctl.environment.standalone import Build, choose_build, unpack_python
from envctl.errors import InputError, MachineError, UpstreamError, UsageError
from envctl.index.client import IndexClient
from envctl.index.http import HttpTransport
from envctl.manifest.manifest import PythonRequest
from envctl.manifest.python import read_python_version
from envctl.manifest.select import python_requests
from envctl.model.events import Advanced, Ended, Phase, Started
from envctl.model.interpreter import Interpreter
from envctl.scratch import scratch_folder
from envctl.store.lock import hold
from envctl.workflow.context import Context
from envctl.workflow.coverage import covered_minors
from envctl.workflow.inputs import declared
from envctl.workflow.locks import load_lock
from envctl.workflow.results import FoundPython, InstalledPython


def list_pythons(context: Context) -> tuple[FoundPython, ...]:
    """List the interpreters of this machine, newest first; where there is a manifest, which of them fit it.

    Raises:
        InputError: anything wrong with the manifest, but that there is none.
    """
    requests = _find_requests(context)
    return tuple(_describe(context, each, requests) for each in list_interpreters(settings=context.settings))


def find_python(context: Context, request: str | None) -> FoundPython:
    """Find the interpreter for a request such as ``3.12`` or ``>=3.11``, else the one that the manifest gets.

    Raises:
        UsageError: `bad-python` for a request that is none.
        InputError: without a request, anything wrong with the manifest.
        MachineError: `no-python`.
    """
    if request is not None:
        requests: tuple[PythonRequest, ...] = (parse_request(context, request),)
        found = find(requests, settings=context.settings, present=None, covered=())
        return _describe(context, found, requests)
    loaded, declaration = declared(context)
    requests = python_requests(loaded.manifest, declaration)
    found = find(
        requests,
        settings=context.settings,
        present=choose_executable(read_configuration(declaration.path) or {}),
        covered=covered_minors(load_lock(loaded.manifest, None).lock),
    )
    return _describe(context, found, requests)


def parse_request(context: Context, text: str) -> PythonRequest:
    """Parse a request of the command line: a version, a specifier, or a path relative to the working folder.

    Raises:
        UsageError: `bad-python`.
    """
    stated = text.strip()
    if "/" in stated or os.sep in stated:
        path = os.path.abspath(os.path.join(context.directory, os.path.expanduser(stated)))
        return PythonRequest(text=text, specifier=None, path=path)
    version = read_python_version(stated)
    if version is not None:
        return version
    try:
        if stated[:1] in set("<>=!~"):
            return PythonRequest(text=text, specifier=SpecifierSet(stated))
    except InvalidSpecifier:
        pass
    raise UsageError(
        "bad-python",
        f"`{text}` names no Python",
        hints=["write a version (`3.12`, `3.14t`, `pypy3.11`), a specifier (`>=3.11`) or a path"],
    )


def install_python(context: Context, request: str) -> InstalledPython:
    """Install the newest build of a version, from a list with digests, into a folder of envctl's own.

    It is there whole, or not at all: it is unpacked beside its place, started, and renamed.

    Raises:
        MachineError: `no-python-build`, `interpreter-broken`, `disk-full`, `cannot-write`.
        UpstreamError: `hash-mismatch`, `bad-python-archive`, `offline`, and what fetching raises.
    """
    settings = context.settings
    build = choose_build(request, mirror=settings.python_mirror)
    root = pythons_folder(settings.environ)
    target = os.path.join(root, build.folder)
    try:
        atomic.make_directories(root)
        with hold(os.path.join(root, ".lock")):
            _sweep(root)
            if os.path.isdir(target):
                return _tell(build, target, "present")
            with scratch_folder("python") as place:
                archive = _fetch(context, build, place)
                _put(context, build, archive, root=root, target=target)
    except OSError as error:
        is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise MachineError(
            "disk-full" if is_full else "cannot-write",
            f"Python could not be installed in `{root}`: {error.strerror or error}",
            where=root,
        ) from error
    return _tell(build, target, "installed")


def _fetch(context: Context, build: Build, folder: str) -> str:
    target = os.path.join(folder, "archive")
    context.emit(Started(Phase.DOWNLOAD, None, "bytes"))
    client = IndexClient(
        indexes=(),
        pinned={},
        settings=context.settings,
        transport=HttpTransport(context.settings),
        emit=context.emit,
    )
    try:
        client.fetch(
            build.url,
            target,
            hashes={"sha256": build.sha256},
            size=None,
            on_bytes=lambda amount: context.emit(Advanced(Phase.DOWNLOAD, amount, build.filename)),
        )
    finally:
        client.close()
    context.emit(Ended(Phase.DOWNLOAD, f"Downloaded {build.filename}"))
    return target


def _put(context: Context, build: Build, archive: str, *, root: str, target: str) -> None:
    staged = os.path.join(root, f".new-{atomic.unique_name()}")
    try:
        context.emit(Started(Phase.UNPACK, 1))
        unpack_python(archive, staged, filename=build.filename)
        context.emit(Ended(Phase.UNPACK))
        document = interrogate(_find_executable(build, staged), context.settings.environ)
        stated = (document["implementation"], document["version"], document["free_threaded"])
        if stated != (build.implementation, build.version, build.free_threaded):
            raise UpstreamError(
                "bad-python-archive",
                f"`{build.filename}` was refused: it holds {stated[0]} {stated[1]}",
                where=build.url,
            )
        atomic.flush_file_system(staged)
        atomic.rename_new(staged, target)
    finally:
        if os.path.lexists(staged):
            atomic.remove_tree(staged)


def _sweep(root: str) -> None:
    """Remove what killed runs left; the lock is held, so nobody is at it."""
    for name in os.listdir(root):
        if name.startswith(".new-"):
            atomic.remove_tree(os.path.join(root, name))


def _find_executable(build: Build, folder: str) -> str:
    for place in build.executables:
        path = os.path.join(folder, *place.split("/"))
        if os.path.exists(path):
            return path
    raise UpstreamError(
        "bad-python-archive", f"`{build.filename}` was refused: it holds no interpreter", where=build.url
    )


def _tell(build: Build, target: str, outcome: str) -> InstalledPython:
    return InstalledPython(
        outcome=outcome,
        version=build.version,
        implementation=build.implementation,
        variant="free-threaded" if build.free_threaded else None,
        executable=_find_executable(build, target),
        path=target,
        url=build.url,
        sha256=build.sha256,
    )


def _find_requests(context: Context) -> tuple[PythonRequest, ...] | None:
    try:
        loaded, declaration = declared(context)
    except InputError as error:
        if error.code == "no-manifest" and context.manifest is None:
            return None
        raise
    return python_requests(loaded.manifest, declaration)


def _describe(
    context: Context, interpreter: Interpreter, requests: tuple[PythonRequest, ...] | None
) -> FoundPython:
    why = None if requests is None else explain_misfit(interpreter, requests)
    return FoundPython(
        executable=interpreter.executable,
        version=interpreter.version,
        implementation=interpreter.implementation,
        variant=_name_variant(interpreter),
        manager=name_manager(interpreter.executable, context.settings.environ),
        fits=None if requests is None else why is None,
        reason=why,
    )


def _name_variant(interpreter: Interpreter) -> str | None:
    parts = [
        word
        for word, holds in (("free-threaded", interpreter.free_threaded), ("debug", interpreter.debug))
        if holds
    ]
    return "+".join(parts) or None
