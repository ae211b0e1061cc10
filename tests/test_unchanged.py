"""An environment that nothing speaks against, told without parsing anything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl.receipt import FILE, RECEIPT, TREE, digest_file, format_receipt, read_receipt
from envctl.treedigest import digest_tree
from envctl.unchanged import find_manifest, find_unchanged, is_unchanged
from envctl.version import VERSION

GOOD = {"version": VERSION, "environment": "default", "options": "-", "remarks": "-", "until": "-"}


def seal(folder: Path, *, environment: str = ".venv", **labels: str) -> None:
    """Write a manifest, an environment, and a receipt of both; ``labels`` are other than `GOOD`."""
    manifest, venv = folder / "env.toml", folder / environment
    manifest.write_text("x")
    (venv / ".envctl").mkdir(parents=True)
    (venv / "file").write_text("x")
    receipt = {
        **GOOD,
        f"{FILE}{manifest}": digest_file(str(manifest)) or "",
        TREE: digest_tree(str(venv)),
        **labels,
    }
    (venv / RECEIPT).write_bytes(format_receipt(receipt))


def found(folder: Path, name: str = "default") -> str | None:
    return find_unchanged(str(folder / "env.toml"), name)


def test_an_environment_is_found_where_it_lies_by_default(tmp_path: Path) -> None:
    seal(tmp_path)
    seal(tmp_path, environment=".venv-ci")
    receipt = tmp_path / ".venv-ci" / RECEIPT
    receipt.write_bytes(format_receipt({**(read_receipt(str(receipt)) or {}), "environment": "ci"}))

    assert found(tmp_path) == str(tmp_path / ".venv")
    assert found(tmp_path, "ci") == str(tmp_path / ".venv-ci")


@pytest.mark.parametrize(
    "label",
    [
        {"version": "0"},
        {"environment": "ci"},
        {"options": "from"},
        {"remarks": "some"},
        {"until": "2020-01-01"},
        {"until": ""},
    ],
    ids=lambda label: "=".join(*label.items()),
)
def test_a_receipt_of_something_else_vouches_for_nothing(tmp_path: Path, label: dict[str, str]) -> None:
    seal(tmp_path, **label)

    assert found(tmp_path) is None


def test_a_day_that_has_not_come_changes_nothing(tmp_path: Path) -> None:
    seal(tmp_path, until="9999-01-01")

    assert found(tmp_path) is not None


def become_link(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to("real")


CHANGES: dict[str, Callable[[Path], object]] = {
    "the manifest is another": lambda folder: (folder / "env.toml").write_text("y"),
    "a file is longer": lambda folder: (folder / ".venv/file").write_text("yy"),
    "a file came": lambda folder: (folder / ".venv/more").touch(),
    "the receipt is damaged": lambda folder: (folder / ".venv" / RECEIPT).write_text("x"),
    "a switch was begun": lambda folder: (folder / ".venv.envctl/journal").touch(),
    "a switch was begun in a mount point": lambda folder: (folder / ".venv/.envctl/journal").touch(),
    "a stage was begun": lambda folder: (folder / ".venv.envctl/staging/8").mkdir(parents=True),
    "the environment is a link": lambda folder: become_link(folder / ".venv"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_nothing_is_vouched_for_when(tmp_path: Path, change: Callable[[Path], object]) -> None:
    seal(tmp_path)
    (tmp_path / ".venv.envctl").mkdir()

    change(tmp_path)

    assert found(tmp_path) is None


def test_an_environment_elsewhere_is_asked_for_by_its_path(tmp_path: Path) -> None:
    seal(tmp_path, environment="env")

    assert found(tmp_path) is None
    assert is_unchanged(str(tmp_path / "env"), str(tmp_path / "env.toml"), "default")


def test_a_manifest_is_looked_for_upwards_unless_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "env.toml").touch()
    (tmp_path / "a/b").mkdir(parents=True)

    assert find_manifest(str(tmp_path / "a/b"), None) == str(tmp_path / "env.toml")
    assert find_manifest(str(tmp_path / "a/b"), "../other.toml") == str(tmp_path / "a/other.toml")
    assert find_manifest(os.sep, None) is None


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import os, stat, hashlib, time; before = set(sys.modules);"
        "import envctl.unchanged; print(*sorted(set(sys.modules) - before))"
    )
    source = os.path.dirname(os.path.dirname(sys.modules["envctl.unchanged"].__file__ or ""))

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, source], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == [
        "__future__",
        "envctl",
        "envctl.receipt",
        "envctl.treedigest",
        "envctl.trust",
        "envctl.twofold",
        "envctl.unchanged",
        "envctl.version",
    ]
