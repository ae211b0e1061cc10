"""Every change to the file system goes through here, so that tests can stop it anywhere.

Each function is one operation that the kernel does whole, or (`replace`) a sequence after
which a path holds either its old content or its new one. Before each operation the hook is
told its name and path: fault tests raise from it, or kill the process; nothing else sets it.
Nothing heavy is imported: the fast path loads this module.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

#: Told ``(operation, path)`` before each operation; may raise. Set by tests only.
hook: Callable[[str, str], None] | None = None

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_FICLONE = 0x40049409  # linux/fs.h


def _announce(operation: str, path: str) -> None:
    if hook is not None:
        hook(operation, path)


def unique_name() -> str:
    """Make a name that nobody else uses: 16 hexadecimal digits."""
    # `secrets` does this, and loads `random` for it.
    return os.urandom(8).hex()


def write(path: str, data: bytes, *, mode: int = 0o644) -> None:
    """Write a new file at ``path``; it must not exist. Not flushed to the disk.

    The mode is exactly ``mode``, whatever the umask.
    """
    _announce("write", path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC | _BINARY, mode)
    with open(descriptor, "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        if os.name == "posix":
            os.fchmod(descriptor, mode)


def create(path: str) -> BinaryIO:
    """Open a new file at ``path`` for writing as a stream; it must not exist. The mode is exactly 0644.

    For what is too big to be held in memory. Nothing reads it before it is complete: the caller checks
    it, then renames it or removes it. Not flushed to the disk.
    """
    _announce("write", path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC | _BINARY, 0o644)
    try:
        if os.name == "posix":
            os.fchmod(descriptor, 0o644)
        return open(descriptor, "wb")
    except BaseException:
        os.close(descriptor)
        raise


def replace(
    path: str, data: bytes, *, mode: int | None = None, durable: bool = True, named: bool = True
) -> None:
    """Make ``path`` hold ``data``, whole, or leave it as it was; flushed to the disk if ``durable``.

    Unless ``named`` the content is flushed, but not that it has this name now: a power cut may bring the
    old file back, whole.

    The mode of a file that is there is kept unless ``mode`` is given; a new one gets 0644.
    A symlink is followed: what it points to is replaced.
    """
    path = os.path.realpath(path)
    if mode is None:
        try:
            mode = stat.S_IMODE(os.stat(path).st_mode)
        except FileNotFoundError:
            mode = 0o644
    temporary = f"{path}.{unique_name()}.tmp"
    try:
        write(temporary, data, mode=mode)
        if durable:
            flush(temporary)
        rename(temporary, path)
    except BaseException:
        try:
            os.unlink(temporary)
        except FileNotFoundError:
            pass
        raise
    if durable and named:
        flush_directory(os.path.dirname(path))


def append(path: str, data: bytes) -> None:
    """Add ``data`` to the end of a file, which is made with mode 0644 where there is none. Not flushed.

    Other bytes of it are never touched. Killed in between, some of ``data`` may be missing at its end.
    """
    _announce("append", path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NOFOLLOW | _CLOEXEC | _BINARY
    with open(os.open(path, flags, 0o644), "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]


def make_directory(path: str, *, mode: int = 0o755) -> None:
    """Make one directory; it must not exist. The mode is exactly ``mode``."""
    _announce("mkdir", path)
    os.mkdir(path, mode)
    if os.name == "posix":
        os.chmod(path, mode)


def make_directories(path: str, *, mode: int = 0o755) -> None:
    """Make a directory and its parents, as far as they are not there."""
    missing = []
    while path and not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for each in reversed(missing):
        try:
            make_directory(each, mode=mode)
        except FileExistsError:
            if not os.path.isdir(each):
                raise


def link(source: str, target: str) -> None:
    """Make ``target`` a hard link to ``source``; it must not exist."""
    if hook is not None:
        hook("link", target)
    os.link(source, target, follow_symlinks=False)


def symlink(text: str, path: str) -> None:
    """Make ``path`` a symbolic link with ``text`` as its target; it must not exist."""
    _announce("symlink", path)
    os.symlink(text, path)


def rename(source: str, target: str) -> None:
    """Rename ``source`` to ``target``; a file that is there is replaced."""
    _announce("rename", target)
    os.replace(source, target)


def rename_new(source: str, target: str) -> None:
    """Rename ``source`` to ``target``, which must not exist: not even an empty directory is replaced.

    Where the kernel cannot promise that, it is looked at just before.
    """
    _announce("rename", target)
    if not _rename_with(source, target, _RENAME_NEW):
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        os.rename(source, target)


def exchange(first: str, second: str) -> None:
    """Let two paths change places in one step: each of them holds one or the other at any time.

    Raises `OSError`: ENOSYS where kernel or file system cannot (also for its EINVAL and EOPNOTSUPP).
    """
    _announce("exchange", second)
    if not _rename_with(first, second, _RENAME_EXCHANGE):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), first, None, second)


# ``renameat2`` (linux/fs.h) and ``renamex_np`` (sys/stdio.h) differ in names and numbers only.
_RENAME_NEW = 4 if sys.platform == "darwin" else 1
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


def _rename_with(source: str, target: str, flags: int) -> bool:
    """Rename with flags; False where nobody here knows them."""
    if sys.platform not in {"linux", "darwin"}:
        return False
    import ctypes  # noqa: PLC0415 - a few milliseconds that only a switch should pay

    libc = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(source), os.fsencode(target)
    try:
        if sys.platform == "darwin":
            result = libc.renamex_np(first, second, ctypes.c_uint(flags))
        else:
            result = libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, ctypes.c_uint(flags))
    except AttributeError:  # a C library that is older than the call
        return False
    if result == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), source, None, target)


def overwrite(descriptor: int, data: bytes) -> None:
    """Make an open file hold ``data`` and nothing else: a remark for people, never relied upon.

    Never emptied first: ext4 brings what is written after that onto the disk, which takes 5 ms and more.
    """
    _announce("overwrite", str(descriptor))
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, data)
    if os.fstat(descriptor).st_size > len(data):
        os.ftruncate(descriptor, len(data))


def remove_directory(path: str) -> None:
    """Remove an empty directory; it need not be there."""
    _announce("rmdir", path)
    try:
        os.rmdir(path)
    except FileNotFoundError:
        pass


def remove(path: str) -> None:
    """Remove one file or symbolic link; it need not be there."""
    _announce("unlink", path)
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def remove_tree(path: str) -> None:
    """Remove a directory and all below it, never following a link, never leaving its device.

    A link or a file in its place is removed itself.

    A directory that cannot be entered for want of permission bits of our own is made
    accessible first. What is already gone is passed over. However deep the folders are, no recursion
    ends it half-way.
    """
    _announce("rmtree", path)
    try:
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            os.unlink(path)
            return
    except FileNotFoundError:
        return
    device = status.st_dev
    emptied = []
    pending = [path]
    while pending:
        folder = pending.pop()
        try:
            pending += _remove_files(folder, device)
        except FileNotFoundError:
            continue
        emptied.append(folder)
    # A folder was found after the one that holds it, so it goes before it.
    for folder in reversed(emptied):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            pass


def _remove_files(folder: str, device: int) -> list[str]:
    """Remove what is no directory from ``folder``; returns the directories in it."""
    status = os.lstat(folder)
    if status.st_dev != device:
        raise OSError(errno.EXDEV, "a mounted folder is in the way", folder)
    if status.st_mode & 0o700 != 0o700:
        os.chmod(folder, 0o700)
    with os.scandir(folder) as entries:
        children = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for child, is_directory in children:
        if not is_directory:
            try:
                os.unlink(child)
            except FileNotFoundError:
                pass
    return [child for child, is_directory in children if is_directory]


def flush(path: str) -> None:
    """Flush one file's content to the disk."""
    _announce("fsync", path)
    descriptor = os.open(path, os.O_RDWR | _CLOEXEC if os.name == "nt" else os.O_RDONLY | _CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_directory(path: str) -> None:
    """Flush a directory's entries to the disk, where the platform can."""
    if os.name != "posix":
        return
    _announce("fsync", path)
    descriptor = os.open(path or ".", os.O_RDONLY | _CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF}:
            raise
    finally:
        os.close(descriptor)


#: Whether `flush_file_system` returns only when everything is on the disk. ``sync`` need not wait.
FLUSHES_ALL = sys.platform == "linux"


def flush_file_system(path: str) -> None:
    """Flush the file system that holds ``path``: one ``syncfs`` on Linux, ``sync`` elsewhere."""
    _announce("syncfs", path)
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - a few milliseconds that only a switch should pay

        descriptor = os.open(path, os.O_RDONLY | _CLOEXEC)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.syncfs(descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), path)
        finally:
            os.close(descriptor)
    elif os.name == "posix":
        os.sync()


