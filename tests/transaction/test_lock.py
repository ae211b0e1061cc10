"""Of two runs one waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from envctl.errors import BusyError
from envctl.model.events import Event, Notice, ignore
from envctl.transaction.lock import find_holder, hold, lock_path_for
from envctl.transaction.recover import pending
from transaction.bench import Bench

HOLD = f"""
import sys, time
sys.path[:] = {sys.path!r}
from envctl.transaction.lock import hold
with hold(sys.argv[1], timeout=0, emit=print):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that holds ``tmp_path/lock`` until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate()


def test_the_holder_is_named_when_waiting_was_in_vain(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    with pytest.raises(BusyError) as caught, hold(str(tmp_path / "lock"), timeout=0.05, emit=ignore):
        pass

    assert caught.value.code == "locked"
    assert str(other.pid) in caught.value.message
    end(other)


def test_that_one_waits_is_told_once(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    events: list[Event] = []

    with pytest.raises(BusyError), hold(str(tmp_path / "lock"), timeout=0.3, emit=events.append):
        pass

    assert [event.code for event in events if isinstance(event, Notice)] == ["waiting"]
    end(other)


def test_a_lock_dies_with_its_holder(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    os.kill(other.pid, signal.SIGKILL)
    end(other)

    with hold(str(tmp_path / "lock"), timeout=0, emit=ignore):
        assert find_holder(str(tmp_path / "lock")) == os.getpid()


def test_a_lock_is_had_as_soon_as_the_holder_ends(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    assert other.stdin is not None
    other.stdin.close()

    with hold(str(tmp_path / "lock"), timeout=10, emit=ignore):
        pass

    assert other.stdout is not None
    other.stdout.close()
    other.wait()


def test_a_lock_whose_file_was_removed_by_its_holder_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    with hold(str(path), timeout=0, emit=ignore):
        path.unlink()
        path.parent.rmdir()

        with hold(str(path), timeout=0, emit=ignore):
            assert path.exists()


def test_nobody_holds_what_nobody_holds(tmp_path: Path) -> None:
    with hold(str(tmp_path / "lock"), timeout=0, emit=ignore):
        pass

    assert find_holder(str(tmp_path / "lock")) is None
    assert find_holder(str(tmp_path / "none")) is None


def test_links_to_a_manifest_share_its_lock(tmp_path: Path) -> None:
    (tmp_path / "env.toml").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)

    one = lock_path_for(str(tmp_path / "env.toml"), "/cache")
    assert one == lock_path_for(str(tmp_path / "link/env.toml"), "/cache")
    assert one != lock_path_for(str(tmp_path / "other.toml"), "/cache")


def test_a_run_at_work_is_reported_to_readers(bench: Bench) -> None:
    bench.apply()

    assert pending(bench.site) is None
    answer = bench.held(lambda held: pending(bench.site))
    assert str(os.getpid()) in answer


def test_many_processes_apply_at_once_and_each_makes_its_generation(bench: Bench) -> None:
    versions = ["1", "2", "3", "4"]
    placed = {version: bench.place("tool", version) for version in versions}
    bench.apply(placed["1"])
    children = []
    for version in versions:
        child = os.fork()
        if child == 0:
            try:
                bench.apply(placed[version], keep=10)
            except BaseException:  # noqa: BLE001 - a forked child must never return to pytest
                os._exit(1)
            os._exit(0)
        children.append(child)

    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]

    assert bench.number() == 5
    assert sorted(os.listdir(bench.site.generations)) == ["1", "2", "3", "4"]
    bench.check_complete()
