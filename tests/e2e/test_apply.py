"""From a manifest to an environment that works, and the plan after it."""

from __future__ import annotations

import os
from collections.abc import Callable

from support.project import Project, changes_of, reasons_of


def test_apply_makes_an_environment_in_which_imports_work(project: Project) -> None:
    project.succeed("apply")

    assert project.python("import alpha; alpha.main()") == "alpha 1.0\n"


def test_apply_installs_what_is_asked_for_and_what_that_needs_and_nothing_else(project: Project) -> None:
    project.succeed("apply")

    assert project.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_scripts_of_packages_run(applied: Project) -> None:
    assert applied.execute([applied.path(".venv", "bin", "alpha")]).out == "alpha 1.0\n"


def test_the_environment_is_an_ordinary_virtual_environment(applied: Project) -> None:
    code = "import sys; print(sys.prefix, sys.prefix != sys.base_prefix)"

    assert applied.python(code) == f"{applied.path('.venv')} True\n"


def test_apply_writes_the_lock_beside_the_manifest(applied: Project) -> None:
    assert applied.locked() == {"alpha": "1.0", "beta": "1.0"}


def test_apply_prints_the_plan_and_then_what_it_did(project: Project) -> None:
    out = project.succeed("apply").out

    assert "+ create  alpha 1.0" in out
    assert out.splitlines()[-1] == "Applied: 4 created; .venv is generation 1. pylock.toml was written."


def test_apply_says_with_2_that_there_were_changes(project: Project) -> None:
    assert project.run("apply", "--detailed-exitcode").code == 2


def test_a_second_apply_has_nothing_to_do_and_touches_nothing(applied: Project) -> None:
    before = applied.snapshot()

    report = applied.apply("--detailed-exitcode")

    assert report["outcome"] == "nothing-to-do"
    assert applied.snapshot() == before


def test_each_line_of_the_plan_has_its_reason(project: Project) -> None:
    plan = project.plan()

    assert reasons_of(plan, "package.alpha") == {"manifest"}
    assert reasons_of(plan, "package.beta") == {"required"}
    assert reasons_of(plan, "environment") == {"missing"}


def test_a_plan_without_changes_exits_with_0(applied: Project) -> None:
    result = applied.run("plan", "--detailed-exitcode")

    assert (result.code, result.out) == (0, "No changes.\n")


def test_a_plan_without_changes_says_so_as_a_document_too(applied: Project) -> None:
    plan = applied.plan("--detailed-exitcode")

    assert changes_of(plan) == {}
    assert plan["summary"]["no_op"] > 0


def test_a_plan_with_changes_exits_with_2(project: Project) -> None:
    assert project.run("plan", "--detailed-exitcode").code == 2


def test_a_plan_with_changes_exits_with_0_unless_asked(project: Project) -> None:
    assert project.run("plan").code == 0


def test_a_first_plan_writes_nothing(project: Project) -> None:
    before = project.snapshot(times=True)

    project.succeed("plan")

    assert project.snapshot(times=True) == before


def test_a_plan_that_changes_the_lock_writes_nothing(applied: Project) -> None:
    applied.write_manifest("gamma")
    before = applied.snapshot(times=True)

    assert applied.run("plan", "--detailed-exitcode").code == 2

    assert applied.snapshot(times=True) == before


def test_a_plan_with_drift_writes_nothing(applied: Project) -> None:
    os.unlink(applied.site("alpha", "part.py"))
    before = applied.snapshot(times=True)

    assert applied.run("plan", "--detailed-exitcode", "--verify", "hash").code == 2

    assert applied.snapshot(times=True) == before


def test_a_plan_without_changes_writes_nothing(applied: Project) -> None:
    before = applied.snapshot(times=True)

    applied.succeed("plan", "--json")

    assert applied.snapshot(times=True) == before


def test_a_plan_with_a_fresh_lock_opens_no_socket(applied: Project) -> None:
    os.unlink(applied.site("alpha", "part.py"))
    asked = len(applied.index.connected)

    applied.succeed("plan")

    assert len(applied.index.connected) == asked


def test_an_upgrade_keeps_what_did_not_change(applied: Project) -> None:
    applied.publish("gamma", "2.0")
    applied.write_manifest("alpha", "gamma")

    plan = applied.apply()["plan"]

    assert changes_of(plan) == {"package.gamma": "create"}
    assert applied.installed() == {"alpha": "1.0", "beta": "1.0", "gamma": "2.0"}


def test_another_version_is_an_update_because_the_lock_changed(applied: Project) -> None:
    applied.publish("beta", "2.0")
    applied.write_manifest("alpha", "beta>=2")

    plan = applied.plan()

    assert changes_of(plan) == {"package.beta": "update"}
    assert "lock-changed" in reasons_of(plan, "package.beta")


def test_reinstall_lays_a_package_down_anew(applied: Project) -> None:
    plan = applied.apply("--reinstall", "beta")["plan"]

    assert changes_of(plan) == {"package.beta": "replace"}
    assert reasons_of(plan, "package.beta") == {"requested"}


def test_the_manifest_is_found_in_a_folder_above(applied: Project) -> None:
    os.mkdir(applied.path("deep"))

    result = applied.run("plan", "--detailed-exitcode", directory=applied.path("deep"))

    assert result.code == 0


def test_another_folder_is_worked_in_with_c(applied: Project) -> None:
    result = applied.run("-C", applied.folder, "plan", "--detailed-exitcode", directory=applied.cache)

    assert result.code == 0


def test_the_environment_runs_without_the_cache(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta")
    project.apply()

    project.succeed("cache", "purge")

    assert project.python("import beta; print(beta.__version__)") == "1.0\n"
