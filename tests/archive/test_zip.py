"""Archives that two readers could take for different things, or that reach out of their folder."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.archive.limits import Limits
from envctl.archive.zip import open_archive
from envctl.errors import EnvctlError, UpstreamError
from support.wheels import make_wheel
from support.zips import Part, deflate, descriptor, forge

ONE = Part(name="a/one.py", content=b"one = 1\n" * 40)
TWO = Part(name="a/two.py", content=b"two = 2\n")
LONG = b"x" * (3 << 20) + os.urandom(1 << 16)


def open_bytes(tmp_path: Path, data: bytes, limits: Limits | None = None) -> dict[str, bytes]:
    path = tmp_path / "some.whl"
    path.write_bytes(data)
    with open_archive(str(path), limits=limits) as archive:
        return {member.name: archive.read(member) for member in archive.members}


def refusal(tmp_path: Path, data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(UpstreamError) as caught:
        open_bytes(tmp_path, data, limits)
    assert "some.whl" in caught.value.message
    return caught.value.code


def test_a_sound_archive_is_read_as_zipfile_reads_it(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "demo", "1.0")

    with open_archive(path) as archive, zipfile.ZipFile(path) as other:
        found = {member.name: archive.read(member) for member in archive.members}
        expected = {name: other.read(name) for name in other.namelist()}

    assert found == expected


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_a_streamed_archive_with_data_descriptors_is_read(tmp_path: Path, method: int) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError

        def tell(self) -> int:
            raise OSError

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", method) as writer:
        writer.writestr("a.py", b"a = 1\n" * 50)
        writer.writestr("b.py", b"b = 1\n")

    assert open_bytes(tmp_path, pipe.getvalue()) == {"a.py": b"a = 1\n" * 50, "b.py": b"b = 1\n"}


def test_zip64_fields_that_were_not_needed_are_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as writer:
        with writer.open("a.py", "w", force_zip64=True) as file:
            file.write(b"a = 1\n")

    assert open_bytes(tmp_path, buffer.getvalue()) == {"a.py": b"a = 1\n"}


def test_a_zip64_end_record_is_read(tmp_path: Path) -> None:
    assert set(open_bytes(tmp_path, forge([ONE, TWO], zip64=True))) == {"a/one.py", "a/two.py"}


def test_folders_are_passed_over(tmp_path: Path) -> None:
    data = forge([Part(name="a/", mode=0o40755, dos=0x10, method=0), ONE])

    assert set(open_bytes(tmp_path, data)) == {"a/one.py"}


def test_a_comment_at_the_end_is_passed_over(tmp_path: Path) -> None:
    assert set(open_bytes(tmp_path, forge([ONE], comment=b"made by hand"))) == {"a/one.py"}


def test_only_the_bit_for_running_is_taken_from_a_mode(tmp_path: Path) -> None:
    path = tmp_path / "some.whl"
    path.write_bytes(forge([Part(name="run", mode=0o104777), Part(name="read", mode=0o100000)]))

    with open_archive(str(path)) as archive:
        modes = {member.name: member.executable for member in archive.members}

    assert modes == {"run": True, "read": False}


def test_a_big_member_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "some.whl"
    path.write_bytes(forge([Part(name="long", content=LONG)]))

    with open_archive(str(path)) as archive:
        pieces = list(archive.read_chunks(archive.members[0]))

    assert b"".join(pieces) == LONG
    assert max(map(len, pieces)) <= 1 << 20


SMUGGLED = Part(name="a/hidden.py", content=b"evil = 1\n")

DIFFERENTIALS = {
    "bytes before the first header": forge([ONE], prefix=b"#!/bin/sh\n"),
    "bytes after the end": forge([ONE], suffix=b"x"),
    "another archive after the end": forge([ONE]) + forge([TWO]),
    "an archive before the first header": forge([ONE], prefix=forge([TWO])),
    "bytes before the directory": forge([ONE], middle=b"junk"),
    "bytes between two members": forge([Part(name="x", content=b"x", after=b"junk"), ONE]),
    "a hidden local member": forge([ONE, Part(name="h", content=b"h", in_directory=False)]),
    "a ghost in the directory": forge([ONE, Part(name="g", content=b"g", in_data=False)]),
    "a wrong count": forge([ONE, TWO], count=1),
    "a count that is too high": forge([ONE], count=2),
    "a directory before its place": forge([ONE], shift=-1),
    "a directory behind its place": forge([ONE], shift=1),
    "a directory that is cut": forge([ONE], short=1),
    "a disk number": forge([ONE], disk=1),
    "another local name": forge([Part(name="a.py", local={"name": b"b.py"})]),
    "a local name of another length": forge([Part(name="a.py", local={"name": b"bb.py"})]),
    "another local method": forge([Part(name="a.py", content=b"aa", local={"method": 0})]),
    "another local size": forge([Part(name="a.py", content=b"aa", local={"size": 1})]),
    "another local packed size": forge([Part(name="a.py", content=b"aa", local={"packed": 1})]),
    "another local checksum": forge([Part(name="a.py", content=b"aa", local={"crc": 1})]),
    "other local flags": forge([Part(name="a.py", content=b"aa", local={"flags": 2})]),
    "a second name in the directory": forge(
        [Part(name="a.py", central={"extra": struct.pack("<2HBL", 0x7075, 9, 1, 0) + b"b.py"})]
    ),
    "a second name before the data": forge(
        [Part(name="a.py", local={"extra": struct.pack("<2HBL", 0x7075, 9, 1, 0) + b"b.py"})]
    ),
    "an extra field that is cut": forge([Part(name="a.py", central={"extra": b"\1\0\x20\0xx"})]),
    "two zip64 fields": forge(
        [Part(name="a.py", central={"extra": struct.pack("<2HQ", 1, 8, 0) * 2, "size": 0xFFFFFFFF})]
    ),
    "a zip64 field that lacks its number": forge(
        [Part(name="a.py", content=b"aa", central={"extra": b"\1\0\0\0", "size": 0xFFFFFFFF})]
    ),
    "a zip64 field that contradicts": forge(
        [Part(name="a.py", content=b"aa", local={"extra": struct.pack("<2HQQ", 1, 16, 9, 9)})]
    ),
    "a comment on a member": forge([Part(name="a.py", central={"comment": b"hello"})]),
    "an end record in the comment": forge([ONE], comment=b"PK\5\6" + bytes(18)),
    "two members at one place": forge([ONE, Part(name="b.py", in_data=False, central={"offset": 0})]),
    "a descriptor that lies": forge(
        [Part(name="a.py", content=b"aa", flags=8, after=descriptor(b"bb"), local={"crc": 0})]
    ),
    "no descriptor where one is said": forge([Part(name="a.py", content=b"aa", flags=8), ONE]),
    "a descriptor where none is said": forge([Part(name="a.py", content=b"aa", after=descriptor(b"aa"))]),
    "a zip64 locator that points elsewhere": forge([ONE], zip64=True).replace(
        b"PK\6\7\0\0\0\0", b"PK\6\7\0\0\0\0\1", 1
    )[: len(forge([ONE], zip64=True))],
    "two end records that disagree": forge([ONE], zip64=True)[:-14] + struct.pack("<2H2LH", 9, 9, 1, 1, 0),
    "encryption": forge([Part(name="a.py", content=b"aa", flags=1)]),
    "an unknown method": forge([Part(name="a.py", content=b"aa", method=12, data=b"aa")]),
    "a stored member of two sizes": forge([Part(name="a.py", content=b"aa", method=0, data=b"aaa")]),
    "unknown flags": forge([Part(name="a.py", content=b"aa", flags=0x20)]),
    "a wrong checksum": forge([Part(name="a.py", content=b"aa", local={"crc": 1}, central={"crc": 1})]),
    "data that is not deflated": forge([Part(name="a.py", content=b"aa", data=b"\xff\xff\xff")]),
    "data after the stream": forge([Part(name="a.py", content=b"aa", data=deflate(b"aa") + b"x")]),
    "a stream without an end": forge([Part(name="a.py", content=b"aa" * 99, data=deflate(b"aa" * 99)[:-1])]),
    "less than is declared": forge([Part(name="a.py", content=b"aa", data=deflate(b"a"))]),
    "more than is declared": forge([Part(name="a.py", content=b"aa", data=deflate(b"a" * 1000))]),
    "nothing": b"",
    "a page instead of a wheel": b"<!DOCTYPE html><html>not found</html>" * 40,
    "a directory that is no directory": b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 1, 1, 46, 0, 0),
}


@pytest.mark.parametrize("what", DIFFERENTIALS)
def test_what_readers_could_disagree_about_is_refused(tmp_path: Path, what: str) -> None:
    assert refusal(tmp_path, DIFFERENTIALS[what]) == "bad-archive"


@pytest.mark.parametrize("length", range(0, 180, 7))
def test_an_archive_that_was_cut_short_is_refused(tmp_path: Path, length: int) -> None:
    assert refusal(tmp_path, forge([ONE, TWO])[:-1][:length]) == "bad-archive"


NAMES = [
    "../a.py", "a/../../b.py", "/etc/passwd", "//a", "a//b.py", "./a.py", "a/./b.py", "C:/a.py", "c:a.py", "a\\b.py",
    "..\\a.py", "a\0b.py", "a\nb.py", "a\x1b[31m.py", "a\x85.py", "x" * 256, "d/" * 64 + "a.py", "con", "a/NUL.txt",
    "aux.py", "Lpt1.py", "com¹.py", "a./b.py", "a.py ", "..", ".", "a/..", "",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_that_reaches_out_or_means_something_else_is_refused(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path, forge([ONE, Part(name=name, content=b"x")])) == "unsafe-archive"


@pytest.mark.parametrize(
    "name", ["ü/ß.py", "a b/c.py", "...a/b", "日本.txt", ".hidden", "console.py", "ab:c"]
)
def test_an_unusual_name_is_read(tmp_path: Path, name: str) -> None:
    assert open_bytes(tmp_path, forge([Part(name=name, content=b"x")])) == {name: b"x"}


def test_a_name_that_is_not_marked_as_utf8_is_refused(tmp_path: Path) -> None:
    part = Part(name="a", local={"name": b"\x81"}, central={"name": b"\x81"})

    assert refusal(tmp_path, forge([part])) == "unsafe-archive"


KINDS = {
    "symlink": 0o120777,
    "device": 0o60644,
    "character device": 0o20644,
    "fifo": 0o10644,
    "socket": 0o140644,
    "folder without a slash": 0o40755,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: str) -> None:
    data = forge([Part(name="a.py", content=b"/etc/passwd", mode=KINDS[kind])])

    assert refusal(tmp_path, data) == "unsafe-archive"


def test_a_folder_for_some_readers_only_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, forge([Part(name="a.py", dos=0x10)])) == "unsafe-archive"


def test_a_folder_that_holds_data_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, forge([Part(name="a/", mode=0o40755, content=b"x")])) == "unsafe-archive"


@pytest.mark.parametrize(
    "names",
    [
        ("a.py", "a.py"),
        ("a.py", "A.PY"),
        ("é.py", "e\u0301.py"),
        ("ß.py", "SS.py"),
        ("a", "a/b.py"),
        ("A", "a/b"),
    ],
    ids=ascii,
)
def test_two_members_that_are_one_file_somewhere_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    parts = [Part(name=name, content=b"x") for name in names]

    assert refusal(tmp_path, forge(parts)) == "unsafe-archive"


def test_a_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    data = forge([Part(name="a", content=bytes(65 << 20))])

    assert refusal(tmp_path, data) == "archive-too-big"


def test_a_huge_declared_size_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    part = Part(name="a", content=b"x", local={"size": 3 << 30}, central={"size": 3 << 30})

    assert refusal(tmp_path, forge([part])) == "archive-too-big"


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    data = forge([Part(name=f"{n}.py") for n in range(11)])

    assert refusal(tmp_path, data, Limits(members=10)) == "archive-too-big"


def test_a_stream_that_lies_about_its_size_stops_at_what_it_declares(tmp_path: Path) -> None:
    path = tmp_path / "some.whl"
    data = deflate(bytes(50 << 20))
    path.write_bytes(forge([Part(name="a", content=b"x" * (5 << 20), data=data)]))

    with open_archive(str(path)) as archive:
        pieces: list[bytes] = []
        with pytest.raises(UpstreamError):
            pieces.extend(archive.read_chunks(archive.members[0]))

    assert sum(map(len, pieces)) <= 5 << 20


def test_a_checksum_of_a_streamed_member_is_compared(tmp_path: Path) -> None:
    path = tmp_path / "some.whl"
    path.write_bytes(forge([Part(name="a", content=LONG, local={"crc": 7}, central={"crc": 7})]))

    with open_archive(str(path)) as archive, pytest.raises(UpstreamError) as caught:
        list(archive.read_chunks(archive.members[0]))

    assert caught.value.code == "bad-archive"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    folder = tmp_path_factory.mktemp("fuzz")
    return folder, Path(make_wheel(folder, "demo", "1.0")).read_bytes()


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_is_damaged_is_refused_or_reads_the_same(
    sound: tuple[Path, bytes], data: st.DataObject
) -> None:
    """No byte of an archive can change what is read: it is refused, or was of no meaning."""
    folder, original = sound
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = folder / "damaged.whl"
    path.write_bytes(damaged)

    try:
        with open_archive(str(path)) as archive:
            found = {member.name: archive.read(member) for member in archive.members}
    except EnvctlError:
        return

    with zipfile.ZipFile(io.BytesIO(original)) as other:
        assert {zlib.crc32(other.read(name)) for name in other.namelist()} >= {
            zlib.crc32(content) for content in found.values()
        }
