"""A copy of an environment, whose files got other times: read once, by two processes, and remembered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envctl import twofold
from envctl.environment.inventory import (
    INVENTORY,
    OwnedFile,
    format_inventory,
    make_inventory,
    parse_inventory,
    retime,
)
from envctl.model.state import DriftKind
from environment.laying import Layer


@pytest.fixture
def large(layer: Layer) -> Layer:
    """An environment with so many files that two processes read them."""
    layer.lay("large", files={f"large/m{number:03}.py": f"X = {number:03}\n" for number in range(300)})
    layer.seal()
    return layer


def touch_all(layer: Layer) -> None:
    for path in (layer.site / "large").iterdir():
        os.utime(path, ns=(5, 1_500_000_000_000_000_005))


def test_files_with_other_times_are_clean_and_told_as_a_copy(large: Layer) -> None:
    touch_all(large)

    state = large.scan()

    assert state.drift == ()
    assert state.times.are_of_a_copy
    assert (state.times.moved, len(state.times.retimed)) == (300, 300)
    assert set(state.times.retimed.values()) == {1_500_000_000_000_000_005}


def test_another_content_among_them_is_found_and_not_remembered(large: Layer) -> None:
    (large.site / "large/m150.py").write_text("X = 999\n")
    touch_all(large)

    state = large.scan()

    path = f"{os.path.relpath(large.site, large.root)}/large/m150.py"
    assert [(line.kind, line.path) for line in state.drift] == [(DriftKind.MODIFIED, path)]
    assert path not in state.times.retimed
    assert len(state.times.retimed) == 299


def test_what_the_other_process_cannot_read_is_told_too(
    large: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twofold, "may_fork", lambda: False)
    (large.site / "large/m150.py").write_text("X = 999\n")
    touch_all(large)

    assert [line.kind for line in large.scan().drift] == [DriftKind.MODIFIED]


def test_whole_seconds_are_remembered_without_reading(large: Layer) -> None:
    for path in (large.site / "large").iterdir():
        second = path.stat().st_mtime_ns // 10**9 * 10**9
        os.utime(path, ns=(second, second))

    times = large.scan().times

    assert (times.moved, len(times.retimed)) == (0, 300)
    assert not times.are_of_a_copy


def test_remembered_times_are_proof_again(large: Layer) -> None:
    touch_all(large)
    place = large.root / INVENTORY
    inventory = retime(parse_inventory(place.read_bytes()), large.scan().times.retimed)

    place.write_bytes(format_inventory(inventory))

    assert large.scan().times.retimed == {}
    assert large.scan(verify="hash").drift == ()


def test_only_the_mtime_of_named_files_is_recorded_anew() -> None:
    files = [OwnedFile("a\tb", 3, 1, True, "digest"), OwnedFile("link", 0, 0, False, "", "a\\b")]
    inventory = make_inventory({"-": files, "pkg": [OwnedFile("c", 4, 2, False, "other")]})

    changed = dict(retime(inventory, {"a\tb": 7, "nowhere": 9}))

    assert changed == {
        "-": files[1],
        "pkg": OwnedFile("c", 4, 2, False, "other"),
    }
    assert files[0]._replace(mtime_ns=7) in [file for _, file in retime(inventory, {"a\tb": 7})]


def test_an_environment_without_files_is_no_copy(tmp_path: Path, layer: Layer) -> None:
    layer.seal()

    assert not layer.scan().times.are_of_a_copy
