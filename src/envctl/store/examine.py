"""Is an entry still what was put in? One ``lstat`` a file says so, without reading a byte.

A file whose (type, mode, inode, size, mtime, owner) is not that of the manifest has *changed*; one that
fits, but whose ctime is above the entry's mark, is a *suspect*: somebody linked, unlinked, chmodded or
wrote it since we looked. Writing through a hard link moves the ctime even when size and mtime are put
back. Both kinds are hashed: what is right is recorded anew, what is wrong condemns the entry, and is
given away to every environment that shares it (`give_away`).

What gets past: suspects beyond a run's budget, until they are hashed after the switch; an edit between
this look and the link that follows it; an edit while the clock runs backwards; a file system without
ctimes; and what happens below the file system. Reading every byte (``cache prune --verify``) finds it all.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from envctl import atomic
from envctl.errors import UpstreamError
from envctl.frozen import dataclass
from envctl.store.entry import Entry, StoredFile
from envctl.store.manifest import format_manifest, parse_manifest
from envctl.twofold import do_all

_POSIX = os.name == "posix"
#: What Windows tells about permissions is made up.
_MODE_MASK = 0o177777 if _POSIX else 0o170000
#: Suspects that are code are hashed first when not all can be.
_CODE = (".py", ".pth", ".so", ".pyd", ".pyc")
_SMALL = 1 << 20
#: Opening a file takes about as long as hashing this many bytes.
_OPENING = 8 << 10
_BLOCK = 1 << 18
#: With fewer files a second process costs more than it spares.
_WORTH_SHARING = 2000
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
#: These say something of the process or the machine, and nothing of the file.
_NOT_OF_THE_FILE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EAGAIN})


@dataclass(frozen=True, slots=True)
class Findings:
    """Indices into the entry's files, and the highest ctime seen (ns)."""

    changed: tuple[int, ...]
    suspects: tuple[int, ...]
    highest: int

    @property
    def clean(self) -> bool:
        """Whether nothing needs a second look."""
        return not self.changed and not self.suspects


def read_entry(folder: str, key: str) -> Entry | None:
    """Read an entry's manifest; None where there is none, or one that cannot be read or trusted.

    Raises OSError for what is not the file's fault.
    """
    data = read_manifest(folder)
    parsed = None if data is None else parse_manifest(data, key)
    if parsed is None:
        return None
    about, generation, files = parsed
    return Entry(
        key=key, folder=folder, tree=f"{folder}/tree", files=files, about=about, generation=generation
    )


def read_manifest(folder: str) -> bytes | None:
    """Read the bytes of an entry's manifest; as `read_entry`."""
    try:
        # Whatever lies there: a pipe would be waited for.
        descriptor = os.open(f"{folder}/manifest", os.O_RDONLY | _CLOEXEC | _BINARY | _NONBLOCK)
        with open(descriptor, "rb", buffering=0) as file:
            return file.read()
    except OSError as error:
        if error.errno in _NOT_OF_THE_FILE:
            raise
        return None


def is_current(entry: Entry) -> bool:
    """Whether the entry still is the one that was read: nobody has thrown it away or made it anew."""
    there = read_entry(entry.folder, entry.key)
    return there is not None and there.generation == entry.generation


def check(entry: Entry) -> Findings | None:
    """Compare every file with the manifest; None when one is missing, or is no regular file."""
    lstat = os.lstat
    prefix = entry.tree + "/"
    owner = os.geteuid() if _POSIX else 0
    changed: list[int] = []
    ctimes: list[int] = []
    try:
        # The results are not kept: tens of thousands of them would set the garbage collector to work.
        for index, (path, size, mode, mtime_ns, inode, _) in enumerate(entry.files):
            seen = lstat(prefix + path)
            ctimes.append(seen.st_ctime_ns)
            if (
                seen.st_ino != inode
                or seen.st_size != size
                or seen.st_mtime_ns != mtime_ns
                or seen.st_mode & _MODE_MASK != (stat.S_IFREG | mode) & _MODE_MASK
                or seen.st_uid != owner
            ):
                if not stat.S_ISREG(seen.st_mode) or seen.st_uid != owner:
                    return None
                changed.append(index)
    except OSError:
        return None
    return _judge(changed, ctimes if _POSIX else [], read_mark(entry))


def check_all(entries: Sequence[Entry]) -> list[Findings | None]:
    """Check several entries, those of some size in two processes."""
    if sum(len(entry.files) for entry in entries) < _WORTH_SHARING:
        return [check(entry) for entry in entries]
    return [_unpack(told) for told in do_all(lambda number: _pack(entries[number]), len(entries))]


def _pack(entry: Entry) -> bytes:
    """Check an entry, and tell it to another process."""
    findings = check(entry)
    if findings is None:
        return b""
    counts = [len(findings.changed), findings.highest]
    return array("q", [*counts, *findings.changed, *findings.suspects]).tobytes()


