"""What is taken for a page of the Simple API, and what is refused, in time."""

from __future__ import annotations

import contextlib
import gzip
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.errors import UpstreamError
from envctl.index.client import IndexClient
from envctl.index.compact import compact
from envctl.index.listing import open_record
from envctl.index.page import Page, parse_page
from envctl.resolve.port import ListedFile
from support.server import JSON_TYPE, IndexServer

OpenClient = Callable[..., IndexClient]
URL = "https://pkgs.example/simple/alpha/"
FILE: dict[str, Any] = {
    "filename": "alpha-1.0.tar.gz",
    "url": "https://files.example/alpha-1.0.tar.gz",
    "hashes": {},
}


def page_of(document: object, url: str = URL) -> Page:
    return parse_page(json.dumps(document).encode(), content_type=JSON_TYPE, url=url)


def with_files(*files: object) -> dict[str, object]:
    return {"meta": {"api-version": "1.1"}, "name": "alpha", "files": list(files)}


def files_of(page: Page) -> list[ListedFile]:
    project = open_record(compact(page, "alpha", etag=None, modified=None, expires=0), index="test")
    assert project is not None
    return [file for version in project.versions for file in project.files(version)]


def refusal(body: bytes, kind: str = JSON_TYPE, url: str = URL) -> str:
    with pytest.raises(UpstreamError) as caught:
        files_of(parse_page(body, content_type=kind, url=url))
    assert caught.value.code == "bad-index-page"
    return caught.value.message


@pytest.mark.parametrize(
    "kind", ["", "application/json", "image/png", "application/vnd.pypi.simple.v2+json", "text/plain"]
)
def test_another_content_type_is_refused(kind: str) -> None:
    assert f"content type is `{kind}`" in refusal(b"{}", kind)


def test_parameters_of_the_content_type_do_not_matter() -> None:
    body = json.dumps(with_files(FILE)).encode()

    page = parse_page(body, content_type=f"{JSON_TYPE.upper()}; charset=utf-8", url=URL)

    assert [file.filename for file in files_of(page)] == ["alpha-1.0.tar.gz"]


@pytest.mark.parametrize("version", ["2.0", "0.9", "10.1", None, 1.0, "1", "one.two", "1.0.0", "-1.0"])
def test_another_major_version_or_none_is_refused(version: object) -> None:
    document = {**with_files(), "meta": {"api-version": version}}

    assert "API version" in refusal(json.dumps(document).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"files": [}',
        b'{"files": [],}',
        b'{"files": [],, "a": 1}',
        b'{"files": []} x',
        b'{"files" []}',
        b"{1: 2}",
        b'{"files": [{} {}]}',
        b'{"a": \xff}',
        b'{"meta": {"api-version": "1.0"}, "files": [' + b"[" * 100_000,
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    assert "not valid JSON" in refusal(body)


@pytest.mark.parametrize(
    "files", [None, {}, "files", 7, [1], [None], [[]], [{}], [{"filename": 1}]], ids=repr
)
def test_files_that_are_no_list_of_files_are_refused(files: object) -> None:
    assert "`files` is not a list of files" in refusal(json.dumps({**with_files(), "files": files}).encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", None),
        ("url", 7),
        ("hashes", None),
        ("hashes", []),
        ("hashes", {"sha256": 1}),
        ("hashes", {"sha256": "a" * 300}),
        ("size", "12"),
        ("size", -1),
        ("size", 1.5),
        ("size", True),
        ("upload-time", 7),
        ("requires-python", 3.8),
        ("yanked", 1),
        ("core-metadata", "yes"),
        ("core-metadata", {"sha256": None}),
    ],
)
def test_a_value_of_a_wrong_type_is_refused(field: str, value: Any) -> None:
    refusal(json.dumps(with_files({**FILE, field: value})).encode())


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("core-metadata", True, {}),
        ("core-metadata", False, None),
        ("core-metadata", {"sha256": "AB"}, {"sha256": "ab"}),
        ("dist-info-metadata", {"sha256": "ab"}, {"sha256": "ab"}),
        ("data-dist-info-metadata", True, {}),
    ],
)
def test_a_metadata_file_is_found_under_its_old_and_new_key(field: str, value: Any, expected: Any) -> None:
    (file,) = files_of(page_of(with_files({**FILE, field: value})))

    assert file.core_metadata == expected


