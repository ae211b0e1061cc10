"""An index as companies have them: with passwords, a private authority, client certificates, behind a proxy.

The servers are others' (`support.company`); envctl is run as a user runs it.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from e2e.conftest import publish_basics
from support.company import Authority, make_authority, nginx, proxy, pypiserver
from support.project import PYTHON, Project, find_command
from support.repositories import GitServer, make_core, needs_git

BASICS = {"alpha": "1.0", "beta": "1.0"}


@pytest.fixture
def shop(make_project: Callable[..., Project]) -> Project:
    """A project with a cache of its own, and an index that has what it needs; without a manifest."""
    project = make_project(fresh_cache=True)
    publish_basics(project)
    return project


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def front(shop: Project, authority: Authority, tmp_path: Path) -> Iterator[str]:
    """The index behind nginx, which speaks TLS with the certificate of a private authority."""
    with nginx(shop.index.origin, authority, tmp_path / "nginx") as origin:
        shop.index.files_url = f"{origin}/files/"
        yield origin


def declare(project: Project, url: str, *, name: str = "company") -> None:
    lines = [f'python = "{PYTHON}"', 'dependencies = ["alpha"]', "[[index]]", f'name = "{name}"']
    project.write("env.toml", "\n".join([*lines, f'url = "{url}"', ""]))


def configure(project: Project, *lines: str) -> dict[str, str]:
    """Write the user's settings, and return the variable that names them."""
    path = os.path.join(project.cache, "config.toml")
    Path(path).write_text("\n".join([*lines, ""]), "utf-8")
    return {"ENVCTL_CONFIG": path}


# A password


def test_a_pypiserver_that_wants_a_password(shop: Project, tmp_path: Path) -> None:
    with pypiserver(shop.index.folder, tmp_path, login="robot:s3cret-word") as url:
        declare(shop, url)

        refused = shop.run("apply")
        shop.environ["ENVCTL_INDEX_COMPANY_USERNAME"] = "robot"
        shop.environ["ENVCTL_INDEX_COMPANY_PASSWORD"] = "s3cret-word"
        shop.succeed("apply")

    assert (refused.code, refused.codes) == (1, ["index-error"])
    assert "set ENVCTL_INDEX_COMPANY_USERNAME and ENVCTL_INDEX_COMPANY_PASSWORD" in refused.err
    assert shop.installed() == BASICS


# A private authority


def test_a_certificate_that_only_the_company_trusts(shop: Project, authority: Authority, front: str) -> None:
    declare(shop, f"{front}/simple/")

    refused = shop.run("apply")
    shop.succeed("apply", environ=configure(shop, f'ca-bundle = "{authority.certificate}"'))

    assert (refused.code, refused.codes) == (1, ["tls-failed"])
    assert "the certificate of `127.0.0.1` is not trusted" in refused.err
    assert "`ca-bundle` in config.toml or SSL_CERT_FILE" in refused.err
    assert shop.installed() == BASICS


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "ENVCTL_CA_BUNDLE"])
def test_variables_name_the_authority(shop: Project, authority: Authority, front: str, variable: str) -> None:
    declare(shop, f"{front}/simple/")

    shop.succeed("apply", environ={variable: authority.certificate})

    assert shop.installed() == BASICS


