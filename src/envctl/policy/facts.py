"""What policy rules ask about packages that neither the plan nor the selection says."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.frozen import dataclass


@dataclass(frozen=True, slots=True)
class HookFile:
    """A file that runs whenever Python starts: ``*.pth`` with code, ``sitecustomize``, ``usercustomize``.

    ``path`` is relative to site-packages, POSIX; ``lines`` are those that run, as they are.
    """

    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts by normalised project name; None for a question that nobody asked.

    ``yanked`` maps the pins whose file is yanked to the reason, perhaps empty (PEP 592); the others are
    not. ``status`` maps those whose project is archived or deprecated to that word, with the reason behind a
    colon if there is one (PEP 792). ``hooks`` maps every pin whose wheel has been looked into to its hooks,
    perhaps none; what is missing there is not known yet.
    """

    yanked: Mapping[str, str] | None = None
    status: Mapping[str, str] | None = None
    hooks: Mapping[str, tuple[HookFile, ...]] | None = None


#: Nobody asked anything.
NOTHING_KNOWN = Facts()