def test_the_new_key_of_a_metadata_file_wins() -> None:
    keys = {"core-metadata": False, "dist-info-metadata": True}

    (file,) = files_of(page_of(with_files({**FILE, **keys})))

    assert file.core_metadata is None


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("alpha-1.0.tar.gz", "https://pkgs.example/simple/alpha/alpha-1.0.tar.gz"),
        ("../../f/alpha-1.0.tar.gz", "https://pkgs.example/f/alpha-1.0.tar.gz"),
        ("/f/alpha-1.0.tar.gz", "https://pkgs.example/f/alpha-1.0.tar.gz"),
        ("//cdn.example/a.tar.gz", "https://cdn.example/a.tar.gz"),
        ("https://me:secret@cdn.example/a.tar.gz", "https://cdn.example/a.tar.gz"),
        ("//me:secret@cdn.example/a.tar.gz", "https://cdn.example/a.tar.gz"),
        ("https://cdn.example/a.tar.gz#sha256=abc", "https://cdn.example/a.tar.gz"),
        ("https://cdn.example/a@b.tar.gz", "https://cdn.example/a@b.tar.gz"),
    ],
)
def test_a_link_is_joined_to_the_page_and_stripped(link: str, url: str) -> None:
    (file,) = files_of(page_of(with_files({**FILE, "url": link})))

    assert file.url == url


@pytest.mark.parametrize(
    "link",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "javascript:alert(1)",
        "ftp://files.example/a.tar.gz",
        "http://files.example/a.tar.gz",
        "HTTP://files.example/a.tar.gz",
        "data:text/plain,x",
    ],
)
@pytest.mark.parametrize("kind", ["json", "html"])
def test_a_link_that_may_not_be_followed_is_refused(link: str, kind: str) -> None:
    if kind == "json":
        refusal(json.dumps(with_files({**FILE, "url": link})).encode())
    else:
        refusal(f'<base href="{link}"><a href="alpha-1.0.tar.gz">x</a>'.encode(), "text/html")


def test_html_is_read_as_people_write_it() -> None:
    html = b"""<!doctype html><HTML><head><base href="/files/"><title><a href="alpha-9.0.tar.gz"></title>
    <script>if (a<b) document.write('<a href="alpha-8.0.tar.gz">')</script></head>
    <!-- <a href="alpha-7.0.tar.gz"> -->
    <A class=x HREF='alpha-1.0.tar.gz#sha256=ABCDEF' data-requires-python="&gt;=3.8" data-yanked>alpha</A>
    <a href=alpha-2.0.tar.gz data-yanked="caf&eacute; &amp; caf\xc3\xa9">x</a>
    <a\nhref = "alpha-3.0.zip?x=1"\tdata-core-metadata=true/>
    <a href="https://home.example/">home page</a> <a name="x">anchor</a> a < b
    <a href="alpha-4.0-py3-none-any.whl" data-dist-info-metadata="sha256=ab" data-core-metadata="false">"""

    files = files_of(parse_page(html, content_type="text/html", url=URL))

    base = "https://pkgs.example/files/"
    assert files == [
        ListedFile(filename="alpha-4.0-py3-none-any.whl", url=f"{base}alpha-4.0-py3-none-any.whl"),
        ListedFile(filename="alpha-3.0.zip", url=f"{base}alpha-3.0.zip?x=1", core_metadata={}),
        ListedFile(filename="alpha-2.0.tar.gz", url=f"{base}alpha-2.0.tar.gz", yanked="café & café"),
        ListedFile(
            filename="alpha-1.0.tar.gz",
            url=f"{base}alpha-1.0.tar.gz",
            hashes={"sha256": "abcdef"},
            requires_python=">=3.8",
            yanked="",
        ),
    ]


