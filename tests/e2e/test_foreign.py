"""What envctl did not put there, and what nothing asks for any more."""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest

from support.damages import SITE, put_by_hand
from support.project import Project, changes_of, drift_of, reasons_of


def _install_foreign(project: Project) -> None:
    project.pip("--python", ".venv", "install", "--no-deps", "-i", project.index.url, "gamma")


@pytest.fixture
def with_foreign(applied: Project) -> Project:
    """An applied project into which pip installed `gamma`."""
    _install_foreign(applied)
    return applied


def _prune(project: Project, how: str, *dependencies: str) -> None:
    project.write_manifest(*dependencies, rest=f'[install]\nprune = "{how}"')


def test_what_only_a_removed_dependency_needed_is_removed_too(applied: Project) -> None:
    applied.write_manifest("gamma")

    plan = applied.apply()["plan"]

    assert changes_of(plan) == {
        "package.alpha": "delete",
        "package.beta": "delete",
        "package.gamma": "create",
    }
    assert reasons_of(plan, "package.beta") == {"no-longer-required"}
    assert applied.installed() == {"gamma": "1.0"}


def test_what_somebody_else_still_needs_stays(applied: Project) -> None:
    applied.write_manifest("beta")

    plan = applied.apply()["plan"]

    assert changes_of(plan) == {"package.alpha": "delete"}
    assert applied.installed() == {"beta": "1.0"}


def test_what_pip_installed_shows_as_foreign(with_foreign: Project) -> None:
    plan = with_foreign.plan()

    assert drift_of(plan) == {("foreign", "gamma-1.0.dist-info")}
    assert changes_of(plan) == {"package.gamma": "delete"}
    assert reasons_of(plan, "package.gamma") == {"foreign"}


def test_what_pip_was_asked_for_is_not_direct(with_foreign: Project) -> None:
    listed = with_foreign.succeed("list", "--json").json["packages"]
    plan = with_foreign.plan()

    assert {each["name"]: (each["direct"], each["foreign"]) for each in listed} == {
        "alpha": (True, False),
        "beta": (False, False),
        "gamma": (False, True),
    }
    assert [change["direct"] for change in plan["changes"] if change["address"] == "package.gamma"] == [False]


def test_data_of_tools_is_one_line_of_a_plan_with_changes(applied: Project) -> None:
    applied.write(".venv/share/models/one.bin", "x" * 1500)

    assert applied.succeed("plan", "--detailed-exitcode").out.startswith("No changes.")
    applied.write_manifest("gamma")
    assert "Carried along: data of tools in 1 place, 1.5 kB\n" in applied.succeed("plan").out
    assert "  share/models  1.5 kB\n" in applied.succeed("plan", "-v").out
    applied.apply()
    assert applied.read(".venv/share/models/one.bin") == "x" * 1500


def test_what_is_foreign_is_removed_by_default(with_foreign: Project) -> None:
    with_foreign.apply()

    assert with_foreign.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_what_is_foreign_and_was_removed_is_still_in_the_generation_before(with_foreign: Project) -> None:
    with_foreign.apply()

    with_foreign.succeed("rollback")

    assert with_foreign.installed()["gamma"] == "1.0"


@pytest.mark.parametrize("how", ["managed", "never"])
def test_what_is_foreign_and_kept_is_no_change(with_foreign: Project, how: str) -> None:
    _prune(with_foreign, how, "alpha")

    result = with_foreign.run("plan", "--json", "--detailed-exitcode")

    assert result.code == 0
    assert drift_of(result.json) == {("foreign", "gamma-1.0.dist-info")}


def test_managed_carries_what_is_foreign_through_an_upgrade(with_foreign: Project) -> None:
    with_foreign.publish("beta", "2.0")
    _prune(with_foreign, "managed", "alpha", "beta>=2")

    with_foreign.apply()

    assert with_foreign.installed() == {"alpha": "1.0", "beta": "2.0", "gamma": "1.0"}
    assert with_foreign.python("import gamma; print(gamma.__version__)") == "1.0\n"


def test_managed_removes_what_envctl_installed_and_nothing_asks_for(applied: Project) -> None:
    _prune(applied, "managed", "beta")

    applied.apply()

    assert applied.installed() == {"beta": "1.0"}


def test_never_removes_nothing(with_foreign: Project) -> None:
    _prune(with_foreign, "never", "beta")

    with_foreign.apply()

    assert with_foreign.installed() == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}


def test_a_foreign_distribution_that_the_lock_wants_is_taken_as_it_is(with_foreign: Project) -> None:
    with_foreign.write_manifest("alpha", "gamma")

    with_foreign.apply()

    assert with_foreign.installed() == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    assert with_foreign.is_settled()


def test_data_that_tools_put_into_the_environment_survives(applied: Project) -> None:
    applied.write(".venv/share/jupyter/kernel.json", "{}\n")
    applied.write_manifest("beta")

    applied.apply()

    assert applied.read(".venv/share/jupyter/kernel.json") == "{}\n"


def test_data_alone_is_no_change(applied: Project) -> None:
    applied.write(".venv/share/jupyter/kernel.json", "{}\n")

    assert applied.is_settled()


