"""The cache is shown, kept small, and checked."""

from __future__ import annotations

import os
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.documents import validate
from support.project import Project

BIG = 300_000


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    made = make_project(fresh_cache=True)
    for name in ("alpha", "beta", "gamma"):
        made.publish(name, "1.0", files={f"{name}/__init__.py": "", f"{name}/data.bin": "x" * BIG})
    return made


def cache(project: Project, *parts: str) -> Path:
    return Path(project.cache, "envctl", *parts)


def prune(project: Project, *options: str) -> dict[str, Any]:
    document: dict[str, Any] = project.succeed("cache", "prune", "--json", *options).json
    validate(document)
    return document


def wheels(project: Project) -> dict[str, Path]:
    """Find the entries of wheels by the name of their project."""
    found = {}
    for tree in cache(project, "wheels-v1").glob("??/*/tree"):
        (info,) = tree.glob("site/*.dist-info")
        found[info.name.partition("-")[0]] = tree.parent
    return found


def install(project: Project, *names: str) -> None:
    project.write_manifest(*names)
    project.apply()


def forget_environment(project: Project) -> None:
    """Delete it by hand, so that nothing shares files with the cache."""
    shutil.rmtree(project.path(".venv"))
    shutil.rmtree(project.path(".venv.envctl"))


def use_each_alone(project: Project) -> None:
    for name in ("alpha", "beta", "gamma"):
        install(project, name)
        forget_environment(project)
        time.sleep(0.02)


def reasons(document: dict[str, Any]) -> set[tuple[str, str | None]]:
    return {(each["reason"], each["bucket"]) for each in document["removed"]}


def test_what_is_in_use_is_left_and_so_is_all_that_may_be_of_use(project: Project) -> None:
    install(project, "alpha")
    prune(project)  # the locks of runs that have ended
    before = set(cache(project).rglob("*"))

    document = prune(project)

    assert document["removed"] == []
    assert document["freed_bytes"] == 0
    assert document["shared_bytes"] > BIG
    assert set(cache(project).rglob("*")) == before
    assert project.is_settled()


def test_beyond_a_size_what_was_longest_not_used_goes(project: Project) -> None:
    use_each_alone(project)
    install(project, "alpha")  # used again, and from the cache
    forget_environment(project)
    total = prune(project)["own_bytes"]

    document = prune(project, "--max-size", str(total - BIG))

    assert set(wheels(project)) == {"alpha", "gamma"}
    assert ("size", "wheels-v1") in reasons(document)
    assert document["freed_bytes"] >= BIG
    assert document["own_bytes"] <= total - BIG


def test_what_environments_share_costs_no_room_and_is_left(project: Project) -> None:
    use_each_alone(project)
    install(project, "alpha")

    document = prune(project, "--max-size", "0")

    assert set(wheels(project)) == {"alpha"}
    assert 2 * BIG < document["freed_bytes"] < 3 * BIG
    assert document["shared_bytes"] > BIG
    assert project.succeed("plan", "--verify", "hash").out == "No changes.\n"
    install(project, "beta")


def test_sizes_are_read_as_people_write_them(project: Project) -> None:
    use_each_alone(project)
    prune(project)

    assert prune(project, "--max-size", "1.5 GiB")["removed"] == []
    assert prune(project, "--max-size", "0.7MB")["own_bytes"] <= 700_000
    assert len(wheels(project)) == 2


@pytest.mark.parametrize(
    "options",
    [
        ("cache", "prune", "--max-size", "much"),
        ("cache", "info", "--verify"),
        ("cache", "purge", "--max-size", "1"),
    ],
    ids=["no size", "verify", "size"],
)
def test_options_that_say_nothing_are_wrong_usage(project: Project, options: tuple[str, ...]) -> None:
    result = project.run(*options)

    assert (result.code, result.codes) == (64, ["bad-usage"])


def test_the_variable_of_plans_means_nothing_here(project: Project) -> None:
    install(project, "alpha")
    flip(wheels(project)["alpha"] / "tree/site/alpha/data.bin")

    project.succeed("cache", "prune", environ={"ENVCTL_VERIFY": "hash"})

    assert set(wheels(project)) == {"alpha"}


def test_there_is_nothing_to_prune_where_there_is_no_cache(project: Project) -> None:
    assert prune(project)["removed"] == []
    assert not cache(project).exists()


# --- litter, and what belongs to something that is gone ---


