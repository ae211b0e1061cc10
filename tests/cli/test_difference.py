"""Two locks beside each other in words: ages, sizes, and the page for a pull request."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from envctl.cli.console import plain
from envctl.cli.show.difference import describe_files, diff_lines, diff_markdown, measure_age
from envctl.lock.difference import LockChange
from envctl.workflow.results import ComparedLock, Difference
from support.plans import lock_change

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make(*changes: LockChange, **more: Any) -> Difference:
    return Difference(
        before=ComparedLock(path="/p/pylock.toml", packages=2, revision="v1", commit="1a2b3c4d5e6f7a8b"),
        after=ComparedLock(path="/p/pylock.toml", packages=3),
        changes=changes,
        **more,
    )


def lines(difference: Difference) -> list[str]:
    return [plain(line) for line in diff_lines(difference, "/p", now=NOW)]


@pytest.mark.parametrize(
    ("uploaded", "days"),
    [("2026-03-01T00:00:00Z", 0), ("2026-02-26T12:00:00Z", 3), ("2027-01-01T00:00:00Z", 0), (None, None)],
    ids=["today", "some days", "a server whose clock is ahead", "not known"],
)
def test_an_age_is_whole_days(uploaded: str | None, days: int | None) -> None:
    assert measure_age(uploaded, NOW) == days


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (replace(lock_change("a", "1", "2"), size_before=1000, size_after=3500), "+2.5 kB"),
        (replace(lock_change("a", "1", "2"), size_before=3500, size_after=1000), "-2.5 kB"),
        (replace(lock_change("a", "1", "2"), size_before=10, size_after=10), ""),
        (replace(lock_change("a", "1", "2"), size_after=10), ""),
        (replace(lock_change("a", None, "2"), size_after=10), "10 B"),
        (replace(lock_change("a", "1", None), size_before=10), "10 B"),
        (
            replace(
                lock_change("a", "1", "2"), size_before=1, size_after=3, uploaded_after="2026-02-26T00:00:00Z"
            ),
            "3 days old, +2 B",
        ),
    ],
)
def test_files_are_told_by_age_and_by_how_much_larger_they_are(change: LockChange, told: str) -> None:
    assert describe_files(change, NOW) == told


def test_sizes_that_are_known_on_both_sides_are_added_up() -> None:
    difference = make(
        replace(lock_change("a", "1", "2"), size_before=1000, size_after=3500),
        replace(lock_change("b", "1", "2"), size_after=10_000),
        replace(lock_change("c", "1", None), size_before=500),
    )

    assert lines(difference)[-1] == "1 removed, 2 up (2 major); 2.0 kB more."


def test_each_difference_has_a_line_and_the_summary_stands_last() -> None:
    difference = make(
        replace(lock_change("a", "1.1", "1.2"), reason="required by b"),
        replace(lock_change("b", "2", None), reason="was asked for directly"),
        LockChange(name="c", before="1", after="1", kind="changed", differs=("hashes", "files")),
        covered=("windows-x86_64",),
        uncovered=("Python 3.9",),
    )

    assert lines(difference) == [
        "pylock.toml at v1 (1a2b3c4d5e6f) -> pylock.toml",
        "  ~ up      a 1.1 -> 1.2  [minor] required by b",
        "  - remove  b 2           was asked for directly",
        "  ~ change  c 1           [other hashes, other files]",
        "  + cover   windows-x86_64",
        "  - cover   Python 3.9",
        "1 removed, 1 up, 1 changed.",
    ]


def test_a_page_has_the_difference_as_a_table() -> None:
    change = replace(
        lock_change("a", "1.1", "2"),
        reason="required by b",
        uploaded_after="2026-02-28T00:00:00Z",
        size_after=5,
    )

    page = diff_markdown(make(change, uncovered=("Python 3.9",)), "/p", now=NOW)

    assert (
        page
        == """\
### pylock.toml at v1 (1a2b3c4d5e6f) → pylock.toml

**1 up (1 major)**

- does not cover Python 3.9 any more

| | what | before | after | uploaded | size | why |
|---|---|---|---|---|---|---|
| ~ | up **a** (major) | 1.1 | 2 | 2026-02-28, 1 day old |  | required by b |
"""
    )


def test_a_page_without_differences_says_so() -> None:
    assert "**No differences.**" in diff_markdown(make(), "/p", now=NOW)


def test_what_does_not_fit_on_a_page_is_counted() -> None:
    page = diff_markdown(
        make(*(lock_change(f"package-{number}", "1", "2") for number in range(100))),
        "/p",
        now=NOW,
        max_bytes=800,
    )

    assert len(page.encode()) <= 800
    assert f"*{100 - page.count('| ~ |')} lines more; `--json` has all.*" in page
