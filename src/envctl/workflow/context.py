"""What every use case is given: where it runs, machine settings, and the one channel for events."""

from __future__ import annotations

from dataclasses import dataclass

from envctl.model.events import Emit
from envctl.model.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The setting of one command.

    ``directory`` is the working folder after ``-C``, absolute; ``manifest`` the file given by ``-f``, or
    None to look for ``env.toml`` upwards; ``environment`` the name given by ``-e``, or None.
    """

    directory: str
    manifest: str | None
    environment: str | None
    settings: Settings
    emit: Emit
