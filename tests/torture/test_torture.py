"""Short forms of the long runs: the same programs, with a few trials."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_FORKS = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="kills and watches forks, as Linux can")


def _may_mount() -> bool:
    if not all(map(shutil.which, ("unshare", "mkfs.ext4", "setpriv"))):
        return False
    trial = "mount -t tmpfs tmpfs /mnt && losetup -f"
    return (
        subprocess.run(["unshare", "-m", "sh", "-c", trial], capture_output=True, check=False).returncode == 0
    )


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, os.path.join(_FOLDER, program), *arguments],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return done.stdout.splitlines()[-1]


@_FORKS
@pytest.mark.slow
def test_a_command_that_is_disturbed_anywhere_leaves_old_or_new() -> None:
    summary = run("faults.py", "--count", "40", "--seed", "4", "--jobs", "1")

    assert summary.startswith("trials 40 of ")
    assert ", failures 0, " in summary


@_FORKS
@pytest.mark.slow
def test_a_power_cut_leaves_old_or_new() -> None:
    summary = run("power.py", "--count", "40", "--seed", "4", "--jobs", "1")

    assert summary.startswith("trials 40, failures 0, ")


@pytest.mark.slow
def test_damage_of_the_cache_reaches_nobody() -> None:
    assert run("rot.py", "--count", "6", "--seed", "7") == "trials 6, failures 0, seed 7"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.slow
def test_a_bundle_that_was_damaged_installs_nothing_else() -> None:
    assert run("bundles.py", "--count", "10", "--seed", "7") == "trials 10, failures 0, seed 7"


@pytest.mark.slow
def test_commands_at_once_leave_one_of_their_results() -> None:
    assert run("together.py", "--count", "5", "--seed", "7") == "trials 5, failures 0, seed 7"


@_FORKS
@pytest.mark.skipif(
    not _may_mount(), reason="mounts file systems, as root on Linux with mkfs.ext4 and setpriv can"
)
@pytest.mark.slow
def test_a_disk_that_is_full_or_may_not_be_written_leaves_old_or_new() -> None:
    summary = run("disk.py", "--count", "2", "--seed", "2", "--jobs", "2")

    assert ", failures 0, " in summary
