"""pip and uv take the lock, and choose from it what envctl chooses."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from typing import Any

import packaging.markers
import packaging.tags
import pytest
from packaging.version import Version

from envctl.lock.choose import choose
from envctl.lock.compose import compose
from envctl.lock.lock import Lock
from envctl.manifest.manifest import Index
from envctl.model.target import Target, choose_platform_name
from envctl.resolve.port import ListedFile, Project
from envctl.resolve.solve import solve
from support.manifests import make_manifest
from support.universes import DictCatalog, DictProject, Notation, Release
from support.universes import request as make_request
from support.wheels import make_wheel

LISTS: dict[str, Any] = {"groups": {"dev": ["ruffian"], "doc": ["bookish"]}, "extras": {"pg": ["elephant"]}}
RELEASES = {"shop-core": ["shared"], "shared": [], "ruffian": ["shared"], "bookish": [], "elephant": []}


def make_target_here() -> Target:
    markers = {key: str(value) for key, value in packaging.markers.default_environment().items()}
    version = markers["python_full_version"]
    return Target(
        name=choose_platform_name(markers),
        python=".".join(version.split(".")[:2]),
        floor=version,
        ceiling=version,
        markers=markers,
        tags=tuple(str(tag) for tag in packaging.tags.sys_tags()),
    )


class FolderProject(DictProject):
    """The files of a folder, with their real digests."""

    def __init__(self, project: DictProject, folder: str) -> None:
        self.__dict__.update(project.__dict__)
        self._folder = folder

    def files(self, version: Version) -> list[ListedFile]:
        return [self._real(file.filename) for file in super().files(version)]

    def _real(self, filename: str) -> ListedFile:
        path = os.path.join(self._folder, filename)
        with open(path, "rb") as stream:
            data = stream.read()
        digest = hashlib.sha256(data).hexdigest()
        return ListedFile(filename=filename, url=f"file://{path}", hashes={"sha256": digest}, size=len(data))


class FolderCatalog(DictCatalog):
    def __init__(self, notation: Notation, folder: str) -> None:
        super().__init__(notation)
        self._folder = folder

    def project(self, name: str) -> Project | None:
        project = super().project(name)
        return FolderProject(project, self._folder) if isinstance(project, DictProject) else None


@pytest.fixture(scope="module", params=["beside the lock", "elsewhere"])
def lock(request: Any, tmp_path_factory: Any) -> Any:
    """A lock of local wheels: written as paths when they lie beside it, else as ``file:`` URLs."""
    folder = tmp_path_factory.mktemp("project")
    wheels = folder / "wheels" if request.param == "beside the lock" else tmp_path_factory.mktemp("wheels")
    for name, requires in RELEASES.items():
        make_wheel(wheels, name, "1.0", requires=requires)
    return write_lock(str(folder), str(wheels))


def write_lock(folder: Any, wheels: Any) -> Any:
    notation = {name: {"1.0": Release(requires)} for name, requires in RELEASES.items()}
    manifest = make_manifest(
        folder=folder,
        groups=LISTS["groups"],
        extras=LISTS["extras"],
        default_groups=("dev",),
        default_extras=("pg",),
        indexes=(Index(name="main", url=f"file://{wheels}", flat=True),),
    )
    resolution = solve(
        make_request("shop-core", **LISTS),
        make_target_here(),
        FolderCatalog(notation, wheels),
        lambda _: None,
    )
    lock = compose([resolution], manifest=manifest, digest="sha256:0", old=None)
    with open(lock.path, "wb") as stream:
        stream.write(lock.data)
    return lock


DEFAULT = {"shop-core", "shared", "ruffian", "elephant"}
SELECTIONS = [
    (None, DEFAULT),
    (((), ()), {"shop-core", "shared"}),
    ((("doc",), ()), {"shop-core", "shared", "bookish"}),
    ((("dev", "doc"), ()), {"shop-core", "shared", "bookish", "ruffian"}),
    ((("doc",), ("pg",)), {"shop-core", "shared", "bookish", "elephant"}),
]
IDS = ["default", "dependencies", "group", "groups", "group and extra"]


def quiet_environment() -> dict[str, str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_"))}
    return environ | {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "UV_OFFLINE": "1", "NO_COLOR": "1"}


def run(argv: list[str], lock: Lock) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        argv,
        cwd=os.path.dirname(lock.path),
        env=quiet_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(("lists", "expected"), SELECTIONS, ids=IDS)
def test_envctl_chooses(lock: Any, lists: Any, expected: Any) -> None:
    groups, extras = lists or ((), ())

    pins = choose(
        lock, make_target_here(), groups=groups, extras=extras, default_selection=lists is None
    ).pins

    assert set(pins) == expected


# Without --group uv adds the default groups, so that it has no way to ask for the dependencies alone.
@pytest.mark.parametrize(
    ("lists", "expected"),
    [(lists, expected) for lists, expected in SELECTIONS if lists != ((), ())],
    ids=[name for name in IDS if name != "dependencies"],
)
def test_uv_chooses_the_same(lock: Any, lists: Any, expected: Any, tmp_path: Any) -> None:
    argv = ["uv", "pip", "sync", "--dry-run", "--target", str(tmp_path / "t"), "--python", sys.executable]
    argv[0] = os.path.join(os.path.dirname(sys.executable), "uv")
    groups, extras = lists or ((), ())
    argv += [f"--group={group}" for group in groups] + [f"--extra={extra}" for extra in extras]

    done = run([*argv, "--cache-dir", str(tmp_path / "cache"), "pylock.toml"], lock)

    assert set(re.findall(r"^ \+ ([a-z-]+)", done.stderr, re.MULTILINE)) == expected


def test_pip_chooses_the_same_by_default(lock: Any) -> None:
    argv = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--ignore-installed",
        "--no-index",
        "--quiet",
    ]

    done = run([*argv, "--report", "-", "-r", "pylock.toml"], lock)

    chosen = {item["metadata"]["name"] for item in json.loads(done.stdout)["install"]}
    assert chosen == DEFAULT
