"""Look at trees for a merge, and lay parts of them aside as links."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable

from envctl import atomic
from envctl.environment.mounts import find_mounts_below, read_mounts
from envctl.store.examine import digest_file
from envctl.transaction.carry import link_or_copy
from envctl.transaction.mergesteps import FILE, LINK, OF_ITSELF, OTHER, Node, Tree

_OURS = ".envctl"


def survey(root: str) -> Tree:
    """Look at every file and folder of a tree, bytecode included; what is mounted in it is not looked at.

    Of the ``.envctl`` folder only what the tree says of itself counts, for state may lie in it, too. A folder
    that is not there is an empty tree. Raises `OSError`.
    """
    spared = frozenset(find_mounts_below(root, read_mounts()))
    files: dict[str, Node] = {}
    folders: set[str] = set()
    pending = [""] if os.path.isdir(root) else []
    while pending:
        prefix = pending.pop()
        with os.scandir(f"{root}/{prefix}") as entries:
            for entry in entries:
                path = prefix + entry.name
                if path in spared or (prefix == f"{_OURS}/" and path not in OF_ITSELF):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.add(path)
                    pending.append(f"{path}/")
                else:
                    files[path] = _look(entry)
    return Tree(files, frozenset(folders))


def _look(entry: os.DirEntry[str]) -> Node:
    # What a scan of a folder tells has no inode number on Windows.
    status = entry.stat(follow_symlinks=False) if os.name == "posix" else os.lstat(entry.path)
    place = (status.st_dev, status.st_ino)
    if stat.S_ISLNK(status.st_mode):
        return Node(LINK, 0, 0, 0, place, os.readlink(entry.path))
    kind = FILE if stat.S_ISREG(status.st_mode) else OTHER
    return Node(kind, status.st_size, status.st_mtime_ns, status.st_mode & 0o500, place)


def find_unequal(live: str, source: str, doubtful: Iterable[str]) -> frozenset[str]:
    """Read files that look equal in two trees, and name those that are not. Raises `OSError`."""
    return frozenset(path for path in doubtful if not _are_equal(f"{live}/{path}", f"{source}/{path}"))


def _are_equal(first: str, second: str) -> bool:
    try:
        return digest_file(first) == digest_file(second)
    except PermissionError:
        return False


def lay_aside(
    root: str, tree: Tree, target: str, *, only: Collection[str] | None = None, check: Callable[[], None]
) -> None:
    """Link the files of a tree to ``target``, a folder that is made: all of them, or ``only`` some.

    They are copied where the kernel links nothing; sockets and the like are passed over. ``check`` is called
    now and then, and may raise. Raises `OSError`.
    """
    atomic.make_directories(target)
    made = {""}
    link = atomic.linker()
    paths = tree.files if only is None else only
    for folder in sorted(tree.folders) if only is None else ():
        _make_folder(root, target, folder, made)
    for count, path in enumerate(sorted(paths)):
        if count % 256 == 0:
            check()
        node = tree.files[path]
        if node.kind == OTHER:
            continue
        _make_folder(root, target, os.path.dirname(path), made)
        if node.kind == LINK:
            atomic.symlink(node.link, f"{target}/{path}")
        else:
            _link(link, f"{root}/{path}", f"{target}/{path}")


def _link(link: Callable[[str, str], None], source: str, target: str) -> None:
    try:
        link(source, target)
    except FileExistsError:
        raise
    except OSError:
        link_or_copy(source, target, os.lstat(source))


def _make_folder(root: str, target: str, folder: str, made: set[str]) -> None:
    if folder in made:
        return
    _make_folder(root, target, os.path.dirname(folder), made)
    # Copied into must be possible, whatever the mode says.
    atomic.make_directory(f"{target}/{folder}", mode=mode_of(f"{root}/{folder}"))
    made.add(folder)


def mode_of(folder: str) -> int:
    """Tell which mode a copy of a folder gets: its own, but that its owner may do anything there."""
    return stat.S_IMODE(os.lstat(folder).st_mode) | 0o700
