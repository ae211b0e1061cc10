"""Interpreters are asked once, and believed until their file changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.tags import sys_tags

from envctl.environment.layout import choose_layout
from envctl.environment.probe import probe
from envctl.errors import MachineError
from envctl.model.interpreter import Interpreter

BASE = os.path.realpath(sys.executable)


def write_fake(path: Path, answer: str) -> Path:
    """Write an interpreter that counts how often it is asked, and answers with shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho asked >> '{path}.count'\n{answer}\n")
    path.chmod(0o755)
    return path


def ask(path: Path | str, cache: Path) -> Interpreter:
    return probe(str(path), cache_dir=str(cache), environ=os.environ)


def write_wrapper(path: Path) -> Path:
    """Write a shim: a script that starts an interpreter that lies elsewhere."""
    return write_fake(path, f'exec "{BASE}" "$@"')


def write_impostor(path: Path) -> Path:
    """Write an interpreter that says it lies where it does, and counts how often it is asked."""
    return write_fake(
        path,
        f'''"{BASE}" "$@" | "{BASE}" -c '
import json, sys
document = json.load(sys.stdin)
document["executable"] = document["base_executable"] = sys.argv[1]
print(json.dumps(document))' "$0"''',
    )


def count(path: Path) -> int:
    return len(Path(f"{path}.count").read_text().splitlines())


def test_the_running_interpreter_is_described_as_it_describes_itself(tmp_path: Path) -> None:
    interpreter = ask(sys.executable, tmp_path)

    assert interpreter.version == ".".join(map(str, sys.version_info[:3]))
    assert dict(interpreter.markers) == dict(default_environment())
    assert interpreter.tags == tuple(str(tag) for tag in sys_tags())
    assert interpreter.cache_tag == sys.implementation.cache_tag
    assert os.path.realpath(interpreter.executable) == BASE


def test_the_answer_is_the_same_from_the_cache(tmp_path: Path) -> None:
    first = ask(sys.executable, tmp_path)

    assert ask(sys.executable, tmp_path) == first


def test_an_interpreter_is_asked_once(tmp_path: Path) -> None:
    fake = write_impostor(tmp_path / "bin/python3")

    ask(fake, tmp_path / "cache")
    ask(fake, tmp_path / "cache")

    assert count(fake) == 1


def test_an_interpreter_whose_file_changed_is_asked_again_and_has_another_identity(tmp_path: Path) -> None:
    fake = write_impostor(tmp_path / "bin/python3")
    first = ask(fake, tmp_path / "cache")

    os.utime(fake, ns=(1, 1))
    second = ask(fake, tmp_path / "cache")

    assert count(fake) == 2
    assert second.identity != first.identity


def test_a_shim_is_asked_each_time_and_stands_for_what_it_starts(tmp_path: Path) -> None:
    shim = write_wrapper(tmp_path / "shims/python3")

    first, second = ask(shim, tmp_path / "cache"), ask(shim, tmp_path / "cache")

    assert count(shim) == 2
    assert os.path.realpath(first.executable) == os.path.realpath(second.executable) == BASE


@pytest.mark.parametrize("options", [[], ["--copies"]], ids=["links", "copies"])
def test_a_virtual_environment_stands_for_its_base(tmp_path: Path, options: list[str]) -> None:
    root = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", *options, str(root)], check=True)

    interpreter = ask(root / "bin/python", tmp_path / "cache")

    assert os.path.realpath(interpreter.executable) == BASE
    assert not interpreter.executable.startswith(str(tmp_path))


def test_a_damaged_cache_is_asked_around(tmp_path: Path) -> None:
    first = ask(sys.executable, tmp_path)
    for path in (tmp_path / "interpreters-v2").glob("??/*"):
        path.write_text("{}")

    assert ask(sys.executable, tmp_path) == first


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")

    assert ask(sys.executable, tmp_path / "cache").minor == f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_variables_of_the_user_do_not_change_the_answer(tmp_path: Path) -> None:
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil/json.py").write_text("raise SystemExit('evil')\n")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "evil"), "PYTHONHOME": str(tmp_path)}

    interpreter = probe(sys.executable, cache_dir=str(tmp_path / "cache"), environ=environ)

    assert interpreter == ask(sys.executable, tmp_path / "other")


@pytest.mark.parametrize(
    ("answer", "code", "word"),
    [
        ("echo no library >&2; exit 127", "interpreter-broken", "no library"),
        ("exit 3", "interpreter-broken", "exited with 3"),
        ("echo hello", "interpreter-broken", "something else"),
        ("echo '[]'", "interpreter-broken", "something else"),
        ("echo '{\"tags\": null}'", "interpreter-broken", "lacks"),
        ('echo \'{"unsupported": "3.6.15"}\'', "interpreter-unsupported", "3.6.15"),
    ],
    ids=["a library missing", "silent", "text", "a list", "fields missing", "too old"],
)
def test_what_cannot_be_used_is_refused_with_its_reason(
    tmp_path: Path, answer: str, code: str, word: str
) -> None:
    fake = write_fake(tmp_path / "python3", answer)

    with pytest.raises(MachineError) as caught:
        ask(fake, tmp_path / "cache")

    assert caught.value.code == code
    assert word in caught.value.message


def test_an_interpreter_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MachineError) as caught:
        ask(tmp_path / "python3", tmp_path / "cache")

    assert caught.value.code == "interpreter-missing"


def test_the_layout_is_where_that_interpreter_looks(interpreter: Interpreter, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    code = "import sysconfig as s; print(s.get_path('purelib'), s.get_path('platlib'), s.get_path('scripts'))"
    told = subprocess.run(
        [str(tmp_path / "venv/bin/python"), "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    layout = choose_layout(interpreter)

    root = tmp_path / "venv"
    assert told == [
        f"{root}/{layout.site_packages}",
        f"{root}/{layout.site_packages}",
        f"{root}/{layout.scripts}",
    ]
