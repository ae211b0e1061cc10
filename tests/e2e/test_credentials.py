"""Credentials reach the index they are for, and nothing and nobody else.

A word that stands nowhere but where the credentials were given is looked for in all that envctl prints,
writes, sends and starts.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from e2e.conftest import publish_basics
from support.backends import BACKEND, make_tree
from support.company import proxy
from support.project import PYTHON, Project, Result
from support.repositories import Repository, needs_git
from support.server import IndexServer
from support.wheels import make_sdist

USER, SECRET = "robot@company.example", "s3cret:w0rd/ß"
#: All that the password might be found as.
FORMS = (
    SECRET,
    quote(SECRET),
    quote(SECRET, safe=""),
    json.dumps(SECRET)[1:-1],
    base64.b64encode(f"{USER}:{SECRET}".encode()).decode(),
)

_KEYRING = '''\
"""Keeps one password, for the index and its host."""
import keyring.backend
from keyring.credentials import SimpleCredential

class Canary(keyring.backend.KeyringBackend):
    priority = 9
    def get_password(self, service, username):
        return {password!r} if (service, username) == ({service!r}, {user!r}) else None
    def get_credential(self, service, username):
        return SimpleCredential({user!r}, {password!r}) if service == {service!r} else None
    def set_password(self, service, username, password):
        raise NotImplementedError
'''

#: The backend of the sdist writes down what it sees.
_WATCHING = """\
import json
found = dict(os.environ)
for parent in (os.getppid(), "self"):
    try:
        with open(f"/proc/{{parent}}/environ", "rb") as environ:
            found[f"of process {{parent}}"] = environ.read().decode("utf-8", "replace")
    except OSError:
        pass
with open({path!r}, "w") as seen:
    json.dump(found, seen)
