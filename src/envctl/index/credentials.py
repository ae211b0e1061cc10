"""User names and passwords of indexes: found here, sent to the index's own origin and nowhere else."""

from __future__ import annotations

import base64
import netrc
import os
import re
from collections.abc import Mapping

from envctl.index.location import Origin, find_origin, find_userinfo


class Credentials:
    """What to authenticate with, by origin. Shows nothing of it in its representation."""

    __slots__ = ("_by_origin",)

    def __init__(self, by_origin: Mapping[Origin, tuple[str, str]]) -> None:
        self._by_origin = dict(by_origin)

    def headers(self, url: str) -> dict[str, str]:
        """Return the header that authenticates at the origin of ``url``; none where nothing is known."""
        known = self._by_origin.get(find_origin(url))
        if known is None:
            return {}
        token = base64.b64encode(f"{known[0]}:{known[1]}".encode()).decode("ascii")
        return {"Authorization": f"Basic {token}"}


def find_credentials(indexes: Mapping[str, str], environ: Mapping[str, str]) -> Credentials:
    """Find the credentials of indexes, given as name to URL.

    In this order: ``ENVCTL_INDEX_<NAME>_USERNAME`` and ``_PASSWORD``, the user info of the URL itself, netrc
    (``NETRC``, else ``.netrc`` in the home folder). A netrc that cannot be read counts as absent.
    """
    table = _read_netrc(environ)
    found: dict[Origin, tuple[str, str]] = {}
    for name, url in indexes.items():
        prefix = f"ENVCTL_INDEX_{re.sub('[^A-Z0-9]', '_', name.upper())}"
        user, password = environ.get(f"{prefix}_USERNAME"), environ.get(f"{prefix}_PASSWORD")
        known: tuple[str, str] | None = None
        if user is not None or password is not None:
            known = (user or "", password or "")
        origin = find_origin(url)
        known = known or find_userinfo(url) or _look_up(table, origin[1])
        if known is not None:
            found.setdefault(origin, known)
    return Credentials(found)


def _read_netrc(environ: Mapping[str, str]) -> netrc.netrc | None:
    home = environ.get("HOME") or environ.get("USERPROFILE")
    path = environ.get("NETRC") or (os.path.join(home, ".netrc") if home else None)
    if path is None:
        return None
    try:
        return netrc.netrc(path)
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return None


def _look_up(table: netrc.netrc | None, host: str) -> tuple[str, str] | None:
    entry = table.authenticators(host) if table is not None else None
    return (entry[0], entry[2] or "") if entry is not None else None
