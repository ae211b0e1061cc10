"""Files that nobody's list names: what is carried along, what is told, what is passed over."""

from __future__ import annotations

import os

import pytest

from envctl.environment.classes import Rule
from envctl.environment.stray import Stray, gather
from envctl.model.state import DriftKind
from environment.laying import Layer

SITE = "lib/python3.11/site-packages"
OWNED = {
    "-": ["bin/activate", "bin/python", "pyvenv.cfg"],
    "shop": [f"{SITE}/shop/__init__.py", f"{SITE}/shop/deep/er/x.py", f"{SITE}/shop-1.0.dist-info/RECORD"],
    "zope-a": [f"{SITE}/zope/a/__init__.py"],
    "zope-b": [f"{SITE}/zope/b/__init__.py", "share/man/man1/b.1"],
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


CODE = {
    "in a package": (f"{SITE}/shop/new.py", "shop"),
    "deeper than it has folders": (f"{SITE}/shop/sub/new.py", "shop"),
    "in a folder on the way to one of its files": (f"{SITE}/shop/deep/new.py", "shop"),
    "in a namespace of two": (f"{SITE}/zope/b/new.py", "zope-b"),
    "in a dist-info": (f"{SITE}/shop-1.0.dist-info/direct_url.json", "shop"),
}


@pytest.mark.parametrize(("path", "owner"), CODE.values(), ids=CODE.keys())
def test_code_is_added_to_the_innermost_package_around_it(path: str, owner: str) -> None:
    assert gather({path: 3}, OWNED) == (Stray(path, 3, Rule.ADDED, owner),)


def test_bytecode_is_passed_over_where_its_source_lies_beside_it() -> None:
    beside, alone = f"{SITE}/shop/__init__.pyc", f"{SITE}/shop/other.pyc"

    assert [stray.path for stray in gather({beside: 1, alone: 1}, OWNED)] == [alone]


def test_litter_is_passed_over() -> None:
    assert gather({f"{SITE}/shop/.DS_Store": 3}, OWNED) == ()


@pytest.mark.parametrize(("paths", "folder"), GROUPS.values(), ids=GROUPS.keys())
def test_a_folder_of_one_kind_is_one_line_with_its_size(paths: list[str], folder: str) -> None:
    strays = gather(dict.fromkeys(paths, 10), OWNED)

    assert [(stray.path, stray.size) for stray in strays] == [(folder, 10 * len(paths))]


@pytest.mark.parametrize(
    ("names", "rule"),
    [(["__init__.py", "x.txt"], Rule.LOOSE), (["model.bin", "x.txt"], Rule.SITE_DATA)],
)
def test_a_folder_in_site_packages_goes_where_its_code_goes(names: list[str], rule: Rule) -> None:
    strays = gather({f"{SITE}/alien/{name}": 1 for name in names}, OWNED)

    assert strays == (Stray(f"{SITE}/alien", 2, rule),)


def test_a_folder_with_code_among_its_data_is_told_file_by_file() -> None:
    paths = [f"{SITE}/shop/plugins/a.py", f"{SITE}/shop/plugins/a.dat"]

    strays = gather(dict.fromkeys(paths, 1), OWNED)

    assert [(stray.path, stray.rule) for stray in strays] == [
        (paths[1], Rule.PACKAGE_DATA),
        (paths[0], Rule.ADDED),
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
