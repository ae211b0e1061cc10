"""Where names come from: ``[[index]]`` and ``[sources]``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from envctl.manifest.document import Document, show
from envctl.manifest.locate import Path
from envctl.manifest.manifest import GitSource, Index, IndexSource, PathSource, Source, UrlSource
from envctl.manifest.names import normalise_keys, parse_globs, parse_name, refuse_unknown
from envctl.manifest.times import parse_limit
from envctl.manifest.urls import (
    ARCHIVE_SCHEMES,
    GIT_SCHEMES,
    check_subdirectory,
    check_url,
    file_url,
    parse_path,
    scheme_of,
)
from envctl.model.names import normalise

#: The public index, for a manifest that names none. It stands nowhere else.
DEFAULT_INDEX = Index(name="pypi", url="https://pypi.org/simple/")

#: For each kind of source, the keys that may stand beside it.
#: The URL of a repository, and what pip's way to write one has behind it.
_ADDRESS = re.compile(r"(.*?)(?:(?<=\.git)@[^/#]*)?(?:#.*)?", re.DOTALL)

_BESIDE: Mapping[str, tuple[str, ...]] = {
    "path": ("editable", "subdirectory"),
    "index": (),
    "git": ("branch", "tag", "rev", "subdirectory"),
    "url": ("subdirectory",),
}


def parse_indexes(document: Document, items: Sequence[Mapping[str, Any] | None]) -> tuple[Index, ...]:
    """Parse ``[[index]]``; none at all is the public index.

    Reports `bad-name`, `duplicate-name`, `bad-url`, `credentials-in-url`.
    """
    if not items:
        return (DEFAULT_INDEX,)
    indexes: dict[str, Index] = {}
    for place, item in enumerate(items):
        if item is None or "name" not in item:
            continue
        key = ("index", place)
        name = parse_name(document, (*key, "name"), item["name"])
        url = _parse_index_url(document, key, item)
        packages = parse_globs(document, (*key, "packages"), item.get("packages", ()))
        if name in indexes:
            document.refuse(
                "duplicate-name", (*key, "name"), f"is {show(item['name'])}, which another index has"
            )
        elif name is not None:
            # Kept when its URL is wrong, so that sources which name it are not reported as well.
            indexes[name] = Index(
                name=item["name"], url=url or "", flat=item.get("flat", False), packages=packages
            )
    return tuple(indexes.values())


def parse_index_limits(
    document: Document, items: Sequence[Mapping[str, Any] | None]
) -> dict[str, timedelta | datetime | date | None]:
    """Parse the ``exclude-newer`` of every index that has one, by its name. Reports `bad-time`."""
    return {
        item["name"]: parse_limit(document, ("index", place, "exclude-newer"), item["exclude-newer"])
        for place, item in enumerate(items)
        if item is not None and "name" in item and "exclude-newer" in item
    }


def _parse_index_url(document: Document, key: Path, item: Mapping[str, Any]) -> str | None:
    text: str | None = item.get("url")
    if text is None:
        return None
    at = (*key, "url")
    scheme = scheme_of(text)
    if scheme is None and not item.get("flat", False):
        document.refuse(
            "bad-url",
            at,
            f"is {show(text)}, which is no `https:` URL",
            "a folder of files needs `flat = true`; a tree with a page for each project is a `file:` URL",
        )
        return None
    if scheme is None:
        path = parse_path(document, at, text)
        return None if path is None else file_url(path)
    variable = "ENVCTL_INDEX_" + re.sub(r"[^A-Z0-9]", "_", item["name"].upper())
    if not check_url(document, at, text, schemes=ARCHIVE_SCHEMES, variable=variable):
        return None
    needs_slash = not item.get("flat", False) and not re.search(r"[?#]|/$", text)
    return text + "/" if needs_slash else text


def parse_sources(
    document: Document, table: Mapping[str, Mapping[str, Any]], indexes: Sequence[Index]
) -> dict[str, Source]:
    """Parse ``[sources]``, by normalised name.

    Reports `bad-name`, `duplicate-name`, `bad-source`, `unknown-index`, `bad-url`, `credentials-in-url`,
    `bad-path`.
    """
    known = {normalise(index.name): index.name for index in indexes}
    sources: dict[str, Source] = {}
    for name, (written, item) in normalise_keys(document, ("sources",), table).items():
        source = _parse_source(document, ("sources", written), item, known)
        if source is not None:
            sources[name] = source
    return sources


def _parse_source(
    document: Document, key: Path, item: Mapping[str, Any], known: Mapping[str, str]
) -> Source | None:
    kind = _find_kind(document, key, item)
    if kind is None:
        return None
    subdirectory = item.get("subdirectory")
    if subdirectory is not None and not check_subdirectory(document, (*key, "subdirectory"), subdirectory):
        return None
    if subdirectory is not None:
        subdirectory = subdirectory.replace("\\", "/")  # as locks write it
    text = item[kind]
    at = (*key, kind)
    match kind:
        case "path":
            path = parse_path(document, at, text)
            editable = item.get("editable", False)
            if path is None:
                return None
            return PathSource(path=path, written=text, editable=editable, subdirectory=subdirectory)
        case "index":
            if normalise(text) in known:
                return IndexSource(index=known[normalise(text)])
            refuse_unknown(document, at, text, {name: name for name in known.values()}, kind="index")
            return None
        case "git":
            return _parse_git(document, key, item, subdirectory)
        case _:
            return _parse_url(document, at, text, subdirectory)


def _parse_url(document: Document, key: Path, url: str, subdirectory: str | None) -> UrlSource | None:
    if not check_url(document, key, url, schemes=ARCHIVE_SCHEMES):
        return None
    if "#" in url:
        from envctl.manifest.references import locate  # noqa: PLC0415 - few sources have URLs

        try:
            subdirectory = subdirectory or locate(url).subdirectory
        except ValueError as error:
            document.refuse("bad-url", key, f"has a URL that {error}")
            return None
    return UrlSource(url=url, subdirectory=subdirectory)


def _find_kind(document: Document, key: Path, item: Mapping[str, Any]) -> str | None:
    """Return which kind of source ``item`` is, or report `bad-source`."""
    kinds = [kind for kind in _BESIDE if kind in item]
    # What is written but was refused for its type: the source is not reported a second time.
    written: Any = document.data
    for part in key:
        written = written[part]
    if len(kinds) != 1:
        stated = " and ".join(f"`{kind}`" for kind in _BESIDE if kind in written)
        if kinds or not stated:
            reason = f"has {stated}" if kinds else "says not where it comes from"
            document.refuse(
                "bad-source", key, reason, "one of `path`, `index`, `git` and `url`, and only one"
            )
        return None
    kind = kinds[0]
    surplus = [other for other in item if other != kind and other not in _BESIDE[kind]]
    for other in surplus:
        document.refuse("bad-source", (*key, other), f"has no meaning beside `{kind}`")
    return None if surplus else kind


def _parse_git(
    document: Document, key: Path, item: Mapping[str, Any], subdirectory: str | None
) -> GitSource | None:
    references = [name for name in ("branch", "tag", "rev") if name in item]
    is_right = True
    if len(references) > 1:
        stated = " and ".join(f"`{name}`" for name in references)
        document.refuse(
            "bad-source", key, f"has {stated}", "one of `branch`, `tag` and `rev`, or none of them"
        )
        is_right = False
    for name in references:
        from envctl.manifest.references import is_revision  # noqa: PLC0415 - few sources are repositories

        if not is_revision(item[name]):
            document.refuse("bad-source", (*key, name), f"is {show(item[name])}, which git has no name for")
            is_right = False
    url = item["git"]
    if scheme_of(url) is None or url.startswith("git+"):
        meant = url.removeprefix("git+") if url.startswith("git+") else _meant_by_ssh_shorthand(url)
        document.refuse(
            "bad-url", (*key, "git"), f"is {show(url)}, which is not a URL of git's own", *meant_hint(meant)
        )
        return None
    if not check_url(document, (*key, "git"), url, schemes=GIT_SCHEMES) or not is_right:
        return None
    place = _ADDRESS.fullmatch(url)
    if place is not None and place[1] != url:
        hint = f"did you mean `{place[1]}`? A revision is `rev = …`, a folder in it `subdirectory = …`"
        document.refuse("bad-url", (*key, "git"), f"is {show(url)}, which says more than where it is", hint)
        return None
    return GitSource(
        url=url,
        branch=item.get("branch"),
        tag=item.get("tag"),
        rev=item.get("rev"),
        subdirectory=subdirectory,
    )


def _meant_by_ssh_shorthand(text: str) -> str | None:
    """Write ``git@host:path`` as the URL it stands for."""
    found = re.fullmatch(r"([\w.-]+@[\w.-]+):(?!//)(.+)", text)
    return f"ssh://{found[1]}/{found[2].lstrip('/')}" if found else None


def meant_hint(meant: str | None) -> tuple[str, ...]:
    """Turn what was probably meant into hints."""
    return (
        (f"did you mean `{meant}`?",)
        if meant
        else ("a folder of this machine is `file:///…`, or `path = …`",)
    )
