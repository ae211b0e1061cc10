"""Files of the store in environments: linked or copied, and the store none the worse for it."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from envctl import atomic
from envctl.store import examine
from envctl.store.entry import Entry
from envctl.store.place import Linker, Placement, choose_linker, place, raise_marks
from envctl.store.store import Store
from envctl.wheel.unpack import unpack
from support.wheels import make_wheel

BUCKET = "wheels-v1"
KEY = "ab" * 32
FILES = {
    "site/demo/__init__.py": b"answer = 42\n",
    "site/demo/deep/er/file.txt": b"x" * 300,
    "site/top.py": b"top = 1\n",
    "scripts/tool": b"#!python\n",
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "cache"))


@pytest.fixture
def entry(store: Store) -> Entry:
    def fill(tree: str) -> dict[str, object]:
        for path, content in FILES.items():
            Path(tree, path).parent.mkdir(parents=True, exist_ok=True)
            Path(tree, path).write_bytes(content)
        Path(tree, "scripts/tool").chmod(0o755)
        return {}

    made = store.add(BUCKET, KEY, fill)
    time.sleep(0.012)
    return made


def lay(entry: Entry, destination: Path, how: str = "hardlink", subtree: str = "site") -> Placement:
    return place(entry, subtree, str(destination), how=Linker(how), made=set())


def read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def count_hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    real = examine.digest_file

    def note(path: str) -> str:
        seen.append(path)
        return real(path)

    monkeypatch.setattr(examine, "digest_file", note)
    return seen


@pytest.mark.parametrize("how", ["hardlink", "copy", "reflink"])
def test_every_way_gives_the_same_files_modes_and_times(tmp_path: Path, entry: Entry, how: str) -> None:
    destination = tmp_path / "env"

    placement = lay(entry, destination, how)

    assert read(destination) == {
        path.removeprefix("site/"): content for path, content in FILES.items() if path.startswith("site/")
    }
    for path, file in zip(placement.paths, placement.files, strict=True):
        seen = os.lstat(destination / path)
        assert (seen.st_mtime_ns, stat.S_IMODE(seen.st_mode)) == (file.mtime_ns, file.mode)
        assert f"site/{path}" == file.path


def test_hard_links_share_the_inode_and_copies_do_not(tmp_path: Path, entry: Entry) -> None:
    lay(entry, tmp_path / "linked", "hardlink")
    lay(entry, tmp_path / "copied", "copy")

    inode = os.stat(f"{entry.tree}/site/top.py").st_ino
    assert os.stat(tmp_path / "linked/top.py").st_ino == inode
    assert os.stat(tmp_path / "copied/top.py").st_ino != inode


@pytest.mark.parametrize("umask", [0o000, 0o027, 0o077], ids=oct)
@pytest.mark.parametrize("how", ["hardlink", "copy"])
def test_modes_are_the_same_whatever_the_umask(tmp_path: Path, entry: Entry, umask: int, how: str) -> None:
    before = os.umask(umask)
    try:
        lay(entry, tmp_path / "env", how, subtree="")
    finally:
        os.umask(before)

    modes = {str(path.relative_to(tmp_path / "env")): stat.S_IMODE(path.stat().st_mode)
             for path in (tmp_path / "env").rglob("*")}  # fmt: skip
    assert modes["scripts/tool"] == 0o755
    assert modes["site/top.py"] == 0o644
    assert modes["site/demo/deep"] == 0o755


def test_our_own_links_make_no_suspects(
    tmp_path: Path, store: Store, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    placement = lay(entry, tmp_path / "env", subtree="")

    raise_marks([placement])

    seen = count_hashed(monkeypatch)
    assert Store(store.folder).get(BUCKET, KEY) == entry
    assert seen == []


def test_an_edit_after_our_links_is_noticed_by_the_next_environment(
    tmp_path: Path, store: Store, entry: Entry
) -> None:
    raise_marks([lay(entry, tmp_path / "env", subtree="")])
    time.sleep(0.012)
    edited = tmp_path / "env/site/top.py"
    before = os.stat(edited)
    with open(edited, "r+b") as file:
        file.write(b"pot")
    os.utime(edited, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert Store(store.folder).get(BUCKET, KEY) is None


def test_an_entry_that_is_not_settled_keeps_its_mark(tmp_path: Path, store: Store, entry: Entry) -> None:
    from dataclasses import replace

    unsettled = replace(entry, settled=False)
    before = examine.read_mark(entry)

    raise_marks([lay(unsettled, tmp_path / "env")])

    assert examine.read_mark(entry) == before


def test_the_mark_of_an_entry_that_was_made_anew_is_not_touched(
    tmp_path: Path, store: Store, entry: Entry
) -> None:
    placement = lay(entry, tmp_path / "env")
    os.unlink(f"{entry.tree}/site/top.py")
    assert store.get(BUCKET, KEY) is None
    made = store.add(BUCKET, KEY, lambda _: {})
    before = examine.read_mark(made)

    raise_marks([placement])

    assert examine.read_mark(made) == before


def test_a_path_that_is_taken_is_told_and_left(tmp_path: Path, entry: Entry) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/top.py").write_bytes(b"mine")

    placement = lay(entry, tmp_path / "env")

    assert placement.collisions == ("top.py",)
    assert "top.py" not in placement.paths
    assert (tmp_path / "env/top.py").read_bytes() == b"mine"


def test_what_shall_be_skipped_is_not_laid(tmp_path: Path, entry: Entry) -> None:
    placement = place(
        entry, "site", str(tmp_path / "env"), how=Linker("hardlink"), made=set(), skip={"demo/__init__.py"}
    )

    assert set(placement.paths) == {"top.py", "demo/deep/er/file.txt"}
    assert not (tmp_path / "env/demo/__init__.py").exists()


def test_two_entries_share_folders(tmp_path: Path, store: Store, entry: Entry) -> None:
    other = store.add(BUCKET, "cd" * 32, lambda tree: {"size": Path(tree, "b.py").write_bytes(b"")})
    made: set[str] = set()

    place(entry, "site", str(tmp_path / "env"), how=Linker("hardlink"), made=made)
    place(other, "", str(tmp_path / "env/demo"), how=Linker("hardlink"), made=made)

    assert (tmp_path / "env/demo/b.py").exists()


def test_a_file_without_room_for_another_link_gets_a_new_inode(
    tmp_path: Path, store: Store, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is 65,000 on ext4, so it is simulated."""
    full = os.stat(f"{entry.tree}/site/top.py").st_ino
    monkeypatch.setattr(atomic, "hook", lambda *_: None)
    real = os.link

    def limited(source: str, target: str, **options: bool) -> None:
        if os.stat(source).st_ino == full:
            raise OSError(errno.EMLINK, "Too many links", source)
        real(source, target, **options)

    monkeypatch.setattr(os, "link", limited)

    placement = lay(entry, tmp_path / "env")
    raise_marks([placement])

    seen = count_hashed(monkeypatch)
    found = Store(store.folder).get(BUCKET, KEY)
    assert found == placement.entry
    assert seen == []
    inode = os.stat(tmp_path / "env/top.py").st_ino
    assert inode != full
    assert os.stat(f"{entry.tree}/site/top.py").st_ino == inode
    assert os.stat(tmp_path / "env/top.py").st_mtime_ns == next(
        file.mtime_ns for file in entry.files if file.path == "site/top.py"
    )


