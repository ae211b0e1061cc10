"""Where the user's settings and the cache lie. Loads nothing but ``os`` and ``sys`` where XDG says it."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def config_path(environ: Mapping[str, str]) -> str:
    """Say where the user's settings lie; the file need not be there."""
    named = environ.get("ENVCTL_CONFIG")
    if named:
        return os.path.abspath(os.path.expanduser(named))
    return os.path.join(_user_folder(environ, "config"), "config.toml")


def default_cache_dir(environ: Mapping[str, str]) -> str:
    """Say where the cache is when nobody says otherwise: the platform's folder for caches."""
    return _user_folder(environ, "cache")


def _user_folder(environ: Mapping[str, str], kind: str) -> str:
    if sys.platform in {"darwin", "win32"}:
        import platformdirs

        choose = platformdirs.user_config_dir if kind == "config" else platformdirs.user_cache_dir
        return choose("envctl", appauthor=False)
    # Source: XDG Base Directory Specification 0.8: relative paths in these variables are passed over.
    named = environ.get(f"XDG_{kind.upper()}_HOME", "")
    home = environ.get("HOME") or os.path.expanduser("~")
    return os.path.join(named if os.path.isabs(named) else os.path.join(home, f".{kind}"), "envctl")
