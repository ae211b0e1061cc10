"""What the next generation holds: everything that staging needs, decided before it begins."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.frozen import dataclass, field
from envctl.model.interpreter import Interpreter
from envctl.model.selection import Pin
from envctl.store.entry import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One distribution to lay: its pin, its unpacked wheel, its bytecode if the store has it.

    ``direct_url`` is the text of ``direct_url.json`` (PEP 610), None for a release of an index.
    """

    pin: Pin
    wheel: Entry
    bytecode: Entry | None = None
    direct_url: str | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What it has in the store."""
        return (self.wheel,) if self.bytecode is None else (self.wheel, self.bytecode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A text file to be replaced right after the switch: the lock, and for edits the manifest.

    ``before`` is the sha256 (hex) of the content the run started from, None for no file: a file that
    somebody changed meanwhile is left, and the run says so.
    """

    path: str
    before: str | None
    after: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """One generation to be made.

    ``carry`` holds paths of the live tree (relative, POSIX) that are linked over: foreign data, what prune
    keeps. ``known`` is all that the plan was made for, so that what is there beside it came later; None where
    nothing comes along. ``pruned`` holds what is not envctl's and shall go, also where the tree is not
    replaced whole. ``receipt`` maps the labels of the plan's inputs to their digests. ``command`` is for the
    history (``apply``). ``link`` is ``auto``, ``reflink``, ``hardlink`` or ``copy``; ``switch`` is ``auto``,
    ``exchange`` or ``merge``.
    """

    interpreter: Interpreter
    prompt: str | None
    placed: tuple[Placed, ...]
    carry: tuple[str, ...] = ()
    known: frozenset[str] | None = None
    pruned: tuple[str, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    receipt: Mapping[str, str] = field(default_factory=dict)
    command: str = "apply"
    link: str = "auto"
    switch: str = "auto"
    allow_overwrite: frozenset[str] = frozenset()
