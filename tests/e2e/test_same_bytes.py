"""The same manifest makes the same lock, byte for byte, however its inputs arrive."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable

import pytest

from support.project import Project
from support.universes import Notation

NAMES = [f"p{number:02}" for number in range(20)]
MARKERS = ["", "", "; sys_platform == 'win32'", "; python_version < '3.12'"]
SEEDS = range(4)


def universe() -> dict[str, dict[str, list[str]]]:
    """Make projects of which newer releases stand against each other, so that a search has to go back.

    The oldest ones require nothing, so that there is a solution.
    """
    chance = random.Random(20)
    made: dict[str, dict[str, list[str]]] = {}
    for place, name in enumerate(NAMES):
        made[name] = {"1.0": []}
        for version in ("1.1", "2.0", "2.1", "3.0"):
            later = chance.sample(NAMES[place + 1 :], k=min(3, len(NAMES) - place - 1))
            made[name][version] = [
                f"{other}{chance.choice(['>=1.1', '<3', '<2.1', '>=2', '!=3.0', ''])}{chance.choice(MARKERS)}"
                for other in later
            ]
    return made


def publish(project: Project, notation: Notation | dict[str, dict[str, list[str]]]) -> None:
    for name, releases in notation.items():
        for version, requires in releases.items():
            assert isinstance(requires, list)
            project.publish(name, version, requires=requires)
            if version == "2.1":  # more files of one release, and one version in two spellings
                project.publish(name, version, requires=requires, build="2")
                project.publish(name, version, requires=requires, tag="cp39-abi3-manylinux_2_17_x86_64")
                project.publish(name, f"{version}.0", requires=requires, tag="py3-none-win_amd64")
    for name in ("p03", "p11"):
        project.index.yanked[f"{name}-3.0-py3-none-any.whl"] = "broken"
    project.publish("p07", "4.0b1")


def write_manifest(project: Project, chance: random.Random | None) -> None:
    """Write the manifest, its lists and tables in an order that ``chance`` decides."""

    def shuffled(items: list[str]) -> list[str]:
        return items if chance is None else chance.sample(items, k=len(items))

    groups = {"dev": ["p05", "p12<3"], "test": ["p06", "p01>=1.1"], "docs": ["p08"]}
    extras = {"x": ["p09", "p02"], "y": ["p10"]}
    project.write_manifest(
        *shuffled(["p00", "p03", "p04>=1.1", "p07>=1.0a1", "p11", "p13; sys_platform == 'win32'"]),
        rest="\n".join(
            [
                "[dependency-groups]",
                *(f"{name} = {json.dumps(shuffled(groups[name]))}" for name in shuffled(list(groups))),
                "[optional-dependencies]",
                *(f"{name} = {json.dumps(shuffled(extras[name]))}" for name in shuffled(list(extras))),
                "[lock]",
                f"targets = {json.dumps(shuffled(['linux-x86_64', 'macos-arm64', 'windows-x86_64']))}",
                f"python = {json.dumps(shuffled(['3.11', '3.12', '3.13']))}",
                f"constraints = {json.dumps(shuffled(['p14<3', 'p15!=2.0', 'p16<3']))}",
                f"overrides = {json.dumps(shuffled(['p17>=1', 'p18<3']))}",
                f"excludes = {json.dumps(shuffled(['p19', 'unheard-of']))}",
                "[env.default]",
                f"groups = {json.dumps(shuffled(['dev', 'test']))}",
            ]
        ),
    )


@pytest.fixture
def many(make_project: Callable[..., Project]) -> Project:
    project = make_project(fresh_cache=True)
    publish(project, universe())
    return project


def make_lock(project: Project, cache: str) -> str:
    """Make the lock with a cache of that name, and take it away."""
    project.succeed("lock", environ={"ENVCTL_CACHE_DIR": os.path.join(project.cache, cache)})
    text = project.read("pylock.toml")
    os.unlink(project.path("pylock.toml"))
    return text


def test_the_same_lock_comes_of_cold_and_warm_caches_and_any_order_of_answers_and_lists(
    many: Project,
) -> None:
    write_manifest(many, None)
    first = make_lock(many, "first")
    assert "p07-4.0b1" in first
    assert len(first) > 10_000

    for seed in SEEDS:
        many.index.whims = random.Random(seed)
        write_manifest(many, random.Random(seed))

        assert make_lock(many, f"cold {seed}") == first
        assert make_lock(many, f"cold {seed}") == first


def test_locking_again_changes_nothing_whatever_the_order_of_lists(many: Project) -> None:
    write_manifest(many, None)
    many.succeed("lock")
    first = many.read("pylock.toml")

    for seed in SEEDS:
        many.index.whims = random.Random(seed)
        write_manifest(many, random.Random(seed))

        assert many.run("lock", "--check").code == 0
        many.succeed("lock", "--upgrade-package", "p12")
        assert many.read("pylock.toml") == first


def test_a_broken_answer_that_is_asked_for_again_changes_nothing(many: Project) -> None:
    write_manifest(many, None)
    first = make_lock(many, "first")

    many.index.fail = {"/simple/p0?/": (503, 3), "/files/p1*.metadata": (500, 2)}

    assert make_lock(many, "second") == first
