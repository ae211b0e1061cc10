"""Scripts run under the interpreter they name, however its path is written."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from envctl.errors import MachineError
from envctl.wheel.launcher import launcher_script
from envctl.wheel.scripts import console_script, format_shebang, rewrite_shebang


def run(path: Path, data: bytes, *, site: Path) -> str:
    path.write_bytes(data)
    path.chmod(0o755)
    environ = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run([str(path), "a b"], check=True, capture_output=True, text=True, env=environ).stdout


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "demo.py").write_text(
        "import sys\nclass App:\n    @staticmethod\n    def main():\n        print(sys.executable, sys.argv[1:])\n"
    )
    return folder


FOLDERS = {
    "plain": "plain",
    "a blank": "with a blank",
    "too long for a first line": "long/" * 30,
    "a quote and a blank": "o'brien's folder",
    "not ASCII": "日本 ü",
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_console_script_runs_under_an_interpreter_in_any_folder(
    tmp_path: Path, site: Path, folder: str
) -> None:
    python = tmp_path / FOLDERS[folder] / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)

    output = run(tmp_path / "tool", console_script("demo:App.main", python=str(python)), site=site)

    assert output == f"{python} ['a b']\n"


def test_a_plain_path_is_named_in_the_first_line() -> None:
    assert format_shebang("/venv/bin/python") == b"#!/venv/bin/python\n"


@pytest.mark.parametrize("length", [125, 126], ids=["fits", "does not fit"])
def test_a_first_line_has_at_most_127_bytes(length: int) -> None:
    line = format_shebang("/" + "x" * (length - 1)).partition(b"\n")[0]

    assert (line == b"#!/bin/sh") is (length == 126)


@pytest.mark.parametrize(
    "path", ["/a b/$HOME", "/a b/`id`", '/a b/"', "/a b/\\", "/a\nb", "/a b'''c"], ids=ascii
)
def test_a_path_that_would_be_a_command_is_refused(path: str) -> None:
    with pytest.raises(MachineError) as caught:
        format_shebang(path)

    assert caught.value.code == "path-not-usable"


@pytest.mark.parametrize("first", [b"#!python", b"#!pythonw", b"#!python -E", b"#!python\r"])
def test_the_first_line_of_a_script_is_rewritten_and_the_rest_kept(first: bytes) -> None:
    data = first + b"\nprint(1)\r\n\0\xff"

    assert rewrite_shebang(data, "/venv/bin/python") == b"#!/venv/bin/python\nprint(1)\r\n\0\xff"


@pytest.mark.parametrize("data", [b"#!/bin/sh\n", b"", b"\x7fELF", b"# python\n", b"#!/usr/bin/env python\n"])
def test_a_script_that_does_not_ask_for_it_is_kept(data: bytes) -> None:
    assert rewrite_shebang(data, "/venv/bin/python") == data


@pytest.mark.parametrize(
    ("kind", "machine"), [("console", "AMD64"), ("gui", "AMD64"), ("console", "ARM64"), ("gui", "x86")]
)
def test_a_launcher_of_windows_is_an_executable_with_the_script_behind_it(kind: str, machine: str) -> None:
    data = launcher_script("demo:App.main", python="C:\\a b\\python.exe", machine=machine, gui=kind == "gui")

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        body = archive.read("__main__.py").decode()
        first = min(info.header_offset for info in archive.infolist())
    assert data.startswith(b"MZ")
    assert data[:first].endswith(b'#!"C:\\a b\\python.exe"\r\n')
    assert "from demo import App" in body
    assert "App.main()" in body


def test_launchers_of_one_script_are_equal_bytes() -> None:
    both = [launcher_script("demo:main", python="C:\\python.exe", machine="AMD64") for _ in range(2)]

    assert both[0] == both[1]


def test_a_machine_without_a_launcher_is_told() -> None:
    with pytest.raises(MachineError) as caught:
        launcher_script("demo:main", python="C:\\python.exe", machine="alpha")

    assert caught.value.code == "no-launcher"
