"""Is a wheel what it says it is? Everything that can be said before its first byte is written.

Source: the binary distribution format (PEP 427, 491); core metadata; PEP 503 and 440 for names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from envctl.archive.name import find_fault
from envctl.archive.zip import Member, ZipArchive
from envctl.errors import UpstreamError
from envctl.frozen import dataclass
from envctl.wheel.entry_points import EntryPoints, parse_entry_points
from envctl.wheel.layout import Layout, arrange
from envctl.wheel.record import ALGORITHMS, Row, parse_record

#: Text files of a wheel are read whole; none that people made comes near (bytes).
_LARGEST_TEXT = 32 << 20
#: Lines of METADATA that are headers; the rest is the description.
_WANTED_HEADERS = frozenset({"metadata-version", "name", "version", "requires-python"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A wheel that may be unpacked.

    ``rows`` are its RECORD by path; ``faults`` what is wrong with that, which only a caller who accepts
    it lets pass. ``requires_python`` is as written.
    """

    name: str
    version: str
    tags: tuple[str, ...]
    layout: Layout
    rows: Mapping[str, Row]
    faults: tuple[str, ...]
    entry_points: EntryPoints
    requires_python: str | None


def check_wheel(
    archive: ZipArchive, *, filename: str, name: str, version: str | None, accept_bad_record: bool
) -> Checked:
    """Check an open wheel against its file name, its own metadata and what was asked for.

    ``version`` None means that any will do. The names and versions of `Checked` are normalised.

    Raises:
        UpstreamError: `bad-wheel` for a file that is no wheel of version 1; `wheel-mismatch` when file
            name, ``.dist-info``, METADATA and what was asked for do not name one release;
            `unsafe-wheel` for scripts and schemes that are refused; `bad-record` when RECORD does not
            list exactly the files, unless that is accepted; or as `ZipArchive.read`.
    """
    tags, stated = _parse_filename(filename)
    members = {member.name: member for member in archive.members}
    info = _find_info(members, filename)
    metadata = _parse_headers(_read_text(archive, members, f"{info}/METADATA", filename))
    _check_names(filename, info, metadata, stated, (name, version))
    _check_format(_read_text(archive, members, f"{info}/WHEEL", filename), filename)
    entry_points = EntryPoints()
    if f"{info}/entry_points.txt" in members:
        text = _read_text(archive, members, f"{info}/entry_points.txt", filename)
        entry_points = parse_entry_points(text, project=stated[0])
    layout = arrange(archive.members, info=info, project=stated[0])
    for fault in (*entry_points.faults, *layout.faults):
        raise UpstreamError("unsafe-wheel", f"`{filename}` is refused: {fault}", where=filename)
    rows, faults = _check_record(archive, members, info)
    if faults and not accept_bad_record:
        raise UpstreamError(
            "bad-record",
            f"the RECORD of `{filename}` is wrong: {faults[0]}",
            where=filename,
            hints=[
                f'to let this one in, add "{name}" to `accept-bad-record` under `[install]`',
            ],
        )
    return Checked(
        name=stated[0],
        version=str(stated[1]),
        tags=tags,
        layout=layout,
        rows=rows,
        faults=faults,
        entry_points=entry_points,
        requires_python=metadata.get("requires-python"),
    )


def _parse_filename(filename: str) -> tuple[tuple[str, ...], tuple[str, Version]]:
    try:
        name, version, _, tags = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion) as error:
        raise UpstreamError(
            "bad-wheel", f"`{filename}` is not the name of a wheel", where=filename
        ) from error
    return tuple(sorted(map(str, tags))), (name, version)


def _find_info(members: Mapping[str, Member], filename: str) -> str:
    found = sorted(
        {
            top
            for path in members
            if (parts := path.split("/", 1))[1:] and (top := parts[0]).casefold().endswith(".dist-info")
        }
    )
    if len(found) != 1:
        what = "no" if not found else "more than one"
        raise UpstreamError("bad-wheel", f"`{filename}` holds {what} `.dist-info` folder", where=filename)
    return found[0]


