"""Interpreters that Windows knows of (PEP 514). Imported on Windows only; holds the discovery library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from python_discovery import iter_interpreters


def list_registered(environ: Mapping[str, str]) -> Iterator[str]:
    """Give the executables of the registered interpreters."""
    for found in iter_interpreters(None, env=environ):
        executable = found.system_executable or found.executable
        if executable is not None:
            yield str(executable)