def _unpack(told: bytes) -> Findings | None:
    if not told:
        return None
    changed, highest, *indices = array("q", told)
    return Findings(tuple(indices[:changed]), tuple(indices[changed:]), highest)


def _judge(changed: list[int], ctimes: list[int], mark: int) -> Findings:
    # On Windows ctime is the time of creation, and tells nothing: there are no suspects.
    highest = max(ctimes, default=0)
    suspects: list[int] = []
    if highest > mark:
        known = set(changed)
        suspects = [index for index, each in enumerate(ctimes) if each > mark and index not in known]
    return Findings(tuple(changed), tuple(suspects), highest)


def read_mark(entry: Entry) -> int:
    """Read the ctime mark, in nanoseconds; 0 when it is lost or wrong, which makes every file a suspect."""
    return _read_times(entry)[1]


def read_use(entry: Entry) -> int:
    """Tell when the entry was last linked or copied from, in nanoseconds; 0 when nobody knows."""
    return _read_times(entry)[0]


def raise_mark(entry: Entry, ctime_ns: int, *, used_ns: int | None = None) -> None:
    """Raise the mark of a settled entry, and remember when it was used, if it was.

    The mark never goes down; an entry replaced since keeps its own.
    """
    used, mark = _read_times(entry)
    wanted = max(mark, ctime_ns if entry.settled else 0)
    if wanted == mark and used_ns is None:
        return
    path = mark_path(entry)
    try:
        if mark == 0:
            if not is_current(entry):
                return
            # Lost, or put there by somebody: a link must not be followed.
            atomic.remove(path)
            atomic.write(path, b"")
        atomic.set_mtime(path, wanted, atime_ns=used if used_ns is None else used_ns)
    except (FileNotFoundError, FileExistsError):
        pass  # another run has discarded or replaced the entry, or just written the mark


@contextmanager
def claim(entries: Sequence[Entry]) -> Iterator[None]:
    """Have the store know that links to these entries which go meanwhile were our own.

    An entry that was not clean before, or that changes otherwise, keeps its mark.
    """
    clean = [entry for entry in entries if (found := check(entry)) is not None and found.clean]
    yield
    for entry in clean:
        found = check(entry)
        if found is not None and not found.changed:
            raise_mark(entry, found.highest)


def mark_path(entry: Entry) -> str:
    """Say where the mark lies."""
    return f"{entry.folder}/mark-{entry.generation}"


def _read_times(entry: Entry) -> tuple[int, int]:
    """Read when the entry was used, and the mark.

    Setting the mark moves its own ctime past it: one above that was not set by us.
    """
    try:
        seen = os.lstat(mark_path(entry))
    except OSError:
        return 0, 0
    is_ours = stat.S_ISREG(seen.st_mode) and (not _POSIX or seen.st_mtime_ns <= seen.st_ctime_ns)
    return (seen.st_atime_ns, seen.st_mtime_ns) if is_ours else (0, 0)


def choose_to_hash(entry: Entry, findings: Findings, budget: int) -> tuple[tuple[int, ...], bool]:
    """Choose the suspects to hash now, and say whether these are all.

    Deleting an environment makes suspects of all files at once, but for those that were not linked (a
    RECORD, scripts), and reading them all would be felt; an edit makes a few. So where fewer than half of
    the files are suspect all of these are read, whatever ``budget`` (`cost`) says; else small code first,
    as far as it goes.
    """
    files = entry.files
    if budget <= 0 and 2 * len(findings.suspects) >= len(files):
        return (), False
    if 2 * len(findings.suspects) < len(files) or sum(cost(files[i]) for i in findings.suspects) <= budget:
        return findings.suspects, True
    ordered = sorted(findings.suspects, key=lambda i: (not _is_small_code(files[i]), files[i].size))
    chosen = []
    for index in ordered:
        budget -= cost(files[index])
        if budget < 0:
            break
        chosen.append(index)
    return tuple(chosen), False


def cost(file: StoredFile) -> int:
    """Estimate what hashing a file costs, in bytes that could be hashed meanwhile: opening it counts, too."""
    return file.size + _OPENING


def _is_small_code(file: StoredFile) -> bool:
    return file.size < _SMALL and file.path.endswith(_CODE)


def find_wrong(entry: Entry, indices: Iterable[int]) -> StoredFile | None:
    """Hash these files and compare; give the first that does not hold what the manifest says.

    Raises OSError for what is not the file's fault.
    """
    for index in indices:
        file = entry.files[index]
        if not _is_right(f"{entry.tree}/{file.path}", file):
            return file
    return None


def _is_right(path: str, file: StoredFile) -> bool:
    try:
        return os.lstat(path).st_size == file.size and digest_file(path) == file.sha256
    except OSError as error:
        if error.errno in _NOT_OF_THE_FILE:
            raise
        return False