def _read_text(archive: ZipArchive, members: Mapping[str, Member], path: str, filename: str) -> str:
    member = members.get(path)
    if member is None:
        raise UpstreamError("bad-wheel", f"`{filename}` holds no `{path}`", where=filename)
    if member.size > _LARGEST_TEXT:
        raise UpstreamError("bad-wheel", f"`{path}` in `{filename}` is too long", where=filename)
    # Old metadata is in any encoding; what counts here is ASCII.
    return archive.read(member).decode("utf-8-sig", "replace")


def _parse_headers(text: str) -> dict[str, str]:
    """Parse the headers that are wanted; one that is there twice is kept as both, which fits nothing."""
    found: dict[str, str] = {}
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line.strip():
            break
        name, _, value = line.partition(":")
        key = name.lower()
        if key in _WANTED_HEADERS:
            found[key] = f"{found[key]}, {value.strip()}" if key in found else value.strip()
    return found


def _check_names(
    filename: str,
    info: str,
    metadata: Mapping[str, str],
    stated: tuple[str, Version],
    asked: tuple[str, str | None],
) -> None:
    folder_name, _, folder_version = info.removesuffix(".dist-info").rpartition("-")
    for place, name, version in (
        ("its `.dist-info`", folder_name, folder_version),
        ("its METADATA", metadata.get("name", ""), metadata.get("version", "")),
        ("what was asked for", *asked),
    ):
        if canonicalize_name(name) != stated[0]:
            raise UpstreamError(
                "wheel-mismatch", f"`{filename}` and {place} differ: `{name}` is another name", where=filename
            )
        if version is not None and not _is_version(version, stated[1]):
            raise UpstreamError(
                "wheel-mismatch",
                f"`{filename}` and {place} differ: `{version}` is another version",
                where=filename,
            )


def _is_version(text: str, version: Version) -> bool:
    try:
        return Version(text) == version
    except InvalidVersion:
        return False


def _check_format(text: str, filename: str) -> None:
    stated = next(
        (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("Wheel-Version:")),
        "",
    )
    if stated.partition(".")[0] != "1":
        raise UpstreamError(
            "bad-wheel",
            f"`{filename}` is a wheel of version `{stated}`, and only version 1 is known",
            where=filename,
        )


def _check_record(
    archive: ZipArchive, members: Mapping[str, Member], info: str
) -> tuple[dict[str, Row], tuple[str, ...]]:
    """Compare RECORD with the members: every one of them in one row with a hash, and no row besides."""
    path = f"{info}/RECORD"
    record = members.get(path)
    if record is None:
        return {}, ("there is none",)
    if record.size > _LARGEST_TEXT:
        return {}, ("it is too long",)
    try:
        text = archive.read(record).decode("utf-8")
    except UnicodeDecodeError:
        return {}, ("it is not written in UTF-8",)
    parsed, found = parse_record(text)
    faults = [*found]
    rows: dict[str, Row] = {}
    # A signature is made after RECORD, and so is RECORD: the rows of these state nothing.
    unhashed = {path, f"{path}.jws", f"{path}.p7s"}
    for row in parsed:
        fault = _find_fault_of_row(row, members, rows, unhashed)
        if fault:
            faults.append(fault)
        rows[row.path] = row
    faults += [f"`{each}` is not listed" for each in members if each not in rows and each not in unhashed]
    return rows, tuple(faults)


def _find_fault_of_row(
    row: Row, members: Mapping[str, Member], rows: Mapping[str, Row], unhashed: Sequence[str] | set[str]
) -> str | None:
    if find_fault(row.path):
        return f"`{row.path}` leaves the wheel"
    if row.path in rows:
        return f"`{row.path}` is listed twice"
    if row.path not in members:
        return f"`{row.path}` is listed and is not there"
    if row.path in unhashed:
        return None
    if row.algorithm is None:
        return f"`{row.path}` has no hash"
    if row.algorithm not in ALGORITHMS:
        return f"`{row.path}` has a `{row.algorithm}` hash, which proves nothing"
    if row.size is not None and row.size != members[row.path].size:
        return f"`{row.path}` has {members[row.path].size} bytes, not {row.size}"
    return None
