"""Projects and folders of source as parts of an environment."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable

import pytest

from support.backends import BACKEND, make_tree, wrap_installed
from support.project import Project, changes_of, reasons_of
from support.wheels import make_sdist


def _calls(project: Project) -> list[str]:
    """Tell what was asked of the backend of a folder in the project."""
    return project.read("calls.txt").splitlines()


def _direct_url(project: Project, name: str) -> dict[str, object]:
    with open(project.site(f"{name}-1.0.dist-info", "direct_url.json"), encoding="utf-8") as file:
        found: dict[str, object] = json.load(file)
    return found


@pytest.fixture
def shop(project: Project) -> Project:
    """A project whose lists stand in a pyproject.toml, with a backend in the tree."""
    rest = '[project.optional-dependencies]\nfast = ["gamma"]\n[dependency-groups]\ndev = ["delta"]\n'
    project.publish("delta", "1.0")
    make_tree(project.folder, "shop", dependencies=("alpha",), rest=rest)
    project.write_manifest(head='project = "."', lists=False)
    return project


@pytest.fixture
def core(project: Project) -> Project:
    """A project that depends on a folder of source, `core`, which needs `beta`."""
    make_tree(project.path("core"), "core", dependencies=("beta",))
    project.write_manifest("core", rest='[sources]\ncore = { path = "core" }')
    return project


def _edit_core(project: Project) -> Project:
    project.write_manifest("core", rest='[sources]\ncore = { path = "core", editable = true }')
    return project


def test_a_project_is_installed_editable_with_its_lists(shop: Project) -> None:
    shop.apply()

    assert set(shop.installed()) == {"shop", "alpha", "beta", "delta"}
    assert shop.python("import shop; print(shop.ANSWER)") == "1\n"
    assert _direct_url(shop, "shop")["dir_info"] == {"editable": True}


def test_a_build_leaves_no_bytecode_in_the_tree(shop: Project) -> None:
    shop.apply()

    assert not os.path.exists(shop.path("__pycache__"))


def test_an_edit_of_an_editable_projects_code_is_seen_and_is_no_change(shop: Project) -> None:
    shop.apply()
    shop.write("src/shop.py", "ANSWER = 2\n")

    assert shop.is_settled()
    assert shop.python("import shop; print(shop.ANSWER)") == "2\n"


def test_a_new_dependency_of_the_project_is_a_change(shop: Project) -> None:
    shop.apply()
    shop.write("pyproject.toml", shop.read("pyproject.toml").replace('["alpha"]', '["alpha", "gamma"]'))

    plan = shop.apply()["plan"]

    assert changes_of(plan)["package.gamma"] == "create"
    assert "gamma" in shop.installed()


def test_an_extra_of_the_project_can_be_selected(shop: Project) -> None:
    shop.write_manifest(head='project = "."', lists=False, rest='[env.default]\nextras = ["fast"]')

    shop.apply()

    assert "gamma" in shop.installed()


def test_a_project_that_is_not_to_be_installed_gives_its_lists_only(shop: Project) -> None:
    shop.write_manifest(head='project = { path = ".", install = false }', lists=False)

    shop.apply()

    assert set(shop.installed()) == {"alpha", "beta", "delta"}


def test_a_project_without_a_build_system_is_not_installed(project: Project) -> None:
    text = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["beta"]\n'
    project.write("pyproject.toml", text)
    project.write_manifest(head='project = "."', lists=False)

    project.apply()

    assert set(project.installed()) == {"beta"}


def test_lists_beside_a_project_are_refused(shop: Project) -> None:
    shop.write_manifest("beta", head='project = "."')

    assert shop.run("plan").code == 65


def test_a_project_built_by_hatchling_is_installed_editable(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    wrap_installed(project.index.folder, "hatchling")
    wrap_installed(project.index.folder, "editables")
    project.write(
        "pyproject.toml",
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "shop"\nversion = "1.0"\ndependencies = ["beta"]\n',
    )
    project.write("src/shop/__init__.py", "ANSWER = 1\n")
    project.write_manifest(head='project = "."', lists=False)

    told = project.succeed("apply").err

    assert re.search(r"^Resolved \d+ packages for building shop$", told, re.MULTILINE)
    assert re.search(r"^Downloaded \d+ packages for building shop$", told, re.MULTILINE)
    assert re.search(r"^Unpacked \d+ packages for building shop$", told, re.MULTILINE)
    assert re.search(r"^Resolved \d+ packages?$", told, re.MULTILINE)
    assert project.installed() == {"shop": "1.0", "beta": "1.0"}
    assert project.python("import shop; print(shop.ANSWER)") == "1\n"


def test_a_folder_of_source_is_built_and_installed(core: Project) -> None:
    core.apply()

    assert core.installed() == {"core": "1.0", "beta": "1.0"}
    assert core.python("import core; print(core.__file__.startswith('/'), core.ANSWER)") == "True 1\n"
    assert core.is_settled()


def test_a_folder_of_source_is_built_once(core: Project) -> None:
    core.apply()

    core.succeed("plan", "--reinstall", "beta")
    core.apply("--reinstall", "core")

    assert _calls(core) == ["core wheel"]


def test_an_edited_folder_is_built_anew_when_it_is_laid_anew(core: Project) -> None:
    core.apply()
    core.write("core/src/core.py", "ANSWER = 43\n")

    core.apply("--reinstall", "core")

    assert core.python("import core; print(core.ANSWER)") == "43\n"


def test_an_editable_folder_shows_an_edit_at_once_and_plans_none(core: Project) -> None:
    _edit_core(core).apply()
    core.write("core/src/core.py", "ANSWER = 2\n")

    assert core.python("import core; print(core.ANSWER)") == "2\n"
    assert core.is_settled()


def test_an_edit_of_an_editable_folders_metadata_is_a_change(core: Project) -> None:
    _edit_core(core).apply()
    core.write("core/pyproject.toml", core.read("core/pyproject.toml").replace("1.0", "1.1"))

    plan = core.apply()["plan"]

    assert changes_of(plan) == {"package.core": "update"}
    assert core.installed() == {"core": "1.1", "beta": "1.0"}
    assert core.is_settled()


def test_metadata_without_effect_reinstalls_because_the_source_changed(core: Project) -> None:
    _edit_core(core).apply()
    core.write("core/pyproject.toml", core.read("core/pyproject.toml") + '[tool.other]\nkey = "value"\n')

    plan = core.plan()

    assert list(changes_of(plan)) == ["package.core"]
    assert "source-changed" in reasons_of(plan, "package.core")
    assert (
        "core 1.0  [editable] its metadata files changed; asked for by env.toml" in core.succeed("plan").out
    )


def test_switching_a_folder_to_editable_is_a_change(core: Project) -> None:
    core.apply()
    _edit_core(core)

    plan = core.apply()["plan"]

    assert list(changes_of(plan)) == ["package.core"]
    assert _direct_url(core, "core")["dir_info"] == {"editable": True}


def test_a_source_serves_a_name_that_somebody_else_asks_for(core: Project) -> None:
    core.publish("delta", "1.0", requires=["core"])
    core.write_manifest("delta", rest='[sources]\ncore = { path = "core" }')

    core.apply()

    assert set(core.installed()) == {"delta", "core", "beta"}


def test_the_lock_names_a_folder_relative_to_itself(core: Project) -> None:
    core.succeed("lock")

    assert 'path = "core"' in core.read("pylock.toml")
    assert core.folder not in core.read("pylock.toml")


def test_a_source_that_is_not_there_is_named(project: Project) -> None:
    project.write_manifest("core", rest='[sources]\ncore = { path = "nowhere" }')

    result = project.run("plan")

    assert (result.code, result.codes) == (65, ["no-source"])
    assert "nowhere" in result.err


def test_a_backend_that_fails_is_shown_with_its_output(core: Project) -> None:
    core.write("core/backend.py", "raise SystemExit('the compiler is missing')\n")

    result = core.run("apply")

    assert (result.code, result.codes) == (1, ["build-failed"])
    assert "the compiler is missing" in result.err
    assert not {".venv", ".venv.envctl", "pylock.toml"} & core.snapshot().keys()


def test_a_backend_that_knows_no_editable_builds_is_told_with_what_to_write(core: Project) -> None:
    backend = core.read("core/backend.py").replace("def build_editable", "def _build_editable")
    core.write("core/backend.py", backend)
    text = core.read("env.toml")
    core.write("env.toml", text.replace('path = "core"', 'path = "core", editable = true'))

    result = core.run("apply")

    assert (result.code, result.codes) == (1, ["no-editable"])
    assert "hint: write `editable = false` for this source" in result.err
    core.write("env.toml", text)
    core.succeed("apply")


def test_metadata_that_is_dynamic_is_asked_of_the_backend(core: Project) -> None:
    text = core.read("core/pyproject.toml").replace('version = "1.0"', 'dynamic = ["version"]')
    core.write("core/pyproject.toml", text)
    core.write("core/version.txt", "3.0\n")

    core.apply()

    assert core.installed()["core"] == "3.0"


def test_an_sdist_is_not_built_unless_allowed(project: Project) -> None:
    make_sdist(project.index.folder, "delta", "1.0")
    project.write_manifest("delta")

    result = project.run("apply")

    assert result.code == 1
    assert "[build] allow" in result.err


def test_an_sdist_is_built_where_it_is_allowed(project: Project) -> None:
    pyproject = (
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "delta"\nversion = "1.0"\n'
    )
    files = {"backend.py": BACKEND, "src/delta.py": "ANSWER = 4\n"}
    make_sdist(project.index.folder, "delta", "1.0", pyproject=pyproject, files=files)
    project.write_manifest("delta", rest='[build]\nallow = ["delta"]')

    project.apply()

    assert project.python("import delta; print(delta.ANSWER)") == "4\n"
    assert project.is_settled()
