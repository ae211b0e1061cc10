"""Folders with names that shells take for something: scripts run, and every shell activates what is meant."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.project import PYTHON, find_command
from support.wheels import make_wheel

NAMES = {
    "blanks": "a folder  with blanks ",
    "quotes": 'it\'s"quoted"',
    "substitution": "$(id>pwned)`id>pwned`$HOME${HOME}",
    "a single quote and blanks": "it's mine",
    "history": "wow!! #1 & more; touch pwned | cat > pwned",
    "percent": "%PATH% 100%% ^caret",
    "brackets": "[x] {a,b} * ? ~ (y) <z>",
    "backslash": "back\\slash\\",
    "not ASCII": "Ümläut-日本語-🐍",
    "a dash": "-n --help",
    "long": "x" * 200,
}

#: For each shell: the script, and what is typed to activate what ``$1`` names and to ask where it is.
SHELLS = {
    "bash": ("activate", '. "$1"; printf "%s\\n" "$VIRTUAL_ENV"; tool; deactivate'),
    "sh": ("activate", '. "$1"; printf "%s\\n" "$VIRTUAL_ENV"; tool; deactivate'),
    "zsh": ("activate", '. "$1"; printf "%s\\n" "$VIRTUAL_ENV"; tool; deactivate'),
    "fish": ("activate.fish", 'source $argv[1]; printf "%s\\n" $VIRTUAL_ENV; tool; deactivate'),
    "csh": (
        "activate.csh",
        'set prompt="%"; source $argv[1]:q; printf "%s\\n" $VIRTUAL_ENV:q; tool; deactivate',
    ),
    "nu": ("activate.nu", None),
    "pwsh": ("activate.ps1", "param($script) . $script; Write-Output $env:VIRTUAL_ENV; tool; deactivate"),
}


def run(command: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": os.path.join(os.environ.get("TMPDIR", "/tmp"), "nobodys-home"),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "CI": "true",
        "TERM": "dumb",
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }
    return subprocess.run(
        command,
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module", params=list(NAMES))
def venv(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with a script, in a folder of that name."""
    place = tmp_path_factory.mktemp("strange")
    project = place / NAMES[request.param]
    project.mkdir()
    files = {"tool/__init__.py": "import sys\ndef main():\n    print(sys.prefix)\n"}
    make_wheel(project / "wheels", "tool", "1", files=files, scripts={"tool": "tool:main"})
    lines = [
        f'python = "{PYTHON}"',
        'dependencies = ["tool"]',
    ]
    lines += ["[[index]]", 'name = "here"', 'url = "wheels"', "flat = true"]
    (project / "env.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = run([*find_command(), "apply"], project, ENVCTL_CACHE_DIR=str(place / "cache"))
    assert done.returncode == 0, done.stderr
    return project / ".venv"


def test_a_console_script_runs(venv: Path) -> None:
    done = run([str(venv / "bin/tool")], venv.parent.parent)

    assert done.stdout == f"{venv}\n", done.stderr


def test_a_command_runs_in_it(venv: Path) -> None:
    cache = str(venv.parent.parent / "cache")
    done = run([*find_command(), "run", "tool"], venv.parent, ENVCTL_CACHE_DIR=cache)

    assert done.stdout == f"{venv}\n", done.stderr


@pytest.mark.parametrize("shell", list(SHELLS))
def test_a_shell_activates_it(venv: Path, shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    name, typed = SHELLS[shell]
    script = str(venv / "bin" / name)
    if typed is None:  # nushell reads what it includes before it runs anything
        quoted = "r##'" + script + "'##"
        program = f"overlay use {quoted}; print $env.VIRTUAL_ENV; ^tool\n"
    else:
        program = typed.replace("; ", "\n") + "\n"
    file = tmp_path / f"program.{'ps1' if shell == 'pwsh' else shell}"
    file.write_text(program)
    quiet = {"csh": ["-f"], "zsh": ["-f"], "fish": ["--no-config"], "pwsh": ["-NoProfile", "-File"]}.get(
        shell, []
    )
    work = tmp_path / "work"
    work.mkdir()

    done = run([shell, *quiet, str(file), script], work)

    assert done.stdout.splitlines()[:2] == [str(venv), str(venv)], done.stderr
    assert os.listdir(work) == []


@pytest.mark.parametrize("name", ["$(touch pwned) x", 'a "quoted" name', "back\\slash and blank", "`x` y"])
def test_what_no_shebang_could_express_is_refused_plainly_and_changes_nothing(
    tmp_path: Path, name: str
) -> None:
    """With a blank in it, a path goes through a shell, and these characters would mean something to it."""
    project = tmp_path / name
    project.mkdir()
    make_wheel(project / "wheels", "tool", "1", files={"tool/__init__.py": ""}, scripts={"tool": "tool:main"})
    lines = [f'python = "{PYTHON}"', 'dependencies = ["tool"]']
    lines += ["[[index]]", 'name = "here"', 'url = "wheels"', "flat = true"]
    (project / "env.toml").write_text("\n".join(lines) + "\n")

    done = run([*find_command(), "apply"], project, ENVCTL_CACHE_DIR=str(tmp_path / "cache"))

    assert done.returncode in {1, 6}
    assert "[path-not-usable]" in done.stderr
    assert sorted(os.listdir(project)) == ["env.toml", "wheels"]


@pytest.mark.parametrize("name", ["line\nfeed", "a:b", "carriage\rreturn"])
def test_what_no_script_could_express_is_refused(tmp_path: Path, name: str) -> None:
    project = tmp_path / name
    project.mkdir()
    (project / "env.toml").write_text(f'python = "{PYTHON}"\ndependencies = []\n')

    done = run([*find_command(), "apply"], project, ENVCTL_CACHE_DIR=str(tmp_path / "cache"))

    assert done.returncode in {1, 65}, done.stderr
    assert "[path-unusable]" in done.stderr
    assert not (project / ".venv").exists()
