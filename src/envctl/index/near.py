"""Names like a misspelled one: cheap guesses, to be asked of the index."""

from __future__ import annotations

#: Each guess costs a request.
MAXIMAL_GUESSES = 16


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
    swaps = [name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in range(len(name) - 1)]
    deletions = [name[:at] + name[at + 1 :] for at in range(len(name))]
    doubled = [name[:at] + name[at] + name[at:] for at in range(len(name))]
    undoubled = [name[:at] + name[at + 1 :] for at in range(len(name) - 1) if name[at] == name[at + 1]]
    for guess in undoubled:
        add(guess)
    add(f"python-{name}")
    add(f"py{name}")
    add(f"{name[:-1]}" if name.endswith("s") else f"{name}s")
    # Misspellings cluster at the end and in the middle of a word, hardly ever at its first letter.
    for group in zip(reversed(swaps[1:] or swaps), reversed(deletions[1:]), strict=False):
        for guess in group:
            add(guess)
    for guess in doubled[1:]:
        add(guess)
    return list(guesses)[:MAXIMAL_GUESSES]
