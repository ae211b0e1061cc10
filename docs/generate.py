"""Write the reference pages that are made from the code."""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import os

from envctl import atomic
from envctl.cli.reference import PAGES, TABLES


def main() -> None:
    """Write each page beside this script, and each table into its page."""
    folder = os.path.dirname(os.path.abspath(__file__))
    for path, make in PAGES.items():
        target = os.path.join(folder, path)
        atomic.make_directories(os.path.dirname(target))
        atomic.replace(target, make().encode())
    for path, include in TABLES.items():
        target = os.path.join(folder, path)
        with open(target, encoding="utf-8") as file:
            page = include(file.read())
        atomic.replace(target, page.encode())


if __name__ == "__main__":
    main()
