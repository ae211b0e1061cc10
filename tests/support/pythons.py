"""Interpreters of their own for tests: trees that are the Python of the tests, trimmed, and archives of them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import sys
import tarfile
from pathlib import Path

_MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"

#: Folders of the standard library that no environment needs to be made and to run.
_LEFT_OUT = {
    "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "site-packages", "__pycache__",
    "pydoc_data", f"config-{_MINOR}-x86_64-linux-gnu", "unittest", "distutils", "msilib",
}  # fmt: skip


def is_movable() -> bool:
    """Whether the Python of the tests can be run from another folder: it is one file and its library."""
    return (
        sys.platform == "linux"
        and os.path.isfile(os.path.join(sys.base_prefix, "bin", f"python{_MINOR}"))
        and os.path.isdir(os.path.join(sys.base_prefix, "lib", f"python{_MINOR}"))
        and sys.base_prefix != "/usr"
    )


def make_python(folder: Path, version: str = "") -> Path:
    """Make a trimmed Python in ``folder``; it says that it is ``version``. Returns its executable."""
    library = folder / "lib" / f"python{_MINOR}"
    shutil.copytree(
        os.path.join(sys.base_prefix, "lib", f"python{_MINOR}"),
        library,
        ignore=lambda _, names: _LEFT_OUT & set(names),
        symlinks=True,
        copy_function=shutil.copyfile,
    )
    executable = folder / "bin" / f"python{_MINOR}"
    executable.parent.mkdir(parents=True)
    shutil.copy(os.path.realpath(sys.executable), executable)
    (executable.parent / "python3").symlink_to(executable.name)
    if version:
        module = library / "platform.py"
        text = f"\n\ndef python_version():\n    return {version!r}\n"
        module.write_text(module.read_text(encoding="utf-8") + text, encoding="utf-8")
    return executable


def pack_python(folder: Path, archive: Path, top: str = "python") -> str:
    """Pack a Python as python-build-standalone does, below one folder; returns the archive's sha256."""
    with tarfile.open(archive, "w:gz", compresslevel=1) as file:
        file.add(folder, arcname=top)
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def describe_build(
    filename: str, sha256: str | None, *, micro: int, url: str = "", free_threaded: bool = False
) -> dict[str, object]:
    """Describe a build for this machine as the list of pbs-installer does."""
    return {
        "python_version": {
            "implementation": "cpython",
            "major": sys.version_info.major,
            "minor": sys.version_info.minor,
            "micro": micro,
            "freethreaded": free_threaded,
        },
        "files": [
            {
                "platform": {"linux": "linux", "darwin": "macos"}.get(sys.platform, "windows"),
                "arch": {"arm64": "aarch64"}.get(platform.machine(), platform.machine()),
                "install_only": True,
                "filename": filename,
                "url": url or f"https://builds.example/download/{filename.replace('+', '%2B')}",
                "sha256": sha256,
            }
        ],
    }


def write_list(folder: Path, builds: list[dict[str, object]]) -> str:
    """Make a pbs-installer that knows other builds, to be put on PYTHONPATH; returns its folder."""
    found = importlib.util.find_spec("pbs_installer")
    assert found is not None
    assert found.submodule_search_locations is not None
    shutil.copytree(found.submodule_search_locations[0], folder / "pbs_installer")
    (folder / "pbs_installer" / "versions.json").write_text(json.dumps(builds))
    return os.fspath(folder)
