"""Source archives that are not what they seem: each is refused whole, before anything is written."""

from __future__ import annotations

import gzip
import io
import os
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl.archive.limits import Limits
from envctl.archive.tar import check_tar
from envctl.build.sdist import unpack_sdist
from envctl.errors import UpstreamError

TOP = "blob-1.0"


def header(
    name: str | bytes,
    size: int = 0,
    *,
    kind: bytes = b"0",
    mode: int = 0o644,
    prefix: bytes = b"",
    magic: bytes = b"ustar\0" + b"00",
    link: bytes = b"",
) -> bytes:
    """Make one header by hand, with a right checksum."""
    raw = name.encode() if isinstance(name, str) else name
    fields = [
        raw.ljust(100, b"\0"),
        b"%07o\0" % mode,
        b"0000000\0",
        b"0000000\0",
        b"%011o\0" % size,
        b"00000000000\0",
        b" " * 8,
        kind,
        link.ljust(100, b"\0"),
        magic,
        b"\0" * 32,
        b"\0" * 32,
        b"\0" * 8,
        b"\0" * 8,
        prefix.ljust(155, b"\0"),
    ]
    block = bytearray(b"".join(fields).ljust(512, b"\0"))
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def pad(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 512)


def file(name: str | bytes, content: bytes = b"x", **details: object) -> bytes:
    return header(name, len(content), **details) + pad(content)  # type: ignore[arg-type] # what `header` takes


def pax(records: dict[str, str], kind: bytes = b"x") -> bytes:
    data = b""
    for key, value in records.items():
        body = f" {key}={value}\n".encode()
        length = len(body)
        while len(str(length)) + len(body) != length:
            length = len(str(length)) + len(body)
        data += str(length).encode() + body
    return file("PaxHeader", data, kind=kind)


END = b"\0" * 1024
GOOD = file(f"{TOP}/setup.py", b"print()\n")


def write(path: Path, *parts: bytes, end: bytes = END, after: bytes = b"") -> str:
    """Write an archive of raw parts; ``after`` follows the gzip member."""
    target = path / f"{TOP}.tar.gz"
    target.write_bytes(gzip.compress(b"".join(parts) + end) + after)
    return os.fspath(target)


def refuse(tmp_path: Path, path: str, *, limits: Limits | None = None) -> str:
    """Unpack what must be refused, and return what is said; nothing may have been written."""
    target = tmp_path / "target"
    target.mkdir(exist_ok=True)
    with pytest.raises(UpstreamError) as caught:
        unpack_sdist(path, os.fspath(target), filename=os.path.basename(path), limits=limits)
    assert caught.value.code == "bad-sdist"
    assert list(target.iterdir()) == []
    assert os.path.basename(path) in caught.value.message
    return caught.value.message


