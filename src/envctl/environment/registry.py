"""Interpreters that Windows knows of: what the Python launcher lists, too. Reads the registry, runs nothing.

Source: PEP 514, "Python registration in the Windows registry".
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_ROOT = r"Software\Python"


def list_registered(registry: Any = None) -> Iterator[str]:
    """Give the executables of the registered interpreters, the user's own first.

    ``registry`` is the module `winreg`, where it is not to be imported.
    """
    registry = registry or importlib.import_module("winreg")
    places = (
        (registry.HKEY_CURRENT_USER, 0),
        (registry.HKEY_LOCAL_MACHINE, registry.KEY_WOW64_64KEY),
        (registry.HKEY_LOCAL_MACHINE, registry.KEY_WOW64_32KEY),
    )
    seen: set[str] = set()
    for hive, view in places:
        with _opened(registry, hive, _ROOT, view) as root:
            for company in _list_keys(registry, root):
                # Reserved for the launcher itself.
                if company == "PyLauncher":
                    continue
                with _opened(registry, root, company) as key:
                    for tag in _list_keys(registry, key):
                        path = _find_executable(registry, key, company, tag)
                        if path is not None and path.lower() not in seen:
                            seen.add(path.lower())
                            yield path


def _find_executable(registry: Any, key: Any, company: str, tag: str) -> str | None:
    with _opened(registry, key, rf"{tag}\InstallPath") as place:
        path = _read(registry, place, "ExecutablePath")
        if path is not None:
            return path
        # Only python.org's own may leave the path out; it is `python.exe` then.
        folder = _read(registry, place, None) if company == "PythonCore" else None
        return None if folder is None else os.path.join(folder, "python.exe")


@contextmanager
def _opened(registry: Any, key: Any, name: str, view: int = 0) -> Iterator[Any]:
    """Open a key; None where there is none, or it may not be read."""
    try:
        opened = None if key is None else registry.OpenKeyEx(key, name, 0, registry.KEY_READ | view)
    except OSError:
        opened = None
    try:
        yield opened
    finally:
        if opened is not None:
            opened.Close()


def _list_keys(registry: Any, key: Any) -> list[str]:
    names: list[str] = []
    try:
        while key is not None:
            names.append(registry.EnumKey(key, len(names)))
    except OSError:
        pass  # that was the last
    return names


def _read(registry: Any, key: Any, name: str | None) -> str | None:
    try:
        value = None if key is None else registry.QueryValueEx(key, name)[0]
    except OSError:
        return None
    return value if isinstance(value, str) and value else None