def lies_behind_link(entry: Entry, indices: Iterable[int]) -> bool:
    """Whether one of these files is reached through a link, and so is not of the store."""
    tree = os.path.realpath(os.path.dirname(entry.folder)) + f"/{os.path.basename(entry.folder)}/tree"
    folders = {f"/{entry.files[index].path}".rpartition("/")[0] for index in indices}
    return any(os.path.realpath(entry.tree + folder) != tree + folder for folder in folders)


def give_away(entry: Entry) -> None:
    """Let every environment that shares a wrong file of the entry see that it is: its mtime moves.

    Who edits a file through a hard link and puts size and mtime back changes it in each of them, and no
    ``stat`` tells. Only what looks untouched is read.
    """
    for file in entry.files:
        path = f"{entry.tree}/{file.path}"
        try:
            seen = os.lstat(path)
            looks_right = seen.st_size == file.size and seen.st_mtime_ns == file.mtime_ns
            if stat.S_ISREG(seen.st_mode) and seen.st_nlink > 1 and looks_right and not _is_right(path, file):
                atomic.set_mtime(path, time.time_ns())
        except OSError:
            pass  # it is gone, or not ours: then it is shared with nobody


def put_right(entry: Entry, indices: Sequence[int]) -> tuple[tuple[StoredFile, ...], int]:
    """Give files of right content the mode and mtime of the manifest again, and look up their inodes.

    Their bytecode and the receipts of environments name the old mtime: it is restored, not re-recorded.
    Returns all files, and the highest ctime (ns) of those touched.
    """
    files = list(entry.files)
    highest = 0
    for index in indices:
        file = files[index]
        path = f"{entry.tree}/{file.path}"
        seen = os.lstat(path)
        if _POSIX and stat.S_IMODE(seen.st_mode) != file.mode:
            atomic.set_mode(path, file.mode)
        if seen.st_mtime_ns != file.mtime_ns:
            atomic.set_mtime(path, file.mtime_ns)
        seen = os.lstat(path)
        files[index] = file._replace(inode=seen.st_ino, mtime_ns=seen.st_mtime_ns)
        highest = max(highest, seen.st_ctime_ns)
    return tuple(files), highest


def rewrite_manifest(entry: Entry) -> None:
    """Replace an entry's manifest; not flushed: a torn one is noticed, and the entry made again."""
    temporary = f"{entry.folder}/manifest.{os.getpid()}"
    atomic.remove(temporary)
    atomic.write(temporary, format_manifest(entry.key, entry.about, entry.generation, entry.files))
    atomic.rename(temporary, f"{entry.folder}/manifest")


def record_tree(tree: str, hashes: dict[str, str]) -> tuple[tuple[StoredFile, ...], int]:
    """Describe a tree that was just filled: its files by path, and their highest ctime (ns).

    Modes become 0644 or 0755, whatever the producer and its umask left. ``hashes`` are believed; files
    that are not in it are read.

    Raises:
        UpstreamError: `not-a-plain-file` for a link, a device, or a name with a control character.
    """
    files: list[StoredFile] = []
    highest = 0
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(os.path.join(tree, folder)) as children:
            entries = list(children)
        for child in entries:
            path = folder + child.name
            seen = child.stat(follow_symlinks=False)
            is_folder = stat.S_ISDIR(seen.st_mode)
            if not (is_folder or stat.S_ISREG(seen.st_mode)) or not _is_plain(child.name):
                raise UpstreamError(
                    "not-a-plain-file", f"`{path}` is neither a regular file nor a folder", where=tree
                )
            if is_folder:
                folders.append(path + "/")
                _normalise_mode(child.path, seen, 0o755)
                continue
            mode = 0o755 if seen.st_mode & 0o111 else 0o644
            seen = _normalise_mode(child.path, seen, mode)
            digest = hashes.get(path) or digest_file(child.path)
            files.append(StoredFile(path, seen.st_size, mode, seen.st_mtime_ns, seen.st_ino, digest))
            highest = max(highest, seen.st_ctime_ns)
    return tuple(sorted(files)), highest


def _is_plain(name: str) -> bool:
    return not any(character < " " or character == "\x7f" for character in name)


def _normalise_mode(path: str, seen: os.stat_result, mode: int) -> os.stat_result:
    if _POSIX and stat.S_IMODE(seen.st_mode) != mode:
        atomic.set_mode(path, mode)
        return os.lstat(path)
    # What a directory scan of Windows tells has no inode number.
    return seen if _POSIX else os.lstat(path)


def digest_file(path: str) -> str:
    """Compute a file's sha256, in hexadecimal."""
    descriptor = os.open(path, os.O_RDONLY | _CLOEXEC | _BINARY)
    try:
        # `hashlib.file_digest` allots 256 KiB for each file; most are far smaller.
        digest = hashlib.sha256()
        while block := os.read(descriptor, _BLOCK):
            digest.update(block)
        return digest.hexdigest()
    finally:
        os.close(descriptor)
