"""A manifest beside a pyproject.toml: the lists come from there, whatever its build backend is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from envctl.errors import EnvctlError, InputError, Problems
from envctl.manifest.manifest import Asked, Manifest, PathSource, ProjectReference
from envctl.manifest.parse import parse
from envctl.manifest.project import find_project

PATH = "/srv/shop/env.toml"

SETUPTOOLS = """\
[build-system]
requires = ["setuptools>=77", "setuptools-scm>=8"]
build-backend = "setuptools.build_meta"

[project]
name = "Shop.Web"
dynamic = ["version"]
description = "The web shop"
readme = "README.md"
requires-python = ">=3.11"
license = "MIT"
authors = [{ name = "A. Body", email = "a@example.org" }]
classifiers = [
    "Programming Language :: Python :: 3",
]
dependencies = [
    "flask>=3",
    "sqlalchemy[asyncio]>=2; python_version < '4'",
]

[project.optional-dependencies]
postgres = ["psycopg[binary]>=3.1"]
redis = ["redis>=5"]
all = ["shop-web[postgres,redis]"]

[project.scripts]
shop = "shop.cli:main"

[tool.setuptools.packages.find]
where = ["src"]

[tool.setuptools_scm]
local_scheme = "no-local-version"

[tool.pytest.ini_options]
addopts = '''
-ra
[not a header]
'''

[dependency-groups]
test = ["pytest>=8", "pytest-cov"]
dev = ["ruff", { include-group = "test" }]
"""

HATCHLING = """\
[build-system]
requires = ["hatchling", "hatch-vcs"]
build-backend = "hatchling.build"

[project]
name = "shop"
dynamic = ["version", "readme"]
requires-python = ">=3.10"
dependencies = ["httpx>=0.27", "rich"]
optional-dependencies.cli = ["click>=8"]

[tool.hatch.version]
source = "vcs"

[tool.hatch.envs.default]
dependencies = ["pytest"]

[[tool.hatch.envs.test.matrix]]
python = ["3.10", "3.11"]
"""

POETRY = """\
[project]
name = "shop"
version = "1.0.0"
requires-python = ">=3.11,<4"
dependencies = [
    "pydantic (>=2.9,<3.0)",
    "boto3 (>=1.35.0,<2.0.0) ; sys_platform != 'win32'",
]

[tool.poetry]
packages = [{ include = "shop", from = "src" }]

[tool.poetry.group.test.dependencies]
pytest = "^8.0"

[dependency-groups]
dev = ["mypy>=1.13"]

[build-system]
requires = ["poetry-core>=2.0.0,<3.0.0"]
build-backend = "poetry.core.masonry.api"
"""

FLIT = """\
[build-system]
requires = ["flit_core >=3.11,<4"]
build-backend = "flit_core.buildapi"

[project]
name = "shop"
authors = [{name = "A. Body"}]
license.file = "LICENSE"
dynamic = ["version", "description"]
dependencies = ["tomli >=1.1.0 ; python_version < '3.11'"]

[project.optional-dependencies]
test = ["pytest"]
"""

PDM = """\
[project]
name = "shop"
dynamic = ["version"]
requires-python = ">=3.9"
dependencies = ["blinker"]

[dependency-groups]
lint = ["ruff"]
dev = [{include-group = "lint"}]

[tool.pdm.version]
source = "scm"

[build-system]
requires = ["pdm-backend"]
build-backend = "pdm.backend"
"""

APPLICATION = """\
[project]
name = "app"
version = "0"
dependencies = ["flask"]

[project.optional-dependencies]
a = ["x", "y; python_version < '3.13'"]
b = ["z", "app[a]"]
all = ["App[b]; sys_platform == 'linux'"]

