"""The next environment is made of one that nobody needs any more, and nothing of it is believed."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from envctl.environment.mounts import Mount
from envctl.errors import SwitchError
from envctl.transaction import reuse
from envctl.transaction.reuse import take_spare
from transaction.bench import Bench, Hooked

pytestmark = pytest.mark.skipif(not reuse._CAN, reason="needs folders by descriptor")


def place_both(bench: Bench, tool: str) -> list[Any]:
    """A library that stays, and a tool of one version that does not."""
    library = {"lib/__init__.py": "", "lib/deep/er/m.py": "X = 1\n", "lib/data.txt": "text"}
    return [
        bench.place("lib", "1", files=library),
        bench.place(
            "tool",
            tool,
            requested=True,
            files={f"tool/v{tool}/__init__.py": "", "tool/__init__.py": f"V = {tool!r}\n"},
            scripts={"tool": "tool:x"},
        ),
    ]


def fill(bench: Bench, *, keep: int = 1) -> Path:
    """Apply until a tree has fallen out; give its place."""
    for number in range(keep + 2):
        bench.apply(*place_both(bench, str(number)), keep=keep)
    return Path(bench.site.spare)


def site_of(bench: Bench, tree: Path) -> Path:
    return tree / bench.site_packages.relative_to(bench.venv)


def inode(path: Path) -> int:
    return path.lstat().st_ino


def test_the_tree_that_fell_out_becomes_the_next_environment(bench: Bench) -> None:
    spare = fill(bench)
    tree, library = inode(spare), inode(site_of(bench, spare) / "lib" / "deep" / "er")

    bench.apply(*place_both(bench, "9"), keep=1)

    assert inode(bench.venv) == tree
    assert inode(bench.site_packages / "lib" / "deep" / "er") == library
    assert bench.check_complete() == {"lib": "1", "tool": "9"}
    assert bench.run("-c", "import tool, lib.deep.er.m; print(tool.V)") == "9"
    assert sorted(os.listdir(bench.site_packages / "tool")) == ["__init__.py", "v9"]
    assert spare.exists()
    assert not os.path.exists(bench.site.trash) or os.listdir(bench.site.trash) == []


def test_only_the_latest_of_those_that_fell_out_is_kept(bench: Bench) -> None:
    fill(bench, keep=3)

    bench.apply(*place_both(bench, "9"), keep=1)

    assert inode(bench.venv) != inode(Path(bench.site.spare))
    assert sorted(os.listdir(bench.site.generations)) == ["5"]
    assert os.listdir(bench.site.folder).count("spare") == 1


def test_who_keeps_no_generation_keeps_no_spare_tree_either(bench: Bench) -> None:
    spare = fill(bench)

    bench.apply(*place_both(bench, "9"), keep=0)
    bench.apply(*place_both(bench, "8"), keep=0)

    assert not spare.exists()
    assert bench.check_complete() == {"lib": "1", "tool": "8"}


def edit_in_place(site: Path) -> None:
    """Another content under the same name, size and time."""
    file = site / "lib" / "data.txt"
    status = file.stat()
    file.unlink()
    file.write_text("TEXT")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def add_module(site: Path) -> None:
    (site / "lib" / "extra.py").write_text("EXTRA = 1\n")


def add_bytecode(site: Path) -> None:
    (site / "lib" / "__pycache__").mkdir(exist_ok=True)
    (site / "lib" / "__pycache__" / "extra.cpython-311.pyc").write_bytes(b"anything")


def add_hook(site: Path) -> None:
    (site / "hook.pth").write_text("import os\n")


def add_empty_folder(site: Path) -> None:
    (site / "ghost" / "inner").mkdir(parents=True)


def delete_file(site: Path) -> None:
    (site / "lib" / "deep" / "er" / "m.py").unlink()


def replace_folder_by_link(site: Path) -> None:
    (site / "lib" / "deep").rename(site.parent / "elsewhere")
    (site / "lib" / "deep").symlink_to(site.parent / "elsewhere")


def close_folder(site: Path) -> None:
    (site / "lib" / "deep").chmod(0o700)


def open_folder(site: Path) -> None:
    (site / "lib").chmod(0o777)


@pytest.mark.parametrize(
    "spoil",
    [
        edit_in_place,
        add_module,
        add_bytecode,
        add_hook,
        add_empty_folder,
        delete_file,
        replace_folder_by_link,
        close_folder,
        open_folder,
    ],
)
def test_nothing_that_was_done_to_the_old_tree_enters_the_new_environment(bench: Bench, spoil: Any) -> None:
    spare = fill(bench)
    fresh = site_of(bench, spare)
    spoil(fresh)
    tree = inode(spare)

    bench.apply(*place_both(bench, "9"), keep=1)

    assert inode(bench.venv) == tree
    assert bench.check_complete() == {"lib": "1", "tool": "9"}
    found = {
        str(path.relative_to(bench.site_packages)): path.lstat().st_mode & 0o777
        for path in bench.site_packages.rglob("*")
        if not path.match("*.dist-info/*")
    }
    assert found == {
        "lib": 0o755,
        "lib/__init__.py": 0o644,
        "lib/data.txt": 0o644,
        "lib/deep": 0o755,
        "lib/deep/er": 0o755,
        "lib/deep/er/m.py": 0o644,
        "lib-1.dist-info": 0o755,
        "tool": 0o755,
        "tool/__init__.py": 0o644,
        "tool/v9": 0o755,
        "tool/v9/__init__.py": 0o644,
        "tool-9.dist-info": 0o755,
    }
    assert (bench.site_packages / "lib" / "data.txt").read_text() == "text"


def test_foreign_data_comes_from_the_live_environment_alone(bench: Bench) -> None:
    spare = fill(bench)
    (spare / "share").mkdir()
    (spare / "share" / "old").write_text("old")
    (bench.venv / "share").mkdir()
    (bench.venv / "share" / "model").write_text("model")

    bench.apply(*place_both(bench, "9"), keep=1, carry=("share",))

    assert os.listdir(bench.venv / "share") == ["model"]
    assert (bench.venv / "share" / "model").read_text() == "model"


def test_a_tree_of_another_python_is_of_no_use(bench: Bench) -> None:
    spare = fill(bench)
    site_of(bench, spare).rename(spare / "lib" / "other")

    assert not take_spare(bench.site, f"{bench.site.staging}/9", site_packages="lib/python9/site-packages")
    bench.apply(*place_both(bench, "9"), keep=1)

    assert bench.check_complete() == {"lib": "1", "tool": "9"}
    assert not (bench.venv / "lib" / "other").exists()


def test_a_tree_with_something_mounted_in_it_is_left_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = fill(bench)
    inside = os.path.join(os.path.realpath(spare), "share")
    monkeypatch.setattr(reuse, "read_mounts", lambda: (Mount("/", "/", "8:1"), Mount(inside, "/", "8:2")))

    assert not take_spare(
        bench.site, f"{bench.site.staging}/9", site_packages=str(site_of(bench, spare).relative_to(spare))
    )
    assert spare.exists()


def test_a_tree_that_cannot_be_cleared_is_thrown_away_and_a_new_one_made(bench: Bench) -> None:
    spare = fill(bench)
    tree = inode(spare)

    def fail(operation: str, path: str) -> None:
        if operation == "unlink" and "/staging/" in path and path.endswith("pyvenv.cfg"):
            raise OSError(errno.EIO, "broken disk", path)

    with Hooked(fail):
        bench.apply(*place_both(bench, "9"), keep=1)

    assert inode(bench.venv) != tree
    assert bench.check_complete() == {"lib": "1", "tool": "9"}


def test_an_apply_that_fails_has_lost_no_generation(bench: Bench) -> None:
    fill(bench)
    kept = os.listdir(bench.site.generations)

    def fail(operation: str, path: str) -> None:
        if operation == "exchange":
            raise OSError(errno.EACCES, "not now", path)

    with Hooked(fail), pytest.raises(SwitchError):
        bench.apply(*place_both(bench, "9"), keep=1)

    assert os.listdir(bench.site.generations) == kept
    assert bench.check_complete() == {"lib": "1", "tool": "2"}
    bench.apply(*place_both(bench, "9"), keep=1)
    assert bench.check_complete() == {"lib": "1", "tool": "9"}
