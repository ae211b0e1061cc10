"""What an interpreter is, as a value, remembered until its file changes.

What it said of itself is kept (`envctl.memo`, ``interpreters-v2``) under the digest of its real path, with a
*stamp*: its file's size and mtime, and the kernel's name and version, since markers and tags depend on
them. So the warm path costs a ``stat`` and the reading of one small file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from envctl.errors import MachineError
from envctl.memo import Memo
from envctl.model.interpreter import Interpreter
from envctl.receipt import describe_kernel

#: The kind of what is kept.
INTERPRETERS = "interpreters-v2"


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
    memo, key = Memo(cache_dir), hashlib.sha256(os.fsencode(real)).hexdigest()
    document = _recall(memo, key, stamp)
    if document is None:
        document = _ask(executable, environ)
        if os.path.realpath(document["executable"]) == real:
            # A shim that starts now this, now that interpreter is asked each time.
            memo.keep(INTERPRETERS, key, json.dumps({**document, "stamp": stamp}).encode())
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


def _recall(memo: Memo, key: str, stamp: str) -> dict[str, Any] | None:
    data = memo.find(INTERPRETERS, key)
    if data is None:
        return None
    document: dict[str, Any] = json.loads(data)
    return document if document["stamp"] == stamp and os.path.exists(document["base"]) else None


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
