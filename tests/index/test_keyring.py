"""Asking the ``keyring`` command, where there is no library; and giving up on it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envctl.index import keyring
from envctl.index.keyring import Keyring
from envctl.model.events import Event, Notice

URL = "https://pkgs.example/simple/"


@pytest.fixture(autouse=True)
def _without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "find_spec", lambda name: None)


def write_command(folder: Path, script: str) -> dict[str, str]:
    """Put a ``keyring`` on the PATH, and return variables that hold it and a secret of another index."""
    folder.mkdir()
    path = folder / "keyring"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "ENVCTL_INDEX_X_PASSWORD": "other"}


def test_the_password_of_a_user_is_asked_for_by_url_then_by_host(tmp_path: Path) -> None:
    script = 'echo "$@" >> "$0.log"; [ "$2" = pkgs.example ] && echo s3cret'
    environ = write_command(tmp_path / "bin", script)
    events: list[Event] = []

    found = Keyring(environ, events.append)(URL, "robot")

    assert found == ("robot", "s3cret")
    assert (tmp_path / "bin" / "keyring.log").read_text().splitlines() == [
        f"get {URL} robot",
        "get pkgs.example:443 robot",
        "get pkgs.example robot",
    ]
    assert events == []


def test_without_a_user_the_keyring_names_one(tmp_path: Path) -> None:
    environ = write_command(tmp_path / "bin", 'printf "robot\\ns3cret\\n"')

    assert Keyring(environ, lambda event: None)(URL, None) == ("robot", "s3cret")


def test_a_keyring_that_knows_nothing_gives_nothing(tmp_path: Path) -> None:
    environ = write_command(tmp_path / "bin", "exit 1")

    assert Keyring(environ, lambda event: None)(URL, "robot") is None
    assert Keyring(environ, lambda event: None)(URL, None) is None


def test_a_machine_without_a_keyring_has_no_passwords(tmp_path: Path) -> None:
    assert Keyring({"PATH": str(tmp_path)}, lambda event: None)(URL, "robot") is None


def test_a_keyring_in_the_working_folder_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = write_command(tmp_path / "bin", "echo s3cret")
    monkeypatch.chdir(tmp_path / "bin")

    assert Keyring(environ, lambda event: None)(URL, "robot") is None


def test_a_keyring_that_does_not_answer_is_given_up_and_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = write_command(tmp_path / "bin", "exec sleep 30")
    monkeypatch.setattr(keyring, "_PATIENCE", 0.2)
    monkeypatch.setattr(keyring, "_is_terminal", lambda descriptor: False)
    events: list[Event] = []

    assert Keyring(environ, events.append)(URL, "robot") is None
    assert [event.code for event in events if isinstance(event, Notice)] == ["keyring-silent"]


def test_the_keyring_does_not_see_credentials_of_indexes(tmp_path: Path) -> None:
    environ = write_command(tmp_path / "bin", 'echo "user${ENVCTL_INDEX_X_PASSWORD}"')

    assert Keyring(environ, lambda event: None)(URL, "robot") == ("robot", "user")
