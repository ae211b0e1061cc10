"""Which targets a lock is to cover: those the manifest names, else those it covers, and this machine.

What the manifest leaves out is taken from the lock, so that the answer of ``lock --check`` is the same
on every machine. Only where a lock is made anew does this machine come in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from packaging.specifiers import SpecifierSet

from envctl.environment.configuration import choose_executable, read_configuration
from envctl.environment.interpreters import find as find_interpreter
from envctl.errors import MachineError
from envctl.frozen import dataclass
from envctl.lock.lock import Lock
from envctl.manifest.manifest import Declaration, Manifest, PythonRequest
from envctl.manifest.select import python_requests
from envctl.model.interpreter import Interpreter
from envctl.model.settings import Settings
from envctl.model.target import Target, choose_target, covers_platform, covers_python
from envctl.model.targets import RecallTags, is_known, join_alike, make_target

_PYTHON = re.compile(r"(?P<kind>[a-z]*)(?P<minor>\d+\.\d+)(?P<patch>\.\d+)?(?P<threads>t?)", re.ASCII)

#: No minor version of Python has come this far.
_LAST_PATCH = 99


@dataclass(frozen=True, slots=True)
class Coverage:
    """The platforms and the Pythons of a lock, by name; it covers every combination of them."""

    targets: tuple[str, ...]
    pythons: tuple[str, ...]

    def holds(self, target: Target) -> bool:
        """Whether a target is covered, or can use the files of one that is."""
        return covers_platform(self.targets, target) and covers_python(self.pythons, target)


def stated_coverage(manifest: Manifest, lock: Lock | None) -> Coverage:
    """Tell what manifest and lock say, on every machine alike; empty where neither says anything.

    A Python of the lock that no environment of the manifest can have any more is dropped.
    """
    locked = lock.pythons if lock is not None else ()
    return Coverage(
        manifest.lock.targets or (lock.targets if lock is not None else ()),
        _without_parts(
            manifest.lock.python or [python for python in locked if _is_possible(python, manifest)]
        ),
    )


def wanted_coverage(
    manifest: Manifest, lock: Lock | None, interpreters: Iterable[tuple[str, Interpreter]]
) -> Coverage:
    """Tell what a lock that is made now shall cover: what is stated, and ``interpreters`` where left out.

    They are those that environments get on this machine, with the environments' names.
    """
    stated = stated_coverage(manifest, lock)
    targets, pythons = list(stated.targets), list(stated.pythons)
    for name, interpreter in interpreters:
        target = choose_target(interpreter)
        if not manifest.lock.targets and not covers_platform(tuple(targets), target):
            targets.append(target.name)
        if not manifest.lock.python and not covers_python(tuple(pythons), target):
            requests = python_requests(manifest, manifest.environments[name])
            pythons.append(_name_python(target, requests))
    return Coverage(tuple(sorted(targets)), _without_parts(pythons))


def find_interpreters(
    manifest: Manifest, lock: Lock | None, *, settings: Settings, known: tuple[str, Interpreter]
) -> tuple[tuple[str, Interpreter], ...]:
    """Find what each environment of the manifest gets here; one that gets none is left out.

    ``known`` is the one that was found already, with its environment; it is the only one where the
    manifest says which Pythons the lock is for.
    """
    if manifest.lock.python:
        return (known,)
    found = [known]
    for name, declaration in manifest.environments.items():
        if name == known[0]:
            continue
        try:
            interpreter = find_interpreter(
                python_requests(manifest, declaration),
                settings=settings,
                present=choose_executable(read_configuration(declaration.path) or {}),
                covered=covered_minors(lock),
            )
        except MachineError:
            continue  # another machine has it
        found.append((name, interpreter))
    return tuple(found)


def find_all_interpreters(
    manifest: Manifest, declaration: Declaration, lock: Lock | None, *, settings: Settings
) -> tuple[tuple[str, Interpreter], ...]:
    """Find what each environment gets here, that of ``declaration`` first.

    Raises:
        MachineError: `no-python` when there is none for this one.
    """
    interpreter = find_interpreter(
        python_requests(manifest, declaration),
        settings=settings,
        present=choose_executable(read_configuration(declaration.path) or {}),
        covered=covered_minors(lock),
    )
    return find_interpreters(manifest, lock, settings=settings, known=(declaration.name, interpreter))


def covered_minors(lock: Lock | None) -> tuple[str, ...]:
    """Return the minor versions of Python that a lock covers, or of which it covers a part."""
    matches = (_PYTHON.fullmatch(python) for python in (lock.pythons if lock is not None else ()))
    return tuple(dict.fromkeys(found["minor"] for found in matches if found is not None))


def make_cells(
    coverage: Coverage, here: Target, *, recall_tags: RecallTags | None = None
) -> tuple[Target, ...]:
    """Make the targets of a coverage, in the order they are solved in.

    A kind of machine or Python that has no name elsewhere can be locked for where it is: ``here``. Those that
    a lock could not tell apart are one.

    Raises:
        InputError: `unknown-target`.
    """
    own = (here.name, here.python)
    cells = [
        here
        if (name, python) == own and not is_known(name, python)
        else make_target(name, python, recall_tags=recall_tags)
        for name in coverage.targets
        for python in coverage.pythons
    ]
    return join_alike(cells)


def _is_possible(python: str, manifest: Manifest) -> bool:
    return any(
        admits(python_requests(manifest, declaration), python)
        for declaration in manifest.environments.values()
    )


def admits(requests: Sequence[PythonRequest], python: str) -> bool:
    """Whether some patch version of a Python, as a lock names it, fits all of the requests."""
    found = _PYTHON.fullmatch(python)
    if found is None:
        return True
    kinds = {request.implementation for request in requests} - {"cpython"}
    threads = any(request.free_threaded for request in requests)
    # A path may lead to anything.
    if not any(request.path for request in requests) and (
        (kinds or {""}) != {found["kind"]} or threads != bool(found["threads"])
    ):
        return False
    specifiers = [request.specifier for request in requests if request.specifier is not None]
    if found["patch"]:
        return _contains(specifiers, found["minor"] + found["patch"])
    return any(
        _contains(specifiers, version)
        for version in (*_patches(found["minor"]), *_named_prereleases(specifiers, found["minor"]))
    )


def _name_python(target: Target, requests: Sequence[PythonRequest]) -> str:
    """Name the Python of a target as the lock shall cover it: whole, unless only one version is asked for."""
    specifiers = [request.specifier for request in requests if request.specifier is not None]
    if target.python != _minor(target.floor):
        return target.python
    fitting = [version for version in _patches(target.python) if _contains(specifiers, version)]
    return fitting[0] if len(fitting) == 1 else target.python


def _without_parts(pythons: Iterable[str]) -> tuple[str, ...]:
    """Leave out exact versions of which the whole minor version is there."""
    several = set(pythons)
    return tuple(sorted(each for each in several if each == _minor(each) or _minor(each) not in several))


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _patches(minor: str) -> Iterable[str]:
    return (f"{minor}.{patch}" for patch in range(_LAST_PATCH + 1))


def _named_prereleases(specifiers: Iterable[SpecifierSet], minor: str) -> Iterable[str]:
    for several in specifiers:
        for specifier in several:
            if several.prereleases and specifier.version.startswith(f"{minor}."):
                yield specifier.version


def _contains(specifiers: Iterable[SpecifierSet], version: str) -> bool:
    return all(specifier.contains(version, prereleases=True) for specifier in specifiers)
