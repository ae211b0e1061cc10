"""What of the live tree goes over into the next generation, beside what is laid anew."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from envctl.model.change import Action, Change
from envctl.model.interpreter import Interpreter
from envctl.model.state import Distribution, DriftKind, ForeignFile, Owner, State
from envctl.plan.address import format_file, format_package, parse_file, parse_package
from envctl.plan.decide import has_other_minor
from envctl.plan.kept import is_kept


def carried(state: State, changes: Iterable[Change]) -> tuple[str, ...]:
    """List the paths that the next generation links over, relative to the environment, POSIX, sorted.

    That is foreign data, and what the changes keep: foreign files, and the files of distributions
    that no pin is for. A path below another one of the list is left out, as it comes along. Bytecode
    stays behind, and so does what a RECORD names outside of the environment or what is missing anyway.

    Raises:
        ValueError: when a distribution is kept and ``state`` does not know its files. A scan for
            ``prune = "never"`` has to read them for what envctl laid, too.
    """
    changes = tuple(changes)
    paths = {file.path for file in _left(state, changes)}
    for change in changes:
        if not is_kept(change):
            continue
        name = parse_package(change.address)
        path = parse_file(change.address)
        if name is not None:
            paths.update(_own_paths(state, state.distributions[name]))
        elif path is not None:
            paths.add(path)
    return tuple(_drop_nested(paths))


def carried_data(state: State, changes: Iterable[Change]) -> tuple[ForeignFile, ...]:
    """List the data of tools that goes over: what no line of a plan is about."""
    return tuple(file for file in _left(state, changes) if file.data)


def list_known(state: State, interpreter: Interpreter) -> frozenset[str] | None:
    """List all that a plan was made for; what else is found in the environment later came later.

    None when nothing of it comes along, whatever it is: with another minor version of Python.
    """
    if state.owner is Owner.NOBODY or has_other_minor(state, interpreter):
        return None
    owned = (path for each in state.distributions.values() for path in each.paths)
    return frozenset([*owned, *(file.path for file in state.foreign), *(line.path for line in state.drift)])


def pruned(state: State, changes: Iterable[Change]) -> tuple[str, ...]:
    """List the paths of the live tree that are not envctl's and shall go: relative, POSIX, sorted.

    For an environment that is changed file by file: foreign files that a line deletes, code that was added to
    a package, and the files of distributions that others installed and that do not stay. Some may be of no
    file, or of one that the next generation has as well.
    """
    changes = tuple(changes)
    deleted = {change.address for change in changes if change.action is Action.DELETE}
    staying = {parse_package(change.address) for change in changes if is_kept(change)}
    paths = {file.path for file in state.foreign if format_file(file.path) in deleted}
    paths |= {line.path for line in state.drift if line.kind is DriftKind.ADDED}
    for name, distribution in state.distributions.items():
        if not distribution.managed and name not in staying:
            paths |= {posixpath.normpath(path) for path in (*distribution.paths, distribution.info)}
    return tuple(sorted(path for path in paths if _is_inside(path)))


def _left(state: State, changes: Iterable[Change]) -> tuple[ForeignFile, ...]:
    deleted = {change.address for change in changes if change.action is Action.DELETE}
    return tuple(file for file in state.foreign if format_file(file.path) not in deleted)


def _own_paths(state: State, distribution: Distribution) -> Iterator[str]:
    if not distribution.paths:
        raise ValueError(f"the files of {distribution.name} are not known, so it cannot be kept")
    address = format_package(distribution.name)
    missing = {
        line.path for line in state.drift if line.kind is DriftKind.MISSING and line.address == address
    }
    added = [line.path for line in state.drift if line.kind is DriftKind.ADDED and line.address == address]
    for recorded in (*distribution.paths, *added):
        path = posixpath.normpath(recorded)
        if path not in missing and _is_inside(path) and not _is_bytecode(path):
            yield path


def _is_bytecode(path: str) -> bool:
    return "__pycache__" in path.split("/")


def _is_inside(path: str) -> bool:
    """Refuse what a RECORD of others may say: an absolute path, or one that leaves the environment."""
    return not path.startswith("/") and path[1:3] != ":/" and path not in {"..", "."} and path[:3] != "../"


def _drop_nested(paths: Iterable[str]) -> Iterator[str]:
    last = None
    for path in sorted(paths, key=lambda path: path.split("/")):
        if last is None or not path.startswith(last + "/"):
            last = path
            yield path
