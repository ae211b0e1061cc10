"""Packs: what is written for which objects, and what is taken for one."""

from __future__ import annotations

import hashlib
import io
import zlib

import pytest

from envctl.vcs.pack import PackError, count_objects, write_pack
from support.packs import make_pack, name_of, read_objects

OBJECTS = [("blob", b""), ("blob", b"x"), ("tree", b"y" * 16), ("commit", b"z" * 5000), ("tag", b"t" * 127)]


def as_printed(*objects: tuple[str, bytes]) -> io.BytesIO:
    """Print objects as ``git cat-file --batch`` does."""
    lines = [f"{name_of(each)} {each[0]} {len(each[1])}\n".encode() + each[1] + b"\n" for each in objects]
    return io.BytesIO(b"".join(lines))


def write(*objects: tuple[str, bytes]) -> bytes:
    target = io.BytesIO()
    write_pack(as_printed(*objects), target, [name_of(each) for each in objects])
    return target.getvalue()


@pytest.mark.parametrize("count", range(len(OBJECTS) + 1))
def test_a_pack_holds_its_objects_as_they_are(count: int) -> None:
    pack = write(*OBJECTS[:count])

    assert read_objects(pack) == OBJECTS[:count]
    assert pack[-20:] == hashlib.sha1(pack[:-20]).digest()
    assert count_objects(io.BytesIO(pack), digest_size=20) == count


@pytest.mark.parametrize("size", [0, 15, 16, 2047, 2048, 65_535, 65_536, 131_070, 131_071, 300_000])
def test_objects_of_any_size_are_whole(size: int) -> None:
    item = ("blob", bytes(each % 251 for each in range(size)))

    pack = write(item, ("blob", b"after"))

    assert read_objects(pack) == [item, ("blob", b"after")]
    assert count_objects(io.BytesIO(pack), digest_size=20) == 2


def test_no_compressor_of_this_machine_has_a_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(zlib, "compress")
    monkeypatch.delattr(zlib, "compressobj")

    assert write(*OBJECTS)


@pytest.mark.parametrize(
    "printed",
    [
        b"",
        b"%s missing\n",
        b"%s blob 5\nworl\n",
        b"%s blob 5\nother\n",
        b"%s commit 5\nworld\n",
        b"%s what 5\nworld\n",
        b"0000000000000000000000000000000000000000 blob 5\nworld\n",
    ],
)
def test_what_is_not_what_its_name_says_is_refused(printed: bytes) -> None:
    name = name_of(("blob", b"world"))
    source = io.BytesIO(printed.replace(b"%s", name.encode()))

    with pytest.raises(PackError):
        write_pack(source, io.BytesIO(), [name])


def test_a_pack_that_is_compressed_is_none_of_ours() -> None:
    """Of what is not, nothing can be bigger than the file that it is in."""
    pack = make_pack([("blob", b"\0" * 100_000)], level=9)

    with pytest.raises(PackError, match="compressed"):
        count_objects(io.BytesIO(pack), digest_size=20)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_pack_that_ends_too_early_is_refused(cut: int) -> None:
    with pytest.raises(PackError):
        count_objects(io.BytesIO(write(*OBJECTS)[:-cut]), digest_size=20)


def test_a_size_that_is_written_in_more_bytes_than_it_takes_is_refused() -> None:
    pack = make_pack([("blob", b"x")])

    with pytest.raises(PackError):
        count_objects(io.BytesIO(pack[:12] + b"\xb1\x00" + pack[13:]), digest_size=20)


def test_what_stands_for_a_difference_is_refused() -> None:
    pack = make_pack([("blob", b"x")])

    with pytest.raises(PackError):
        count_objects(io.BytesIO(pack[:12] + b"\x71" + pack[13:]), digest_size=20)
