"""Tables of the manifest that hold plain values: ``[install]``, ``[policy]``, what goes in of ``[build]``.

Apart from the manifest, because who plans from a goal that was kept needs them and none of its parsers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from envctl.frozen import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallSettings:
    """The ``[install]`` table; ``compile`` is ``auto``, ``true`` or ``false``."""

    link: str = "auto"
    switch: str = "auto"
    compile: str = "auto"
    prune: str = "all"
    keep_generations: int = 3
    accept_bad_record: frozenset[str] = frozenset()
    allow_overwrite: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInputs:
    """What of a manifest goes into a wheel that is built.

    ``constraints`` are texts; ``indexes`` say where build requirements come from: name, URL, claimed names.
    ``sources`` say it of projects that do not come from any index, or from one alone, by name: the kind, the
    place, and what else the manifest states.
    """

    constraints: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    config_settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One policy rule: its mode (``enforce``, ``warn``, ``off``) and its own settings."""

    name: str
    mode: str
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """An exception to a rule for one package, with its reason and last day."""

    rule: str
    package: str
    reason: str
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """The ``[policy]`` table, with the contract's defaults filled in."""

    rules: Mapping[str, Rule]
    waivers: tuple[Waiver, ...] = ()
