"""What a merge has to do, as a list of steps: two trees as ``stat`` sees them in, steps out. Pure.

A merge makes the live tree hold what another tree holds, file by file, and touches nothing that is equal
already. Each step can be done again after it was done, so a killed merge is finished by doing all of them
once more. The order keeps the environment as usable as it can be meanwhile:

1. bytecode of every module that is replaced or removed goes, so that none outlives its source;
2. what lies where a folder or file of another kind has to be goes;
3. folders are made, parents first;
4. files are put, the deepest folders first, then scripts, then ``.dist-info``, ``pyvenv.cfg`` at last;
5. what is gone is deleted, ``.dist-info`` first, and folders that hold nothing any more;
6. the tree says what it is: file list, receipt, and at the very end the identity.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import NamedTuple

from envctl.environment.identity import GENERATION
from envctl.environment.inventory import INVENTORY
from envctl.environment.tree import BYTECODE
from envctl.frozen import dataclass
from envctl.receipt import RECEIPT

#: What a tree says of itself, in the order in which it is put.
OF_ITSELF = (INVENTORY, RECEIPT, GENERATION)

FILE, LINK, OTHER = "file", "link", "other"


class Node(NamedTuple):
    """A file or link as ``lstat`` sees it.

    ``kind`` is `FILE`, `LINK` or `OTHER`; ``size`` is bytes, ``mtime_ns`` nanoseconds and ``mode`` whether
    its owner may read and execute it (0o500), all 0 for a link, whose text is ``link``. ``place`` is device
    and inode: equal places are one file.
    """

    kind: str
    size: int
    mtime_ns: int
    mode: int
    place: tuple[int, int]
    link: str = ""


@dataclass(frozen=True, slots=True)
class Tree:
    """Files and links, and folders, by path relative to the tree, POSIX. Bytecode is listed, too."""

    files: Mapping[str, Node]
    folders: AbstractSet[str]


class Act(StrEnum):
    """What a step does."""

    PUT = "put"  # the file of the other tree takes this path
    DELETE = "delete"  # a file or link goes
    FOLDER = "folder"  # a folder is made
    CLEAR = "clear"  # a folder goes if it is empty


class Step(NamedTuple):
    """One step; ``path`` is relative to the environment, POSIX."""

    act: Act
    path: str


class Difference(NamedTuple):
    """How the files of a tree stand to those of the live one.

    ``doubtful`` are equal as far as ``stat`` can tell, and not the same file: only reading both tells.
    """

    different: frozenset[str]
    doubtful: frozenset[str]


def compare(live: Tree, source: Tree) -> Difference:
    """Compare each file of ``source`` with what is in the live tree at its path."""
    different, doubtful = set(), set()
    for path, node in source.files.items():
        found = live.files.get(path)
        if found is None or found[:4] != node[:4] or found.link != node.link:
            different.add(path)
        elif node.kind == FILE and found.place != node.place:
            doubtful.add(path)
    return Difference(frozenset(different), frozenset(doubtful))


def plan_merge(
    live: Tree, source: Tree, different: AbstractSet[str], gone: Callable[[str], bool]
) -> tuple[Step, ...]:
    """List the steps that bring the files of ``source`` that are ``different`` into the live tree.

    ``gone`` says of a path that ``source`` does not have whether it shall go; else it stays. Bytecode is not
    asked about: it goes with its module.
    """
    removed = {
        path for path in live.files if path not in source.files and not _is_bytecode(path) and gone(path)
    }
    roots = live.folders & source.files.keys()
    blocking = {path for path in live.files if path in source.folders} | set(_list_below(live.files, roots))
    touched = different | removed | blocking
    stale = frozenset(_find_stale(live, source, touched, removed | blocking))
    put = different | (stale & source.files.keys())
    in_the_way = roots | set(_list_below(live.folders, roots))
    emptied = _find_emptied(live, source, removed | stale) - in_the_way
    return (
        *_steps(Act.DELETE, sorted(stale)),
        *_steps(Act.DELETE, sorted(blocking - stale)),
        *_steps(Act.CLEAR, sorted(in_the_way, key=_depth_and_name, reverse=True)),
        *_steps(Act.FOLDER, sorted(source.folders - live.folders)),
        *_steps(Act.PUT, sorted((path for path in put if path not in OF_ITSELF), key=_rank)),
        *_steps(Act.DELETE, sorted(removed - blocking, key=_rank, reverse=True)),
        *_steps(Act.CLEAR, sorted(emptied, key=_depth_and_name, reverse=True)),
        *_steps(Act.PUT, (path for path in OF_ITSELF if path in put)),
    )


def plan_undo(live: Tree, before: Tree, steps: Sequence[Step]) -> tuple[Step, ...]:
    """List the steps that take a merge back, however far it got.

    ``live`` is the tree as it is now, and ``before`` has, of what it was, at least all that ``steps`` change.
    """
    added = {step.path for step in steps if step.act is Act.PUT and step.path not in before.files}
    made = [step.path for step in steps if step.act is Act.FOLDER]
    undone = plan_merge(live, before, compare(live, before).different, added.__contains__)
    return (*undone, *_steps(Act.CLEAR, reversed(made)))


def find_changed(steps: Iterable[Step], live: Tree) -> frozenset[str]:
    """Name the files of the live tree that a merge replaces or deletes."""
    return frozenset(
        step.path for step in steps if step.act in {Act.PUT, Act.DELETE} and step.path in live.files
    )


def _steps(act: Act, paths: Iterable[str]) -> Iterator[Step]:
    return (Step(act, path) for path in paths)


def _is_bytecode(path: str) -> bool:
    return BYTECODE in path.split("/")


def _list_below(paths: Iterable[str], folders: AbstractSet[str]) -> Iterator[str]:
    """List the paths that lie below one of the folders."""
    for path in paths if folders else ():
        if any(path.startswith(f"{folder}/") for folder in folders):
            yield path


def _find_stale(
    live: Tree, source: Tree, touched: AbstractSet[str], removed: AbstractSet[str]
) -> Iterator[str]:
    """Find the live bytecode of modules that are touched, and all of it where no module is left."""
    modules = {path[:-3] for path in touched if path.endswith(".py")}
    kept = {posixpath.dirname(path) for path in live.files.keys() - removed if not _is_bytecode(path)}
    kept |= {posixpath.dirname(path) for path in source.files if not _is_bytecode(path)}
    left = {posixpath.dirname(path) for path in removed} - kept
    for path in live.files:
        folder, found, name = path.rpartition(f"{BYTECODE}/")
        if not found:
            continue
        # `app.cpython-312.opt-1.pyc`, and what tools put beside it: all begin with the module's name.
        if f"{folder}{name.partition('.')[0]}" in modules or folder.rstrip("/") in left:
            yield path


def _find_emptied(live: Tree, source: Tree, deleted: Iterable[str]) -> set[str]:
    """Find folders that ``source`` does not have, and around what is deleted: they may hold nothing then."""
    emptied: set[str] = set()
    for path in deleted:
        folder = posixpath.dirname(path)
        while folder and folder not in emptied and folder not in source.folders and folder in live.folders:
            emptied.add(folder)
            folder = posixpath.dirname(folder)
    return emptied


def _depth_and_name(path: str) -> tuple[int, str]:
    return path.count("/"), path


def _rank(path: str) -> tuple[int, int, str]:
    """Order files as they are put."""
    if path == "pyvenv.cfg":
        group = 3
    elif ".dist-info/" in path:
        group = 2
    else:
        group = 1 if path.startswith(("bin/", "Scripts/")) else 0
    return group, -path.count("/"), path
