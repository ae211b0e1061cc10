"""What a user's config.toml says of the machine, each key by what it does."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.conftest import publish_basics
from support.project import Project

BASICS = {"alpha": "1.0", "beta": "1.0"}
ESCAPE = "\x1b["


@pytest.fixture
def shop(make_project: Callable[..., Project]) -> Project:
    """A project that declares `alpha`, which needs `beta`, with a cache of its own."""
    project = make_project(fresh_cache=True)
    publish_basics(project)
    project.write_manifest("alpha")
    return project


def configure(project: Project, text: str) -> dict[str, str]:
    path = Path(project.cache, "config.toml")
    path.write_text(text + "\n", "utf-8")
    return {"ENVCTL_CONFIG": str(path)}


def test_where_the_cache_is(shop: Project) -> None:
    environ = {**configure(shop, 'cache-dir = "elsewhere"'), "ENVCTL_CACHE_DIR": ""}

    shop.succeed("apply", environ=environ)

    assert os.listdir(os.path.join(shop.cache, "elsewhere"))
    assert not os.path.exists(os.path.join(shop.cache, "envctl"))
    assert shop.installed() == BASICS


@pytest.mark.parametrize(("link", "is_linked"), [("copy", False), ("hardlink", True)])
def test_how_files_come_into_environments(shop: Project, link: str, *, is_linked: bool) -> None:
    shop.succeed("apply", environ=configure(shop, f'link = "{link}"'))

    assert (os.stat(shop.site("alpha", "part.py")).st_nlink > 1) is is_linked


@pytest.mark.parametrize(("compile_", "is_there"), [("true", True), ("false", False)])
def test_whether_bytecode_is_made(shop: Project, compile_: str, *, is_there: bool) -> None:
    shop.succeed("apply", environ=configure(shop, f"compile = {compile_}"))

    assert os.path.isdir(shop.site("alpha", "__pycache__")) is is_there


def test_the_manifest_goes_before_what_a_user_likes(shop: Project) -> None:
    shop.write_manifest("alpha", rest='[install]\nlink = "hardlink"')

    shop.succeed("apply", environ=configure(shop, 'link = "copy"'))

    assert os.stat(shop.site("alpha", "part.py")).st_nlink > 1


def test_colour_always(shop: Project) -> None:
    environ = configure(shop, 'color = "always"')

    assert ESCAPE in shop.succeed("plan", environ=environ).out
    assert ESCAPE in shop.succeed("lock", environ=environ).out
    os.unlink(shop.path("pylock.toml"))
    assert ESCAPE in shop.succeed("lock", environ=environ).out
    assert ESCAPE not in shop.succeed("plan", "--json", environ=environ).out


@pytest.mark.parametrize(
    ("before", "options"),
    [({"NO_COLOR": "1"}, ()), ({"ENVCTL_COLOR": "never"}, ()), ({}, ("--color", "never"))],
    ids=["NO_COLOR", "variable", "option"],
)
def test_what_goes_before_the_users_colour(
    shop: Project, before: dict[str, str], options: tuple[str, ...]
) -> None:
    environ = {**configure(shop, 'color = "always"'), **before}

    assert ESCAPE not in shop.succeed("plan", *options, environ=environ).out


def test_colour_never_on_a_terminal(shop: Project) -> None:
    plain = shop.converse("plan", environ=configure(shop, 'color = "never"'))
    coloured = shop.converse("plan")

    assert re.search(r"\x1b\[[0-9;]+m", coloured.out)
    assert not re.search(r"\x1b\[[0-9;]*[1-9][0-9;]*m", plain.out)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('colour = "always"', "unknown-key"),
        ('color = "sometimes"', "bad-value"),
        ('keyring = "ask"', "bad-value"),
        ("timeout = 0", "bad-value"),
        ("timeout = true", "bad-value"),
        ("client-key = 1", "bad-value"),
        ('client-certificates = "me.pem"', "bad-value"),
        ('client-certificates = { "a.example" = { key = "me.key" } }', "bad-value"),
        ('insecure-hosts = "a.example"', "bad-value"),
        ("mirrors = []", "bad-value"),
        ("link", "bad-settings"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(shop: Project, line: str, code: str) -> None:
    result = shop.run("plan", environ=configure(shop, f"\n{line}"))

    assert (result.code, result.codes) == (65, [code])
    assert "config.toml" in result.err


def test_time_for_one_page_may_be_set(shop: Project) -> None:
    assert shop.run("lock", environ=configure(shop, "timeout = 30.5")).code == 0