"""


class Shop:
    """A project whose index wants a password, whose files lie partly elsewhere, and that builds something."""

    def __init__(self, project: Project, other: IndexServer, place: Path) -> None:
        self.project = project
        self.other = other
        self.secrets = place / "secrets"
        self.temporary = place / "temporary"
        self.seen = place / "seen.json"
        self.printed: list[str] = []
        for folder in (self.secrets, self.temporary):
            folder.mkdir()

    @property
    def url(self) -> str:
        return self.project.index.url

    def run(self, *arguments: str, environ: Mapping[str, str]) -> Result:
        """Run a command with all that it may say about itself."""
        result = self.project.run(*arguments, environ={"TMPDIR": str(self.temporary), **environ})
        self.printed += [result.out, result.err]
        return result

    def files(self) -> Iterator[Path]:
        """Give every file that a run may have written."""
        for folder in (self.project.folder, self.project.cache, self.temporary, self.seen.parent):
            for path in Path(folder).rglob("*"):
                inside = path.is_relative_to(self.secrets) or path.is_relative_to(self.project.index.folder)
                if path.is_file() and not inside:
                    yield path


@pytest.fixture
def shop(make_project: Callable[..., Project], tmp_path: Path) -> Iterator[Shop]:
    project = make_project(fresh_cache=True)
    publish_basics(project)
    with IndexServer(project.index.folder, max_age=0) as other:
        shop = Shop(project, other, tmp_path)
        watching = BACKEND.replace("\n", "\n" + _WATCHING.format(path=str(shop.seen)), 1)
        pyproject = (
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            '[project]\nname = "delta"\nversion = "1.0"\n'
        )
        files = {"backend.py": watching, "src/delta.py": ""}
        make_sdist(project.index.folder, "delta", "1.0", pyproject=pyproject, files=files)
        project.index.credentials = (USER, SECRET)
        project.index.redirects["/files/beta-1.0-py3-none-any.whl"] = other.file_url(
            "beta-1.0-py3-none-any.whl"
        )
        project.index.redirects["/simple/alpha/"] = f"{other.url}alpha/"
        lines = [f'python = "{PYTHON}"', 'dependencies = ["alpha", "delta"]']
        lines += ["[[index]]", 'name = "my-index"', f'url = "{shop.url}"', "[build]", 'allow = ["delta"]']
        project.write("env.toml", "\n".join([*lines, ""]))
        yield shop


# The ways to give them: each returns the variables of a command.


def by_variables(shop: Shop) -> dict[str, str]:
    return {"ENVCTL_INDEX_MY_INDEX_USERNAME": USER, "ENVCTL_INDEX_MY_INDEX_PASSWORD": SECRET}


def by_netrc(shop: Shop) -> dict[str, str]:
    path = shop.secrets / "netrc"
    path.write_text(f'machine 127.0.0.1 login {USER} password "{SECRET}"\n', "utf-8")
    return {"NETRC": str(path)}


def by_netrc_at_home(shop: Shop) -> dict[str, str]:
    by_netrc(shop)
    (shop.secrets / "netrc").rename(shop.secrets / "_netrc")
    return {"HOME": str(shop.secrets)}


def by_mirror_url(shop: Shop) -> dict[str, str]:
    path = shop.secrets / "config.toml"
    url = shop.url.replace("://", f"://{quote(USER, safe='')}:{quote(SECRET, safe='')}@")
    path.write_text(f'[mirrors]\nmy-index = "{url}"\n', "utf-8")
    return {"ENVCTL_CONFIG": str(path)}


def by_keyring(shop: Shop, *, service: str = "") -> dict[str, str]:
    text = _KEYRING.format(service=service or shop.url, user=USER, password=SECRET)
    (shop.secrets / "canary.py").write_text(text, "utf-8")
    return {
        "PYTHON_KEYRING_BACKEND": "canary.Canary",
        "PYTHONPATH": str(shop.secrets),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def by_keyring_for_a_user(shop: Shop) -> dict[str, str]:
    return {**by_keyring(shop, service="127.0.0.1"), "ENVCTL_INDEX_MY_INDEX_USERNAME": USER}


def by_keyring_at_once(shop: Shop) -> dict[str, str]:
    return {**by_keyring(shop), "ENVCTL_KEYRING": "always"}


WAYS = (
    by_variables,
    by_netrc,
    by_netrc_at_home,
    by_mirror_url,
    by_keyring,
    by_keyring_for_a_user,
    by_keyring_at_once,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.removeprefix("by_"))
def test_credentials_are_sent_to_the_index_and_found_nowhere_else(
    shop: Shop, way: Callable[[Shop], dict[str, str]]
) -> None:
    environ = way(shop)
    project, index = shop.project, shop.project.index

    commands = (
        ("plan", "-v", "--out", "plan.json"),
        ("apply", "-v", "plan.json"),
        ("plan", "--json", "--reinstall", "alpha"),
        ("lock", "-v", "--upgrade", "--json"),
        ("status", "--json"),
        ("history", "--json"),
        ("outdated", "--json"),
    )
    codes = [shop.run(*command, environ=environ).code for command in commands]
    assert codes == [0] * len(commands), shop.printed
    index.credentials = ("somebody", "else")
    assert shop.run("lock", "--upgrade", "--json", "-v", environ=environ).codes == ["index-error"]
    if way is by_mirror_url:  # each takes two seconds, until the last try
        index.fail = {"/simple/*": 503}
        assert shop.run("lock", "--upgrade", "--json", "-v", environ=environ).codes == ["index-error"]
        index.stop()
        assert shop.run("lock", "--upgrade", "--json", "-v", environ=environ).codes == ["index-unreachable"]

    assert project.installed() == {"alpha": "1.0", "beta": "1.0", "delta": "1.0"}
    assert any("authorization" in headers for _, _, headers in index.requests)
    assert shop.other.requests, "the redirect was not followed"
    assert not any("authorization" in headers for _, _, headers in shop.other.requests)
    found = [form for form in FORMS for text in shop.printed if form in text]
    found += [
        f"{form} in {path}"
        for path in shop.files()
        for form in FORMS
        if form.encode() in path.read_bytes() or form in path.name
    ]
    found += [f"{form} in {path}" for _, path, _ in index.requests for form in FORMS if form in path]
    assert found == []
    seen = json.loads(shop.seen.read_text("utf-8"))
    assert [key for key, value in seen.items() if key.startswith("ENVCTL_") or SECRET in value] == []


def test_the_password_of_a_proxy_is_found_nowhere(shop: Shop, tmp_path: Path) -> None:
    login = f"{quote(USER, safe='')}:{quote('s3cret-w0rd', safe='')}"
    shop.project.index.credentials = None
    with proxy(tmp_path / "proxy", login=f"{USER}:s3cret-w0rd") as address:
        environ = {"no_proxy": "", "NO_PROXY": "", "http_proxy": f"http://{login}@{address}"}
        shop.run("apply", "-v", environ=environ)
        assert shop.project.installed() == {"alpha": "1.0", "beta": "1.0", "delta": "1.0"}
        wrong = environ | {"http_proxy": f"http://{login}x@{address}"}
        result = shop.run("lock", "--upgrade", "-v", "--json", environ=wrong)
    gone = shop.run("lock", "--upgrade", "-v", "--json", environ=environ)

    assert (result.codes, gone.codes) == (["proxy-failed"], ["proxy-failed"])
    assert not [text for text in shop.printed if "s3cret-w0rd" in text]
    assert not [path for path in shop.files() if b"s3cret-w0rd" in path.read_bytes()]
    assert "s3cret-w0rd" not in shop.seen.read_text("utf-8")


# netrc


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            f"machine 127.0.0.1 login {USER} passwort {SECRET}\n".encode(),
            "cannot be parsed and is passed over: look at line 1",
        ),
        (f"machine 127.0.0.1 login {USER} password {SECRET}".encode("latin-1"), "is no text in UTF-8"),
        (None, "there is no file"),
    ],
    ids=["syntax", "encoding", "missing"],
)
def test_who_is_refused_is_told_what_is_wrong_with_netrc(
    shop: Shop, content: bytes | None, told: str
) -> None:
    path = shop.secrets / "netrc"
    if content is not None:
        path.write_bytes(content)

    result = shop.run("lock", environ={"NETRC": str(path)})

    assert result.codes == ["index-error"]
    assert result.err.count("[bad-netrc]") == 1
    assert told in result.err
    assert "s3cret" not in result.err


def test_a_netrc_that_is_wrong_is_nobodys_trouble_where_no_password_is_wanted(shop: Shop) -> None:
    shop.project.index.credentials = None
    (shop.secrets / "netrc").write_text("nonsense { machine")

    result = shop.run("lock", environ={"NETRC": str(shop.secrets / "netrc")})

    assert result.code == 0
    assert "netrc" not in result.err


# The keyring


def test_the_keyring_is_not_asked_where_nobody_wants_a_password(shop: Shop) -> None:
    shop.project.index.credentials = None
    environ = by_keyring(shop)
    (shop.secrets / "canary.py").write_text("raise SystemExit('asked')\n")

    result = shop.run("lock", environ={**environ, "PYTHON_KEYRING_BACKEND": "canary.Canary"})

    assert result.code == 0
    assert not any("authorization" in headers for _, _, headers in shop.project.index.requests)


def test_the_keyring_is_not_asked_where_nobody_else_is(shop: Shop) -> None:
    """It is asked before an index is, but not before one is looked up in the cache, or offline."""
    environ = {**by_keyring(shop), "ENVCTL_KEYRING": "always"}
    shop.run("apply", environ=environ)
    text = (shop.secrets / "canary.py").read_text("utf-8")
    (shop.secrets / "canary.py").write_text(f'open("{shop.secrets}/asked", "w").close()\n{text}', "utf-8")

    codes = [
        shop.run(*command, environ=environ).code
        for command in (("plan",), ("lock", "--offline", "--upgrade"), ("apply", "--reinstall", "alpha"))
    ]

    assert codes == [0, 0, 0]
    assert not (shop.secrets / "asked").exists()


def test_the_keyring_can_be_left_alone(shop: Shop) -> None:
    environ = by_keyring(shop)

    result = shop.run("lock", environ={**environ, "ENVCTL_KEYRING": "never"})

    assert result.codes == ["index-error"]
    assert "or use netrc or the keyring" in result.err


def test_the_keyring_sees_no_other_credentials_and_no_terminal_to_ask_on(shop: Shop) -> None:
    environ = by_keyring(shop)
    text = (shop.secrets / "canary.py").read_text("utf-8")
    dump = f"""\
