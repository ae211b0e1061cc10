"""What git is given, and what is told of what it says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envctl.errors import UpstreamError
from envctl.vcs.command import Git, GitError, scrub
from envctl.vcs.repository import check_url, is_commit
from support.repositories import Repository, needs_git


@pytest.mark.parametrize(
    "url",
    [
        "https://host.example/a.git",
        "http://127.0.0.1:8000/a.git",
        "ssh://git@host.example:22/a.git",
        "file:///srv/a.git",
        "file://localhost/srv/a.git",
        "https://[::1]/a.git",
    ],
)
def test_a_plain_url_may_be_asked(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/srv/a.git",
        "host.example:a.git",
        "ext::sh -c date",
        "ext://host.example/a",
        "git://host.example/a.git",
        "-uhttps://host.example/a.git",
        "https://host.example",
        "https:///a.git",
        "file://host.example/a.git",
        "https://-oProxyCommand=date/a.git",
        "ssh://-oProxyCommand=date/a.git",
        "ssh://-lroot@host.example/a.git",
        "ssh://me:secret@host.example/a.git",
        "https://me@host.example/a.git",
        "https://me:secret@host.example/a.git",
        "https://host.example/a b",
        "https://host.example/a\nb",
        "https://host.example/a\u2028b",
        "https://host.example/a\u3000b",
        "https://host.example/a\u202eb",
    ],
)
def test_any_other_is_refused_and_shows_no_secret(url: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        check_url(url)

    assert caught.value.code == "bad-url"
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 40, True),
        ("a" * 64, True),
        ("a" * 39, False),
        ("A" * 40, False),
        ("-" + "a" * 39, False),
        ("a" * 50, False),
    ],
)
def test_a_commit_is_named_in_full(text: str, expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_commit(text) is expected


def test_variables_that_lead_elsewhere_are_dropped() -> None:
    environ = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "SSH_AUTH_SOCK": "/run/agent",
        "GIT_SSH_COMMAND": "ssh -F none",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "me",
        "GIT_DIR": "/elsewhere",
        "GIT_INDEX_FILE": "/elsewhere/index",
        "GIT_CONFIG_PARAMETERS": "'core.pager=less'",
        "GIT_EXTERNAL_DIFF": "date",
        "ENVCTL_INDEX_ACME_PASSWORD": "secret",
        "PIP_INDEX_URL": "https://me:secret@host.example/",
        "UV_INDEX_ACME_PASSWORD": "secret",
    }

    assert sorted(scrub(environ)) == [
        "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0", "GIT_SSH_COMMAND", "HOME", "PATH",
        "SSH_AUTH_SOCK",
    ]  # fmt: skip


@needs_git
def test_what_git_says_is_told_without_passwords() -> None:
    git = Git(environ={"PATH": os.environ["PATH"]})

    with pytest.raises(GitError) as caught:
        git.run("ls-remote", "--end-of-options", url := "http://me:secret@127.0.0.1:9/a.git", url=url)

    assert "127.0.0.1" in caught.value.output
    assert "secret" not in caught.value.output


@needs_git
def test_a_scheme_leads_to_no_other() -> None:
    git = Git(environ={"PATH": os.environ["PATH"]})

    with pytest.raises(GitError) as caught:
        git.run("ls-remote", "--end-of-options", "file:///srv/a.git", url="https://host.example/a.git")

    assert "not allowed" in caught.value.output


@needs_git
def test_a_command_whose_output_is_read_tells_that_it_failed(tmp_path: Path) -> None:
    feed = tmp_path / "feed"
    feed.write_bytes(b"")

    with pytest.raises(GitError, match="not a git repository"):
        with Git(environ=os.environ).reading(
            "cat-file", "--batch", folder=os.fspath(tmp_path), feed=os.fspath(feed)
        ) as output:
            assert output.read() == b""


@needs_git
def test_a_command_that_nobody_reads_to_its_end_is_ended(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "made")
    repository.write("large.txt", "x" * 1_000_000)
    commit = repository.commit()
    feed = tmp_path / "feed"
    feed.write_text(f"{commit}:large.txt\n" * 20)
    git = Git(environ=os.environ)

    with pytest.raises(ValueError, match="enough"):
        with git.reading(
            "cat-file", "--batch", folder=os.path.join(repository.folder, ".git"), feed=os.fspath(feed)
        ):
            raise ValueError("enough")

    assert not git.running._processes