def test_a_pip_that_is_there_stays(applied: Project) -> None:
    applied.publish("pip", "99.0")
    applied.pip("--python", ".venv", "install", "--no-deps", "-i", applied.index.url, "pip==99.0")
    applied.write_manifest("beta")

    applied.apply()

    assert applied.installed() == {"beta": "1.0", "pip": "99.0"}


def test_a_foreign_module_of_no_distribution_is_removed_as_a_line_of_the_plan(applied: Project) -> None:
    applied.write(applied.site("loose.py"), "")

    plan = applied.apply()["plan"]

    assert ("foreign", "loose.py") in drift_of(plan)
    assert list(changes_of(plan).values()) == ["delete"]
    assert applied.is_settled()


def _keep_by_hand(project: Project) -> dict[str, str]:
    """Leave parts of every kind by hand, beside what pip installed; gives their texts by path."""
    parts = {
        "bin/tool": "#!/bin/sh\n",
        f"{SITE}/loose.py": "LOOSE = 1\n",
        f"{SITE}/folder/__init__.py": "",
        f"{SITE}/folder/table.csv": "1,2\n",
        f"{SITE}/gamma/added.py": "ADDED = 1\n",
        f"{SITE}/alpha/cache.bin": "data in a package",
        f"{SITE}/notes.txt": "data beside packages",
        "share/models/one.bin": "data of tools",
    }
    for path, text in parts.items():
        project.write(f".venv/{path}", text)
    return parts


def _read_all(project: Project, paths: Iterable[str]) -> dict[str, str]:
    return {
        path: project.read(".venv", path) for path in paths if os.path.exists(project.path(".venv", path))
    }


def test_what_was_put_there_by_hand_lives_through_applies_upgrades_and_rollbacks(
    with_foreign: Project,
) -> None:
    parts = _keep_by_hand(with_foreign)

    for number in range(2, 7):
        with_foreign.publish("beta", f"{number}.0")
        _prune(with_foreign, "managed", "alpha", f"beta=={number}.0")
        with_foreign.apply()
        assert with_foreign.is_settled("--verify", "hash")
        assert _read_all(with_foreign, parts) == parts
        assert with_foreign.installed() == {"alpha": "1.0", "beta": f"{number}.0", "gamma": "1.0"}
    with_foreign.succeed("rollback")
    with_foreign.succeed("rollback")
    with_foreign.succeed("rollback", "3")
    assert _read_all(with_foreign, parts) == parts
    with_foreign.apply()

    assert _read_all(with_foreign, parts) == parts
    assert with_foreign.python("import gamma.added, loose, folder; print(gamma.added.ADDED)") == "1\n"


def test_without_prune_managed_only_data_stays_and_each_other_part_is_a_line(with_foreign: Project) -> None:
    parts = _keep_by_hand(with_foreign)

    plan = with_foreign.apply()["plan"]

    assert changes_of(plan) == {
        'file."bin/tool"': "delete",
        f'file."{SITE}/folder"': "delete",
        f'file."{SITE}/loose.py"': "delete",
        "package.gamma": "delete",
    }
    assert sorted(each["path"] for each in plan["carried"]) == [
        f"{SITE}/alpha/cache.bin",
        f"{SITE}/notes.txt",
        "share/models",
    ]
    data = {path for path, text in parts.items() if text.startswith("data")}
    assert _read_all(with_foreign, parts) == {path: parts[path] for path in data}
    assert with_foreign.is_settled("--verify", "hash")


def test_a_rollback_brings_back_what_was_pruned(with_foreign: Project) -> None:
    parts = _keep_by_hand(with_foreign)
    with_foreign.apply()

    with_foreign.succeed("rollback")

    assert _read_all(with_foreign, parts) == parts
    assert with_foreign.installed()["gamma"] == "1.0"


def test_data_in_the_folder_of_a_package_that_goes_stays_and_the_plan_is_empty(applied: Project) -> None:
    applied.write(applied.site("alpha", "models", "one.bin"), "data")
    applied.write_manifest("beta")

    applied.apply()

    assert applied.read(applied.site("alpha", "models", "one.bin")) == "data"
    assert applied.is_settled("--verify", "hash")


def test_what_an_interrupted_pip_left_is_told_as_that_and_removed(applied: Project) -> None:
    applied.write(applied.site("~lpha", "__init__.py"), "")

    text = applied.succeed("plan").out
    applied.apply()

    assert "~lpha (was left by an interrupted pip)" in text
    assert not os.path.exists(applied.site("~lpha"))
    assert applied.is_settled()


def test_a_foreign_editable_is_one_line_with_its_hooks(applied: Project) -> None:
    files = {"__editable__.stranger-1.0.pth": "/nowhere\n", "__editable___stranger_1_0_finder.py": ""}
    put_by_hand(applied, "stranger", "1.0", installer="uv", files=files)

    plan = applied.plan()
    text = applied.succeed("plan").out

    assert drift_of(plan) == {("foreign", "stranger-1.0.dist-info")}
    assert changes_of(plan) == {"package.stranger": "delete"}
    assert "installed by uv" in text