def test_litter_of_killed_runs_goes_and_what_a_live_one_fills_stays(project: Project) -> None:
    import fcntl

    install(project, "alpha")
    for name in ("dead", "live"):
        cache(project, "new", name).mkdir()
        cache(project, "new", name, "file").write_text("x" * 1000)
        cache(project, "new", f"{name}.lock").touch()
    cache(project, "goals-v1", "ab").mkdir(exist_ok=True)
    half = cache(project, "goals-v1", "ab", "cd.0123.tmp")
    half.write_text("x" * 50)
    abandoned = cache(project, "wheels-v1", "ab", "ab.lock")
    abandoned.parent.mkdir(exist_ok=True)
    abandoned.touch()
    with open(cache(project, "new", "live.lock"), "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        document = prune(project)

    assert reasons(document) == {("litter", None)}
    assert document["freed_bytes"] >= 1050
    assert sorted(path.name for path in cache(project, "new").iterdir()) == ["live", "live.lock"]
    assert not half.exists()
    assert not abandoned.exists()
    assert not list(cache(project, "locks").iterdir())


def test_buckets_of_an_older_schema_go_and_those_of_a_newer_one_stay(project: Project) -> None:
    install(project, "alpha")
    prune(project)
    for name in ("wheels-v0", "metadata-v1", "wheels-v99", "unheard-of-v1"):
        cache(project, name, "ab").mkdir(parents=True)
        cache(project, name, "ab", "file").write_text("x" * 100)

    document = prune(project)

    assert reasons(document) == {("outdated", "wheels-v0"), ("outdated", "metadata-v1")}
    assert document["freed_bytes"] == 200
    assert cache(project, "wheels-v99").exists()
    assert cache(project, "unheard-of-v1").exists()


def compile_all(project: Project, *names: str) -> None:
    project.write_manifest(*names, rest="[install]\ncompile = true\n")
    project.apply()
    prune(project)


def test_bytecode_goes_with_its_wheel(project: Project) -> None:
    compile_all(project, "alpha")
    assert list(cache(project, "bytecode-v1").glob("??/*"))
    shutil.rmtree(wheels(project)["alpha"])

    document = prune(project)

    assert reasons(document) == {("orphaned", "bytecode-v1")}
    assert not list(cache(project, "bytecode-v1").glob("??/*"))


def test_bytecode_of_an_interpreter_that_is_gone_goes(project: Project) -> None:
    """It is told by what is kept of interpreters: where one with its tag is left it stays."""
    compile_all(project, "alpha")
    (manifest,) = cache(project, "bytecode-v1").glob("??/*/manifest")
    forget_compiler(manifest)
    assert prune(project)["removed"] == []

    shutil.rmtree(cache(project, "interpreters-v2"))
    document = prune(project)

    assert reasons(document) == {("orphaned", "bytecode-v1")}


def forget_compiler(manifest: Path) -> None:
    """Have an entry say that it was compiled by what is not there, under a checksum that fits."""
    head, _, body = manifest.read_bytes().partition(b"\n")
    body, count = re.subn(rb'"executable":"[^"]*"', b'"executable":"/nowhere/python"', body)
    assert count == 1
    checksum = zlib.crc32(body, zlib.crc32(manifest.parent.name.encode()))
    manifest.write_bytes(b" ".join([*head.split()[:2], b"%08x" % checksum]) + b"\n" + body)


def test_what_was_kept_of_a_project_goes_with_its_folder(project: Project, tmp_path: Path) -> None:
    install(project, "alpha")
    project.succeed("lock")
    other = tmp_path / "other"
    shutil.copytree(project.folder, other, symlinks=True)
    for command in ("lock", "plan"):
        project.succeed("-C", str(other), command)
    prune(project)
    kept = len(list(cache(project, "locks-v1").iterdir()))
    shutil.rmtree(other)

    document = prune(project)

    assert {("orphaned", "locks-v1"), ("orphaned", "goals-v1")} <= reasons(document)
    assert len(list(cache(project, "locks-v1").iterdir())) == kept - 1
    assert project.is_settled()


# --- what is damaged ---


def flip(path: Path) -> None:
    """Change one byte in place, and put the time back."""
    seen = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    with open(path, "r+b") as file:
        file.write(data)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def damage_one_of_each(project: Project) -> Iterator[str]:
    """Damage one thing of each kind, so that it shows in no ``stat``; name their buckets."""
    flip(wheels(project)["alpha"] / "tree/site/alpha/data.bin")
    yield "wheels-v1"
    for bucket, pattern in (
        ("goals-v1", "??/*"),
        ("pages-v2", "*/alpha.page"),
        ("interpreters-v2", "??/*"),
        ("locks-v1", "*"),
    ):
        flip(next(path for path in sorted(cache(project, bucket).glob(pattern)) if path.suffix != ".lock"))
        yield bucket


def test_every_byte_is_read_and_what_is_damaged_goes(project: Project) -> None:
    install(project, "alpha", "beta")
    project.succeed("lock")
    buckets = set(damage_one_of_each(project))

    document = prune(project, "--verify")

    assert {each["bucket"] for each in document["damaged"]} == buckets
    (wheel,) = [each for each in document["damaged"] if each["bucket"] == "wheels-v1"]
    assert wheel["name"] == "alpha 1.0"
    assert wheel["fault"] == "`site/alpha/data.bin` is damaged"
    assert set(wheels(project)) == {"beta"}
    assert prune(project, "--verify")["damaged"] == []


@pytest.mark.parametrize("options", [(), ("--verify",)], ids=["prune", "verify"])
def test_what_is_no_file_in_the_place_of_an_answer_goes(project: Project, options: tuple[str, ...]) -> None:
    install(project, "alpha")
    folder = next(cache(project, "goals-v1").glob("??/*"))
    page = next(cache(project, "pages-v2").glob("*/alpha.page"))
    for path in (folder, page):
        path.unlink()
        path.mkdir()
    pipe = next(cache(project, "interpreters-v2").glob("??/*"))
    pipe.unlink()
    os.mkfifo(pipe)

    prune(project, *options)

    assert not [path for path in (folder, page, pipe) if path.exists()]
    assert project.is_settled()


def test_the_environment_that_shares_a_damaged_file_learns_of_it(project: Project) -> None:
    install(project, "alpha")
    flip(wheels(project)["alpha"] / "tree/site/alpha/data.bin")
    assert project.is_settled()  # nothing that `stat` tells has moved

    result = project.succeed("cache", "prune", "--verify")

    assert "alpha 1.0" in result.out
    plan = project.plan()
    assert [(each["address"], each["kind"]) for each in plan["drift"]] == [("package.alpha", "modified")]
    project.apply()
    assert project.succeed("plan", "--verify", "hash").out == "No changes.\n"


def test_the_words_name_what_went_and_what_is_left(project: Project) -> None:
    use_each_alone(project)
    prune(project)

    result = project.succeed("cache", "prune", "--max-size", "0")

    lines = result.out.splitlines()
    assert any("wheels-v1" in line and "3 entries" in line and "longest not used" in line for line in lines)
    assert lines[-1].startswith(f"Pruned {cache(project)}: ")
    assert lines[-1].endswith(" freed, 0 B left.")
    assert result.err == ""


def lengthen(path: Path) -> None:
    with open(path, "a") as file:
        file.write("# edited\n")


def tear(path: Path) -> None:
    (path.parents[3] / "manifest").write_bytes(b"")


@pytest.mark.parametrize("damage", [lengthen, Path.unlink, tear], ids=["edited", "deleted", "torn"])
@pytest.mark.parametrize("path", ["site/alpha/__init__.py", "site/alpha-1.0.dist-info/RECORD"])
@pytest.mark.parametrize("count", [1, 2100], ids=["alone", "together"])
def test_what_is_wrong_in_the_cache_is_fetched_again(
    make_project: Callable[..., Project], count: int, path: str, damage: Callable[[Path], None]
) -> None:
    """It is looked at by who lays it, and read by who writes its RECORD, in one process or in two."""
    project = make_project(fresh_cache=True)
    files = {f"alpha/m{number:04}.py": f"VALUE = {number}\n" for number in range(count)}
    project.publish("alpha", "1.0", files={"alpha/__init__.py": "", **files}, scripts={"alpha": "alpha:run"})
    project.publish("beta", "1.0")
    install(project, "alpha", "beta")
    forget_environment(project)
    damage(wheels(project)["alpha"] / "tree" / path)

    project.succeed("apply")

    assert project.succeed("plan", "--verify", "hash").out == "No changes.\n"
    assert [each["number"] for each in project.succeed("history", "--json").json["generations"]] == [1]
    assert project.python("import alpha.m0000") == ""


def test_an_edit_beyond_what_a_run_can_hash_shows_after_the_switch(
    make_project: Callable[..., Project],
) -> None:
    """Who deletes an environment by hand makes suspects of all files; one of them was edited before."""
    project = make_project(fresh_cache=True)
    files = {f"alpha/m{number:03}.py": f"VALUE = {number}\n" for number in range(400)}
    project.publish("alpha", "1.0", files=files)
    install(project, "alpha")
    flip(Path(project.site("alpha", "m399.py")))
    forget_environment(project)

    result = project.succeed("apply")

    assert "files of alpha in the cache were edited through a link" in result.err
    assert {(each["address"], each["kind"]) for each in project.plan()["drift"]} == {
        ("package.alpha", "modified")
    }
    project.apply()
    assert project.succeed("plan", "--verify", "hash").out == "No changes.\n"
