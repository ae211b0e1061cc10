"""Core metadata: the six fields that decide, and what is wrong enough to refuse."""

from __future__ import annotations

import email
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from envctl.errors import UpstreamError
from envctl.index.metadata import parse_metadata
from envctl.resolve.port import Metadata

HEAD = "Metadata-Version: 2.1\nName: Alpha\nVersion: 1.0\n"


def parse(*lines: str) -> Metadata:
    return parse_metadata((HEAD + "\n".join(lines)).encode(), where="alpha.whl")


def refusal(text: str) -> str:
    with pytest.raises(UpstreamError) as caught:
        parse_metadata(text.encode(), where="alpha.whl")
    assert caught.value.code == "bad-metadata"
    assert caught.value.where == "alpha.whl"
    return caught.value.message


def test_what_decides_a_resolution_is_read() -> None:
    found = parse(
        "Requires-Python: >=3.8, <4",
        "Provides-Extra: Fast_Path",
        "Requires-Dist: beta>=2",
        "requires-dist: gamma[x] ; extra == 'fast-path'",
        "Requires-Dist: delta @ https://files.example/delta.whl",
        "Classifier: nonsense",
    )

    assert (found.name, found.version) == ("Alpha", Version("1.0"))
    assert str(found.requires_python) == "<4,>=3.8"
    assert found.extras == {"fast-path"}
    assert [str(requirement) for requirement in found.requirements] == [
        "beta>=2",
        'gamma[x]; extra == "fast-path"',
        "delta @ https://files.example/delta.whl",
    ]


@pytest.mark.parametrize("version", ["1.0", "2.99"])
def test_every_minor_version_of_the_format_is_read(version: str) -> None:
    text = HEAD.replace("2.1", version)

    assert parse_metadata(text.encode(), where="x").name == "Alpha"


@pytest.mark.parametrize("version", ["3.0", "20.1", "new"])
def test_another_major_version_of_the_format_is_refused(version: str) -> None:
    assert refusal(HEAD.replace("2.1", version)) == (
        f"the metadata of `alpha.whl` is in the format `{version}`, and only 1 and 2 are known"
    )


def test_the_description_is_not_looked_at() -> None:
    assert parse("", "Requires-Dist: nothing", "Name: other").requirements == ()


def test_windows_line_ends_are_read() -> None:
    data = (HEAD + "Requires-Dist: beta\n\nRequires-Dist: gamma\n").replace("\n", "\r\n").encode()

    assert [str(each) for each in parse_metadata(data, where="x").requirements] == ["beta"]


def test_a_folded_requirement_is_read_whole() -> None:
    (requirement,) = parse("Requires-Dist: beta>=2;", "  python_version < '3.12'").requirements

    assert str(requirement) == 'beta>=2; python_version < "3.12"'


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("beta (>=1.0)", "beta>=1.0"),
        ("beta>=1.0.*", "beta>=1.0"),
        ("beta (>=1.0.*,<2)", "beta<2,>=1.0"),
        ("beta>=1.0,; python_version<'3'", 'beta>=1.0; python_version < "3"'),
        ("beta==1.0.*", "beta==1.0.*"),
    ],
)
def test_what_old_releases_wrote_is_understood(written: str, meant: str) -> None:
    (requirement,) = parse(f"Requires-Dist: {written}").requirements

    assert str(requirement) == meant


def test_an_old_requires_python_is_understood() -> None:
    assert str(parse("Requires-Python: >=3.6.*").requires_python) == ">=3.6"


@pytest.mark.parametrize(
    "text", ["beta >", "beta[", "beta; os == 'x'", "", "beta " + "x" * 10_000, "b" * 9_000]
)
def test_a_requirement_that_cannot_be_read_is_refused_and_named(text: str) -> None:
    assert f"`{text[:200]}`" in refusal(HEAD + f"Requires-Dist: {text}\n")


@pytest.mark.parametrize("text", ["three", "3.8", ">=3.8,,<4 or so"])
def test_a_requires_python_that_cannot_be_read_is_refused_and_named(text: str) -> None:
    assert f"`{text}`" in refusal(HEAD + f"Requires-Python: {text}\n")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no Name"),
        ("<html>", "no Name"),
        ("Name: alpha\n", "no Version"),
        ("Name: alpha\nName: beta\nVersion: 1\n", "several Name"),
        ("Name: alpha\nVersion: 1\nVersion: 2\n", "several Version"),
        ("Name:\nVersion: 1\n", "an unusable Name"),
        (f"Name: {'a' * 256}\nVersion: 1\n", "an unusable Name"),
        ("Name: alpha\nVersion: one\n", "version `one`"),
    ],
)
def test_metadata_without_one_name_and_version_is_refused(text: str, what: str) -> None:
    assert what in refusal(text)


@pytest.mark.parametrize(
    "line",
    [
        "Requires-Dist: a;" + "(" * 4000,
        "Requires-Dist: a; " + "not " * 2000,
        "Requires-Dist: a" + " " * 8000 + "!",
        "Requires-Dist: a>=" + "1" * 8000,
        "Requires-Dist: a" + ",>=1" * 2000,
        "Requires-Python: >=" + "1." * 4000,
        "Requires-Dist: a @ " + "x" * 8000,
    ],
    ids=lambda line: line[:24],
)
def test_a_hostile_line_is_read_or_refused_quickly(line: str) -> None:
    began = time.process_time()

    try:
        parse(line)
    except UpstreamError:
        pass

    assert time.process_time() - began < 1


def test_more_requirements_than_anybody_has_are_refused() -> None:
    assert "more than" in refusal(HEAD + "Requires-Dist: a\n" * 20_001)


header = st.sampled_from(
    [
        "Name: alpha",
        "Version: 1",
        "Requires-Dist: beta",
        " folded",
        "\tfolded",
        "no colon",
        "Requires-Dist : gamma",
        "",
        "Name:x",
        ": empty",
    ]
)


@given(st.lists(header, max_size=8))
def test_fields_are_those_that_the_mail_parser_finds(lines: list[str]) -> None:
    text = "Metadata-Version: 2.1\n" + "\n".join(lines) + "\n"
    message = email.message_from_string(text)
    expected = [value for key, value in message.items() if key.lower() == "name"]

    found: list[str] | None
    try:
        found = [parse_metadata(text.encode(), where="x").name]
    except UpstreamError as error:
        found = [] if "Name" in error.message else None

    if found:
        assert found == [" ".join(value.split()) for value in expected]
    elif found == []:
        assert len(expected) != 1


@given(st.binary(max_size=200))
def test_noise_is_refused(data: bytes) -> None:
    try:
        parse_metadata(data, where="x")
    except UpstreamError as error:
        assert error.code == "bad-metadata"  # noqa: PT017 - noise may also be right
