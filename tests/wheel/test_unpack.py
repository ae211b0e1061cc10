"""A wheel on its way into a folder: what is refused before a byte is written, and what is written."""

from __future__ import annotations

import csv
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from envctl import atomic
from envctl.errors import UpstreamError
from envctl.wheel.unpack import Unpacked, unpack
from support.wheels import make_wheel, metadata_text
from support.zips import Part, demo_members, forge, parts_of, record_text

FILENAME = "demo-1.0-py3-none-any.whl"
INFO = "demo-1.0.dist-info"
DATA = "demo-1.0.data"


def unpack_members(
    tmp_path: Path,
    members: Mapping[str, bytes],
    *,
    filename: str = FILENAME,
    name: str = "demo",
    version: str | None = "1.0",
    accept_bad_record: bool = False,
) -> Unpacked:
    path = tmp_path / "download"
    path.write_bytes(forge(parts_of(members)))
    target = tmp_path / "target"
    target.mkdir()
    return unpack(
        str(path),
        str(target),
        filename=filename,
        name=name,
        version=version,
        accept_bad_record=accept_bad_record,
    )


def read_tree(tmp_path: Path) -> dict[str, bytes]:
    target = tmp_path / "target"
    return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def refusal(tmp_path: Path, members: Mapping[str, bytes], **options: str | None) -> str:
    with pytest.raises(UpstreamError) as caught:
        unpack_members(tmp_path, members, **options)  # type: ignore[arg-type]
    assert (options.get("filename") or FILENAME) in caught.value.message
    assert read_tree(tmp_path) == {}
    return caught.value.code


def test_the_schemes_of_a_wheel_become_folders(tmp_path: Path) -> None:
    members = demo_members(
        {
            f"{DATA}/purelib/pure.py": b"pure = 1\n",
            f"{DATA}/platlib/plat.py": b"plat = 1\n",
            f"{DATA}/scripts/tool": b"#!python\nprint(1)\n",
            f"{DATA}/scripts/other": b"#!/bin/sh\n",
            f"{DATA}/data/share/demo/text": b"text\n",
            f"{DATA}/headers/demo.h": b"\n",
        }
    )

    unpacked = unpack_members(tmp_path, members)

    assert set(read_tree(tmp_path)) == {
        "site/demo/__init__.py",
        "site/pure.py",
        "site/plat.py",
        "scripts/tool",
        "scripts/other",
        "data/share/demo/text",
        "headers/demo.h",
        f"site/{INFO}/METADATA",
        f"site/{INFO}/WHEEL",
        f"site/{INFO}/INSTALLER",
        f"site/{INFO}/RECORD",
    }
    assert unpacked.about["scripts"] == [
        {"path": "scripts/tool", "python": True},
        {"path": "scripts/other", "python": False},
    ]


def test_the_hashes_are_those_of_what_was_written(tmp_path: Path) -> None:
    unpacked = unpack_members(tmp_path, demo_members())

    expected = {path: hashlib.sha256(content).hexdigest() for path, content in read_tree(tmp_path).items()}
    assert unpacked.hashes == expected


def test_the_record_is_that_of_an_installed_distribution(tmp_path: Path) -> None:
    unpack_members(tmp_path, demo_members({f"{DATA}/scripts/tool": b"x", 'a, "b".txt': b"x"}))

    tree = read_tree(tmp_path)
    rows = list(csv.reader(tree[f"site/{INFO}/RECORD"].decode().splitlines()))
    site = {path.removeprefix("site/") for path in tree if path.startswith("site/")}
    assert {row[0] for row in rows} == site
    assert [row[1:] for row in rows if row[0].endswith("RECORD")] == [["", ""]]
    assert all(row[1].startswith("sha256=") and row[2] for row in rows if not row[0].endswith("RECORD"))


