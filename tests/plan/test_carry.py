"""What goes over into the next generation."""

from __future__ import annotations

import pytest

from envctl.model.state import Drift, DriftKind, ForeignFile, State
from envctl.plan.carry import carried, carried_data, list_known, pruned
from envctl.plan.decide import decide
from plan.builders import a_pin, a_selection, a_state, an_interpreter, foreign, installed


def carry(state: State, prune: str) -> tuple[str, ...]:
    return carried(state, decide(a_selection(), state, interpreter=an_interpreter(), prune=prune))


@pytest.mark.parametrize("prune", ["all", "managed", "never"])
def test_foreign_data_is_carried_under_every_prune(prune: str) -> None:
    state = a_state(files=[ForeignFile(path="nltk_data", size=1, data=True)])

    assert carry(state, prune) == ("nltk_data",)


def test_foreign_data_stays_behind_when_the_minor_version_changes() -> None:
    state = a_state(python="3.10.1", files=[ForeignFile(path="nltk_data", size=1, data=True)])

    assert carry(state, "never") == ()


@pytest.mark.parametrize(("prune", "paths"), [("all", ()), ("managed", ("bin/tool",))])
def test_a_foreign_script_is_carried_when_it_is_kept(prune: str, paths: tuple[str, ...]) -> None:
    state = a_state(files=[ForeignFile(path="bin/tool", size=1, data=False)])

    assert carry(state, prune) == paths


def test_the_files_of_a_kept_distribution_are_carried_without_bytecode() -> None:
    state = a_state(
        foreign("pip", paths=("lib/pip/a.py", "lib/pip/__pycache__/a.cpython-311.pyc", "bin/pip"))
    )

    assert carry(state, "all") == ("bin/pip", "lib/pip/a.py")


def test_a_file_that_is_missing_is_not_carried() -> None:
    drift = [Drift(address="package.idna", kind=DriftKind.MISSING, path="lib/idna/b.py")]
    state = a_state(foreign("idna", paths=("lib/idna/a.py", "lib/idna/b.py")), drift=drift)

    assert carry(state, "managed") == ("lib/idna/a.py",)


@pytest.mark.parametrize("path", ["/etc/passwd", "../../victim", "lib/../../victim", "C:/victim", "..", "."])
def test_a_record_cannot_name_files_outside_of_the_environment(path: str) -> None:
    state = a_state(foreign("idna", paths=("lib/idna/a.py", path)))

    assert carry(state, "managed") == ("lib/idna/a.py",)


def test_what_lies_below_a_carried_folder_is_not_named_again() -> None:
    state = a_state(
        foreign("idna", paths=("share/idna/a", "share/idna-data/b")),
        files=[ForeignFile(path="share/idna", size=1, data=True)],
    )

    assert carry(state, "managed") == ("share/idna", "share/idna-data/b")


def test_what_is_wanted_is_laid_anew_not_carried() -> None:
    pin = a_pin("idna")
    state = a_state(installed(pin, paths=("lib/idna.py",)))

    assert carried(state, decide(a_selection(pin), state, interpreter=an_interpreter(), prune="never")) == ()


def test_a_distribution_whose_files_are_not_known_is_never_dropped_silently() -> None:
    state = a_state(installed(a_pin("idna")))

    with pytest.raises(ValueError, match="idna"):
        carry(state, "never")


def test_only_data_that_comes_along_is_told_as_carried() -> None:
    data, script = (
        ForeignFile(path="share/model", size=9, data=True),
        ForeignFile(path="bin/tool", size=1, data=False),
    )
    state = a_state(files=[data, script])
    other = a_state(python="3.10.1", files=[data, script])

    changes = decide(a_selection(), state, interpreter=an_interpreter(), prune="managed")
    anew = decide(a_selection(), other, interpreter=an_interpreter(), prune="managed")

    assert carried_data(state, changes) == (data,)
    assert carried_data(other, anew) == ()


def test_code_that_was_added_to_a_kept_distribution_comes_along() -> None:
    drift = [Drift(address="package.idna", kind=DriftKind.ADDED, path="lib/idna/more.py")]
    state = a_state(foreign("idna", paths=("lib/idna/a.py",)), drift=drift)

    assert carry(state, "managed") == ("lib/idna/a.py", "lib/idna/more.py")


def test_what_a_plan_was_made_for_is_known() -> None:
    drift = [Drift(address="package.idna", kind=DriftKind.ADDED, path="lib/idna/more.py")]
    files = [ForeignFile(path="share", size=1, data=True)]
    state = a_state(foreign("idna", paths=("lib/idna/a.py",)), drift=drift, files=files)

    assert list_known(state, an_interpreter()) == frozenset({"lib/idna/a.py", "lib/idna/more.py", "share"})


def test_with_another_minor_version_nothing_comes_along_whenever_it_came() -> None:
    assert list_known(a_state(python="3.10.1"), an_interpreter()) is None


def prune(state: State, how: str) -> tuple[str, ...]:
    return pruned(state, decide(a_selection(), state, interpreter=an_interpreter(), prune=how))


@pytest.mark.parametrize(("how", "paths"), [("all", ("bin/tool",)), ("managed", ())])
def test_foreign_files_go_where_a_line_deletes_them_and_data_never(how: str, paths: tuple[str, ...]) -> None:
    files = [
        ForeignFile(path="bin/tool", size=1, data=False),
        ForeignFile(path="nltk_data", size=1, data=True),
    ]

    assert prune(a_state(files=files), how) == paths


@pytest.mark.parametrize("how", ["all", "managed"])
def test_the_files_of_others_go_with_their_distribution(how: str) -> None:
    state = a_state(foreign("mine", paths=("lib/mine/a.py", "../outside.py")))

    found = prune(state, how)

    assert ("lib/mine/a.py" in found) == (how == "all")
    assert "../outside.py" not in found


def test_code_that_was_added_to_a_package_goes() -> None:
    drift = Drift(address="package.a", kind=DriftKind.ADDED, path="lib/a/added.py")

    assert prune(a_state(drift=[drift]), "all") == ("lib/a/added.py",)
