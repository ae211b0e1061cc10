"""What nobody should wait for, done after the command by a process of its own at the lowest priority.

That is bytecode which the store does not have yet, where a person sits at a terminal: nobody else wants so
much processor time spent after the command ended. And the hashes of files that a run could not afford,
which take little and which every later run of the machine relies on: those always, in continuous
integration before the command ends, for there no process may be left behind.
Loads next to nothing, because every apply does; the work itself is in `envctl.workflow.compiling`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence

from envctl.children import hide_passwords
from envctl.model.interpreter import Interpreter
from envctl.store.entry import Entry
from envctl.store.store import Store
from envctl.transaction.trash import may_detach


def compile_later(
    store: Store,
    entries: Iterable[Entry],
    interpreter: Interpreter,
    environ: Mapping[str, str],
    *,
    unsettled: Sequence[Entry] = (),
) -> Sequence[Entry]:
    """Have ``entries`` compiled into the store, and those that are ``unsettled`` hashed whole.

    Compiles nothing off a terminal, nor where no process can be started. Returns the entries that were
    hashed here and found wrong; a process of its own tells by the times of their files (`examine.give_away`).
    """
    if not may_detach(environ):
        return [entry for entry in unsettled if store.settle(entry) is None]
    wanted = [_place(entry) for entry in entries] if _is_watched() else []
    doubtful = [_place(entry) for entry in unsettled]
    if not (wanted or doubtful):
        return ()
    request = [
        store.folder,
        interpreter.executable,
        interpreter.cache_tag,
        interpreter.magic,
        wanted,
        doubtful,
    ]
    try:
        _start([sys.executable, "-P", "-m", "envctl.workflow.compiling"], json.dumps(request).encode())
    except (OSError, NotImplementedError):
        pass  # nobody waits for it
    return ()


def _place(entry: Entry) -> tuple[str, str]:
    """Give an entry's bucket, the third folder from below, and its key."""
    return os.path.basename(os.path.dirname(os.path.dirname(entry.folder))), entry.key


def _is_watched() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _start(command: list[str], data: bytes) -> None:
    """Start a process that reads ``data`` and prints nowhere; `subprocess` would be a heavy import."""
    if sys.platform == "win32":
        raise NotImplementedError
    theirs, ours = os.pipe()
    try:
        actions = [
            (os.POSIX_SPAWN_DUP2, theirs, 0),
            *((os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (1, 2)),
        ]
        os.posix_spawn(sys.executable, command, hide_passwords(os.environ), file_actions=actions, setsid=True)
        os.close(theirs)
        theirs = -1
        while data:
            data = data[os.write(ours, data) :]
    finally:
        os.close(ours)
        if theirs >= 0:
            os.close(theirs)
