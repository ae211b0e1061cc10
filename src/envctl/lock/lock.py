"""The lock as a value: what PEP 751 says, what envctl adds, and the bytes it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # plans name this module and need not pay for packaging's parsers
    from packaging.pylock import Package, Pylock


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """One ``pylock.toml``.

    ``path`` is absolute; ``data`` the file's bytes and ``raw_digest`` their ``sha256:…``. ``digest``,
    ``targets`` and ``pythons`` are from ``[tool.envctl]``: what went in, and the grid that is covered;
    None and empty in a lock that another tool made.
    """

    path: str
    pylock: Pylock = field(compare=False)
    data: bytes
    raw_digest: str
    digest: str | None = None
    targets: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()

    @property
    def packages(self) -> Sequence[Package]:
        """Return its packages, in the order of the file."""
        return self.pylock.packages

    @property
    def is_ours(self) -> bool:
        """Whether envctl made it."""
        return self.digest is not None


def own_table(package: Package) -> Mapping[str, object]:
    """Return ``[packages.tool.envctl]``, empty when there is none.

    Keys: ``requires`` (active requirements as text), ``index`` (its name), ``yanked`` (why a release that
    was taken back was, perhaps empty), and for directories ``metadata`` (a digest) and ``version``.
    """
    table = (package.tool or {}).get("envctl")
    return table if isinstance(table, Mapping) else {}


def own_requires(package: Package) -> tuple[str, ...]:
    """Return what a package requires, as text; for locks of other tools only the names they record.

    What not all targets of the lock require has a marker behind it: ``colorama ; sys_platform == 'win32'``.
    """
    requires = own_table(package).get("requires")
    if isinstance(requires, list | tuple):
        return tuple(text for text in requires if isinstance(text, str))
    names = (dependency.get("name") for dependency in package.dependencies or ())
    return tuple(name for name in names if isinstance(name, str))


def own_text(package: Package, key: str) -> str | None:
    """Return a text of ``[packages.tool.envctl]``."""
    value = own_table(package).get(key)
    return value if isinstance(value, str) else None
