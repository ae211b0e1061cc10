"""Unpack a wheel: check all of it, then write it once, hashing what is written.

::

    <target>/site/…                   purelib and platlib, with INSTALLER and RECORD as installed
    <target>/scripts/…  data/…  headers/…

``RECORD`` is complete for wheels without scripts and data; whoever lays those in an environment adds
their rows to it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from envctl import atomic
from envctl.archive.limits import Limits
from envctl.archive.zip import Member, ZipArchive, open_archive
from envctl.errors import UpstreamError
from envctl.frozen import dataclass
from envctl.wheel.check import Checked, check_wheel
from envctl.wheel.record import Row, installed_record, installed_row

#: Members up to this size (bytes) are held in memory whole.
_SMALL = 4 << 20
_INSTALLER = b"envctl\n"


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What the store shall remember of a wheel, as plain JSON values, and the hashes of what was written.

    ``about`` holds ``name``, ``version``, ``info`` (the ``.dist-info`` folder), ``tags``,
    ``requires_python``, ``console_scripts`` and ``gui_scripts`` (name to reference), ``scripts`` (a list
    of ``{"path", "python"}``: files below ``scripts/``, and whether their shebang is to be rewritten),
    ``startup_hooks`` (paths in the tree), ``size`` (bytes) and ``record_faults``: not empty only where a
    wrong RECORD was accepted, so who uses the entry must accept it too.
    """

    about: Mapping[str, object]
    hashes: Mapping[str, str]


def unpack(
    path: str,
    target: str,
    *,
    filename: str,
    name: str,
    version: str | None,
    accept_bad_record: bool = False,
    admit: Callable[[Sequence[int]], None] | None = None,
    on_bytes: Callable[[int], None] | None = None,
    limits: Limits | None = None,
) -> Unpacked:
    """Unpack the wheel at ``path`` into the empty folder ``target``.

    ``filename`` is what it is called (``path`` may be called anything), ``name`` and ``version`` what was
    asked for; ``admit`` is told the sizes of all files before one is written, and may raise; ``on_bytes`` is
    told how many bytes were written. Structure, names, metadata, scripts and
    the rows of RECORD are checked before the first byte is written; the content of each file while it is:
    when this raises, ``target`` is to be thrown away.

    Raises:
        UpstreamError: as `open_archive` and `check_wheel`; `bad-record` too for a file whose hash is not
            that of its row.
    """
    with open_archive(path, label=filename, limits=limits) as archive:
        checked = check_wheel(
            archive, filename=filename, name=name, version=version, accept_bad_record=accept_bad_record
        )
        if admit is not None:
            admit([member.size for member, _ in checked.layout.files])
        writer = _Writer(archive, target, on_bytes)
        faults = list(checked.faults)
        for member, place in checked.layout.files:
            row = checked.rows.get(member.name)
            if not writer.write(member, place, row):
                faults.append(f"`{member.name}` has another hash")
                if not accept_bad_record:
                    raise UpstreamError(
                        "bad-record",
                        f"the RECORD of `{filename}` is wrong: {faults[-1]}",
                        where=filename,
                        hints=[f'to let this one in, add "{name}" to `accept-bad-record` under `[install]`'],
                    )
        writer.write_own_files(checked.layout.info)
        return Unpacked(_describe(checked, writer, faults), writer.hashes)


def _describe(checked: Checked, writer: _Writer, faults: list[str]) -> dict[str, object]:
    return {
        "name": checked.name,
        "version": checked.version,
        "info": checked.layout.info,
        "tags": list(checked.tags),
        "requires_python": checked.requires_python,
        "console_scripts": dict(checked.entry_points.console),
        "gui_scripts": dict(checked.entry_points.gui),
        "scripts": writer.scripts,
        "startup_hooks": list(checked.layout.hooks),
        "size": sum(writer.sizes.values()),
        "record_faults": faults,
    }


class _Writer:
    """Writes members below one folder, and remembers what it wrote."""

    def __init__(self, archive: ZipArchive, target: str, on_bytes: Callable[[int], None] | None) -> None:
        self._archive = archive
        self._target = target
        self._on_bytes = on_bytes or (lambda _: None)
        self._made: set[str] = set()
        self.hashes: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self.scripts: list[dict[str, object]] = []

    def write(self, member: Member, place: str, row: Row | None) -> bool:
        """Write one member; False when its row states another hash."""
        self._make_folder(place.rpartition("/")[0])
        path = f"{self._target}/{place}"
        mode = 0o755 if member.executable else 0o644
        algorithm = row.algorithm if row and row.algorithm else "sha256"
        if member.size <= _SMALL:
            content = self._archive.read(member)
            atomic.write(path, content, mode=mode)
            self._on_bytes(len(content))
            start = content[:64]
            sha256 = hashlib.sha256(content).hexdigest()
            stated = sha256 if algorithm == "sha256" else hashlib.new(algorithm, content).hexdigest()
        else:
            start, sha256, stated = self._write_big(member, path, mode, algorithm)
        self._note(place, sha256, member.size, start)
        return row is None or row.digest is None or row.digest == stated

    def _write_big(self, member: Member, path: str, mode: int, algorithm: str) -> tuple[bytes, str, str]:
        digest = hashlib.sha256()
        other = hashlib.new(algorithm) if algorithm != "sha256" else digest
        start = b""
        with atomic.create(path) as file:
            for chunk in self._archive.read_chunks(member):
                file.write(chunk)
                digest.update(chunk)
                if other is not digest:
                    other.update(chunk)
                start = start or chunk[:64]
                self._on_bytes(len(chunk))
        if mode != 0o644:
            atomic.set_mode(path, mode)
        return start, digest.hexdigest(), other.hexdigest()

    def write_own_files(self, info: str) -> None:
        """Write what an installer writes: INSTALLER, and RECORD as it is when the site is installed."""
        self._write_own(f"site/{info}/INSTALLER", _INSTALLER)
        rows = [
            installed_row(place.removeprefix("site/"), digest, self.sizes[place])
            for place, digest in self.hashes.items()
            if place.startswith("site/")
        ]
        rows.append(Row(f"{info}/RECORD"))
        self._write_own(f"site/{info}/RECORD", installed_record(rows))

    def _write_own(self, place: str, content: bytes) -> None:
        self._make_folder(place.rpartition("/")[0])
        atomic.write(f"{self._target}/{place}", content)
        self._note(place, hashlib.sha256(content).hexdigest(), len(content), b"")

    def _note(self, place: str, sha256: str, size: int, start: bytes) -> None:
        self.hashes[place] = sha256
        self.sizes[place] = size
        if place.startswith("scripts/"):
            self.scripts.append({"path": place, "python": start.startswith(b"#!python")})

    def _make_folder(self, folder: str) -> None:
        for each in _parents_first(folder, self._made):
            atomic.make_directory(f"{self._target}/{each}")
            self._made.add(each)


def _parents_first(folder: str, made: set[str]) -> Iterator[str]:
    missing = []
    while folder and folder not in made:
        missing.append(folder)
        folder = os.path.dirname(folder)
    return reversed(missing)
