"""What others installed, taken over: the lists say who was asked for, the lock what is there."""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from typing import Any

import pytest

from support.backends import make_tree
from support.documents import validate
from support.project import INTERPRETER, PYTHON, Project, changes_of
from support.wheels import make_wheel

INDEX = '[[index]]\nname = "loop"\nurl = "{url}"\n'


def manifest_of(project: Project) -> Any:
    return tomllib.loads(project.read("env.toml"))


def _venv(project: Project, *words: str) -> None:
    project.execute([sys.executable, "-m", "venv", "--without-pip", ".venv"])
    project.pip("--python", ".venv", "install", "-i", project.index.url, *words)


def _virtualenv(project: Project, *words: str) -> None:
    # Nothing to be fetched: what it seeds is told apart by another test.
    project.execute([sys.executable, "-m", "virtualenv", "--no-seed", ".venv"])
    project.pip("--python", ".venv", "install", "-i", project.index.url, *words)


def _uv(project: Project, *words: str) -> None:
    project.uv("venv", "--python", INTERPRETER, ".venv")
    project.uv("pip", "install", "--python", ".venv", "--default-index", project.index.url, *words)


MAKERS = pytest.mark.parametrize("make", [_venv, _virtualenv, _uv], ids=["venv", "virtualenv", "uv"])


@pytest.fixture
def shop(project: Project) -> Project:
    """An index on which all has newer releases than those that get installed; a manifest with no lists."""
    project.write("env.toml", "# the shop\n\n" + INDEX.format(url=project.index.url))
    return project


def _publish_newer(project: Project) -> None:
    project.publish("alpha", "1.1", requires=["beta>=1"])
    project.publish("beta", "2.0")
    project.publish("gamma", "3.0")


@MAKERS
def test_importing_and_adopting_ends_in_a_plan_without_changes(shop: Project, make: Any) -> None:
    make(shop, "alpha", "gamma")
    _publish_newer(shop)
    before = shop.installed()

    shop.succeed("import", ".venv")
    plan = shop.plan("--adopt")
    shop.apply("--adopt")

    assert changes_of(plan) == {"environment": "replace"}
    assert shop.installed() == before == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    assert shop.is_settled("--locked")
    assert shop.run("lock", "--check").code == 0


@MAKERS
def test_until_it_is_adopted_the_environment_is_not_touched(shop: Project, make: Any) -> None:
    make(shop, "alpha")
    before = {path: value for path, value in shop.snapshot(times=True).items() if path.startswith(".venv")}

    result = shop.succeed("import", ".venv")

    after = {path: value for path, value in shop.snapshot(times=True).items() if path.startswith(".venv")}
    assert after == before
    assert "`envctl apply --adopt` takes it over" in result.err
    assert shop.run("plan").codes == ["not-ours"]


def test_adopting_at_once_keeps_the_environment_as_generation_0(shop: Project) -> None:
    _uv(shop, "alpha", "gamma")

    report = shop.succeed("import", ".venv", "--adopt", "--json").json

    validate(report)
    assert (report["outcome"], report["generation"]) == ("applied", 1)
    assert shop.is_settled()
    shop.succeed("rollback", "0")
    assert shop.installed() == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}


@MAKERS
def test_the_lists_hold_what_was_asked_for_and_what_nothing_else_needs(shop: Project, make: Any) -> None:
    make(shop, "alpha", "gamma")

    shop.succeed("import", ".venv")

    assert shop.read("env.toml") == (
        f'# the shop\n\npython = "{PYTHON}"\n\ndependencies = [\n    "alpha>=1.0",\n    "gamma>=1.0",\n]\n\n'
        + INDEX.format(url=shop.index.url)
    )
    assert shop.locked() == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}


def test_what_a_list_asks_for_already_stays_as_it_is_written(shop: Project) -> None:
    _venv(shop, "alpha", "gamma")
    text = 'python = ">=3.11"\ndependencies = ["Gamma<2"]   # ours\n' + INDEX.format(url=shop.index.url)
    shop.write("env.toml", text)

    shop.succeed("import", ".venv")

    assert shop.read("env.toml") == text.replace('["Gamma<2"]', '["Gamma<2", "alpha>=1.0"]')


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--bounds", "exact"), {"dependencies": ["gamma==1.0"]}),
        (("--bounds", "none"), {"dependencies": ["gamma"]}),
        (("--group", "web"), {"dependency-groups": {"web": ["gamma>=1.0"]}}),
        (("--extra", "web"), {"optional-dependencies": {"web": ["gamma>=1.0"]}}),
    ],
)
def test_bounds_and_lists_can_be_chosen(shop: Project, options: tuple[str, ...], expected: Any) -> None:
    _venv(shop, "gamma")

    shop.succeed("import", ".venv", "--no-apply", *options)

    assert expected.items() <= manifest_of(shop).items()


