"""Find the interpreter that an environment gets, by the contract's rule for Python.

It is the one the environment has while that fits; else the newest final release found whose minor
version the lock covers; else the newest found. Pre-releases, debug and free-threaded builds are for
those who ask for them by name or path. Nothing is looked for while the present one fits.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from packaging.version import InvalidVersion, Version

from envctl.environment.discover import Candidate, list_candidates
from envctl.environment.managers import CONDA, name_manager
from envctl.environment.probe import probe
from envctl.errors import MachineError
from envctl.frozen import replace
from envctl.manifest.manifest import PythonRequest
from envctl.model.interpreter import Interpreter
from envctl.model.settings import Settings


def find(
    requests: Sequence[PythonRequest],
    *,
    settings: Settings,
    present: str | None,
    covered: Sequence[str],
) -> Interpreter:
    """Find the interpreter that fits all of ``requests``.

    ``present`` is the base executable of the environment that is there; ``covered`` are the minor versions
    of the lock.

    Raises:
        MachineError: `no-python` when none fits; its hints list each interpreter seen, and why not.
    """
    ask = _Asker(settings.cache_dir, settings.environ)
    requests = [_resolve(request, ask) for request in requests]
    if present is not None:
        interpreter = ask(present)
        if interpreter is not None and explain_misfit(interpreter, requests) is None:
            return interpreter
    wanted = [request.path for request in requests if request.path is not None]
    if wanted:
        candidates: Sequence[Candidate] = [Candidate(path, None) for path in dict.fromkeys(wanted)]
    else:
        candidates = list_candidates(settings.environ)
    best = _find_best(
        [each for each in candidates if not _is_last(each, settings)], requests, ask=ask, covered=covered
    )
    if best is None:
        best = _find_best(candidates, requests, ask=ask, covered=covered)
    if best is None:
        raise _nothing_fits(requests, ask)
    return best


def list_interpreters(*, settings: Settings) -> tuple[Interpreter, ...]:
    """List every interpreter of this machine that envctl can make environments of, newest first."""
    ask = _Asker(settings.cache_dir, settings.environ)
    found: dict[str, Interpreter] = {}
    for candidate in list_candidates(settings.environ):
        interpreter = ask(candidate.path)
        if interpreter is not None:
            found.setdefault(interpreter.executable, interpreter)
    return tuple(sorted(found.values(), key=_order, reverse=True))


def _is_last(candidate: Candidate, settings: Settings) -> bool:
    """Whether an interpreter is taken only where nothing else fits."""
    return name_manager(candidate.path, settings.environ) == CONDA


def explain_misfit(interpreter: Interpreter, requests: Sequence[PythonRequest]) -> str | None:
    """Say why an interpreter does not fit all of ``requests``; None when it does."""
    by_path = any(request.path is not None for request in requests)
    named = {request.implementation for request in requests} - {"cpython"}
    version = Version(interpreter.version)
    for request in requests:
        if request.path is not None and not _is_same(request.path, interpreter):
            return f"`{request.text}` is asked for"
        if request.specifier is not None and not request.specifier.contains(version, prereleases=True):
            return f"`{request.text}` is asked for"
    if named and named != {interpreter.implementation}:
        return f"{' and '.join(sorted(named))} is asked for"
    if any(request.free_threaded for request in requests) and not interpreter.free_threaded:
        return "a free-threaded build is asked for"
    if by_path or named:
        return None
    return _explain_unasked(interpreter, version, requests)


def _explain_unasked(
    interpreter: Interpreter, version: Version, requests: Sequence[PythonRequest]
) -> str | None:
    if interpreter.implementation != "cpython":
        return f"{interpreter.implementation} is taken only when asked for"
    if interpreter.free_threaded and not any(request.free_threaded for request in requests):
        return "a free-threaded build is taken only when asked for"
    if interpreter.debug:
        return "a debug build is taken only when asked for by its path"
    asked = any(request.specifier is not None and request.specifier.prereleases for request in requests)
    if version.is_prerelease and not asked:
        return "a pre-release is taken only when asked for"
    return None


class _Asker:
    """Probes, each path once, and keeps what it learned for the error that may have to tell it."""

    def __init__(self, cache_dir: str, environ: Mapping[str, str]) -> None:
        self._cache_dir = cache_dir
        self._environ = environ
        self.seen: dict[str, Interpreter | MachineError] = {}

    def __call__(self, path: str) -> Interpreter | None:
        if path not in self.seen:
            self.seen[path] = self._probe(path)
        answer = self.seen[path]
        return None if isinstance(answer, MachineError) else answer

    def _probe(self, path: str) -> Interpreter | MachineError:
        try:
            interpreter = probe(path, cache_dir=self._cache_dir, environ=self._environ)
            Version(interpreter.version)
        except MachineError as error:
            return error
        except InvalidVersion:
            return MachineError("interpreter-broken", f"`{path}` has no valid version", where=path)
        return interpreter


def _resolve(request: PythonRequest, ask: _Asker) -> PythonRequest:
    # The path of a virtual environment's interpreter stands for its base.
    interpreter = ask(request.path) if request.path is not None else None
    return request if interpreter is None else replace(request, path=interpreter.executable)


def _find_best(
    candidates: Sequence[Candidate], requests: Sequence[PythonRequest], *, ask: _Asker, covered: Sequence[str]
) -> Interpreter | None:
    """Ask the candidates by the version that their names promise, best first, until none left can be better.

    So a machine with ten Pythons starts one or two of them, the first time.
    """

    def rank(minor: tuple[int, int]) -> tuple[bool, tuple[int, int]]:
        return f"{minor[0]}.{minor[1]}" in covered, minor

    unnamed = [candidate for candidate in candidates if candidate.minor is None]
    groups: dict[tuple[int, int], list[Candidate]] = {}
    for candidate in candidates:
        if candidate.minor is not None:
            groups.setdefault(candidate.minor, []).append(candidate)
    fitting: list[Interpreter] = []
    for minor in [None, *sorted(groups, key=rank, reverse=True)]:
        if minor is not None and fitting and rank(_minor(_choose(fitting, covered))) > rank(minor):
            break
        for candidate in unnamed if minor is None else groups[minor]:
            interpreter = ask(candidate.path)
            if interpreter is not None and explain_misfit(interpreter, requests) is None:
                fitting.append(interpreter)
    return _choose(fitting, covered) if fitting else None


def _choose(fitting: Sequence[Interpreter], covered: Sequence[str]) -> Interpreter:
    # `max` keeps the first of equals: the order of discovery.
    return max(fitting, key=lambda each: (each.minor in covered, *_order(each)))


def _order(interpreter: Interpreter) -> tuple[bool, Version]:
    version = Version(interpreter.version)
    return not version.is_prerelease, version


def _minor(interpreter: Interpreter) -> tuple[int, int]:
    version = Version(interpreter.version)
    return version.major, version.minor


def _is_same(path: str, interpreter: Interpreter) -> bool:
    return os.path.realpath(path) == os.path.realpath(interpreter.executable)


def _nothing_fits(requests: Sequence[PythonRequest], ask: _Asker) -> MachineError:
    wanted = ", ".join(dict.fromkeys(f"`{request.text}`" for request in requests)) or "the manifest"
    hints = []
    for path, answer in ask.seen.items():
        if isinstance(answer, MachineError):
            hints.append(answer.message)
        else:
            why = explain_misfit(answer, requests)
            hints.append(f"`{path}` is {answer.implementation} {answer.version}: {why}")
    hints.append("`envctl python install VERSION` installs one; or change `python` in the manifest")
    where = next((request.where for request in requests if request.where), None)
    return MachineError("no-python", f"no Python on this machine fits {wanted}", where=where, hints=hints)
