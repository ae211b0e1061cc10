"""``requires-envctl``: which versions of envctl may read a manifest."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envctl.errors import raise_together
from envctl.manifest.document import Document, show
from envctl.manifest.requirements import parse_specifier
from envctl.version import VERSION

_KEY = ("requires-envctl",)


def is_for_this_version(data: Mapping[str, object]) -> bool:
    """Whether ``requires-envctl`` admits this version; a malformed one is for `check_version` to refuse."""
    stated = data.get(*_KEY)
    try:
        return not isinstance(stated, str) or _admits(SpecifierSet(stated))
    except InvalidSpecifier:
        return True


def check_version(document: Document) -> None:
    """Refuse a manifest that was written for other versions, before anything else in it is looked at.

    Raises:
        InputError: `requires-envctl`; `bad-specifier`.
    """
    stated = document.data.get(*_KEY)
    if not isinstance(stated, str):
        return
    specifier = parse_specifier(document, _KEY, stated)
    if specifier is not None and not _admits(specifier):
        document.refuse(
            "requires-envctl",
            _KEY,
            f"is {show(stated)}, and this is envctl {VERSION}",
            "install a version of envctl that fits",
        )
    if specifier is None or not _admits(specifier):
        raise_together(document.problems)


def _admits(specifier: SpecifierSet) -> bool:
    return specifier.contains(VERSION, prereleases=True)
