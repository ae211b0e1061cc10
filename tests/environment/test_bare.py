"""Bare environments: real ones, for every interpreter that is found here."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envctl.environment.bare import bare, write_bare
from envctl.environment.discover import list_candidates
from envctl.environment.layout import choose_layout
from envctl.environment.probe import probe
from envctl.errors import InputError, MachineError
from envctl.model.interpreter import Interpreter

HOSTILE = {
    "spaces": "a b  c",
    "quotes": 'it\'s "quoted"',
    "substitution": "$(touch hacked)`touch hacked`${HOME}",
    "backslashes": "a\\b\\n",
    "non-ASCII": "mañana 日本 \U0001f40d",
    "operators": "a;b&c|d<e>f!g*h?[i]#j%k",
    "long": "l" * 200,
    "a leading dash": "-rf",
    "a template's placeholder": "__VIRTUAL_ENV__",
}


def found() -> list[str]:
    """List one interpreter for each minor version that lies here, that of this process first."""
    minors = {(sys.version_info[0], sys.version_info[1]): sys.executable}
    for candidate in list_candidates(os.environ):
        if candidate.minor is not None and candidate.minor >= (3, 8):
            minors.setdefault(candidate.minor, candidate.path)
    return list(minors.values())


def make(interpreter: Interpreter, path: Path, cache: str, *, prompt: str | None = None) -> Path:
    items = bare(interpreter, path=str(path), prompt=prompt, cache_dir=cache, environ=os.environ)
    write_bare(items, str(path))
    return path


def run(*command: str, **environ: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environ})
    return done.stdout


def test_python_runs_in_it(interpreter: Interpreter, tmp_path: Path, cache: str) -> None:
    root = make(interpreter, tmp_path / ".venv", cache)

    code = "import sys, site; print(sys.prefix, sys.base_prefix != sys.prefix, *site.getsitepackages())"
    site = root / choose_layout(interpreter).site_packages
    assert run(str(root / "bin/python"), "-c", code).split() == [str(root), "True", str(site)]


def test_the_links_are_those_of_venv(interpreter: Interpreter, tmp_path: Path, cache: str) -> None:
    root = make(interpreter, tmp_path / ".venv", cache)

    links = {str(path.relative_to(root)): os.readlink(path) for path in root.rglob("*") if path.is_symlink()}
    expected = {
        "bin/python": interpreter.executable,
        "bin/python3": "python",
        f"bin/python{interpreter.minor}": "python",
    }
    if sys.platform == "linux":
        expected["lib64"] = "lib"
    assert links == expected


def test_it_is_empty_and_has_no_hooks(interpreter: Interpreter, tmp_path: Path, cache: str) -> None:
    root = make(interpreter, tmp_path / ".venv", cache)

    assert list((root / choose_layout(interpreter).site_packages).iterdir()) == []
    assert (root / ".gitignore").read_text() == "*\n"
    assert not (root / "CACHEDIR.TAG").exists()


def test_its_configuration_names_no_command_and_no_time(
    interpreter: Interpreter, tmp_path: Path, cache: str
) -> None:
    root = make(interpreter, tmp_path / ".venv", cache, prompt="shop")

    lines = dict(line.split(" = ", 1) for line in (root / "pyvenv.cfg").read_text().splitlines())
    assert lines["home"] == os.path.dirname(interpreter.executable)
    assert lines["version"] == interpreter.version
    assert lines["include-system-site-packages"] == "false"
    assert lines["prompt"] == "'shop'"
    assert set(lines) <= {
        "home",
        "implementation",
        "version",
        "version_info",
        "include-system-site-packages",
        "base-prefix",
        "base-exec-prefix",
        "base-executable",
        "executable",
        "prompt",
    }


def test_two_makings_are_equal_and_name_no_place_they_were_made_in(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    made = [
        bare(
            interpreter,
            path="/somewhere/.venv",
            prompt="x",
            cache_dir=str(tmp_path / name),
            environ=os.environ,
        )
        for name in ("one", "two")
    ]

    assert made[0] == made[1]
    assert not [item for item in made[0] if str(tmp_path).encode() in item.content + item.link.encode()]


def test_only_activation_scripts_name_the_place_it_lives_at(interpreter: Interpreter, cache: str) -> None:
    items = bare(interpreter, path="/somewhere/.venv", prompt=None, cache_dir=cache, environ=os.environ)

    naming = [item.path for item in items if b"/somewhere/.venv" in item.content + item.link.encode()]
    assert naming
    assert all(path.startswith("bin/") and "activate" in path for path in naming)


def test_the_second_time_virtualenv_is_not_asked(interpreter: Interpreter, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    first = bare(interpreter, path="/x/.venv", prompt=None, cache_dir=cache, environ=os.environ)
    shutil.rmtree(tmp_path / "cache/virtualenv-v1", ignore_errors=True)

    second = bare(interpreter, path="/x/.venv", prompt=None, cache_dir=cache, environ=os.environ)

    assert second == first
    assert not (tmp_path / "cache/virtualenv-v1").exists()


def test_a_damaged_cache_is_noticed(interpreter: Interpreter, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    first = bare(interpreter, path="/x/.venv", prompt=None, cache_dir=cache, environ=os.environ)
    for path in (tmp_path / "cache/bare-v2").glob("??/*"):
        path.write_bytes(path.read_bytes().replace(b"python", b"pyth0n"))

    assert bare(interpreter, path="/x/.venv", prompt=None, cache_dir=cache, environ=os.environ) == first


def test_a_cache_that_cannot_be_written_costs_only_time(
    interpreter: Interpreter, tmp_path: Path, cache: str
) -> None:
    expected = bare(interpreter, path="/x/.venv", prompt=None, cache_dir=cache, environ=os.environ)
    file = tmp_path / "file"
    file.write_text("a file")

    made = bare(interpreter, path="/x/.venv", prompt=None, cache_dir=str(file), environ=os.environ)

    assert made == expected


def test_a_folder_for_temporary_files_that_is_full_is_an_error_with_its_place(
    interpreter: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))

    with pytest.raises(Exception, match="cannot be made") as caught:
        bare(interpreter, path="/x/.venv", prompt=None, cache_dir=str(tmp_path), environ=os.environ)

    assert getattr(caught.value, "code", "") == "bare-environment-failed"


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_activation_keeps_a_strange_path_whole(
    interpreter: Interpreter, tmp_path: Path, cache: str, name: str
) -> None:
    root = make(interpreter, tmp_path / name / ".venv", cache, prompt=name)
    work = tmp_path / "work"
    work.mkdir()

    shown = run(
        "bash",
        "-c",
        'cd "$1" && . "$2/bin/activate" && printf "%s\\n" "$VIRTUAL_ENV" "$VIRTUAL_ENV_PROMPT" "$(command -v python)"',
        "bash",
        str(work),
        str(root),
    )

    assert shown == f"{root}\n{name}\n{root}/bin/python\n"
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "prompt", "code"),
    [
        ("/a\nb/.venv", None, "path-unusable"),
        ("/a\rb/.venv", None, "path-unusable"),
        (f"/a{os.pathsep}b/.venv", None, "path-unusable"),
        ("/a\udcff/.venv", None, "path-unusable"),
        ("/a/.venv", "x\ny", "prompt-unusable"),
    ],
    ids=["line feed", "carriage return", "separator of PATH", "no UTF-8", "prompt"],
)
def test_what_no_script_can_express_is_refused(
    interpreter: Interpreter, cache: str, path: str, prompt: str | None, code: str
) -> None:
    with pytest.raises(InputError) as caught:
        bare(interpreter, path=path, prompt=prompt, cache_dir=cache, environ=os.environ)

    assert caught.value.code == code


def test_the_users_settings_of_virtualenv_do_not_count(interpreter: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "virtualenv.ini").write_text("[virtualenv]\nsystem-site-packages = true\ncopies = true\n")
    environ = {
        **os.environ,
        "VIRTUALENV_CONFIG_FILE": str(tmp_path / "virtualenv.ini"),
        "VIRTUALENV_PROMPT": "evil",
    }

    items = bare(interpreter, path="/x/.venv", prompt=None, cache_dir=str(tmp_path / "c"), environ=environ)

    plain = bare(interpreter, path="/x/.venv", prompt=None, cache_dir=str(tmp_path / "d"), environ=os.environ)
    assert items == plain


def test_a_prompt_of_one_dot_is_that_and_no_folders_name(
    interpreter: Interpreter, tmp_path: Path, cache: str
) -> None:
    root = make(interpreter, tmp_path / ".venv", cache, prompt=".")

    shown = run("bash", "-c", '. "$1/bin/activate" && echo "$VIRTUAL_ENV_PROMPT"', "bash", str(root))

    assert shown == ".\n"


@pytest.mark.parametrize("executable", found())
def test_every_interpreter_found_here_gets_a_working_environment(
    executable: str, tmp_path: Path, cache: str
) -> None:
    interpreter = probe(executable, cache_dir=cache, environ=os.environ)
    root = make(interpreter, tmp_path / ".venv", cache)

    shown = run(
        str(root / "bin/python"), "-c", "import sys, platform; print(sys.prefix, platform.python_version())"
    )

    assert shown.split() == [str(root), interpreter.version]


def test_modes_are_the_same_whatever_the_umask(interpreter: Interpreter, tmp_path: Path, cache: str) -> None:
    before = os.umask(0o077)
    try:
        root = make(interpreter, tmp_path / ".venv", cache)
    finally:
        os.umask(before)

    modes = {path.lstat().st_mode & 0o777 for path in root.rglob("*") if not path.is_symlink()}
    assert modes <= {0o644, 0o755}


def test_what_cannot_be_read_back_is_no_environment(
    interpreter: Interpreter, tmp_path: Path, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(path: str | int = ".") -> object:
        if isinstance(path, str) and path.endswith("/environment/lib"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(MachineError, match="Too many open files"):
        bare(interpreter, path=str(tmp_path / ".venv"), prompt=None, cache_dir=cache, environ=os.environ)
    monkeypatch.undo()

    # Nor was half of one remembered.
    assert (make(interpreter, tmp_path / ".venv", cache) / choose_layout(interpreter).site_packages).is_dir()
