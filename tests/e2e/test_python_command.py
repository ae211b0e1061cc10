"""`envctl python`: which there are, which one fits, and one more from a mirror on loopback."""

from __future__ import annotations

import functools
import http.server
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from environment.test_interpreters import Machine as Pythons
from environment.test_managers import PLACES
from support.documents import validate
from support.project import PYTHON, Project, changes_of, reasons_of
from support.pythons import describe_build, is_movable, make_python, pack_python, write_list

MINOR = sys.version_info.minor
VERSION = f"3.{MINOR}.90"
FILENAME = f"cpython-{VERSION}+20260101-test-install_only_stripped.tar.gz"

movable = pytest.mark.skipif(not is_movable(), reason="the Python of the tests cannot be moved")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python") / "tree"
    make_python(folder, VERSION)
    return folder


@pytest.fixture(scope="module")
def archive(tree: Path) -> Path:
    path = tree.parent / FILENAME
    pack_python(tree, path)
    return path


@dataclass(frozen=True)
class Machine:
    """A project on a machine with a mirror of builds on loopback, and a list that knows them."""

    project: Project
    mirror: Path
    place: Path
    url: str

    def know(self, *builds: dict[str, object]) -> None:
        shutil.rmtree(self.place / "library", ignore_errors=True)
        self.project.environ["PYTHONPATH"] = write_list(self.place / "library", list(builds))

    def offer(self, archive: Path, *, micro: int = 90, sha256: str | None = None) -> None:
        """Put an archive on the mirror, and its digest on the list."""
        import hashlib

        shutil.copy(archive, self.mirror / FILENAME)
        digest = sha256 or hashlib.sha256(archive.read_bytes()).hexdigest()
        self.know(describe_build(FILENAME, digest, micro=micro))

    @property
    def pythons(self) -> Path:
        return self.place / "pythons"


@pytest.fixture
def machine(make_project: Callable[..., Project], tmp_path: Path) -> Iterator[Machine]:
    mirror = tmp_path / "mirror"
    mirror.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is the base's
            pass

    handler = functools.partial(Quiet, directory=os.fspath(mirror))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        project = make_project(fresh_cache=True)
        project.environ["ENVCTL_PYTHON_MIRROR"] = url
        project.environ["ENVCTL_PYTHONS_DIR"] = os.fspath(tmp_path / "pythons")
        yield Machine(project=project, mirror=mirror, place=tmp_path, url=url)
        server.shutdown()
        thread.join()


# Install.


@movable
def test_a_python_is_installed_from_the_mirror_and_an_environment_gets_it(
    machine: Machine, archive: Path
) -> None:
    machine.offer(archive)
    project = machine.project
    project.publish("alpha", "1.0")

    installed = project.succeed("python", "install", f"3.{MINOR}", "--json").json
    project.write("env.toml", f'python = "{VERSION}"\ndependencies = ["alpha"]\n')
    project.write(
        "env.toml", project.read("env.toml") + f'[[index]]\nname = "loop"\nurl = "{project.index.url}"\n'
    )
    project.apply()

    validate(installed)
    assert (installed["outcome"], installed["version"]) == ("installed", VERSION)
    assert installed["executable"] == os.fspath(
        machine.pythons / f"cpython-{VERSION}" / "bin" / f"python3.{MINOR}"
    )
    assert project.python("import sys; print(sys.base_prefix)").strip() == installed["path"]
    assert project.is_settled()


@movable
def test_one_that_is_there_is_not_fetched_again(machine: Machine, archive: Path) -> None:
    machine.offer(archive)
    machine.project.succeed("python", "install", VERSION)
    (machine.mirror / FILENAME).unlink()

    result = machine.project.succeed("python", "install", VERSION)

    assert "is there already" in result.out


@movable
def test_the_mirror_can_stand_in_the_settings(machine: Machine, archive: Path) -> None:
    machine.offer(archive)
    del machine.project.environ["ENVCTL_PYTHON_MIRROR"]
    config = machine.project.write("../config.toml", f'python-mirror = "{machine.url}"\n')

    machine.project.succeed("python", "install", VERSION, environ={"ENVCTL_CONFIG": config})


@movable
def test_a_python_whose_folder_was_deleted_is_gone(machine: Machine, archive: Path) -> None:
    machine.offer(archive)
    machine.project.succeed("python", "install", VERSION)
    found = machine.project.succeed("python", "find", VERSION).out

    shutil.rmtree(machine.pythons / f"cpython-{VERSION}")

    assert os.fspath(machine.pythons) in found
    assert machine.project.run("python", "find", VERSION).codes == ["no-python"]


def nothing_is_installed(machine: Machine) -> bool:
    return not machine.pythons.exists() or set(os.listdir(machine.pythons)) <= {".lock"}


