"""Whose an environment is, and environments that others made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from envctl.environment import scan as scan_module
from envctl.environment.identity import GENERATION
from envctl.environment.scan import scan
from envctl.model.interpreter import Interpreter
from envctl.model.state import DriftKind, Owner, State
from environment.laying import Layer
from support.wheels import make_wheel

MAKERS = {
    "venv": ["-m", "venv", "--without-pip"],
    "virtualenv": ["-m", "virtualenv", "--no-seed", "--quiet"],
}


def run(*arguments: str) -> None:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    subprocess.run([sys.executable, *arguments], check=True, env={**environ, "PIP_CONFIG_FILE": os.devnull})


@pytest.fixture(scope="module", params=list(MAKERS.values()), ids=list(MAKERS))
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template") / "others"
    arguments: list[str] = request.param
    run(*arguments, str(root))
    return root


@pytest.fixture
def others(template: Path, tmp_path: Path) -> Path:
    """An environment as other tools make it; copied, since making one takes half a second."""
    return Path(shutil.copytree(template, tmp_path / "others", symlinks=True))


def pip_install(root: Path, wheel: str, *options: str) -> None:
    environment = ["--python", str(root / "bin/python"), "--isolated", "--quiet"]
    offline = ["--no-index", "--no-deps", "--disable-pip-version-check"]
    run("-m", "pip", *environment, "install", *offline, *options, wheel)


def site(root: Path) -> Path:
    return next(root.glob("lib/python*/site-packages"))


def test_where_nothing_is_nobody_owns_it(tmp_path: Path) -> None:
    state = scan(str(tmp_path / "no" / ".venv"))

    assert (state.owner, state.distributions, state.python) == (Owner.NOBODY, {}, None)


def make_link(path: Path) -> None:
    (path.parent / "elsewhere").mkdir()
    (path.parent / "elsewhere/pyvenv.cfg").touch()
    path.symlink_to(path.parent / "elsewhere")


def make_dead_link(path: Path) -> None:
    path.symlink_to("nowhere")


OBSTACLES = {
    "a link": (make_link, "symbolic link"),
    "a dead link": (make_dead_link, "symbolic link"),
    "a file": (Path.touch, "not a directory"),
    "a folder": (Path.mkdir, "without `pyvenv.cfg`"),
}


@pytest.mark.parametrize(("make", "reason"), OBSTACLES.values(), ids=OBSTACLES.keys())
def test_what_is_never_touched_is_told_with_its_reason(tmp_path: Path, make: object, reason: str) -> None:
    assert callable(make)
    make(tmp_path / ".venv")

    state = scan(str(tmp_path / ".venv"))

    assert state.owner is Owner.UNKNOWN
    assert reason in state.reason


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="gives a folder to another user")
def test_an_environment_of_another_user_is_looked_at_like_any_other(others: Path) -> None:
    before = scan(str(others))
    os.chown(others, 4242, -1)

    assert scan(str(others)) == before


def test_a_bare_environment_of_others_holds_nothing(others: Path, interpreter: Interpreter) -> None:
    state = scan(str(others))

    assert state.owner is Owner.OTHERS
    assert (state.python, state.generation) == (interpreter.version, None)
    assert os.path.realpath(state.executable or "") == os.path.realpath(interpreter.executable)
    assert (state.distributions, state.drift, state.foreign) == ({}, (), ())


def test_what_pip_installed_is_told_with_its_files(others: Path, tmp_path: Path) -> None:
    pip_install(others, make_wheel(tmp_path, "My.Shop", "1.0", scripts={"shop": "My.Shop:main"}))

    state = scan(str(others))

    shop = state.distributions["my-shop"]
    folder = os.path.relpath(site(others), others)
    assert (shop.version, shop.installer, shop.requested, shop.managed, shop.intact) == (
        "1.0",
        "pip",
        True,
        False,
        True,
    )
    assert shop.info == f"{folder}/My.Shop-1.0.dist-info"
    assert {"bin/shop", f"{folder}/My.Shop/__init__.py", f"{shop.info}/RECORD"} <= set(shop.paths)
    assert not any("__pycache__" in path for path in shop.paths)
    assert (state.drift, state.foreign) == ((), ())


def test_a_file_installed_from_a_path_tells_its_origin(others: Path, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "shop", "1.0")
    pip_install(others, wheel)

    shop = scan(str(others)).distributions["shop"]

    assert f"file://{wheel}" in (shop.direct_url or "")
    assert (shop.origin or "").startswith('{"archive_info":{')


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda path: path.unlink(), DriftKind.MISSING),
        (lambda path: path.write_text("__version__ = '1.1'\n"), DriftKind.MODIFIED),
        (lambda path: path.write_text(""), DriftKind.MODIFIED),
        (lambda path: (path.parent / "more.py").touch(), DriftKind.ADDED),
    ],
    ids=["missing", "edited with the size kept", "emptied", "a file added"],
)
def test_a_distribution_of_others_is_held_against_its_record(
    others: Path, tmp_path: Path, change: object, kind: DriftKind
) -> None:
    pip_install(others, make_wheel(tmp_path, "shop", "1.0"))
    before = scan(str(others))
    assert callable(change)

    change(site(others) / "shop/__init__.py")
    state = scan(str(others))

    assert [(line.address, line.kind) for line in state.drift] == [("package.shop", kind)]
    assert state.distributions["shop"].intact is False
    assert state.digest != before.digest


def test_a_distribution_without_record_cannot_be_vouched_for(others: Path, tmp_path: Path) -> None:
    pip_install(others, make_wheel(tmp_path, "shop", "1.0"))
    (site(others) / "shop-1.0.dist-info/RECORD").unlink()

    state = scan(str(others))

    assert state.distributions["shop"].intact is False
    assert DriftKind.METADATA in {line.kind for line in state.drift}


def test_rows_of_a_record_that_leave_the_environment_are_not_its_files(others: Path, tmp_path: Path) -> None:
    pip_install(others, make_wheel(tmp_path, "shop", "1.0"))
    (tmp_path / "secret").write_text("x")
    with (site(others) / "shop-1.0.dist-info/RECORD").open("a") as record:
        record.write(f"../../../../secret,,\n{tmp_path}/secret,,\n/etc/passwd,,\n")

    shop = scan(str(others)).distributions["shop"]

    assert shop.intact
    assert not any("secret" in path or "passwd" in path or ".." in path for path in shop.paths)


def test_two_folders_of_one_name_are_neither_right(others: Path, tmp_path: Path) -> None:
    pip_install(others, make_wheel(tmp_path, "shop", "1.0"))
    second = site(others) / "shop-2.0.dist-info"
    second.mkdir()
    (second / "METADATA").write_text("Name: shop\nVersion: 2.0\n")

    state = scan(str(others))

    assert state.distributions["shop"].intact is False


def test_an_egg_info_is_a_distribution_nobody_can_vouch_for(others: Path) -> None:
    info = site(others) / "old-1.2.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: old\nVersion: 1.2.0\n")

    old = scan(str(others)).distributions["old"]

    assert (old.version, old.intact, old.paths) == (
        "1.2.0",
        False,
        (os.path.relpath(info / "PKG-INFO", others),),
    )


def test_a_dist_info_without_name_is_just_a_folder(others: Path) -> None:
    (site(others) / "x-1.dist-info").mkdir()
    (site(others) / "x-1.dist-info/METADATA").write_text("\n")

    state = scan(str(others))

    assert state.distributions == {}
    assert [each.path for each in state.foreign] == [f"{os.path.relpath(site(others), others)}/x-1.dist-info"]


def test_a_file_that_would_never_end_is_not_read(others: Path, tmp_path: Path) -> None:
    pip_install(others, make_wheel(tmp_path, "shop", "1.0"))
    module = site(others) / "shop/__init__.py"
    module.unlink()
    module.symlink_to("/dev/zero")
    (site(others) / "shop-1.0.dist-info/INSTALLER").unlink()
    os.mkfifo(site(others) / "shop-1.0.dist-info/INSTALLER")

    shop = scan(str(others)).distributions["shop"]

    assert (shop.intact, shop.installer) == (False, "")


def test_an_environment_of_others_whose_interpreter_is_gone_says_so(others: Path) -> None:
    (others / "bin/python").unlink()

    assert [(line.address, line.kind) for line in scan(str(others)).drift] == [
        ("python", DriftKind.INTERPRETER)
    ]


def test_a_damaged_generation_record_makes_it_an_environment_of_others(shop: Layer) -> None:
    (shop.root / GENERATION).write_text("{}")

    assert shop.scan().owner is Owner.OTHERS


def test_looking_changes_nothing(shop: Layer) -> None:
    def look() -> dict[str, tuple[int, int, int]]:
        return {
            str(path): (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns, path.lstat().st_size)
            for path in [shop.root, *shop.root.rglob("*")]
        }

    before = look()

    shop.scan()
    shop.scan(verify="hash")

    assert look() == before


def test_a_tree_in_staging_is_looked_at_for_the_place_it_is_made_for(shop: Layer) -> None:
    place = str(shop.root)
    moved = shop.root.rename(shop.root.parent / "staged")

    state: State = scan(str(moved), lives_at=place)

    assert state.drift == ()


def test_a_tree_that_changes_places_meanwhile_is_looked_at_again(
    others: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each folder is found by its path: what is read before and after a switch is of two trees."""
    real, looks = scan_module._scan, []

    def look(path: str, **options: Any) -> State:
        state = real(path, **options)
        looks.append(state)
        if len(looks) == 1:
            others.rename(tmp_path / "earlier")
        return state

    monkeypatch.setattr(scan_module, "_scan", look)

    assert scan(str(others)).owner is Owner.NOBODY
    assert [state.owner for state in looks] == [Owner.OTHERS, Owner.NOBODY]
