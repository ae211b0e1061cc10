"""Wheels and source archives at a URL of their own, or as files of this machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.backends import BACKEND
from support.project import Project, changes_of, reasons_of
from support.server import IndexServer
from support.wheels import make_sdist, make_wheel

PYPROJECT = (
    '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    '[project]\nname = "blob"\nversion = "1.0"\ndependencies = ["beta"]\n'
)


def digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def make_blob(folder: str, *, answer: int = 1, requires: tuple[str, ...] = ("beta",)) -> str:
    """Write the wheel `blob` and return its path."""
    files = {"blob/__init__.py": f"ANSWER = {answer}\n"}
    return make_wheel(folder, "blob", "1.0", requires=requires, files=files)


def make_source(folder: str, *, answer: int = 1) -> str:
    """Write the source archive of `blob` and return its path."""
    files = {"backend.py": BACKEND, "src/blob.py": f"ANSWER = {answer}\n"}
    return make_sdist(folder, "blob", "1.0", requires=["beta"], pyproject=PYPROJECT, files=files)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[IndexServer]:
    """A server that is no index of the manifest; its files lie below `/files/`."""
    with IndexServer(tmp_path / "host") as server:
        yield server


def url_of(host: IndexServer, path: str) -> str:
    return host.url.replace("/simple/", f"/files/{os.path.basename(path)}")


def declare(project: Project, url: str, *, rest: str = "") -> Project:
    project.write_manifest("blob", rest=f'[sources]\nblob = {{ url = "{url}" }}\n{rest}')
    return project


def entry(project: Project) -> dict[str, Any]:
    packages = tomllib.loads(project.read("pylock.toml"))["packages"]
    return next(package for package in packages if package["name"] == "blob")


def answer(project: Project) -> str:
    return project.python("import blob; print(blob.ANSWER)").strip()


def direct_url(project: Project) -> dict[str, Any]:
    with open(project.site("blob-1.0.dist-info", "direct_url.json"), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def test_a_wheel_at_a_url_is_locked_with_hash_and_size(project: Project, host: IndexServer) -> None:
    wheel = make_blob(host.folder)
    url = url_of(host, wheel)

    declare(project, url).apply()

    assert project.installed() == {"blob": "1.0", "beta": "1.0"}
    hashes = {"sha256": digest(wheel)}
    assert entry(project)["archive"] == {"url": url, "size": os.path.getsize(wheel), "hashes": hashes}
    assert direct_url(project) == {"url": url, "archive_info": {"hashes": hashes}}
    assert project.is_settled()


def test_a_direct_reference_in_a_list_is_a_source(project: Project, host: IndexServer) -> None:
    wheel = make_blob(host.folder)
    url = url_of(host, wheel)
    project.write_manifest(f"blob @ {url}#sha256={digest(wheel)}")

    project.apply()

    assert entry(project)["archive"]["url"] == url
    assert direct_url(project)["url"] == url
    assert project.is_settled()


def test_a_file_with_another_digest_than_stated_is_refused(project: Project, host: IndexServer) -> None:
    wheel = make_blob(host.folder)

    result = declare(project, f"{url_of(host, wheel)}#sha256={'0' * 64}").run("plan")

    assert (result.code, result.codes) == (1, ["hash-mismatch"])
    assert digest(wheel) in result.err
    assert "0" * 64 in result.err


def test_other_content_at_the_same_url_is_an_error_that_names_both(
    make_project: Callable[..., Project], host: IndexServer
) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    wheel = make_blob(host.folder)
    before = digest(wheel)
    declare(project, url_of(host, wheel)).succeed("lock")
    shutil.rmtree(os.path.join(project.cache, "envctl"))
    make_blob(host.folder, answer=2)

    result = project.run("apply")

    assert (result.code, result.codes) == (1, ["hash-mismatch"])
    assert before in result.err
    assert digest(wheel) in result.err


def test_new_content_is_let_in_by_an_upgrade(project: Project, host: IndexServer) -> None:
    wheel = make_blob(host.folder)
    declare(project, url_of(host, wheel)).apply()
    make_blob(host.folder, answer=2)

    still = project.is_settled()
    project.succeed("upgrade", "blob")

    assert still
    assert answer(project) == "2"
    assert entry(project)["archive"]["hashes"] == {"sha256": digest(wheel)}


def test_a_file_that_moved_keeps_no_old_url(project: Project, host: IndexServer) -> None:
    wheel = make_blob(host.folder)
    declare(project, url_of(host, wheel)).apply()

    plan = declare(project, f"{url_of(host, wheel)}?again").apply()["plan"]

    assert entry(project)["archive"]["url"].endswith("?again")
    assert changes_of(plan) == {}


def test_a_locked_file_is_not_asked_for_again(
    make_project: Callable[..., Project], host: IndexServer
) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    url = url_of(host, make_blob(host.folder))
    declare(project, url).apply()
    asked = len(host.requests)

    declare(project, url, rest="[lock]\nconstraints = ['beta<9']\n").apply()

    assert len(host.requests) == asked == 1


def test_no_index_is_asked_for_the_name(project: Project, host: IndexServer) -> None:
    declare(project, url_of(host, make_blob(host.folder))).apply()

    assert not [path for _, path, _ in project.index.requests if "blob" in path]


def test_a_source_archive_is_built_where_it_is_allowed(project: Project, host: IndexServer) -> None:
    url = url_of(host, make_source(host.folder))

    refused = declare(project, url).run("apply")
    declare(project, url, rest='[build]\nallow = ["blob"]\n').apply()

    assert refused.codes == ["build-not-allowed"]
    assert answer(project) == "1"
    assert project.is_settled()


def test_a_file_for_another_platform_is_refused(project: Project, host: IndexServer) -> None:
    wheel = make_wheel(host.folder, "blob", "1.0", tag="cp313-cp313-win_amd64")

    result = declare(project, url_of(host, wheel)).run("plan")

    assert (result.code, result.codes) == (1, ["no-usable-file"])


def test_a_wheel_of_another_project_is_refused(project: Project, host: IndexServer) -> None:
    wheel = make_wheel(host.folder, "other", "1.0")

    result = declare(project, url_of(host, wheel)).run("plan")

    assert result.code == 1
    assert "other" in result.err


@pytest.mark.parametrize("url", ["https://host.example/blob", "https://host.example/blob.exe?x=y.whl"])
def test_a_url_that_names_no_archive_is_refused(project: Project, url: str) -> None:
    result = declare(project, url).run("plan")

    assert (result.code, result.codes) == (65, ["bad-url"])


def test_a_url_with_a_password_is_refused(project: Project) -> None:
    result = declare(project, "https://me:canary-1@host.example/blob-1.0-py3-none-any.whl").run("plan")

    assert (result.code, result.codes) == (65, ["credentials-in-url"])
    assert "canary" not in result.out + result.err


def test_a_server_that_sends_elsewhere_gets_no_credentials_there(
    project: Project, host: IndexServer, tmp_path: Path
) -> None:
    wheel = make_blob(host.folder)
    with IndexServer(tmp_path / "index") as private:
        private.credentials = ("me", "canary-52c1")
        private.redirects = {"/files/blob-1.0-py3-none-any.whl": url_of(host, wheel)}
        manifest = (
            f'[[index]]\nname = "private"\nurl = "{private.url}"\n'
            f'[sources]\nblob = {{ url = "{url_of(private, wheel)}" }}\n'
        )
        project.write_manifest("blob", rest=manifest)
        variables = {"ENVCTL_INDEX_PRIVATE_USERNAME": "me", "ENVCTL_INDEX_PRIVATE_PASSWORD": "canary-52c1"}

        done = project.succeed("apply", "--json", "-v", environ=variables)

    assert not [headers for _, _, headers in host.requests if "authorization" in headers]
    assert [
        headers for _, path, headers in private.requests if "/files/" in path and "authorization" in headers
    ]
    assert "canary" not in done.out + done.err + project.read("pylock.toml")


def test_a_password_for_a_url_is_found_in_netrc_and_leaves_no_trace(
    make_project: Callable[..., Project], host: IndexServer
) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    host.credentials = ("me", "canary-90de")
    declare(project, url_of(host, make_blob(host.folder)))
    refused = project.run("apply")
    netrc = os.path.join(project.cache, "home", ".netrc")
    with open(netrc, "w", encoding="utf-8") as file:
        file.write("machine 127.0.0.1 login me password canary-90de\n")
    os.chmod(netrc, 0o600)

    done = project.succeed("apply", "--json", "-v")
    project.succeed("plan", "--out", "plan.json")

    assert refused.code == 1
    os.remove(netrc)
    assert "canary" not in done.out + done.err
    for folder in (project.folder, project.cache):
        for place, _, files in os.walk(folder):
            for name in files:
                path = os.path.join(place, name)
                assert not os.path.isfile(path) or b"canary-90de" not in Path(path).read_bytes(), path


def test_a_reference_below_the_lists_is_refused(project: Project) -> None:
    project.publish("delta", "1.0", requires=["blob @ file:///etc/blob-1.0-py3-none-any.whl"])
    project.write_manifest("delta")

    result = project.run("plan")

    assert (result.code, result.codes) == (1, ["direct-url-refused"])


def test_a_reference_of_a_file_at_a_url_is_refused(project: Project, host: IndexServer) -> None:
    wheel = make_blob(host.folder, requires=("delta @ https://host.example/delta-1.0-py3-none-any.whl",))

    result = declare(project, url_of(host, wheel)).run("plan")

    assert (result.code, result.codes) == (1, ["direct-url-refused"])


def test_a_file_may_be_for_one_platform_only(project: Project, host: IndexServer, tmp_path: Path) -> None:
    url = url_of(host, make_blob(host.folder))
    other = url_of(host, make_wheel(tmp_path / "host", "blob", "2.0", tag="cp313-cp313-win_amd64"))
    project.write_manifest(
        f"blob @ {url} ; sys_platform == 'linux'",
        f"blob @ {other} ; sys_platform == 'win32'",
        rest='[lock]\ntargets = ["linux-x86_64", "windows-x86_64"]\n',
    )

    project.apply()

    packages = tomllib.loads(project.read("pylock.toml"))["packages"]
    found = {package["archive"]["url"]: package["marker"] for package in packages if "archive" in package}
    assert found == {url: 'sys_platform == "linux"', other: 'sys_platform == "win32"'}
    assert project.installed() == {"blob": "1.0", "beta": "1.0"}
    assert project.is_settled()


def test_two_urls_of_a_package_are_in_conflict(project: Project, host: IndexServer) -> None:
    url = url_of(host, make_blob(host.folder))
    project.write_manifest(f"blob @ {url}", f"blob @ {url}?other")

    result = project.run("plan")

    assert (result.code, result.codes) == (1, ["no-solution"])


def test_a_lock_of_a_url_is_for_pip_and_uv_too(project: Project, host: IndexServer, tmp_path: Path) -> None:
    declare(project, url_of(host, make_blob(host.folder))).succeed("lock")

    _sync_with_uv(project, tmp_path / "uv")
    listed = project.pip("install", "--dry-run", "--quiet", "--report", "-", "-r", "pylock.toml").out

    names = {each["metadata"]["name"] for each in json.loads(listed)["install"]}
    assert names == {"blob", "beta"}


def _sync_with_uv(project: Project, target: Path) -> None:
    import sys

    project.uv("venv", "--quiet", "--python", sys.executable, os.fspath(target))
    project.uv("pip", "sync", "--quiet", "--python", os.fspath(target), "pylock.toml")
    listed = project.uv("pip", "list", "--python", os.fspath(target), "--format", "json").out
    assert {each["name"] for each in json.loads(listed)} == {"blob", "beta"}


def test_a_lock_of_uv_with_a_url_is_applied(project: Project, host: IndexServer) -> None:
    url = url_of(host, make_blob(host.folder))
    project.write("requirements.in", f"blob @ {url}\n")
    project.uv(
        "pip", "compile", "--quiet", "--generate-hashes", "--default-index", project.index.url,
        "--format", "pylock.toml", "-o", "pylock.other.toml", "requirements.in",
    )  # fmt: skip
    project.write_manifest()

    project.apply("--from", "pylock.other.toml")

    assert direct_url(project)["url"] == url
    assert project.is_settled("--from", "pylock.other.toml")


def test_a_policy_may_forbid_a_host(project: Project, host: IndexServer) -> None:
    url = url_of(host, make_blob(host.folder))
    rule = '[policy]\nindexes = { mode = "enforce", allow = ["loop"] }\n'

    result = declare(project, url, rest=rule).run("plan")

    assert result.code == 3
    assert url in result.err + result.out


# Files of this machine.


def declare_file(project: Project, path: str, *, rest: str = "") -> Project:
    project.write_manifest("blob", rest=f'[sources]\nblob = {{ path = "{path}" }}\n{rest}')
    return project


def test_a_wheel_of_this_machine_is_locked_by_its_hash(project: Project) -> None:
    wheel = make_blob(project.path("dist"))

    declare_file(project, "dist/blob-1.0-py3-none-any.whl").apply()

    archive = entry(project)["archive"]
    assert (archive["path"], archive["hashes"]) == (
        "dist/blob-1.0-py3-none-any.whl",
        {"sha256": digest(wheel)},
    )
    assert direct_url(project)["url"] == Path(wheel).as_uri()
    assert project.folder not in project.read("pylock.toml")
    assert project.is_settled()


def test_a_changed_file_makes_the_plan_move(project: Project) -> None:
    wheel = make_blob(project.path("dist"))
    declare_file(project, "dist/blob-1.0-py3-none-any.whl").apply()
    make_blob(project.path("dist"), answer=2)

    locked = project.run("plan", "--locked")
    told = project.succeed("plan").out
    plan = project.apply()["plan"]

    assert (locked.code, locked.codes) == (3, ["lock-stale"])
    assert "dist/blob-1.0-py3-none-any.whl changed; asked for by env.toml" in told
    assert changes_of(plan) == {"package.blob": "update"}
    assert "source-changed" in reasons_of(plan, "package.blob")
    assert answer(project) == "2"
    assert entry(project)["archive"]["hashes"] == {"sha256": digest(wheel)}
    assert project.is_settled()


def test_a_source_archive_of_this_machine_needs_no_permission(project: Project) -> None:
    make_source(project.path("dist"))

    declare_file(project, "dist/blob-1.0.tar.gz").apply()

    assert answer(project) == "1"
    assert project.is_settled()


def test_what_may_never_be_built_is_not(project: Project) -> None:
    make_source(project.path("dist"))

    result = declare_file(project, "dist/blob-1.0.tar.gz", rest='[build]\ndeny = ["blob"]\n').run("apply")

    assert (result.code, result.codes) == (1, ["build-not-allowed"])


def test_a_reference_to_a_file_of_this_machine_is_a_source(project: Project, tmp_path: Path) -> None:
    wheel = make_blob(os.fspath(tmp_path / "elsewhere"))
    project.write_manifest(f"blob @ {Path(wheel).as_uri()}")

    project.apply()

    assert answer(project) == "1"
    assert project.is_settled()
    make_blob(os.fspath(tmp_path / "elsewhere"), answer=2)
    assert not project.is_settled()


@pytest.mark.parametrize("name", ["blob.exe", "blob-1.0.tar.bz2", ".whl"])
def test_a_file_that_is_no_archive_by_its_name_is_refused(project: Project, name: str) -> None:
    project.write(f"dist/{name}", "")

    result = declare_file(project, f"dist/{name}").run("plan")

    assert (result.code, result.codes) == (65, ["no-source"])


def test_a_wheel_at_a_url_is_kept_once(make_project: Callable[..., Project], host: IndexServer) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    declare(project, url_of(host, make_blob(host.folder))).apply()

    assert len(host.requests) == 1
    assert not os.path.exists(os.path.join(project.cache, "envctl", "archives-v1"))


@pytest.mark.parametrize("name", ["blob-1.0%00-py3-none-any.whl", "blob%0A-1.0.tar.gz", "%2e%2e%2f.whl"])
def test_a_name_that_no_file_may_have_is_refused(project: Project, name: str) -> None:
    result = declare(project, f"https://host.example/{name}").run("plan")

    assert (result.code, result.codes) == (65, ["bad-url"])


def test_a_file_that_is_not_there_is_named(project: Project) -> None:
    result = declare_file(project, "dist/blob-1.0-py3-none-any.whl").run("plan")

    assert (result.code, result.codes) == (65, ["no-source"])


def test_a_plan_of_a_file_fits_another_checkout(
    project: Project, make_project: Callable[..., Project]
) -> None:
    other = make_project()
    for each in (project, other):
        make_blob(each.path("dist"))
        declare_file(each, "dist/blob-1.0-py3-none-any.whl")
    other.write("env.toml", project.read("env.toml"))
    project.succeed("plan", "--out", "plan.json")
    shutil.copyfile(project.path("plan.json"), other.path("plan.json"))

    other.apply("plan.json")

    assert other.installed() == {"blob": "1.0", "beta": "1.0"}


def test_every_file_of_a_wheel_at_a_url_is_looked_at(project: Project, host: IndexServer) -> None:
    declare(project, url_of(host, make_blob(host.folder))).apply()
    with open(project.site("blob", "__init__.py"), "a", encoding="utf-8") as file:
        file.write("ANSWER = 3\n")

    plan = project.plan("--verify", "hash")
    project.apply()

    assert changes_of(plan) == {"package.blob": "replace"}
    assert answer(project) == "1"
