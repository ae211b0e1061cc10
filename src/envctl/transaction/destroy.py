"""Delete an environment with all that is kept of it, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Sequence

from envctl import atomic
from envctl.environment.mounts import find_mounts_below, is_mount_point, read_mounts
from envctl.errors import MachineError
from envctl.store.entry import Entry
from envctl.store.examine import claim
from envctl.transaction.site import Site
from envctl.transaction.trash import discard, remove_now


def destroy(site: Site, entries: Sequence[Entry]) -> None:
    """Delete the environment, its generations and its state, but for the lock. A mount point itself stays.

    ``entries`` are those of the store that they are likely to hold links to (see `trash.claim`). Killed in
    between, the same again goes on from there. Raises `OSError`.

    Raises:
        MachineError: `mounted` when something is mounted in the environment: nothing is deleted then.
    """
    mounts = read_mounts()
    below = find_mounts_below(site.path, mounts)
    if below:
        raise MachineError(
            "mounted",
            f"`{site.path}` is not deleted, because `{below[0]}` in it is a mount point",
            where=site.path,
            hints=(f"unmount `{os.path.join(site.path, below[0])}` first",),
        )
    if site.inside:
        _empty(site, spare={os.path.basename(site.folder)})
    elif os.path.lexists(site.path):
        # Renamed first: killed in between, there is no half-deleted environment in its place.
        discard(site, site.path)
    with claim(entries):
        for folder in (site.trash, site.generations, site.staging, site.spare):
            remove_now(folder)
    for name in os.listdir(site.folder):
        if name != os.path.basename(site.lock):
            _remove(f"{site.folder}/{name}")


def remove_place(site: Site) -> None:
    """Remove the folder of an environment whose state lay in it, once it is empty. Raises `OSError`."""
    if site.inside and not is_mount_point(site.path, read_mounts()):
        atomic.remove_directory(site.path)


def _empty(site: Site, *, spare: set[str]) -> None:
    """Move all that is in the environment to the trash; what it says of itself stays to the last."""
    for name in sorted(os.listdir(site.path)):
        # A file system has this for itself.
        if name not in spare and name != "lost+found":
            discard(site, f"{site.path}/{name}")


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        remove_now(path)
    else:
        atomic.remove(path)
