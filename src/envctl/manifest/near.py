"""What was probably meant: the nearest of the words that are known."""

from __future__ import annotations

from collections.abc import Iterable

#: Words longer than this are compared no further: the comparison is quadratic.
_LONGEST = 80


def suggest(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """Give a hint that names the nearest of ``known``, or no hint."""
    import difflib  # noqa: PLC0415 - 1 ms that only mistakes should cost

    options = {option.lower(): option for option in known}
    found = difflib.get_close_matches(word[:_LONGEST].lower(), options, n=1, cutoff=0.6)
    return (f"did you mean `{options[found[0]]}`?",) if found else ()
