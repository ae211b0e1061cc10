"""File names of wheels and sdists: whether one is valid, and which project and version it is of.

The rules are packaging's; pages have ten thousand names, so what repeats (project, tags) is judged once
and the rest is taken apart with string operations. Stricter than packaging in two things: a name
holds only the characters that file names of distributions need, so it can be shown and stored as it is,
and a set of tags that would expand to thousands is refused.

Source: PyPA "Binary distribution format" and "Source distribution format", file name sections.
"""

from __future__ import annotations

import re
from functools import lru_cache

from packaging.utils import canonicalize_name

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!~-]{0,254}", re.ASCII)
_BUILD = re.compile(r"[0-9]", re.ASCII)
#: A compressed tag set multiplies out: 250 characters can stand for 80,000 tags.
_MAXIMAL_TAGS = 512
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)


def split_filename(filename: str) -> tuple[str, str] | None:
    """Return the normalised project name and the version's text; None when the name is not valid.

    Whether the text is a version (PEP 440) is left to the caller, who meets each one many times.
    """
    if _SAFE.fullmatch(filename) is None:
        return None
    if filename.endswith(".whl"):
        return _split_wheel(filename)
    stem = filename.removesuffix(".tar.gz")
    if stem == filename:
        stem = filename.removesuffix(".zip")
        if stem == filename:
            return None
    written, _, version = stem.rpartition("-")
    name = _normalize(written)
    return None if name is None else (name, version)


def _split_wheel(filename: str) -> tuple[str, str] | None:
    parts = filename[:-4].split("-")
    if len(parts) not in {5, 6}:
        return None
    if len(parts) == 6 and _BUILD.match(parts[2]) is None:
        return None
    name = None if "__" in parts[0] else _normalize(parts[0])
    if name is None or not _is_tag("-".join(parts[-3:])):
        return None
    return name, parts[1]


@lru_cache(maxsize=4096)
def _normalize(written: str) -> str | None:
    return canonicalize_name(written) if _NAME.fullmatch(written) else None


@lru_cache(maxsize=4096)
def _is_tag(text: str) -> bool:
    """Whether a compressed tag set is valid, and small enough to be expanded by whoever looks at it."""
    interpreters, abis, platforms = (component.split(".") for component in text.split("-"))
    if len(interpreters) * len(abis) * len(platforms) > _MAXIMAL_TAGS:
        return False
    if "" in interpreters or "" in abis or "" in platforms:
        return False
    return all(interpreter.isidentifier() for interpreter in interpreters)
