"""Bytecode into the store: at once where the manifest wants to wait, else later, out of everybody's way.

Nobody should wait for bytecode before an environment is usable, and a build of an image should: so
``auto`` links what the store has and lets a process of its own fill the store after the switch
(`envctl.workflow.later` starts it, this module is what it runs). ``true`` waits; ``false`` never compiles.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from envctl.children import hide_passwords
from envctl.model.events import Advanced, Emit, Ended, Phase, Started, ignore
from envctl.model.interpreter import Interpreter
from envctl.store.entry import Entry
from envctl.store.store import Store
from envctl.wheel.bytecode import compile_site
from envctl.workflow.keys import BYTECODE, bytecode_key

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
    # What it is of, so that it can be told when it is of no use any more.
    return {
        "modules": done.count,
        "wheel": entry.key,
        "generation": entry.generation,
        "cache_tag": interpreter.cache_tag,
        "magic": interpreter.magic,
        "executable": interpreter.executable,
    }


def _run(command: Sequence[str], data: bytes) -> bytes:
    environ = hide_passwords(
        {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    )
    return subprocess.run(
        list(command), input=data, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    ).stdout


def main() -> None:
    """Fill the store as the request on stdin says, and hash what is doubtful; `compile_later` starts it."""
    os.nice(19)
    folder, executable, cache_tag, magic, wanted, doubtful = json.load(sys.stdin)
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
    for bucket, key in doubtful:
        entry = store.get(bucket, key)
        if entry is not None:
            store.settle(entry)
    entries = [store.get(bucket, key) for bucket, key in wanted]
    compile_entries(store, [entry for entry in entries if entry is not None], interpreter, ignore)


if __name__ == "__main__":
    main()
