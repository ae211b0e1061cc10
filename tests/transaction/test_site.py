"""What envctl refuses to touch, and what it finds where."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from envctl.environment.mounts import Mount, find_mount, find_view, parse_mounts
from envctl.errors import MachineError
from envctl.transaction.site import ADOPTED, Site, read_number, refuse
from transaction.bench import Bench, snapshot

ROOT = os.name == "posix" and os.geteuid() == 0


def code_of(site: Site) -> str:
    with pytest.raises(MachineError) as caught:
        refuse(site)
    return caught.value.code


def test_a_symlink_is_refused_and_not_touched(bench: Bench) -> None:
    elsewhere = bench.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "pyvenv.cfg").write_text("")
    bench.venv.symlink_to(elsewhere)
    before = snapshot(bench.root)

    with pytest.raises(MachineError) as caught:
        bench.apply()

    assert caught.value.code == "not-an-environment"
    assert snapshot(bench.root) == before


def test_a_broken_symlink_is_refused(bench: Bench) -> None:
    bench.venv.symlink_to("nowhere")

    assert code_of(bench.site) == "not-an-environment"


def test_a_folder_without_configuration_is_refused_and_not_touched(bench: Bench) -> None:
    bench.venv.mkdir()
    (bench.venv / "thesis.txt").write_text("years of work")

    assert code_of(bench.site) == "not-an-environment"
    assert os.listdir(bench.project) == [".venv"]


def test_a_file_is_refused(bench: Bench) -> None:
    bench.venv.write_text("")

    assert code_of(bench.site) == "not-an-environment"


def test_an_environment_that_lost_its_configuration_is_still_ours(bench: Bench) -> None:
    bench.apply()
    (bench.venv / "pyvenv.cfg").unlink()

    bench.apply()

    assert (bench.venv / "pyvenv.cfg").exists()


def test_a_symlink_instead_of_the_state_folder_is_refused(bench: Bench) -> None:
    (bench.root / "elsewhere").mkdir()
    Path(bench.site.folder).symlink_to(bench.root / "elsewhere")

    assert code_of(bench.site) == "not-an-environment"


def test_nothing_at_all_is_fine(bench: Bench) -> None:
    refuse(bench.site)


@pytest.mark.skipif(not ROOT, reason="only root can give folders away")
def test_a_folder_of_another_user_is_refused(bench: Bench) -> None:
    bench.venv.mkdir()
    (bench.venv / "pyvenv.cfg").write_text("")
    os.chown(bench.venv, 12345, 12345)

    assert code_of(bench.site) == "not-ours"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can get into."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def as_nobody(folder: Path) -> str:
    """What an ordinary user is told about ``folder/.venv``."""
    code = textwrap.dedent(
        f"""
        import os, sys
        sys.path[:] = {sys.path!r}
        from envctl.errors import MachineError
        from envctl.transaction.site import Site, refuse
        os.setgid(65534); os.setuid(65534)
        try:
            refuse(Site({str(folder / ".venv")!r}))
        except MachineError as error:
            print(error.code)
        """
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(not ROOT, reason="needs a user without rights to become")
def test_a_parent_that_is_not_writable_is_refused(open_folder: Path) -> None:
    assert as_nobody(open_folder) == "not-writable"


@pytest.mark.skipif(not ROOT, reason="needs a user without rights to become")
def test_an_environment_that_is_not_writable_is_refused(open_folder: Path) -> None:
    """Moving a folder changes its ``..``."""
    (open_folder / ".venv").mkdir(mode=0o555)
    (open_folder / ".venv/pyvenv.cfg").write_text("")
    for path in (open_folder, open_folder / ".venv"):
        os.chown(path, 65534, 65534)

    assert as_nobody(open_folder) == "not-writable"


# --- mounts ------------------------------------------------------------------


def unshared(bench: Bench, commands: str, python: str) -> str:
    """Run shell commands, then Python, where mounts concern nobody else."""
    code = "import sys; sys.path[:] = " + repr(sys.path) + "\n" + textwrap.dedent(python)
    program = bench.root / "program.py"
    program.write_text(code)
    script = f"set -e\n{commands}\nexec {sys.executable} {program}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=bench.project,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


REFUSE = """
from envctl.errors import MachineError
from envctl.transaction.site import Site, refuse
import os
try:
    refuse(Site(os.path.abspath(".venv")))