def test_another_digest_is_refused(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"no archive at all")
    machine.offer(tmp_path / "other", sha256="0" * 64)

    result = machine.project.run("python", "install", VERSION)

    assert (result.code, result.codes) == (1, ["hash-mismatch"])
    assert nothing_is_installed(machine)


def test_a_build_without_a_digest_is_refused(machine: Machine) -> None:
    machine.know(describe_build(FILENAME, None, micro=90))

    assert machine.project.run("python", "install", VERSION).codes == ["no-python-build"]


@movable
def test_a_python_of_another_version_than_the_list_says_is_refused(machine: Machine, archive: Path) -> None:
    machine.offer(archive, micro=91)

    result = machine.project.run("python", "install", f"3.{MINOR}.91")

    assert (result.code, result.codes) == (1, ["bad-python-archive"])
    assert nothing_is_installed(machine)


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


@pytest.mark.parametrize(
    "member",
    [
        _member("python/../../evil"),
        _member("/evil"),
        _member("python/bin/../../../evil"),
        _member("python/link", tarfile.SYMTYPE, "/etc"),
        _member("python/bin/link", tarfile.SYMTYPE, "../../evil"),
        _member("python/hard", tarfile.LNKTYPE, "../evil"),
        _member("python/fifo", tarfile.FIFOTYPE),
        _member("python/device", tarfile.CHRTYPE),
    ],
    ids=lambda member: f"{member.name} {member.linkname}".strip(),
)
def test_an_archive_that_leads_outside_is_refused(machine: Machine, member: tarfile.TarInfo) -> None:
    path = machine.place / "bad.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.addfile(_member("python/bin/python3"), io.BytesIO())
        file.addfile(member, io.BytesIO())
    machine.offer(path)

    result = machine.project.run("python", "install", VERSION)

    assert (result.code, result.codes) == (1, ["bad-python-archive"])
    assert nothing_is_installed(machine)
    assert not list(machine.place.rglob("evil"))


def test_what_is_no_archive_is_refused(machine: Machine) -> None:
    path = machine.place / "bad"
    path.write_bytes(b"<html>")
    machine.offer(path)

    assert machine.project.run("python", "install", VERSION).codes == ["bad-python-archive"]


def test_a_version_that_nobody_builds_is_refused_with_what_to_do(machine: Machine) -> None:
    result = machine.project.run("python", "install", "3.99")

    assert (result.code, result.codes) == (1, ["no-python-build"])
    assert "pbs-installer" in result.err


