"""The page about reliability shows what the long runs found."""

from __future__ import annotations

from pathlib import Path

from torture.figures import PAGE, include, read_figures


def test_the_page_holds_the_figures_of_the_last_long_runs_and_none_failed() -> None:
    page = Path(PAGE).read_text(encoding="utf-8")

    assert include(page, read_figures()) == page
    assert [figure.name for figure in read_figures() if figure.failures] == []
