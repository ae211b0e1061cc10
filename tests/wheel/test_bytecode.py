"""Bytecode is made by the interpreter that will import it, and is used where the modules are linked to."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from envctl.wheel.bytecode import bytecode_key, compile_site

TAG = sys.implementation.cache_tag


def run(command: Sequence[str], data: bytes) -> bytes:
    return subprocess.run(list(command), input=data, capture_output=True, check=False).stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    (site / "demo" / "deep").mkdir(parents=True)
    (site / "demo" / "__init__.py").write_text("def fail():\n    raise ValueError\n")
    (site / "demo" / "deep" / "er.py").write_text("answer = 42\n")
    (site / "demo" / "old.py").write_text("print 'python 2'\n")
    (site / "demo" / "nul.py").write_bytes(b"a = '\0'\n")
    (site / "demo" / "warn.py").write_text("a = 1 is 1\n")
    (site / "top.py").write_text("top = 1\n")
    return site


FILES = (
    "demo/__init__.py",
    "demo/deep/er.py",
    "demo/old.py",
    "demo/nul.py",
    "demo/warn.py",
    "top.py",
    "demo/x.txt",
)


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_modules_are_compiled_and_what_is_no_source_is_left_out(
    tmp_path: Path, tree: Path, workers: int
) -> None:
    output = tmp_path / "output"

    compiled = compile_site(
        str(tree), FILES, str(output), executable=sys.executable, workers=workers, run=run
    )

    assert {str(path.relative_to(output)) for path in output.rglob("*.pyc")} == {
        f"demo/__pycache__/__init__.{TAG}.pyc",
        f"demo/__pycache__/warn.{TAG}.pyc",
        f"demo/deep/__pycache__/er.{TAG}.pyc",
        f"__pycache__/top.{TAG}.pyc",
    }
    assert compiled.count == 4
    assert compiled.skipped == ("demo/nul.py", "demo/old.py")


def test_an_environment_that_links_modules_and_bytecode_uses_it_and_names_its_own_paths(
    tmp_path: Path, tree: Path
) -> None:
    output, site = tmp_path / "output", tmp_path / "env" / "site-packages"
    compile_site(str(tree), FILES, str(output), executable=sys.executable, workers=1, run=run)
    for source in (tree, output):
        for path in source.rglob("*"):
            if path.is_file():
                target = site / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(path, target)

    done = subprocess.run(
        [sys.executable, "-v", "-c", "import demo; demo.fail()"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(site)},
    )  # fmt: skip

    assert f"code object from '{site}/demo/__pycache__/__init__.{TAG}.pyc'" in done.stderr.replace('"', "'")
    assert f'File "{site}/demo/__init__.py", line 2, in fail' in done.stderr
    assert "wrote" not in done.stderr


def test_bytecode_notices_an_edit_and_names_no_folder_of_the_store(tmp_path: Path, tree: Path) -> None:
    output = tmp_path / "output"
    compile_site(str(tree), FILES, str(output), executable=sys.executable, workers=1, run=run)

    data = (output / f"__pycache__/top.{TAG}.pyc").read_bytes()

    assert data[:4] == importlib.util.MAGIC_NUMBER
    assert data[4:8] == b"\0\0\0\0"
    assert data[8:12] == int((tree / "top.py").stat().st_mtime).to_bytes(4, "little")
    assert os.fsencode(tmp_path) not in data


def test_a_file_that_kills_the_interpreter_costs_no_other(tmp_path: Path, tree: Path) -> None:
    """The batch is taken up again behind it."""

    def die(command: Sequence[str], data: bytes) -> bytes:
        paths = data.split(b"\0")[:-1]
        fatal = paths.index(b"demo/deep/er.py") if b"demo/deep/er.py" in paths else len(paths)
        return run(command, b"".join(path + b"\0" for path in paths[:fatal]))

    output = tmp_path / "output"
    compiled = compile_site(str(tree), FILES, str(output), executable=sys.executable, workers=1, run=die)

    assert compiled.skipped == ("demo/deep/er.py", "demo/nul.py", "demo/old.py")
    assert (output / f"__pycache__/top.{TAG}.pyc").exists()


def test_an_interpreter_that_does_not_start_costs_the_bytecode_only(tmp_path: Path, tree: Path) -> None:
    compiled = compile_site(
        str(tree), FILES, str(tmp_path / "output"), executable="x", workers=1, run=lambda _, __: b""
    )

    assert compiled.count == 0


def test_bytecode_of_another_interpreter_or_another_unpacking_has_another_key() -> None:
    keys = {
        bytecode_key("ab", "1", cache_tag="cpython-311", magic="a70d0d0a"),
        bytecode_key("ab", "2", cache_tag="cpython-311", magic="a70d0d0a"),
        bytecode_key("ab", "1", cache_tag="cpython-312", magic="a70d0d0a"),
        bytecode_key("ab", "1", cache_tag="cpython-311", magic="cb0d0d0a"),
    }

    assert len(keys) == 4