[dependency-groups]
dev = ["pytest", "app[a]"]
"""


def manifest(pyproject: str, text: str = 'project = "."') -> Manifest:
    return parse(text.encode(), path=PATH, pyproject=pyproject.encode())


def problems(pyproject: str | None, text: str = 'project = "."') -> Sequence[EnvctlError]:
    try:
        parse(text.encode(), path=PATH, pyproject=None if pyproject is None else pyproject.encode())
    except Problems as together:
        return together.errors
    except InputError as error:
        return [error]
    return []


def texts(asked: Sequence[Asked]) -> list[str]:
    return [str(one.requirement) for one in asked]


def all_texts(lists: Mapping[str, Sequence[Asked]]) -> dict[str, list[str]]:
    return {name: texts(asked) for name, asked in lists.items()}


def test_a_setuptools_project_is_installed_with_its_lists() -> None:
    shop = manifest(SETUPTOOLS)

    assert texts(shop.dependencies) == [
        "shop-web",
        "flask>=3",
        'sqlalchemy[asyncio]>=2; python_version < "4"',
    ]
    assert all_texts(shop.extras) == {
        "postgres": ["psycopg[binary]>=3.1"],
        "redis": ["redis>=5"],
        "all": ["shop-web[postgres,redis]"],
    }
    assert all_texts(shop.groups) == {
        "test": ["pytest>=8", "pytest-cov"],
        "dev": ["ruff", "pytest>=8", "pytest-cov"],
    }
    assert shop.environments["default"].groups == ("dev",)


def test_places_in_the_pyproject_are_its_lines() -> None:
    shop = manifest(SETUPTOOLS)

    assert [(one.by, one.where) for one in shop.dependencies] == [
        ("env.toml", "env.toml:1"),
        ("pyproject.toml", "pyproject.toml:17"),
        ("pyproject.toml", "pyproject.toml:18"),
    ]
    assert [(one.by, one.where) for one in shop.groups["dev"]] == [
        ("group dev", "pyproject.toml:43"),
        ("group test", "pyproject.toml:42"),
        ("group test", "pyproject.toml:42"),
    ]
    assert [request.where for request in shop.pythons] == ["pyproject.toml:10"]


def test_a_hatchling_project_has_its_extras_and_none_of_hatchs_environments() -> None:
    shop = manifest(HATCHLING)

    assert texts(shop.dependencies) == ["shop", "httpx>=0.27", "rich"]
    assert all_texts(shop.extras) == {"cli": ["click>=8"]}
    assert shop.groups == {}


def test_a_poetry_project_has_its_standard_lists_and_none_of_poetrys_groups() -> None:
    shop = manifest(POETRY)

    assert texts(shop.dependencies) == [
        "shop",
        "pydantic<3.0,>=2.9",
        'boto3<2.0.0,>=1.35.0; sys_platform != "win32"',
    ]
    assert all_texts(shop.groups) == {"dev": ["mypy>=1.13"]}
    assert [request.text for request in shop.pythons] == [">=3.11,<4"]


def test_a_flit_project_has_its_lists() -> None:
    shop = manifest(FLIT)

    assert texts(shop.dependencies) == ["shop", 'tomli>=1.1.0; python_version < "3.11"']
    assert shop.pythons == ()


def test_a_pdm_project_has_its_lists() -> None:
    shop = manifest(PDM)

    assert texts(shop.dependencies) == ["shop", "blinker"]
    assert all_texts(shop.groups) == {"lint": ["ruff"], "dev": ["ruff"]}


def test_the_project_is_a_source_in_its_folder_and_editable() -> None:
    shop = manifest(SETUPTOOLS)

    assert shop.sources == {"shop-web": PathSource(path="/srv/shop", written=".", editable=True)}
    assert shop.project == ProjectReference(path="/srv/shop", written=".", editable=True, install=True)
    assert shop.lists_in == "/srv/shop/pyproject.toml"


def test_the_project_may_lie_in_another_folder_and_not_be_editable() -> None:
    shop = manifest(SETUPTOOLS, 'project = { path = "../py", editable = false }')

    assert shop.sources == {"shop-web": PathSource(path="/srv/py", written="../py", editable=False)}
    assert shop.lists_in == "/srv/py/pyproject.toml"


def test_a_project_is_not_installed_when_the_manifest_says_so() -> None:
    shop = manifest(SETUPTOOLS, "project = { install = false }")

    assert "shop-web" not in texts(shop.dependencies)
    assert shop.sources == {}
    assert shop.project == ProjectReference(path="/srv/shop", written=".", editable=True, install=False)


def test_a_project_without_a_build_system_is_not_installed() -> None:
    app = manifest(APPLICATION)

    assert texts(app.dependencies) == ["flask"]
    assert app.project is not None
    assert not app.project.install


def test_a_project_that_is_not_installed_is_not_asked_for_by_its_own_extras() -> None:
    app = manifest(APPLICATION)

    assert all_texts(app.extras) == {
        "a": ["x", 'y; python_version < "3.13"'],
        "b": ["z", "x", 'y; python_version < "3.13"'],
        "all": [
            'z; sys_platform == "linux"',
            'x; sys_platform == "linux"',
            'y; python_version < "3.13" and sys_platform == "linux"',
        ],
    }
    assert all_texts(app.groups) == {"dev": ["pytest", "x", 'y; python_version < "3.13"']}


def test_extras_of_the_project_that_name_each_other_in_a_circle_come_to_an_end() -> None:
    app = manifest(
        "[project]\nname = 'app'\n[project.optional-dependencies]\n"
        "a = ['x', 'app[b]']\nb = ['y', \"app[a]; python_version < '4'\"]\n"
    )

    assert all_texts(app.extras) == {"a": ["x", "y"], "b": ["y", 'x; python_version < "4"']}


def test_an_extra_of_the_project_reached_twice_is_listed_once() -> None:
    app = manifest(
        "[project]\nname = 'app'\n[project.optional-dependencies]\n"
        "a = ['x']\nb = ['app[a]']\nc = ['app[a]']\nall = ['app[b,c]']\n"
    )

    assert texts(app.extras["all"]) == ["x"]


def test_a_project_to_be_installed_has_a_name() -> None:
    found = problems("[build-system]\nrequires = []\n[project]\nversion = '1'")

    assert [(error.code, error.where) for error in found] == [("missing-key", "pyproject.toml:3")]


def test_an_extra_of_the_project_that_there_is_not_is_refused() -> None:
    found = problems(
        "[project]\nname = 'app'\n[project.optional-dependencies]\ntest = []\nall = [\n'app[tests]']"
    )

    assert [(error.code, error.where, error.hints) for error in found] == [
        ("unknown-extra", "pyproject.toml:6", ("did you mean `test`?",))
    ]


def test_groups_alone_need_no_project_table() -> None:
    app = manifest("[dependency-groups]\ndev = ['ruff']\n")

    assert (texts(app.dependencies), all_texts(app.groups)) == ([], {"dev": ["ruff"]})


def test_an_environment_selects_extras_and_groups_of_the_project() -> None:
    shop = manifest(SETUPTOOLS, 'project = "."\n[env.ci]\ngroups = ["test"]\nextras = ["Postgres"]')

    assert (shop.environments["ci"].groups, shop.environments["ci"].extras) == (("test",), ("postgres",))


def test_lists_in_both_files_are_refused_each() -> None:
    text = 'project = "."\ndependencies = []\n[optional-dependencies]\n[dependency-groups]\ndev = []'

    found = problems(HATCHLING, text)

    assert [(error.code, error.where) for error in found] == [
        ("two-lists", "env.toml:2"),
        ("two-lists", "env.toml:3"),
        ("two-lists", "env.toml:4"),
    ]


@pytest.mark.parametrize("name", ["dependencies", "optional-dependencies"])
@pytest.mark.parametrize("text", ['project = "."', "project = { install = false }"])
def test_lists_that_only_the_backend_knows_are_refused(name: str, text: str) -> None:
    found = problems(
        f"[build-system]\nrequires = []\n[project]\nname = 'a'\ndynamic = [\n'version',\n'{name}']", text
    )

    assert [(error.code, error.where) for error in found] == [("dynamic-project", "pyproject.toml:7")]


def test_a_project_whose_backend_keeps_its_lists_elsewhere_is_refused() -> None:
    found = problems("[tool.poetry]\nname = 'a'\n\n[build-system]\nrequires = ['poetry-core']")

    assert [(error.code, error.where) for error in found] == [("no-project-table", "pyproject.toml:4")]


def test_mistakes_of_both_files_are_told_together_the_manifests_first() -> None:
    pyproject = """\
