"""What is loaded for what: start-up is paid by every run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_LIST = (
    "import sys; from envctl.cli.main import main; code = main({argv!r});"
    "print('\\n'.join(sorted(sys.modules)), file=sys.stderr); sys.exit(code)"
)

HEAVY = (
    "rich",
    "httpcore",
    "httpx",
    "packaging",
    "resolvelib",
    "tomlkit",
    "tomllib",
    "virtualenv",
    "yaml",
    "asyncio",
    "dataclasses",
)


def loaded(*argv: str) -> set[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    answer = subprocess.run(
        [sys.executable, "-c", _LIST.format(argv=list(argv))],
        capture_output=True,
        text=True,
        check=True,
        env=environ,
    )
    return set(answer.stderr.splitlines())


@pytest.mark.parametrize(
    "argv", [["--version"], ["--help"], ["plan", "--help"], ["apply", "--help"]], ids=" ".join
)
def test_help_and_version_load_nothing_heavy(argv: list[str]) -> None:
    assert not set(HEAVY) & loaded(*argv)


def test_only_the_module_of_the_named_command_is_loaded() -> None:
    commands = {name for name in loaded("plan", "--help") if name.startswith("envctl.cli.commands.")}

    assert commands == {"envctl.cli.commands.plan"}


def test_the_module_runs_as_the_command_does() -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

    answer = subprocess.run(
        [sys.executable, "-m", "envctl", "--version"], capture_output=True, text=True, check=True, env=environ
    )

    assert answer.stdout.startswith("envctl ")


@pytest.mark.skipif(os.name == "nt", reason="needs a shell with a pipe")
def test_a_closed_pipe_is_no_failure() -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    script = f"{sys.executable} -m envctl completion bash | true; exit ${{PIPESTATUS[0]}}"

    answer = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, env=environ)

    assert (answer.returncode, answer.stderr) == (0, "")
