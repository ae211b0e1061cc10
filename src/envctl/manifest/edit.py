"""Edit the lists of a manifest, or of its ``pyproject.toml``: comments, order and layout stay.

Pure: bytes to bytes. An entry is known by its key; what is read of it is its text as it was written.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import tomlkit
from packaging.requirements import Requirement
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import String

from envctl.errors import InputError
from envctl.frozen import dataclass
from envctl.manifest.locate import Path
from envctl.manifest.project import PYPROJECT_NAME
from envctl.model.names import normalise


@dataclass(frozen=True, slots=True)
class Entry:
    """A requirement of one of the lists: where it stands, which list that is (as `Asked.by`), its text."""

    key: Path
    by: str
    text: str

    @property
    def name(self) -> str:
        """The project it is about, by its normalised name."""
        return normalise(Requirement(self.text).name)


def find_entries(data: bytes, *, name: str) -> tuple[Entry, ...]:
    """Return the requirements of all lists of the file called ``name``; includes of groups are none."""
    return tuple(_walk(tomllib.loads(data.decode()), name))


def _walk(table: Mapping[str, Any], name: str) -> Iterator[Entry]:
    home: Path = ("project",) if name == PYPROJECT_NAME else ()
    lists = table.get("project", {}) if home else table
    yield from _of_list((*home, "dependencies"), name, lists.get("dependencies", ()))
    for extra, items in lists.get("optional-dependencies", {}).items():
        yield from _of_list((*home, "optional-dependencies", extra), f"extra {normalise(extra)}", items)
    for group, items in table.get("dependency-groups", {}).items():
        yield from _of_list(("dependency-groups", group), f"group {normalise(group)}", items)


def _of_list(key: Path, by: str, items: Any) -> Iterator[Entry]:
    for place, item in enumerate(items):
        if isinstance(item, str):
            yield Entry((*key, place), by, item)


def replace_entries(data: bytes, texts: Mapping[Path, str], *, path: str) -> bytes:
    """Give entries another text, by key; not another byte is changed.

    Raises:
        InputError: `cannot-edit` where that would change anything else; the file is to be edited by hand.
    """
    written = data.decode()
    expected = tomllib.loads(written)
    try:
        document = tomlkit.parse(written)
        for key, text in texts.items():
            *way, place = key
            items: Any = document
            wanted: Any = expected
            for part in way:
                items, wanted = items[part], wanted[part]
            items[place] = _in_quotes_of(items[place], text)
            wanted[place] = text
        edited = tomlkit.dumps(document)
        is_right = tomllib.loads(edited) == expected
    except (TOMLKitError, KeyError, IndexError, TypeError, ValueError) as error:
        raise _cannot_edit(path) from error
    if not is_right:
        raise _cannot_edit(path)
    return edited.encode()


def _in_quotes_of(item: Any, text: str) -> String:
    is_literal = isinstance(item, String) and item.as_string().startswith("'") and "'" not in text
    return tomlkit.string(text, literal=is_literal)


def _cannot_edit(path: str) -> InputError:
    return InputError(
        "cannot-edit",
        f"`{path}` is written in a way that cannot be edited without changing more than was asked for",
        where=path,
        hints=["edit its lists by hand, then `envctl apply`"],
    )
