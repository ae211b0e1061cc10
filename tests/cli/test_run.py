"""``envctl run`` becomes its command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_RUN = """
import sys
import envctl.workflow.run as workflow
from envctl.cli.main import main
from envctl.workflow.results import Launch
workflow.prepare_run = lambda context, command: Launch(
    argv=command, environ={"PATH": "/usr/bin:/bin", "MARK": "here"}, remark="the environment differs"
)
sys.exit(main(sys.argv[1:]))
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a process cannot become another there")


def run(*argv: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run(
        [sys.executable, "-c", _RUN, *argv],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
        cwd=folder,
    )


def test_the_command_gets_its_environment_and_its_exit_code(tmp_path: Path) -> None:
    answer = run("run", "sh", "-c", "echo $MARK; exit 9", folder=tmp_path)

    assert (answer.returncode, answer.stdout) == (9, "here\n")


def test_an_environment_that_differs_is_one_line_on_stderr(tmp_path: Path) -> None:
    assert run("run", "true", folder=tmp_path).stderr == "note: the environment differs\n"
    assert run("run", "-q", "true", folder=tmp_path).stderr == ""


def test_two_dashes_end_the_options_of_run(tmp_path: Path) -> None:
    assert run("run", "--", "sh", "-c", "echo x", folder=tmp_path).stdout == "x\n"


def test_the_command_runs_in_the_folder_of_C(tmp_path: Path) -> None:  # noqa: N802 - the option's name
    (tmp_path / "sub").mkdir()

    assert run("-C", "sub", "run", "pwd", folder=tmp_path).stdout == f"{tmp_path.resolve()}/sub\n"


def test_a_command_that_is_not_there_is_127(tmp_path: Path) -> None:
    answer = run("run", "no-such-command", folder=tmp_path)

    assert answer.returncode == 127
    assert "`no-such-command` [command-not-found]" in answer.stderr


def test_a_command_that_is_not_executable_is_126(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")

    answer = run("run", "./data", folder=tmp_path)

    assert answer.returncode == 126
    assert "[command-not-executable]" in answer.stderr
