"""Runs at the same time, and runs that were killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.project import TIMEOUT, Project, find_command


def _start(project: Project, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*find_command(), *arguments],
        cwd=project.folder,
        env=project.variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_applies_at_once_both_succeed(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta")
    processes = [_start(project, "apply") for _ in range(2)]

    outputs = [process.communicate(timeout=TIMEOUT) for process in processes]

    assert [process.returncode for process in processes] == [0, 0], outputs
    assert project.installed() == {"beta": "1.0"}
    generations = project.succeed("history", "--json").json["generations"]
    assert [each["number"] for each in generations] == [1]


def test_two_environments_of_one_cache_are_made_at_once(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta", rest="[env.ci]\n")
    processes = [_start(project, "apply", "-e", name) for name in ("default", "ci")]

    outputs = [process.communicate(timeout=TIMEOUT) for process in processes]

    assert [process.returncode for process in processes] == [0, 0], outputs
    assert project.installed() == project.installed(".venv-ci") == {"beta": "1.0"}


def test_a_run_that_was_killed_is_no_obstacle(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta")
    project.succeed("lock")
    project.index.requests.clear()
    project.index.delay = 20
    killed = project.interrupt("apply", number=signal.SIGKILL, when=lambda: bool(project.index.requests))
    project.index.delay = 0

    assert killed.code == -signal.SIGKILL
    assert project.run("status", "--json").json["environment"] == "missing"
    project.apply()
    assert project.installed() == {"beta": "1.0"}
    assert project.is_settled()


# --- waiting ---


@pytest.fixture
def held(make_project: Callable[..., Project]) -> Iterator[tuple[Project, subprocess.Popen[str]]]:
    """A project with an environment, and a run that holds it because its wheel does not arrive."""
    project = make_project(fresh_cache=True)
    for version in ("1.0", "2.0"):
        project.publish("beta", version)
    project.write_manifest("beta==1.0")
    project.apply()
    project.write_manifest("beta==2.0")
    project.succeed("lock")
    project.index.requests.clear()
    project.index.delay = TIMEOUT
    holder = _start(project, "apply")
    while not project.index.requests:
        assert holder.poll() is None
        time.sleep(0.01)
    try:
        yield project, holder
    finally:
        project.index.delay = 0
        holder.kill()
        holder.communicate()


WRITERS = [("apply",), ("rollback",), ("destroy", "--yes"), ("upgrade",)]


@pytest.mark.parametrize("command", WRITERS, ids=" ".join)
def test_who_waits_in_vain_says_for_whom_and_touches_nothing(
    held: tuple[Project, subprocess.Popen[str]], command: tuple[str, ...]
) -> None:
    project, holder = held
    before = project.snapshot()

    result = project.run(*command, "--lock-timeout", "0.2")

    assert (result.code, result.codes) == (5, ["locked"])
    assert f"waiting for another run (process {holder.pid})" in result.err
    assert f"(process {holder.pid}) holds" in result.err
    assert project.snapshot() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
def test_waiting_can_be_ended(held: tuple[Project, subprocess.Popen[str]], number: int) -> None:
    project, _ = held
    waiting = _start(project, "apply")
    assert waiting.stderr is not None
    assert "waiting for another run" in waiting.stderr.readline()

    waiting.send_signal(number)

    _, err = waiting.communicate(timeout=TIMEOUT)
    assert waiting.returncode == 128 + number
    assert "Traceback" not in err
    assert project.installed() == {"beta": "1.0"}


def test_readers_do_not_wait(held: tuple[Project, subprocess.Popen[str]]) -> None:
    project, holder = held

    assert project.plan()["summary"]["update"] == 1
    status = project.run("status", "--json").json
    assert f"process {holder.pid}" in status["pending"]
    assert project.succeed("list").out.startswith("beta  1.0")


def test_a_lock_that_another_run_writes_meanwhile_is_looked_at_again(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta")
    project.index.delay = 1
    slow = _start(project, "lock")
    while not project.index.requests:
        time.sleep(0.01)
    project.index.delay = 0
    project.succeed("lock", environ={"ENVCTL_CACHE_DIR": project.path("another-cache")})
    written = project.read("pylock.toml")

    _, err = slow.communicate(timeout=TIMEOUT)

    assert slow.returncode == 0, err
    assert project.read("pylock.toml") == written


# --- a cache that is emptied ---


@pytest.mark.parametrize("how", ["purge", "by hand"])
def test_a_cache_that_is_emptied_while_wheels_arrive_is_filled_again(
    make_project: Callable[..., Project], how: str
) -> None:
    project = make_project(fresh_cache=True)
    for name in ("alpha", "beta"):
        project.publish(name, "1.0")
    project.write_manifest("alpha")
    project.apply()
    project.write_manifest("alpha", "beta")
    project.succeed("lock")
    project.index.requests.clear()
    project.index.delay = 1
    # `alpha` is in the cache and has been looked at; `beta` is on its way.
    applying = _start(project, "apply")
    while not project.index.requests:
        time.sleep(0.01)
    if how == "purge":
        project.succeed("cache", "purge")
    else:
        shutil.rmtree(os.path.join(project.cache, "envctl"))
    project.index.delay = 0

    _, err = applying.communicate(timeout=TIMEOUT)

    assert applying.returncode == 0, err
    assert project.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert project.succeed("plan", "--verify", "hash").out == "No changes.\n"


def test_deleting_an_environment_makes_no_suspects(make_project: Callable[..., Project]) -> None:
    """What `destroy` unlinks is claimed: every file of the cache stays below its mark."""
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta", rest="[install]\ncompile = true\n")
    project.apply()
    time.sleep(0.02)

    project.succeed("destroy", "--yes")

    entries = list(Path(project.cache, "envctl").glob("*-v*/??/*/manifest"))
    assert len(entries) == 2
    for entry in entries:
        (mark,) = entry.parent.glob("mark-*")
        files = [path for path in (entry.parent / "tree").rglob("*") if path.is_file()]
        assert max(path.stat().st_ctime_ns for path in files) <= mark.stat().st_mtime_ns


EMPTYING = """
import os, shutil, sys
from envctl import atomic
from envctl.cli.main import main
left = int(sys.argv[2])
def empty(operation, path):
    global left
    if operation == "link" and "/staging/" in path and "probe" not in path and left:
        left -= 1
        shutil.rmtree(os.path.join(sys.argv[1], "wheels-v1"))