except MachineError as error:
    print(error.code)
"""


@pytest.mark.skipif(not ROOT or sys.platform != "linux", reason="needs the right to mount")
@pytest.mark.parametrize(
    ("commands", "code"),
    [
        ("mkdir -p .venv.envctl/trash outside; mount --bind outside .venv.envctl/trash", "mounted"),
        ("mount --bind . . && cd ../project && mount -o remount,ro,bind .", "read-only"),
    ],
    ids=["state folder", "read-only"],
)
def test_mounts_that_leave_no_room_for_generations_are_refused(
    bench: Bench, commands: str, code: str
) -> None:
    bench.venv.mkdir()
    (bench.venv / "pyvenv.cfg").write_text("")

    assert unshared(bench, commands, REFUSE) == code


@pytest.mark.skipif(not ROOT or sys.platform != "linux", reason="needs the right to mount")
def test_a_trash_that_something_is_mounted_in_is_not_emptied(bench: Bench) -> None:
    inside = Path(bench.site.trash) / "old" / "share"
    inside.mkdir(parents=True)
    (bench.project / "precious").mkdir()
    (bench.project / "precious/data").write_text("mine")

    answer = unshared(
        bench,
        f"mount --bind precious {inside}",
        """
        import os
        from envctl.transaction.site import Site
        from envctl.transaction.trash import empty
        empty(Site(os.path.abspath(".venv")))
        print(os.listdir("precious"))
        """,
    )

    assert answer == "['data']"


def test_mount_points_are_unescaped() -> None:
    table = b"36 35 98:0 / /mnt/my\\040disk rw - ext4 /dev/sda rw\n37 36 0:5 / /dev rw - devtmpfs x rw\n"

    assert parse_mounts(table) == (Mount("/mnt/my disk", "/", "98:0"), Mount("/dev", "/", "0:5"))


def test_a_neighbour_with_a_longer_name_is_no_mount_below(tmp_path: Path) -> None:
    real = os.path.realpath(tmp_path)

    beside, below = (Mount(f"{real}/{name}", "/", "0:1") for name in (".venv-ci", ".venv/share"))
    assert find_mount(f"{tmp_path}/.venv", [beside]) is None
    assert find_mount(f"{tmp_path}/.venv", [below]) == f"{real}/.venv/share"


def test_a_folder_that_is_mounted_elsewhere_is_seen_there(tmp_path: Path) -> None:
    """The table says which folder of a file system is seen where."""
    real = os.path.realpath(tmp_path)
    home = Mount(real, "/data", "8:1")
    elsewhere = Mount("/venv", "/data/project/.venv", "8:1")
    part = Mount("/share", "/data/project/.venv/share", "8:1")
    others = [Mount("/a", "/data/project/.venv", "8:2"), Mount("/b", "/data/project/.venv-ci", "8:1")]

    assert find_view(f"{real}/project/.venv", [home, *others]) is None
    assert find_view(f"{real}/project/.venv", [home, *others, elsewhere]) == "/venv"
    assert find_view(f"{real}/project/.venv", [part, home]) == "/share"
    root, shown = Mount("/", "/", "8:1"), Mount("/venv", f"{real}/project/.venv", "8:1")
    assert find_view(f"{real}/project/.venv", [root, shown]) == "/venv"


# --- identity ----------------------------------------------------------------


def test_a_tree_that_says_nothing_is_one_of_others(bench: Bench) -> None:
    bench.venv.mkdir()

    assert read_number(str(bench.venv)) == ADOPTED


def test_no_tree_has_no_number(bench: Bench) -> None:
    assert read_number(str(bench.venv)) is None
