"""Keeping a lock that was made with all that it was made from; `envctl.made` says how, and finds it again.

Not kept is a lock that depends on more than can be looked at quickly: metadata that a build or a source
distribution told; an index that lies on this machine, is flat, or was asked for a name that it lacks; a
limit of ``exclude-newer`` that moves with time; an environment that gets no interpreter.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta

import packaging

from envctl.environment.configuration import choose_executable, read_configuration
from envctl.environment.discover import digest_candidates
from envctl.errors import EnvctlError
from envctl.frozen import dataclass, fields
from envctl.lock.difference import LockChange
from envctl.lock.lock import Lock
from envctl.made import INSTALLED, NONE, PLAIN, Made, encode, keep_made, key_for
from envctl.manifest.manifest import Declaration
from envctl.manifest.select import python_requests
from envctl.model.artifact import Artifact
from envctl.model.interpreter import Interpreter
from envctl.receipt import ABSENT, FILE, STAT, describe_file, describe_kernel, digest_file, settle
from envctl.version import VERSION
from envctl.workflow.basis import Basis
from envctl.workflow.context import Context, open_memo
from envctl.workflow.coverage import find_all_interpreters
from envctl.workflow.fresh import are_settled
from envctl.workflow.inputs import Loaded
from envctl.workflow.locks import LoadedLock
from envctl.workflow.sources import find_direct_artifacts, list_input_files

#: The folder of envctl's dependencies: it changes when one of them does.
_DEPENDENCIES = os.path.dirname(os.path.dirname(packaging.__file__))


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How a lock was made: what was read, and what was asked for.

    ``found`` are the interpreters that environments get, by the environments' names; ``fits`` says that the
    lock ``before`` was up to date.
    """

    loaded: Loaded
    declaration: Declaration
    direct: Mapping[str, Artifact]
    before: LoadedLock
    found: tuple[tuple[str, Interpreter], ...]
    fits: bool = False
    wish: str = PLAIN


def keep_lock(
    context: Context, making: Making, lock: Lock, changes: tuple[LockChange, ...], basis: Basis | None
) -> Mapping[str, str] | None:
    """Keep a lock that was made, if what it was made from can be looked at again; return its labels then."""
    manifest, before = making.loaded.manifest, making.before
    limits = (*manifest.lock.exclude_newer.values(), *manifest.lock.index_limits.values())
    spans = any(isinstance(limit, timedelta) for limit in limits)
    if context.settings.no_cache or basis is None or spans:
        return None
    if not are_settled(manifest, dict(making.found)):
        return None
    try:
        labels = {
            "version": VERSION,
            "installed": INSTALLED,
            "kernel": describe_kernel(),
            "settings": context.settings.file,
            "lock": before.path,
            "packages": str(len(lock.packages)),
            "fresh": "yes" if making.fits else "no",
            **dict(_label_inputs(context, making)),
            **dict(_label_basis(context, basis)),
            **dict(_label_words(changes, basis)),
        }
    except ValueError:
        return None
    if _has_moved(context, making):
        return None
    key = key_for(manifest.path, context.environment, making.wish)
    keep_made(open_memo(context.settings), key, Made(labels, lock.data))
    return labels


def _label_inputs(context: Context, making: Making) -> Iterator[tuple[str, str]]:
    manifest, before, found = making.loaded.manifest, making.before, dict(making.found)
    paths = [interpreter.executable for interpreter in found.values()]
    has_choice = False
    for name, declaration in manifest.environments.items():
        configuration = os.path.join(declaration.path, "pyvenv.cfg")
        yield f"{FILE}{configuration}", digest_file(configuration) or ABSENT
        present = choose_executable(read_configuration(declaration.path) or {})
        named = [each.path for each in python_requests(manifest, declaration) if each.path is not None]
        paths += [*named, *([present] if present is not None else [])]
        if name in found and found[name].executable != present and not named:
            has_choice = True
    for path in paths:
        yield f"{STAT}{path}", describe_file(path)
    yield "pythons", digest_candidates(context.settings.environ) if has_choice else NONE
    for path in list_input_files(making.direct.values()):
        yield f"{FILE}{path}", digest_file(path) or ABSENT
    for path, digest in making.loaded.digests.items():
        yield f"{FILE}{path}", f"sha256:{digest}"
    yield f"{FILE}{before.path}", f"sha256:{before.digest}" if before.digest else ABSENT


def _label_basis(context: Context, basis: Basis) -> Iterator[tuple[str, str]]:
    # A page that is written once more within one tick of the clock could look the same.
    settle(max((int(stamp.partition("-")[2]) for stamp in basis.records.values()), default=0))
    for path, stamp in basis.records.items():
        yield f"{STAT}{path}", stamp
    yield "until", NONE if basis.until is None else str(basis.until)
    yield f"{FILE}{context.settings.file}", basis.settings or ABSENT
    yield f"{STAT}{_DEPENDENCIES}", describe_file(_DEPENDENCIES)


def _label_words(changes: tuple[LockChange, ...], basis: Basis) -> Iterator[tuple[str, str]]:
    """Label what is said of a lock. Raises ValueError for words that do not fit into a line."""
    yield "summary", basis.summary
    for change in changes:
        values = {name: getattr(change, name) for name in fields(change) or ()}
        yield f"change {change.name}", _join(*(f"{name}={encode(value)}" for name, value in values.items()))
    for number, notice in enumerate(basis.notices):
        yield f"notice {number:06}", _join(notice.level, notice.code, notice.message, *notice.hints)


def _join(*parts: str) -> str:
    if any("\t" in part or "\n" in part for part in parts):
        raise ValueError(parts)
    return "\t".join(parts)


def _has_moved(context: Context, making: Making) -> bool:
    """Whether what was read before resolving is another by now: then nobody knows what the lock is of."""
    manifest, before = making.loaded.manifest, making.before.lock
    try:
        now = find_all_interpreters(manifest, making.declaration, before, settings=context.settings)
        return now != making.found or find_direct_artifacts(manifest) != making.direct
    except EnvctlError:
        return True