import json, os, sys
def is_there():
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
        return True
    except OSError:
        return False
with open({str(shop.secrets / "asked.json")!r}, "w") as file:
    json.dump([sorted(os.environ), sys.stdin.read(), is_there()], file)
"""
    (shop.secrets / "canary.py").write_text(dump + text, "utf-8")

    result = shop.run("lock", environ={**environ, "ENVCTL_INDEX_OTHER_PASSWORD": "its-own"})

    assert result.code == 0
    names, given, terminal = json.loads((shop.secrets / "asked.json").read_text("utf-8"))
    assert not [name for name in names if name.startswith("ENVCTL_INDEX_")]
    assert (given, terminal) == ("", False)


def test_where_the_keyring_has_nothing_the_index_has_refused(shop: Shop) -> None:
    environ = by_keyring(shop, service="another.example")

    result = shop.run("lock", environ=environ)

    assert result.codes == ["index-error"]
    assert "ENVCTL_INDEX_MY_INDEX_USERNAME" in result.err


def test_a_keyring_that_hangs_is_given_up_and_told_of(shop: Shop) -> None:
    environ = by_keyring(shop)
    (shop.secrets / "canary.py").write_text("import time\ntime.sleep(600)\n")

    result = shop.run("lock", environ={**environ, "ENVCTL_TIMEOUT": "1"})

    assert result.codes == ["index-error"]
    assert "[keyring-silent]" in result.err
    assert "ENVCTL_KEYRING=never" in result.err


def test_a_keyring_that_asks_for_its_own_password_gets_none_and_prints_nothing(shop: Shop) -> None:
    environ = by_keyring(shop)
    text = (shop.secrets / "canary.py").read_text("utf-8")
    asks = "    def get_credential(self, service, username):\n        print('unlock it')\n"
    asks += "        import getpass; getpass.getpass('Master password: ')\n"
    (shop.secrets / "canary.py").write_text(
        text.replace("    def get_credential(self, service, username):\n", asks), "utf-8"
    )

    result = shop.run("lock", environ=environ)

    assert result.codes == ["index-error"]
    assert "aster password" not in result.out + result.err
    assert "unlock it" not in result.out + result.err


# Several indexes on one host


def test_two_indexes_of_one_host_have_users_of_their_own(shop: Shop) -> None:
    project, index = shop.project, shop.project.index
    page = index.json_page("beta")
    index.credentials = None
    index.pages["/other/simple/beta/"] = ("application/vnd.pypi.simple.v1+json", page)
    index.redirects.clear()
    lines = [f'python = "{PYTHON}"', 'dependencies = ["gamma", "beta"]', "[sources]", 'beta = {index = "b"}']
    for name, path in (("a", "simple/"), ("b", "other/simple/")):
        lines += ["[[index]]", f'name = "{name}"', f'url = "{index.origin}/{path}"']
    project.write("env.toml", "\n".join([*lines, ""]))
    environ = {
        f"ENVCTL_INDEX_{name}_{what}": f"{name}{what}"
        for name in ("A", "B")
        for what in ("USERNAME", "PASSWORD")
    }

    assert shop.run("lock", environ=environ).code == 0

    sent = {
        path: base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
        for _, path, headers in index.requests
        if path.startswith(("/simple/", "/other/"))
    }
    assert sent == {"/simple/gamma/": "AUSERNAME:APASSWORD", "/other/simple/beta/": "BUSERNAME:BPASSWORD"}


# The manifest


@pytest.mark.parametrize("user", ["robot", "robot:s3cret-word", ":s3cret-word"])
def test_a_manifest_with_credentials_is_refused_without_showing_them(shop: Shop, user: str) -> None:
    text = shop.project.read("env.toml").replace("http://", f"http://{user}@")
    shop.project.write("env.toml", text)

    result = shop.run("plan", environ={})

    assert (result.code, result.codes) == (65, ["credentials-in-url"])
    assert "s3cret-word" not in result.err
    assert "`ENVCTL_INDEX_MY_INDEX_USERNAME`" in result.err


# Programs that are started


def test_interpreters_that_are_looked_at_see_no_credentials(shop: Shop) -> None:
    programs = shop.secrets / "bin"
    programs.mkdir()
    (programs / "python3.99").write_text(f'#!/bin/sh\nenv >> "{shop.secrets}/python.log"\nexit 1\n')
    (programs / "python3.99").chmod(0o755)
    environ = {
        **by_variables(shop),
        "ENVCTL_CLIENT_KEY_PASSWORD": "s3cret-key",
        "https_proxy": "http://me:s3cret-proxy@127.0.0.1:9",
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }

    shop.run("python", "list", environ=environ)

    seen = (shop.secrets / "python.log").read_text("utf-8")
    assert "PATH=" in seen
    assert "ENVCTL_INDEX" not in seen
    assert "s3cret" not in seen


@needs_git
def test_git_that_reads_an_earlier_lock_sees_no_credentials(shop: Shop) -> None:
    programs, real = shop.secrets / "bin", shutil.which("git")
    programs.mkdir()
    (programs / "git").write_text(f'#!/bin/sh\nenv >> "{shop.secrets}/git.log"\nexec {real} "$@"\n')
    (programs / "git").chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"

    shop.run("diff", "HEAD", environ={**by_variables(shop), "PATH": path})

    seen = (shop.secrets / "git.log").read_text("utf-8")
    assert "PATH=" in seen
    assert SECRET not in seen


@needs_git
def test_git_sees_no_credentials_of_indexes(shop: Shop, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repositories" / "core")
    make_tree(repository.folder, "core")
    repository.commit()
    programs, real = shop.secrets / "bin", shutil.which("git")
    programs.mkdir()
    (programs / "git").write_text(f'#!/bin/sh\nenv >> "{shop.secrets}/git.log"\nexec {real} "$@"\n')
    (programs / "git").chmod(0o755)
    text = shop.project.read("env.toml").replace('["alpha", "delta"]', '["alpha", "core"]')
    text = text.replace('["delta"]', '["core"]')
    shop.project.write("env.toml", f'{text}[sources]\ncore = {{ git = "{repository.url}" }}\n')
    environ = {**by_variables(shop), "ENVCTL_CLIENT_KEY_PASSWORD": "s3cret-key"}
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"

    result = shop.run("apply", environ={**environ, "PATH": path})

    assert result.code == 0, result.err
    seen = (shop.secrets / "git.log").read_text("utf-8")
    assert "GIT_ALLOW_PROTOCOL=" in seen
    assert "ENVCTL_" not in seen
    assert SECRET not in seen
