"""A manifest from the cache is the manifest that was parsed."""

from __future__ import annotations

from typing import Any

from envctl.manifest.parse import parse
from envctl.manifest.plain import dump_manifest, load_manifest
from manifest.test_fuzz import FULL


def comparable(value: Any) -> Any:
    """Replace requirements by their texts: one that was parsed before is kept as text."""
    if hasattr(value, "__frozen_fields__"):
        return type(value), {name: comparable(getattr(value, name)) for name in value.__frozen_fields__}
    if isinstance(value, tuple):
        return tuple(map(comparable, value))
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    return str(value) if type(value).__name__ in {"Requirement", "Dependency"} else value


def test_every_key_of_a_manifest_comes_back() -> None:
    manifest = parse(FULL.encode(), path="/projects/shop/env.toml")

    again = load_manifest(dump_manifest(manifest))

    assert comparable(again) == comparable(manifest)


def test_values_that_json_lacks_come_back() -> None:
    text = """
dependencies = ["a; python_version < '3.12'"]
[lock]
exclude-newer = { "*" = "3 days", a = 2026-01-02, b = 2026-01-02T03:04:05Z, c = false }
[policy]
licenses = { mode = "enforce", deny = ["X"] }
waive = [{ rule = "licenses", package = "a", reason = "ours", until = 2027-01-31 }]
"""
    manifest = parse(text.encode(), path="/projects/shop/env.toml")

    again = load_manifest(dump_manifest(manifest))

    assert comparable(again) == comparable(manifest)
