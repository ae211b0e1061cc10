"""Work that two processes share."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from envctl import twofold
from envctl.twofold import do_all, do_beside, may_fork


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork whatever the machine has, and whatever threads the test runner has."""
    monkeypatch.setattr(twofold, "may_fork", lambda: True)


@pytest.mark.parametrize("pieces", [0, 1, 2, 1999, 2001, 5000])
@pytest.mark.usefixtures("forked")
def test_results_come_in_order(pieces: int) -> None:
    assert do_all(lambda number: b"x" * (number % 7) + str(number).encode(), pieces) == [
        b"x" * (number % 7) + str(number).encode() for number in range(pieces)
    ]


@pytest.mark.usefixtures("forked")
def test_results_may_be_larger_than_a_pipe() -> None:
    assert do_all(lambda number: bytes([number]) * 100_000, 20) == [bytes([n]) * 100_000 for n in range(20)]


@pytest.mark.usefixtures("forked")
def test_both_processes_work() -> None:
    started = os.getpid()

    def work(_: int) -> bytes:
        # Long enough for the other one to come along.
        signal.sigtimedwait([], 0.01)
        return b"here" if os.getpid() == started else b"there"

    assert set(do_all(work, 20)) == {b"here", b"there"}


@pytest.mark.usefixtures("forked")
def test_what_the_fork_could_not_do_is_done_here() -> None:
    started = os.getpid()

    def work(number: int) -> bytes:
        if os.getpid() != started:
            raise ValueError(number)
        signal.sigtimedwait([], 0.001)
        return str(number).encode()

    assert do_all(work, 50) == [str(number).encode() for number in range(50)]


@pytest.mark.usefixtures("forked")
def test_what_a_killed_fork_had_is_done_here() -> None:
    started = os.getpid()

    def work(number: int) -> bytes:
        if os.getpid() != started:
            os.kill(os.getpid(), signal.SIGKILL)
        signal.sigtimedwait([], 0.001)
        return str(number).encode()

    assert do_all(work, 50) == [str(number).encode() for number in range(50)]


@pytest.mark.usefixtures("forked")
def test_what_goes_wrong_here_is_raised_and_no_process_is_left() -> None:
    def work(number: int) -> bytes:
        raise ValueError(number)

    with pytest.raises(ValueError, match=r"\d"):
        do_all(work, 50)

    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_no_fork_is_made_beside_other_threads() -> None:
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()

    try:
        assert not may_fork()
    finally:
        end.set()
        other.join()


def test_where_no_process_can_be_made_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "no more processes")

    monkeypatch.setattr(twofold, "may_fork", lambda: True)
    monkeypatch.setattr(os, "fork", refuse)

    assert do_all(lambda number: bytes([number]), 3) == [b"\0", b"\1", b"\2"]


@pytest.mark.usefixtures("forked")
def test_work_is_done_beside_other_work(tmp_path: Path) -> None:
    def work(_: int) -> bytes:
        (tmp_path / "work").touch()
        return b"%d" % os.getpid()

    def meanwhile() -> int:
        while not (tmp_path / "work").exists():
            signal.sigtimedwait([], 0.001)
        return os.getpid()

    here, (there,) = do_beside(work, 1, meanwhile)

    assert here == os.getpid()
    assert int(there) != os.getpid()


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("pieces", [0, 1, 30, 2001])
def test_each_piece_is_done_once_by_either(tmp_path: Path, pieces: int) -> None:
    def work(number: int) -> bytes:
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / str(os.getpid())).touch()
        if number < 30:
            signal.sigtimedwait([], 0.005)  # long enough for the other one to come along
        return b"%d" % number * 100  # all together more than a pipe holds

    result, told = do_beside(work, pieces, lambda: "meanwhile")

    assert result == "meanwhile"
    assert told == [b"%d" % number * 100 for number in range(pieces)]
    assert {int(path.name) for path in tmp_path.iterdir()} == set(range(pieces))
    workers = {path.name for path in tmp_path.glob("*/*")}
    assert len(workers) == 2 if pieces > 1 else len(workers) == pieces


def test_without_a_fork_one_is_done_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(twofold, "may_fork", lambda: False)

    def work(number: int) -> bytes:
        done.append(f"work {number}")
        return bytes([number])

    found = do_beside(work, 2, lambda: [*done, "meanwhile"])

    assert found == (["work 0", "work 1", "meanwhile"], [b"\0", b"\1"])


@pytest.mark.usefixtures("forked")
def test_what_the_file_system_said_to_the_fork_is_raised_here(tmp_path: Path) -> None:
    def work(_: int) -> bytes:
        (tmp_path / "begun").touch()
        (tmp_path / "absent").unlink()
        return b""

    def meanwhile() -> None:
        while not (tmp_path / "begun").exists():
            signal.sigtimedwait([], 0.001)

    with pytest.raises(FileNotFoundError) as caught:
        do_beside(work, 1, meanwhile)

    assert caught.value.filename == str(tmp_path / "absent")


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("end", ["bug", "killed"])
def test_a_fork_that_ends_otherwise_is_an_error(end: str) -> None:
    begun, begins = os.pipe()

    def work(_: int) -> bytes:
        os.write(begins, b"!")
        if end == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ZeroDivisionError

    with pytest.raises(ChildProcessError):
        do_beside(work, 1, lambda: os.read(begun, 1))

    os.close(begun)
    os.close(begins)


@pytest.mark.usefixtures("forked")
def test_pieces_of_a_piece_are_not_shared_again() -> None:
    def work(number: int) -> bytes:
        signal.sigtimedwait([], 0.005)  # long enough for the other one to come along
        inner = do_all(lambda _: b"%d" % os.getpid(), 10)
        result, (below,) = do_beside(lambda _: b"%d" % os.getpid(), 1, os.getpid)
        assert {*inner, below} == {b"%d" % os.getpid()} == {b"%d" % result}
        return below

    for _ in range(2):  # and afterwards they are
        assert len(set(do_all(work, 10))) == 2
    assert len(set(do_beside(work, 10, lambda: None)[1])) == 2


@pytest.mark.usefixtures("forked")
def test_what_goes_wrong_here_ends_the_fork(tmp_path: Path) -> None:
    def work(_: int) -> bytes:
        signal.sigtimedwait([], 60)
        (tmp_path / "late").touch()
        return b""

    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        do_beside(work, 1, fail)

    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert not (tmp_path / "late").exists()
