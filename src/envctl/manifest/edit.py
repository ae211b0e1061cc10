"""Edit the lists of a manifest, or of its ``pyproject.toml``: comments, order and layout stay.

Pure: bytes to bytes. An entry is known by its key; what is read of it is its text as it was written.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tomlkit
from packaging.requirements import Requirement
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable, String

from envctl.errors import InputError
from envctl.frozen import dataclass
from envctl.manifest.locate import Path, find_spans, locate
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


@dataclass(frozen=True, slots=True)
class ListName:
    """One of the lists of a manifest: a ``group``, an ``extra`` (normalised), else the dependencies."""

    group: str | None = None
    extra: str | None = None

    def by(self, name: str) -> str:
        """Give its name as `Entry.by` has it, in the file called ``name``."""
        if self.group is not None:
            return f"group {self.group}"
        return name if self.extra is None else f"extra {self.extra}"


def find_list(data: bytes, chosen: ListName, *, name: str) -> Path:
    """Return the key of a list in the file called ``name``, as it is spelled there; it need not be there."""
    home: Path = ("project",) if name == PYPROJECT_NAME else ()
    if chosen.group is not None:
        return _find_spelling(data, ("dependency-groups",), chosen.group)
    if chosen.extra is not None:
        return _find_spelling(data, (*home, "optional-dependencies"), chosen.extra)
    return (*home, "dependencies")


def _find_spelling(data: bytes, key: Path, name: str) -> Path:
    table: Any = tomllib.loads(data.decode())
    for part in key:
        table = table.get(part, {})
    return (*key, next((written for written in table if normalise(written) == name), name))


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


@dataclass(frozen=True, slots=True)
class SetText:
    """Give the entry at ``key`` another text."""

    key: Path
    text: str


@dataclass(frozen=True, slots=True)
class AddEntry:
    """Add an entry to the list at ``key``, made if need be: in its order if it has one, else last."""

    key: Path
    text: str


@dataclass(frozen=True, slots=True)
class RemoveEntry:
    """Remove the entry at ``key`` with the comment behind it; those above may be about others, and stay."""

    key: Path


@dataclass(frozen=True, slots=True)
class SetValue:
    """Set a key to a text or an inline table, whatever it was."""

    key: Path
    value: str | Mapping[str, str | bool]


Edit = SetText | AddEntry | RemoveEntry | SetValue


def replace_entries(data: bytes, texts: Mapping[Path, str], *, path: str) -> bytes:
    """Give entries another text, by key; see `edit`."""
    return edit(data, [SetText(key, text) for key, text in texts.items()], path=path)


def edit(data: bytes, edits: Sequence[Edit], *, path: str) -> bytes:
    """Make edits, whose keys are those of ``data``; not another byte is changed.

    Raises:
        InputError: `cannot-edit` where that would change anything else; the file is to be edited by hand.
    """
    written = data.decode()
    expected = tomllib.loads(written)
    # What is set stays where it is, what is removed last first, and only then something moves.
    removals = sorted((each for each in edits if isinstance(each, RemoveEntry)), key=_place_of, reverse=True)
    others = [each for each in edits if not isinstance(each, RemoveEntry | AddEntry)]
    additions = [each for each in edits if isinstance(each, AddEntry)]
    try:
        for change in (*others, *removals, *additions):
            place = _perform(expected, change)
            written = next(text for text in _write(written, change, place) if _says(text, expected))
    except (TOMLKitError, KeyError, IndexError, TypeError, ValueError, StopIteration) as error:
        raise _cannot_edit(path) from error
    return written.encode()


def _says(text: str, expected: object) -> bool:
    try:
        return tomllib.loads(text) == expected
    except tomllib.TOMLDecodeError:
        return False


def _place_of(removal: RemoveEntry) -> tuple[str, ...]:
    *way, place = removal.key
    return (*map(str, way), f"{place:09}")


def _perform(table: Any, change: Edit) -> int:
    """Make a change in plain values: what the edited text must say. Returns the place of what is added."""
    *way, last = change.key
    for part in way:
        table = table.setdefault(part, {})
    match change:
        case SetText():
            if not isinstance(table[last], str):
                raise TypeError(table[last])
            table[last] = change.text
        case SetValue():
            table[last] = change.value if isinstance(change.value, str) else dict(change.value)
        case RemoveEntry():
            del table[last]
        case AddEntry():
            items = table.setdefault(last, [])
            place = _choose_place(items, change.text)
            items.insert(place, change.text)
            return place
    return 0


def _choose_place(items: Sequence[object], text: str) -> int:
    names = [_read_name(item) for item in items if isinstance(item, str)]
    if len(names) < max(2, len(items)) or names != sorted(names):
        return len(items)
    return sum(name <= _read_name(text) for name in names)


def _read_name(text: str) -> str:
    return normalise(Requirement(text).name)


def _write(written: str, change: Edit, place: int) -> Iterator[str]:
    """Make a change in a text; what is tried, best first."""
    match change:
        case AddEntry(key=(str() as key,), text=text) if key not in tomllib.loads(written):
            yield _append_key(written, f"{key} = [\n    {tomlkit.string(text).as_string()},\n]")
        case SetValue(key=(str() as key,), value=str() as text) if key not in tomllib.loads(written):
            yield _append_key(written, f"{key} = {tomlkit.string(text).as_string()}")
        case RemoveEntry():
            yield _cut(written, change.key)
        case AddEntry():
            quoted = tomlkit.string(change.text).as_string()
            spans = find_spans(written)
            if (*change.key, place - 1) in spans:
                yield _insert_behind(written, spans[*change.key, place - 1][1], quoted)
            elif (*change.key, place) in spans:
                yield _insert_before(written, spans[*change.key, place][0], quoted)
            yield _end_with_comma(_rewrite(written, change, place), quoted)
        case _:
            yield _rewrite(written, change, place)


def _rewrite(written: str, change: Edit, place: int) -> str:
    """Make a change with tomlkit, which keeps what it does not touch, odd layouts of lists excepted."""
    document = tomlkit.parse(written)
    *way, last = change.key
    table: Any = document
    for part in way:
        if isinstance(part, str) and part not in table:
            table[part] = tomlkit.table()
        table = table[part]
    match change:
        case SetText():
            table[last] = _in_quotes_of(table[last], change.text)
        case SetValue():
            table[last] = _to_item(change.value)
        case AddEntry():
            if last not in table:
                table[last] = tomlkit.array().multiline(multiline=True)
            table[last].insert(place, tomlkit.string(change.text))
        case RemoveEntry():
            raise TypeError(change)
    return tomlkit.dumps(document)


def _to_item(value: str | Mapping[str, str | bool]) -> str | InlineTable:
    if isinstance(value, str):
        return value
    inline = tomlkit.inline_table()
    inline.update(dict(value))
    return inline


def _append_key(written: str, block: str) -> str:
    """Put a key of the top level behind the others: before the first table and the comments above it."""
    lines = written.splitlines(keepends=True)
    numbers = (number for path, number in locate(written).items() if path)
    headers = [number for number in numbers if lines[number - 1].lstrip().startswith("[")]
    first = min(headers, default=len(lines) + 1) - 1
    while first and lines[first - 1].startswith("#"):
        first -= 1
    newline = "\r\n" if "\r\n" in written else "\n"
    above, below = "".join(lines[:first]).rstrip("\r\n"), "".join(lines[first:])
    gap = newline * 2 if above else ""
    block = block.replace("\n", newline)
    return f"{above}{gap}{block}{newline}{newline if below else ''}{below}"


def _end_with_comma(written: str, quoted: str) -> str:
    """Let the last entry of a list that has a line for each end as the others do."""
    last = rf"(\n[ \t]*{re.escape(quoted)})([ \t]*\r?\n[ \t]*\])"
    return re.sub(last, r"\1,\2", written, count=1)


def _insert_behind(written: str, end: int, quoted: str) -> str:
    """Put an entry behind the one that ends at ``end``: on a line of its own where that one has one."""
    line = written.rfind("\n", 0, end) + 1
    indent = _BLANKS.match(written, line)
    is_alone = indent is not None and written[indent.end()] in "\"'" and indent.end() > line
    comma = _COMMA_BEHIND.match(written, end)
    gap = f"\n{indent[0]}" if is_alone and indent is not None else " "
    gap = gap.replace("\n", "\r\n") if "\r\n" in written else gap
    if comma is None:
        rest = _REST_OF_LINE.match(written, end)
        if not is_alone or rest is None:
            return f"{written[:end]},{gap}{quoted}{written[end:]}"
        stop = end + len(rest[0].rstrip("\r\n"))
        return f"{written[:end]},{written[end:stop]}{gap}{quoted}{written[stop:]}"
    rest = _REST_OF_LINE.match(written, comma.end())
    if not is_alone or rest is None or "\n" in comma[1]:
        return f"{written[: comma.end()]} {quoted},{written[comma.end() :]}"
    stop = comma.end() + len(rest[0].rstrip("\r\n"))
    return f"{written[:stop]}{gap}{quoted},{written[stop:]}"


def _insert_before(written: str, start: int, quoted: str) -> str:
    """Put an entry before the one that begins at ``start``."""
    line = written.rfind("\n", 0, start) + 1
    blanks = written[line:start]
    newline = "\r\n" if "\r\n" in written else "\n"
    gap = f"{newline}{blanks}" if blanks and not blanks.strip() else " "
    return f"{written[:start]}{quoted},{gap}{written[start:]}"


_BLANKS = re.compile(r"[ \t]*")
_COMMA_BEHIND = re.compile(r"((?:[ \t\r\n]|#[^\n]*\n)*),")
_REST_OF_LINE = re.compile(r"[ \t]*(?:#[^\n]*)?\r?\n")
_COMMA_BEFORE = re.compile(r",\s*\Z")


def _cut(written: str, key: Path) -> str:
    """Take an entry out of the text of its list: its whole line where it has one, else itself and a comma."""
    start, end = find_spans(written)[key]
    comma = _COMMA_BEHIND.match(written, end)
    if comma is not None and "\n" in comma[1]:
        return written[:start] + comma[1] + written[comma.end() :]
    if comma is not None:
        end = comma.end()
    line = written.rfind("\n", 0, start) + 1
    rest = _REST_OF_LINE.match(written, end)
    if not written[line:start].strip() and rest is not None:
        return written[:line] + written[rest.end() :]
    if comma is not None:
        return written[:start] + written[end:].lstrip(" \t")
    before = _COMMA_BEFORE.search(written, 0, start)
    if before is not None:
        return written[: before.start()] + written[end:]
    return written[:start] + written[end:].lstrip(" \t")


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
