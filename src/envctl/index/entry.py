"""One file of a page: checked and decoded from the JSON the index wrote, when somebody looks at it.

Entries are kept as the index wrote them: most are never looked at, and taking a page of four thousand apart
and putting it together again costs three times as much as parsing it.

Source: PEP 691, "Project Detail"; PEP 592; PEP 658 and 714; PEP 700.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from envctl.errors import UpstreamError
from envctl.index.location import format_url, join, split, strip
from envctl.resolve.port import ListedFile

#: No specifier set of the public index comes near; whoever reads it need not be afraid of it.
_LONGEST_SPECIFIER = 1024
_LONGEST_DIGEST = 256
#: What a lock can hold, and every reader of one reads.
_BIGGEST = 2**63 - 1


#: A link without anything that resolving it could change but the host, which nearly all are.
_PLAIN_LINK = re.compile(
    r"(?:(?P<scheme>https?)://[A-Za-z0-9.-]+(?::[1-5]?[0-9]{1,4})?/|/(?!/))[A-Za-z0-9._~/+%=-]*", re.ASCII
)


def refuse_page(url: str, reason: str) -> UpstreamError:
    """Make the error for a page that is not what PEP 503 or PEP 691 says."""
    message = f"the page `{format_url(url)}` is not of the Simple API: {reason}"
    hints = ("check the index's url in env.toml: it should end in /simple/ or be marked flat",)
    return UpstreamError("bad-index-page", message, where=format_url(url), hints=hints)


def decode_entry(entry: Any, base: str) -> ListedFile | None:
    """Decode one object of ``files``; URLs are relative to ``base``. None for a file that nobody can use.

    Raises:
        UpstreamError: `bad-index-page` for values of wrong types, and for a link that may not be followed
            from this page: to what is not HTTP or, from an encrypted page, not encrypted.
    """
    get = entry.get
    filename, link = get("filename"), get("url")
    size, upload_time, requires_python = get("size"), get("upload-time"), get("requires-python")
    if (
        type(filename) is not str
        or type(link) is not str
        or (size is not None and (type(size) is not int or not 0 <= size <= _BIGGEST))
        or (upload_time is not None and type(upload_time) is not str)
        or (requires_python is not None and type(requires_python) is not str)
    ):
        raise refuse_page(base, f"a value of the file `{str(filename)[:80]}` has a wrong type")
    if requires_python is not None and len(requires_python) > _LONGEST_SPECIFIER:
        return None
    # PEP 714: the new key wins where both are there.
    metadata = get("core-metadata", get("dist-info-metadata", get("data-dist-info-metadata")))
    return ListedFile(
        filename=filename,
        url=resolve_link(link, base, filename[:80]),
        hashes=_read_hashes(get("hashes"), filename, base),
        size=size,
        upload_time=upload_time,
        requires_python=requires_python or None,
        yanked=_read_yanked(get("yanked"), filename, base),
        core_metadata=_read_metadata(metadata, filename, base),
    )


def resolve_link(link: str, base: str, subject: str) -> str:
    """Return where a link of the page ``base`` leads: absolute, without credentials and fragment.

    Raises:
        UpstreamError: `bad-index-page` where it may not be followed; ``subject`` names what is linked.
    """
    plain = _PLAIN_LINK.fullmatch(link)
    if plain is not None and ".." not in link and "/./" not in link:
        if plain["scheme"] is None:
            return _find_root(base) + link
        if plain["scheme"] == "https" or base.startswith("http:"):
            return link
    url = strip(join(base, link.partition("#")[0]))
    if url.startswith("https://"):
        return url
    scheme, of_page = split(url).scheme.lower(), split(base).scheme.lower()
    if scheme not in ({"file"} if of_page == "file" else {"http", "https"}):
        raise refuse_page(base, f"it links `{subject}` to `{format_url(url)[:200]}`")
    if scheme == "http" and of_page == "https":
        raise refuse_page(base, f"it links `{subject}` to a place that is not encrypted")
    return url


@lru_cache(maxsize=64)
def _find_root(base: str) -> str:
    """Return the scheme and host of a page, as a link that begins with a slash is joined to."""
    return strip(join(base, "/"))[:-1]


def _read_yanked(value: object, filename: str, base: str) -> str | None:
    if value is None or value is False:
        return None
    if value is True:
        return ""
    if not isinstance(value, str):
        raise refuse_page(base, f"`yanked` of `{filename[:80]}` has a wrong type")
    return value


def _read_metadata(value: object, filename: str, base: str) -> Mapping[str, str] | None:
    if value is None or value is False:
        return None
    return {} if value is True else _read_hashes(value, filename, base)


def _read_hashes(value: object, filename: str, base: str) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise refuse_page(base, f"hashes of `{filename[:80]}` are not an object")
    for digest in value.values():
        if not isinstance(digest, str) or len(digest) > _LONGEST_DIGEST:
            raise refuse_page(base, f"a hash of `{filename[:80]}` is malformed")
    return {name.lower(): digest.lower() for name, digest in value.items()}
