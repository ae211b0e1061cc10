"""Which interpreter an environment gets."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from envctl.environment.interpreters import find, list_interpreters
from envctl.errors import MachineError
from envctl.manifest.manifest import PythonRequest
from envctl.model.settings import Settings


@dataclass
class Machine:
    """A machine with made-up Pythons on its PATH; each is a script that says what it is."""

    root: Path

    def install(
        self,
        version: str,
        *,
        name: str | None = None,
        folder: str = "bin",
        implementation: str = "cpython",
        free_threaded: bool = False,
        debug: bool = False,
    ) -> str:
        minor = ".".join(version.split(".")[:2])
        path = self.root / folder / (name or f"python{minor}")
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "version": version,
            "implementation": implementation,
            "platform": "linux-x86_64",
            "free_threaded": free_threaded,
            "debug": debug,
            "markers": {"python_version": minor},
            "tags": ["py3-none-any"],
            "cache_tag": "x",
            "magic": "00",
            "executable": str(path),
            "base_executable": str(path),
            "externally_managed": False,
        }
        text = shlex.quote(json.dumps(document))
        path.write_text(f"#!/bin/sh\necho {path.name} >> '{self.root}/asked'\nprintf '%s' {text}\n")
        path.chmod(0o755)
        return str(path)

    @property
    def settings(self) -> Settings:
        environ = {"PATH": f"{self.root}/bin", "HOME": str(self.root), "PYENV_ROOT": f"{self.root}/pyenv"}
        return Settings(cache_dir=f"{self.root}/cache", environ=environ)

    @property
    def asked(self) -> list[str]:
        try:
            return (self.root / "asked").read_text().split()
        except FileNotFoundError:
            return []

    def find(
        self, *requests: PythonRequest, present: str | None = None, covered: tuple[str, ...] = ()
    ) -> str:
        return find(requests, settings=self.settings, present=present, covered=covered).executable


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


# Versions that no real interpreter of the machine which runs the tests has.
def wants(text: str, **more: object) -> PythonRequest:
    free_threaded = bool(more.get("free_threaded"))
    implementation = str(more.get("implementation", "cpython"))
    return PythonRequest(
        text=text,
        specifier=SpecifierSet(text),
        free_threaded=free_threaded,
        implementation=implementation,
        where="env.toml:2",
    )


RANGE = wants(">=3.70,<3.90")


def test_the_newest_final_release_is_found(machine: Machine) -> None:
    machine.install("3.71.4")
    newest = machine.install("3.72.1")
    machine.install("3.73.0rc1")

    assert machine.find(RANGE) == newest


def test_of_one_minor_version_the_newest_patch_is_found(machine: Machine) -> None:
    machine.install("3.71.4")
    newest = machine.install("3.71.9", folder="pyenv/versions/3.71.9/bin")
    machine.install("3.71.6", folder="pyenv/versions/3.71.6/bin")

    assert machine.find(RANGE) == newest


def test_what_the_lock_covers_goes_before_what_is_newer(machine: Machine) -> None:
    covered = machine.install("3.71.4")
    machine.install("3.72.1")

    assert machine.find(RANGE, covered=("3.70", "3.71")) == covered


def test_when_the_lock_covers_none_that_is_here_the_newest_is_found(machine: Machine) -> None:
    newest = machine.install("3.72.1")

    assert machine.find(RANGE, covered=("3.70",)) == newest


def test_the_present_one_is_kept_while_it_fits_and_nothing_else_is_asked(machine: Machine) -> None:
    present = machine.install("3.71.4")
    machine.install("3.72.1")

    assert machine.find(RANGE, present=present, covered=("3.72",)) == present
    assert machine.asked == ["python3.71"]


def test_the_present_one_is_left_when_it_no_longer_fits(machine: Machine) -> None:
    present = machine.install("3.71.4")
    newest = machine.install("3.72.1")

    assert machine.find(RANGE, wants(">=3.72"), present=present) == newest


def test_the_present_one_is_left_when_it_is_gone(machine: Machine) -> None:
    newest = machine.install("3.72.1")

    assert machine.find(RANGE, present=str(machine.root / "gone/python")) == newest


def test_all_statements_must_hold(machine: Machine) -> None:
    older = machine.install("3.71.4")
    machine.install("3.72.1")

    assert machine.find(RANGE, wants("==3.71.*")) == older


@pytest.mark.parametrize(
    ("version", "kind", "request_"),
    [
        ("3.73.0rc1", {}, wants("==3.73.0rc1")),
        ("3.73.1", {"free_threaded": True, "name": "python3.73t"}, wants("==3.73.*", free_threaded=True)),
        ("3.73.1", {"implementation": "pypy", "name": "pypy3.73"}, wants("==3.73.*", implementation="pypy")),
    ],
    ids=["pre-release", "free-threaded", "pypy"],
)
def test_special_builds_are_for_those_who_ask(
    machine: Machine, version: str, kind: dict[str, object], request_: PythonRequest
) -> None:
    plain = machine.install("3.72.1")
    special = machine.install(version, **kind)  # type: ignore[arg-type]

    assert machine.find(RANGE) == plain
    assert machine.find(RANGE, request_) == special


def test_a_debug_build_is_only_for_its_path(machine: Machine) -> None:
    plain = machine.install("3.72.1")
    debug = machine.install("3.73.1", debug=True)

    assert machine.find(RANGE) == plain
    assert machine.find(RANGE, PythonRequest(text=debug, specifier=None, path=debug)) == debug


def test_a_path_is_that_interpreter_and_no_other(machine: Machine) -> None:
    meant = machine.install("3.71.4", folder="elsewhere")
    machine.install("3.72.1")

    assert machine.find(RANGE, PythonRequest(text=meant, specifier=None, path=meant)) == meant
    assert machine.asked == ["python3.71"]


def test_a_path_to_an_environment_of_an_interpreter_is_that_interpreter(machine: Machine) -> None:
    meant = machine.install("3.71.4")
    (machine.root / "venv/bin").mkdir(parents=True)
    (machine.root / "venv/bin/python").symlink_to(meant)

    path = str(machine.root / "venv/bin/python")
    assert machine.find(PythonRequest(text=path, specifier=None, path=path)) == meant


def test_only_as_many_are_asked_as_could_be_best(machine: Machine) -> None:
    for minor in range(71, 79):
        machine.install(f"3.{minor}.1")

    machine.find(RANGE)

    assert machine.asked == ["python3.78"]


def test_a_second_search_asks_nobody(machine: Machine) -> None:
    machine.install("3.72.1")
    machine.find(RANGE)

    machine.find(RANGE)

    assert len(machine.asked) == 1


def test_shims_are_not_started(machine: Machine) -> None:
    machine.install("3.72.1", folder="shims")
    found = machine.install("3.71.1")
    environ = {**machine.settings.environ, "PATH": f"{machine.root}/shims:{machine.root}/bin"}
    settings = Settings(cache_dir=machine.settings.cache_dir, environ=environ)

    assert find([RANGE], settings=settings, present=None, covered=()).executable == found


@pytest.mark.parametrize(
    "folder",
    ["pyenv/versions/3.72.1/bin", ".local/share/uv/python/cpython-3.72.1-linux-x86_64-gnu/bin"],
    ids=["pyenv", "uv"],
)
def test_interpreters_that_other_tools_installed_are_found(machine: Machine, folder: str) -> None:
    found = machine.install("3.72.1", folder=folder)

    assert machine.find(RANGE) == found


def test_when_none_fits_each_is_listed_with_its_reason(machine: Machine) -> None:
    old = machine.install("3.71.4")
    broken = machine.root / "bin/python3.72"
    broken.write_text("#!/bin/sh\necho lost my library >&2\nexit 1\n")
    broken.chmod(0o755)

    with pytest.raises(MachineError) as caught:
        machine.find(wants(">=3.72"))

    assert (caught.value.code, caught.value.where) == ("no-python", "env.toml:2")
    hints = "\n".join(caught.value.hints)
    assert f"`{old}` is cpython 3.71.4: `>=3.72` is asked for" in hints
    assert f"`{broken}` cannot be used as a Python interpreter: lost my library" in hints


def test_a_path_that_is_not_there_is_said_to_be_missing(machine: Machine) -> None:
    path = str(machine.root / "nowhere/python")

    with pytest.raises(MachineError) as caught:
        machine.find(PythonRequest(text=path, specifier=None, path=path))

    assert caught.value.code == "no-python"
    assert f"there is no interpreter at `{path}`" in caught.value.hints[0]


def test_all_are_listed_newest_first_and_final_releases_before_others(machine: Machine) -> None:
    machine.install("3.71.4")
    machine.install("3.72.1")
    machine.install("3.73.0rc1")

    listed = list_interpreters(settings=machine.settings)

    made_up = [each.version for each in listed if each.executable.startswith(str(machine.root))]
    assert made_up == ["3.72.1", "3.71.4", "3.73.0rc1"]
