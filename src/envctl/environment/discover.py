"""Where Python interpreters lie on this machine: paths, nothing is run.

These are known folders: asking a discovery library costs seconds, since it runs every shim it meets. On
Windows the registry knows, too (PEP 514).
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping

from envctl.environment.managers import list_conda_bases, list_roots
from envctl.frozen import dataclass
from envctl.receipt import describe_file

if sys.platform == "win32":
    from envctl.environment.registry import list_registered

_NAME = re.compile(r"(?:python|pypy)(?:3(?:\.(\d+))?)?(?:t|d|-dbg|-debug)?(?:\.exe)?")
_MINOR = re.compile(r"(?:python|pypy)[-@]?3\.(\d+)")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A path that looks like an interpreter; ``minor`` is the language version its name promises, if any."""

    path: str
    minor: tuple[int, int] | None


def list_candidates(environ: Mapping[str, str]) -> tuple[Candidate, ...]:
    """List what looks like an interpreter, each file once, in the order in which it is preferred."""
    seen: set[str] = set()
    candidates = []
    for path in _list_paths(environ):
        real = os.path.realpath(path)
        if real not in seen and os.access(real, os.X_OK) and not _is_python_2(real):
            seen.add(real)
            candidates.append(Candidate(path, _guess_minor(real)))
    return tuple(candidates)


def digest_candidates(environ: Mapping[str, str]) -> str:
    """Digest which interpreters there are to choose from: their paths, sizes and times. None is started."""
    paths = [candidate.path for candidate in list_candidates(environ)]
    lines = [f"{path}\0{os.path.realpath(path)}\0{describe_file(path)}" for path in paths]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _is_python_2(path: str) -> bool:
    return os.path.basename(path).startswith("python2")


def _list_paths(environ: Mapping[str, str]) -> Iterator[str]:
    yield sys.executable
    for folder in _list_folders(environ):
        yield from _list_interpreters(folder)
    if sys.platform == "win32":
        yield from list_registered()


def _list_folders(environ: Mapping[str, str]) -> Iterator[str]:
    for folder in environ.get("PATH", "").split(os.pathsep):
        # Shims decide by the working folder what they start: what they can start is found below.
        if os.path.isabs(folder) and os.path.basename(folder.rstrip(os.sep)) != "shims":
            yield folder
    for root in list_roots(environ):
        for name in reversed(_list_names(root.path)):
            # What a kill left half made begins with a dot.
            if name.startswith(root.start) and not name.startswith("."):
                yield os.path.join(root.path, name, "bin")
                if sys.platform == "win32":
                    yield os.path.join(root.path, name)
    for base in list_conda_bases(environ):
        yield base if sys.platform == "win32" else os.path.join(base, "bin")
    yield from ("/usr/bin", "/usr/local/bin")


def _list_interpreters(folder: str) -> Iterator[str]:
    names = [name for name in _list_names(folder) if _NAME.fullmatch(name)]
    # A plain `python` may be Python 2, which cannot even be asked: only where it is alone.
    numbered = [name for name in names if "3" in name]
    for name in numbered or names:
        yield os.path.join(folder, name)


def _list_names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _guess_minor(path: str) -> tuple[int, int] | None:
    match = _NAME.fullmatch(os.path.basename(path))
    if match and match[1]:
        return 3, int(match[1])
    matches = _MINOR.findall(path)
    return (3, int(matches[-1])) if matches else None
