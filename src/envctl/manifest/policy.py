"""The table ``[policy]``: every rule with its mode and settings, and what is waived."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from envctl.manifest.document import Document, show
from envctl.manifest.keys import RULES
from envctl.manifest.locate import Path
from envctl.manifest.names import parse_globs, parse_name
from envctl.manifest.near import suggest
from envctl.manifest.times import parse_span
from envctl.model.tables import PolicySettings, Rule, Waiver

#: What a rule does that the manifest does not mention.
DEFAULT_MODES: Mapping[str, str] = {
    rule: "warn" if rule in ("yanked", "archived", "startup-hooks") else "off" for rule in RULES
}

#: Rules whose `allow` and `deny` are not names of projects.
_OTHER_WORDS = ("licenses", "indexes")
_SIZE = re.compile(r"(\d{1,9})\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)")
_UNITS = {
    "B": 1,
    "kB": 1000,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}


def parse_policy(document: Document, table: Mapping[str, Any]) -> PolicySettings:
    """Parse ``[policy]``. Ages become timedeltas, sizes bytes, lists tuples.

    A rule written as a table without a ``mode`` is enforced: whoever configures a rule wants it.
    Reports `bad-time`, `bad-size`, `missing-key`, `unknown-rule` and what names report.
    """
    rules = {}
    for name, default in DEFAULT_MODES.items():
        stated = table.get(name, default)
        settings = dict(stated) if isinstance(stated, dict) else {}
        mode = settings.pop("mode", "enforce") if isinstance(stated, dict) else stated
        rules[name] = Rule(name=name, mode=mode, settings=_parse_settings(document, name, settings))
        if isinstance(stated, dict):
            _require_settings(document, name, settings)
    return PolicySettings(rules=rules, waivers=_parse_waivers(document, table.get("waive", ())))


def _parse_settings(document: Document, rule: str, settings: Mapping[str, Any]) -> dict[str, object]:
    parsed: dict[str, object] = {}
    for name, value in settings.items():
        key = ("policy", rule, name)
        if name == "age":
            parsed[name] = parse_span(document, key, value)
        elif name == "max":
            parsed[name] = _parse_size(document, key, value)
        elif isinstance(value, list) and name != "ignore" and rule not in _OTHER_WORDS:
            parsed[name] = parse_globs(document, key, value)
        elif isinstance(value, list):
            parsed[name] = tuple(item for item in value if item is not None)
        else:
            parsed[name] = value
    return parsed


def _require_settings(document: Document, rule: str, settings: Mapping[str, Any]) -> None:
    needed = {"min-age": "age", "max-age": "age", "size": "max"}.get(rule)
    if needed is not None and needed not in settings and not document.has("policy", rule, needed):
        document.refuse("missing-key", ("policy", rule), f"has no `{needed}`")


def _parse_size(document: Document, key: Path, value: str | int) -> int | None:
    if isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
        return int(found[1]) * _UNITS[found[2]]
    if isinstance(value, int) and value >= 0:
        return value
    document.refuse("bad-size", key, f"is {show(value)}, not a number of bytes or a size such as `200 MB`")
    return None


def _parse_waivers(document: Document, items: Sequence[Mapping[str, Any] | None]) -> tuple[Waiver, ...]:
    waivers = []
    for place, item in enumerate(items):
        if item is None or not {"rule", "package", "reason"} <= item.keys():
            continue
        key = ("policy", "waive", place)
        rule = item["rule"]
        if rule not in RULES:
            document.refuse(
                "unknown-rule", (*key, "rule"), f"is {show(rule)}, which is no rule", *suggest(rule, RULES)
            )
        package = parse_name(document, (*key, "package"), item["package"])
        if not item["reason"].strip():
            document.refuse(
                "bad-value", (*key, "reason"), "is empty", "say why, for whoever reads it next year"
            )
        if package is not None:
            waivers.append(Waiver(rule=rule, package=package, reason=item["reason"], until=item.get("until")))
    return tuple(waivers)