[project]
name = "shop"
requires-python = "3.11"
dependencies = ["a=1"]
[dependency-groups]
dev = [{include-group = "x"}]
"""

    found = problems(pyproject, 'project = "."\n[env.ci]\ngroups = ["tset"]\npyton = "3.12"')

    assert [(error.code, error.where) for error in found] == [
        ("unknown-group", "env.toml:3"),
        ("unknown-key", "env.toml:4"),
        ("bad-specifier", "pyproject.toml:3"),
        ("bad-requirement", "pyproject.toml:4"),
        ("unknown-group", "pyproject.toml:6"),
    ]


def test_a_pyproject_that_is_not_toml_is_told_with_the_manifests_mistakes() -> None:
    found = problems("[project\n", 'project = "."\nnmae = "x"')

    assert [(error.code, error.where) for error in found] == [
        ("unknown-key", "env.toml:2"),
        ("bad-toml", "pyproject.toml:1"),
    ]


@pytest.mark.parametrize(
    "pyproject",
    [
        "project = 3",
        "dependency-groups = []",
        "[project]\nname = 3",
        "[project]\ndependencies = [1]",
        "build-system=1",
    ],
)
def test_a_pyproject_of_wrong_types_is_refused(pyproject: str) -> None:
    assert [error.code for error in problems(pyproject)] == ["wrong-type"]


def test_the_project_named_in_sources_too_is_refused() -> None:
    found = problems(HATCHLING, 'project = "."\n[sources]\nShop = { path = "x" }')

    assert [(error.code, error.where) for error in found] == [("two-origins", "env.toml:1")]


def test_a_url_in_the_projects_lists_beside_a_source_is_refused_where_it_stands() -> None:
    pyproject = "[project]\nname = 'app'\ndependencies = ['x @ https://a.example/x.whl']"

    found = problems(pyproject, 'project = "."\n[sources]\nx = { path = "x" }')

    assert [(error.code, error.where) for error in found] == [("two-origins", "pyproject.toml:3")]


def test_a_folder_without_a_pyproject_is_refused() -> None:
    found = problems(None, '\nproject = "py"')

    assert [(error.code, error.where) for error in found] == [("no-pyproject", "env.toml:2")]


def test_the_file_in_place_of_its_folder_is_refused() -> None:
    (error,) = problems(None, 'project = "py/pyproject.toml"')

    assert (error.code, error.hints) == ("bad-path", ("name its folder: `py`",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('project = "."', "/srv/shop/pyproject.toml"),
        ('project = "../py/"', "/srv/py/pyproject.toml"),
        ('project = "/opt/py"', "/opt/py/pyproject.toml"),
        ('project = { path = "py", install = false }', "/srv/shop/py/pyproject.toml"),
        ("project = { editable = false }", "/srv/shop/pyproject.toml"),
        ('project = "."\npython = 3\nnmae = 1', "/srv/shop/pyproject.toml"),
        ('requires-envctl = "nonsense"\nproject = "."', "/srv/shop/pyproject.toml"),
        ("python = '3.12'", None),
        ("project = 3", None),
        ("project = { path = 3 }", None),
        ('project = ""', None),
        ('project = "pyproject.toml"', None),
        ('requires-envctl = ">=99"\nproject = "."', None),
        ('project = "."\nnot toml', None),
    ],
)
def test_the_pyproject_is_found_whatever_else_is_wrong(text: str, expected: str | None) -> None:
    assert find_project(text.encode(), path=PATH) == expected


def test_bytes_that_are_no_text_name_no_project() -> None:
    assert find_project(b"\xff", path=PATH) is None
