"""Requirements and specifiers as the lists have them: parsed, normalised, with places for what is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envctl.manifest.document import Document, show
from envctl.manifest.locate import Path
from envctl.manifest.names import is_name
from envctl.manifest.urls import REQUIREMENT_SCHEMES, check_url
from envctl.model.names import normalise

#: Longer texts are not given to the parsers: their patterns backtrack.
_LONGEST = 8192
_LONGEST_SPECIFIER = 1024

_SINGLE_EQUALS = re.compile(r"\s*([\w.-]+(?:\s*\[[^\]]*\])?)\s*=\s*([^=\s].*)")
_SWAPPED = re.compile(r"\s*([\w.-]+(?:\s*\[[^\]]*\])?)\s*=([<>~!])\s*([^=\s].*)")
_OTHER_OPERATOR = re.compile(r"\s*([\w.-]+(?:\s*\[[^\]]*\])?)\s*[\^~]\s*(\d[\w.]*)\s*")


def parse_requirement(document: Document, key: Path, text: str) -> Requirement | None:
    """Parse one requirement, with its name and extras normalised.

    Reports `bad-requirement`, `bad-url`, `credentials-in-url`. Source: PyPA, "Dependency specifiers".
    """
    if len(text) > _LONGEST:
        document.refuse("bad-requirement", key, f"is longer than {_LONGEST} characters")
        return None
    try:
        requirement = Requirement(text)
    except (InvalidRequirement, RecursionError) as error:
        reason = (
            str(error).partition("\n")[0].strip()
            if isinstance(error, InvalidRequirement)
            else "nested too deeply"
        )
        document.refuse(
            "bad-requirement", key, f"is {show(text)}, which is not a requirement: {reason}", *_meant(text)
        )
        return None
    if not is_name(requirement.name):
        document.refuse("bad-requirement", key, f"is {show(text)}, which does not begin with a name")
        return None
    if requirement.url is not None and not check_url(
        document, key, requirement.url, schemes=REQUIREMENT_SCHEMES
    ):
        return None
    if requirement.url is not None and not _check_reference(document, key, requirement.url):
        return None
    requirement.name = normalise(requirement.name)
    requirement.extras = {normalise(extra) for extra in requirement.extras}
    return requirement


def _check_reference(document: Document, key: Path, url: str) -> bool:
    from envctl.manifest.references import read_reference  # noqa: PLC0415 - few lists have URLs

    try:
        read_reference(url)
    except ValueError as error:
        document.refuse("bad-url", key, f"has a URL that {error}")
        return False
    return True


def parse_limits(document: Document, key: Path, items: Sequence[str | None]) -> tuple[Requirement, ...]:
    """Parse requirements that only say which versions: constraints and overrides.

    Reports what `parse_requirement` does, and `url-not-allowed`.
    """
    limits = []
    for place, text in enumerate(items):
        limit = None if text is None else parse_requirement(document, (*key, place), text)
        if limit is None:
            continue
        if limit.url is not None:
            document.refuse(
                "url-not-allowed",
                (*key, place),
                "has a URL",
                f"say where `{limit.name}` comes from in `[sources]`",
            )
        else:
            limits.append(limit)
    return tuple(limits)


def parse_specifier(document: Document, key: Path, text: str) -> SpecifierSet | None:
    """Parse a specifier such as ``>=3.11,<3.14``; reports `bad-specifier`. Source: PEP 440."""
    try:
        # What is too long is not a specifier either: the pattern backtracks.
        return SpecifierSet(text if len(text) <= _LONGEST_SPECIFIER else "too long")
    except InvalidSpecifier:
        hints = [f"did you mean `=={text.strip()}`?"] if re.fullmatch(r"\s*\d[\w.]*\s*", text) else []
        document.refuse(
            "bad-specifier", key, f"is {show(text)}, which is not a specifier such as `>=1.2,<2`", *hints
        )
        return None


def _meant(text: str) -> tuple[str, ...]:
    if re.match(r"\s*-", text):
        return ("options of other installers have keys of their own in the manifest",)
    if found := _SWAPPED.fullmatch(text):
        return (f"did you mean `{found[1].strip()}{found[2]}={found[3].strip()}`?",)
    if found := _SINGLE_EQUALS.fullmatch(text):
        return (f"did you mean `{found[1].strip()}=={found[2].strip()}`?",)
    if found := _OTHER_OPERATOR.fullmatch(text):
        return (f"`^` and `~` are not operators here: `{found[1].strip()}>={found[2]}`, with an upper bound",)
    if re.match(r"\s*(?:\.{0,2}[/\\]|[\w+]+://|git@)", text):
        return ("write the name only, and where it comes from in `[sources]`",)
    return ()
