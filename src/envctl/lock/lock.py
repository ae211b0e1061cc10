"""The lock as a value: what PEP 751 says, what envctl adds, and the bytes it was made from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from envctl.model.digest import digest_value

if TYPE_CHECKING:  # plans name this module and need not pay for packaging's parsers
    from packaging.pylock import Package, Pylock

    from envctl.lock.entries import Entries
    from envctl.lock.entries import Package as Entry


_REQUIREMENT = re.compile(r"(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)(?:\[[^\]]*\])?(?P<rest>.*)")


#: The key that says whether a commit was asked for by a branch, a tag or a rev.
REVISION_KIND = "revision-kind"


class Lock:
    """One ``pylock.toml``, frozen by custom.

    ``path`` is absolute; ``data`` the file's bytes and ``raw_digest`` their ``sha256:…``. ``digest``,
    ``targets`` and ``pythons`` are from ``[tool.envctl]``: what went in, and the grid that is covered;
    None and empty in a lock that another tool made. Given is either ``pylock``, of a lock that was read, or
    ``entries``, of one that was composed: packaging loads late, where something is chosen from it. Who has
    parsed the file gives its ``content``, too.
    """

    __slots__ = (
        "_content",
        "_pylock",
        "data",
        "digest",
        "entries",
        "path",
        "pythons",
        "raw_digest",
        "targets",
    )

    def __init__(
        self,
        *,
        path: str,
        data: bytes,
        raw_digest: str,
        digest: str | None = None,
        targets: tuple[str, ...] = (),
        pythons: tuple[str, ...] = (),
        pylock: Pylock | None = None,
        entries: Entries | None = None,
        content: str | None = None,
    ) -> None:
        self.path = path
        self.data = data
        self.raw_digest = raw_digest
        self.digest = digest
        self.targets = targets
        self.pythons = pythons
        self.entries = entries
        self._content = content
        self._pylock = pylock

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Lock) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return self.path, self.data

    @property
    def pylock(self) -> Pylock:
        """The lock as packaging understands it."""
        if self._pylock is None:
            from envctl.lock.understand import understand  # noqa: PLC0415 - 40 ms; most locks are only written

            assert self.entries is not None  # noqa: S101 - one of the two is given
            self._pylock = understand(self.entries)
        return self._pylock

    @property
    def content(self) -> str:
        """The digest (``sha256:…``) of what the file says: layout and comments do not count."""
        if self._content is None:
            import tomllib  # noqa: PLC0415 - who has parsed the file has given it

            self._content = digest_value(tomllib.loads(self.data.decode()))
        return self._content

    @property
    def packages(self) -> Sequence[Package | Entry]:
        """Return its packages, in the order of the file."""
        return self.pylock.packages if self.entries is None else self.entries.packages

    @property
    def is_ours(self) -> bool:
        """Whether envctl made it."""
        return self.digest is not None


def own_table(package: Package | Entry) -> Mapping[str, object]:
    """Return ``[packages.tool.envctl]``, empty when there is none.

    Keys: ``requires`` (active requirements as text), ``index`` (its name), ``yanked`` (why a release that
    was taken back was, perhaps empty), ``status`` (``archived`` or ``deprecated``, and why), for
    directories ``metadata`` (a digest) and ``version``, and for repositories ``revision-kind`` (``branch``,
    ``tag`` or ``rev``: what the requested revision is).
    """
    table = (package.tool or {}).get("envctl")
    return table if isinstance(table, Mapping) else {}


def own_requires(package: Package | Entry) -> tuple[str, ...]:
    """Return what a package requires, as text; for locks of other tools only the names they record.

    What not all targets of the lock require has a marker behind it: ``colorama ; sys_platform == 'win32'``.
    """
    requires = own_table(package).get("requires")
    if isinstance(requires, list | tuple):
        return tuple(text for text in requires if isinstance(text, str))
    names = (dependency.get("name") for dependency in package.dependencies or ())
    return tuple(name for name in names if isinstance(name, str))


def own_text(package: Package | Entry, key: str) -> str | None:
    """Return a text of ``[packages.tool.envctl]``."""
    value = own_table(package).get(key)
    return value if isinstance(value, str) else None


def required_names(package: Package | Entry) -> frozenset[str]:
    """Return the names of the projects that a package requires, on whatever target."""
    matches = (_REQUIREMENT.match(text) for text in own_requires(package))
    return frozenset(match["name"] for match in matches if match is not None)


def requirers(
    packages: Iterable[Package | Entry],
    holds: Callable[[str], bool] = lambda _: True,
    *,
    of: tuple[str, ...] = ("",),
) -> Mapping[str, tuple[str, ...]]:
    """Map each name to those of ``packages`` that require it, as ``requests (<4,>=2.5)``, sorted.

    ``holds`` says whether a requirement with this marker counts; the marker is empty where there is none.
    Only names that begin with one of ``of`` need be in the result.
    """
    result: dict[str, set[str]] = {}
    for package in packages:
        for text in own_requires(package):
            if not text.startswith(of):
                continue
            requirement, _, marker = text.partition(" ; ")
            match = _REQUIREMENT.match(requirement)
            if match is None or match["name"] == package.name or not holds(marker):
                continue
            rest = match["rest"].strip()
            by = f"{package.name} ({rest})" if rest else str(package.name)
            result.setdefault(match["name"], set()).add(by)
    return {name: tuple(sorted(texts)) for name, texts in result.items()}
