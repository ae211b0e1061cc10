"""Which environment is meant, and what its Python must be."""

from __future__ import annotations

import pytest

from envctl.errors import InputError
from envctl.manifest.manifest import Manifest
from envctl.manifest.parse import parse
from envctl.manifest.select import python_requests, select_environment


@pytest.fixture
def manifest() -> Manifest:
    text = "python = '>=3.11'\n[env.ci]\npython = '3.12'\n[env.docs]\n"
    return parse(text.encode(), path="/srv/env.toml")


def test_no_name_means_the_default_environment(manifest: Manifest) -> None:
    assert select_environment(manifest, None).name == "default"


def test_an_environment_is_selected_by_its_name(manifest: Manifest) -> None:
    assert select_environment(manifest, "ci").path == "/srv/.venv-ci"


def test_an_unknown_name_is_refused_with_the_nearest(manifest: Manifest) -> None:
    with pytest.raises(InputError) as caught:
        select_environment(manifest, "doc")

    assert caught.value.code == "unknown-environment"
    assert caught.value.hints == ("did you mean `docs`?", "declared: `default`, `ci`, `docs`")


@pytest.mark.parametrize(("name", "expected"), [("ci", [">=3.11", "3.12"]), ("docs", [">=3.11"])])
def test_all_statements_about_python_must_hold(manifest: Manifest, name: str, expected: list[str]) -> None:
    requests = python_requests(manifest, select_environment(manifest, name))

    assert [request.text for request in requests] == expected


def test_the_projects_requires_python_must_hold_too() -> None:
    manifest = parse(
        b"python = '3.12'\nproject = '.'\n[env.default]\npython = '3.12.4'",
        path="/srv/env.toml",
        pyproject=b"[project]\nname = 'shop'\nversion = '1'\nrequires-python = '>=3.10'\n",
    )

    requests = python_requests(manifest, select_environment(manifest, None))

    assert [(request.text, request.where) for request in requests] == [
        ("3.12", "env.toml:1"),
        (">=3.10", "pyproject.toml:4"),
        ("3.12.4", "env.toml:4"),
    ]