def test_a_new_inode_that_was_never_recorded_is_hashed_and_recorded(
    tmp_path: Path, store: Store, entry: Entry
) -> None:
    """A run may be killed between the two."""
    path = f"{entry.tree}/site/top.py"
    atomic.copy(path, f"{tmp_path}/copy", mode=0o644, mtime_ns=os.stat(path).st_mtime_ns)
    os.rename(f"{tmp_path}/copy", path)

    found = Store(store.folder).get(BUCKET, KEY)

    assert found is not None
    assert next(file.inode for file in found.files if file.path == "site/top.py") == os.stat(path).st_ino


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.ENOTSUP], ids=errno.errorcode.get)
def test_where_no_link_can_be_made_files_are_copied(
    tmp_path: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: str, **__: bool) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)

    placement = lay(entry, tmp_path / "env")

    assert len(placement.files) == 3
    assert placement.ctime_ns == 0
    assert os.stat(tmp_path / "env/top.py").st_nlink == 1


def test_the_best_way_that_works_is_chosen(tmp_path: Path, store: Store, entry: Entry) -> None:
    (tmp_path / "env").mkdir()

    chosen = choose_linker(store.folder, str(tmp_path / "env"))

    assert chosen.how in {"reflink", "hardlink"}
    assert os.listdir(tmp_path / "env") == []


def chosen(store: Store, tmp_path: Path, mode: str) -> tuple[str, str]:
    linker = choose_linker(store.folder, str(tmp_path / "env"), mode)
    return linker.how, linker.asked


def test_copies_are_made_when_they_are_asked_for(tmp_path: Path, store: Store, entry: Entry) -> None:
    (tmp_path / "env").mkdir()

    assert chosen(store, tmp_path, "copy") == ("copy", "copy")


def test_who_asks_for_reflinks_where_there_are_none_gets_copies_and_never_links(
    tmp_path: Path, store: Store, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "env").mkdir()

    def refuse(operation: str, _: str) -> None:
        if operation == "clone":
            raise OSError(errno.EOPNOTSUPP, "no reflinks")

    monkeypatch.setattr(atomic, "hook", refuse)

    assert chosen(store, tmp_path, "reflink") == ("copy", "reflink")
    assert chosen(store, tmp_path, "auto") == ("hardlink", "auto")


def test_from_one_file_system_to_another_files_are_copied(store: Store, entry: Entry) -> None:
    here = os.stat(store.folder).st_dev
    others = (Path(each) for each in ("/dev/shm", "/var/tmp", Path.home()))
    elsewhere = next((each for each in others if each.is_dir() and each.stat().st_dev != here), None)
    if elsewhere is None:
        pytest.skip("needs a second file system")
    other = elsewhere / f"envctl-test-{os.getpid()}"
    other.mkdir()
    try:
        chosen = choose_linker(store.folder, str(other))
        placement = place(entry, "site", str(other), how=Linker("hardlink"), made={str(other)})

        assert (chosen.how, chosen.asked) == ("copy", "auto")
        assert len(placement.files) == 3
    finally:
        atomic.remove_tree(str(other))


def test_a_wheel_goes_through_the_store_into_an_environment(tmp_path: Path, store: Store) -> None:
    wheel = make_wheel(tmp_path / "dist", "demo", "1.0", scripts={"demo": "demo:main"})

    store.add(
        BUCKET,
        "cd" * 32,
        lambda tree: unpack(wheel, tree, filename=os.path.basename(wheel), name="demo", version="1.0"),
    )
    found = Store(store.folder).get(BUCKET, "cd" * 32)
    assert found is not None
    raise_marks([lay(found, tmp_path / "env")])

    output = subprocess.run(
        [sys.executable, "-c", "import demo, importlib.metadata as m; print(m.version('demo'), m.files('demo')[0].hash)"],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(tmp_path / "env")},
    ).stdout  # fmt: skip
    assert output.startswith("1.0 <FileHash mode: sha256")
    assert found.about["console_scripts"] == {"demo": "demo:main"}
    assert Store(store.folder).get(BUCKET, "cd" * 32) == found
