"""Statements about Python."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from envctl.manifest.manifest import PythonRequest
from envctl.manifest.parse import parse


def stated(text: str) -> PythonRequest:
    (request,) = parse(f"python = '{text}'".encode(), path="/srv/env.toml").pythons
    return request


@pytest.mark.parametrize(
    ("text", "specifier"),
    [
        (">=3.11,<3.14", ">=3.11,<3.14"),
        ("~=3.11", "~=3.11"),
        ("==3.12.*", "==3.12.*"),
        ("3", "==3.*"),
        ("3.12", "==3.12.*"),
        ("3.12.4", "==3.12.4"),
        ("3.14.0rc1", "==3.14.0rc1"),
        ("cpython3.12", "==3.12.*"),
        ("python3.12", "==3.12.*"),
    ],
)
def test_a_version_or_specifier_means(text: str, specifier: str) -> None:
    request = stated(text)

    assert request.specifier == SpecifierSet(specifier)
    assert (request.text, request.implementation, request.free_threaded) == (text, "cpython", False)


@pytest.mark.parametrize("text", ["3.14t", "cpython-3.14t"])
def test_a_free_threaded_build_is_asked_for_by_t(text: str) -> None:
    request = stated(text)

    assert (request.specifier, request.free_threaded) == (SpecifierSet("==3.14.*"), True)


@pytest.mark.parametrize("text", ["pypy3.11", "PyPy3.11", "pypy@3.11"])
def test_another_implementation_is_asked_for_by_name(text: str) -> None:
    request = stated(text)

    assert (request.specifier, request.implementation) == (SpecifierSet("==3.11.*"), "pypy")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/usr/bin/python3", "/usr/bin/python3"),
        ("./py/bin/python", "/srv/py/bin/python"),
        ("../py/bin/python", "/py/bin/python"),
        ("py/bin/python", "/srv/py/bin/python"),
    ],
)
def test_a_path_is_absolute_and_has_no_specifier(text: str, path: str) -> None:
    request = stated(text)

    assert (request.specifier, request.path) == (None, path)


def test_a_statement_knows_its_place() -> None:
    assert stated("3.12").where == "env.toml:1"
