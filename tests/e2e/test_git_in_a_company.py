"""Repositories behind a private authority, client certificates, passwords, and what is said where git is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.company import Authority, make_authority, nginx
from support.project import Project
from support.repositories import ALLOW, GitServer, Repository, make_core, needs_git

pytestmark = needs_git


def declare(project: Project, url: str) -> Project:
    project.write_manifest("core", rest=f'[sources]\ncore = {{ git = "{url}" }}\n{ALLOW}')
    return project


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path / "authority")


@pytest.fixture
def wary(tmp_path: Path, authority: Authority) -> Iterator[str]:
    """A repository behind nginx, whose certificate the company alone trusts, and that wants the client's."""
    repository = make_core(tmp_path / "repositories" / "core")
    with GitServer(os.path.dirname(repository.folder)) as server:
        with nginx(server.url, authority, tmp_path / "nginx", wants_client=True) as origin:
            yield f"{origin}/core/.git"


def say(project: Project, text: str) -> dict[str, str]:
    """Write the user's settings."""
    path = os.path.join(project.cache, "home", f"{os.path.basename(project.folder)}.toml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return {"ENVCTL_CONFIG": path}


@pytest.mark.parametrize("place", ["HOST:PORT", "HOST", "*"])
def test_git_is_told_of_the_certificates_of_the_settings(
    project: Project, wary: str, authority: Authority, place: str
) -> None:
    host = wary.split("/")[2]
    place = place.replace("HOST:PORT", host).replace("HOST", host.partition(":")[0])
    text = f'ca-bundle = "{authority.certificate}"\n[client-certificates]\n'
    environ = say(project, f'{text}"{place}" = {{ certificate = "{authority.client}" }}\n')

    declare(project, wary).succeed("apply", environ=environ)

    assert project.installed()["core"] == "1.0"


def test_a_server_without_its_client_certificate_refuses(
    project: Project, wary: str, authority: Authority
) -> None:
    result = declare(project, wary).run("plan", environ={"ENVCTL_CA_BUNDLE": authority.certificate})

    assert result.codes == ["git-failed"]


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_git_trusts_whom_the_usual_variables_name(
    project: Project, wary: str, authority: Authority, name: str
) -> None:
    environ = {name: authority.certificate, "ENVCTL_CLIENT_CERTIFICATE": authority.client_certificate}

    declare(project, wary).succeed("plan", environ=environ | {"ENVCTL_CLIENT_KEY": authority.client_key})


def test_what_git_was_told_itself_goes_before_the_usual_variables(
    project: Project, wary: str, authority: Authority
) -> None:
    environ = {"GIT_SSL_CAINFO": authority.certificate, "SSL_CERT_FILE": authority.client_certificate}

    declare(project, wary).succeed("plan", environ=environ | {"ENVCTL_CLIENT_CERTIFICATE": authority.client})


def test_an_authority_that_git_does_not_know_is_told_with_what_to_do(project: Project, wary: str) -> None:
    result = declare(project, wary).run("plan")

    assert result.codes == ["git-failed"]
    assert "`ca-bundle` in config.toml" in result.err


@pytest.mark.parametrize("place", ["HOST:PORT", "HOST"])
def test_git_too_lets_a_host_be_that_need_not_prove_itself(
    project: Project, wary: str, authority: Authority, place: str
) -> None:
    host = wary.split("/")[2] if place == "HOST:PORT" else "127.0.0.1"
    environ = say(project, f'insecure-hosts = ["{host}"]\nclient-certificate = "{authority.client}"\n')

    result = declare(project, wary).succeed("plan", environ=environ)

    assert result.err.count("[insecure-host]") == 1
    assert f"the certificate of `{wary.split('/')[2]}` is not checked" in result.err


# Passwords


def test_a_submodule_on_a_host_that_wants_a_password(project: Project, tmp_path: Path) -> None:
    part = Repository(tmp_path / "private" / "part")
    part.write("__init__.py", "ANSWER = 2\n")
    commit = part.commit()
    core = make_core(tmp_path / "public" / "core")
    with GitServer(tmp_path / "private", credentials=("me", "canary-51c0")) as server:
        core.write(".gitmodules", f'[submodule "p"]\n\tpath = src/part\n\turl = {server.url}/part/.git\n')
        core.git("add", "--all")
        core.git("update-index", "--add", "--cacheinfo", f"160000,{commit},src/part")
        core.git("commit", "--quiet", "--message", "Use another")
        home = tmp_path / "home"
        home.mkdir()
        declare(project, core.url)

        refused = project.run("apply")
        (home / ".netrc").write_text("machine 127.0.0.1 login me password canary-51c0\n")
        project.succeed("apply", environ={"HOME": os.fspath(home)})

    assert refused.codes == ["git-failed"]
    assert "netrc" in refused.err
    assert project.python("import part; print(part.ANSWER)") == "2\n"
    found = [path for path in Path(project.folder).rglob("*") if path.is_file()]
    assert not [path for path in found if b"canary-51c0" in path.read_bytes()]


# Reasons


def test_why_a_repository_cannot_be_read_is_what_git_said_first(project: Project, tmp_path: Path) -> None:
    result = declare(project, f"{tmp_path.as_uri()}/nowhere").run("plan")

    assert result.codes == ["git-failed"]
    assert "does not appear to be a git repository" in result.err


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="gives a folder to another user")
def test_a_repository_of_another_user_is_refused_with_what_to_do(project: Project, tmp_path: Path) -> None:
    core = make_core(tmp_path / "core")
    for folder, _, _ in os.walk(core.folder):
        os.chown(folder, 1234, 1234)

    result = declare(project, core.url).run("plan")

    assert result.codes == ["git-failed"]
    assert "dubious ownership" in result.err
    assert "safe.directory" in result.err
