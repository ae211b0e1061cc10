"""User names and passwords of indexes: found here, sent to the index's own origin and nowhere else."""

from __future__ import annotations

import base64
import netrc
import os
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Protocol

from envctl.frozen import dataclass
from envctl.index.location import Origin, find_origin, find_userinfo, split

#: User name and password.
Login = tuple[str, str]


class AskKeyring(Protocol):
    """Asks the keyring for the password at an index; ``user`` is None where nobody named one."""

    def __call__(self, url: str, user: str | None) -> Login | None:
        """Return user and password, None where the keyring has none."""


class _Account:
    """An index, and what to log in with there. ``asked`` says that the keyring had its turn."""

    __slots__ = ("asked", "login", "origin", "path", "url")

    def __init__(self, url: str, login: Login | None) -> None:
        self.url = url
        self.origin: Origin = find_origin(url)
        self.path = split(url).path.split("/")
        self.login = login
        self.asked = False


class Credentials:
    """What to authenticate with; its representation shows nothing of it. Safe to be called from any thread.

    Several indexes may lie on one host, each with a user of its own: the one decides that shares most of its
    path with the URL. Another scheme, host or port gets nothing.
    """

    __slots__ = ("_accounts", "_ask", "_at_once", "_lock", "netrc_fault")

    def __init__(
        self,
        logins: Iterable[tuple[str, Login | None]],
        *,
        ask: AskKeyring | None,
        at_once: bool = False,
        netrc_fault: str | None = None,
    ) -> None:
        """``logins`` are of index URLs; ``ask`` is called when one refuses, or ``at_once`` otherwise.

        ``netrc_fault`` is that of `Found`.
        """
        self.netrc_fault = netrc_fault
        self._accounts = [_Account(url, login) for url, login in logins]
        self._ask = ask
        self._at_once = at_once
        self._lock = threading.Lock()

    def headers(self, url: str) -> dict[str, str]:
        """Return the header that authenticates at the origin of ``url``; none where nothing is known."""
        account = self._find(url)
        if account is not None and self._at_once:
            self._consult(account)
        if account is None or account.login is None:
            return {}
        token = base64.b64encode(":".join(account.login).encode()).decode("ascii")
        return {"Authorization": f"Basic {token}"}

    def learn(self, url: str, refused: Mapping[str, str]) -> bool:
        """Ask the keyring, after ``url`` refused these headers; whether others are known now."""
        account = self._find(url)
        if account is None:
            return False
        self._consult(account)
        return self.headers(url) != refused

    def _consult(self, account: _Account) -> None:
        """Ask the keyring, once, unless a password is known: another would not make that right."""
        with self._lock:
            user, password = account.login or ("", "")
            if account.asked or password or self._ask is None:
                return
            account.asked = True
            account.login = self._ask(account.url, user or None) or account.login

    def _find(self, url: str) -> _Account | None:
        origin, path = find_origin(url), split(url).path.split("/")
        found = [account for account in self._accounts if account.origin == origin]
        return max(
            found,
            key=lambda account: (_count_shared(account.path, path), account.login is not None),
            default=None,
        )


def _count_shared(one: list[str], other: list[str]) -> int:
    count = 0
    for mine, its in zip(one, other, strict=False):
        if mine != its or (not mine and count):
            break
        count += 1
    return count


@dataclass(frozen=True, slots=True)
class Found:
    """The logins of index URLs, and a sentence about the netrc that was passed over, where one was."""

    logins: tuple[tuple[str, Login | None], ...]
    netrc_fault: str | None


def find_logins(
    indexes: Mapping[str, str], environ: Mapping[str, str], *, places: Iterable[str] = ()
) -> Found:
    """Find the credentials of indexes, given as name to URL, and of places where no index is.

    In this order: ``ENVCTL_INDEX_<NAME>_USERNAME`` and ``_PASSWORD``, the user info of the URL itself, netrc
    (``NETRC``, else ``.netrc`` or ``_netrc`` in the home folder). A user name without a password takes the
    password from netrc where that is about the same user. For places that have no index there is netrc alone.
    """
    table, fault = _read_netrc(environ)
    found: list[tuple[str, Login | None]] = []
    for name, url in indexes.items():
        prefix = f"ENVCTL_INDEX_{re.sub('[^A-Z0-9]', '_', name.upper())}"
        user, password = environ.get(f"{prefix}_USERNAME"), environ.get(f"{prefix}_PASSWORD")
        login: Login | None = None
        if user is not None or password is not None:
            login = (user or "", password or "")
        login = login or find_userinfo(url)
        known = _look_up(table, find_origin(url)[1])
        if login is None or (login[0] and not login[1] and known is not None and known[0] == login[0]):
            login = known
        found.append((url, login))
    known_origins = {find_origin(url) for url, _ in found}
    found += [
        (url, _look_up(table, find_origin(url)[1])) for url in places if find_origin(url) not in known_origins
    ]
    return Found(tuple(found), fault)


def _read_netrc(environ: Mapping[str, str]) -> tuple[netrc.netrc | None, str | None]:
    """Read netrc; also say what is wrong with the one that is there, or that is named and is not."""
    home = environ.get("HOME") or environ.get("USERPROFILE")
    named = environ.get("NETRC")
    paths = [named] if named else [os.path.join(home, name) for name in (".netrc", "_netrc")] if home else []
    for path in paths:
        try:
            return netrc.netrc(path), None
        except FileNotFoundError:
            if named:
                return None, f"there is no file `{path}`, which NETRC names"
        except OSError as error:
            return None, f"`{path}` cannot be read and is passed over: {error.strerror}"
        except netrc.NetrcParseError as error:  # what else it says may quote a password
            return None, f"`{path}` cannot be parsed and is passed over: look at line {error.lineno}"
        except UnicodeDecodeError:
            return None, f"`{path}` is no text in UTF-8 and is passed over"
    return None, None


def _look_up(table: netrc.netrc | None, host: str) -> Login | None:
    entry = table.authenticators(host) if table is not None else None
    return (entry[0], entry[2] or "") if entry is not None else None