def test_what_is_told_about_a_wheel_is_what_it_says(tmp_path: Path) -> None:
    metadata = metadata_text("Demo", "1.0", requires_python=">=3.8")
    scripts = "[console_scripts]\ndemo = demo:main\n[gui_scripts]\ndemo-w = demo.gui:App.run [extra]\n"
    members = demo_members({"demo.pth": b"import demo\n"}, metadata=metadata, scripts=scripts)

    about = unpack_members(tmp_path, members).about

    assert about["name"] == "demo"
    assert about["version"] == "1.0"
    assert about["info"] == INFO
    assert about["tags"] == ["py3-none-any"]
    assert about["requires_python"] == ">=3.8"
    assert about["console_scripts"] == {"demo": "demo:main"}
    assert about["gui_scripts"] == {"demo-w": "demo.gui:App.run"}
    assert about["startup_hooks"] == ["site/demo.pth"]
    assert about["record_faults"] == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_modes_are_the_same_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "download"
    members = demo_members({"demo/run": b"x"})
    parts = [
        Part(name=name, content=content, mode=0o106777 if name == "demo/run" else 0o100600)
        for name, content in members.items()
    ]
    path.write_bytes(forge(parts))
    target = tmp_path / "target"
    target.mkdir()

    before = os.umask(umask)
    try:
        unpack(str(path), str(target), filename=FILENAME, name="demo", version="1.0")
    finally:
        os.umask(before)

    modes = {str(p.relative_to(target)): stat.S_IMODE(p.stat().st_mode) for p in target.rglob("*")}
    assert modes.pop("site/demo/run") == 0o755
    assert {mode for path, mode in modes.items() if not (target / path).is_dir()} == {0o644}
    assert {mode for path, mode in modes.items() if (target / path).is_dir()} == {0o755}


def test_a_big_file_is_written_in_pieces_and_hashed(tmp_path: Path) -> None:
    content = os.urandom(1 << 20) * 6
    told: list[int] = []
    path = tmp_path / "download"
    path.write_bytes(forge(parts_of(demo_members({"demo/big.so": content}))))
    (tmp_path / "target").mkdir()

    unpacked = unpack(
        str(path),
        str(tmp_path / "target"),
        filename=FILENAME,
        name="demo",
        version="1.0",
        on_bytes=told.append,
    )

    assert (tmp_path / "target/site/demo/big.so").read_bytes() == content
    assert unpacked.hashes["site/demo/big.so"] == hashlib.sha256(content).hexdigest()
    assert sum(told) >= len(content)
    assert max(told) <= 1 << 20


def test_what_an_installer_writes_is_not_taken_from_the_wheel(tmp_path: Path) -> None:
    forged = {f"{INFO}/{name}": b"forged" for name in ("INSTALLER", "REQUESTED", "direct_url.json")}

    unpack_members(tmp_path, demo_members(forged))

    tree = read_tree(tmp_path)
    assert tree[f"site/{INFO}/INSTALLER"] == b"envctl\n"
    assert f"site/{INFO}/REQUESTED" not in tree
    assert f"site/{INFO}/direct_url.json" not in tree


def test_bytecode_that_a_wheel_brings_is_left_out(tmp_path: Path) -> None:
    unpack_members(tmp_path, demo_members({"demo/__pycache__/__init__.cpython-311.pyc": b"x"}))

    assert "site/demo/__pycache__/__init__.cpython-311.pyc" not in read_tree(tmp_path)


def test_a_name_in_another_spelling_is_the_same_name(tmp_path: Path) -> None:
    members = demo_members(
        name="Demo.Pkg",
        version="1.0.0",
        info="Demo_Pkg-1.0.dist-info",
        metadata=metadata_text("demo-pkg", "1.0"),
    )

    about = unpack_members(
        tmp_path, members, filename="demo.pkg-1.0-py3-none-any.whl", name="demo-pkg", version="1"
    ).about

    assert about["name"] == "demo-pkg"


MISMATCHES = {
    "another name in METADATA": (demo_members(metadata=metadata_text("other", "1.0")), {}),
    "another version in METADATA": (demo_members(metadata=metadata_text("demo", "1.1")), {}),
    "two names in METADATA": (demo_members(metadata="Name: demo\nName: other\nVersion: 1.0\n"), {}),
    "no version in METADATA": (demo_members(metadata="Name: demo\n"), {}),
    "another name of the folder": (demo_members(info="other-1.0.dist-info"), {}),
    "another version of the folder": (demo_members(info="demo-2.dist-info"), {}),
    "another name asked for": (demo_members(), {"name": "other"}),
    "another version asked for": (demo_members(), {"version": "1.1"}),
}


@pytest.mark.parametrize("what", MISMATCHES)
def test_a_wheel_that_is_not_what_it_is_called_is_refused(tmp_path: Path, what: str) -> None:
    members, options = MISMATCHES[what]

    assert refusal(tmp_path, members, **options) == "wheel-mismatch"


NO_WHEELS = {
    "no dist-info": {"demo/__init__.py": b""},
    "two dist-infos": demo_members({"other-1.0.dist-info/METADATA": b""}),
    "no METADATA": {k: v for k, v in demo_members().items() if not k.endswith("METADATA")},
    "no WHEEL": {k: v for k, v in demo_members().items() if not k.endswith("WHEEL")},
    "a wheel of version 2": demo_members(wheel_version="2.0"),
    "a wheel without a version": demo_members(wheel_version=""),
}


