"""Which index serves which project, and where it is fetched from in this run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from urllib.parse import quote

from envctl.errors import InputError
from envctl.frozen import dataclass
from envctl.index.location import is_local, strip
from envctl.manifest.manifest import Index


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One index of this run: ``url`` is that of its mirror where the settings name one, without credentials.

    ``packages`` are globs over normalised names.
    """

    name: str
    url: str
    flat: bool
    packages: tuple[str, ...]

    @property
    def is_local(self) -> bool:
        """Whether it lies on this machine."""
        return is_local(self.url)

    def project_url(self, name: str) -> str:
        """Return the URL of a project's page (PEP 503: the normalised name, with a slash)."""
        return f"{self.url.rstrip('/')}/{quote(name)}/"


def make_served(indexes: Sequence[Index], mirrors: Mapping[str, str]) -> tuple[Served, ...]:
    """Apply the mirrors of the settings to the indexes of the manifest."""
    return tuple(
        Served(
            name=index.name,
            url=strip(mirrors.get(index.name, index.url)),
            flat=index.flat,
            packages=index.packages,
        )
        for index in indexes
    )


def choose_indexes(name: str, served: Sequence[Served], pinned: Mapping[str, str]) -> tuple[Served, ...]:
    """Choose the indexes that may serve ``name``, in the order they are asked.

    A pin decides alone; else an index whose ``packages`` match; else those without ``packages``. So a name
    that a private index claims never comes from a public one, whatever version is offered there.

    Raises:
        InputError: `unknown-index` for a pin to an index that there is not.
    """
    if name in pinned:
        chosen = tuple(index for index in served if index.name == pinned[name])
        if not chosen:
            message = f"`{name}` is to come from the index `{pinned[name]}`, which is not declared"
            raise InputError("unknown-index", message, hints=("declare it as [[index]] in env.toml",))
        return chosen
    claiming = tuple(
        index for index in served if any(fnmatchcase(name, pattern) for pattern in index.packages)
    )
    return claiming or tuple(index for index in served if not index.packages)