def linker() -> Callable[[str, str], None]:
    """Choose what makes many hard links: `link`, or the bare call when no hook is set.

    An environment is tens of thousands of links: two frames a file are a tenth of the work.
    """
    return os.link if hook is None else link


def directory_maker() -> Callable[[str], None]:
    """Choose what makes many directories of mode 0755: without a ``chmod`` each where the umask allows."""
    if hook is not None or _read_umask() & 0o755:
        return make_directory
    return _make_plain_directory


def _make_plain_directory(path: str) -> None:
    os.mkdir(path, 0o755)


def _read_umask() -> int:
    """Read the umask without setting it, which other threads would see; all bits where one cannot."""
    try:
        with open("/proc/self/status", "rb") as file:
            for line in file:
                if line.startswith(b"Umask:"):
                    return int(line[6:], 8)
    except OSError:
        pass
    return 0o777


def copy(source: str, target: str, *, mode: int, mtime_ns: int) -> None:
    """Copy one regular file to a new path, with exactly this mode and this mtime. Not flushed."""
    _announce("copy", target)
    readable = os.open(source, os.O_RDONLY | _NOFOLLOW | _CLOEXEC | _BINARY)
    try:
        writable = os.open(
            target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC | _BINARY, mode
        )
        try:
            while chunk := os.read(readable, 1 << 20):
                view = memoryview(chunk)
                while view:
                    view = view[os.write(writable, view) :]
            _dress(writable, target, mode, mtime_ns)
        finally:
            os.close(writable)
    finally:
        os.close(readable)


