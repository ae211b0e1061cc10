"""Requirements that are kept as text say what packaging's say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from envctl.model.dependency import dependency_from, marker_of
from envctl.model.names import normalise
from envctl.resolve.want import want_from

REQUIREMENTS = [
    "idna",
    "Flask_SQL.Alchemy[Async,pg]>=2,!=2.1.*; python_version < '3.12' and extra == 'A_b'",
    "a===1.0+local",
    "a==1.0",
    "a>=2.0rc1",
    "a @ https://host.example/a-1.0.zip ; sys_platform == 'win32' or os_name == 'nt'",
    "a[x]~=1.4.2",
]


@pytest.mark.parametrize("text", REQUIREMENTS)
def test_a_kept_requirement_has_what_was_parsed(text: str) -> None:
    parsed = Requirement(text)
    kept = dependency_from(parsed)

    assert str(kept) == str(parsed)
    assert (kept.name, set(kept.extras), kept.url) == (parsed.name, parsed.extras, parsed.url)
    assert (kept.specifier, kept.marker) == (parsed.specifier, parsed.marker)
    assert marker_of(kept) == marker_of(parsed)


@pytest.mark.parametrize("text", REQUIREMENTS)
def test_it_wants_the_same(text: str) -> None:
    parsed = Requirement(text)
    one, other = want_from(parsed), want_from(dependency_from(parsed))

    for name in ("text", "name", "extras", "specifier", "is_exact", "mentions_prerelease", "url"):
        assert getattr(one, name) == getattr(other, name), name


@given(st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,12}[A-Za-z0-9])?", fullmatch=True))
def test_names_are_normalised_as_packaging_does(name: str) -> None:
    assert normalise(name) == canonicalize_name(name)
