"""What is in the store is what was put in, or it counts as absent."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl import atomic
from envctl.errors import MachineError, UpstreamError
from envctl.store.entry import Entry, Produced
from envctl.store.examine import claim, raise_mark
from envctl.store.measure import Extent
from envctl.store.store import Store

BUCKET = "wheels-v1"
KEY = "ab" * 32
FILES = {
    "site/demo/__init__.py": b"answer = 42\n",
    "site/demo/data.bin": bytes(5000),
    "scripts/tool": b"#!python\n",
}


def fill(tree: str) -> Produced:
    for path, content in FILES.items():
        target = Path(tree, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    Path(tree, "scripts/tool").chmod(0o700)
    return Produced({"name": "demo", "numbers": [1, 2]})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "cache"))


@pytest.fixture
def entry(store: Store) -> Entry:
    made = store.add(BUCKET, KEY, fill)
    tick()
    return made


def tick() -> None:
    """Let the clock of the file system go on: it ticks every 4 ms on some kernels."""
    time.sleep(0.012)


def again(store: Store) -> Entry | None:
    return Store(store.folder).get(BUCKET, KEY)


def must(found: Entry | None) -> Entry:
    assert found is not None
    return found


def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which files are read and hashed from now on."""
    from envctl.store import examine

    seen: list[str] = []
    real = examine.digest_file

    def note(path: str) -> str:
        seen.append(path.partition("/tree/")[2])
        return real(path)

    monkeypatch.setattr(examine, "digest_file", note)
    return seen


# --- making ---


def test_what_was_added_is_got(store: Store, entry: Entry) -> None:
    found = must(again(store))

    assert found == entry
    assert [file.path for file in found.files] == sorted(FILES)
    assert found.about == {"name": "demo", "numbers": [1, 2]}
    assert {file.path: Path(found.tree, file.path).read_bytes() for file in found.files} == FILES


def test_there_is_nothing_before_it_was_added(store: Store) -> None:
    assert store.get(BUCKET, KEY) is None
    assert not os.path.exists(store.folder)


def test_an_entry_is_made_once(store: Store, entry: Entry) -> None:
    def never(tree: str) -> Produced:
        raise AssertionError(tree)

    assert store.add(BUCKET, KEY, never) == entry


def test_an_empty_entry_is_an_entry(store: Store) -> None:
    made = store.add(BUCKET, KEY, lambda _: Produced({"empty": True}))

    assert must(again(store)) == made
    assert made.files == ()


def test_a_producer_may_return_what_is_to_be_remembered_alone(store: Store) -> None:
    store.add(BUCKET, KEY, lambda _: {"a": 1})

    assert must(again(store)).about == {"a": 1}


def test_hashes_that_a_producer_knows_are_not_computed_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = hashed(monkeypatch)

    def produce(tree: str) -> Produced:
        fill(tree)
        return Produced({}, {"site/demo/__init__.py": "0" * 64, "scripts/tool": "1" * 64})

    made = store.add(BUCKET, KEY, produce)

    assert seen == ["site/demo/data.bin"]
    assert made.files[0].sha256 == "1" * 64


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_modes_are_the_same_whatever_the_umask(store: Store, umask: int) -> None:
    before = os.umask(umask)
    try:
        made = store.add(BUCKET, KEY, fill)
    finally:
        os.umask(before)

    modes = {
        stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode)
        for folder, names, files in os.walk(made.tree)
        for name in names
    }
    assert modes == {0o755}
    assert {file.path: file.mode for file in made.files} == {
        "scripts/tool": 0o755, "site/demo/__init__.py": 0o644, "site/demo/data.bin": 0o644,
    }  # fmt: skip
    assert all(stat.S_IMODE(os.lstat(f"{made.tree}/{f.path}").st_mode) == f.mode for f in made.files)
    assert stat.S_IMODE(os.lstat(store.folder).st_mode) == 0o700


def test_a_producer_that_fails_leaves_nothing(store: Store) -> None:
    def fail(tree: str) -> Produced:
        fill(tree)
        raise UpstreamError("bad-wheel", "it is bad")

    with pytest.raises(UpstreamError):
        store.add(BUCKET, KEY, fail)

    assert again(store) is None
    assert os.listdir(f"{store.folder}/new") == []
    assert os.listdir(f"{store.folder}/trash") == []


