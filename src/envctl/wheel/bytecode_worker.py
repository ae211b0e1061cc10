"""Compile modules; run by the interpreter that will import them, whatever its version (3.8 and later).

``worker.py SITE OUTPUT``, with paths relative to SITE on stdin, each ended by a NUL. For each, in order,
one line is written: ``+`` compiled, ``-`` not valid source here. Nothing of envctl can be imported here.
"""

import os
import py_compile
import sys
import warnings
from importlib.util import cache_from_source


def _compile(site: str, output: str, path: str) -> bool:
    source = os.path.join(site, path)
    # Beside where the source would be if the output were the site.
    target = cache_from_source(os.path.join(output, path), optimization="")
    try:
        py_compile.compile(
            source,
            target,
            # Relative: CPython puts the real path in when it imports, and the bytes are the same anywhere.
            dfile=path,
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP,
        )
    except Exception:  # noqa: BLE001 - whatever a compiler finds wrong with somebody's file, it is left out
        return False
    return True


def main() -> None:
    """Do what the module says."""
    site, output = sys.argv[1:3]
    warnings.simplefilter("ignore")
    for path in sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\0")[:-1]:
        sys.stdout.write("+\n" if _compile(site, output, path) else "-\n")
        # At once: when a file crashes the interpreter, the caller knows which.
        sys.stdout.flush()


if __name__ == "__main__":
    main()
