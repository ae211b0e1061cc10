"""What every use case is given: where it runs, machine settings, and the one channel for events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from envctl.frozen import dataclass
from envctl.memo import Memo
from envctl.model.events import Emit
from envctl.model.settings import Settings

if TYPE_CHECKING:
    # Named here, and loaded by those commands alone that come to need them.
    from envctl.lock.lock import Lock
    from envctl.manifest.manifest import Manifest
    from envctl.model.artifact import Artifact
    from envctl.model.interpreter import Interpreter
    from envctl.model.selection import Pin
    from envctl.model.target import Target
    from envctl.store.entry import Entry
    from envctl.store.store import Store

#: Whose locked versions may move freely: normalised names, or None for all.
Released = frozenset[str] | None


class Remote(Protocol):
    """What may need the network or a build. Made only when a command comes to need it, for its weight."""

    def resolve(
        self,
        manifest: Manifest,
        targets: Sequence[Target],
        *,
        direct: Mapping[str, Artifact],
        digest: str,
        old: Lock | None,
        released: Released,
    ) -> Lock:
        """Resolve the manifest's lists into a lock for ``targets``, which are in the order to solve in.

        Versions of the ``old`` lock stay where they fit, but for those that are ``released``. Raises
        ResolutionError, UpstreamError, BuildError.
        """

    def obtain(self, pins: Sequence[Pin]) -> Mapping[str, Entry]:
        """Fetch or build the wheels of pins into the store, verified; by project name.

        Raises UpstreamError, BuildError, MachineError.
        """

    def compile(self, entries: Sequence[Entry]) -> Mapping[str, Entry]:
        """Compile entries into the store, and wait for it; the bytecode by the entry's key.

        Raises MachineError.
        """

    def close(self) -> None:
        """Drop connections and temporary files."""


#: Makes the remote side of one run: settings, manifest, interpreter and store are given then.
MakeRemote = Callable[["Context", "Manifest", "Interpreter", "Store"], Remote]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The setting of one command.

    ``directory`` is the working folder after ``-C``, absolute; ``manifest`` the file given by ``-f``, or
    None to look for ``env.toml`` upwards; ``environment`` the name given by ``-e``, or None.
    ``make_remote`` is called at most once, by what needs the network or a build.
    """

    directory: str
    manifest: str | None
    environment: str | None
    settings: Settings
    emit: Emit
    make_remote: MakeRemote


def open_memo(settings: Settings) -> Memo:
    """Open what earlier runs on this machine found out."""
    return Memo(settings.cache_dir, enabled=not settings.no_cache)
