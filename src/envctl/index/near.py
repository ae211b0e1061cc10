"""Names like a misspelled one: cheap guesses, to be asked of the index."""

from __future__ import annotations

from collections.abc import Iterable

#: Each guess costs a request.
MAXIMAL_GUESSES = 16
_OFTEN_DOUBLED = frozenset("cfglmnprst")


def guess_names(name: str) -> list[str]:
    """Return likely spellings of ``name`` (normalised), the likeliest first, at most sixteen.

    Words joined or split, the prefixes and suffixes people leave out or add, two letters swapped, a letter
    doubled or undoubled, a letter too many.
    """
    guesses: dict[str, None] = {}

    def add(guess: str) -> None:
        guess = guess.strip("-")
        if len(guess) > 1 and guess != name and "--" not in guess:
            guesses.setdefault(guess)

    if "-" in name:
        add(name.replace("-", ""))
    for prefix in ("python-", "py-", "py"):
        if name.startswith(prefix):
            add(name[len(prefix) :])
    for suffix in ("-python", "-py", "3", "2", "py"):
        if name.endswith(suffix):
            add(name[: -len(suffix)])
    for at in range(len(name) - 1):
        if name[at] == name[at + 1]:
            add(name[:at] + name[at + 1 :])
    add(f"python-{name}")
    add(f"py{name}")
    add(name[:-1] if name.endswith("s") else f"{name}s")
    # Misspellings cluster at the end and in the middle of a word, hardly ever at its first letter.
    for at in range(len(name) - 2, 0, -1):
        add(name[:at] + name[at + 1] + name[at] + name[at + 2 :])
    for at in range(len(name) - 1, 0, -1):
        if name[at] in _OFTEN_DOUBLED:
            add(name[:at] + name[at] + name[at:])
    for at in range(len(name) - 1, 0, -1):
        add(name[:at] + name[at + 1 :])
    return list(guesses)[:MAXIMAL_GUESSES]


def choose_near(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Choose of the names that are known to exist up to three that look like ``name``, the nearest first."""
    import difflib  # noqa: PLC0415 - 1 ms that only mistakes should cost

    return tuple(difflib.get_close_matches(name, sorted(set(known) - {name}), n=3, cutoff=0.8))
