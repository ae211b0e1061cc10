"""Manifests made in the test, without a file."""

from __future__ import annotations

from typing import Any

from envctl.manifest.manifest import (
    BuildSettings,
    Declaration,
    Index,
    LockSettings,
    Manifest,
    ProjectReference,
)
from envctl.model.tables import InstallSettings, PolicySettings


def make_manifest(
    *,
    folder: str = "/projects/shop",
    name: str | None = None,
    project: str | None = None,
    install: bool = True,
    dependencies: Any = (),
    groups: Any = None,
    extras: Any = None,
    sources: Any = None,
    indexes: tuple[Index, ...] = (Index(name="main", url="https://user:secret@index.example/simple/"),),
    default_groups: tuple[str, ...] = (),
    default_extras: tuple[str, ...] = (),
    build: BuildSettings | None = None,
    **lock: Any,
) -> Manifest:
    """A manifest with the contract's defaults; further keywords are fields of ``[lock]``."""
    return Manifest(
        path=f"{folder}/env.toml",
        folder=folder,
        digest="sha256:0",
        name=name,
        project=None if project is None else ProjectReference(path=project, written=".", install=install),
        dependencies=dependencies,
        groups=groups or {},
        extras=extras or {},
        sources=sources or {},
        indexes=indexes,
        lock=LockSettings(path=f"{folder}/pylock.toml", **lock),
        build=build or BuildSettings(),
        install=InstallSettings(),
        policy=PolicySettings(rules={}),
        environments={
            "default": Declaration(
                name="default", path=f"{folder}/.venv", groups=default_groups, extras=default_extras
            )
        },
    )
