"""History, going back, taking over, destroying."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from envctl.errors import MachineError
from envctl.store.examine import check
from envctl.transaction import trash
from envctl.transaction.generations import history, kept_numbers, live_number
from envctl.transaction.history import LIMIT, add_lines
from transaction.bench import Bench, run, snapshot


def version(bench: Bench) -> str:
    return bench.run("-c", "import tool; print(tool.__version__)")


def three_generations(bench: Bench) -> None:
    for each in ("1", "2", "3"):
        bench.apply(bench.place("tool", each))


def test_rollback_goes_to_the_one_before(bench: Bench) -> None:
    three_generations(bench)

    assert bench.rollback() == 2

    assert (version(bench), bench.number()) == ("2", 2)
    assert kept_numbers(bench.site) == (1, 3)


def test_rolling_back_again_goes_further(bench: Bench) -> None:
    three_generations(bench)

    bench.rollback()
    bench.rollback()

    assert version(bench) == "1"


def test_after_a_rollback_and_an_apply_the_one_before_is_what_was_rolled_back_to(bench: Bench) -> None:
    three_generations(bench)
    bench.rollback(1)
    bench.apply(bench.place("tool", "4"))

    assert bench.rollback() == 1


def test_a_generation_can_be_named(bench: Bench) -> None:
    three_generations(bench)

    assert bench.rollback(1) == 1
    assert version(bench) == "1"
    assert bench.rollback(3) == 3
    assert version(bench) == "3"


def test_a_generation_comes_back_exactly_as_it_was(bench: Bench) -> None:
    bench.apply(bench.place("tool", "1"))
    before = snapshot(bench.venv)
    bench.apply(bench.place("tool", "2"))

    bench.rollback()

    assert snapshot(bench.venv) == before


@pytest.mark.parametrize(
    ("number", "words"), [(9, "no generation 9"), (3, "is the live one")], ids=["unknown", "live"]
)
def test_a_generation_that_is_not_kept_is_refused(bench: Bench, number: int, words: str) -> None:
    three_generations(bench)

    with pytest.raises(MachineError, match=words) as caught:
        bench.rollback(number)

    assert caught.value.code == "no-such-generation"
    assert "1, 2" in caught.value.hints[0]


def test_there_is_nothing_to_go_back_to_at_first(bench: Bench) -> None:
    bench.apply()

    with pytest.raises(MachineError, match="no earlier generation"):
        bench.rollback()


def test_a_number_is_never_used_twice(bench: Bench) -> None:
    three_generations(bench)
    bench.rollback(1)
    for number in kept_numbers(bench.site):
        shutil.rmtree(bench.site.generation(number))

    assert bench.apply() == 4


def test_what_was_live_last_is_kept_longest(bench: Bench) -> None:
    three_generations(bench)
    bench.rollback(1)

    bench.apply(keep=1)

    assert kept_numbers(bench.site) == (1,)


def test_the_history_tells_what_became_live_when(bench: Bench) -> None:
    bench.apply(bench.place("tool", "1"))
    bench.apply(bench.place("tool", "2"), bench.place("other", "1"), command="upgrade")
    bench.rollback()

    lines = history(bench.site)
    assert [(line.number, line.command, line.packages, line.live, line.kept) for line in lines] == [
        (1, "rollback", 1, True, False),
        (2, "upgrade", 2, False, True),
        (1, "apply", 1, False, False),
    ]
    assert {line.python for line in lines} == {bench.interpreter.version}


def test_every_line_of_a_kept_number_says_so(bench: Bench) -> None:
    bench.apply(bench.place("tool", "1"))
    bench.apply(bench.place("tool", "2"))
    bench.rollback()
    bench.rollback(2)

    lines = history(bench.site)
    assert [(line.number, line.live, line.kept) for line in lines] == [
        (2, True, False),
        (1, False, True),
        (2, False, False),
        (1, False, True),
    ]


def test_a_torn_line_of_the_history_is_passed_over(bench: Bench) -> None:
    bench.apply()
    with open(bench.site.history, "a") as file:
        file.write('{"number": 2, "ti')

    assert [line.number for line in history(bench.site)] == [1]
    assert bench.apply() == 2
    assert [line.number for line in history(bench.site)] == [2, 1]


def test_the_history_does_not_grow_for_ever(bench: Bench) -> None:
    bench.apply()
    add_lines(bench.site, [f"line {number}" for number in range(LIMIT)])

    assert len(Path(bench.site.history).read_text().splitlines()) == LIMIT


# --- environments of others --------------------------------------------------


@pytest.fixture
def foreign(bench: Bench) -> Bench:
    venv.create(bench.venv, with_pip=False, symlinks=True)
    (bench.venv / "mine.txt").write_text("made by hand")
    return bench


def test_an_environment_of_others_is_kept_as_generation_0(foreign: Bench) -> None:
    before = snapshot(foreign.venv)

    foreign.apply(foreign.place("tool", "1"))

    assert snapshot(Path(foreign.site.generation(0))) == before
    assert [(line.number, line.command) for line in history(foreign.site)] == [(1, "apply"), (0, "adopt")]
    assert history(foreign.site)[1].python == ".".join(map(str, sys.version_info[:3]))


def test_one_can_go_back_to_the_environment_of_others_and_on(foreign: Bench) -> None:
    before = snapshot(foreign.venv)
    foreign.apply(foreign.place("tool", "1"))

    assert foreign.rollback() == 0
    assert snapshot(foreign.venv) == before
    assert live_number(foreign.site) == 0

    assert foreign.rollback(1) == 1
    assert version(foreign) == "1"


def test_an_environment_of_others_is_never_given_up(foreign: Bench) -> None:
    for _ in range(4):
        foreign.apply(keep=1)

    assert kept_numbers(foreign.site) == (0, 3)


def test_a_second_environment_of_others_does_not_replace_the_first(foreign: Bench) -> None:
    foreign.apply()
    shutil.rmtree(foreign.venv)
    venv.create(foreign.venv, with_pip=False, symlinks=True)

    foreign.apply()

    assert Path(foreign.site.generations, "0.1", "mine.txt").read_text() == "made by hand"
    assert not Path(foreign.site.generation(0), "mine.txt").exists()


def test_a_copy_of_another_environment_is_parked_under_its_number(bench: Bench) -> None:
    three_generations(bench)
    shutil.rmtree(bench.venv)
    shutil.copytree(bench.site.generation(2), bench.venv, symlinks=True)

    assert bench.apply() == 4
    assert kept_numbers(bench.site) == (1, 2)


# --- the end -----------------------------------------------------------------


def test_destroy_leaves_nothing_of_ours_and_everything_else(bench: Bench) -> None:
    three_generations(bench)
    (bench.project / "pylock.toml").write_text("locked")
    (bench.project / ".venv-ci").mkdir()

    bench.held(lambda held: held.destroy())

    assert sorted(os.listdir(bench.project)) == [".venv-ci", "pylock.toml"]


def test_destroy_does_not_follow_links(bench: Bench) -> None:
    bench.apply()
    precious = bench.root / "precious"
    precious.mkdir()
    (precious / "data").write_text("mine")
    (bench.venv / "share").symlink_to(precious)

    bench.held(lambda held: held.destroy())

    assert (precious / "data").read_text() == "mine"


def test_destroy_of_nothing_does_nothing(bench: Bench) -> None:
    bench.held(lambda held: held.destroy())

    assert os.listdir(bench.project) == []


def test_the_trash_is_emptied_by_a_process_of_its_own(bench: Bench) -> None:
    folder = Path(bench.site.trash, "old")
    folder.mkdir(parents=True)
    for _ in range(sys.getrecursionlimit() + 100):  # deeper than functions may nest
        folder /= "d"
        folder.mkdir()
    (folder / "file").write_text("x")
    kept = bench.root / "kept"
    kept.write_text("mine")
    (folder / "link").symlink_to(kept)

    trash.empty(bench.site, detach=True)

    os.wait()
    assert os.listdir(bench.site.trash) == []
    assert kept.read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="nothing is detached there")
def test_deleting_may_be_left_to_another_process_unless_it_is_continuous_integration() -> None:
    assert trash.may_detach({})
    assert not trash.may_detach({"CI": "true"})


@pytest.mark.parametrize("detach", [False, True], ids=["here", "detached"])
def test_deleting_an_old_generation_looks_like_no_edit_of_the_store(bench: Bench, *, detach: bool) -> None:
    placed = bench.place("tool", "1", files={"tool.py": f"detach = {detach}\n"})
    bench.apply(placed, link="hardlink")
    os.rename(bench.venv, f"{bench.site.folder}/old")
    os.makedirs(bench.site.trash)
    os.rename(f"{bench.site.folder}/old", f"{bench.site.trash}/old")

    trash.empty(bench.site, detach=detach, entries=[placed.wheel])

    if detach:
        os.wait()
    found = check(placed.wheel)
    assert os.listdir(bench.site.trash) == []
    assert found is not None
    assert found.clean


def test_a_kept_generation_runs_where_it_lies(bench: Bench) -> None:
    three_generations(bench)

    python = f"{bench.site.generation(1)}/bin/python"
    assert run(python, "-c", "import tool; print(tool.__version__)") == "1"


def test_moving_back_to_generation_is_offline_and_quick(bench: Bench) -> None:
    """It needs no store: that may be gone."""
    three_generations(bench)
    code = "import sys; sys.path[:] = " + repr(sys.path) + "\n"
    code += "from envctl.transaction.opening import open_site\nfrom envctl.transaction.site import Site\n"
    code += (
        f"with open_site(Site({str(bench.venv)!r}), emit=print, lock_timeout=1) as held: held.rollback()\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True)

    assert version(bench) == "2"
