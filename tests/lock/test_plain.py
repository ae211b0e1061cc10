"""A lock from the cache, and one that was composed, are what packaging reads from the file."""

from __future__ import annotations

from packaging.markers import Marker
from packaging.pylock import Pylock

from envctl.lock.compose import _as_written
from envctl.lock.format import format_lock
from envctl.lock.freshness import preferences
from envctl.lock.grid import Grid, either
from envctl.lock.lock import Lock
from envctl.lock.parse import parse
from envctl.lock.plain import dump_lock, load_lock
from envctl.lock.understand import retell, understand
from lock.test_many_targets import TARGETS, make, make_targets


def sample() -> tuple[Lock, Lock]:
    """Compose a lock, and read it from its bytes."""
    composed = make({"a": {"1.0": ["b; sys_platform == 'win32'", "c"]}, "b": {"1": []}, "c": {"2": []}}, "a")
    return composed, parse(composed.data, path=composed.path)


def test_packaging_reads_from_the_file_what_was_composed() -> None:
    composed, read = sample()

    assert isinstance(composed.pylock, Pylock)
    assert composed.pylock.to_dict() == read.pylock.to_dict()


def test_packaging_validates_what_was_composed() -> None:
    composed, _ = sample()

    Pylock.from_dict(composed.pylock.to_dict())


def test_a_lock_comes_back_from_the_cache() -> None:
    _, read = sample()
    kept = load_lock(
        dump_lock(read, retell(read.pylock)), path=read.path, data=read.data, raw_digest=read.raw_digest
    )

    assert kept == read
    assert (kept.digest, kept.targets, kept.pythons) == (read.digest, read.targets, read.pythons)
    assert kept.pylock == read.pylock
    assert understand(retell(read.pylock)) == read.pylock


def test_a_lock_from_the_cache_prefers_the_same_versions() -> None:
    _, read = sample()
    kept = load_lock(dump_lock(read, retell(read.pylock)), path=read.path, data=read.data, raw_digest="")

    assert preferences(kept) == preferences(read)
    for target in TARGETS:
        assert preferences(kept, target) == preferences(read, target)


def test_a_lock_that_was_read_is_written_as_it_was() -> None:
    composed, read = sample()

    assert format_lock(read) == composed.data


def test_markers_are_written_as_packaging_writes_them() -> None:
    grid = Grid(make_targets("3.11", "3.12", "3.13"))

    for cells in range(1, grid.all):
        text = either(grid.simplify(cells))
        assert _as_written(text) == str(Marker(text))
