"""Locks that must not be acted on."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envctl.errors import InputError
from envctl.lock.parse import parse

SHA = "0" * 64
WHEEL = f'{{ name = "a-1.0-py3-none-any.whl", url = "https://x.example/a-1.0-py3-none-any.whl", hashes = {{ sha256 = "{SHA}" }} }}'  # fmt: skip
HEAD = 'lock-version = "1.0"\ncreated-by = "x"\n'


def lock(body: Any = f"wheels = [{WHEEL}]", *, head: Any = HEAD, name: Any = "a") -> Any:
    return f'{head}[[packages]]\nname = "{name}"\n{body}\n'


def refuse(text: Any, **more: Any) -> Any:
    with pytest.raises(InputError) as caught:
        parse(text if isinstance(text, bytes) else text.encode(), path="/p/shop/pylock.toml", **more)
    assert caught.value.code == "bad-lock"
    return caught.value.message


def test_a_plain_lock_is_taken() -> None:
    parsed = parse(lock().encode(), path="/p/shop/pylock.toml")

    assert (parsed.digest, parsed.targets, parsed.is_ours) == (None, (), False)


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe",
        "lock-version = ",
        HEAD,
        lock(head='lock-version = "2.0"\ncreated-by = "x"\n'),
        lock(name="A_b"),
        lock(name="a" * 256),
        lock("wheels = []"),
        lock("wheels = 3"),
        lock(f'version = "{"1." * 200}0"\nwheels = [{WHEEL}]'),
        lock(f'version = "2.0"\nwheels = [{WHEEL}]'),
        lock(f"wheels = [{WHEEL}]\ndirectory = {{ path = '.' }}"),
        lock(f"marker = \"{'(' * 3000}os_name == 'nt'{')' * 3000}\"\nwheels = [{WHEEL}]"),
        lock(f"marker = \"{' or '.join(['os_name == 1'] * 2000)}\"\nwheels = [{WHEEL}]"),
        "x = " + "[" * 20000 + "]" * 20000,
        HEAD + "packages = []\n[tool]\nenvctl = 3\n",
        HEAD + "packages = []\n[tool.envctl]\ndigest = 3\n",
        HEAD + "packages = []\n[tool.envctl]\ntargets = 'linux'\n",
    ],
    ids=[
        "not UTF-8", "not TOML", "no packages", "version 2", "name not normalised", "long name", "no file",
        "wrong type", "long version", "version differs from file", "two origins", "deep marker",
        "long marker", "deep TOML", "own table no table", "own digest no text", "own targets no array",
    ],
)  # fmt: skip
def test_what_is_no_lock_is_refused(text: Any) -> None:
    refuse(text)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:secret@x.example/a-1.0-py3-none-any.whl",
        "https://token@x.example/a-1.0-py3-none-any.whl",
        "ftp://x.example/a-1.0-py3-none-any.whl",
        "javascript:alert(1)/a-1.0-py3-none-any.whl",
        "a-1.0-py3-none-any.whl",
        "https:///a-1.0-py3-none-any.whl",
        "https://x.example:99999/a-1.0-py3-none-any.whl",
        "https://[x/a-1.0-py3-none-any.whl",
        "https://x.example/\\u001b[31m/a-1.0-py3-none-any.whl",
    ],
)
def test_urls_that_carry_secrets_or_lead_elsewhere_are_refused(url: Any) -> None:
    message = refuse(lock(f'wheels = [{{ url = "{url}", hashes = {{ sha256 = "{SHA}" }} }}]'))

    assert "secret" not in message


@pytest.mark.parametrize(
    "name",
    ["../a-1.0-py3-none-any.whl", "a-1.0-py3-none-../any.whl", "a-1.0-py3-none-a\\\\ny.whl", "a-1.0-py3-none-a\\u0000ny.whl"],
)  # fmt: skip
def test_names_that_are_no_file_names_are_refused(name: Any) -> None:
    refuse(
        lock(
            f'wheels = [{{ name = "{name}", url = "https://x.example/a", hashes = {{ sha256 = "{SHA}" }} }}]'
        )
    )


@pytest.mark.parametrize(
    "hashes",
    [
        'md5 = "' + "0" * 32 + '"',
        'sha256 = "' + "0" * 63 + '"',
        'sha256 = "' + "g" * 64 + '"',
        "",
        "sha256 = 3",
    ],
    ids=["weak only", "cut", "not hexadecimal", "none", "no text"],
)
def test_digests_that_nothing_can_rest_on_are_refused(hashes: Any) -> None:
    refuse(
        lock(
            f'wheels = [{{ name = "a-1.0-py3-none-any.whl", url = "https://x.example/a", hashes = {{ {hashes} }} }}]'
        )
    )


@pytest.mark.parametrize(
    "path",
    ["..", "../core", "sub/../../core", "/etc", "C:/core", "sub\\\\..\\\\..", "a\\u001bb", "../shop-evil"],
)
def test_a_directory_may_not_leave_the_folder_of_the_lock(path: Any) -> None:
    refuse(lock(f'directory = {{ path = "{path}" }}'))


def test_a_directory_that_the_manifest_names_may_lie_outside() -> None:
    body = 'directory = { path = "../core" }'

    assert parse(lock(body).encode(), path="/p/shop/pylock.toml", allowed_paths=["/p/core"]).packages


@pytest.mark.parametrize("path", [".", "sub", "./sub/../other"])
def test_a_directory_inside_is_taken(path: Any) -> None:
    assert parse(lock(f'directory = {{ path = "{path}" }}').encode(), path="/p/shop/pylock.toml").packages


@pytest.mark.parametrize(
    "body",
    [
        f'archive = {{ path = "../a.zip", hashes = {{ sha256 = "{SHA}" }} }}',
        f'wheels = [{{ path = "../../a-1.0-py3-none-any.whl", hashes = {{ sha256 = "{SHA}" }} }}]',
        f'archive = {{ url = "https://x.example/a.zip", subdirectory = "../x", hashes = {{ sha256 = "{SHA}" }} }}',
        'directory = { path = ".", subdirectory = "/etc" }',
        f'archive = {{ url = "https://x.example/a.zip", size = -1, hashes = {{ sha256 = "{SHA}" }} }}',
    ],
    ids=["archive", "wheel", "subdirectory", "absolute subdirectory", "negative size"],
)
def test_files_may_not_leave_it_either(body: Any) -> None:
    refuse(lock(body))


@pytest.mark.parametrize(
    "vcs",
    [
        'type = "git", url = "https://x.example/r", commit-id = "main"',
        'type = "git", url = "https://x.example/r", commit-id = "--upload-pack=x"',
        'type = "git", url = "ext::sh -c x", commit-id = "' + "a" * 40 + '"',
        'type = "git", url = "https://u:p@x.example/r", commit-id = "' + "a" * 40 + '"',
        'type = "hg", url = "https://x.example/r", commit-id = "' + "a" * 40 + '"',
    ],
)
def test_checkouts_are_of_a_commit_by_a_known_transport(vcs: Any) -> None:
    refuse(lock(f"vcs = {{ {vcs} }}"))


def test_ssh_may_name_its_account() -> None:
    vcs = f'vcs = {{ type = "git", url = "ssh://git@x.example/r", commit-id = "{"a" * 40}" }}'

    assert parse(lock(vcs).encode(), path="/p/shop/pylock.toml").packages


def test_the_message_says_where(tmp_path: Any) -> None:
    error = refuse(lock(f'wheels = [{WHEEL}, {{ url = "https://u@x.example/a-1.0-py3-none-any.whl", hashes = {{ sha256 = "{SHA}" }} }}]'))  # fmt: skip

    assert re.search(r"credentials in `packages\[0\]` \(a\)", error)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(lock())), st.binary(max_size=6))
def test_damaged_text_is_refused_or_taken_but_never_crashes(place: Any, noise: Any) -> None:
    data = lock().encode()

    with contextlib.suppress(InputError):
        parse(data[:place] + noise + data[place:], path="/p/shop/pylock.toml")
