"""The words for what is explained: paths, obstacles, and what is outdated."""

from __future__ import annotations

from typing import Any

import pytest

from envctl.cli.console import Line, plain
from envctl.cli.show.obstacles import outdated_lines, tell_obstacle, why_not_lines
from envctl.cli.show.why import why_lines
from envctl.lock.presence import Presence, Step, Way
from envctl.resolve.obstacles import Judged, Obstacle, ObstacleKind
from envctl.workflow.outdated import Outdated, OutdatedPackages
from envctl.workflow.why import Why
from envctl.workflow.why_not import LockedVersion, WhyNot

WAY = Way(
    by="group dev",
    where="env.toml:5",
    requirement="flask>=3",
    steps=(
        Step(name="flask", version="3.1", requirement="werkzeug>=3"),
        Step(name="werkzeug", version="3.0", requirement="markupsafe<3"),
    ),
    marker="sys_platform == 'win32'",
)


def text(lines: list[Line]) -> str:
    return "\n".join(plain(line) for line in lines)


def presence(*ways: Way, **fields: Any) -> Presence:
    values = {
        "name": "markupsafe",
        "version": "2.1",
        "marker": None,
        "ways": ways,
        "complete": True,
        "limit": 100,
        "requirements": (),
    }
    return Presence(**{**values, **fields})


def why(*packages: Presence) -> Why:
    return Why(lock="pylock.toml", fits=True, ours=True, environment=None, packages=packages)


def test_a_path_is_told_a_step_a_line() -> None:
    found = why(presence(WAY, constraints=("markupsafe<3",), overrides=("markupsafe==2.1",)))

    assert (
        text(why_lines(found))
        == """\
markupsafe 2.1
  group dev asks for `flask>=3` (env.toml:5), only where sys_platform == 'win32'
    flask 3.1 requires `werkzeug>=3`
      werkzeug 3.0 requires `markupsafe<3`
  a constraint of `[lock]` says `markupsafe<3`
  an override of `[lock]` says `markupsafe==2.1`"""
    )


def test_where_the_package_itself_is_only_need_not_be_said_of_each_path() -> None:
    lines = why_lines(why(presence(WAY, marker="sys_platform == 'win32'")))

    assert plain(lines[0]) == "markupsafe 2.1 where sys_platform == 'win32'"
    assert plain(lines[1]) == "  group dev asks for `flask>=3` (env.toml:5)"


def test_what_no_path_leads_to_is_said_to_be_left_over() -> None:
    assert text(why_lines(why(presence()))).endswith("no list of the manifest asks for it any more")


@pytest.mark.parametrize(
    ("every", "complete", "last"),
    [
        (False, True, "  and 3 longer paths; `--all-paths` shows them"),
        (False, False, "  and more than 3 longer paths; `--all-paths` shows them"),
        (True, False, "  and more than these 13 paths"),
    ],
)
def test_paths_that_are_not_shown_are_counted(*, every: bool, complete: bool, last: str) -> None:
    found = why(presence(*[WAY] * 13, complete=complete))

    assert plain(why_lines(found, every=every)[-1]) == last


OBSTACLES = {
    ("requirement", "markupsafe<3"): (
        "werkzeug 3.0 requires `markupsafe<3` (through flask; env.toml:5)"
    ),
    ("dependency", "x>=2"): (
        "requires `x>=2`, but werkzeug 3.0 requires `markupsafe<3` (through flask; env.toml:5)"
    ),
    ("constraint", "a<2"): "a constraint of `[lock]` says `a<2`",
    ("override", "a==1"): "an override of `[lock]` says `a==1`",
    ("exclude", "a"): "`[lock] excludes` drops `a`",
    ("source", "1.0"): "its source gives 1.0, and no index is asked",
    ("python", ">=3.13"): "needs Python `>=3.13`",
    ("tags", ""): "has no wheel for this platform and Python",
    ("no-binary", ""): "has wheels only that `[build] no-binary` rules out",
    ("build", ""): "would have to be built, and `[build] allow` does not name it",
    ("yanked", ""): "is yanked",
    ("yanked", "broken"): "is yanked: broken",
    ("policy", "min-age: a 2.0 is new"): "the policy forbids it: min-age: a 2.0 is new",
    ("prerelease", "disallow"): "is a pre-release, and `[lock] prerelease` is `disallow`",
    ("conflict", "no"): "cannot be locked together with the rest: no",
}  # fmt: skip


