"""What an interpreter is, as a value, remembered until its file changes.

The cache, ``<cache>/interpreters-v1/<digest of the real path>.json``, holds what the interpreter said
of itself under a *stamp*: its file's size and mtime, and the kernel's name and version, since markers
and tags depend on them. So the warm path costs a ``stat`` and the reading of one small file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from envctl import atomic
from envctl.errors import MachineError
from envctl.model.interpreter import Interpreter
from envctl.receipt import describe_kernel

_BUCKET = "interpreters-v1"


def probe(executable: str, *, cache_dir: str, environ: Mapping[str, str]) -> Interpreter:
    """Describe the interpreter at ``executable``, or its base when it is a virtual environment's.

    Raises:
        MachineError: `interpreter-missing` when there is no such file; `interpreter-unsupported` for a
            Python older than 3.8; `interpreter-broken` for anything that cannot describe itself.
    """
    executable = os.path.abspath(executable)
    real = os.path.realpath(executable)
    try:
        status = os.stat(real)
    except OSError as error:
        raise MachineError(
            "interpreter-missing",
            f"there is no interpreter at `{executable}`: {error.strerror}",
            where=executable,
        ) from error
    stamp = f"{status.st_size} {status.st_mtime_ns} {describe_kernel()}"
    name = hashlib.sha256(os.fsencode(real)).hexdigest()
    place = os.path.join(cache_dir, _BUCKET, f"{name}.json")
    document = _recall(place, stamp)
    if document is None:
        document = _ask(executable, environ)
        if os.path.realpath(document["executable"]) == real:
            # A shim that starts now this, now that interpreter is asked each time.
            _remember(place, stamp, document)
    if "unsupported" in document:
        raise MachineError("interpreter-unsupported", document["unsupported"], where=executable)
    return _make(document)


def _ask(executable: str, environ: Mapping[str, str]) -> dict[str, Any]:
    # The way to subprocesses and to wheel tags costs 40 ms of imports: only a cold cache pays them.
    from envctl.environment.interrogate import interrogate  # noqa: PLC0415

    try:
        return interrogate(executable, environ)
    except MachineError as error:
        if error.code != "interpreter-unsupported":
            raise
        return {"executable": executable, "base": executable, "unsupported": error.message}


def _recall(place: str, stamp: str) -> dict[str, Any] | None:
    try:
        with open(place, "rb") as file:
            document = json.loads(file.read())
        if document["stamp"] != stamp or not os.path.exists(document["base"]):
            return None
        if "unsupported" not in document:
            _make(document)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(document)


def _remember(place: str, stamp: str, document: Mapping[str, Any]) -> None:
    temporary = f"{place}.{atomic.unique_name()}.tmp"
    try:
        atomic.make_directories(os.path.dirname(place))
        atomic.write(temporary, json.dumps({**document, "stamp": stamp}).encode())
        atomic.rename(temporary, place)
    except OSError:
        # A cache that cannot be written costs time, nothing else.
        with contextlib.suppress(OSError):
            atomic.remove(temporary)


def _make(document: Mapping[str, Any]) -> Interpreter:
    base = document["base"]
    status = os.stat(base)
    return Interpreter(
        executable=base,
        implementation=document["implementation"],
        version=document["version"],
        platform=document["platform"],
        free_threaded=document["free_threaded"],
        debug=document["debug"],
        markers=document["markers"],
        tags=tuple(document["tags"]),
        cache_tag=document["cache_tag"],
        magic=document["magic"],
        identity=f"{document['version']} {status.st_size} {status.st_mtime_ns}",
        externally_managed=document["externally_managed"],
    )
