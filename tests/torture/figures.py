"""What the long runs found, kept for ``docs/explanation/reliability.md``.

Each program here takes ``--record``: then its trials, failures and seed go into
``docs/explanation/reliability.json``, one entry a program, and from there into the page's table.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from envctl import atomic

_DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "explanation")
FIGURES = os.path.normpath(os.path.join(_DOCS, "reliability.json"))
PAGE = os.path.normpath(os.path.join(_DOCS, "reliability.md"))

_BEGIN = "<!-- what the long runs found: written by tests/torture/figures.py -->\n"
_END = "<!-- end of what the long runs found -->\n"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One long run: ``trials`` of ``what``, by ``command`` (which names seed and count)."""

    name: str
    what: str
    command: str
    trials: int
    failures: int
    seed: int
    seconds: int
    day: str = ""


def make_parser(
    doc: str | None, *, count: int, seed: int = 1, flag: str = "--count", counts: str = "how many trials"
) -> argparse.ArgumentParser:
    """Make the parser of a long run, with what each of them takes; ``flag`` is told what ``counts`` says."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(flag, type=int, default=count, help=counts)
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--record", action="store_true", help="write the figures into the documentation")
    return parser


def conclude_trials(name: str, what: str, options: argparse.Namespace, *, failures: int, began: float) -> int:
    """Conclude the run of ``tests/torture/NAME.py``, each of whose ``--count`` trials held or failed.

    ``began`` is of `time.monotonic`.
    """
    figure = Figure(
        name=name,
        what=what,
        command=f"tests/torture/{name}.py --count {options.count} --seed {options.seed}",
        trials=options.count,
        failures=failures,
        seed=options.seed,
        seconds=round(time.monotonic() - began),
    )
    summary = f"trials {options.count}, failures {failures}, seed {options.seed}"
    return conclude(figure, summary, recorded=options.record)


def conclude(figure: Figure, summary: str, *, recorded: bool) -> int:
    """Print what a run has come to, record it if that was asked for, and give the exit code."""
    print(summary)
    if recorded:
        record(figure)
    return 1 if figure.failures else 0


def record(figure: Figure) -> None:
    """Put one run's figures in the place of those of the run before, in the file and on the page."""
    figures = {each.name: each for each in read_figures()}
    day = figure.day or datetime.now(UTC).date().isoformat()
    figures[figure.name] = Figure(**asdict(figure) | {"day": day})
    ordered = [asdict(figures[name]) for name in sorted(figures)]
    atomic.replace(FIGURES, (json.dumps(ordered, indent=1) + "\n").encode())
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    atomic.replace(PAGE, include(page, read_figures()).encode())


def read_figures() -> list[Figure]:
    """Read the figures of all runs, ordered by name."""
    if not os.path.exists(FIGURES):
        return []
    with open(FIGURES, encoding="utf-8") as file:
        return [Figure(**each) for each in json.load(file)]


def include(page: str, figures: list[Figure]) -> str:
    """Put the table of the figures into the page, between its two marks."""
    before, rest = page.split(_BEGIN)
    _, after = rest.split(_END)
    rows = [
        f"| {each.what} | {each.trials:,} | {each.failures} | {each.seed} | {_tell_time(each.seconds)} | {each.day} "
        f"| `{each.command}` |\n"
        for each in figures
    ]
    head = "| what | trials | failures | seed | time | day | run by |\n|---|---|---|---|---|---|---|\n"
    return f"{before}{_BEGIN}{head}{''.join(rows)}{_END}{after}"


def _tell_time(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"
