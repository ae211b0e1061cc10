"""Statements about Python: a specifier, a version, an implementation with a version, or a path."""

from __future__ import annotations

import re

from packaging.specifiers import SpecifierSet

from envctl.frozen import replace
from envctl.manifest.document import Document, show
from envctl.manifest.locate import Path
from envctl.manifest.manifest import PythonRequest
from envctl.manifest.requirements import parse_specifier
from envctl.manifest.urls import parse_path

_VERSION = re.compile(
    r"""
    (?:(?P<implementation>cpython|python|pypy|graalpy)[-@]?)?
    (?P<release>\d{1,4}(?:\.\d{1,4}){0,2})
    (?P<pre>(?:a|b|rc)\d{1,4})?
    (?P<threads>t)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LOCKED = re.compile(r"\d{1,2}\.\d{1,4}(?:\.\d{1,4}|t)?|pypy\d{1,2}\.\d{1,4}", re.ASCII)


def parse_python(document: Document, key: Path, text: str) -> PythonRequest | None:
    """Parse one statement about Python.

    ``3.12`` means any 3.12, ``3.12.4`` that one; ``t`` after it a free-threaded build. What holds a
    separator of folders is a path, relative to the file. Reports `bad-python`, `bad-specifier`, `bad-path`.
    """
    stated = text.strip()
    where = document.where(key)
    if "/" in stated or "\\" in stated or stated.startswith("."):
        path = parse_path(document, key, stated)
        return None if path is None else PythonRequest(text=text, specifier=None, path=path, where=where)
    version = read_python_version(stated)
    if version is not None:
        return replace(version, text=text, where=where)
    if not stated or stated[0] not in "<>=!~":
        document.refuse("bad-python", key, f"is {show(text)}, which names no Python", *_meant(stated))
        return None
    specifier = parse_specifier(document, key, stated)
    return None if specifier is None else PythonRequest(text=text, specifier=specifier, where=where)


def read_python_version(text: str) -> PythonRequest | None:
    """Read a version, maybe with an implementation before it and a ``t`` after it; None for anything else."""
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    implementation = (found["implementation"] or "cpython").lower()
    return PythonRequest(
        text=text,
        specifier=_specifier(found["release"], found["pre"] or ""),
        implementation="cpython" if implementation == "python" else implementation,
        free_threaded=found["threads"] is not None,
    )


def parse_locked_python(document: Document, key: Path, text: str) -> str | None:
    """Check an entry of ``[lock] python``: ``3.12``, ``3.12.4``, ``3.14t``…; reports `bad-python`."""
    if _LOCKED.fullmatch(text):
        return text
    document.refuse(
        "bad-python", key, f"is {show(text)}, not a version such as `3.12`, `3.12.4`, `3.14t` or `pypy3.11`"
    )
    return None


def _specifier(release: str, pre: str) -> SpecifierSet:
    is_whole = release.count(".") == 2 or pre
    return SpecifierSet(f"=={release}{pre}" if is_whole else f"=={release}.*")


def _meant(stated: str) -> tuple[str, ...]:
    if found := re.fullmatch(r"(\d+\.\d+)\.[*x]", stated):
        return (f"did you mean `{found[1]}`?",)
    if found := re.fullmatch(r"\^\s*(\d+)\.(\d+)", stated):
        return (f"did you mean `>={found[1]}.{found[2]},<{int(found[1]) + 1}`?",)
    return ("a specifier (`>=3.11`), a version (`3.12`), `3.14t`, `pypy3.11` or a path to an interpreter",)
