"""The words for each result."""

from __future__ import annotations

from dataclasses import replace

from envctl.cli.console import Line, plain
from envctl.cli.show.generations import history_lines, rolled_back_lines
from envctl.cli.show.locked import locked_lines
from envctl.cli.show.plan import plan_lines
from envctl.cli.show.results import (
    cache_lines,
    init_lines,
    listed_lines,
    outcome_lines,
    status_lines,
)
from envctl.cli.show.words import count, duration, shorten, size
from envctl.model.change import Action, Change, Diagnostic, Reason, ReasonKind, Side
from envctl.model.state import Drift, DriftKind, ForeignFile
from envctl.store.measure import Extent
from envctl.workflow.results import CacheInfo, Generation, Listed, Locked, Report, RolledBack, Status
from support.plans import change, denied, drifted, lock_change, make_plan, remark


def text(lines: list[Line]) -> str:
    return "\n".join(plain(line) for line in lines)


def test_a_plan_is_told_drift_first_and_summary_last() -> None:
    plan = make_plan(
        change("create", "idna", None, "3.10"),
        change("update", "urllib3", "1.26", "2.2", flags=("major",)),
        change("replace", "flask", "3.0", "3.0"),
        change("delete", "six", "1.16"),
        change("no-op", "click", "8.1", "8.1"),
        change("delete", "", address='file."bin/stray"', why="put there by others"),
        drift=(drifted("flask", "lib/flask/app.py"), drifted("flask", "lib/flask/cli.py", "missing")),
        lock_changes=(
            lock_change("idna", None, "3.10"),
            lock_change("urllib3", "1.26", "2.2"),
            lock_change("six", "1.16", None),
            lock_change("click", "8.0", "8.1"),
        ),
        lock_text="…",
        policy=(denied(mode="warn", message="is yanked"), denied()),
        diagnostics=(remark("the rule `size` is not known"),),
        download_bytes=61_200,
    )

    assert (
        text(plan_lines(plan))
        == """\
Drift: what is on disk is not what was put there
  flask
    modified    lib/flask/app.py
    missing     lib/flask/cli.py

Environment default (.venv), Python 3.11.7
  + create  idna 3.10            required by requests (<4,>=2.5)
  ~ update  urllib3 1.26 -> 2.2  [major] required by requests (<4,>=2.5)
  ± replace flask 3.0            app.py was modified
  - delete  six 1.16             nothing asks for it any more
  - delete  bin/stray            put there by others

Lock: 4 changes, 3 of them shown above
  ~ up      click 8.0 -> 8.1  [minor]

Policy: 2 findings
  denied  licenses: foo: GPL-3.0-only is denied
  warning licenses: foo: is yanked

warning: the rule `size` is not known [policy-unknown]

Plan: 1 to create, 1 to update, 1 to replace, 2 to delete; 4 changes to the lock; 61.2 kB to download. Policy forbids it."""
    )


def test_changes_of_the_lock_that_the_lines_above_show_are_only_counted() -> None:
    plan = make_plan(
        change("create", "a", None, "1"),
        change("create", "b", None, "2"),
        lock_changes=(lock_change("a", None, "1"), lock_change("b", None, "2 (../b, editable)")),
        lock_text="…",
    )

    lines = text(plan_lines(plan)).splitlines()
    verbose = text(plan_lines(plan, verbose=True)).splitlines()

    assert lines[4:6] == ["Lock: 2 changes, all shown above", ""]
    assert verbose[4:7] == ["Lock: 2 changes", "  + add     a 1", "  + add     b 2 (../b, editable)"]


def test_another_step_of_the_lock_than_of_the_environment_is_shown() -> None:
    plan = make_plan(
        change("create", "a", None, "2"), lock_changes=(lock_change("a", "1", "2"),), lock_text="…"
    )

    assert "Lock: 1 change\n  ~ up      a 1 -> 2  [major]\n" in text(plan_lines(plan))