@pytest.mark.parametrize("kind", ["link", "fifo", "control character"])
def test_a_tree_with_anything_but_plain_files_is_refused(store: Store, kind: str) -> None:
    def produce(tree: str) -> Produced:
        if kind == "link":
            os.symlink("/etc/passwd", f"{tree}/a")
        elif kind == "fifo":
            os.mkfifo(f"{tree}/a")
        else:
            Path(tree, "a\tb").write_bytes(b"")
        return Produced()

    with pytest.raises(UpstreamError) as caught:
        store.add(BUCKET, KEY, produce)

    assert caught.value.code == "not-a-plain-file"


def test_what_a_killed_run_left_is_cleared_by_the_next_one(store: Store, entry: Entry) -> None:
    abandoned = Path(store.folder, "new", "0123")
    abandoned.mkdir()
    (abandoned / "file").write_bytes(b"x")
    Path(store.folder, "trash", "4567").mkdir()

    Store(store.folder).add(BUCKET, "cd" * 32, fill)

    assert os.listdir(f"{store.folder}/new") == []
    assert os.listdir(f"{store.folder}/trash") == []


def test_what_another_run_is_filling_is_left_alone(store: Store) -> None:
    def produce(tree: str) -> Produced:
        Store(store.folder).add(BUCKET, "cd" * 32, fill)
        return fill(tree)

    made = store.add(BUCKET, KEY, produce)

    assert len(made.files) == len(FILES)


PROGRAM = """
import sys, time
from pathlib import Path
from envctl.store.store import Store
def produce(tree):
    Path(sys.argv[2], str(time.time_ns())).touch()
    time.sleep(0.3)
    Path(tree, "a.py").write_text("a = 1")
    return {}
while time.time() < float(sys.argv[3]): pass
entry = Store(sys.argv[1]).add("wheels-v1", "ab" * 32, produce)
assert [file.path for file in entry.files] == ["a.py"]
"""


def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    source = os.path.dirname(os.path.dirname(atomic.__file__))
    environ = {**os.environ, "PYTHONPATH": source}
    return subprocess.Popen([sys.executable, "-c", program, *arguments], env=environ)


