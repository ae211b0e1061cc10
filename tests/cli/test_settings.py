"""Machine matters from three places."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from envctl.cli.folders import default_cache_dir
from envctl.cli.settings import make_settings, parse_config
from envctl.errors import InputError, Problems, UsageError
from envctl.model.settings import Settings

posix_only = pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="the XDG folders are of Linux")


def settings(tmp_path: Path, text: str = "", **environ: str) -> Settings:
    config = tmp_path / "config.toml"
    config.write_text(text)
    return make_settings(
        directory=str(tmp_path), environ={"ENVCTL_CONFIG": str(config), "HOME": "/home/me", **environ}
    )


@posix_only
@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"HOME": "/home/me"}, "/home/me/.cache/envctl"),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "/big"}, "/big/envctl"),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "not/absolute"}, "/home/me/.cache/envctl"),
    ],
    ids=["home", "xdg", "relative-xdg"],
)
def test_the_cache_is_in_the_users_cache_folder(environ: dict[str, str], folder: str) -> None:
    assert default_cache_dir(environ) == folder


def test_every_key_of_the_settings_is_taken(tmp_path: Path) -> None:
    text = """
cache-dir = "cache"
link = "hardlink"
compile = true
color = "never"
proxy = "http://proxy.example:3128"
ca-bundle = "company.pem"
client-certificate = "me.pem"
insecure-hosts = ["old.example"]
[mirrors]
acme = "https://mirror.example/simple/"
"""

    made = settings(tmp_path, text)

    assert made.cache_dir == str(tmp_path / "cache")
    assert (made.fallback_link, made.fallback_compile) == ("hardlink", "true")
    assert (made.link, made.compile) == (None, None)
    assert made.proxy == "http://proxy.example:3128"
    assert made.ca_bundle == str(tmp_path / "company.pem")
    assert made.client_certificates == {"*": (str(tmp_path / "me.pem"), None)}
    assert made.insecure_hosts == ("old.example",)
    assert made.mirrors == {"acme": "https://mirror.example/simple/"}


def test_variables_win_over_the_file(tmp_path: Path) -> None:
    made = settings(
        tmp_path,
        'proxy = "http://a.example"\ninsecure-hosts = ["a.example"]\n',
        ENVCTL_PROXY="http://b.example",
        ENVCTL_INSECURE_HOSTS="b.example, c.example",
        ENVCTL_LINK="copy",
        ENVCTL_COMPILE="false",
    )

    assert made.proxy == "http://b.example"
    assert made.insecure_hosts == ("b.example", "c.example")
    assert (made.link, made.compile) == ("copy", "false")


def test_no_file_is_no_settings(tmp_path: Path) -> None:
    made = make_settings(
        directory="/", environ={"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}, cache_dir="~/c"
    )

    assert made.mirrors == {}
    assert made.cache_dir.endswith("/c")


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        make_settings(directory="/", environ={"ENVCTL_CONFIG": str(tmp_path / "none.toml")})

    assert caught.value.code == "no-file"


def test_everything_wrong_with_the_file_is_told_at_once_with_its_line() -> None:
    text = b'link = "glue"\n\nproxi = "x"\nproxy = 3\ninsecure-hosts = "x"\n[mirrors]\na = 1\n'

    with pytest.raises(Problems) as caught:
        parse_config(text, path="/c/config.toml")

    assert [(error.code, error.where) for error in caught.value.errors] == [
        ("bad-value", "/c/config.toml:1"),
        ("unknown-key", "/c/config.toml:3"),
        ("bad-value", "/c/config.toml:4"),
        ("bad-value", "/c/config.toml:5"),
        ("bad-value", "/c/config.toml:6"),
    ]
    assert caught.value.errors[1].hints == ("did you mean `proxy`?",)


@pytest.mark.parametrize("data", [b"= 1", b"\xff"], ids=["syntax", "encoding"])
def test_what_is_no_toml_is_refused(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        parse_config(data, path="config.toml")

    assert caught.value.code == "bad-settings"


def test_a_senseless_variable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ENVCTL_COMPILE"):
        settings(tmp_path, ENVCTL_COMPILE="often")


def test_rooms_are_given_the_environment_as_a_copy(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    made = make_settings(directory="/", environ=environ)
    environ["HOME"] = "elsewhere"

    assert made.environ["HOME"] == str(tmp_path)
