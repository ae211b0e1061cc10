"""Settings of the machine beside those of the manifest."""

from __future__ import annotations

import pytest

from envctl.workflow.apply import choose_setting


@pytest.mark.parametrize(
    ("given", "declared", "own", "chosen"),
    [
        ("copy", "hardlink", "reflink", "copy"),
        ("auto", "hardlink", "reflink", "auto"),
        (None, "hardlink", "reflink", "hardlink"),
        (None, "auto", "reflink", "reflink"),
        (None, "auto", None, "auto"),
    ],
    ids=["option", "option-auto", "manifest", "user", "nobody"],
)
def test_an_option_goes_before_the_manifest_and_the_user_only_where_that_leaves_it_open(
    given: str | None, declared: str, own: str | None, chosen: str
) -> None:
    assert choose_setting(given, declared, own) == chosen
