"""An environment that is as it was left is told by its digest, and says what a look at every file would."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl.environment import ours
from envctl.environment.inventory import INVENTORY
from envctl.environment.untouched import list_untouched
from envctl.model.state import State
from environment.laying import Layer


@pytest.fixture
def layer(layer: Layer) -> Layer:
    layer.lay("alpha", files={"alpha/__init__.py": "", "alpha/data.txt": "1"}, scripts={"alpha": "#!/bin/sh"})
    layer.lay("beta", files={"beta.py": "", "odd\tname.txt": "tab"})
    layer.seal()
    return layer


def look_at_every_file(layer: Layer, monkeypatch: pytest.MonkeyPatch) -> State:
    with monkeypatch.context() as context:
        context.setattr(ours, "list_untouched", lambda _: None)
        return layer.scan()


def add_bytecode(layer: Layer) -> None:
    (layer.site / "alpha/__pycache__").mkdir()
    (layer.site / "alpha/__pycache__/__init__.cpython-313.pyc").touch()


def break_interpreter(layer: Layer) -> None:
    layer.root.rename(layer.root.parent / "elsewhere")
    layer.root = layer.root.parent / "elsewhere"


@pytest.mark.parametrize("change", [lambda _: None, add_bytecode, break_interpreter])
def test_it_says_the_same_as_a_look_at_every_file(
    layer: Layer, monkeypatch: pytest.MonkeyPatch, change: Callable[[Layer], None]
) -> None:
    change(layer)

    assert list_untouched(str(layer.root)) is not None
    assert layer.scan() == look_at_every_file(layer, monkeypatch)


def edit(layer: Layer) -> None:
    (layer.site / "beta.py").write_text("edited")


def delete(layer: Layer) -> None:
    (layer.site / "alpha/data.txt").unlink()


def add(layer: Layer) -> None:
    (layer.site / "alpha/more.py").touch()


def damage_file_list(layer: Layer) -> None:
    (layer.root / INVENTORY).write_text("envctl-inventory 1 0\n")


def lose_receipt(layer: Layer) -> None:
    (layer.root / ".envctl/receipt").unlink()


def date_receipt_back(layer: Layer) -> None:
    newest = max(path.lstat().st_mtime_ns for path in layer.site.rglob("*") if path.is_file())
    os.utime(layer.root / ".envctl/receipt", ns=(newest, newest))


@pytest.mark.parametrize("change", [edit, delete, add, damage_file_list, lose_receipt, date_receipt_back])
def test_it_says_nothing_once_anything_is_different(
    layer: Layer, monkeypatch: pytest.MonkeyPatch, change: Callable[[Layer], None]
) -> None:
    change(layer)

    assert list_untouched(str(layer.root)) is None
    assert layer.scan() == look_at_every_file(layer, monkeypatch)


def test_it_says_nothing_where_something_else_was_there_from_the_beginning(layer: Layer) -> None:
    Path(layer.root / "notes.txt").touch()
    layer.seal()

    assert list_untouched(str(layer.root)) is None
    assert [file.path for file in layer.scan().foreign] == ["notes.txt"]


def test_every_file_is_read_when_that_is_asked_for(layer: Layer) -> None:
    module = layer.site / "alpha/data.txt"
    status = module.stat()
    module.write_text("2")
    os.utime(module, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert layer.scan().drift == ()
    assert [line.path for line in layer.scan(verify="hash").drift] == [
        f"{layer.site.relative_to(layer.root)}/alpha/data.txt"
    ]
