"""From a manifest to a request."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from packaging.requirements import Requirement

from envctl.model.artifact import Directory
from envctl.resolve.request import Permission, request_for, request_from
from support.manifests import make_manifest
from support.universes import asked, resolve, versions

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)


def make(manifest: Any, direct: Any = None) -> Any:
    return request_from(manifest, direct=direct or {}, preferences={}, now=NOW)


@pytest.mark.parametrize(
    ("setting", "moment"),
    [
        (timedelta(days=3), datetime(2026, 1, 7, 12, tzinfo=UTC)),
        (datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)),  # noqa: DTZ001
        (date(2026, 1, 1), datetime(2026, 1, 1, 23, 59, 59, 999999, UTC)),
        (None, None),
    ],
    ids=["a span counts back", "a time without a zone is UTC", "a day counts whole", "let off"],
)
def test_exclude_newer_becomes_a_moment(setting: Any, moment: Any) -> None:
    assert make(make_manifest(exclude_newer={"*": setting})).exclude_newer == {"*": moment}


def test_lists_that_are_left_out_ask_for_nothing() -> None:
    made = make(make_manifest(groups={"a": asked("x"), "b": asked("y")}, extras={"a": asked("z")}))

    left = made.without({("group", "a")})

    assert (set(left.groups), set(left.extras), left.base) == ({"b"}, {"a"}, made.base)


def test_a_project_that_is_installed_is_asked_for_itself() -> None:
    project = Directory(path="/p", display_path=".", editable=True, metadata_digest="")

    made = make(make_manifest(name="shop", project="/p", dependencies=asked("a")), {"shop": project})

    assert [one.requirement.name for one in made.base] == ["shop", "a"]


def test_extras_that_name_the_project_itself_are_its_own_lists() -> None:
    extras = {"fast": asked("x"), "all": asked("Shop[fast]", "y")}

    made = make(make_manifest(name="shop", project="/p", install=False, extras=extras))

    assert sorted(one.requirement.name for one in made.extras["all"]) == ["x", "y"]


def test_a_plain_list_can_be_resolved() -> None:
    wanted = request_for([Requirement("a<2")], by="the build of b", permission=Permission(allow=True))

    assert versions(resolve({"a": {"1.0": [], "2.0": []}}, wanted)) == {"a": "1.0"}