def clone(source: str, target: str, *, mode: int, mtime_ns: int) -> None:
    """Make a new file that shares its blocks with ``source`` until one of them is written (a reflink).

    Raises `OSError` where the file system cannot: ``target`` is then removed again.
    """
    _announce("clone", target)
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), target)
    readable = os.open(source, os.O_RDONLY | _NOFOLLOW | _CLOEXEC)
    try:
        writable = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC, mode)
        try:
            fcntl.ioctl(writable, _FICLONE, readable)
            _dress(writable, target, mode, mtime_ns)
        except OSError:
            os.unlink(target)
            raise
        finally:
            os.close(writable)
    finally:
        os.close(readable)


def _dress(descriptor: int, path: str, mode: int, mtime_ns: int) -> None:
    if os.name == "posix":
        os.fchmod(descriptor, mode)
    os.utime(descriptor if os.utime in os.supports_fd else path, ns=(mtime_ns, mtime_ns))


def set_mode(path: str, mode: int) -> None:
    """Give a file or directory exactly this mode; the caller knows that it is no link."""
    _announce("chmod", path)
    os.chmod(path, mode)


def set_mtime(path: str, mtime_ns: int, *, atime_ns: int | None = None) -> None:
    """Give a file this time of modification, and of access (the same unless given); it is no link."""
    _announce("utime", path)
    os.utime(path, ns=(mtime_ns if atime_ns is None else atime_ns, mtime_ns))