def test_of_many_packages_that_require_one_three_are_named() -> None:
    why = "asked for by env.toml, group dev, required by a (<4,>=2), b, c (<2; extra == 'x'), d, e"
    plan = make_plan(change("create", "z", None, "1", why=why))

    assert why.replace(", d, e", " and 2 more") in text(plan_lines(plan))
    assert why in text(plan_lines(plan, verbose=True))


def test_three_packages_that_require_one_are_all_named() -> None:
    why = "required by a, b, c"

    assert (
        text(plan_lines(make_plan(change("create", "z", None, "1", why=why)))).splitlines()[1].endswith(why)
    )


def test_a_plan_without_changes_is_one_line() -> None:
    plan = make_plan(change("no-op", "click", "8.1", "8.1"))

    assert text(plan_lines(plan)) == "No changes."


def test_the_environment_and_its_python_stand_before_what_is_in_it() -> None:
    plan = make_plan(
        change("create", "", address="environment"),
        change("create", "a", None, "1"),
        change("create", "", address="python"),
    )

    lines = text(plan_lines(plan)).splitlines()

    assert [line.split()[2] for line in lines[1:4]] == ["environment", "python", "a"]


def test_verbose_shows_what_stays_as_it_is_and_why() -> None:
    plan = make_plan(change("no-op", "click", "8.1", "8.1"))

    assert "    no-op   click 8.1  asked for by env.toml" in text(plan_lines(plan, verbose=True)).splitlines()


def test_up_to_ten_drifted_files_of_a_package_are_named() -> None:
    ten = tuple(drifted("a", f"a/{number}.py") for number in range(10))
    twelve = tuple(drifted("b", f"b/{number}.py") for number in range(12))

    lines = text(plan_lines(make_plan(drift=ten + twelve))).splitlines()

    assert sum("modified" in line for line in lines) == 20
    assert [line for line in lines if "more" in line] == ["    and 2 more"]


def test_files_of_no_package_stand_together() -> None:
    drift = tuple(
        Drift(address=f'file."bin/{number}"', kind=DriftKind.FOREIGN, path=f"bin/{number}")
        for number in range(12)
    )

    lines = text(plan_lines(make_plan(drift=drift))).splitlines()

    assert lines[1:3] == ["  files of no package", "    foreign     bin/0"]
    assert lines[12] == "    and 2 more"


def test_a_lock_that_changes_without_an_environment_is_a_plan() -> None:
    assert text(plan_lines(make_plan(lock_text="…"))) == (
        "Plan: nothing to change in the environment; the lock is written anew."
    )


def test_every_reason_of_a_line_is_given() -> None:
    two = Change(
        address="package.x",
        action=Action.REPLACE,
        before=Side(version="1"),
        after=Side(version="1"),
        reasons=(Reason(ReasonKind.REQUESTED, ""), Reason(ReasonKind.DRIFT, "x.py is missing")),
    )

    assert "± replace x 1  requested; x.py is missing" in text(plan_lines(make_plan(two)))


def test_another_source_of_the_same_version_is_shown_once() -> None:
    assert "~ update  x 1  " in text(plan_lines(make_plan(change("update", "x", "1", "1"))))


def test_a_waived_finding_names_the_reason_and_denies_nothing() -> None:
    shown = text(plan_lines(make_plan(change("create", "x"), policy=(denied(waived="it is ours"),))))

    assert "(waived: it is ours)" in shown
    assert "forbids" not in shown


def test_data_that_comes_along_is_one_line_beside_changes() -> None:
    data = (ForeignFile(path="share/a", size=2_000_000, data=True), ForeignFile(path="b", size=5, data=True))
    plan = make_plan(change("create", "x", None, "1"), carried=data)
    settled = make_plan(change("no-op", "x", "1", "1"), carried=data)

    assert "Carried along: data of tools in 2 places, 2.0 MB" in text(plan_lines(plan))
    assert "share/a" not in text(plan_lines(plan))
    assert "\n  share/a  2.0 MB" in text(plan_lines(plan, verbose=True))
    assert text(plan_lines(settled)) == "No changes."


