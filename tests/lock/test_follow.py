"""What a lock holds because of some of its projects."""

from __future__ import annotations

import pytest

from envctl.lock.compose import compose
from envctl.lock.follow import follow
from envctl.lock.lock import Lock
from support.manifests import make_manifest
from support.universes import Notation, Release, request, resolve

UNIVERSE: Notation = {
    "a": {"1.0": ["b[x]>=1"]},
    "b": {"1.0": Release(["c"], extras={"x": ["d"]})},
    "c": {"1.0": ["b"]},
    "d": {"1.0": []},
    "e": {"1.0": ["d"]},
}


def make() -> Lock:
    resolution = resolve(UNIVERSE, request("a", "e"))
    return compose([resolution], manifest=make_manifest(), digest="", old=None)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["d"], {"d"}),
        (["e"], {"d", "e"}),
        (["a"], {"a", "b", "c", "d"}),
        (["c", "not-locked"], {"b", "c", "d"}),
        ([], set()),
    ],
    ids=["a leaf", "one step", "extras and circles", "one that is not there", "nothing"],
)
def test_everything_that_is_required_further_down_is_followed(names: list[str], found: set[str]) -> None:
    assert follow(make(), names) == found
