"""Whatever the bytes are, the parser answers with a manifest or with problems."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.errors import EnvctlError, Problems
from envctl.manifest.keys import MANIFEST
from envctl.manifest.parse import parse
from envctl.manifest.project import find_project
from envctl.manifest.shape import walk

PATH = "/srv/shop/env.toml"

WORDS = [*sorted({word for key in walk(MANIFEST) for word in key.split(".")}), "default", "dev", "*", "a b"]
TEXTS = [
    "", ".", "..", "a", "dev", "default", "3.12", ">=3", "a>=1", "a[b]; python_version < '3'", "warn", "3 days",
    "https://u:p@h/x", "https://h/x", "file:///x", "pylock.toml", "linux-x86_64", "\x00", "shop[a]",
]  # fmt: skip

words = st.sampled_from(WORDS) | st.text(max_size=4)
scalars = (
    st.sampled_from(TEXTS)
    | st.text(max_size=8)
    | st.booleans()
    | st.integers(-2, 9)
    | st.floats()
    | st.just(date(2026, 1, 31))
    | st.just(datetime(2026, 1, 31, 12))  # noqa: DTZ001 - TOML has times without a zone
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
files = st.dictionaries(words, values, max_size=6)


def refused(data: bytes, pyproject: bytes | None) -> Iterator[EnvctlError]:
    try:
        parse(data, path=PATH, pyproject=pyproject)
    except Problems as together:
        yield from together.errors
    except EnvctlError as error:
        yield error


def dump(data: dict[str, Any]) -> bytes:
    return tomli_w.dumps(data).encode("utf-8", "replace")


@settings(max_examples=400)
@given(files)
def test_any_data_is_a_manifest_or_problems_with_places(data: dict[str, Any]) -> None:
    for error in refused(dump(data), None):
        assert error.where is not None
        assert error.where.startswith("env.toml:")
        assert "u:p@" not in error.message


FULL = """
name = "shop"
python = ">=3.11"
requires-envctl = ">=0"
dependencies = ["flask>=3", "shop-core"]
[optional-dependencies]
postgres = ["psycopg[binary]>=3.1"]
[dependency-groups]
test = ["pytest>=8"]
dev = ["ruff", { include-group = "test" }]
[sources]
shop-core = { path = "../core", editable = true }
acme-sdk = { index = "acme" }
patched = { git = "https://example.org/patched.git", tag = "v1.2", subdirectory = "py" }
blob = { url = "https://example.org/blob-1.0-py3-none-any.whl" }
[[index]]
name = "acme"
url = "https://pkgs.example/simple/"
packages = ["acme-*"]
[lock]
targets = ["linux-x86_64"]
python = ["3.11"]
prerelease = { "*" = "if-necessary", rich = "allow" }
exclude-newer = { "*" = "3 days", acme-sdk = false }
constraints = ["urllib3<3"]
excludes = ["typing"]
conflicts = [[{ group = "dev" }, { extra = "postgres" }]]
[build]
allow = ["docopt"]
config-settings = { patched = { "--global-option" = "x" } }
[install]
compile = true
keep-generations = 3
[policy]
yanked = "warn"
licenses = { mode = "enforce", deny = ["AGPL-3.0-only"] }
size = { max = "2 GB" }
min-age = { age = "2 days" }
waive = [{ rule = "licenses", package = "foo", reason = "ours", until = 2027-01-31 }]
[env.default]
groups = ["dev"]
[env.ci]
path = "ci"
python = "3.12"
extras = ["postgres"]
"""


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


PLACES = list(places(tomllib.loads(FULL)))


def test_the_full_manifest_is_valid() -> None:
    assert list(refused(FULL.encode(), None)) == []


@settings(max_examples=400)
@given(st.sampled_from(PLACES), values)
def test_one_wrong_value_in_a_full_manifest_is_taken_or_told(place: tuple[Any, ...], value: Any) -> None:
    data = tomllib.loads(FULL)
    table: Any = data
    for key in place[:-1]:
        table = table[key]
    table[place[-1]] = value

    found = list(refused(dump(data), None))

    assert all((error.where or "").startswith("env.toml:") for error in found)


@settings(max_examples=200)
@given(files)
def test_any_pyproject_is_read_or_problems_with_places(data: dict[str, Any]) -> None:
    for error in refused(b'project = "."', dump({"project": data, **data})):
        assert error.where is not None
        assert error.where.startswith(("env.toml:", "pyproject.toml:"))


@given(st.binary(max_size=40) | st.text(st.sampled_from("[]{}=\"'\n#ab."), max_size=40).map(str.encode))
def test_any_bytes_are_a_manifest_or_problems(data: bytes) -> None:
    found = list(refused(data, None))

    assert found or tomllib.loads(data.decode()) is not None


@given(files | st.just({"project": "."}))
def test_any_data_names_a_project_or_none(data: dict[str, Any]) -> None:
    found = find_project(dump(data), path=PATH)

    assert found is None or found.endswith("/pyproject.toml")