def test_remarks_are_told_by_their_level() -> None:
    plan = make_plan(
        diagnostics=(remark("said", "info"), Diagnostic(level="debug", code="c", message="hidden"))
    )

    assert "note" not in text(plan_lines(plan))
    assert text(plan_lines(plan, verbose=True)) == "note: said\nnote: hidden\n\nNo changes."
    assert "note" not in text(plan_lines(replace(plan, lock_text="…")))


def test_hostile_names_and_reasons_stay_on_their_line() -> None:
    plan = make_plan(change("create", "x", None, "1", why="\x1b[1A\x1b[2K\nNo changes."))

    shown = [plain(line) for line in plan_lines(plan)]

    assert all("\x1b" not in line and "\n" not in line for line in shown)


def test_applied_says_what_was_done_and_which_generation_is_live() -> None:
    plan = make_plan(change("create", "a", None, "1"), change("delete", "b", "2"))
    report = Report(plan=plan, outcome="applied", generation=8, lock_written=True)

    assert text(outcome_lines(report)) == (
        "Applied: 1 created, 1 deleted; .venv is generation 8. pylock.toml was written."
    )


def test_a_plan_whose_result_is_there_is_done() -> None:
    report = Report(plan=make_plan(), outcome="already-applied", generation=7)

    assert text(outcome_lines(report)).startswith("Already applied")


def _status(**rest: object) -> Status:
    fields: dict[str, object] = {
        "name": "default", "path": "/p/.venv", "python": "3.11.7", "generation": 7, "lock": "fits", "environment": "fits",
    }  # fmt: skip
    return Status(**{**fields, **rest})  # type: ignore[arg-type]


def test_a_status_that_fits_has_nothing_to_type_next() -> None:
    assert (
        text(status_lines(_status(), "/p"))
        == """\
default (.venv), Python 3.11.7, generation 7
  lock         fits the manifest
  environment  fits the lock"""
    )


def test_a_status_that_does_not_fit_says_what_to_type() -> None:
    found = _status(
        lock="stale",
        environment="differs",
        changes=3,
        drift=(drifted("a", "a.py"),),
        pending="an apply was killed",
    )

    assert (
        text(status_lines(found, "/p"))
        == """\
default (.venv), Python 3.11.7, generation 7
  lock         is out of date
  environment  differs from the lock: 3 changes
  pending      an apply was killed
Drift: what is on disk is not what was put there
  a
    modified    a.py
`envctl plan` shows what `envctl apply` would do."""
    )


def test_an_environment_of_others_is_pointed_to_adopt() -> None:
    shown = text(status_lines(_status(environment="not-ours", generation=None, python=None), "/p"))

    assert shown.splitlines()[0] == "default (.venv)"
    assert "`envctl plan --adopt`" in shown


def test_what_a_killed_run_left_is_finished_by_the_next_apply() -> None:
    assert "`envctl apply` finishes or undoes" in text(
        status_lines(_status(pending="an apply was killed"), "/p")
    )


def _generation(number: int, *, live: bool = False, kept: bool = True) -> Generation:
    return Generation(
        number=number, time="2026-11-23T06:00:00Z", command="apply", python="3.11.7", packages=number, live=live, kept=kept
    )  # fmt: skip


def test_history_marks_the_live_generation_and_those_that_are_gone() -> None:
    generations = [_generation(10, live=True), _generation(9), _generation(1, kept=False)]

    assert (
        text(history_lines(generations))
        == """\
* 10  2026-11-23T06:00:00Z  Python 3.11.7  10 packages  apply  live
  9   2026-11-23T06:00:00Z  Python 3.11.7  9 packages   apply
  1   2026-11-23T06:00:00Z  Python 3.11.7  1 package    apply  not kept"""
    )