@pytest.mark.parametrize(("obstacle", "words"), OBSTACLES.items(), ids=[" ".join(each) for each in OBSTACLES])
def test_every_obstacle_has_its_words(obstacle: tuple[str, str], words: str) -> None:
    kind, detail = obstacle
    way = WAY if kind in {"requirement", "dependency"} else None

    assert tell_obstacle(Obstacle(kind=ObstacleKind(kind), detail=detail, way=way)) == words


def test_every_kind_of_obstacle_is_tested_here() -> None:
    assert {kind for kind, _ in OBSTACLES} | {"cooldown", "index"} == set(ObstacleKind)


def test_a_cooldown_says_until_when() -> None:
    found = Obstacle(
        kind=ObstacleKind.COOLDOWN, detail="2026-01-02", until="2026-01-09", marker="os_name == 'nt'"
    )

    assert tell_obstacle(found) == (
        "is too new for `exclude-newer`: uploaded 2026-01-02, so it counts from 2026-01-09"
        ", where os_name == 'nt'"
    )


def test_an_index_that_is_not_asked_is_named_with_the_one_that_is() -> None:
    found = Obstacle(kind=ObstacleKind.INDEX, detail="acme", index="pypi")

    assert tell_obstacle(found) == "is on the index `pypi`, and `acme`, asked before it, has the package"


def test_what_keeps_all_releases_away_is_said_once() -> None:
    shared = Obstacle(kind=ObstacleKind.CONSTRAINT, detail="a<2")
    yanked = Obstacle(kind=ObstacleKind.YANKED, detail="")
    found = WhyNot(
        name="a",
        requirement="a>=2",
        outcome="blocked",
        lock_fits=True,
        locked=(LockedVersion(version="1.0", marker=None),),
        releases=(
            Judged(versions=("2.2", "2.1"), spans=("2.1 to 2.2",), obstacles=(shared,)),
            Judged(versions=("2.0",), spans=("2.0",), obstacles=(shared, yanked)),
        ),
    )

    assert (
        text(why_not_lines(found))
        == """\
a 1.0 is locked; this keeps it from `a>=2`:
  a constraint of `[lock]` says `a<2`
  2.0
    is yanked"""
    )


def outdated(**fields: Any) -> Outdated:
    values = {
        "name": "a",
        "locked": "1.0",
        "fits": "1.0",
        "newest": "2.0",
        "marker": None,
        "direct": True,
        "asked_by": ("env.toml",),
        "age": 400,
        "newest_age": 3,
    }
    return Outdated(**{**values, **fields})


def test_what_cannot_move_has_a_dash() -> None:
    lines = outdated_lines(OutdatedPackages(lock_fits=True, checked=5, packages=(outdated(),)))

    assert text(lines) == (
        "package  locked  fits  newest  released       asked for by\n"
        "a        1.0     -     2.0     13 months ago  env.toml\n"
        "1 of 5 packages outdated; none can move now."
    )


def test_a_release_that_is_free_in_some_places_says_what_holds_elsewhere() -> None:
    python = Obstacle(kind=ObstacleKind.PYTHON, detail=">=3.12", marker="python_version < '3.12'")
    releases = (Judged(versions=("2.0",), spans=("2.0",), obstacles=(python,), is_free=True),)
    package = outdated(fits="2.0", releases=releases)

    lines = outdated_lines(OutdatedPackages(lock_fits=True, checked=5, packages=(package,)))

    assert text(lines) == (
        "a 1.0 can move to 2.0 (released 13 months ago, asked for by env.toml)\n"
        "  2.0: needs Python `>=3.12`, where python_version < '3.12'; else nothing but the lock holds it\n"
        "1 of 5 packages outdated; 1 can move now: `envctl lock --upgrade`"
    )
