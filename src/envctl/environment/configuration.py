"""``pyvenv.cfg``: which Python an environment runs.

Source: PEP 405; it names ``home`` alone, the other keys are those of venv, virtualenv and uv.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_RELEASE_LEVELS = {"alpha": "a", "beta": "b", "candidate": "rc", "final": ""}


def parse_configuration(content: bytes) -> dict[str, str]:
    """Parse the lines ``key = value``; keys in lower case, the last of equals counts."""
    lines = content.decode("utf-8", "surrogateescape").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def read_configuration(root: str) -> dict[str, str] | None:
    """Read the ``pyvenv.cfg`` of the environment ``root``; None when there is no such file."""
    try:
        with open(os.path.join(root, "pyvenv.cfg"), "rb") as file:
            return parse_configuration(file.read())
    except OSError:
        return None


def choose_version(configuration: Mapping[str, str]) -> str | None:
    """Tell the full version it names (``3.11.7``), None when it names none."""
    text = configuration.get("version_info") or configuration.get("version")
    if not text or not text[0].isdigit():
        return None
    parts = text.split(".")
    if len(parts) < 5:
        return text
    # virtualenv: 3.14.0.candidate.1
    level = _RELEASE_LEVELS.get(parts[3])
    if level is None:
        return None
    return ".".join(parts[:3]) + (f"{level}{parts[4]}" if level else "")


def choose_executable(configuration: Mapping[str, str]) -> str | None:
    """Tell the base interpreter it names, None when none of the names it may mean is there."""
    home = configuration.get("home")
    names = [configuration.get("base-executable"), configuration.get("executable")]
    if home:
        minor = ".".join((choose_version(configuration) or "3").split(".")[:2])
        names += [os.path.join(home, name) for name in (f"python{minor}", "python3", "python", "python.exe")]
    return next((name for name in names if name and os.path.isfile(name)), None)
