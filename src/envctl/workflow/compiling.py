"""Bytecode into the store: at once where the manifest wants to wait, else later, out of everybody's way.

Nobody should wait for bytecode before an environment is usable, and a build of an image should: so
``auto`` links what the store has and lets a process of its own, at the lowest priority, fill the store
after the switch; only where a person sits at a terminal. ``true`` waits; ``false`` never compiles.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from envctl.model.events import Advanced, Emit, Ended, Phase, Started, ignore
from envctl.model.interpreter import Interpreter
from envctl.store.entry import Entry
from envctl.store.store import Store
from envctl.transaction.trash import may_detach
from envctl.wheel.bytecode import compile_site
from envctl.workflow.keys import BUILT, BYTECODE, WHEELS, bytecode_key

#: Processes at once: compiling is all CPU.
WORKERS = max(1, min(8, os.cpu_count() or 1))


def compile_entries(
    store: Store, entries: Sequence[Entry], interpreter: Interpreter, emit: Emit
) -> Mapping[str, Entry]:
    """Compile each entry for ``interpreter`` into the store; by the entry's key."""
    emit(Started(Phase.COMPILE, len(entries)))
    with ThreadPoolExecutor(WORKERS) as pool:

        def compile_one(entry: Entry) -> Entry:
            compiled = store.add(
                BYTECODE,
                bytecode_key(entry, interpreter),
                lambda target: _compile(entry, target, interpreter),
            )
            emit(Advanced(Phase.COMPILE, 1, str(entry.about.get("name", ""))))
            return compiled

        # Large ones first, so that the last to end is a small one.
        ordered = sorted(entries, key=lambda entry: -len(entry.files))
        made = list(pool.map(compile_one, ordered))
    emit(Ended(Phase.COMPILE, f"Compiled {len(entries)} package{'s' if len(entries) != 1 else ''}"))
    return {entry.key: each for entry, each in zip(ordered, made, strict=True)}


def _compile(entry: Entry, target: str, interpreter: Interpreter) -> Mapping[str, object]:
    files = [file.path.removeprefix("site/") for file in entry.files if file.path.startswith("site/")]
    done = compile_site(
        os.path.join(entry.tree, "site"),
        files,
        target,
        executable=interpreter.executable,
        workers=1,
        run=_run,
    )
    return {"modules": done.count}


def _run(command: Sequence[str], data: bytes) -> bytes:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        list(command), input=data, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    ).stdout


def compile_later(
    store: Store, entries: Iterable[Entry], interpreter: Interpreter, environ: Mapping[str, str]
) -> None:
    """Have a detached process fill the store, where a person sits at a terminal; else do nothing."""
    wanted = [
        ["wheels" if entry.folder.startswith(f"{store.folder}/{WHEELS}/") else "built", entry.key]
        for entry in entries
    ]
    if not wanted or not _is_watched() or not may_detach(environ):
        return
    request = json.dumps(
        [store.folder, interpreter.executable, interpreter.cache_tag, interpreter.magic, wanted]
    )
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "envctl.workflow.compiling"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    if process.stdin is not None:
        process.stdin.write(request.encode())
        process.stdin.close()
    # Its exit is of no concern to this run, and a warning about it would be noise.
    process.returncode = 0


def _is_watched() -> bool:
    """Whether a person is at a terminal: nobody else wants processor time spent after the command ended."""
    return sys.stderr is not None and sys.stderr.isatty()


def main() -> None:
    """Fill the store as the request on stdin says; what `compile_later` starts."""
    os.nice(19)
    folder, executable, cache_tag, magic, wanted = json.load(sys.stdin)
    store = Store(folder)
    interpreter = Interpreter(
        executable=executable,
        implementation="cpython",
        version="",
        platform="",
        free_threaded=False,
        debug=False,
        markers={},
        tags=(),
        cache_tag=cache_tag,
        magic=magic,
        identity="",
    )
    entries = [store.get(WHEELS if bucket == "wheels" else BUILT, key) for bucket, key in wanted]
    compile_entries(store, [entry for entry in entries if entry is not None], interpreter, ignore)


if __name__ == "__main__":
    main()
