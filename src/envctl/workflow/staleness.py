"""Whether the lock is up to date: the digest of manifest, coverage and path sources held against its own."""

from __future__ import annotations

import os
from collections.abc import Mapping

from envctl.errors import CheckError
from envctl.lock.freshness import digest, is_fresh
from envctl.lock.lock import Lock
from envctl.manifest.manifest import Manifest
from envctl.model.artifact import Archive, Artifact, Directory, identify
from envctl.workflow.coverage import Coverage, stated_coverage
from envctl.workflow.locks import LoadedLock


def expected_digest(manifest: Manifest, lock: Lock | None, direct: Mapping[str, Artifact]) -> str:
    """Digest what decides the lock: the manifest's part of it, its targets, its path sources."""
    return digest_inputs(manifest, stated_coverage(manifest, lock), direct)


def digest_inputs(manifest: Manifest, coverage: Coverage, direct: Mapping[str, Artifact]) -> str:
    """Digest what decides a lock of this coverage."""
    return digest(
        manifest, targets=coverage.targets, pythons=coverage.pythons, projects=project_digests(direct)
    )


def project_digests(direct: Mapping[str, Artifact]) -> Mapping[str, str]:
    """Digest what lies on this machine: the metadata of directories, archives whole."""
    found: dict[str, str] = {}
    for name, artifact in direct.items():
        match artifact:
            case Directory():
                found[name] = artifact.metadata_digest
            case Archive(path=str()):
                found[name] = identify(artifact)
            case _:
                pass
    return found


def is_up_to_date(manifest: Manifest, lock: Lock | None, direct: Mapping[str, Artifact]) -> bool:
    """Whether a lock was made from what manifest and sources say now, on whatever machine."""
    return lock is not None and is_fresh(lock, expected_digest(manifest, lock, direct))


def refuse_stale(lock: LoadedLock) -> CheckError:
    """Say that there is no lock, or that it does not fit the manifest."""
    path = os.path.basename(lock.path)
    hints = ["`envctl lock` brings it up to date"]
    if lock.lock is None:
        return CheckError("lock-missing", f"there is no `{path}`", where=lock.path, hints=hints)
    return CheckError(
        "lock-stale", f"`{path}` does not fit the manifest any more", where=lock.path, hints=hints
    )
