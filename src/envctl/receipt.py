"""Digests of a plan's inputs: the memory of the last apply, and the fast path.

A receipt lies in the tree it speaks of, ``<environment>/.envctl/receipt``, as text (UTF-8)::

    envctl-receipt 1
    lock<TAB>sha256:…
    manifest<TAB>sha256:…
    tree<TAB>sha256:…

one line for each input that a plan depends on, sorted by label. Equal digests mean an equal plan:
nothing to do. A label that differs is already half of the explanation. Some labels say themselves how
their input is looked at again: ``file PATH`` (sha256, or ``absent``) and ``stat PATH`` (size and mtime).

The label ``tree`` is what the disk says of every file of the environment, bytecode and
``.envctl/`` excepted: name, type, size, mtime, whether it can be read and executed, a link's text.
Files that tools leave behind (``.DS_Store``) are in it, because a wheel may own a file of that name:
they cost the fast path until the next receipt, never its truth.

Imports nothing but ``os``, ``hashlib``, ``time`` and what they load: a plan with nothing to do loads
no more.
"""

from __future__ import annotations

import hashlib
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    #: Told a folder's path below the root (empty, or beginning with a slash) and its files: name, mode bits
    #: (type, and whether its owner may read and execute it), size in bytes or a link's text, mtime (ns).
    See = Callable[[str, list[tuple[str, int, int | str, int]]], None]

#: Where it lies, relative to the environment.
RECEIPT = ".envctl/receipt"

#: The label of the environment's files.
TREE = "tree"

#: How labels begin whose input is a file, looked at by content or by ``stat``; its absolute path follows.
FILE, STAT = "file ", "stat "

#: What is recorded of a file that is not there.
ABSENT = "absent"

#: Within this many nanoseconds two writes may get one mtime: kernels tick every 1 to 10 ms.
RACY_NS = 10_000_000

_HEADER = "envctl-receipt 1\n"
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_HAS_DIRECTORY_DESCRIPTORS = os.scandir in os.supports_fd and os.readlink in os.supports_dir_fd

# The type of a file, and whether its owner may read and execute it. Other bits depend on umasks.
_MODE_MASK = 0o170500
_LINK = 0o120000
_TYPE_MASK = 0o170000


def digest_tree(root: str) -> str:
    """Digest what ``stat`` says of every file below ``root`` (``sha256:…``).

    Equal digests mean: no file came, went, or changed its type, size, mtime, readability, executability
    or link text since. No file is read. What cannot be looked at counts as just that.
    """
    return measure_tree(root)[0]


def measure_tree(root: str, *, see: See | None = None) -> tuple[str, int]:
    """Digest as `digest_tree` does, and tell the newest mtime seen (ns), for `settle`.

    ``see`` is told what is found, so that who compares a tree with something need not walk it again.
    """
    digest = hashlib.sha256()
    newest = 0
    # The order is that of a stack with sorted children: any order will do, if it is always the same.
    pending = [""]
    while pending:
        relative = pending.pop()
        directories, batch = _look(root + relative)
        if not relative and ".envctl" in directories:
            directories.remove(".envctl")
        if batch:
            batch.sort()
            if see is not None:
                see(relative, batch)
            # `ascii` writes the whole batch in C, escapes every odd name, and is the same everywhere.
            digest.update(ascii((relative, batch)).encode())
            newest = max(newest, *[each[3] for each in batch])
        directories.sort()
        pending += [f"{relative}/{name}" for name in directories]
    return f"sha256:{digest.hexdigest()}", newest


_Line = tuple[str, int, "int | str", int]


