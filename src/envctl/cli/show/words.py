"""Small pieces of wording: amounts, sizes, places."""

from __future__ import annotations

import os


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun: ``1 package``, ``3 packages``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(amount: int) -> str:
    """Write a number of bytes in decimal units: ``512 B``, ``61.2 kB``, ``1.4 GB``."""
    if amount < 1000:
        return f"{amount} B"
    value = float(amount)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value:.1f} TB"


def duration(seconds: float) -> str:
    """Write a time that was waited: ``12 ms``, ``1.4 s``, ``2 min 5 s``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def days(amount: int) -> str:
    """Write a number of days, roughly: ``3 days``, ``5 months``, ``2 years``."""
    if amount < 60:
        return count(amount, "day")
    if amount < 730:
        return count(amount * 12 // 365, "month")
    return count(amount // 365, "year")


def age(amount: int) -> str:
    """Write how many days old something is: ``3 days old``, ``5 months old``."""
    return f"{days(amount)} old" if amount else "less than a day old"


def shorten(place: str, directory: str) -> str:
    """Write a place below the working folder relative to it; any other is left as it is."""
    prefix = os.path.join(directory, "") if directory else ""
    if prefix and place.startswith(prefix) and len(place) > len(prefix):
        return place[len(prefix) :]
    return place


def up_to_date(path: str, packages: int, directory: str) -> str:
    """Say of a lock that there is nothing to do."""
    return f"{shorten(path, directory)} is up to date ({count(packages, 'package')})."
