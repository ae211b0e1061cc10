"""Files that nobody's list names: what is carried along, what is told, what is passed over."""

from __future__ import annotations

import os

import pytest

from envctl.environment.stray import Class, Stray, gather
from envctl.model.state import DriftKind
from environment.laying import Layer

SITE = "lib/python3.11/site-packages"
OWNED = {
    "-": ["bin/activate", "bin/python", "pyvenv.cfg"],
    "shop": [f"{SITE}/shop/__init__.py", f"{SITE}/shop/deep/er/x.py", f"{SITE}/shop-1.0.dist-info/RECORD"],
    "zope-a": [f"{SITE}/zope/a/__init__.py"],
    "zope-b": [f"{SITE}/zope/b/__init__.py", "share/man/man1/b.1"],
}

IGNORED = [
    ".gitignore",
    f"{SITE}/.DS_Store",
    f"{SITE}/shop/app.py~",
    f"{SITE}/shop/.app.py.swp",
    f"{SITE}/shop/.nfs000123",
    f"{SITE}/shop/.ipynb_checkpoints/app.py",
    f"{SITE}/shop/jit-1.nbi",
    "bin/.fuse_hidden1",
]
CLASSES = {
    f"{SITE}/hook.pth": (Class.HOOK, ""),
    f"{SITE}/easy-install.pth": (Class.HOOK, ""),
    f"{SITE}/tool.egg-link": (Class.HOOK, ""),
    f"{SITE}/sitecustomize.py": (Class.HOOK, ""),
    f"{SITE}/usercustomize/__init__.py": (Class.HOOK, ""),
    f"{SITE}/single.py": (Class.FOREIGN, ""),
    f"{SITE}/notes.txt": (Class.FOREIGN, ""),
    f"{SITE}/shop/new.py": (Class.ADDED, "shop"),
    f"{SITE}/shop/new.pyc": (Class.ADDED, "shop"),
    f"{SITE}/shop/_x.cpython-311-x86_64-linux-gnu.so": (Class.ADDED, "shop"),
    f"{SITE}/shop/sub/new.py": (Class.ADDED, "shop"),
    f"{SITE}/shop/deep/new.py": (Class.ADDED, "shop"),
    f"{SITE}/shop/cache.bin": (Class.DATA, ""),
    f"{SITE}/shop/not-a-module.py": (Class.DATA, ""),
    f"{SITE}/zope/b/new.py": (Class.ADDED, "zope-b"),
    f"{SITE}/shop-1.0.dist-info/direct_url.json": (Class.ADDED, "shop"),
    "bin/tool": (Class.FOREIGN, ""),
    "file-at-the-top": (Class.DATA, ""),
    "share/man/man1/other.1": (Class.DATA, ""),
}
GROUPS = {
    "a package of strangers": ([f"{SITE}/alien/__init__.py", f"{SITE}/alien/sub/x.txt"], f"{SITE}/alien"),
    "what an interrupted pip left": ([f"{SITE}/~hop/a.py", f"{SITE}/~hop/b.py"], f"{SITE}/~hop"),
    "models": (["nltk_data/corpora/a.zip", "nltk_data/b"], "nltk_data"),
    "a browser in a package": (
        [f"{SITE}/shop/.local-browsers/c/libGLESv2.so", f"{SITE}/shop/.local-browsers/c/x.py"],
        f"{SITE}/shop/.local-browsers",
    ),
    "a kernel beside an owned file": (["share/jupyter/kernels/p/kernel.json"], "share/jupyter"),
    "headers": (["include/site/python3.11/x/x.h"], "include/site"),
}


@pytest.mark.parametrize("path", IGNORED)
def test_litter_is_passed_over(path: str) -> None:
    assert gather({path: 3}, OWNED) == ()


@pytest.mark.parametrize(("path", "expected"), CLASSES.items(), ids=CLASSES.keys())
def test_a_file_is_judged_by_where_it_lies(path: str, expected: tuple[Class, str]) -> None:
    assert gather({path: 3}, OWNED) == (Stray(path, 3, *expected),)


@pytest.mark.parametrize(("paths", "folder"), GROUPS.values(), ids=GROUPS.keys())
def test_a_folder_of_one_kind_is_one_line_with_its_size(paths: list[str], folder: str) -> None:
    strays = gather(dict.fromkeys(paths, 10), OWNED)

    assert [(stray.path, stray.size) for stray in strays] == [(folder, 10 * len(paths))]


def test_a_folder_with_code_among_its_data_is_told_file_by_file() -> None:
    paths = [f"{SITE}/shop/plugins/a.py", f"{SITE}/shop/plugins/a.dat"]

    strays = gather(dict.fromkeys(paths, 1), OWNED)

    assert [(stray.path, stray.kind) for stray in strays] == [
        (paths[1], Class.DATA),
        (paths[0], Class.ADDED),
    ]


def test_foreign_data_is_no_drift(shop: Layer) -> None:
    (shop.root / "share/jupyter/kernels").mkdir(parents=True)
    (shop.root / "share/jupyter/kernels/kernel.json").write_text("{}")
    (shop.site / "shop/download.bin").write_bytes(bytes(100))

    state = shop.scan()

    assert state.drift == ()
    site = os.path.relpath(shop.site, shop.root)
    assert [(each.path, each.size, each.data) for each in state.foreign] == [
        (f"{site}/shop/download.bin", 100, True),
        ("share/jupyter", 2, True),
    ]


def test_growing_data_does_not_move_the_digest_but_new_data_does(shop: Layer) -> None:
    (shop.root / "model").write_bytes(bytes(10))
    before = shop.scan().digest

    (shop.root / "model").write_bytes(bytes(20))
    grown = shop.scan().digest
    (shop.root / "second").touch()

    assert grown == before
    assert shop.scan().digest != before


def test_a_start_up_hook_is_foreign_too_so_that_a_plan_can_remove_it(shop: Layer) -> None:
    (shop.site / "evil.pth").write_text("import os\n")

    state = shop.scan()

    path = f"{os.path.relpath(shop.site, shop.root)}/evil.pth"
    assert [(line.address, line.kind) for line in state.drift] == [(f'file."{path}"', DriftKind.ADDED)]
    assert [(each.path, each.data) for each in state.foreign] == [(path, False)]
