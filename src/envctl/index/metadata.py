"""The part of core metadata that decides a resolution, read from METADATA or PKG-INFO.

Only the six fields that matter are looked at: a wrong classifier is no reason to refuse a release. A
requirement that cannot be read is one, because leaving it out would make an environment that lacks it.

Source: PyPA "Core metadata specifications"; PEP 508; PEP 685; RFC 5322, 2.2 for the format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from envctl.errors import UpstreamError
from envctl.model.dependency import Dependency, check_expression, dependency_from
from envctl.model.names import normalise
from envctl.resolve.port import Metadata

_WANTED = frozenset(
    {"metadata-version", "name", "version", "requires-python", "requires-dist", "provides-extra"}
)
#: All minor versions of the format are understood; another major one must not be read.
_MAJOR_VERSIONS = {"1", "2"}
_FIELD = re.compile(r"([!-9;-~]*):(.*)", re.ASCII | re.DOTALL)
#: Longer ones exist only to be slow.
_LONGEST_NAME = 255
_MAXIMAL_REQUIREMENTS = 20_000
#: Old releases say `>=3.6.*`, which PEP 440 never allowed but everybody read as `>=3.6`.
_STAR = re.compile(r"(>=|<=|~=|>|<)(\s*[0-9][0-9A-Za-z.!+-]*?)\.\*", re.ASCII)


def parse_metadata(data: bytes, *, where: str) -> Metadata:
    """Parse core metadata; ``where`` names the file it is of.

    Direct URL requirements are kept: whether they are allowed depends on who asks.

    Raises:
        UpstreamError: `bad-metadata` when the format is of another major version, name or version is
            missing, invalid or given twice, or a requirement or Requires-Python is invalid; it is named.
    """
    fields: dict[str, list[str]] = {name: [] for name in _WANTED}
    for name, value in _read_fields(data):
        if name in _WANTED:
            fields[name].append(value)
    for stated in fields["metadata-version"]:
        if stated.partition(".")[0] not in _MAJOR_VERSIONS:
            message = (
                f"the metadata of `{where}` is in the format `{stated[:20]}`, and only 1 and 2 are known"
            )
            raise UpstreamError("bad-metadata", message, where=where)
    if len(fields["requires-dist"]) > _MAXIMAL_REQUIREMENTS:
        message = f"the metadata of `{where}` has more than {_MAXIMAL_REQUIREMENTS} requirements"
        raise UpstreamError("bad-metadata", message, where=where)
    return Metadata(
        name=_one(fields["name"], "Name", where),
        version=_parse_version(_one(fields["version"], "Version", where), where),
        requires_python=_parse_requires_python(fields["requires-python"], where),
        requirements=tuple(_read_requirement(text, where) for text in fields["requires-dist"]),
        extras=frozenset(normalise(extra) for extra in fields["provides-extra"]),
    )


def _read_fields(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield name (lower case) and value of every header field, up to the empty line before the description.

    A line that is neither field nor continuation ends them too, as in every reader of this format.
    """
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    head = text.partition("\n\n")[0]
    name, value = "", ""
    for line in head.split("\n"):
        if line[:1] in {" ", "\t"}:
            value += f" {line.strip()}"
            continue
        if name:
            yield name, value.strip()
        match = _FIELD.fullmatch(line)
        if match is None:
            return
        name, value = match[1].lower(), match[2]
    if name:
        yield name, value.strip()


def _one(values: list[str], field: str, where: str) -> str:
    if len(values) != 1 or not 0 < len(values[0]) <= _LONGEST_NAME:
        what = "no" if not values else "several" if len(values) > 1 else "an unusable"
        message = f"the metadata of `{where}` has {what} {field}"
        raise UpstreamError("bad-metadata", message, where=where)
    return values[0]


def _parse_version(text: str, where: str) -> Version:
    try:
        return Version(text)
    except (InvalidVersion, ValueError) as error:
        message = f"the metadata of `{where}` has the version `{text}`, which is none"
        raise UpstreamError("bad-metadata", message, where=where) from error


def _parse_requires_python(values: list[str], where: str) -> SpecifierSet | None:
    text = values[0] if values else ""
    if not text:
        return None
    try:
        return _parse_specifier(text if len(values) == 1 else ",".join(values))
    except (InvalidSpecifier, ValueError) as error:
        message = f"the metadata of `{where}` requires Python `{text[:200]}`, which is no specifier"
        raise UpstreamError("bad-metadata", message, where=where) from error


def _read_requirement(text: str, where: str) -> Dependency:
    try:
        return _parse_requirement(text)
    except (InvalidRequirement, InvalidSpecifier, ValueError, RecursionError) as error:
        message = f"the metadata of `{where}` requires `{text[:200]}`, which is no requirement"
        raise UpstreamError("bad-metadata", message, where=where) from error


@lru_cache(maxsize=16_384)
def _parse_specifier(text: str) -> SpecifierSet:
    check_expression(text)
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return SpecifierSet(_mend(text))


@lru_cache(maxsize=16_384)
def _parse_requirement(text: str) -> Dependency:
    """Parse a requirement, each text once: releases of a project mostly repeat each other's."""
    check_expression(text)
    try:
        return dependency_from(Requirement(text))
    except InvalidRequirement:
        requirement, semicolon, marker = text.partition(";")
        return dependency_from(Requirement(_mend(requirement) + semicolon + marker))


def _mend(text: str) -> str:
    """Drop what old releases wrote and everybody understood: `.*` after `>=`, a comma at the end."""
    return _STAR.sub(r"\1\2", text).strip().rstrip(",")
