"""What the environments of a manifest need of its lock, on whichever machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from envctl.errors import InputError
from envctl.frozen import dataclass
from envctl.lock.choose import choose
from envctl.lock.lock import Lock
from envctl.manifest.manifest import Manifest
from envctl.manifest.select import python_requests
from envctl.model.artifact import Archive, Artifact, Sdist, Wheel
from envctl.model.selection import Pin
from envctl.model.target import Target
from envctl.model.targets import make_target
from envctl.workflow.coverage import admits
from envctl.workflow.origins import file_name


@dataclass(frozen=True, slots=True)
class Need:
    """A pin, and the target that needs it."""

    pin: Pin
    target: Target


def choose_cells(
    manifest: Manifest, lock: Lock, targets: Sequence[str], pythons: Sequence[str]
) -> tuple[Target, ...]:
    """Make the targets that are meant: those that are named, else all that the lock covers.

    A Python that no environment of the manifest can have is left out.

    Raises:
        InputError: `not-locked-for` for one that the lock does not cover, or no environment can have;
            `unknown-target`.
    """
    for kind, named, covered in (("target", targets, lock.targets), ("Python", pythons, lock.pythons)):
        for name in named:
            if name not in covered:
                raise InputError(
                    "not-locked-for",
                    f"the lock does not cover {kind} `{name}`; it is for {', '.join(covered)}",
                    where=lock.path,
                    hints=[f"add it to `{'targets' if kind == 'target' else 'python'}` under `[lock]`"],
                )
    meant = [python for python in pythons or lock.pythons if _is_possible(manifest, python)]
    if not meant:
        raise InputError(
            "not-locked-for",
            f"no environment of the manifest can have Python {' or '.join(pythons or lock.pythons)}",
            where=manifest.path,
            hints=["look at `python` in the manifest"],
        )
    return tuple(make_target(name, python) for name in targets or lock.targets for python in meant)


def _is_possible(manifest: Manifest, python: str) -> bool:
    return any(
        admits(python_requests(manifest, declaration), python)
        for declaration in manifest.environments.values()
    )


def list_needs(manifest: Manifest, lock: Lock, cells: Sequence[Target]) -> Iterator[Need]:
    """List what every environment of the manifest needs on each target whose Python it can have."""
    for target in cells:
        for declaration in manifest.environments.values():
            if admits(python_requests(manifest, declaration), target.python):
                selection = choose(
                    lock, target, groups=frozenset(declaration.groups), extras=frozenset(declaration.extras)
                )
                yield from (Need(pin, target) for pin in selection.pins.values())


def file_of(artifact: Artifact) -> tuple[str, Mapping[str, str]] | None:
    """Return name and digests of the file that an artifact is; None for folders and commits."""
    match artifact:
        case Wheel() | Sdist():
            return artifact.filename, artifact.hashes
        case Archive():
            return file_name(artifact.path or artifact.url or ""), artifact.hashes
        case _:
            return None
