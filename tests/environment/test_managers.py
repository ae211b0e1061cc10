"""Whose a Python is, and where managers keep theirs: told by where they lie, nothing is run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from envctl.environment.discover import list_candidates
from envctl.environment.interpreters import find
from envctl.environment.managers import name_manager, pythons_folder
from envctl.environment.registry import list_registered
from envctl.model.settings import Settings
from environment.test_interpreters import RANGE, Machine

#: Where each manager puts the interpreter of a Python 3.71.4, below a home folder.
PLACES = {
    "envctl": ".local/share/envctl/pythons/cpython-3.71.4/bin/python3.71",
    "pyenv": ".pyenv/versions/3.71.4/bin/python3.71",
    "uv": ".local/share/uv/python/cpython-3.71.4-linux-x86_64-gnu/bin/python3.71",
    "mise": ".local/share/mise/installs/python/3.71.4/bin/python3.71",
    "asdf": ".asdf/installs/python/3.71.4/bin/python3.71",
    "conda": "miniforge3/envs/work/bin/python3.71",
    "homebrew": "brew/Cellar/python@3.71/3.71.4/bin/python3.71",
}


def place(home: Path, path: str) -> str:
    target = home / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("#!/bin/sh\n")
    target.chmod(0o755)
    if "miniforge3" in path:
        (target.parents[1] / "conda-meta").mkdir(exist_ok=True)
    if "Cellar" in path:
        link = home / "brew" / "opt" / "python@3.71"
        link.parent.mkdir(parents=True)
        link.symlink_to(target.parents[1])
    return os.fspath(target)


def environ_of(home: Path) -> Mapping[str, str]:
    return {"HOME": os.fspath(home), "PATH": "", "HOMEBREW_PREFIX": os.fspath(home / "brew")}


@pytest.mark.parametrize("manager", PLACES)
def test_a_python_of_a_manager_is_found_and_named(tmp_path: Path, manager: str) -> None:
    path = place(tmp_path, PLACES[manager])

    found = [os.path.realpath(each.path) for each in list_candidates(environ_of(tmp_path))]

    assert path in found
    assert name_manager(path, environ_of(tmp_path)) == manager


def test_the_variables_of_managers_say_where_theirs_are(tmp_path: Path) -> None:
    environ = {
        "HOME": os.fspath(tmp_path / "home"),
        "PYENV_ROOT": os.fspath(tmp_path / "a"),
        "UV_PYTHON_INSTALL_DIR": os.fspath(tmp_path / "b"),
        "ASDF_DATA_DIR": os.fspath(tmp_path / "c"),
        "ENVCTL_PYTHONS_DIR": os.fspath(tmp_path / "d"),
        "XDG_DATA_HOME": os.fspath(tmp_path / "e"),
    }

    assert name_manager(place(tmp_path, "a/versions/3.71.4/bin/python3.71"), environ) == "pyenv"
    assert name_manager(place(tmp_path, "b/cpython-3.71.4/bin/python3.71"), environ) == "uv"
    assert name_manager(place(tmp_path, "c/installs/python/3.71.4/bin/python3.71"), environ) == "asdf"
    assert name_manager(place(tmp_path, "d/cpython-3.71.4/bin/python3.71"), environ) == "envctl"
    assert name_manager(place(tmp_path, "e/mise/installs/python/3/bin/python3.71"), environ) == "mise"
    assert pythons_folder({**environ, "ENVCTL_PYTHONS_DIR": ""}) == os.fspath(tmp_path / "e/envctl/pythons")


def test_what_lies_anywhere_else_is_nobodys(tmp_path: Path) -> None:
    path = place(tmp_path, "somewhere/bin/python3.71")

    assert name_manager(path, environ_of(tmp_path)) is None


def test_a_link_is_whose_it_leads_to(tmp_path: Path) -> None:
    path = place(tmp_path, PLACES["pyenv"])
    link = tmp_path / "bin" / "python3"
    link.parent.mkdir()
    link.symlink_to(path)

    assert name_manager(os.fspath(link), environ_of(tmp_path)) == "pyenv"


def test_what_an_installation_left_half_made_is_no_candidate(tmp_path: Path) -> None:
    path = place(tmp_path, ".local/share/envctl/pythons/.new-0123/bin/python3.71")

    assert path not in [each.path for each in list_candidates(environ_of(tmp_path))]


def test_condas_are_taken_where_nothing_else_fits(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    newer = machine.install("3.72.1", folder="miniforge3/bin")
    (tmp_path / "miniforge3" / "conda-meta").mkdir()
    settings: Settings = machine.settings

    alone = find([RANGE], settings=settings, present=None, covered=()).executable
    other = machine.install("3.71.4")
    beside = find([RANGE], settings=settings, present=None, covered=()).executable

    assert (alone, beside) == (newer, other)


class Key(dict[str, Any]):
    """A key of a registry: keys below it, and under `values` its values."""

    def Close(self) -> None:  # noqa: N802 - the name is that of `winreg`
        pass


class Registry:
    """Stands in for `winreg`, which only Windows has."""

    HKEY_CURRENT_USER, HKEY_LOCAL_MACHINE = "user", "machine"
    KEY_READ, KEY_WOW64_64KEY, KEY_WOW64_32KEY = 1, 2, 4

    def __init__(self, **hives: Key) -> None:
        self.hives = hives

    def OpenKeyEx(self, key: Any, name: str, reserved: int, access: int) -> Key:  # noqa: N802
        found = self.hives.get(f"{key}{access}") if isinstance(key, str) else key
        for part in name.split("\\"):
            if found is None or part not in found:
                raise FileNotFoundError(name)
            found = found[part]
        assert isinstance(found, Key)
        return found

    def EnumKey(self, key: Key, index: int) -> str:  # noqa: N802
        names = [name for name in key if name != "values"]
        if index >= len(names):
            raise OSError(259, "no more data")
        return names[index]

    def QueryValueEx(self, key: Key, name: str | None) -> tuple[Any, int]:  # noqa: N802
        values = key.get("values", {})
        if name not in values:
            raise FileNotFoundError(name)
        return values[name], 1


def _hive(**companies: Key) -> Key:
    return Key(Software=Key(Python=Key(companies)))


def _installed(**values: str) -> Key:
    return Key(InstallPath=Key(values={name or None: value for name, value in values.items()}))


def test_pythons_in_the_registry_are_listed_the_users_own_first() -> None:
    registry = Registry(
        user1=_hive(
            PythonCore=Key({"3.12": _installed(ExecutablePath=r"C:\me\python.exe"), "3.9": Key()}),
            PyLauncher=Key({"3.13": _installed(ExecutablePath=r"C:\launcher\python.exe")}),
        ),
        machine3=_hive(
            PythonCore=Key({"3.12": _installed(ExecutablePath=r"C:\ME\python.exe")}),
            Company=Key({"3.11": _installed(ExecutablePath=r"C:\company\python.exe"), "bad": _installed()}),
        ),
    )

    assert list(list_registered(registry)) == [r"C:\me\python.exe", r"C:\company\python.exe"]


def test_only_pythons_own_may_leave_the_name_of_the_executable_out() -> None:
    place = Key(InstallPath=Key(values={None: "folder"}))
    registry = Registry(user1=_hive(PythonCore=Key({"3.12": place}), Other=Key({"3.11": place})))

    assert list(list_registered(registry)) == [os.path.join("folder", "python.exe")]


def test_a_machine_without_any_has_none() -> None:
    assert list(list_registered(Registry())) == []