def test_offline_nothing_is_fetched(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    machine.offer(tmp_path / "other")

    assert machine.project.run("python", "install", VERSION, "--offline").codes == ["offline"]


@movable
def test_an_interrupted_installation_leaves_nothing_that_is_found(machine: Machine, archive: Path) -> None:
    machine.offer(archive)

    def is_unpacking() -> bool:
        return machine.pythons.is_dir() and any(
            each.startswith(".new-") for each in os.listdir(machine.pythons)
        )

    result = machine.project.interrupt("python", "install", VERSION, number=signal.SIGINT, when=is_unpacking)
    killed = machine.project.interrupt("python", "install", VERSION, number=signal.SIGKILL, when=is_unpacking)

    assert result.code == 130
    assert killed.code == -signal.SIGKILL
    assert machine.project.run("python", "find", VERSION).codes == ["no-python"]
    machine.project.succeed("python", "install", VERSION)
    assert not [name for name in os.listdir(machine.pythons) if name.startswith(".new-")]


@movable
def test_a_disk_that_is_full_leaves_nothing(machine: Machine, archive: Path) -> None:
    machine.offer(archive)
    machine.pythons.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", os.fspath(machine.pythons)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        result = machine.project.run("python", "install", VERSION)
        left = [name for name in os.listdir(machine.pythons) if name != ".lock"]
    finally:
        subprocess.run(["umount", os.fspath(machine.pythons)], check=True)

    assert (result.code, result.codes) == (1, ["disk-full"])
    assert left == []


# List and find.


def test_a_list_says_of_each_python_whose_it_is_and_whether_it_fits(project: Project) -> None:
    document = project.succeed("python", "list", "--json").json
    text = project.succeed("python", "list").out

    validate(document)
    fitting = [each for each in document["pythons"] if each["fits"]]
    assert fitting
    assert all(each["version"].startswith(f"{PYTHON}.") for each in fitting)
    assert all(each["reason"] for each in document["pythons"] if not each["fits"])
    assert any(line.startswith(f"* cpython {PYTHON}.") for line in text.splitlines())


def test_pythons_of_all_managers_are_listed_with_whose_they_are(project: Project, tmp_path: Path) -> None:
    others = Pythons(tmp_path)
    found = {}
    for manager, path in PLACES.items():
        folder, name = os.path.split(path)
        found[others.install("3.71.4", folder=folder, name=name)] = manager
    (tmp_path / "miniforge3" / "envs" / "work" / "conda-meta").mkdir()
    (tmp_path / "brew" / "opt").mkdir()
    cellar = tmp_path / "brew" / "Cellar" / "python@3.71" / "3.71.4"
    (tmp_path / "brew" / "opt" / "python@3.71").symlink_to(cellar)
    environ = {"HOME": os.fspath(tmp_path), "HOMEBREW_PREFIX": os.fspath(tmp_path / "brew")}

    listed = project.succeed("python", "list", "--json", environ=environ).json["pythons"]
    chosen = project.succeed("python", "find", "3.71", environ=environ).out.strip()

    managers = {os.path.realpath(each["executable"]): each["manager"] for each in listed}
    assert {path: managers.get(path) for path in found} == found
    assert found[os.path.realpath(chosen)] != "conda"


def test_variants_are_listed_and_taken_only_when_asked_for(project: Project, tmp_path: Path) -> None:
    others = Pythons(tmp_path)
    plain = others.install("3.71.4")
    threaded = others.install("3.71.5", name="python3.71t", free_threaded=True)
    debug = others.install("3.71.6", name="python3.71d", debug=True)
    pypy = others.install("3.71.7", name="pypy3.71", implementation="pypy")
    environ = {"PATH": f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}"}

    document = project.succeed("python", "list", "--json", environ=environ).json
    found = [
        project.succeed("python", "find", request, environ=environ).out.strip()
        for request in ("3.71", "3.71t", "pypy3.71", debug)
    ]

    listed = {each["executable"]: (each["implementation"], each["variant"]) for each in document["pythons"]}
    assert {path: listed[path] for path in (plain, threaded, debug, pypy)} == {
        plain: ("cpython", None),
        threaded: ("cpython", "free-threaded"),
        debug: ("cpython", "debug"),
        pypy: ("pypy", None),
    }
    assert found == [plain, threaded, pypy, debug]


def test_without_a_manifest_a_list_asks_nobody_what_fits(bare: Project) -> None:
    document = bare.succeed("python", "list", "--json").json

    validate(document)
    assert {each["fits"] for each in document["pythons"]} == {None}


def test_a_manifest_with_a_mistake_is_told(project: Project) -> None:
    project.write("env.toml", 'python = "new"\n')

    assert project.run("python", "list").codes == ["bad-python"]


def test_find_prints_the_path_of_what_the_environment_gets(applied: Project) -> None:
    found = applied.succeed("python", "find").out.strip()
    document = applied.succeed("python", "find", "--json").json

    validate(document)
    assert os.path.realpath(found) == os.path.realpath(
        os.path.realpath(applied.path(".venv", "bin", "python"))
    )
    assert document["executable"] == found


@pytest.mark.parametrize("request_", [PYTHON, f"=={PYTHON}.*", sys.executable])
def test_find_takes_a_version_a_specifier_and_a_path(bare: Project, request_: str) -> None:
    found = bare.succeed("python", "find", request_).out.strip()

    assert os.path.basename(found) == f"python{PYTHON}"


def test_find_says_why_nothing_fits(bare: Project) -> None:
    result = bare.run("python", "find", "3.99")

    assert (result.code, result.codes) == (1, ["no-python"])
    assert "envctl python install" in result.err


def test_what_is_no_request_is_wrong_usage(bare: Project) -> None:
    assert bare.run("python", "find", "newest").code == 64
    assert bare.run("python", "install").code == 64
    assert bare.run("python", "list", "3.12").code == 64


# A patch that moves.


@movable
def test_a_patch_that_moves_behind_a_link_is_a_change_of_the_plan(
    make_project: Callable[..., Project], tree: Path, tmp_path: Path
) -> None:
    project = make_project(fresh_cache=True)
    newer = tmp_path / "newer"
    shutil.copytree(tree, newer, symlinks=True)
    module = newer / "lib" / f"python3.{MINOR}" / "platform.py"
    module.write_text(module.read_text(encoding="utf-8").replace(VERSION, f"3.{MINOR}.94"), encoding="utf-8")
    link = tmp_path / "current"
    link.symlink_to(tree)
    project.publish("alpha", "1.0")
    project.write_manifest("alpha")
    path = link / "bin" / f"python3.{MINOR}"
    project.write("env.toml", project.read("env.toml").replace(f'"{PYTHON}"', f'"{path}"'))
    first = project.apply()["plan"]
    settled = project.is_settled()

    link.unlink()
    link.symlink_to(newer)
    code = project.run("plan", "--detailed-exitcode").code
    (change,) = [each for each in project.plan()["changes"] if each["address"] == "python"]
    second = project.apply()["plan"]

    assert settled
    assert first["environment"]["python"]["version"] == VERSION
    assert code == 2
    assert (change["before"]["version"], change["after"]["version"]) == (VERSION, f"3.{MINOR}.94")
    assert "python" in changes_of(second)
    assert reasons_of(second, "python") == {"python-changed"}
    assert project.is_settled()
