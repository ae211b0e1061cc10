"""Bytecode of an unpacked wheel, made by the interpreter that will import it.

It is validated by timestamp: an edit of a module is noticed, and links and copies of ours keep the mtime
that it names. So it fits one entry of the store as it is now: its own entry is keyed by the wheel's key,
the generation of that entry, the interpreter's cache tag and its magic number.

The processes are the caller's: a ``run`` is handed in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from envctl import atomic
from envctl.frozen import dataclass
from envctl.wheel import bytecode_worker

#: Runs a command with bytes on its stdin; returns its stdout, whatever its exit code.
Run = Callable[[Sequence[str], bytes], bytes]

#: How often a batch is taken up again behind a file that crashed the interpreter.
_CRASHES = 3


@dataclass(frozen=True, slots=True)
class Compiled:
    """How many modules were compiled, and which were not (paths relative to the site)."""

    count: int
    skipped: tuple[str, ...]


def bytecode_key(wheel_key: str, generation: str, *, cache_tag: str, magic: str) -> str:
    """Name the bytecode of one entry of wheels for one interpreter; ``magic`` is hexadecimal."""
    return f"{wheel_key}-{generation}-{cache_tag}-{magic}"


def compile_site(
    tree: str, files: Sequence[str], output: str, *, executable: str, workers: int, run: Run
) -> Compiled:
    """Compile the modules among ``files`` (relative to ``tree``, the folder of the site) into ``output``.

    The result lies at the same paths, in ``__pycache__``. What is no valid source for this interpreter is
    left out. ``workers`` processes share the work.
    """
    modules = [path for path in files if path.endswith(".py")]
    for folder in {os.path.dirname(path) for path in modules}:
        # py_compile would make them, each process its own; two may not do it at once everywhere.
        atomic.make_directories(os.path.join(output, folder).rstrip("/"))
    batches = [batch for batch in (modules[start::workers] for start in range(max(1, workers))) if batch]
    command = (
        executable, "-I", "-S", "-B", "-X", "utf8", "-W", "ignore", bytecode_worker.__file__, tree, output,
    )  # fmt: skip
    with ThreadPoolExecutor(max(1, len(batches))) as pool:
        skipped = [
            path for part in pool.map(lambda batch: _compile(command, batch, run), batches) for path in part
        ]
    return Compiled(len(modules) - len(skipped), tuple(sorted(skipped)))


def _compile(command: Sequence[str], batch: Sequence[str], run: Run) -> list[str]:
    skipped: list[str] = []
    for _ in range(_CRASHES):
        answer = run(command, b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in batch))
        lines = answer.split()
        skipped += [path for path, line in zip(batch, lines, strict=False) if line == b"-"]
        if len(lines) >= len(batch):
            return skipped
        # It died at the next one.
        skipped.append(batch[len(lines)])
        batch = batch[len(lines) + 1 :]
        if not batch:
            return skipped
    return [*skipped, *batch]