def test_an_html_page_of_another_major_version_is_refused() -> None:
    refusal(b'<meta name="pypi:repository-version" content="2.0">', "text/html")


@pytest.mark.parametrize(
    "unit",
    [
        "<a ",
        "<!--",
        "<!",
        "<![CDATA[",
        "<a b='",
        '<a b="',
        "&#",
        "<",
        "</a",
        "<script>",
        "<?",
        "<a b=",
        "<a\n",
        "<a href=x>",
        "=",
        "&#9",
        "<title",
        " ",
    ],
)
def test_hostile_html_takes_linear_time(unit: str) -> None:
    """The standard library's parser takes minutes for some of these."""
    body = (unit * (1_000_000 // len(unit))).encode()
    began = time.process_time()

    with contextlib.suppress(UpstreamError):
        parse_page(body, content_type="text/html", url=URL)

    assert time.process_time() - began < 3


@pytest.mark.parametrize("unit", ["{},", "[],", '"ab",', "1000,", '{"a":1},', "[[],"])
def test_a_page_of_millions_of_values_is_refused_before_it_is_parsed(unit: str) -> None:
    body = b'{"meta":{"api-version":"1.0"},"files":[' + unit.encode() * (10_000_000 // len(unit)) + b"{}]}"

    assert "too many values" in refusal(body)


@given(st.binary(max_size=300))
def test_noise_is_a_page_or_refused(body: bytes) -> None:
    for kind in (JSON_TYPE, "text/html"):
        with contextlib.suppress(UpstreamError):
            files_of(parse_page(body, content_type=kind, url=URL))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["filename", "url", "hashes", "files", "meta", "size", "yanked"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.sampled_from([None, 1]))
def test_the_walk_agrees_with_the_parser_of_json(document: object, indent: int | None) -> None:
    page: dict[str, Any] = {"a": document, **with_files({**FILE, "x": document}), "z": document}

    walked = parse_page(json.dumps(page, indent=indent).encode(), content_type=JSON_TYPE, url=URL)

    assert [name for name, _ in walked.entries] == ["alpha-1.0.tar.gz"]
    assert repr(json.loads(walked.entries[0][1])) == repr(json.loads(json.dumps(page["files"][0])))


# Bounds, over the wire


def refused(client: IndexClient) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        client.project("alpha")
    return caught.value


def test_pages_arrive_compressed(server: IndexServer, open_client: OpenClient) -> None:
    server.compress = True
    server.pages["/simple/alpha/"] = (JSON_TYPE, json.dumps(with_files(FILE)).encode())

    assert open_client().project("alpha") is not None
    assert "gzip" in server.requests[0][2]["accept-encoding"]


def test_a_page_that_inflates_beyond_the_limit_is_given_up(
    server: IndexServer, open_client: OpenClient
) -> None:
    import tracemalloc

    server.pages["/simple/alpha/"] = (JSON_TYPE, b"")
    server.gzipped["/simple/alpha/"] = gzip.compress(bytes(10_000_000), 9) * 30
    tracemalloc.start()

    error = refused(open_client())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert error.code == "response-too-large"
    assert peak < 100 * 1024 * 1024


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"not gzip at all", "bad-encoding"),
        (gzip.compress(b"{}" * 100)[:-9], "truncated"),
        (gzip.compress(b"{}")[:-8] + b"\0" * 8, "bad-encoding"),
    ],
    ids=["not-gzip", "cut", "wrong-sum"],
)
def test_a_broken_compressed_page_is_refused(
    server: IndexServer, open_client: OpenClient, body: bytes, code: str
) -> None:
    server.pages["/simple/alpha/"] = (JSON_TYPE, b"")
    server.gzipped["/simple/alpha/"] = body

    assert refused(open_client()).code == code
