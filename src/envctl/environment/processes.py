"""Which processes run from an environment, as far as ``/proc`` shows; none where there is no such folder.

A process is found by what it was started as, by what it has mapped, and by its working folder. Links in
``/proc`` name files where they are now: what ran from the tree that left is below ``<environment>.envctl``.
Some links and two small files a process, and its mappings where only they can tell.

Source: proc(5).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from envctl.frozen import dataclass

_PROC = "/proc"

#: So many words of a command line are looked at: ``python -X dev .venv/bin/gunicorn``.
_WORDS = 4


@dataclass(frozen=True, slots=True)
class Process:
    """One process; ``name`` is that of its program, without arguments, which may hold what is secret."""

    pid: int
    name: str


def find_processes(environment: str) -> tuple[Process, ...]:
    """Find what runs from the environment at ``environment`` (absolute), by number.

    The process that asks and those that it was started by are left out, and what was started from a
    generation that is kept. Only what this user may look at is seen.
    """
    try:
        pids = sorted(int(name) for name in os.listdir(_PROC) if name.isdecimal())
    except OSError:
        return ()
    paths = {environment, os.path.realpath(environment)}
    live = tuple(f"{path}/" for path in paths)
    kept = tuple(f"{path}.envctl/" for path in paths)
    own = set(_find_ancestors())
    found = (None if pid in own else _look(pid, live, kept) for pid in pids)
    return tuple(process for process in found if process is not None)


def _find_ancestors() -> Iterator[int]:
    pid = os.getpid()
    while pid > 0:
        yield pid
        try:
            # The name in brackets may hold anything, brackets too.
            pid = int(_read(pid, "stat").rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return


def _look(pid: int, live: tuple[str, ...], kept: tuple[str, ...]) -> Process | None:
    try:
        program = os.readlink(f"{_PROC}/{pid}/exe")
        folder = os.readlink(f"{_PROC}/{pid}/cwd")
    except OSError:
        return None  # gone, of the kernel, or of another user
    is_python = os.path.basename(program).startswith(("python", "pypy"))
    is_inside = program.startswith(live + kept) or f"{folder}/".startswith(live + kept)
    if not is_python and not is_inside:
        return None
    try:
        words = os.fsdecode(_read(pid, "cmdline")).split("\0")[:_WORDS]
        places = [os.path.normpath(os.path.join(folder, word)) if "/" in word else "" for word in words]
        if places[0].startswith(kept):
            return None
        named = [place for place in places if place.startswith(live)]
        if is_inside or named or (not os.path.isfile(places[0]) and _uses(pid, live, kept)):
            return Process(pid, os.path.basename(named[-1] if named else words[0] or program))
    except OSError:
        pass
    return None


def _uses(pid: int, live: tuple[str, ...], kept: tuple[str, ...]) -> bool:
    """Whether a Python whose first word tells nothing, a bare name or a title, runs from an environment.

    It is the one that was active; without any, its mappings tell, which take the kernel a millisecond.
    """
    variables = os.fsdecode(_read(pid, "environ")).split("\0")
    active = next((each for each in variables if each.startswith("VIRTUAL_ENV=")), None)
    if active is not None:
        return f"{active.removeprefix('VIRTUAL_ENV=').rstrip('/')}/" in live
    mapped = _read(pid, "maps")
    return any(b" " + os.fsencode(folder) in mapped for folder in live + kept)


def _read(pid: int, name: str) -> bytes:
    with open(f"{_PROC}/{pid}/{name}", "rb", buffering=0) as file:
        return file.read()
