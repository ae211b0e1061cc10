"""Build backends that need no network: a tiny one for source trees, and installed ones as wheels again."""

from __future__ import annotations

import importlib.metadata
import os

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.project import Project
from support.wheels import make_sdist, make_wheel

#: A backend in the tree (PEP 517, 660) that states what ``[project]`` says and packs ``src/``. Each call
#: adds a line to ``calls.txt`` beside the tree. ``dynamic = ["version"]`` is read from ``version.txt``.
BACKEND = """\
import base64, hashlib, os, tomllib, zipfile

with open("pyproject.toml", "rb") as file:
    PROJECT = tomllib.load(file)["project"]
NAME = PROJECT["name"].replace("-", "_")


def _version():
    if "version" in PROJECT:
        return PROJECT["version"]
    with open("version.txt") as file:
        return file.read().strip()


def _write(folder, members):
    version = _version()
    info = f"{NAME}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {PROJECT['name']}", f"Version: {version}"]
    lines += [f"Requires-Dist: {each}" for each in PROJECT.get("dependencies", [])]
    members[f"{info}/METADATA"] = "\\n".join(lines) + "\\n"
    tag = "Wheel-Version: 1.0\\nGenerator: tree\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    members[f"{info}/WHEEL"] = tag
    record = ""
    filename = f"{NAME}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, filename), "w") as archive:
        for path, content in members.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).decode().rstrip("=")
            record += f"{path},sha256={digest},{len(content.encode())}\\n"
            archive.writestr(path, content)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\\n")
    return filename


def _note(call):
    with open("../calls.txt", "a") as file:
        file.write(f"{NAME} {call}\\n")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    _note("wheel")
    members = {}
    for folder, _, files in os.walk("src"):
        for name in files:
            path = os.path.join(folder, name)
            with open(path) as file:
                members[os.path.relpath(path, "src")] = file.read()
    return _write(wheel_directory, members)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    _note("editable")
    return _write(wheel_directory, {f"_{NAME}.pth": os.path.abspath("src") + "\\n"})
"""


def make_tree(
    folder: str,
    name: str,
    version: str = "1.0",
    *,
    dependencies: tuple[str, ...] = (),
    rest: str = "",
    code: str = "ANSWER = 1\n",
) -> None:
    """Write a source tree with the tiny backend and one module ``NAME.py`` below ``src/``."""
    os.makedirs(os.path.join(folder, "src"), exist_ok=True)
    wanted = ", ".join(f'"{each}"' for each in dependencies)
    files = {
        "pyproject.toml": (
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            f'[project]\nname = "{name}"\nversion = "{version}"\ndependencies = [{wanted}]\n{rest}'
        ),
        "backend.py": BACKEND,
        f"src/{name.replace('-', '_')}.py": code,
    }
    for path, text in files.items():
        with open(os.path.join(folder, path), "w", encoding="utf-8") as file:
            file.write(text)


#: The tiny backend of the tests, with something of its own at its end.
_HEAD = '[build-system]\nrequires = [{requires}]\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def publish_sdist(
    project: Project,
    name: str = "delta",
    version: str = "1.0",
    *,
    more: str = "",
    requires: str = "",
    dynamic: bool = False,
    files: dict[str, str] | None = None,
) -> str:
    """Put an sdist on the index whose backend is in it; ``more`` is added to the backend's code.

    ``dynamic`` leaves the version to the backend, so that its metadata can be told by a build alone.
    """
    stated = 'dynamic = ["version"]' if dynamic else f'version = "{version}"'
    return make_sdist(
        project.index.folder,
        name,
        version,
        pyproject=_HEAD.format(requires=requires) + f'[project]\nname = "{name}"\n{stated}\n',
        files={
            "backend.py": BACKEND.replace("../calls.txt", project.path("calls.txt")) + more,
            "version.txt": f"{version}\n",
            f"src/{name}.py": "ANSWER = 4\n",
            **({"PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"} if dynamic else {}),
            **(files or {}),
        },
    )


def allow(project: Project, *names: str, rest: str = "") -> None:
    """Write a manifest that asks for these, and lets them be built; ``rest`` goes on with ``[build]``."""
    allowed = ", ".join(f'"{name}"' for name in names)
    project.write_manifest(*names, rest=f"[build]\nallow = [{allowed}]\n{rest}")


def calls(project: Project) -> list[str]:
    """List what backends were asked to build."""
    path = project.path("calls.txt")
    return project.read("calls.txt").splitlines() if os.path.exists(path) else []


def wrap_installed(folder: str, name: str) -> None:
    """Make wheels again of an installed distribution of pure Python and of all that it needs."""
    waiting, done = [name], set()
    while waiting:
        wanted = canonicalize_name(waiting.pop())
        if wanted in done:
            continue
        done.add(wanted)
        waiting += _wrap(folder, importlib.metadata.distribution(wanted))


def _wrap(folder: str, distribution: importlib.metadata.Distribution) -> list[str]:
    """Make a wheel of one, and name what it needs here."""
    requirements = [Requirement(text) for text in distribution.requires or ()]
    needed = [each for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]
    files = {
        path.as_posix(): path.read_binary()
        for path in distribution.files or ()
        if path.parts[0] != ".." and ".dist-info" not in path.parts[0] and path.suffix != ".pyc"
    }
    name = canonicalize_name(distribution.metadata["Name"])
    make_wheel(folder, name, distribution.version, requires=[str(each) for each in needed], files=files)
    return [each.name for each in needed]