BAD_MEMBERS: dict[str, bytes] = {
    "parent": file("../evil"),
    "parent-inside": file(f"{TOP}/../../evil"),
    "absolute": file("/etc/evil"),
    "drive": file("C:/evil"),
    "backslash": file(f"{TOP}\\..\\evil"),
    "control": file(f"{TOP}/a\x1bb"),
    "not-utf8": file(b"blob-1.0/\xff\xfe"),
    "device-of-windows": file(f"{TOP}/aux.py"),
    "trailing-dot": file(f"{TOP}/setup.py."),
    "long-part": pax({"path": f"{TOP}/{'a' * 256}"}) + file("short"),
    "deep": pax({"path": "/".join("a" * 70)}) + file("short"),
    "symbolic-link": header(f"{TOP}/link", kind=b"2", link=b"setup.py"),
    "link-out": header(f"{TOP}/link", kind=b"2", link=b"/etc/passwd"),
    "hard-link": header(f"{TOP}/link", kind=b"1", link=b"blob-1.0/setup.py"),
    "fifo": header(f"{TOP}/fifo", kind=b"6"),
    "character-device": header(f"{TOP}/tty", kind=b"3"),
    "block-device": header(f"{TOP}/disk", kind=b"4"),
    "sparse": file(f"{TOP}/sparse", kind=b"S"),
    "unknown-kind": file(f"{TOP}/vendor", kind=b"V"),
    "twice": file(f"{TOP}/setup.py", b"other"),
    "case": file(f"{TOP}/SETUP.py"),
    "composed": file(f"{TOP}/é".encode()) + file(f"{TOP}/e\u0301".encode()),
    "file-and-folder": file(f"{TOP}/setup.py/inner"),
    "pax-size": pax({"size": "999"}) + file(f"{TOP}/a", b"abc"),
    "pax-link": pax({"linkpath": "/etc/passwd"}) + file(f"{TOP}/a"),
    "pax-sparse": pax({"GNU.sparse.name": "other"}) + file(f"{TOP}/a"),
    "pax-path-out": pax({"path": "../evil"}) + file(f"{TOP}/a"),
    "pax-global-path": pax({"path": f"{TOP}/b"}, kind=b"g") + file(f"{TOP}/a"),
    "pax-twice": pax({"path": f"{TOP}/b"}) + pax({"path": f"{TOP}/c"}) + file(f"{TOP}/a"),
    "gnu-and-pax": file("././@LongLink", b"blob-1.0/b\0", kind=b"L")
    + pax({"path": f"{TOP}/c"})
    + file(f"{TOP}/a"),
    "gnu-long-link": file("././@LongLink", b"/etc/passwd\0", kind=b"K") + file(f"{TOP}/a"),
    "pax-damaged": file("PaxHeader", b"999 path=x\n", kind=b"x") + file(f"{TOP}/a"),
    "pax-about-nothing": pax({"path": f"{TOP}/b"}),
    "folder-with-data": file(f"{TOP}/folder/", b"data", kind=b"5"),
    "file-named-as-folder": file(f"{TOP}/folder/"),
    "huge-size": header(f"{TOP}/a", 0o77777777777),
    "binary-size": header(f"{TOP}/a")[:124] + b"\x80" + b"\0" * 10 + b"\x09" + header(f"{TOP}/a")[136:],
    "checksum": GOOD[:148] + b"0000000\0" + GOOD[156:],
}


@pytest.mark.parametrize("member", BAD_MEMBERS.values(), ids=BAD_MEMBERS)
def test_a_bad_member_condemns_the_archive(tmp_path: Path, member: bytes) -> None:
    refuse(tmp_path, write(tmp_path, GOOD, member))


def test_what_follows_the_end_is_refused(tmp_path: Path) -> None:
    refuse(tmp_path, write(tmp_path, GOOD, END, GOOD))


def test_a_second_gzip_member_is_refused(tmp_path: Path) -> None:
    refuse(tmp_path, write(tmp_path, GOOD, after=gzip.compress(GOOD + END)))


def test_bytes_behind_the_gzip_member_are_refused(tmp_path: Path) -> None:
    refuse(tmp_path, write(tmp_path, GOOD, after=b"PK\3\4"))


@pytest.mark.parametrize("end", [b"", b"\0" * 100])
def test_an_archive_without_an_end_is_refused(tmp_path: Path, end: bytes) -> None:
    refuse(tmp_path, write(tmp_path, GOOD, end=end))


def test_an_archive_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, file(f"{TOP}/a", random.Random(1).randbytes(5000)))
    with open(path, "rb+") as archive:
        archive.truncate(2000)

    assert "cut short" in refuse(tmp_path, path)


def test_a_damaged_byte_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    with open(path, "rb+") as archive:
        archive.seek(-6, os.SEEK_END)  # within the checksum of the gzip member
        archive.write(b"\x55")

    refuse(tmp_path, path)


@pytest.mark.parametrize(
    "content", [b"<html>not found</html>", b"", gzip.compress(b""), gzip.compress(b"x" * 600)]
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / f"{TOP}.tar.gz"
    path.write_bytes(content)

    refuse(tmp_path, os.fspath(path))


def test_a_zip_is_no_tar_whatever_it_is_called(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / f"{TOP}.tar.gz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{TOP}/setup.py", "")

    refuse(tmp_path, os.fspath(path))


def test_a_bomb_is_defused(tmp_path: Path) -> None:
    path = write(tmp_path, file(f"{TOP}/zeros", bytes(4 << 20)))

    assert "times its size" in refuse(tmp_path, path, limits=Limits(free=1 << 20))


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, *(file(f"{TOP}/{number}") for number in range(12)))

    assert "more than 10" in refuse(tmp_path, path, limits=Limits(members=10))