@pytest.mark.parametrize("what", NO_WHEELS)
def test_what_is_no_wheel_is_refused(tmp_path: Path, what: str) -> None:
    assert refusal(tmp_path, NO_WHEELS[what]) == "bad-wheel"


@pytest.mark.parametrize(
    "filename", ["demo.whl", "demo-1.0.zip", "../demo-1.0-py3-none-any.whl", "demo-x-py3-none-any.whl"]
)
def test_a_file_name_that_is_none_is_refused(tmp_path: Path, filename: str) -> None:
    assert refusal(tmp_path, demo_members(), filename=filename) == "bad-wheel"


UNSAFE = {
    "an unknown scheme": {f"{DATA}/elsewhere/a": b""},
    "a file of no scheme": {f"{DATA}/a": b""},
    "the data folder of another": {"other-1.0.data/purelib/a.py": b""},
    "a script called python": {f"{DATA}/scripts/python3": b""},
    "a script called activate": {f"{DATA}/scripts/Activate.ps1": b""},
    "a script called pip": {f"{DATA}/scripts/pip": b""},
    "the file pyvenv.cfg": {f"{DATA}/data/pyvenv.cfg": b""},
    "the state of envctl": {f"{DATA}/data/.envctl/generation.json": b""},
    "the interpreter": {f"{DATA}/data/bin/python": b""},
    "a file where lib64 is": {f"{DATA}/data/lib64": b""},
    "another distribution by a scheme": {f"{DATA}/purelib/other-1.0.dist-info/METADATA": b""},
    "another distribution by its data": {
        f"{DATA}/data/lib/python3.11/site-packages/other-1.0.dist-info/METADATA": b""
    },
    "its own RECORD by a scheme": {f"{DATA}/purelib/{INFO}/RECORD": b""},
    "two members for one place": {f"{DATA}/purelib/demo/__init__.py": b""},
    "a file where a folder is": {f"{DATA}/purelib/demo": b""},
}


@pytest.mark.parametrize("what", UNSAFE)
def test_a_file_that_would_take_over_the_environment_is_refused(tmp_path: Path, what: str) -> None:
    assert refusal(tmp_path, demo_members(UNSAFE[what])) == "unsafe-wheel"


ENTRY_POINTS = {
    "a path": "../evil = demo:main",
    "a folder": "bin/evil = demo:main",
    "a backslash": "a\\b = demo:main",
    "two dots": ".. = demo:main",
    "a blank": "a b = demo:main",
    "an escape": "a\x1b[31m = demo:main",
    "the interpreter": "Python3.11 = demo:main",
    "the interpreter on Windows": "pythonw.exe = demo:main",
    "activation": "activate_this.py = demo:main",
    "pip": "pip3 = demo:main",
    "too long": f"{'x' * 200} = demo:main",
    "code": "evil = os;import sys:main",
    "code in the attribute": "evil = demo:main();import os;os.system",
    "a line of code": "evil = demo:main\n  import os",
    "no attribute": "evil = demo",
    "a keyword": "evil = demo:import",
    "nothing": "evil =",
    "twice": "evil = demo:main\nevil = demo:other",
    "twice on some systems": "evil = demo:main\nEvil = demo:other",
}


@pytest.mark.parametrize("what", ENTRY_POINTS)
def test_an_entry_point_that_is_more_than_a_name_and_a_function_is_refused(tmp_path: Path, what: str) -> None:
    members = demo_members(scripts=f"[console_scripts]\n{ENTRY_POINTS[what]}\n")

    assert refusal(tmp_path, members) == "unsafe-wheel"


def test_the_scripts_of_pip_are_pips(tmp_path: Path) -> None:
    members = demo_members(
        name="pip",
        info="pip-1.0.dist-info",
        scripts="[console_scripts]\npip3 = pip:main\npip3.11 = pip:main\n",
    )

    about = unpack_members(tmp_path, members, filename="pip-1.0-py3-none-any.whl", name="pip").about

    assert about["console_scripts"] == {"pip3": "pip:main", "pip3.11": "pip:main"}


def test_entry_points_of_other_groups_may_be_anything(tmp_path: Path) -> None:
    members = demo_members(scripts="[plugins]\na b/c = not a function\n[console_scripts]\nx = demo : main\n")

    assert unpack_members(tmp_path, members).about["console_scripts"] == {"x": "demo:main"}


GOOD_RECORD = record_text({k: v for k, v in demo_members().items() if not k.endswith("RECORD")}, INFO)
LINE = GOOD_RECORD.splitlines()[0]

