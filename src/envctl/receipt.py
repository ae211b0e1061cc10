"""Digests of a plan's inputs: the memory of the last apply, and the fast path.

A receipt lies in the tree it speaks of, ``<environment>/.envctl/receipt``, as text (UTF-8)::

    envctl-receipt 2 <first half of the sha256 of what follows, hexadecimal>
    lock<TAB>sha256:…
    manifest<TAB>sha256:…
    tree<TAB>sha256:…

one line for each input that a plan depends on, sorted by label. Equal digests mean an equal plan:
nothing to do. A label that differs is already half of the explanation. Some labels say themselves how
their input is looked at again: ``file PATH`` (sha256, or ``absent``) and ``stat PATH`` (size and mtime).

The label ``tree`` is what `envctl.treedigest` says of every file of the environment.

Imports nothing but ``os``, ``sys``, ``hashlib``, ``time``, `envctl.treedigest` and what they load: a plan
with nothing to do loads no more.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time

from envctl.treedigest import digest_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

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

_HEADER = "envctl-receipt 2 "


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
    """Say which file lies at a path without reading it: its size and mtime (ns), or `ABSENT`.

    Behind a link also where it leads: of two builds of a program the files can be alike in both.
    """
    try:
        status = os.stat(path)
    except OSError:
        return ABSENT
    real = os.path.realpath(path)
    said = describe_status(status)
    return said if real == path else f"{said} {real}"


def describe_status(status: os.stat_result) -> str:
    """Say the same of a file that is open."""
    return f"{status.st_size}-{status.st_mtime_ns}"


def describe_kernel() -> str:
    """Name the system and its version: markers and tags of an interpreter depend on them."""
    if sys.platform == "win32":
        return str(sys.getwindowsversion())
    kernel = os.uname()
    return f"{kernel.sysname} {kernel.release} {kernel.version}"


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
    body = "".join(lines)
    return (_make_header(body) + body).encode("utf-8", "surrogateescape")


def parse_receipt(data: bytes) -> dict[str, str] | None:
    """Parse what `format_receipt` wrote; None for anything else: then all is looked at anew."""
    try:
        text = data.decode("utf-8", "surrogateescape")
    except UnicodeDecodeError:
        return None
    header, end, body = text.partition("\n")
    # A label that lost its meaning would be looked at no more, and what it names could move unnoticed.
    if header + end != _make_header(body):
        return None
    labels = {}
    for line in body.split("\n")[:-1]:
        label, tab, digest = line.partition("\t")
        if not tab:
            return None
        labels[label] = digest
    return labels


def _make_header(body: str) -> str:
    digest = hashlib.sha256(body.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{_HEADER}{digest[:32]}\n"


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
