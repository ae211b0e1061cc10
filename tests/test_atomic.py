"""The operations that change the file system: whole, or not at all, and announced."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envctl import atomic


@pytest.fixture
def seen() -> Iterator[list[str]]:
    """The names of the operations that were announced."""
    names: list[str] = []
    atomic.hook = lambda operation, _: names.append(operation)
    yield names
    atomic.hook = None


def refuse(at: str) -> Callable[[str, str], None]:
    def hook(operation: str, path: str) -> None:
        if operation == at:
            raise OSError(errno.ENOSPC, "disk full", path)

    return hook


@pytest.fixture
def umask() -> Iterator[None]:
    former = os.umask(0o077)
    yield
    os.umask(former)


# --- write and replace -------------------------------------------------------


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(FileExistsError):
        atomic.write(str(tmp_path / "file"), b"new")

    assert (tmp_path / "file").read_text() == "mine"


def test_a_link_is_never_written_through(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FileExistsError):
        atomic.write(str(tmp_path / "link"), b"new")

    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.usefixtures("umask")
def test_modes_are_exact_whatever_the_umask(tmp_path: Path) -> None:
    atomic.write(str(tmp_path / "file"), b"", mode=0o755)
    atomic.make_directory(str(tmp_path / "folder"))
    atomic.directory_maker()(str(tmp_path / "other"))

    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "folder", "other")]
    assert modes == [0o755, 0o755, 0o755]


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o600)

    atomic.replace(str(tmp_path / "file"), b"new")

    assert (tmp_path / "file").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_what_a_link_points_to_is_replaced_not_the_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")

    atomic.replace(str(tmp_path / "link"), b"new")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"


@pytest.mark.parametrize("operation", ["write", "rename"])
def test_a_replacement_that_fails_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, operation: str
) -> None:
    (tmp_path / "file").write_text("old")
    atomic.hook = refuse(operation)
    try:
        with pytest.raises(OSError, match="disk full"):
            atomic.replace(str(tmp_path / "file"), b"new")
    finally:
        atomic.hook = None

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"file": "old"}


def test_a_replacement_is_flushed_before_and_after_its_rename(tmp_path: Path, seen: list[str]) -> None:
    atomic.replace(str(tmp_path / "file"), b"new")

    assert seen == ["write", "fsync", "rename", "fsync"]


def test_that_it_has_the_name_need_not_be_flushed(tmp_path: Path, seen: list[str]) -> None:
    atomic.replace(str(tmp_path / "file"), b"new", named=False)

    assert seen == ["write", "fsync", "rename"]


# --- exchange and rename -----------------------------------------------------


def two_folders(tmp_path: Path) -> tuple[str, str]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(name)
    return str(tmp_path / "one"), str(tmp_path / "two")


def test_two_folders_change_places(tmp_path: Path) -> None:
    one, two = two_folders(tmp_path)
    try:
        atomic.exchange(one, two)
    except OSError as error:
        if error.errno == errno.ENOSYS:
            pytest.skip("this file system cannot exchange")
        raise

    assert Path(one, "name").read_text() == "two"
    assert Path(two, "name").read_text() == "one"


def test_an_exchange_with_nothing_fails_and_changes_nothing(tmp_path: Path) -> None:
    one, _ = two_folders(tmp_path)

    with pytest.raises(FileNotFoundError):
        atomic.exchange(one, str(tmp_path / "three"))

    assert Path(one, "name").read_text() == "one"


def test_a_new_name_replaces_nothing(tmp_path: Path) -> None:
    one, _ = two_folders(tmp_path)
    (tmp_path / "empty").mkdir()

    with pytest.raises(FileExistsError):
        atomic.rename_new(one, str(tmp_path / "empty"))

    assert Path(one, "name").read_text() == "one"


def test_a_new_name_replaces_nothing_where_the_kernel_cannot_promise_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = two_folders(tmp_path)
    monkeypatch.setattr(atomic, "_rename_with", lambda *_: False)

    with pytest.raises(FileExistsError):
        atomic.rename_new(one, two)
    atomic.rename_new(one, str(tmp_path / "three"))

    assert (tmp_path / "three" / "name").read_text() == "one"


# --- removing ----------------------------------------------------------------


def test_a_tree_is_removed_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/data").write_text("mine")
    (tmp_path / "tree/deep").mkdir(parents=True)
    (tmp_path / "tree/deep/link").symlink_to(tmp_path / "precious")

    atomic.remove_tree(str(tmp_path / "tree"))

    assert os.listdir(tmp_path) == ["precious"]
    assert (tmp_path / "precious/data").read_text() == "mine"


def test_a_folder_without_permissions_is_removed(tmp_path: Path) -> None:
    (tmp_path / "tree/closed").mkdir(parents=True)
    (tmp_path / "tree/closed/file").touch()
    (tmp_path / "tree/closed").chmod(0)

    atomic.remove_tree(str(tmp_path / "tree"))

    assert os.listdir(tmp_path) == []


def test_a_tree_deeper_than_functions_may_nest_is_removed(tmp_path: Path) -> None:
    deepest = str(tmp_path / "tree")
    os.mkdir(deepest)
    for _ in range(sys.getrecursionlimit() + 100):
        deepest += "/d"
        os.mkdir(deepest)
    Path(deepest, "file").touch()

    atomic.remove_tree(str(tmp_path / "tree"))

    assert os.listdir(tmp_path) == []


def test_what_is_not_there_is_removed_already(tmp_path: Path) -> None:
    atomic.remove(str(tmp_path / "nothing"))
    atomic.remove_directory(str(tmp_path / "nothing"))
    atomic.remove_tree(str(tmp_path / "nothing"))

    assert os.listdir(tmp_path) == []


# --- copies ------------------------------------------------------------------


def test_a_copy_has_the_mode_and_the_mtime_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)

    atomic.copy(
        str(tmp_path / "file"), str(tmp_path / "copy"), mode=0o755, mtime_ns=1_600_000_000_123_456_789
    )

    status = (tmp_path / "copy").stat()
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "file").read_bytes()
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o755, 1_600_000_000_123_456_789)


def test_a_link_is_not_copied_through(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")

    with pytest.raises(OSError, match=r"[Ss]ymbolic|loop"):
        atomic.copy(str(tmp_path / "link"), str(tmp_path / "copy"), mode=0o644, mtime_ns=0)


# --- the hook ----------------------------------------------------------------


def test_every_operation_is_announced_before_it_is_done(tmp_path: Path, seen: list[str]) -> None:
    root = str(tmp_path)
    atomic.make_directories(f"{root}/a/b")
    atomic.write(f"{root}/file", b"x")
    atomic.append(f"{root}/file", b"y")
    atomic.link(f"{root}/file", f"{root}/hard")
    atomic.linker()(f"{root}/file", f"{root}/harder")
    atomic.symlink("file", f"{root}/soft")
    atomic.rename(f"{root}/hard", f"{root}/a/hard")
    atomic.rename_new(f"{root}/a", f"{root}/c")
    atomic.flush_file_system(root)
    atomic.remove(f"{root}/soft")
    atomic.remove_tree(f"{root}/c")

    assert seen == [
        "mkdir",
        "mkdir",
        "write",
        "append",
        "link",
        "link",
        "symlink",
        "rename",
        "rename",
        "syncfs",
        "unlink",
        "rmtree",
    ]


def test_what_is_appended_comes_after_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "log"

    atomic.append(str(path), b"one\n")
    atomic.append(str(path), b"two\n")

    assert path.read_bytes() == b"one\ntwo\n"


def test_nothing_is_appended_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("file")

    with pytest.raises(OSError, match="link"):
        atomic.append(str(tmp_path / "link"), b"x")

    assert (tmp_path / "file").read_text() == "mine"


def test_the_module_is_light() -> None:
    """Because the path of a plan with nothing to do loads it."""
    code = "import os, stat, sys; before = set(sys.modules); import envctl.atomic; print(*set(sys.modules) - before)"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, env=environ
    )

    assert {name for name in done.stdout.split() if not name.startswith("envctl")} <= {
        "__future__",
        "errno",
        "fcntl",
    }