def _look(path: str) -> tuple[list[str], list[_Line]]:
    # A descriptor spares the kernel the way down for each file: a tenth of the time.
    try:
        if not _HAS_DIRECTORY_DESCRIPTORS:
            return _look_into(path, None)
        descriptor = os.open(path, os.O_RDONLY | _NOFOLLOW)
        try:
            return _look_into(descriptor, descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        return [], [("", 0, f"unreadable: {error.errno}", 0)]


def _look_into(where: str | int, descriptor: int | None) -> tuple[list[str], list[_Line]]:
    directories: list[str] = []
    batch: list[_Line] = []
    with os.scandir(where) as entries:
        for entry in entries:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if name != "__pycache__":
                    directories.append(name)
                continue
            status = entry.stat(follow_symlinks=False)
            mode = status.st_mode & _MODE_MASK
            if mode & _TYPE_MASK == _LINK:
                text = os.readlink(name if descriptor is not None else entry.path, dir_fd=descriptor)
                batch.append((name, _LINK, text, 0))
            else:
                batch.append((name, mode, status.st_size, status.st_mtime_ns))
    return directories, batch


def settle(newest: int) -> None:
    """Wait until no later write can get the mtime ``newest`` (ns) again; at most 10 ms.

    Called between writing the last file of a tree and letting others see it, this makes the size and
    mtime in a receipt proof that a file is untouched. A newest mtime in the future is not waited for:
    no write that follows will get it by itself.
    """
    rest = newest + RACY_NS - time.time_ns()
    if 0 < rest <= RACY_NS:
        time.sleep(rest / 1e9)


def digest_file(path: str) -> str | None:
    """Digest a file's bytes (``sha256:…``); None when it is not there or cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError:
        return None


def describe_file(path: str) -> str:
    """Say which file lies at a path without reading it: its size and mtime (ns), or `ABSENT`."""
    try:
        status = os.stat(path)
    except OSError:
        return ABSENT
    return f"{status.st_size}-{status.st_mtime_ns}"


def find_difference(receipt: Mapping[str, str], root: str) -> str | None:
    """Look again at every file that ``receipt`` names, and last at the tree ``root``.

    Returns the first label that differs, None when all are as they were.
    """
    label = find_changed_file(receipt)
    if label is not None:
        return label
    return None if digest_tree(root) == receipt.get(TREE) else TREE


def find_changed_file(receipt: Mapping[str, str]) -> str | None:
    """Look again at every file that ``receipt`` names; return the first label that differs, or None."""
    for label, digest in receipt.items():
        if label.startswith(FILE):
            now = digest_file(label[len(FILE) :]) or ABSENT
        elif label.startswith(STAT):
            now = describe_file(label[len(STAT) :])
        else:
            continue
        if now != digest:
            return label
    return None


def format_receipt(labels: Mapping[str, str]) -> bytes:
    """Format for the disk; labels and digests hold neither tab nor line feed."""
    lines = []
    for label, digest in sorted(labels.items()):
        if "\t" in label or "\n" in label or "\n" in digest:
            raise ValueError(f"a receipt cannot hold the label {label!r}")
        lines.append(f"{label}\t{digest}\n")
    return (_HEADER + "".join(lines)).encode("utf-8", "surrogateescape")


def parse_receipt(data: bytes) -> dict[str, str] | None:
    """Parse what `format_receipt` wrote; None for anything else: then all is looked at anew."""
    try:
        text = data.decode("utf-8", "surrogateescape")
    except UnicodeDecodeError:
        return None
    if not text.startswith(_HEADER) or not text.endswith("\n"):
        return None
    labels = {}
    for line in text[len(_HEADER) :].split("\n")[:-1]:
        label, tab, digest = line.partition("\t")
        if not tab:
            return None
        labels[label] = digest
    return labels


def read_receipt(path: str) -> dict[str, str] | None:
    """Read the receipt at ``path``; None when there is none that can be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            return parse_receipt(file.read())
    except OSError:
        return None


def compare(receipt: Mapping[str, str], labels: Mapping[str, str]) -> list[str]:
    """Name the labels whose digests differ, sorted; one that only one side has differs."""
    return sorted(
        label for label in receipt.keys() | labels.keys() if receipt.get(label) != labels.get(label)
    )
