"""The links of an HTML page, found in linear time.

The standard library's parser takes 28 seconds for 64 kB of ``<a <a <a``, and an index page is what anybody
may have written. Of HTML this knows what a page of the Simple API can hold: start tags with attributes,
comments, declarations, and elements whose content is not markup. What is left open at the end is dropped.

Source: WHATWG HTML, "Tokenization"; PEP 503; PEP 629.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape

from envctl.frozen import dataclass

#: Attributes of one ``<a>``: names in lower case, values with character references resolved.
Anchor = Mapping[str, str]

#: White space is ASCII only: the text is bytes seen as Latin-1, and two of UTF-8's bytes are spaces there.
_TAG_NAME = re.compile(r"[A-Za-z][^\s/>]*", re.ASCII)
_BETWEEN = re.compile(r"[\s/]*", re.ASCII)
_ATTRIBUTE_NAME = re.compile(r"=?[^\s/>=]*", re.ASCII)
_EQUALS = re.compile(r"\s*=\s*", re.ASCII)
_UNQUOTED = re.compile(r"[^\s>]*", re.ASCII)
_MAXIMAL_ANCHORS = 200_000
_MAXIMAL_ATTRIBUTES = 32
_MAXIMAL_VALUE = 8192
_RAW = {name: re.compile(rf"</{name}", re.IGNORECASE | re.ASCII) for name in ("script", "style", "title")}


@dataclass(frozen=True, slots=True)
class Document:
    """The anchors of a page in their order, its base where it states one, and its ``pypi:`` metadata."""

    anchors: tuple[Anchor, ...]
    base: str | None
    meta: Mapping[str, str]


def scan_anchors(data: bytes | bytearray) -> Document:
    """Find the anchors of a page in UTF-8, its ``<base href>`` and its ``<meta name="pypi:…">``, first ones.

    Raises ValueError when there are more than 200,000 anchors.
    """
    text = data.decode("latin-1")  # one byte a letter, whatever is in it
    anchors: list[Anchor] = []
    base: str | None = None
    meta: dict[str, str] = {}
    position = text.find("<")
    while position >= 0:
        match = _TAG_NAME.match(text, position + 1)
        if match is None:
            position = _skip(text, position)
            continue
        name = match[0].lower()
        attributes, position = _read_attributes(text, match.end())
        if position < 0:
            break
        if name == "a":
            anchors.append(attributes)
            if len(anchors) > _MAXIMAL_ANCHORS:
                raise ValueError("too many anchors")
        elif name == "base" and base is None:
            base = attributes.get("href")
        elif name == "meta" and (key := attributes.get("name", "").lower()).startswith("pypi:"):
            if len(meta) < _MAXIMAL_ATTRIBUTES:
                meta.setdefault(key.removeprefix("pypi:"), attributes.get("content", ""))
        elif name in _RAW:
            end = _RAW[name].search(text, position)
            if end is None:
                break
            position = end.start()
            position = _skip(text, position)
            continue
        position = text.find("<", position)
    return Document(tuple(anchors), base, meta)


def _skip(text: str, position: int) -> int:
    """Return where the next ``<`` is, after the comment, declaration, end tag or lone ``<`` here; or -1."""
    if text.startswith("<!--", position):
        end = text.find("-->", position + 4)
    elif text.startswith(("<!", "<?", "</"), position):
        end = text.find(">", position)
    else:
        end = position
    return text.find("<", end + 1) if end >= 0 else -1


def _read_attributes(text: str, position: int) -> tuple[Anchor, int]:
    """Read attributes up to the ``>``; return them and where it ends, or -1 where the tag is not closed.

    The first of two attributes with one name counts, as in browsers.
    """
    attributes: dict[str, str] = {}
    size = len(text)
    while True:
        position = _end(_BETWEEN, text, position)
        if position >= size:
            return attributes, -1
        if text[position] == ">":
            return attributes, position + 1
        after = _end(_ATTRIBUTE_NAME, text, position)
        name, value, position = text[position:after].lower(), "", after
        equals = _EQUALS.match(text, position)
        if equals is not None:
            position = equals.end()
            quote = text[position : position + 1]
            if quote in {'"', "'"}:
                position += 1
                after = text.find(quote, position)
                if after < 0:
                    return attributes, -1
                value, position = text[position:after], after + 1
            else:
                after = _end(_UNQUOTED, text, position)
                value, position = text[position:after], after
        if len(attributes) < _MAXIMAL_ATTRIBUTES and len(value) <= _MAXIMAL_VALUE:
            attributes.setdefault(name, _decode(value))


def _decode(value: str) -> str:
    if not value.isascii():
        value = value.encode("latin-1").decode("utf-8", "replace")
    if "&" not in value:
        return value
    try:
        return unescape(value)
    except ValueError:  # a character reference of thousands of digits
        return value


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    """Return where a pattern that matches everywhere, perhaps nothing, ends its match."""
    match = pattern.match(text, position)
    return position if match is None else match.end()
