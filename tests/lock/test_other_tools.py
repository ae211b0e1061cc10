"""pip and uv take the lock, and choose from it what envctl chooses."""

from __future__ import annotations

import hashlib
import itertools
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

from envctl.errors import EnvctlError
from envctl.lock.choose import choose
from envctl.lock.compose import compose
from envctl.lock.lock import Lock
from envctl.manifest.conflicts import Member
from envctl.manifest.manifest import Index
from envctl.model.target import Target, choose_platform_name
from envctl.model.targets import move_floor
from envctl.resolve.port import ListedFile, Project
from envctl.resolve.solve import solve
from support.cases import LINUX, MAC, WINDOWS, Case, chosen, make_targets, needed
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
    assert choose_with_pip(lock, "pylock.toml").keys() == DEFAULT


def choose_with_pip(lock: Lock, argument: str) -> dict[str, str]:
    """Ask pip what it would install on this machine."""
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
    done = run([*argv, "--report", "-", "-r", argument], lock)
    items = json.loads(done.stdout)["install"]
    return {item["metadata"]["name"]: item["metadata"]["version"] for item in items}


# Many targets and lists --------------------------------------------------------------------------

ONLY_LINUX_AND_MAC = ("py3-none-manylinux_2_17_x86_64", "py3-none-macosx_11_0_arm64")

MANY: Notation = {
    "top": {"1.0": ["lib[fast]", "win; sys_platform == 'win32'", "old; python_full_version < '3.12.4'"]},
    "lib": {
        "1.0": Release(["shared"], extras={"fast": ["speed"]}),
        "2.0": Release(["shared"], extras={"fast": ["speed>=2", "more; sys_platform != 'darwin'"]}, python=">=3.12"),
    },
    "speed": {"1.0": [], "2.0": [], "3.0": Release(wheels=ONLY_LINUX_AND_MAC)},
    "nowhere-else": {"1.0": Release(wheels=ONLY_LINUX_AND_MAC)},
    "tester": {"1.0": ["shared", "plugin; python_version >= '3.13'"]},
    **{name: {"1.0": []} for name in ("win", "old", "shared", "more", "plugin", "driver", "binary")},
}  # fmt: skip


@pytest.fixture(scope="module")
def case(tmp_path_factory: Any) -> Case:
    """A universe of real wheels, locked for three platforms and Pythons, with extras of packages and cells
    that have no wheel."""
    wheels = str(tmp_path_factory.mktemp("wheels"))
    for name, releases in MANY.items():
        for version, written in releases.items():
            release = written if isinstance(written, Release) else Release(written)
            for tag in release.wheels:
                make_wheel(
                    wheels,
                    name,
                    version,
                    requires=release.requires,
                    extras=release.extras,
                    requires_python=release.python,
                    tag=tag,
                )
    return Case(
        MANY,
        "top",
        groups={"dev": ["tester", "lib"], "native": ["nowhere-else", "more; python_version < '3.12'"]},
        extras={"pg": ["driver", "lib[fast]<2"], "binary": ["binary", "tester; sys_platform == 'win32'"]},
        conflicts=[[("extra", "pg"), ("group", "native")]],
        targets=make_targets("3.11", "3.12", "3.13", platforms=(LINUX, MAC, WINDOWS)),
        catalog=FolderCatalog(MANY, wheels),
        tolerant=True,
        folder=str(tmp_path_factory.mktemp("project")),
        default_groups=("dev",),
        default_extras=("binary",),
        indexes=(Index(name="main", url=f"file://{wheels}", flat=True),),
    )


@pytest.fixture(scope="module")
def many(case: Case) -> Lock:
    lock = case.lock()
    with open(lock.path, "wb") as stream:
        stream.write(lock.data)
    return lock


PATCHES = {"3.11": (0, 9), "3.12": (0, 3, 4, 9), "3.13": (0, 1)}
LISTS_OF_MANY: list[tuple[Member, ...]] = [
    (),
    (("group", "dev"),),
    (("group", "native"),),
    (("extra", "pg"),),
    (("extra", "binary"),),
]


def has_file(target: Target, held: Any) -> bool:
    """Whether all that a selection holds has a file there: one project of `native` has none for Windows."""
    return ("group", "native") not in held or target.name != WINDOWS


def test_packaging_selects_for_every_patch_version_what_is_needed_there(case: Case, many: Lock) -> None:
    count = 0
    for target, held in itertools.product(case.targets, case.combinations()):
        for patch in PATCHES[target.python] if has_file(target, held) else ():
            version = f"{target.python}.{patch}"
            here = move_floor(target, version, version)
            picks = chosen(many, here, *held)
            roots = itertools.chain.from_iterable(case.lists[name] for name in (None, *held))
            assert needed(case, picks, here, roots) == picks.keys(), (here.name, version, held)
            count += 1
        if not has_file(target, held):
            with pytest.raises(EnvctlError, match="nowhere-else"):
                chosen(many, target, *held)

    assert count > 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("platform", "name"), [("linux", LINUX), ("macos", MAC), ("windows", WINDOWS)], ids=[LINUX, MAC, WINDOWS]
)
def test_uv_selects_for_every_platform_python_and_list_what_envctl_does(
    case: Case, many: Lock, platform: str, name: str, tmp_path: Any
) -> None:
    for target, held in itertools.product(case.targets, LISTS_OF_MANY):
        if target.name != name or not has_file(target, held):
            continue
        lists = [f"--{kind}={value}" for kind, value in held]
        argv = [
            os.path.join(os.path.dirname(sys.executable), "uv"), "pip", "sync", "--dry-run", "--preview",
            "--target", str(tmp_path / "t"), "--python", sys.executable, "--python-platform", platform,
            "--python-version", target.python, "--cache-dir", str(tmp_path / "cache"), *lists, "pylock.toml",
        ]  # fmt: skip
        done = run(argv, many)
        found = dict(re.findall(r"^ \+ ([a-z-]+)==([0-9.]+)", done.stderr, re.MULTILINE))
        # uv takes the default groups along unless it is told a group.
        alone = any(kind == "group" for kind, _ in held)
        whole = held if alone else (*held, ("group", "default"))
        assert found == chosen(many, target, *whole), (target.python, held)


@pytest.mark.parametrize("extra", ["", "pg", "binary"])
def test_pip_selects_for_each_extra_what_envctl_does(case: Case, many: Lock, extra: str) -> None:
    held = (("extra", extra),) if extra else ()

    found = choose_with_pip(many, f"pylock.toml[{extra}]" if extra else "pylock.toml")

    assert found == chosen(many, make_target_here(), *held, ("group", "default"))
