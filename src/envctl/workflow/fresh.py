"""The receipt of a lock that was found up to date: a digest of every input of that answer.

It lies in the cache, under the path of the manifest. Labels, whose files `envctl.unchanged` looks at again::

    version               of envctl
    lock                  the path of the lock
    packages              how many it holds
    file PATH             sha256 of a file that was read, or ``absent``: manifest, ``pyproject.toml``, lock,
                          metadata of path sources, the user's settings, ``pyvenv.cfg`` of environments
    stat PATH             size and mtime of the interpreters that environments get or ask for by path

What a lock covers depends on the interpreters that the environments get on this machine. While those that
they got are there, and the lock covers them, another one that is installed moves nothing: an environment
keeps its own, and of what is found a covered one goes first.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from envctl.environment.configuration import choose_executable, read_configuration
from envctl.manifest.manifest import Manifest
from envctl.manifest.select import python_requests
from envctl.memo import put
from envctl.model.artifact import Artifact
from envctl.model.interpreter import Interpreter
from envctl.model.settings import Settings
from envctl.receipt import ABSENT, FILE, STAT, describe_file, digest_file, format_receipt
from envctl.unchanged import lock_receipt_path
from envctl.version import VERSION
from envctl.workflow.inputs import Loaded
from envctl.workflow.locks import LoadedLock
from envctl.workflow.sources import list_input_files


def keep_receipt(
    settings: Settings,
    loaded: Loaded,
    lock: LoadedLock,
    direct: Mapping[str, Artifact],
    interpreters: Iterable[tuple[str, Interpreter]],
) -> None:
    """Remember that a lock is up to date, and from what that was told.

    ``interpreters`` are those that environments get, by the environments' names. Where one of these gets
    none, or what its ``pyvenv.cfg`` names is not there, the answer depends on more than can be looked at
    quickly, and nothing is remembered; nor is it in a cache that cannot be written, or is this run's alone.
    """
    found = dict(interpreters)
    if settings.no_cache or lock.lock is None or not are_settled(loaded.manifest, found):
        return
    labels = {
        "version": VERSION,
        "lock": lock.path,
        "packages": str(len(lock.lock.packages)),
        f"{FILE}{lock.path}": f"sha256:{lock.digest}",
        f"{FILE}{settings.file}": digest_file(settings.file) or ABSENT,
    }
    for path, digest in loaded.digests.items():
        labels[f"{FILE}{path}"] = f"sha256:{digest}"
    for declaration in loaded.manifest.environments.values():
        path = os.path.join(declaration.path, "pyvenv.cfg")
        labels.setdefault(f"{FILE}{path}", digest_file(path) or ABSENT)
    for path in list_input_files(direct.values()):
        labels.setdefault(f"{FILE}{path}", digest_file(path) or ABSENT)
    paths = [interpreter.executable for interpreter in found.values()]
    for declaration in loaded.manifest.environments.values():
        requests = python_requests(loaded.manifest, declaration)
        paths += [request.path for request in requests if request.path is not None]
    for path in paths:
        labels[f"{STAT}{path}"] = describe_file(path)
    try:
        data = format_receipt(labels)
    except ValueError:
        return  # the next run reads everything again
    put(settings.cache_dir, lock_receipt_path(settings.cache_dir, loaded.manifest.path), data)


def are_settled(manifest: Manifest, found: Mapping[str, Interpreter]) -> bool:
    """Whether each environment that counts has an interpreter, the one that it names if it names any."""
    counted = ["default"] if manifest.lock.python else list(manifest.environments)
    if not all(name in found for name in counted):
        return False
    for declaration in manifest.environments.values():
        configuration = read_configuration(declaration.path)
        if configuration is not None and choose_executable(configuration) is None:
            return False
    return True
