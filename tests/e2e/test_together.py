"""Runs at the same time, and runs that were killed."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

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
