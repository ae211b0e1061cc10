"""Addresses of a plan's lines: ``environment``, ``python``, ``package.NAME``, ``file."PATH"``."""

from __future__ import annotations

ENVIRONMENT = "environment"
PYTHON = "python"

_PACKAGE = "package."
_FILE = 'file."'


def format_package(name: str) -> str:
    """Make the address of a project, by normalised name."""
    return _PACKAGE + name


def format_file(path: str) -> str:
    """Make the address of a file; ``path`` is relative to the environment, POSIX.

    A quote or a backslash in the path is escaped, so that two paths never share an address.
    """
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'{_FILE}{escaped}"'


def parse_package(address: str) -> str | None:
    """Return the project's name of a package's address, None for any other."""
    return address[len(_PACKAGE) :] if address.startswith(_PACKAGE) else None


def parse_file(address: str) -> str | None:
    """Return the path of a file's address, None for any other."""
    if not (address.startswith(_FILE) and address.endswith('"') and len(address) > len(_FILE)):
        return None
    return address[len(_FILE) : -1].replace('\\"', '"').replace("\\\\", "\\")
