"""What decides beside the manifest: variables, other indexes, credentials, where a command is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import pytest

from support.project import PYTHON, Project
from support.server import IndexServer


@pytest.fixture
def other(tmp_path: object) -> Iterator[IndexServer]:
    """A second index."""
    with IndexServer(os.path.join(str(tmp_path), "other"), max_age=0) as index:
        yield index


def _two_indexes(project: Project, other: IndexServer, *dependencies: str, pattern: str = "") -> None:
    rest = f'[[index]]\nname = "other"\nurl = "{other.url}"\n{pattern}'
    project.write_manifest(*dependencies, rest=rest)


def _publish_elsewhere(project: Project, other: IndexServer, name: str, version: str) -> None:
    Project(folder=project.folder, cache=project.cache, index=other).publish(name, version)


def test_the_first_index_that_has_a_name_is_the_only_one_asked(project: Project, other: IndexServer) -> None:
    _publish_elsewhere(project, other, "beta", "9.0")
    _two_indexes(project, other, "beta")

    project.apply()

    assert project.installed() == {"beta": "1.0"}


def test_a_later_index_serves_what_the_first_does_not_have(project: Project, other: IndexServer) -> None:
    _publish_elsewhere(project, other, "delta", "1.0")
    _two_indexes(project, other, "beta", "delta")

    project.apply()

    assert project.installed() == {"beta": "1.0", "delta": "1.0"}


def test_a_version_that_only_a_later_index_has_is_told_with_its_index(
    project: Project, other: IndexServer
) -> None:
    _publish_elsewhere(project, other, "beta", "9.0")
    _two_indexes(project, other, "beta>=9")

    result = project.run("lock")

    assert result.codes == ["no-matching-version"]
    assert (
        'hint: Take beta from another index: `[sources] beta = { index = "other" }`, which gives beta 9.0'
        in result.err.splitlines()
    )


def test_a_name_that_an_index_claims_is_asked_of_no_other_for_a_hint(
    project: Project, other: IndexServer
) -> None:
    project.publish("acme-sdk", "9.0")
    _publish_elsewhere(project, other, "acme-sdk", "1.0")
    _two_indexes(project, other, "acme-sdk>=9", pattern='packages = ["acme-*"]')

    assert project.run("lock").codes == ["no-matching-version"]
    assert "/simple/acme-sdk/" not in project.index.paths()


def test_names_that_are_kept_for_an_index_come_only_from_there(project: Project, other: IndexServer) -> None:
    project.publish("acme-sdk", "9.0")
    _publish_elsewhere(project, other, "acme-sdk", "1.0")
    _two_indexes(project, other, "acme-sdk", pattern='packages = ["acme-*"]')

    project.apply()

    assert project.installed() == {"acme-sdk": "1.0"}
    assert "/simple/acme-sdk/" not in project.index.paths()


def test_a_source_names_the_index_of_a_package(project: Project, other: IndexServer) -> None:
    _publish_elsewhere(project, other, "beta", "9.0")
    _two_indexes(project, other, "beta", pattern='[sources]\nbeta = { index = "other" }')

    project.apply()

    assert project.installed() == {"beta": "9.0"}


def test_an_index_that_speaks_html_only(project: Project) -> None:
    project.index.json = False

    project.apply()

    assert project.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_an_index_without_metadata_files(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta")
    project.index.core_metadata = False

    project.apply()

    assert project.installed() == {"beta": "1.0"}


def test_a_folder_of_wheels_as_an_index(project: Project) -> None:
    text = f'python = "{PYTHON}"\ndependencies = ["alpha"]\n'
    project.write("env.toml", f'{text}[[index]]\nname = "here"\nurl = "../index"\nflat = true\n')
    project.index.stop()

    project.apply()

    assert project.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_credentials_come_from_variables_and_are_in_no_file(project: Project) -> None:
    project.index.credentials = ("user", "s3cret-word")
    project.environ["ENVCTL_INDEX_LOOP_USERNAME"] = "user"
    project.environ["ENVCTL_INDEX_LOOP_PASSWORD"] = "s3cret-word"

    result = project.succeed("apply", "-v")

    assert "s3cret-word" not in result.out + result.err
    for parent, _, files in os.walk(project.folder):
        for name in files:
            with open(os.path.join(parent, name), "rb") as file:
                assert b"s3cret-word" not in file.read()


def test_an_index_that_wants_credentials_names_the_variables(project: Project) -> None:
    project.index.credentials = ("user", "s3cret-word")

    result = project.run("apply")

    assert result.code == 1
    assert "ENVCTL_INDEX_LOOP_USERNAME" in result.err


def test_a_variable_stands_for_an_option(applied: Project) -> None:
    applied.write_manifest("gamma")

    assert applied.run("plan", environ={"ENVCTL_DETAILED_EXITCODE": "1"}).code == 2


def test_an_active_environment_does_not_decide_where_envctl_installs(project: Project) -> None:
    project.environ["VIRTUAL_ENV"] = project.path("elsewhere")

    project.apply()

    assert project.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert "elsewhere" not in project.snapshot()


def test_settings_of_pip_and_uv_do_not_count(project: Project) -> None:
    for name in ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "PIP_CONSTRAINT"):
        project.environ[name] = "http://127.0.0.1:9/simple/"

    project.apply()

    assert project.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_another_manifest_can_be_named(project: Project) -> None:
    os.rename(project.path("env.toml"), project.path("other.toml"))

    project.apply("-f", "other.toml")

    assert project.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_a_path_names_the_interpreter(project: Project) -> None:
    text = project.read("env.toml").replace(f'python = "{PYTHON}"', f'python = "{sys.executable}"')
    project.write("env.toml", text)

    project.apply()

    assert project.python("import sys; print(sys.base_prefix)").strip() == sys.base_prefix


def test_the_cache_can_lie_somewhere_else(project: Project) -> None:
    cache = os.path.join(os.path.dirname(project.folder), "cache of mine")

    project.apply("--cache-dir", cache)

    assert os.listdir(cache)


@pytest.mark.parametrize("link", ["copy", "hardlink"])
def test_files_come_into_the_environment_as_the_manifest_says(project: Project, link: str) -> None:
    project.write_manifest("alpha", rest=f'[install]\nlink = "{link}"')

    project.apply()

    links = os.stat(project.site("alpha", "part.py")).st_nlink
    assert (links > 1) == (link == "hardlink")


def test_an_edit_in_the_environment_never_reaches_the_cache(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta")
    project.apply()
    with open(project.site("beta", "__init__.py"), "a", encoding="utf-8") as file:
        file.write("raise SystemExit('edited')\n")

    project.apply()

    assert project.python("import beta; print(beta.__version__)") == "1.0\n"