def test_modes_are_plain_whatever_the_archive_says(tmp_path: Path) -> None:
    parts = (
        header(f"{TOP}/", kind=b"5", mode=0o777),
        file(f"{TOP}/run", mode=0o6777),
        file(f"{TOP}/shut", mode=0),
    )
    target = tmp_path / "target"
    target.mkdir()

    unpack_sdist(write(tmp_path, *parts), os.fspath(target), filename=f"{TOP}.tar.gz")

    modes = {path.name: path.stat().st_mode & 0o7777 for path in (target / TOP).iterdir()}
    assert modes == {"run": 0o755, "shut": 0o644}
    assert (target / TOP).stat().st_mode & 0o7777 == 0o755


def _by_tarfile(form: int) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        path = folder / f"{TOP}.tar.gz"
        with tarfile.open(path, "w:gz", format=form) as archive:
            for name, content in FILES.items():
                about = tarfile.TarInfo(name)
                about.size = len(content)
                about.mtime = 1.5  # a fraction makes a record of PAX
                archive.addfile(about, io.BytesIO(content))
        return os.fspath(path)

    return make


FILES = {
    f"{TOP}/setup.py": b"print()\n",
    f"{TOP}/{'long/' * 30}name.py": b"x" * 1000,
    f"{TOP}/übung.txt": b"",
}


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_what_honest_tools_write_is_unpacked(tmp_path: Path, form: int) -> None:
    if form == tarfile.USTAR_FORMAT:
        pytest.skip("no room for long names") if any(len(name) > 200 for name in FILES) else None
    path = _by_tarfile(form)(tmp_path)
    target = tmp_path / "target"
    target.mkdir()

    unpack_sdist(path, os.fspath(target), filename=f"{TOP}.tar.gz")

    for name, content in FILES.items():
        assert (target / name).read_bytes() == content


def test_an_archive_of_a_repository_is_unpacked(tmp_path: Path) -> None:
    """Such as hosts of repositories make: a global remark first, then folders with entries of their own."""
    parts = (
        pax({"comment": "9b1c…"}, kind=b"g"),
        header(f"{TOP}/", kind=b"5"),
        file(f"{TOP}/pyproject.toml", b"[project]\n"),
    )
    target = tmp_path / "target"
    target.mkdir()

    unpack_sdist(write(tmp_path, *parts), os.fspath(target), filename="v1.tar.gz")

    assert (target / TOP / "pyproject.toml").read_bytes() == b"[project]\n"


def test_names_that_begin_with_a_dot_and_a_slash_are_plain(tmp_path: Path) -> None:
    parts = (header("./", kind=b"5"), header(f"./{TOP}/", kind=b"5"), file(f"./{TOP}/setup.py"))

    members = check_tar(write(tmp_path, *parts), label="x")

    assert [member.name for member in members] == [f"{TOP}/", f"{TOP}/setup.py"]


def test_what_is_accepted_reads_alike_elsewhere(tmp_path: Path) -> None:
    """Archives with bytes changed at random are refused, or hold what `tarfile` finds in them."""
    chance = random.Random(20261123)
    plain = b"".join((pax({"path": f"{TOP}/a", "mtime": "1.5"}), file("short", b"abc"), GOOD)) + END
    accepted = 0
    for _ in range(1500):
        mutated = bytearray(plain)
        for _ in range(chance.randint(1, 3)):
            mutated[chance.randrange(len(mutated))] = chance.randrange(256)
        for start in (0, 1024, 2048):  # right checksums, or nothing else would be looked at
            block = mutated[start : start + 512]
            block[148:156] = b" " * 8
            mutated[start + 148 : start + 156] = b"%06o\0 " % sum(block)
        path = tmp_path / "fuzzed.tar.gz"
        path.write_bytes(gzip.compress(bytes(mutated), 1))
        try:
            members = check_tar(os.fspath(path), label="fuzzed")
        except UpstreamError:
            continue
        accepted += 1
        with tarfile.open(path, "r:gz") as archive:
            others = [(each.name, each.size) for each in archive.getmembers()]
        assert [(each.name.rstrip("/"), each.size) for each in members] == others
    assert accepted > 100
