"""What is told about where a command runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from envctl.workflow.context import Context
from envctl.workflow.list import list_installed
from envctl.workflow.status import status
from support.places import Place


@pytest.mark.parametrize("name", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_another_environment_that_is_active_gets_one_line(place: Place, name: str) -> None:
    place.write()
    place.settings["environ"] = {"PATH": "/usr/bin", "CI": "1", name: "/else/where"}

    place.apply()

    assert place.notices("info") == {
        "other-environment-active": f"`/else/where` is active; the environment meant is `{place.venv}`"
    }
    assert place.venv.is_dir()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"VIRTUAL_ENV": ""},
        {"VIRTUAL_ENV": "{venv}"},
        {"VIRTUAL_ENV": "{venv}/../.venv"},
        {"CONDA_PREFIX": "/opt/conda", "CONDA_DEFAULT_ENV": "base"},
    ],
    ids=["none", "empty", "the one meant", "the one meant by another path", "conda's base"],
)
def test_nothing_is_said_when_no_other_one_is_active(place: Place, environ: dict[str, str]) -> None:
    place.write()
    place.settings["environ"] = {
        key: value.replace("{venv}", str(place.venv)) for key, value in environ.items()
    }

    place.plan()

    assert place.notices("info") == {}


@pytest.mark.parametrize("ask", [status, list_installed])
def test_who_only_looks_is_told_too(place: Place, ask: Callable[[Context], object]) -> None:
    place.write()
    place.apply()
    place.settings["environ"] = {"PATH": "/usr/bin", "VIRTUAL_ENV": "/else/where"}

    ask(place.context)

    assert list(place.notices("info")) == ["other-environment-active"]


def test_which_manifest_counts_is_told_to_who_asks_for_more(place: Place) -> None:
    place.write()

    place.plan()

    assert place.notices("debug") == {"manifest-found": f"the manifest is `{place.folder}/env.toml`"}