atomic.hook = empty
sys.exit(main(sys.argv[3:]))
"""


def run_emptying(project: Project, times: int) -> subprocess.CompletedProcess[str]:
    """Apply in a process that deletes the wheels of the cache when the first of them is laid."""
    return subprocess.run(
        [sys.executable, "-c", EMPTYING, os.path.join(project.cache, "envctl"), str(times), "apply"],
        cwd=project.folder,
        env=project.variables(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_a_cache_that_is_emptied_while_it_is_laid_is_filled_again(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta")

    done = run_emptying(project, 2)

    assert done.returncode == 0, done.stderr
    assert "files in the cache were deleted or changed" in done.stderr
    assert project.installed() == {"beta": "1.0"}
    assert project.succeed("plan", "--verify", "hash").out == "No changes.\n"
    assert [each["number"] for each in project.succeed("history", "--json").json["generations"]] == [1]


def test_a_cache_that_is_emptied_all_the_while_is_given_up_and_changes_nothing(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta")

    done = run_emptying(project, 99)

    assert done.returncode == 6, done.stderr
    assert "Traceback" not in done.stderr
    assert not os.path.exists(project.path(".venv"))
    assert not os.path.exists(project.path("pylock.toml"))
    project.apply()


# --- readers see one moment ---

SWITCHING = """
import subprocess, sys
import envctl.workflow.{module} as module
from envctl.cli.main import main
real, calls = module.{look}, []
def look(*arguments):
    seen = real(*arguments)
    calls.append(seen)
    if len(calls) == 1:
        subprocess.run([*{command!r}, "apply"], check=True, stdout=subprocess.DEVNULL)
    return seen
module.{look} = look
code = main(sys.argv[1:])
assert len(calls) == 2, calls
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("command", "module", "look"),
    [("plan", "plan", "prepare"), ("status", "status", "_look")],
    ids=["plan", "status"],
)
def test_a_look_that_a_switch_falls_into_is_taken_again(
    make_project: Callable[..., Project], command: str, module: str, look: str
) -> None:
    """Lock and environment are read one after the other: what was read first is of before the switch."""
    project = make_project(fresh_cache=True)
    for version in ("1.0", "2.0"):
        project.publish("beta", version)
    project.write_manifest("beta==1.0")
    project.apply()
    project.write_manifest("beta==2.0")
    program = SWITCHING.format(module=module, look=look, command=find_command())

    done = subprocess.run(
        [sys.executable, "-c", program, command, "--json"],
        cwd=project.folder,
        env=project.variables(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    if command == "plan":
        assert document["observed"]["generation"] == 2
        assert {change["action"] for change in document["changes"]} == {"no-op"}
    else:
        assert (document["generation"], document["lock"], document["environment"]) == (2, "fits", "fits")