def test_a_certificate_that_the_system_trusts(shop: Project, front: str, authority: Authority) -> None:
    """The authority takes the place of the system's own, where nobody but the command sees it."""
    # It is None, whatever typeshed says, where there is no such file.
    system = str(ssl.get_default_verify_paths().cafile)
    unshare = shutil.which("unshare")
    if unshare is None or not os.path.isfile(system):
        pytest.skip("there is no file of authorities to put another over")
    declare(shop, f"{front}/simple/")
    mount = f"mount --bind '{authority.certificate}' '{os.path.realpath(system)}'"
    if subprocess.run([unshare, "-m", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    command = f'{mount} && exec "$@" lock'

    without = shop.run("lock")
    done = subprocess.run(
        [unshare, "-m", "sh", "-c", command, "sh", *find_command()],
        cwd=shop.folder,
        env=shop.variables(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert without.codes == ["tls-failed"]
    assert done.returncode == 0, done.stderr
    assert shop.locked() == BASICS


def test_a_folder_of_authorities(shop: Project, authority: Authority, front: str, tmp_path: Path) -> None:
    folder = tmp_path / "authorities"
    folder.mkdir()
    certificate = folder / "company.pem"
    certificate.write_bytes(Path(authority.certificate).read_bytes())
    digest = shop.execute(["openssl", "x509", "-hash", "-noout", "-in", str(certificate)]).out.strip()
    (folder / f"{digest}.0").symlink_to(certificate)
    declare(shop, f"{front}/simple/")

    shop.succeed("apply", environ={"SSL_CERT_DIR": str(folder)})

    assert shop.installed() == BASICS


def test_a_host_that_need_not_prove_itself_is_told_of_and_recorded(shop: Project, front: str) -> None:
    host = front.removeprefix("https://")
    environ = configure(shop, f'insecure-hosts = ["{host}"]')
    declare(shop, f"{front}/simple/")

    plan = shop.succeed("plan", "--out", "plan.json", environ=environ)
    shop.succeed("apply", "plan.json", environ=environ)
    shutil.rmtree(os.path.join(shop.cache, "envctl"))
    again = shop.succeed("plan", "--json", environ=environ)

    message = f"the certificate of `{host}` is not checked"
    assert plan.err.count(f"warning: {message}, as your settings say") == 1
    assert f'"{message}' in shop.read("plan.json").replace("\\u0060", "`")
    assert "insecure-host" not in [each["code"] for each in again.json["diagnostics"]]
    assert shop.installed() == BASICS


def test_a_manifest_cannot_make_a_host_insecure(shop: Project, front: str) -> None:
    declare(shop, f"{front}/simple/")
    shop.write("env.toml", shop.read("env.toml") + "insecure = true\n")

    assert shop.run("plan").codes == ["unknown-key"]


# Client certificates


@pytest.fixture
def strict(shop: Project, authority: Authority, tmp_path: Path) -> Iterator[str]:
    """The index behind nginx, which asks who the client is."""
    with nginx(shop.index.origin, authority, tmp_path / "strict", wants_client=True) as origin:
        shop.index.files_url = f"{origin}/files/"
        yield origin


@pytest.mark.parametrize("stands", ["in one file", "in two files", "by its host"])
def test_a_server_that_wants_a_client_certificate(
    shop: Project, authority: Authority, strict: str, stands: str
) -> None:
    lines = [f'ca-bundle = "{authority.certificate}"']
    mine = [f'client-certificate = "{authority.client}"']
    if stands == "by its host":
        host = strict.removeprefix("https://")
        files = f'certificate = "{authority.client_certificate}", key = "{authority.client_key}"'
        mine = ["[client-certificates]", f'"{host}" = {{ {files} }}', '"other.example" = "not-there.pem"']
    elif stands == "in two files":
        mine = [
            f'client-certificate = "{authority.client_certificate}"',
            f'client-key = "{authority.client_key}"',
        ]
    declare(shop, f"{strict}/simple/")

    refused = shop.run("plan", environ=configure(shop, *lines))
    shop.succeed("apply", environ=configure(shop, *lines, *mine))

    assert refused.codes == ["index-error"]
    assert "`client-certificate` in config.toml" in refused.err
    assert shop.installed() == BASICS


def test_a_key_with_a_password_is_never_asked_for_on_a_terminal(
    shop: Project, authority: Authority, strict: str, tmp_path: Path
) -> None:
    key = tmp_path / "locked.pem"
    command = ["openssl", "pkey", "-in", authority.client_key, "-aes256", "-passout", "pass:s3cret-word"]
    shop.execute([*command, "-out", str(key)])
    environ = configure(
        shop,
        f'ca-bundle = "{authority.certificate}"',
        f'client-certificate = "{authority.client_certificate}"',
        f'client-key = "{key}"',
    )
    declare(shop, f"{strict}/simple/")

    refused = shop.converse("plan", environ=environ)
    shop.succeed("apply", environ={**environ, "ENVCTL_CLIENT_KEY_PASSWORD": "s3cret-word"})

    assert refused.code == 1
    assert "[bad-client-certificate]" in refused.out
    assert shop.installed() == BASICS


# A proxy


@pytest.mark.parametrize("named_by", ["variable", "setting"])
def test_an_index_behind_a_proxy_that_wants_a_password(
    shop: Project, authority: Authority, front: str, tmp_path: Path, named_by: str
) -> None:
    declare(shop, f"{front}/simple/")
    with proxy(tmp_path / "proxy", login="robot:s3cret-word") as address:

        def through(user: str) -> dict[str, str]:
            url = f"http://{user}{address}"
            trust = f'ca-bundle = "{authority.certificate}"'
            nothing = {"no_proxy": "", "NO_PROXY": ""}
            if named_by == "setting":
                return {**nothing, **configure(shop, trust, f'proxy = "{url}"')}
            return {**nothing, **configure(shop, trust), "https_proxy": url}

        refused = shop.run("apply", environ=through(""))
        asked_directly = len(shop.index.requests)
        shop.succeed("apply", environ=through("robot:s3cret-word@"))

    assert (refused.code, refused.codes) == (1, ["proxy-failed"])
    assert "http://USER:PASSWORD@HOST:PORT" in refused.err
    assert asked_directly == 0
    assert shop.installed() == BASICS


def test_a_plain_index_behind_a_proxy(shop: Project, tmp_path: Path) -> None:
    shop.write_manifest("alpha")
    with proxy(tmp_path / "proxy", login="robot:s3cret-word") as address:
        environ = {"no_proxy": "", "NO_PROXY": "", "http_proxy": f"http://robot:s3cret-word@{address}"}
        refused = shop.run("apply", environ={**environ, "http_proxy": f"http://{address}"})
        shop.succeed("apply", environ=environ)

    assert refused.codes == ["proxy-failed"]
    assert shop.installed() == BASICS


def test_a_proxy_that_is_not_there_is_what_the_error_is_about(shop: Project) -> None:
    shop.write_manifest("alpha")

    result = shop.run("apply", environ={"no_proxy": "", "NO_PROXY": ""})

    assert (result.code, result.codes) == (1, ["proxy-failed"])
    assert "the proxy `http://127.0.0.1:9` refuses the connection" in result.err
    assert "HTTPS_PROXY" in result.err


# All of it


@needs_git
def test_an_index_and_a_repository_behind_everything_at_once_and_offline_then(
    shop: Project, authority: Authority, tmp_path: Path
) -> None:
    core = make_core(tmp_path / "repositories" / "core")
    with ExitStack() as stack:
        index = stack.enter_context(pypiserver(shop.index.folder, tmp_path, login="robot:s3cret-word"))
        git = stack.enter_context(GitServer(os.path.dirname(core.folder)))
        behind = index.removesuffix("/simple/")
        first = stack.enter_context(nginx(behind, authority, tmp_path / "first", wants_client=True))
        second = stack.enter_context(nginx(git.url, authority, tmp_path / "second", wants_client=True))
        address = stack.enter_context(proxy(tmp_path / "proxy", login="me:s3cret-proxy"))
        declare(shop, f"{first}/simple/")
        text = shop.read("env.toml").replace('["alpha"]', '["alpha", "core"]')
        rest = f'[sources]\ncore = {{ git = "{second}/core/.git" }}\n[build]\nallow = ["core"]\n'
        shop.write("env.toml", text + rest)
        environ = configure(
            shop,
            f'ca-bundle = "{authority.certificate}"',
            f'client-certificate = "{authority.client}"',
            f'proxy = "http://me:s3cret-proxy@{address}"',
        )
        environ |= {"no_proxy": "", "NO_PROXY": "", "ENVCTL_INDEX_COMPANY_USERNAME": "robot"}
        shop.succeed("apply", environ={**environ, "ENVCTL_INDEX_COMPANY_PASSWORD": "s3cret-word"})
    shutil.rmtree(shop.path(".venv"))

    shop.succeed("apply", "--offline", environ=environ)

    assert shop.installed() == {**BASICS, "core": "1.0"}
    files = [path for path in (*Path(shop.folder).rglob("*"), *Path(shop.cache).rglob("*")) if path.is_file()]
    found = [path for path in files if b"s3cret" in path.read_bytes() and path.name != "config.toml"]
    assert found == []
