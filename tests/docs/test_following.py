"""How the output of a command is held against what a page shows of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.pages import HOW_TO, find_difference, read_blocks

PRINTED = (
    "Resolved 3 packages",
    "  + create  idna 3.20  asked for by env.toml",
    "",
    "Plan: 1 to create; 61.2 kB.",
)


@pytest.mark.parametrize(
    "shown",
    [
        PRINTED,
        ["…"],
        ["…", PRINTED[3]],
        [PRINTED[0], "…"],
        [PRINTED[0], "  …", PRINTED[3]],
        ["Resolved … packages", "  + create idna …", "", "Plan: 1 to create; 7 B."],
        ["…", *PRINTED, "…"],
    ],
)
def test_what_is_left_out_may_be_anything_and_what_varies_may_differ(shown: list[str]) -> None:
    assert find_difference(shown, PRINTED) is None


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        (PRINTED[:3], "'Plan: 1 to create; 61.2 kB.' is printed, and not shown"),
        (PRINTED[1:], "line 1 is shown as '  + create  idna 3.20  asked for by env.toml', where 'Resolved 3 packages' stands"),
        ([*PRINTED, "more"], "line 5 is shown as 'more', where 'its end' stands"),
        (["…", PRINTED[3], "…", PRINTED[1]], "line 4 is shown as '  + create  idna 3.20  asked for by env.toml', where 'its end' stands"),
    ],
)  # fmt: skip
def test_another_line_another_order_and_a_line_too_few_are_noticed(shown: list[str], told: str) -> None:
    assert find_difference(shown, PRINTED) == told


@pytest.mark.parametrize("page", sorted(HOW_TO.glob("*.md")), ids=lambda page: page.stem)
def test_a_page_that_shows_output_is_followed(page: Path) -> None:
    blocks = read_blocks(page.read_text(encoding="utf-8"))
    shows = any(shown for block in blocks if block.language == "console" for _, shown in block.steps())
    tests = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]

    assert not shows or any(f'"{page.stem}"' in text or f'"{page.name}"' in text for text in tests)
