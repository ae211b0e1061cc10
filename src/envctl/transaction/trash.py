"""Delete what is no longer needed: renamed away first, in one step, and deleted later.

Deleting 45,000 files takes seconds, so it starts only after a switch, and but for continuous integration
it is left to a detached process of the lowest priority. It never goes through a mount, never follows a
link, and of two processes that would delete, one does.

Deleting a link moves the ctime of the file in the store, which looks like an edit to whoever links it next.
So the entries that are given are looked at before; those that were clean then have their mark raised after.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping, Sequence

import envctl
from envctl import atomic
from envctl.environment.mounts import find_mount, read_mounts
from envctl.errors import MachineError
from envctl.store.entry import Entry
from envctl.store.examine import claim
from envctl.transaction.site import Site

if sys.platform != "win32":
    import fcntl


def may_detach(environ: Mapping[str, str]) -> bool:
    """Whether deleting may go on after the command ended: not where a container is closed right after it."""
    return os.name == "posix" and not environ.get("CI")


def discard(site: Site, path: str) -> None:
    """Rename a file or tree into the trash; what is not there is passed over.

    What lies in the lower layer of an overlay cannot be renamed, and is deleted at once.

    Raises:
        MachineError: `mounted`, as `remove_now`.
        OSError: as the file system does.
    """
    if not os.path.lexists(path):
        return
    if not os.path.isdir(site.trash):
        atomic.make_directories(site.trash)
    try:
        atomic.rename_new(path, f"{site.trash}/{os.path.basename(path)}-{os.urandom(6).hex()}")
    except OSError as error:
        if error.errno != errno.EXDEV or not os.path.isdir(path) or os.path.islink(path):
            raise
        remove_now(path)


def empty(site: Site, *, detach: bool = False, entries: Sequence[Entry] = ()) -> None:
    """Delete what is in the trash, or have it deleted. What cannot be deleted stays: it is tried again.

    ``entries`` are those of the store that the deleted trees are likely to hold links to.
    """
    try:
        if not os.path.isdir(site.trash) or not os.listdir(site.trash):
            return
        if not (detach and _delete_detached(site.trash, entries)):
            with claim(entries):
                _delete_here(site.trash)
    except OSError:
        pass


def remove_now(path: str) -> None:
    """Delete a tree at once.

    Raises:
        MachineError: `mounted` when something is mounted in it: nothing is deleted then.
        OSError: as the file system does.
    """
    mount = find_mount(path, read_mounts())
    if mount is not None:
        raise MachineError(
            "mounted",
            f"`{path}` is not deleted, because `{mount}` is a mount point",
            where=path,
            hints=(f"unmount `{mount}` first",),
        )
    atomic.remove_tree(path)


def _delete_here(trash: str) -> None:
    descriptor = os.open(trash, os.O_RDONLY) if os.name == "posix" else None
    try:
        if descriptor is not None and sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mounts = read_mounts()
        for name in sorted(os.listdir(trash)):
            path = f"{trash}/{name}"
            if find_mount(path, mounts) is not None:
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                atomic.remove_tree(path)
            else:
                atomic.remove(path)
    finally:
        if descriptor is not None:
            os.close(descriptor)


# The program of the detached process: `empty`, once more. It needs nothing of envctl, whose files may be
# what was replaced; without them, the marks of the store stay where they are, and files are hashed again.
_PROGRAM = """
import fcntl, os, re, sys
trash, library, *folders = sys.argv[1:]
os.nice(19)
held = os.open(trash, os.O_RDONLY)
try:
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    sys.exit()
real = os.fsencode(os.path.realpath(trash)) + b"/"
try:
    with open("/proc/self/mountinfo", "rb") as file:
        table = file.read().split(b"\\n")
except OSError:
    table = []
points = [re.sub(rb"\\\\([0-7]{3})", lambda found: bytes([int(found[1], 8) & 255]), line.split(b" ")[4])
          for line in table if line]
device = os.lstat(trash).st_dev
def delete(top):
    emptied, pending = [], [top]
    while pending:
        path = pending.pop()
        try:
            if os.lstat(path).st_dev != device:
                continue
            os.chmod(path, 0o700)
            with os.scandir(path) as found:
                children = [(child.path, child.is_dir(follow_symlinks=False)) for child in found]
        except OSError:
            continue
        emptied.append(path)
        for child, directory in children:
            try:
                pending.append(child) if directory else os.unlink(child)
            except OSError:
                pass
    for path in reversed(emptied):
        try:
            os.rmdir(path)
        except OSError:
            pass
entries = []
try:
    sys.path.insert(0, library)
    from envctl.store.examine import check, raise_mark, read_entry
    for folder in folders:
        entry = read_entry(folder, os.path.basename(folder))
        seen = check(entry) if entry else None
        if seen and seen.clean:
            entries.append(entry)
except Exception:
    entries = []
kept = set()
while names := set(os.listdir(trash)) - kept:
    for name in names:
        path = os.path.join(trash, name)
        inside = real + os.fsencode(name)
        if not any(point == inside or point.startswith(inside + b"/") for point in points):
            try:
                delete(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
            except OSError:
                pass
        if os.path.lexists(path):
            kept.add(name)
    # Whoever found the lock held went away: what he had renamed here is ours to delete, too.
for entry in entries:
    seen = check(entry)
    if seen and not seen.changed:
        raise_mark(entry, seen.highest)
"""


def _delete_detached(trash: str, entries: Sequence[Entry]) -> bool:
    """Start the process; False where it cannot be started."""
    if sys.platform == "win32" or not sys.executable:
        return False
    quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    library = os.path.dirname(os.path.dirname(os.path.abspath(envctl.__file__)))
    arguments = [sys.executable, "-I", "-S", "-c", _PROGRAM, trash, library]
    arguments += [entry.folder for entry in entries]
    try:
        os.posix_spawn(sys.executable, arguments, {}, file_actions=quiet, setsid=True)
    except (OSError, NotImplementedError):
        return False
    return True