def test_no_line_of_a_number_that_is_there_says_not_kept() -> None:
    generations = [_generation(1, live=True, kept=False), _generation(2), _generation(1, kept=False)]

    assert "not kept" not in text(history_lines(generations))


def test_no_history_says_how_it_begins() -> None:
    assert "`envctl apply`" in text(history_lines([]))


def test_a_rollback_names_the_packages_that_are_other_ones() -> None:
    packages = {"a": ("1", "2"), "b": (None, "1"), "c": ("3", None), "d": ("1", "1")}
    result = RolledBack(path="/p/.venv", before=7, after=6, packages=packages)

    assert (
        text(rolled_back_lines(result, "/p"))
        == """\
  ~ a 1 -> 2
  + b 1
  - c 3
Rolled back .venv from generation 7 to generation 6.
The lock stays as it is: the next plan shows what it wants."""
    )


def test_a_list_marks_what_is_direct_editable_or_foreign() -> None:
    packages = [
        Listed(name="flask", version="3.0", direct=True, foreign=False, source="index"),
        Listed(
            name="shop", version="1.0", direct=True, foreign=False, source="file:///p/shop", editable=True
        ),
        Listed(name="stray", version="2", direct=False, foreign=True, source="index"),
    ]

    assert (
        text(listed_lines(packages))
        == """\
flask  3.0                  direct
shop   1.0  file:///p/shop  direct, editable
stray  2                    foreign"""
    )


def test_an_empty_environment_is_said_to_be_empty() -> None:
    assert text(listed_lines([])) == "Nothing is installed."


def test_a_lock_that_was_written_lists_its_changes() -> None:
    locked = Locked(
        path="/p/pylock.toml", fresh=False, written=True, packages=2, changes=(lock_change("a", "1", "2"),)
    )

    assert (
        text(locked_lines(locked, "/p"))
        == """\
  ~ up      a 1 -> 2  [major]
Wrote pylock.toml (2 packages): 1 up (1 major)."""
    )


def test_the_cache_is_told_by_bucket_with_its_total() -> None:
    buckets = {"wheels-v1": Extent(61_200, 1_200, 3), "bytecode-v1": Extent(800, 800, 1)}
    info = CacheInfo(path="/c", buckets={**buckets, "other-v1": Extent(0, 0, 0)})

    assert (
        text(cache_lines(info))
        == """\
/c: 62.0 kB, of which 60.0 kB are shared with environments
  bytecode-v1  800 B    1 entry    modules compiled
  other-v1     0 B      0 entries
  wheels-v1    61.2 kB  3 entries  wheels, unpacked"""
    )


def test_an_empty_cache_is_one_line() -> None:
    assert text(cache_lines(CacheInfo(path="/c", buckets={}))) == "/c: 0 B"


def test_init_says_what_it_wrote_and_what_comes_next() -> None:
    lines = text(init_lines(["/p/env.toml", "/p/.gitignore"], "/p")).splitlines()

    assert lines[:2] == ["Wrote env.toml", "Wrote .gitignore"]
    assert "`envctl plan`" in lines[2]


def test_amounts_are_written_for_people() -> None:
    assert [count(1, "entry", "entries"), count(1200, "file")] == ["1 entry", "1,200 files"]
    assert [size(999), size(1000), size(999_960), size(1_400_000_000)] == [
        "999 B",
        "1.0 kB",
        "1.0 MB",
        "1.4 GB",
    ]
    assert [duration(0.0123), duration(1.44), duration(125)] == ["12 ms", "1.4 s", "2 min 5 s"]


def test_places_below_the_working_folder_are_shown_relative_to_it() -> None:
    assert shorten("/p/q/env.toml:3", "/p/q") == "env.toml:3"
    assert shorten("/p/qq/env.toml:3", "/p/q") == "/p/qq/env.toml:3"
    assert shorten("/p/q", "/p/q") == "/p/q"
