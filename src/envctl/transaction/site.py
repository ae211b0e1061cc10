"""Where an environment and everything about it lie, and whether envctl may touch it.

::

    proj/.venv/                       the live environment: a real directory
        .envctl/generation.json       which generation this tree is
    proj/.venv.envctl/
        .gitignore                    ``*``: the folder ignores itself
        lock                          kernel lock; its text is the holder's process id
        history.jsonl                 one line for each switch
        generations/6/  7/            earlier environments, complete
        staging/8/                    garbage when found at the start of a command that writes
        journal                       what a switch is about to do
        spare/                        fell out of the generations; the next environment is made of it
        trash/                        renamed away, deleted later

Where the environment is itself a mount point, all of that lies inside of it, in ``.venv/.envctl/``, and
stays there when the same folder is seen where it is none.

Nothing here writes.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable

from envctl.environment.identity import GENERATION, parse_generation
from envctl.environment.mounts import (
    find_mount,
    find_mounts_below,
    is_mount_point,
    is_vacant,
    read_mounts,
)
from envctl.errors import MachineError
from envctl.frozen import dataclass

#: What a tree is called that says nothing of itself: an environment that others made.
ADOPTED = 0


@dataclass(frozen=True, slots=True)
class Site:
    """One environment; ``path`` is absolute and normalised, and stays the same for all its generations.

    ``inside`` says that its state lies in it: `locate` tells.
    """

    path: str
    inside: bool = False

    @property
    def folder(self) -> str:
        """The folder of all that is not the environment itself."""
        return f"{self.path}/.envctl" if self.inside else f"{self.path}.envctl"

    @property
    def lock(self) -> str:
        """The file of the kernel lock."""
        return f"{self.folder}/lock"

    @property
    def history(self) -> str:
        """The file with a line for each switch."""
        return f"{self.folder}/history.jsonl"

    @property
    def journal(self) -> str:
        """The file that says what a switch is about to do."""
        return f"{self.folder}/journal"

    @property
    def generations(self) -> str:
        """The folder of earlier environments."""
        return f"{self.folder}/generations"

    @property
    def staging(self) -> str:
        """The folder in which the next environment is made."""
        return f"{self.folder}/staging"

    @property
    def spare(self) -> str:
        """The place of a tree that is no generation any more, for the next environment to be made of."""
        return f"{self.folder}/spare"

    @property
    def trash(self) -> str:
        """The folder of what is to be deleted."""
        return f"{self.folder}/trash"

    def generation(self, number: int) -> str:
        """The place of an earlier environment."""
        return f"{self.generations}/{number}"

    def staged(self, number: int) -> str:
        """The place of an environment in the making."""
        return f"{self.staging}/{number}"


def locate(path: str) -> Site:
    """Find out where the state of the environment at ``path`` (absolute) lies."""
    inside = os.path.lexists(f"{path}/.envctl/lock") or is_mount_point(path, read_mounts())
    return Site(path, inside)


def read_number(tree: str) -> int | None:
    """Read which generation a tree says it is.

    None when there is no directory; `ADOPTED` for a tree that says nothing, or nothing that makes sense.
    Raises `OSError` where it cannot be read: what that tree is decides what becomes of it, so nobody guesses.
    """
    try:
        if not stat.S_ISDIR(os.lstat(tree).st_mode):
            return None
    except FileNotFoundError:
        return None
    try:
        with open(os.path.join(tree, GENERATION), "rb", buffering=0) as file:
            return parse_generation(file.read()).number
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, MachineError):
        return ADOPTED


def refuse(site: Site) -> None:
    """Refuse an environment that must not, or cannot, be changed. Looks; touches nothing.

    Raises:
        MachineError: `not-an-environment` for a link, a file, a folder without ``pyvenv.cfg``;
            `not-ours` for a folder of another user; `mounted` for a state folder that is a mount point or
            holds one; `read-only` and `not-writable`.
    """
    for path in (site.path, site.folder):
        status = _look(path)
        if status is not None:
            _refuse_stranger(path, status)
    status = _look(site.path)
    if status is not None and not _is_environment(site):
        raise MachineError(
            "not-an-environment",
            f"`{site.path}` is a folder without `pyvenv.cfg`, so it is no environment",
            where=site.path,
            hints=_MOVE_AWAY,
        )
    _refuse_mounts(site)
    _refuse_unwritable(site)


_MOVE_AWAY = ("move it away, or give the environment another `path` in the manifest",)


def _look(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MachineError(
            "not-an-environment", f"`{path}` cannot be looked at: {error.strerror}", where=path
        ) from error


def _refuse_stranger(path: str, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise MachineError(
            "not-an-environment",
            f"`{path}` is a symbolic link, and envctl neither follows nor replaces it",
            where=path,
            hints=_MOVE_AWAY,
        )
    if not stat.S_ISDIR(status.st_mode):
        raise MachineError("not-an-environment", f"`{path}` is not a directory", where=path, hints=_MOVE_AWAY)
    _refuse_user(path, status)


def refuse_user(path: str) -> None:
    """Refuse what belongs to another user. Looks; touches nothing.

    Raises:
        MachineError: `not-ours`; `not-an-environment` for what cannot be looked at.
    """
    status = _look(path)
    if status is not None:
        _refuse_user(path, status)


def _refuse_user(path: str, status: os.stat_result) -> None:
    if os.name == "posix" and status.st_uid != os.geteuid():
        raise MachineError(
            "not-ours",
            f"`{path}` belongs to another user (uid {status.st_uid})",
            where=path,
            hints=("run envctl as that user, or move the folder away",),
        )


def _is_environment(site: Site) -> bool:
    # An environment of ours that lost its `pyvenv.cfg` is drift, to be mended: the record inside proves it.
    if os.path.isfile(f"{site.path}/pyvenv.cfg") or os.path.isfile(os.path.join(site.path, GENERATION)):
        return True
    # What a killed run was about to fill holds its journal. Inside, that came before everything else.
    return is_vacant(site.path) or (site.inside and os.path.isfile(site.journal))


def _refuse_mounts(site: Site) -> None:
    mounts = read_mounts()
    if site.inside:
        below = find_mounts_below(site.folder, mounts)
        mount = os.path.join(site.folder, below[0]) if below else None
    else:
        mount = find_mount(site.folder, mounts)
    if mount is not None:
        raise MachineError(
            "mounted",
            f"`{mount}` is a mount point, where earlier generations have to be renamed to",
            where=site.folder,
            hints=(f"unmount `{mount}`",),
        )


def refuse_mounted(site: Site, paths: Iterable[str]) -> None:
    """Refuse to write what would land in a folder that is mounted below the environment.

    ``paths`` are relative to the environment, POSIX; of a million of them none is looked at where nothing is
    mounted.

    Raises:
        MachineError: `mounted`.
    """
    below = find_mounts_below(site.path, read_mounts())
    for path in paths if below else ():
        for mount in below:
            if path == mount or path.startswith(f"{mount}/"):
                raise MachineError(
                    "mounted",
                    f"`{path}` would be written into `{mount}`, which is a mount point",
                    where=os.path.join(site.path, mount),
                    hints=(f"unmount `{os.path.join(site.path, mount)}`, or mount it somewhere else",),
                )


def _refuse_unwritable(site: Site) -> None:
    parent = site.path if site.inside else os.path.dirname(site.path)
    while not os.path.isdir(parent) and parent != os.path.dirname(parent):
        parent = os.path.dirname(parent)
    # Moving a directory changes its `..`: it must be writable itself, not only its parent.
    for path in (parent, site.path, site.folder):
        if not os.path.isdir(path) or _may_write(path):
            continue
        if _is_read_only(path):
            raise MachineError(
                "read-only", f"`{path}` lies on a file system that is mounted read-only", where=path
            )
        raise MachineError(
            "not-writable",
            f"`{path}` is not writable",
            where=path,
            hints=("give yourself write permission on that folder",),
        )


def _may_write(path: str) -> bool:
    return os.access(path, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def _is_read_only(path: str) -> bool:
    if os.name != "posix":
        return False
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError as error:
        return error.errno == errno.EROFS
