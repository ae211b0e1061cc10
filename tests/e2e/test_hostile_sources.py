"""What strangers write into source archives and pages is refused in one line each, never by a traceback."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.backends import BACKEND
from support.project import Project
from support.wheels import make_sdist, make_wheel

_BUILD = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
_PROJECT = '[project]\nname = "core"\nversion = "1.0"\n'
_DEEP = "(" * 3000 + "os_name == 'x'" + ")" * 3000
_DIGITS = "9" * 5000

#: What may be wrong with the `pyproject.toml` of a tree.
PROJECTS = {
    "digits": f"{_BUILD}{_PROJECT}[tool]\nx = {_DIGITS}\n",
    "nested": f"{_BUILD}{_PROJECT}[tool]\nx = {'[' * 5000}{']' * 5000}\n",
    "not utf-8": f"{_BUILD}{_PROJECT}# \udcff\n",
    "dynamic is a number": f"{_BUILD}{_PROJECT}dynamic = 5\n",
    "dynamic is nested": f'{_BUILD}{_PROJECT}dynamic = [["version"]]\n',
    "name is a list": f'{_BUILD}[project]\nname = ["core"]\nversion = "1.0"\n',
    "name is long": f'{_BUILD}[project]\nname = "{"c" * 100_000}"\nversion = "1.0"\n',
    "version is a number": f'{_BUILD}[project]\nname = "core"\nversion = 1\n',
    "version is long": f'{_BUILD}[project]\nname = "core"\nversion = "{_DIGITS}"\n',
    "dependencies are a text": f'{_BUILD}{_PROJECT}dependencies = "beta"\n',
    "dependencies are numbers": f"{_BUILD}{_PROJECT}dependencies = [1]\n",
    "a marker is deep": f'{_BUILD}{_PROJECT}dependencies = ["beta ; {_DEEP}"]\n',
    "extras are a list": f'{_BUILD}{_PROJECT}optional-dependencies = ["x"]\n',
    "an extra is a text": f'{_BUILD}{_PROJECT}[project.optional-dependencies]\nx = "beta"\n',
    "an extra has quotes": f'{_BUILD}{_PROJECT}[project.optional-dependencies]\n\'x" or "\' = ["beta"]\n',
    "requires-python is a list": f'{_BUILD}{_PROJECT}requires-python = ["3"]\n',
    "requires-python is long": f'{_BUILD}{_PROJECT}requires-python = ">={_DIGITS}"\n',
    "requires is a text": '[build-system]\nrequires = "x"\nbuild-backend = "backend"\n' + _PROJECT,
    "a build requirement is deep": _BUILD.replace("[]", f'["beta ; {_DEEP}"]', 1) + _PROJECT,
    "build-system is a list": f'build-system = ["x"]\n{_PROJECT}',
}

#: What may be wrong with the `PKG-INFO` of an archive.
INFOS = {
    "version of digits": f"Metadata-Version: 2.{_DIGITS}\nName: core\nVersion: 1.0\n",
    "version of other digits": "Metadata-Version: 2.²\nName: core\nVersion: 1.0\n",
    "version is none": "Metadata-Version: x.y\nName: core\nVersion: 1.0\n",
    "dynamic is no text": "Metadata-Version: 2.2\nName: core\nVersion: 1.0\nDynamic: Requires-Dist\udcff\n",
    "another name": "Metadata-Version: 2.2\nName: other\nVersion: 1.0\n",
    "another version": "Metadata-Version: 2.2\nName: core\nVersion: 9.0\n",
    "a long requirement": f"Metadata-Version: 2.2\nName: core\nVersion: 1.0\nRequires-Dist: beta ; {_DEEP}\n",
    "nothing": "",
}


def make(
    folder: str | os.PathLike[str], *, pyproject: str = _BUILD + _PROJECT, info: str | None = None
) -> str:
    files: dict[str, str | bytes] = {"backend.py": BACKEND, "src/core.py": "ANSWER = 1\n"}
    files["pyproject.toml"] = pyproject.encode("utf-8", "surrogateescape")
    if info is not None:
        files["PKG-INFO"] = info.encode("utf-8", "surrogateescape")
    return make_sdist(folder, "core", "1.0", files=files)


def try_all(project: Project) -> None:
    """Plan and apply: done, or refused in a few lines."""
    for command in ("plan", "apply"):
        result = project.run(command)
        assert result.code in {0, 1, 65}, result.err
        if result.code:
            assert result.codes not in ([], ["bug"]), result.err
            assert max(map(len, result.err.splitlines())) < 2000


@pytest.mark.parametrize("how", PROJECTS)
def test_a_pyproject_of_an_archive_that_is_not_what_it_should_be(
    project: Project, tmp_path: Path, how: str
) -> None:
    archive = make(
        tmp_path, pyproject=PROJECTS[how], info="Metadata-Version: 2.1\nName: core\nVersion: 1.0\n"
    )
    project.write_manifest("core", rest=f'[sources]\ncore = {{ path = "{archive}" }}\n')

    try_all(project)


@pytest.mark.parametrize("how", PROJECTS)
def test_a_pyproject_of_a_folder_that_is_not_what_it_should_be(project: Project, how: str) -> None:
    files = {"pyproject.toml": PROJECTS[how], "backend.py": BACKEND, "src/core.py": ""}
    for name, text in files.items():
        path = project.path("core", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(path).write_bytes(text.encode("utf-8", "surrogateescape"))
    project.write_manifest("core", rest='[sources]\ncore = { path = "core" }\n')

    try_all(project)


@pytest.mark.parametrize("how", INFOS)
def test_metadata_of_an_archive_that_are_not_what_they_should_be(project: Project, how: str) -> None:
    make(project.index.folder, info=INFOS[how])
    project.write_manifest("core", rest='[build]\nallow = ["core"]\n')

    try_all(project)


@pytest.mark.parametrize("place", ["beside", "inside"])
@pytest.mark.parametrize(
    "line",
    [
        f"Requires-Python: >={_DIGITS}",
        f"Requires-Dist: beta>={_DIGITS}",
        f"Requires-Dist: beta=={_DIGITS}.*",
        f"Requires-Dist: beta ; python_version >= '{_DIGITS}'",
        f"Requires-Dist: beta ; {_DEEP}",
        f"Requires-Dist: {'b' * 100_000}",
        f"Provides-Extra: {'b' * 100_000}",
    ],
    ids=lambda line: line[:40],
)
def test_metadata_of_a_wheel_that_are_not_what_they_should_be(
    make_project: Callable[..., Project], line: str, place: str
) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.index.core_metadata = place == "beside"
    name, _, value = line.partition(": ")
    details = {"requires_python": value} if name == "Requires-Python" else {"requires": [value]}
    make_wheel(
        project.index.folder, "core", "1.0", **({"extras": {value: []}} if "Extra" in name else details)
    )
    project.write_manifest("core")

    try_all(project)


@pytest.mark.parametrize(
    "line",
    [
        f"marker = \"python_version >= '{_DIGITS}'\"",
        f'requires-python = ">={_DIGITS}"',
        f'version = "{_DIGITS}"',
    ],
    ids=lambda line: line[:20],
)
def test_a_lock_with_a_version_that_nobody_can_read(project: Project, line: str) -> None:
    project.succeed("lock")
    text = project.read("pylock.toml")
    text = (
        text.replace('version = "1.0"\n', f"{line}\n", 1)
        if line.startswith("version")
        else text.replace('version = "1.0"\n', f'version = "1.0"\n{line}\n', 1)
    )
    project.write("pylock.toml", text)

    for command in (("plan", "--from", "pylock.toml"), ("plan",), ("status",)):
        result = project.run(*command)
        assert result.code in {0, 1, 65}, result.err
        assert "[bug]" not in result.err


@pytest.mark.parametrize("size", [10**400, 2**63, -1, 1.5, "12", True])
def test_a_size_on_a_page_that_is_none(make_project: Callable[..., Project], size: object) -> None:
    project = make_project(fresh_cache=True)
    make_wheel(project.index.folder, "core", "1.0")
    page = json.loads(project.index.json_page("core"))
    page["files"][0]["size"] = size
    kind = "application/vnd.pypi.simple.v1+json"
    project.index.pages["/simple/core/"] = (kind, json.dumps(page).encode())
    project.write_manifest("core")

    result = project.run("plan")

    assert (result.code, result.codes) == (1, ["bad-index-page"])


@pytest.mark.parametrize("value", [_DIGITS, "[" * 5000 + "]" * 5000, str(10**400), str(2**63)])
def test_a_lock_with_a_number_that_nobody_can_read(project: Project, value: str) -> None:
    project.succeed("lock")
    text = project.read("pylock.toml")
    project.write("pylock.toml", text.replace("size = ", f"size = {value} #", 1).replace("#", "# ", 1))

    result = project.run("plan")

    assert (result.code, result.codes) == (65, ["bad-lock"])


@pytest.mark.parametrize("value", [_DIGITS, "[" * 5000 + "]" * 5000])
def test_settings_with_a_number_that_nobody_can_read(project: Project, tmp_path: Path, value: str) -> None:
    (tmp_path / "config.toml").write_text(f"timeout = {value}\n")

    result = project.run("plan", environ={"ENVCTL_CONFIG": os.fspath(tmp_path / "config.toml")})

    assert (result.code, result.codes) == (65, ["bad-settings"])