RECORDS = {
    "empty": "",
    "a row missing": "\n".join(GOOD_RECORD.splitlines()[1:]),
    "a row too many": GOOD_RECORD + "demo/ghost.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n",
    "a row twice": GOOD_RECORD + LINE + "\n",
    "a row that points outside": GOOD_RECORD + "../../../etc/passwd,,\n",
    "an absolute row": GOOD_RECORD + "/etc/passwd,,\n",
    "a wrong size": GOOD_RECORD.replace(LINE, LINE[:-2] + "99"),
    "no hash": GOOD_RECORD.replace(LINE, "demo/__init__.py,,"),
    "md5": GOOD_RECORD.replace(LINE, "demo/__init__.py,md5=1B2M2Y8AsgTpgAmY7PhCfg,12"),
    "an unknown algorithm": GOOD_RECORD.replace(LINE, "demo/__init__.py,rot13=abc,12"),
    "a hash that is none": GOOD_RECORD.replace(LINE, "demo/__init__.py,sha256=!!,12"),
    "two fields": GOOD_RECORD.replace(LINE, "demo/__init__.py,12"),
    "a size that is none": GOOD_RECORD.replace(LINE, LINE + "x"),
    "a quote without an end": GOOD_RECORD + '"demo/x',
}


@pytest.mark.parametrize("what", RECORDS)
def test_a_record_that_does_not_list_exactly_the_files_is_refused(tmp_path: Path, what: str) -> None:
    assert refusal(tmp_path, demo_members(record=RECORDS[what])) == "bad-record"


def test_a_wheel_without_a_record_is_refused(tmp_path: Path) -> None:
    members = {k: v for k, v in demo_members().items() if not k.endswith("RECORD")}

    assert refusal(tmp_path, members) == "bad-record"


def test_a_wrong_hash_is_refused_and_the_way_out_is_told(tmp_path: Path) -> None:
    members = {**demo_members(), "demo/__init__.py": b"answer = 43\n"}

    with pytest.raises(UpstreamError) as caught:
        unpack_members(tmp_path, members)

    assert caught.value.code == "bad-record"
    assert "`demo/__init__.py`" in caught.value.message
    assert any("accept-bad-record" in hint for hint in caught.value.hints)


def test_a_wrong_hash_by_another_algorithm_is_refused(tmp_path: Path) -> None:
    record = GOOD_RECORD.replace(LINE, f"demo/__init__.py,sha512={'A' * 86},12")

    with pytest.raises(UpstreamError, match="another hash"):
        unpack_members(tmp_path, demo_members(record=record))


@pytest.mark.parametrize("what", ["a row missing", "a row too many", "md5", "empty"])
def test_a_wrong_record_is_let_in_by_name_and_said(tmp_path: Path, what: str) -> None:
    unpacked = unpack_members(tmp_path, demo_members(record=RECORDS[what]), accept_bad_record=True)

    assert unpacked.about["record_faults"]
    rows = list(csv.reader(read_tree(tmp_path)[f"site/{INFO}/RECORD"].decode().splitlines()))
    assert [row[0] for row in rows if row[0].startswith("demo/")] == ["demo/__init__.py"]


def test_a_wrong_hash_is_let_in_by_name_and_said(tmp_path: Path) -> None:
    members = {**demo_members(), "demo/__init__.py": b"answer = 43\n"}

    unpacked = unpack_members(tmp_path, members, accept_bad_record=True)

    assert unpacked.about["record_faults"] == ["`demo/__init__.py` has another hash"]


def test_a_record_with_windows_line_ends_quotes_and_a_signature_is_right(tmp_path: Path) -> None:
    members = demo_members({'demo/a, "b".txt': b"x"})
    members[f"{INFO}/RECORD"] = members[f"{INFO}/RECORD"].replace(b"\n", b"\r\n")
    members[f"{INFO}/RECORD.jws"] = b"{}"

    assert unpack_members(tmp_path, members).about["record_faults"] == []


def test_nothing_is_left_open_when_a_wheel_is_refused(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))

    refusal(tmp_path, NO_WHEELS["no WHEEL"])

    assert len(os.listdir("/proc/self/fd")) == before


def test_every_byte_is_written_through_the_one_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(atomic, "hook", lambda _, path: seen.append(path))

    unpack_members(tmp_path, demo_members({"demo/deep/er.py": b""}))

    target = tmp_path / "target"
    assert sorted(seen) == sorted(str(path) for path in target.rglob("*"))


def test_a_wheel_as_backends_make_it_is_unpacked(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "my-demo", "2.0", scripts={"demo": "my_demo:main"})
    (tmp_path / "target").mkdir()

    unpacked = unpack(
        path, str(tmp_path / "target"), filename=os.path.basename(path), name="my-demo", version="2.0"
    )

    assert unpacked.about["console_scripts"] == {"demo": "my_demo:main"}