def test_of_processes_that_want_one_entry_one_makes_it(store: Store, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    begin = str(time.time() + 0.5)

    processes = [start(PROGRAM, store.folder, str(calls), begin) for _ in range(4)]

    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    assert len(list(calls.iterdir())) == 1
    assert [p.name for p in Path(store.folder, BUCKET, "ab").iterdir()] == [KEY]


def test_a_purge_while_an_entry_is_made_does_not_matter(store: Store) -> None:
    def produce(tree: str) -> Produced:
        Store(store.folder).purge()
        return fill(tree)

    made = store.add(BUCKET, KEY, produce)

    assert must(again(store)) == made


def test_of_two_that_make_an_entry_after_a_purge_the_first_one_counts(store: Store) -> None:
    """The purge takes away the lock that would have made the second one wait."""
    calls = []

    def produce(tree: str) -> Produced:
        calls.append(tree)
        Store(store.folder).purge()
        calls.append(Store(store.folder).add(BUCKET, KEY, fill).generation)
        return fill(tree)

    made = store.add(BUCKET, KEY, produce)

    assert len(calls) == 2
    assert made.generation == calls[1]
    assert must(again(store)) == made
    assert os.listdir(f"{store.folder}/new") == []


def test_a_cache_that_is_deleted_by_hand_is_made_again(store: Store, entry: Entry) -> None:
    shutil.rmtree(store.folder)

    assert store.get(BUCKET, KEY) is None
    assert store.add(BUCKET, KEY, fill).files == must(again(store)).files
    assert stat.S_IMODE(os.lstat(store.folder).st_mode) == 0o700


KILLED = """
import sys, os
from pathlib import Path
from envctl import atomic
from envctl.store.store import Store
steps = int(sys.argv[2])
def count(operation, path):
    global steps
    steps -= 1
    if steps < 0: os._exit(9)
atomic.hook = count
def produce(tree):
    for name in "abc": atomic.write(f"{tree}/{name}", name.encode() * 100)
    return {}
Store(sys.argv[1]).add("wheels-v1", "ab" * 32, produce)
"""


def test_killed_at_any_step_an_entry_is_absent_or_complete(tmp_path: Path) -> None:
    for steps in range(100):
        folder = str(tmp_path / str(steps))
        code = start(KILLED, folder, str(steps)).wait()

        found = Store(folder).get(BUCKET, KEY)

        assert found is None or len(found.files) == 3
        assert len(Store(folder).add(BUCKET, KEY, fill).files) == 3
        if code == 0:
            break
    else:
        pytest.fail("it never came to an end")
    assert steps > 8


# --- rot ---


def rot_by_flipping(path: str) -> None:
    data = bytearray(Path(path).read_bytes())
    data[5] ^= 1
    Path(path).write_bytes(data)


def rot_by_flipping_unseen(path: str) -> None:
    """A byte is changed in place, and size and mtime are put back."""
    seen = os.stat(path)
    rot_by_flipping(path)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def rot_by_zeroing(path: str) -> None:
    Path(path).write_bytes(bytes(os.path.getsize(path)))


def rot_by_linking_elsewhere(path: str) -> None:
    os.unlink(path)
    os.symlink("/etc/passwd", path)


ROTS: dict[str, Callable[[str], None]] = {
    "flipped": rot_by_flipping,
    "flipped with its times put back": rot_by_flipping_unseen,
    "truncated": lambda path: os.truncate(path, 3),
    "emptied": lambda path: os.truncate(path, 0),
    "grown": lambda path: os.truncate(path, 9000),
    "deleted": os.unlink,
    "a link": rot_by_linking_elsewhere,
    "zeroed": rot_by_zeroing,
}


@pytest.mark.parametrize("kind", ROTS)
def test_an_entry_with_a_wrong_file_counts_as_absent_and_is_made_again(
    store: Store, entry: Entry, kind: str
) -> None:
    ROTS[kind](f"{entry.tree}/site/demo/__init__.py")

    assert again(store) is None
    assert not os.path.lexists(entry.folder)
    made = store.add(BUCKET, KEY, fill)
    assert must(again(store)) == made
    assert made.generation != entry.generation


@pytest.mark.parametrize("kind", ["flipped", "truncated", "emptied", "deleted", "zeroed"])
def test_an_entry_with_a_rotten_manifest_counts_as_absent(store: Store, entry: Entry, kind: str) -> None:
    ROTS[kind](f"{entry.folder}/manifest")

    assert again(store) is None
    assert not os.path.lexists(entry.folder)


def rot_by_a_pipe(path: str) -> None:
    os.unlink(path)
    os.mkfifo(path)


def rot_by_a_folder(path: str) -> None:
    os.unlink(path)
    os.mkdir(path)


@pytest.mark.parametrize("rot", [rot_by_a_pipe, rot_by_a_folder, rot_by_linking_elsewhere])
@pytest.mark.parametrize("name", ["manifest", "tree/site/demo/__init__.py"])
def test_what_is_no_file_is_neither_waited_for_nor_followed(
    store: Store, entry: Entry, name: str, rot: Callable[[str], None]
) -> None:
    rot(f"{entry.folder}/{name}")

    assert again(store) is None
    assert not os.path.lexists(entry.folder)


def test_an_entry_in_the_place_of_another_counts_as_absent(store: Store, entry: Entry) -> None:
    """Its wheel would be installed under another's name."""
    other = "cd" * 32
    os.makedirs(f"{store.folder}/{BUCKET}/cd")

    os.rename(entry.folder, f"{store.folder}/{BUCKET}/cd/{other}")

    assert Store(store.folder).get(BUCKET, other) is None


def test_a_link_to_a_folder_is_removed_itself(store: Store, entry: Entry, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(entry.folder, elsewhere)
    shutil.rmtree(entry.folder)
    os.symlink(elsewhere, entry.folder)

    assert again(store) is None

    assert not os.path.lexists(entry.folder)
    assert (elsewhere / "manifest").exists()
    assert (elsewhere / "tree/site/demo/data.bin").exists()


def test_a_folder_of_an_entry_that_is_a_link_condemns_it(store: Store, entry: Entry, tmp_path: Path) -> None:
    """What lies behind it may be changed without anybody here noticing, and is not ours to mend."""
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(f"{entry.tree}/site/demo", elsewhere)
    shutil.rmtree(f"{entry.tree}/site/demo")
    os.symlink(elsewhere, f"{entry.tree}/site/demo")

    assert again(store) is None
    assert (elsewhere / "data.bin").exists()


def test_a_lost_mark_is_set_again(store: Store, entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    os.unlink(f"{entry.folder}/mark-{entry.generation}")
    must(again(store))
    seen = hashed(monkeypatch)

    must(again(store))

    assert seen == []


def test_who_laid_an_entry_that_was_made_anew_meanwhile_sets_no_mark_in_it(
    store: Store, entry: Entry
) -> None:
    shutil.rmtree(entry.folder)
    made = store.add(BUCKET, KEY, fill)
    assert made.folder == entry.folder

    raise_mark(entry, time.time_ns())

    assert not store.are_as_found([made, entry])
    assert store.are_as_found([made])
    assert [name for name in os.listdir(made.folder) if name.startswith("mark-")] == [
        f"mark-{made.generation}"
    ]


@pytest.mark.parametrize("kind", ["in the future", "a link", "a folder"])
def test_a_mark_that_we_did_not_set_hides_no_edit(store: Store, entry: Entry, kind: str) -> None:
    mark = f"{entry.folder}/mark-{entry.generation}"
    if kind == "in the future":
        os.utime(mark, (time.time() + 1e6, time.time() + 1e6))
    elif kind == "a link":
        rot_by_linking_elsewhere(mark)
    else:
        rot_by_a_folder(mark)

    rot_by_flipping_unseen(f"{entry.tree}/site/demo/__init__.py")

    assert again(store) is None


def test_a_mark_is_not_written_through_a_link(store: Store, entry: Entry, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("x")
    os.utime(target, ns=(5, 5))
    mark = f"{entry.folder}/mark-{entry.generation}"
    os.unlink(mark)
    os.symlink(target, mark)

    must(again(store))

    assert target.stat().st_mtime_ns == 5
    assert not os.path.islink(mark)


def test_who_shares_a_wrong_file_sees_its_time_move(store: Store, entry: Entry, tmp_path: Path) -> None:
    names = {name: tmp_path / name.rpartition("/")[2] for name in FILES}
    for name, link in names.items():
        os.link(f"{entry.tree}/{name}", link)
    before = {name: link.stat().st_mtime_ns for name, link in names.items()}
    must(again(store))
    tick()
    rot_by_flipping_unseen(str(names["site/demo/__init__.py"]))

    assert again(store) is None

    moved = {name for name, link in names.items() if link.stat().st_mtime_ns != before[name]}
    assert moved == {"site/demo/__init__.py"}


def test_want_of_descriptors_condemns_nothing(
    store: Store, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.unlink(f"{entry.folder}/mark-{entry.generation}")
    monkeypatch.setattr("envctl.store.examine.digest_file", refuse_to_open)

    with pytest.raises(MachineError, match="could not be used"):
        again(store)

    assert os.path.exists(entry.folder)


def refuse_to_open(path: str) -> str:
    raise OSError(24, "Too many open files", path)


def test_an_edit_through_a_link_with_its_times_put_back_is_noticed(
    store: Store, entry: Entry, tmp_path: Path
) -> None:
    link = tmp_path / "linked.py"
    os.link(f"{entry.tree}/site/demo/__init__.py", link)
    tick()
    must(again(store))
    tick()

    rot_by_flipping_unseen(str(link))

    assert again(store) is None


def test_a_lost_mark_costs_hashing_only(store: Store, entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    os.unlink(f"{entry.folder}/mark-{entry.generation}")
    seen = hashed(monkeypatch)

    assert must(again(store)).files == entry.files
    assert sorted(seen) == sorted(FILES)


def test_links_of_others_make_suspects_that_are_hashed_once(
    store: Store, entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.link(f"{entry.tree}/site/demo/__init__.py", tmp_path / "linked.py")
    seen = hashed(monkeypatch)

    first, second = must(again(store)), must(again(store))

    assert seen == ["site/demo/__init__.py"]
    assert first.settled
    assert second == entry


def test_nothing_is_read_when_nothing_happened(
    store: Store, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = hashed(monkeypatch)

    must(again(store))

    assert seen == []


def test_an_entry_that_was_copied_elsewhere_is_hashed_and_recorded(
    store: Store, entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that continuous integration restores has other inodes, and may have other times."""
    shutil.copytree(store.folder, tmp_path / "copy", copy_function=shutil.copyfile)
    copy = Store(str(tmp_path / "copy"))
    os.chmod(copy.folder, 0o700)
    tick()

    found = must(again(copy))

    seen = hashed(monkeypatch)
    assert must(again(copy)) == found
    assert seen == []
    assert [file.mode for file in found.files] == [file.mode for file in entry.files]
    assert [file.mtime_ns for file in found.files] == [file.mtime_ns for file in entry.files]
    assert found.generation == entry.generation
    assert os.stat(f"{found.tree}/scripts/tool").st_mtime_ns == entry.files[0].mtime_ns


def test_a_mode_that_somebody_changed_is_put_right(store: Store, entry: Entry) -> None:
    os.chmod(f"{entry.tree}/scripts/tool", 0o600)

    assert must(again(store)).files == entry.files
    assert stat.S_IMODE(os.stat(f"{entry.tree}/scripts/tool").st_mode) == 0o755


def test_a_moved_time_is_put_back(store: Store, entry: Entry) -> None:
    """Bytecode and receipts name the time."""
    os.utime(f"{entry.tree}/scripts/tool", ns=(1, 1))

    assert must(again(store)).files == entry.files
    assert os.stat(f"{entry.tree}/scripts/tool").st_mtime_ns == entry.files[0].mtime_ns


# --- many suspects ---


def touch_all(entry: Entry, elsewhere: Path) -> None:
    """Do what the deletion of an environment does: the ctime of every file moves."""
    for number, file in enumerate(entry.files):
        os.link(f"{entry.tree}/{file.path}", elsewhere / str(number))
    tick()


def test_beyond_the_budget_small_code_is_hashed_first_and_the_mark_stays(
    store: Store, entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch_all(entry, tmp_path)
    seen = hashed(monkeypatch)
    fresh = Store(store.folder)
    fresh._budget = 2 * 8192 + 100  # room to open two files

    found = must(fresh.get(BUCKET, KEY))

    assert seen == ["site/demo/__init__.py", "scripts/tool"]
    assert not found.settled


def test_an_entry_beyond_the_budget_is_settled_later(
    store: Store, entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch_all(entry, tmp_path)
    fresh = Store(store.folder)
    fresh._budget = 0
    found = must(fresh.get(BUCKET, KEY))

    settled = must(fresh.settle(found))

    seen = hashed(monkeypatch)
    assert settled.settled
    assert must(again(store)).settled
    assert seen == []


def test_a_wrong_file_beyond_the_budget_is_found_when_it_is_settled(
    store: Store, entry: Entry, tmp_path: Path
) -> None:
    touch_all(entry, tmp_path)
    rot_by_flipping_unseen(f"{entry.tree}/site/demo/data.bin")
    fresh = Store(store.folder)
    fresh._budget = 0
    found = must(fresh.get(BUCKET, KEY))

    assert fresh.settle(found) is None


def test_a_single_suspect_is_hashed_whatever_the_budget(store: Store, entry: Entry) -> None:
    rot_by_flipping_unseen(f"{entry.tree}/site/demo/data.bin")
    fresh = Store(store.folder)
    fresh._budget = 0

    assert fresh.get(BUCKET, KEY) is None


def test_a_deletion_of_our_own_makes_no_suspects(
    store: Store, entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch_all(entry, tmp_path)
    must(again(store))

    with claim([entry]):
        for number in range(len(entry.files)):
            os.unlink(tmp_path / str(number))

    seen = hashed(monkeypatch)
    must(again(store))
    assert seen == []


def test_what_somebody_wrote_is_not_claimed(store: Store, entry: Entry) -> None:
    tick()
    rot_by_flipping_unseen(f"{entry.tree}/site/demo/data.bin")

    with claim([entry]):
        pass

    assert again(store) is None


# --- the folder ---


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_to_is_refused(store: Store, entry: Entry, mode: int) -> None:
    os.chmod(store.folder, mode)

    with pytest.raises(MachineError) as caught:
        again(store)

    assert caught.value.code == "cache-not-ours"
    assert caught.value.hints


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_folder_of_another_user_is_refused(store: Store, entry: Entry) -> None:
    os.chown(store.folder, 12345, -1)

    with pytest.raises(MachineError, match="another user owns it"):
        Store(store.folder).add(BUCKET, "cd" * 32, fill)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_condemns_its_entry(store: Store, entry: Entry) -> None:
    os.chown(f"{entry.tree}/scripts/tool", 12345, -1)

    assert again(store) is None


@pytest.mark.parametrize(
    ("bucket", "key"), [("wheels", KEY), (BUCKET, "../x"), (BUCKET, "a/b"), (BUCKET, ".x")]
)
def test_a_key_is_never_a_path(store: Store, bucket: str, key: str) -> None:
    with pytest.raises(ValueError, match="not a bucket and a key"):
        store.get(bucket, key)


def test_the_folder_says_that_it_is_a_cache(store: Store, entry: Entry) -> None:
    assert (
        Path(store.folder, "CACHEDIR.TAG")
        .read_bytes()
        .startswith(b"Signature: 8a477f597d28d172789f06886806bc55")
    )
    assert Path(store.folder, ".gitignore").read_bytes() == b"*\n"


def test_what_the_store_holds_is_counted(store: Store, entry: Entry, tmp_path: Path) -> None:
    folder = Path(store.folder, "memos-v2", "ab")
    folder.mkdir(parents=True)
    (folder / KEY).write_bytes(b"x" * 10)
    (folder / f"{KEY}.0123.tmp").write_bytes(b"x")
    os.link(f"{entry.tree}/site/demo/data.bin", tmp_path / "linked")

    info = store.info()

    assert set(info) == {BUCKET, "memos-v2"}
    assert info[BUCKET].size > sum(map(len, FILES.values()))
    assert info[BUCKET].own == info[BUCKET].size - 5000
    assert info[BUCKET].count == 1
    assert info["memos-v2"] == Extent(size=11, own=11, count=1)


def test_a_purge_frees_what_no_environment_shares(store: Store, entry: Entry, tmp_path: Path) -> None:
    os.link(f"{entry.tree}/site/demo/data.bin", tmp_path / "linked")
    everything = store.info()[BUCKET].size

    freed = store.purge()

    assert freed == everything - 5000
    assert again(store) is None
    assert store.info() == {}
    assert (tmp_path / "linked").read_bytes() == bytes(5000)


def test_there_is_nothing_to_purge_where_there_is_no_store(store: Store) -> None:
    assert store.purge() == 0
    assert store.info() == {}


def test_a_full_disk_is_told_as_such(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(operation: str, path: str) -> None:
        if operation == "write":
            raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(atomic, "hook", refuse)

    with pytest.raises(MachineError) as caught:
        store.add(BUCKET, KEY, fill)

    assert caught.value.code == "disk-full"


def test_the_store_loads_little() -> None:
    program = (
        "import sys; import envctl.store.store, envctl.store.place;"
        "print(*sorted(set(sys.modules) & {'zipfile', 'tempfile', 'shutil', 'subprocess', 'threading', 'email',"
        "'packaging', 'configparser', 'asyncio', 'unittest', 'logging', 'csv', 'envctl.wheel'}))"
    )
    source = os.path.dirname(os.path.dirname(atomic.__file__))

    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": source},
    )

    assert done.stdout.split() == []