def test_without_a_manifest_one_is_made_in_the_working_folder(shop: Project) -> None:
    _uv(shop, "alpha")
    os.remove(shop.path("env.toml"))
    shop.write("cache/config.toml", f'[mirrors]\npypi = "{shop.index.url}"\n')

    shop.succeed("import", ".venv", environ={"ENVCTL_CONFIG": shop.path("cache", "config.toml")})

    assert manifest_of(shop) == {"name": "shop", "python": PYTHON, "dependencies": ["alpha>=1.0"]}
    assert shop.locked() == {"alpha": "1.0", "beta": "1.0"}


def test_a_manifest_that_is_made_says_where_the_environment_lies(shop: Project) -> None:
    _uv(shop, "gamma")
    os.rename(shop.path(".venv"), shop.path("venv"))
    os.remove(shop.path("env.toml"))
    shop.write("cache/config.toml", f'[mirrors]\npypi = "{shop.index.url}"\n')
    config = {"ENVCTL_CONFIG": shop.path("cache", "config.toml")}

    shop.succeed("import", "venv", environ=config)

    assert manifest_of(shop)["env"] == {"default": {"path": "venv"}}
    assert shop.succeed("apply", "--adopt", "--json", environ=config).json["generation"] == 1


def test_an_environment_from_elsewhere_is_made_anew_here(shop: Project) -> None:
    _uv(shop, "alpha")
    os.rename(shop.path(".venv"), shop.path("other"))
    _publish_newer(shop)

    shop.succeed("import", "other")

    assert shop.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert shop.is_settled()


def test_editable_and_local_installs_become_sources(shop: Project) -> None:
    for name in ("core", "tools"):
        os.makedirs(shop.path(name))
        make_tree(shop.path(name), name)
    _venv(shop, "--no-build-isolation", "-e", "./core", "./tools", "gamma")

    shop.succeed("import", ".venv")
    plan = shop.plan("--adopt")
    shop.apply("--adopt")

    manifest = manifest_of(shop)
    assert manifest["dependencies"] == ["core", "gamma>=1.0", "tools"]
    assert manifest["sources"] == {"core": {"path": "core", "editable": True}, "tools": {"path": "tools"}}
    assert changes_of(plan) == {"environment": "replace"}
    assert shop.is_settled()


def test_an_extra_that_explains_what_is_there_is_asked_for(shop: Project) -> None:
    shop.publish("delta", "1.0", extras={"fast": ["gamma"], "rare": ["nowhere"]})
    _venv(shop, "delta[fast]")

    shop.succeed("import", ".venv")

    assert manifest_of(shop)["dependencies"] == ["delta[fast]>=1.0"]


def test_what_requires_each_other_is_not_lost(shop: Project) -> None:
    shop.publish("one", "1.0", requires=["two"])
    shop.publish("two", "1.0", requires=["one"])
    _venv(shop, "one")
    for name in ("one", "two"):
        path = shop.site(f"{name}-1.0.dist-info", "REQUESTED")
        if os.path.exists(path):
            os.remove(path)

    shop.succeed("import", ".venv")

    assert manifest_of(shop)["dependencies"] == ["one>=1.0"]


def test_pip_is_left_out_and_stays_where_it_is(shop: Project) -> None:
    shop.publish("pip", "1.0")
    _venv(shop, "pip", "gamma")

    result = shop.succeed("import", ".venv", "--adopt")

    assert "not taken over, because every environment is made with it: pip" in result.err
    assert manifest_of(shop)["dependencies"] == ["gamma>=1.0"]
    assert shop.installed() == {"gamma": "1.0", "pip": "1.0"}


def test_a_version_that_cannot_stay_is_told(shop: Project) -> None:
    _venv(shop, "gamma")
    os.remove(os.path.join(shop.index.folder, "gamma-1.0-py3-none-any.whl"))
    shop.publish("gamma", "3.0")

    result = shop.succeed("import", ".venv")

    assert "warning: `gamma` 1.0 cannot stay: the lock has 3.0 [version-not-kept]" in result.err


@pytest.mark.parametrize("more", [[], ["--adopt"], ["--no-apply"]])
def test_what_has_no_solution_leaves_every_file_as_it_was(shop: Project, more: list[str]) -> None:
    _venv(shop, "gamma")
    os.remove(os.path.join(shop.index.folder, "gamma-1.0-py3-none-any.whl"))
    before = shop.snapshot()

    result = shop.run("import", ".venv", *more)

    assert result.code == 1
    assert shop.snapshot() == before


