"""Every way in which an environment may no longer be what envctl made it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl.environment.identity import GENERATION
from envctl.environment.inventory import INVENTORY
from envctl.frozen import replace
from envctl.model.state import DriftKind, Owner
from environment.laying import Layer
from support.wheels import make_wheel

Change = Callable[[Layer], object]


def write_keeping_mtime(path: Path, text: str) -> None:
    status = path.stat()
    path.write_text(text)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def become_link(layer: Layer) -> None:
    module = layer.site / "shop/app.py"
    module.rename(layer.root.parent / "app.py")
    module.symlink_to(layer.root.parent / "app.py")


def truncate(path: Path) -> None:
    os.truncate(path, 100)


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def install_by_hand(layer: Layer, name: str, version: str) -> None:
    layer.pip_install(make_wheel(layer.root.parent / "others", name, version))


def round_times(layer: Layer) -> None:
    for path in layer.site.rglob("*"):
        if path.is_file():
            second = int(path.stat().st_mtime)
            os.utime(path, (second, second))


def copy_whole(layer: Layer) -> None:
    shutil.copytree(layer.root, layer.root.parent / "copy", symlinks=True)
    shutil.rmtree(layer.root)
    (layer.root.parent / "copy").rename(layer.root)


def become_folder(layer: Layer) -> None:
    (layer.site / "plain.py").unlink()
    (layer.site / "plain.py").mkdir()


def retarget(layer: Layer) -> None:
    (layer.root / "lib64").unlink()
    (layer.root / "lib64").symlink_to("bin")


def leave_litter(layer: Layer) -> None:
    for name in (".DS_Store", ".lock", "app.py~", ".app.py.swp", ".nfs0001", "kernel.nbi", "x.pyo"):
        (layer.site / "shop" / name).touch()


def leave_as_pip_does(layer: Layer) -> None:
    (layer.site / "~hop").mkdir()
    (layer.site / "~hop/__init__.py").touch()


def break_interpreter(layer: Layer) -> None:
    (layer.root / "bin/python").unlink()
    (layer.root / "bin/python").symlink_to("/nowhere/python3")


SHOP = "package.shop"
TWENTY: dict[str, tuple[Change, str, DriftKind, str]] = {
    "a module deleted": (
        lambda layer: (layer.site / "shop/app.py").unlink(),
        SHOP,
        DriftKind.MISSING,
        "shop/app.py",
    ),
    "a module emptied": (
        lambda layer: (layer.site / "shop/app.py").write_text(""),
        SHOP,
        DriftKind.MODIFIED,
        "shop/app.py",
    ),
    "a module edited with the size kept": (
        lambda layer: (layer.site / "shop/app.py").write_text("import pohs\n"),
        SHOP,
        DriftKind.MODIFIED,
        "shop/app.py",
    ),
    "a module edited with the size changed": (
        lambda layer: append(layer.site / "shop/app.py", "# more\n"),
        SHOP,
        DriftKind.MODIFIED,
        "shop/app.py",
    ),
    "a module replaced by a link": (become_link, SHOP, DriftKind.LINK, "shop/app.py"),
    "a module made unreadable": (
        lambda layer: (layer.site / "shop/app.py").chmod(0),
        SHOP,
        DriftKind.MODE,
        "shop/app.py",
    ),
    "a native library truncated": (
        lambda layer: truncate(layer.site / "shop/_speed.so"),
        SHOP,
        DriftKind.MODIFIED,
        "shop/_speed.so",
    ),
    "a data file deleted": (
        lambda layer: (layer.site / "shop/data/table.json").unlink(),
        SHOP,
        DriftKind.MISSING,
        "shop/data/table.json",
    ),
    "a script deleted": (
        lambda layer: (layer.root / "bin/shop").unlink(),
        SHOP,
        DriftKind.MISSING,
        "../../../bin/shop",
    ),
    "a script edited": (
        lambda layer: append(layer.root / "bin/shop", "\n"),
        SHOP,
        DriftKind.MODIFIED,
        "../../../bin/shop",
    ),
    "a script's mode lost": (
        lambda layer: (layer.root / "bin/shop").chmod(0o644),
        SHOP,
        DriftKind.MODE,
        "../../../bin/shop",
    ),
    "dist-info deleted whole": (
        lambda layer: shutil.rmtree(layer.site / "shop-1.0.dist-info"),
        SHOP,
        DriftKind.MISSING,
        "shop-1.0.dist-info/RECORD",
    ),
    "RECORD deleted": (
        lambda layer: (layer.site / "shop-1.0.dist-info/RECORD").unlink(),
        SHOP,
        DriftKind.MISSING,
        "shop-1.0.dist-info/RECORD",
    ),
    "METADATA edited": (
        lambda layer: append(layer.site / "shop-1.0.dist-info/METADATA", "\n"),
        SHOP,
        DriftKind.METADATA,
        "shop-1.0.dist-info/METADATA",
    ),
    "a file added to a package": (
        lambda layer: (layer.site / "shop/extra.py").touch(),
        SHOP,
        DriftKind.ADDED,
        "shop/extra.py",
    ),
    "an unknown distribution": (
        lambda layer: install_by_hand(layer, "stranger", "3.0"),
        "package.stranger",
        DriftKind.FOREIGN,
        "stranger-3.0.dist-info",
    ),
    "a distribution replaced by another version with pip": (
        lambda layer: install_by_hand(layer, "shop", "0.9"),
        SHOP,
        DriftKind.VERSION,
        "shop-0.9.dist-info",
    ),
    "pyvenv.cfg edited": (
        lambda layer: append(layer.root / "pyvenv.cfg", "x = y\n"),
        "environment",
        DriftKind.MODIFIED,
        "../../../pyvenv.cfg",
    ),
    "the interpreter link broken": (
        break_interpreter,
        "python",
        DriftKind.INTERPRETER,
        "../../../bin/python",
    ),
    "a .pth file added": (
        lambda layer: (layer.site / "evil.pth").write_text("import os\n"),
        "file",
        DriftKind.ADDED,
        "evil.pth",
    ),
}

MORE: dict[str, tuple[Change, str, DriftKind, str]] = {
    "pyvenv.cfg deleted": (
        lambda layer: (layer.root / "pyvenv.cfg").unlink(),
        "environment",
        DriftKind.MISSING,
        "../../../pyvenv.cfg",
    ),
    "an activation script edited": (
        lambda layer: append(layer.root / "bin/activate", "\n"),
        "environment",
        DriftKind.MODIFIED,
        "../../../bin/activate",
    ),
    "sitecustomize added": (
        lambda layer: (layer.site / "sitecustomize.py").touch(),
        "file",
        DriftKind.ADDED,
        "sitecustomize.py",
    ),
    "a file added to a dist-info": (
        lambda layer: (layer.site / "shop-1.0.dist-info/direct_url.json").write_text("{}"),
        SHOP,
        DriftKind.ADDED,
        "shop-1.0.dist-info/direct_url.json",
    ),
    "litter of a wheel deleted": (
        lambda layer: (layer.site / "shop/.gitignore").unlink(),
        SHOP,
        DriftKind.MISSING,
        "shop/.gitignore",
    ),
    "a file turned into a folder": (
        become_folder,
        "package.plain",
        DriftKind.MISSING,
        "plain.py",
    ),
    "a link retargeted": (
        retarget,
        "environment",
        DriftKind.LINK,
        "../../../lib64",
    ),
    "a foreign script": (
        lambda layer: (layer.root / "bin/tool").touch(),
        "file",
        DriftKind.FOREIGN,
        "../../../bin/tool",
    ),
    "a foreign module": (
        lambda layer: (layer.site / "single.py").touch(),
        "file",
        DriftKind.FOREIGN,
        "single.py",
    ),
    "what an interrupted pip left": (
        leave_as_pip_does,
        "file",
        DriftKind.FOREIGN,
        "~hop",
    ),
}

CLEAN: dict[str, Change] = {
    "nothing": lambda layer: None,
    "times rounded down to seconds, as tar does": round_times,
    "touched": lambda layer: (layer.site / "shop/app.py").touch(),
    "group may write": lambda layer: (layer.site / "shop/app.py").chmod(0o664),
    "others may not read": lambda layer: (layer.site / "shop/app.py").chmod(0o600),
    "linked from elsewhere": lambda layer: os.link(layer.site / "shop/app.py", layer.root.parent / "x"),
    "bytecode": lambda layer: subprocess.run(
        [str(layer.root / "bin/python"), "-c", "import shop.app, plain"],
        check=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
    ),
    "litter": leave_litter,
    "copied whole to its place": copy_whole,
    "an empty folder": lambda layer: (layer.site / "empty").mkdir(),
}


@pytest.mark.parametrize(
    ("change", "address", "kind", "path"),
    [*TWENTY.values(), *MORE.values()],
    ids=[*TWENTY, *MORE],
)
def test_drift_is_told(shop: Layer, change: Change, address: str, kind: DriftKind, path: str) -> None:
    site = os.path.relpath(shop.site, shop.root)
    expected = os.path.normpath(f"{site}/{path}")
    before = shop.scan()

    change(shop)
    state = shop.scan()

    address = f'file."{expected}"' if address == "file" else address
    assert (address, kind, expected) in [(line.address, line.kind, line.path) for line in state.drift]
    assert {line.address for line in state.drift} == {address}
    assert state.digest != before.digest


@pytest.mark.parametrize("change", CLEAN.values(), ids=CLEAN.keys())
@pytest.mark.parametrize("verify", ["stat", "hash"])
def test_what_is_no_drift_is_not_told(shop: Layer, change: Change, verify: str) -> None:
    before = shop.scan()

    change(shop)
    state = shop.scan(verify=verify)

    assert replace(state, times=before.times) == before
    assert (state.drift, state.foreign) == ((), ())


def test_a_clean_environment_says_what_is_in_it(shop: Layer) -> None:
    state = shop.scan()

    assert (state.owner, state.generation, state.python) == (Owner.ENVCTL, 1, shop.interpreter.version)
    assert state.executable == shop.interpreter.executable
    assert {
        name: (each.version, each.managed, each.intact) for name, each in state.distributions.items()
    } == {
        "plain": ("2.1", True, True),
        "shop": ("1.0", True, True),
    }
    assert state.distributions["shop"].origin == shop.laid["shop"].origin


def test_a_distribution_with_drift_is_not_intact(shop: Layer) -> None:
    (shop.site / "shop/app.py").unlink()

    state = shop.scan()

    assert {name: each.intact for name, each in state.distributions.items()} == {"plain": True, "shop": False}


def test_an_edit_that_restores_the_mtime_is_found_by_hash(shop: Layer) -> None:
    write_keeping_mtime(shop.site / "shop/app.py", "import pohs\n")

    assert shop.scan().drift == ()
    assert [line.kind for line in shop.scan(verify="hash").drift] == [DriftKind.MODIFIED]


def test_an_edit_within_a_tick_of_the_receipt_is_found(layer: Layer) -> None:
    layer.lay("plain", files={"plain.py": "x = 1\n"})
    layer.seal(wait=False)

    write_keeping_mtime(layer.site / "plain.py", "x = 2\n")

    assert [(line.kind, os.path.basename(line.path)) for line in layer.scan().drift] == [
        (DriftKind.MODIFIED, "plain.py")
    ]


def test_a_distribution_that_is_all_gone_is_not_installed(shop: Layer) -> None:
    (shop.site / "plain.py").unlink()
    shutil.rmtree(shop.site / "plain-2.1.dist-info")

    state = shop.scan()

    assert set(state.distributions) == {"shop"}
    assert {line.address for line in state.drift} == {"package.plain"}


def test_a_version_by_hand_is_one_line_and_the_one_that_is_there(shop: Layer) -> None:
    install_by_hand(shop, "shop", "0.9")

    state = shop.scan()

    assert [line.kind for line in state.drift] == [DriftKind.VERSION]
    shop_now = state.distributions["shop"]
    assert (shop_now.version, shop_now.managed, shop_now.intact) == ("0.9", False, True)
    assert (shop_now.installer, shop_now.requested) == ("pip", True)


def test_the_same_version_by_hand_is_drift_of_its_metadata(shop: Layer) -> None:
    wheel = next((shop.root.parent / "wheels").glob("plain-*"))
    shop.pip_install(str(wheel), "--force-reinstall")

    state = shop.scan()

    assert state.distributions["plain"].intact is False
    assert DriftKind.METADATA in {line.kind for line in state.drift}


def test_a_foreign_distribution_owns_its_pth_file(shop: Layer) -> None:
    wheel = make_wheel(
        shop.root.parent / "others", "hooked", "1.0", files={"hooked.pth": "import hooked\n", "hooked.py": ""}
    )
    shop.pip_install(wheel)

    state = shop.scan()

    assert [(line.address, line.kind) for line in state.drift] == [("package.hooked", DriftKind.FOREIGN)]
    assert state.foreign == ()
    site = os.path.relpath(shop.site, shop.root)
    assert f"{site}/hooked.pth" in state.distributions["hooked"].paths


def test_a_second_dist_info_of_ours_is_drift_of_it(shop: Layer) -> None:
    shutil.copytree(shop.site / "shop-1.0.dist-info", shop.site / "shop-7.0.dist-info")

    state = shop.scan()

    assert state.distributions["shop"].version == "1.0"
    assert {(line.address, line.kind) for line in state.drift} == {("package.shop", DriftKind.ADDED)}


def test_a_moved_environment_is_told(shop: Layer) -> None:
    moved = shop.root.rename(shop.root.parent / "moved")
    shop.root = moved

    state = shop.scan()

    assert [(line.address, line.path) for line in state.drift] == [("environment", GENERATION)]


@pytest.mark.parametrize(
    "text", [None, b"", b"envctl-inventory 1\n\tshop\nx\n"], ids=["gone", "empty", "damaged"]
)
def test_without_its_file_list_nothing_is_vouched_for(shop: Layer, text: bytes | None) -> None:
    (shop.root / INVENTORY).unlink()
    if text is not None:
        (shop.root / INVENTORY).write_bytes(text)
    (shop.root / "share").mkdir()
    (shop.root / "share/model.bin").write_bytes(bytes(10))

    state = shop.scan()

    assert state.owner is Owner.ENVCTL
    assert {line.address for line in state.drift} >= {"environment", "package.shop", "package.plain"}
    assert not any(each.intact for each in state.distributions.values())
    assert [(each.path, each.data) for each in state.foreign if each.path.startswith("share")] == [
        ("share/model.bin", True)
    ]


def test_equal_states_at_two_places_have_one_digest(shop: Layer, tmp_path: Path, cache: str) -> None:
    other = Layer(tmp_path / "elsewhere" / ".venv", shop.interpreter, cache)
    other.make_bare()
    for name, version in (("shop", "1.0"), ("plain", "2.1")):
        shutil.copytree(shop.root.parent / "wheels", other.root.parent / "wheels", dirs_exist_ok=True)
        with_files = {"plain.py": "x = 1\n"} if name == "plain" else None
        other.lay(name, version, files=with_files)
    other.laid = {
        name: type(each)(
            version=each.version,
            origin=shop.laid[name].origin,
            direct_url=None,
            requested=False,
            info=each.info,
        )
        for name, each in other.laid.items()
    }
    other.seal(number=9)

    assert other.scan().digest == shop.scan().digest
