"""Origins that say the same in every checkout."""

from __future__ import annotations

import json

import pytest

from envctl.plan.origin import relate_direct_url


def url(text: str) -> str:
    return json.dumps({"url": text, "dir_info": {"editable": True}}, sort_keys=True)


def test_a_folder_of_the_checkout_is_written_from_there() -> None:
    assert relate_direct_url(url("file:///work%20of/shop/core"), "/work of/shop") == url("./core")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[]",
        "{",
        url("file:///elsewhere/core"),
        url("file:///shop-2"),
        url("https://host/shop/core"),
    ],
)
def test_anything_else_stays_as_it_is(text: str | None) -> None:
    assert relate_direct_url(text, "/shop") == text
