"""The tables ``[lock]``, ``[build]`` and ``[install]``, with the defaults of what is left out."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from envctl.manifest.document import Document, show
from envctl.manifest.locate import Path
from envctl.manifest.manifest import BuildSettings, LockSettings
from envctl.manifest.names import normalise_keys, parse_names
from envctl.manifest.near import suggest
from envctl.manifest.python import parse_locked_python
from envctl.manifest.requirements import parse_limits
from envctl.manifest.times import parse_limit
from envctl.model.tables import InstallSettings

_LOCK_NAME = re.compile(r"pylock(?:\.[^./\\\x00-\x20]+)?\.toml")
_TARGET = re.compile(
    r"linux-(?:x86_64|aarch64|i686|armv7l|ppc64le|s390x|riscv64|loongarch64)(?:-(?:glibc|musl)\d{1,2}\.\d{1,3})?"
    r"|macos-(?:arm64|x86_64)"
    r"|windows-(?:x86_64|arm64|x86)"
)
_COMMON_TARGETS = (
    "linux-x86_64",
    "linux-aarch64",
    "macos-arm64",
    "macos-x86_64",
    "windows-x86_64",
    "windows-arm64",
)


def parse_lock_settings(
    document: Document, table: Mapping[str, Any], conflicts: tuple[tuple[tuple[str, str], ...], ...]
) -> LockSettings:
    """Parse ``[lock]``; ``conflicts`` are parsed by who knows the groups and extras.

    Reports `bad-lock-path`, `unknown-target`, `bad-python`, `bad-time`, `duplicate-name` and what
    requirements and names report.
    """
    key = ("lock",)
    prerelease = table.get("prerelease", {})
    if isinstance(prerelease, str):
        prerelease = {"*": prerelease}
    by_name = normalise_keys(document, (*key, "prerelease"), prerelease, star=True)
    return LockSettings(
        path=_parse_lock_path(document, (*key, "path"), table.get("path", "pylock.toml")),
        targets=_parse_targets(document, (*key, "targets"), table.get("targets", ())),
        python=_parse_pythons(document, (*key, "python"), table.get("python", ())),
        resolution=table.get("resolution", "highest"),
        prerelease={"*": "if-necessary"} | {name: mode for name, (_, mode) in by_name.items()},
        exclude_newer=_parse_exclude_newer(document, (*key, "exclude-newer"), table.get("exclude-newer")),
        constraints=parse_limits(document, (*key, "constraints"), table.get("constraints", ())),
        overrides=parse_limits(document, (*key, "overrides"), table.get("overrides", ())),
        excludes=frozenset(parse_names(document, (*key, "excludes"), table.get("excludes", ()))),
        conflicts=conflicts,
    )


def parse_build_settings(document: Document, table: Mapping[str, Any]) -> BuildSettings:
    """Parse ``[build]``; reports `bad-value` and what requirements and names report."""
    allow = table.get("allow", ())
    timeout = table.get("timeout", BuildSettings().timeout)
    if not 1 <= timeout <= 7 * 86400:
        document.refuse("bad-value", ("build", "timeout"), f"is {show(timeout)}, not 1 to 604800 seconds")
    settings = normalise_keys(document, ("build", "config-settings"), table.get("config-settings", {}))
    return BuildSettings(
        allow=True if allow is True else _names(document, "build", "allow", allow or ()),
        deny=_names(document, "build", "deny", table.get("deny", ())),
        no_binary=_names(document, "build", "no-binary", table.get("no-binary", ())),
        constraints=parse_limits(document, ("build", "constraints"), table.get("constraints", ())),
        config_settings={name: values for name, (_, values) in settings.items()},
        timeout=timeout,
    )


def parse_install_settings(document: Document, table: Mapping[str, Any]) -> InstallSettings:
    """Parse ``[install]``; reports `bad-value` and what names report."""
    default = InstallSettings()
    bytecode = table.get("compile", default.compile)
    keep = table.get("keep-generations", default.keep_generations)
    if not 0 <= keep <= 1000:
        document.refuse("bad-value", ("install", "keep-generations"), f"is {show(keep)}, not 0 to 1000")
    return InstallSettings(
        link=table.get("link", default.link),
        switch=table.get("switch", default.switch),
        compile=bytecode if isinstance(bytecode, str) else str(bytecode).lower(),
        prune=table.get("prune", default.prune),
        keep_generations=keep,
        accept_bad_record=_names(
            document, "install", "accept-bad-record", table.get("accept-bad-record", ())
        ),
        allow_overwrite=_names(document, "install", "allow-overwrite", table.get("allow-overwrite", ())),
    )


def _names(document: Document, table: str, key: str, items: Sequence[str | None]) -> frozenset[str]:
    return frozenset(parse_names(document, (table, key), items))


def _parse_lock_path(document: Document, key: Path, text: str) -> str:
    if _LOCK_NAME.fullmatch(text) is None:
        document.refuse(
            "bad-lock-path",
            key,
            f"is {show(text)}, not `pylock.toml` or `pylock.NAME.toml`",
            "the lock lies beside the manifest, and other tools find it by that name (PEP 751)",
        )
    return os.path.join(os.path.dirname(document.path), text)


def _parse_targets(document: Document, key: Path, items: Sequence[str | None]) -> tuple[str, ...]:
    targets: dict[str, None] = {}
    for place, text in enumerate(items):
        if text is None:
            continue
        if _TARGET.fullmatch(text) is None:
            hints = suggest(text, _COMMON_TARGETS) or (f"known: {', '.join(_COMMON_TARGETS)}",)
            document.refuse("unknown-target", (*key, place), f"is {show(text)}, which is no target", *hints)
        elif text in targets:
            document.refuse("duplicate-name", (*key, place), f"names {show(text)} a second time")
        else:
            targets[text] = None
    return tuple(targets)


def _parse_pythons(document: Document, key: Path, items: Sequence[str | None]) -> tuple[str, ...]:
    pythons: dict[str, None] = {}
    for place, text in enumerate(items):
        python = None if text is None else parse_locked_python(document, (*key, place), text)
        if python in pythons:
            document.refuse("duplicate-name", (*key, place), f"names {show(python)} a second time")
        elif python is not None:
            pythons[python] = None
    return tuple(pythons)


def _parse_exclude_newer(
    document: Document, key: Path, value: Any
) -> dict[str, timedelta | datetime | date | None]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        limit = parse_limit(document, key, value)
        return {} if limit is None else {"*": limit}
    by_name = normalise_keys(document, key, value, star=True)
    return {name: parse_limit(document, (*key, written), limit) for name, (written, limit) in by_name.items()}
