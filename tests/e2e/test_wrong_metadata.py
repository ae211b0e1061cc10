"""Metadata that is invalid, or disagrees with file name or index: passed over with its name, or refused."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from support.project import PYTHON, Project

WHEEL = "delta-2.0-py3-none-any.whl"
HEAD = "Metadata-Version: 2.1\nName: delta\n"
GOOD = f"{HEAD}Version: 2.0\n"


@pytest.fixture
def shop(make_project: Callable[..., Project]) -> Project:
    """A project that asks for `delta`, of which 1.0 is right."""
    project = make_project(fresh_cache=True)
    project.publish("delta", "1.0")
    project.write_manifest("delta")
    return project


def publish(project: Project, metadata: str | None) -> None:
    """Publish `delta` 2.0 with METADATA of its own; None leaves it out."""
    members = {"delta/__init__.py": "", "delta-2.0.dist-info/WHEEL": "Wheel-Version: 1.0\n"}
    if metadata is not None:
        members["delta-2.0.dist-info/METADATA"] = metadata
    with zipfile.ZipFile(os.path.join(project.index.folder, WHEEL), "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)


def state(project: Project, **fields: Any) -> None:
    """Have the index say something else of `delta` 2.0 than its wheel does."""
    describe = project.index.describe

    def say(filename: str) -> dict[str, Any]:
        return describe(filename) | (fields if filename == WHEEL else {})

    project.index.describe = say  # type: ignore[method-assign]


@pytest.mark.parametrize("metadata_files", [True, False], ids=["metadata file", "wheel alone"])
@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("Metadata-Version: 2.1\nName: other\nVersion: 2.0\n", f"the metadata of `{WHEEL}` is of other 2.0"),
        (f"{HEAD}Version: 2.1\n", f"the metadata of `{WHEEL}` is of delta 2.1"),
        (f"{HEAD}Version: 2.0+local\n", f"the metadata of `{WHEEL}` is of delta 2.0+local"),
        (f"{HEAD}Version: two\n", "has the version `two`, which is none"),
        (f"{GOOD}Version: 2.0\n", "has several Version"),
        ("Metadata-Version: 2.1\nVersion: 2.0\n", "has no Name"),
        (f"{GOOD}Requires-Dist: beta >> 1\n", "requires `beta >> 1`, which is no requirement"),
        (f"{GOOD}Requires-Python: three\n", "requires Python `three`, which is no specifier"),
        (GOOD.replace("2.1", "3.0"), "is in the format `3.0`"),
    ],
    ids=[
        "another name",
        "another version",
        "a local version that the file name lacks",
        "no version",
        "two versions",
        "no name",
        "no requirement",
        "no specifier",
        "a format that is not known",
    ],
)
def test_a_release_with_wrong_metadata_is_passed_over_and_named(
    shop: Project, metadata: str, said: str, metadata_files: Any
) -> None:
    publish(shop, metadata)
    shop.index.core_metadata = metadata_files

    result = shop.succeed("lock")

    assert shop.locked() == {"delta": "1.0"}
    assert "warning: delta 2.0 is passed over: the metadata of " in result.err
    assert said in result.err


def test_a_release_that_alone_would_do_is_an_error(shop: Project) -> None:
    publish(shop, f"{HEAD}Version: 2.1\n")
    shop.write_manifest("delta>1")

    result = shop.run("lock")

    assert (result.code, result.codes) == (1, ["no-usable-file"])
    assert f"the metadata of `{WHEEL}` is of delta 2.1" in result.err


def test_a_release_that_was_not_wanted_anyway_is_not_named(shop: Project) -> None:
    publish(shop, f"{HEAD}Version: 2.1\n")
    shop.write_manifest("delta<2")

    assert "passed over" not in shop.succeed("lock").err


@pytest.mark.parametrize(
    ("of_wheel", "of_index"),
    [
        (f"<{PYTHON}", None),
        (None, f"<{PYTHON}"),
        (f"<{PYTHON}", ">=3.8"),
        (">=3.8", f"<{PYTHON}"),
        (f"<{PYTHON}", "nonsense"),
    ],
    ids=["the wheel's alone", "the index's alone", "the wheel's", "the index's", "where the index's is none"],
)
def test_requires_python_of_wheel_and_index_both_count(
    shop: Project, of_wheel: str | None, of_index: str | None
) -> None:
    publish(shop, GOOD + (f"Requires-Python: {of_wheel}\n" if of_wheel else ""))
    state(shop, **{"requires-python": of_index})

    shop.succeed("lock")

    assert shop.locked() == {"delta": "1.0"}


def test_requires_python_of_an_index_that_is_no_specifier_states_nothing(shop: Project) -> None:
    publish(shop, GOOD)
    state(shop, **{"requires-python": "nonsense"})

    shop.succeed("lock")

    assert shop.locked() == {"delta": "2.0"}


def test_a_metadata_file_with_another_digest_is_refused(shop: Project) -> None:
    """That is no mistake of the project: somebody changed a file on the way or on the server."""
    publish(shop, GOOD)
    shop.index.wrong_metadata_hash.add(WHEEL)

    result = shop.run("lock")

    assert (result.code, result.codes) == (1, ["metadata-hash-mismatch"])
    assert f"{WHEEL}.metadata" in result.err
    assert "pylock.toml" not in shop.snapshot()


def test_of_two_keys_for_metadata_the_new_one_counts(shop: Project) -> None:
    publish(shop, GOOD)
    state(
        shop, **{"dist-info-metadata": {"sha256": "0" * 64}, "data-dist-info-metadata": {"sha256": "0" * 64}}
    )

    shop.succeed("lock")

    assert shop.locked() == {"delta": "2.0"}


def test_a_wheel_without_metadata_is_refused(shop: Project) -> None:
    publish(shop, None)

    result = shop.run("lock")

    assert (result.code, result.codes) == (1, ["bad-wheel"])
    assert WHEEL in result.err


@pytest.mark.parametrize(
    "filename",
    ["other-2.0-py3-none-any.whl", "delta-two-py3-none-any.whl", "delta-2.0-py3-any.whl", "delta.whl"],
    ids=["another project", "no version", "no tags", "no name of a wheel"],
)
def test_a_file_on_the_page_with_another_name_is_no_release_of_the_project(
    shop: Project, filename: str
) -> None:
    publish(shop, GOOD)
    state(shop, filename=filename)

    shop.succeed("lock")

    assert shop.locked() == {"delta": "1.0"}


def test_a_wheel_that_is_not_what_its_metadata_file_said_is_refused_at_apply(shop: Project) -> None:
    publish(shop, f"{HEAD}Version: 2.1\n")
    shop.index.metadata = lambda filename: GOOD.encode()  # type: ignore[method-assign]
    shop.succeed("lock")

    result = shop.run("apply", "--locked")

    assert (result.code, result.codes) == (1, ["wheel-mismatch"])
    assert ".venv" not in shop.snapshot()