def test_a_failed_import_makes_no_manifest(shop: Project) -> None:
    _venv(shop, "gamma")
    os.remove(shop.path("env.toml"))
    before = shop.snapshot()

    assert shop.run("import", ".venv", "--offline").code == 1

    assert shop.snapshot() == before


def test_beside_a_project_they_go_to_its_group_dev(shop: Project) -> None:
    _venv(shop, "alpha", "gamma")
    project = f'[project]\nname = "shop"\nversion = "1"\nrequires-python = "=={PYTHON}.*"\n'
    shop.write("pyproject.toml", f'{project}dependencies = ["alpha"]  # sold\n')
    shop.write("env.toml", 'project = "."\n' + INDEX.format(url=shop.index.url))

    shop.succeed("import", ".venv")

    read = tomllib.loads(shop.read("pyproject.toml"))
    assert read["project"]["dependencies"] == ["alpha"]
    assert read["dependency-groups"] == {"dev": ["gamma>=1.0"]}


def test_the_document_names_what_came_into_the_manifest(shop: Project) -> None:
    _venv(shop, "gamma")

    document = shop.succeed("import", ".venv", "--json").json

    validate(document)
    assert [(each["by"], each["before"], each["after"]) for each in document["manifest_changes"]] == [
        ("env.toml", None, "gamma>=1.0"),
        ("python", None, PYTHON),
    ]


@pytest.mark.parametrize(
    "name", ["poetry.lock", "Pipfile", "environment.yml", "uv.lock", "setup.py", "pyproject.toml"]
)
def test_what_cannot_be_imported_is_refused_by_name(shop: Project, name: str) -> None:
    shop.write(name, "")
    before = shop.snapshot()

    result = shop.run("import", name)

    assert (result.code, result.codes) == (65, ["import-not-supported"])
    assert f"`{name}`" in result.err
    assert shop.snapshot() == before


def test_what_is_no_environment_is_refused(shop: Project) -> None:
    shop.write("folder/file.txt", "")
    shop.write("conda/conda-meta/history", "")

    assert shop.run("import", "folder").codes == ["not-an-environment"]
    assert shop.run("import", "conda").codes == ["import-not-supported"]
    assert shop.run("import", "nothing").codes == ["no-file"]


@pytest.mark.skipif(shutil.which("git") is None, reason="git has what is installed")
def test_what_came_from_git_comes_from_the_same_commit(shop: Project) -> None:
    shop.environ["GIT_CONFIG_GLOBAL"] = os.devnull
    os.makedirs(shop.path("upstream"))
    make_tree(shop.path("upstream"), "core")
    settings = ["-c", "user.name=Test", "-c", "user.email=test@shop.example"]
    for words in (["init", "-q"], ["add", "."], [*settings, "commit", "-q", "-m", "one"]):
        shop.execute(["git", "-C", "upstream", *words])
    commit = shop.execute(["git", "-C", "upstream", "rev-parse", "HEAD"]).out.strip()
    url = f"file://{shop.path('upstream')}"
    _venv(shop, "--no-build-isolation", f"core @ git+{url}", "gamma")
    shop.write("env.toml", shop.read("env.toml") + '[build]\nallow = ["core"]\n')

    shop.succeed("import", ".venv")
    plan = shop.plan("--adopt")

    assert manifest_of(shop)["sources"] == {"core": {"git": url, "rev": commit}}
    assert changes_of(plan) == {"environment": "replace"}


def test_a_wheel_of_this_machine_comes_from_where_it_came_from(shop: Project) -> None:
    make_wheel(shop.path("wheels"), "local", "1.0")
    _venv(shop, "./wheels/local-1.0-py3-none-any.whl", "gamma")

    shop.succeed("import", ".venv")
    plan = shop.plan("--adopt")

    assert manifest_of(shop)["sources"] == {"local": {"path": "wheels/local-1.0-py3-none-any.whl"}}
    assert changes_of(plan) == {"environment": "replace"}


def test_a_wheel_from_a_url_comes_from_there_and_its_user_is_nobodys_business(shop: Project) -> None:
    shop.publish("blob", "1.0")
    url = f"{shop.index.url.removesuffix('/simple/')}/files/blob-1.0-py3-none-any.whl"
    _venv(shop, f"blob @ {url.replace('//', '//me:secret@', 1)}")

    shop.succeed("import", ".venv")
    plan = shop.plan("--adopt")

    assert manifest_of(shop)["sources"] == {"blob": {"url": url}}
    assert changes_of(plan) == {"environment": "replace"}
