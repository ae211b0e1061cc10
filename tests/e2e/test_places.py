"""Wherever an environment lies: it works, or is refused with the reason. Mounts are real, in a namespace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.project import PYTHON, find_command
from support.wheels import make_wheel

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("nsenter"),
    reason="needs the right to mount",
)

TIMEOUT = 120


@dataclass
class Answer:
    code: int
    out: str
    err: str


@dataclass
class Land:
    """A project in a mount namespace of its own, with a folder of wheels as its index."""

    folder: Path
    holder: int

    @property
    def venv(self) -> str:
        return str(self.folder / ".venv")

    def do(
        self, *command: str, code: int | None = 0, environ: Mapping[str, str] | None = None, given: str = ""
    ) -> Answer:
        """Run a program there."""
        done = subprocess.run(
            # Into the folder from inside, or it would be the one that something is mounted over.
            [
                "nsenter",
                f"--mount=/proc/{self.holder}/ns/mnt",
                "sh",
                "-c",
                'cd "$0" && exec "$@"',
                self.folder,
                *command,
            ],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            input=given,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder.parent),
                "CI": "true",
                "LANG": "C.UTF-8",
                "PYTHONDONTWRITEBYTECODE": "1",
                "ENVCTL_CACHE_DIR": str(self.folder.parent / "cache"),
                **(environ or {}),
            },
        )
        if code is not None:
            assert done.returncode == code, (command, done.returncode, done.stdout, done.stderr)
        return Answer(done.returncode, done.stdout, done.stderr)

    def sh(self, script: str) -> str:
        """Run shell commands there; where mounting is not allowed the test is skipped."""
        done = self.do("sh", "-ec", script, code=None)
        if "mount" in done.err:
            pytest.skip(done.err)
        assert done.code == 0, done.err
        return done.out.strip()

    def envctl(self, *arguments: str, code: int | None = 0) -> Answer:
        done = self.do(*find_command(), *arguments, code=code)
        assert "Traceback" not in done.err, done.err
        return done

    def declare(self, *dependencies: str, rest: str = "") -> None:
        lines = [f'python = "{PYTHON}"', f"dependencies = {json.dumps(dependencies)}"]
        lines += ["[[index]]", 'name = "here"', 'url = "wheels"', "flat = true", rest]
        self.do("tee", "env.toml", given="\n".join(lines) + "\n")

    def apply(self, version: int, *arguments: str, rest: str = "") -> Answer:
        self.declare(f"tool=={version}", "other==1", rest=rest)
        return self.envctl("apply", "-q", *arguments)

    def version(self) -> str:
        """The version that its scripts run, all files of it read."""
        self.envctl("status", "--check", "--verify", "hash")
        return self.do(f"{self.venv}/bin/tool").out.strip()

    def plan(self) -> Any:
        return json.loads(self.envctl("plan", "--json").out)

    def inodes(self) -> dict[str, str]:
        found = self.sh(f"cd {self.venv} && find . -path ./.envctl -prune -o -type f -printf '%p %i\\n'")
        return dict(line.rsplit(" ", 1) for line in found.splitlines())


@pytest.fixture
def land(tmp_path: Path) -> Iterator[Land]:
    folder = tmp_path / "project"
    folder.mkdir()
    for version in "123456":
        files = {"tool/__init__.py": f"def main():\n    print({version!r})\n", f"tool/only{version}.py": ""}
        make_wheel(folder / "wheels", "tool", version, files=files, scripts={"tool": "tool:main"})
    make_wheel(folder / "wheels", "other", "1", files={"other/__init__.py": "", "other/data.txt": "x" * 9000})
    holder = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sleep", "600"])
    try:
        done = subprocess.run(
            ["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt", "true"], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip(str(done.stderr))
        # `unshare` has its namespace only once it runs `sleep`.
        while os.readlink(f"/proc/{holder.pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt"):
            assert holder.poll() is None, "cannot unshare"
        yield Land(folder, holder.pid)
    finally:
        holder.kill()
        holder.wait()


# --- the environment is a mount point ----------------------------------------


@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_a_mount_point_has_its_state_inside(land: Land, kind: str) -> None:
    os.mkdir(land.venv)
    if kind == "tmpfs":
        land.sh("mount -t tmpfs none .venv")
    else:
        land.sh("mkdir ../volume; mount --bind ../volume .venv")

    land.apply(1)
    before = land.inodes()
    plan = land.plan()
    land.declare("tool==2", "other==1")
    wanted = land.plan()
    text = land.envctl("plan").out
    land.apply(2)

    assert plan["summary"]["update"] == 0
    assert wanted["environment"]["switch"] == "merge"
    assert "is changed file by file (`merge`), because it is a mount point" in text
    assert land.version() == "2"
    after = land.inodes()
    kept = [path for path in before if "other" in path or path.startswith("./bin/activate")]
    assert len(kept) > 5
    assert {path: before[path] for path in kept} == {path: after[path] for path in kept}
    assert not os.path.lexists(f"{land.venv}.envctl")
    assert land.sh("ls .venv/.envctl/generations") == "1"
    assert land.envctl("plan").out.strip() == "No changes."

    land.envctl("rollback")
    assert land.do(f"{land.venv}/bin/tool").out.strip() == "1"
    assert land.sh("ls .venv/.envctl/generations") == "2"
    assert len(land.envctl("history").out.strip().splitlines()) >= 3


def test_destroying_a_mount_point_empties_it_and_leaves_it(land: Land) -> None:
    os.mkdir(land.venv)
    land.sh("mount -t tmpfs none .venv; mkdir .venv/lost+found")
    land.apply(1)
    land.apply(2)

    land.envctl("destroy", "--yes")

    assert land.sh("ls -A .venv") == "lost+found"
    assert land.sh("mountpoint -q .venv && echo mounted") == "mounted"
    land.apply(3)
    assert land.version() == "3"


def test_a_volume_with_the_things_of_others_is_left_alone(land: Land) -> None:
    os.mkdir(land.venv)
    land.sh("mount -t tmpfs none .venv; echo mine > .venv/thesis.txt")
    land.declare("tool==1")

    refused = land.envctl("apply", code=1)

    assert "not-an-environment" in refused.err
    assert land.sh("ls -A .venv") == "thesis.txt"


def test_an_empty_folder_that_is_no_mount_point_is_refused(land: Land) -> None:
    os.mkdir(land.venv)
    land.declare("tool==1")

    assert "not-an-environment" in land.envctl("apply", code=1).err


def test_state_inside_stays_inside_where_the_folder_is_no_mount_point(land: Land) -> None:
    """A container mounts a folder of the host, and both use it."""
    os.mkdir(land.venv)
    land.sh("mkdir ../volume; mount --bind ../volume .venv")
    land.apply(1)
    land.sh("umount .venv; rmdir .venv; cp -a ../volume .venv")

    land.apply(2)

    assert land.version() == "2"
    assert not os.path.lexists(f"{land.venv}.envctl")
    assert os.listdir(f"{land.venv}/.envctl/generations") == ["1"]
    land.envctl("destroy", "--yes")
    assert not os.path.lexists(land.venv)


def test_an_exchange_that_is_asked_for_at_a_mount_point_is_refused_with_the_reason(land: Land) -> None:
    os.mkdir(land.venv)
    land.sh("mount -t tmpfs none .venv")
    land.apply(1)
    land.declare("tool==2", "other==1", rest='[install]\nswitch = "exchange"')

    for command in ("plan", "apply"):
        refused = land.envctl(command, code=1)
        assert "it is a mount point" in refused.err
        assert "[cannot-exchange]" in refused.err
    land.apply(1)
    assert land.version() == "1"


# --- something is mounted in it ----------------------------------------------


def test_what_is_mounted_in_it_survives_everything(land: Land) -> None:
    land.apply(1)
    land.sh(
        "mkdir ../precious; echo mine > ../precious/data; mkdir .venv/share; mount --bind ../precious .venv/share"
    )

    for version in (2, 3, 4, 5, 6):
        land.apply(version, rest="[install]\nkeep-generations = 1")
        assert land.version() == str(version)
    land.envctl("rollback")
    refused = land.envctl("destroy", "--yes", code=1)

    assert land.do(f"{land.venv}/bin/tool").out.strip() == "5"
    assert "[mounted]" in refused.err
    assert (land.folder.parent / "precious/data").read_text() == "mine\n"
    assert land.sh("cat .venv/share/data") == "mine"
    assert os.listdir(f"{land.venv}.envctl/trash") == []
    assert land.plan()["carried"] == []


def test_a_mount_in_site_packages_is_not_foreign_and_not_pruned(land: Land) -> None:
    land.apply(1)
    site = f".venv/lib/python{PYTHON}/site-packages"
    land.sh(
        f"mkdir ../checkout {site}/byhand; echo > ../checkout/mod.py; mount --bind ../checkout {site}/byhand"
    )

    assert land.plan()["drift"] == []
    land.apply(2)

    assert (land.folder.parent / "checkout/mod.py").exists()


def test_nothing_is_written_into_what_is_mounted_in_it(land: Land) -> None:
    land.apply(1)
    site = f".venv/lib/python{PYTHON}/site-packages"
    land.sh(f"mkdir ../checkout; mount --bind ../checkout {site}/tool")
    land.declare("tool==2", "other==1")

    refused = land.envctl("apply", "--yes", code=1)

    assert "[mounted]" in refused.err
    assert os.listdir(land.folder.parent / "checkout") == []
    land.sh(f"umount {site}/tool")
    assert land.do(f"{land.venv}/bin/tool").out.strip() == "1"


def test_a_folder_that_is_mounted_elsewhere_shows_the_change_there(land: Land) -> None:
    land.apply(1)
    land.sh("mkdir ../seen; mount --bind .venv ../seen")
    land.declare("tool==2", "other==1")

    assert "it is mounted at" in land.envctl("plan").out
    land.apply(2)

    assert land.sh("cat ../seen/.envctl/generation.json") == land.sh("cat .venv/.envctl/generation.json")
    assert land.sh(f"ls ../seen/lib/python{PYTHON}/site-packages/tool/only2.py")
    land.apply(3, rest='[install]\nswitch = "exchange"')
    assert "only2" in land.sh(f"ls ../seen/lib/python{PYTHON}/site-packages/tool")


# --- containers --------------------------------------------------------------


def overlay(land: Land, options: str) -> None:
    """Make the project the lower layer of an overlay, as an image is to its container."""
    land.sh("mount -t tmpfs none /mnt; mkdir /mnt/upper /mnt/work; cp -a . /mnt/lower; mkdir -p /mnt/keep")
    land.sh(
        f"mount -t overlay overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work{options} ."
    )


@pytest.mark.parametrize("redirect", ["off", "on"])
def test_an_environment_in_a_lower_layer_is_changed(land: Land, redirect: str) -> None:
    land.apply(1)
    land.apply(2)
    overlay(land, f",redirect_dir={redirect}")

    land.declare("tool==3", "other==1", rest="[install]\nkeep-generations = 1")
    told = land.envctl("apply", "--yes").err
    assert land.version() == "3"
    land.envctl("rollback")
    assert land.do(f"{land.venv}/bin/tool").out.strip() == "2"
    land.apply(4)

    assert ("[merged]" in told or "changed file by file" in told) == (redirect == "off")
    assert land.version() == "4"


def test_a_layer_grows_by_what_changes(land: Land) -> None:
    land.apply(1)
    overlay(land, ",redirect_dir=off")

    land.apply(2, rest='[install]\nswitch = "merge"\nkeep-generations = 0')

    assert land.version() == "2"
    changed = land.sh("cd /mnt/upper/.venv && find . -type f -not -path './.envctl/*'").splitlines()
    assert any("tool" in path for path in changed)
    assert not [path for path in changed if "/other" in path]


def test_an_image_can_be_destroyed_and_made_anew(land: Land) -> None:
    land.apply(1)
    land.apply(2)
    overlay(land, ",redirect_dir=off")

    land.envctl("destroy", "--yes")
    land.apply(3)

    assert land.version() == "3"


# --- file systems ------------------------------------------------------------


def test_a_file_system_other_than_that_of_the_cache_gets_copies_and_says_so_once(land: Land) -> None:
    land.sh("mkdir ../cache; mount -t tmpfs -o mode=700 none ../cache")
    land.declare("tool==1", "other==1")

    told = land.envctl("apply", "--yes").err

    assert told.count("nothing can be linked from the store") == 1
    assert land.version() == "1"


def test_a_read_only_file_system_is_refused_and_can_be_read(land: Land) -> None:
    land.apply(1)
    land.declare("tool==2", "other==1")
    land.sh("mount --bind . .; cd $PWD; mount -o remount,ro,bind .")

    assert "[read-only]" in land.envctl("apply", "--yes", code=1).err
    assert land.plan()["summary"]["update"] == 1


@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
def test_a_symlink_is_refused_with_the_reason(land: Land, target: str) -> None:
    (land.folder / "elsewhere").mkdir()
    os.symlink(target, land.venv)
    land.declare("tool==1")

    for command in ("plan", "apply"):
        refused = land.envctl(command, code=1)
        assert "symbolic link" in refused.err
    assert os.listdir(land.folder / "elsewhere") == []


def test_a_store_of_another_user_is_refused(land: Land) -> None:
    land.apply(1)
    os.chown(land.folder.parent / "cache", 12345, 12345)
    land.declare("tool==2", "other==1")

    assert "[cache-not-ours]" in land.envctl("apply", "--yes", code=1).err


def test_what_another_user_made_can_be_asked_and_run_and_not_changed(land: Land) -> None:
    """As in an image: root makes it, and a service runs it."""
    land.apply(1)
    land.sh("chown -hR 12345 .venv .venv.envctl")

    status = land.envctl("status", "--check")
    listed = land.envctl("list")
    run = land.envctl("run", "tool")

    assert "fits the lock" in status.out
    assert "other" in listed.out
    assert (run.out, run.err) == ("1\n", "")
    land.declare("tool==2", "other==1")
    for command in (["plan"], ["apply", "--yes"], ["destroy", "--yes"]):
        refused = land.envctl(*command, code=1)
        assert "belongs to another user (uid 12345) [not-ours]" in refused.err
    assert land.sh("stat -c %u .venv/bin/tool") == "12345"


def test_a_cache_that_cannot_be_written_is_told_with_what_names_another(land: Land) -> None:
    land.declare("tool==1")
    land.sh("mkdir ../cache; mount -t tmpfs -o ro,mode=700 none ../cache")

    refused = land.envctl("apply", code=1)

    assert "[no-lock]" in refused.err
    assert "ENVCTL_CACHE_DIR names another folder" in refused.err


def test_a_read_only_container_with_a_volume_is_all_that_an_apply_needs(land: Land) -> None:
    land.declare("tool==1", "other==1")
    land.envctl("lock")
    os.mkdir(land.venv)
    land.sh("mount --bind . .; cd $PWD; mount -o remount,ro,bind .; mount -t tmpfs none .venv")

    land.envctl("apply", "--locked", "--yes")

    assert land.version() == "1"
    assert land.envctl("run", "tool").out == "1\n"


@pytest.mark.slow
def test_a_file_with_all_the_links_it_can_have_gets_a_new_inode(land: Land) -> None:
    """ext4 has room for 65,000; one is left."""
    land.sh(
        "truncate -s 80M ../disk && mkfs.ext4 -q -N 4000 ../disk && mkdir ../ext4 && mount -o loop ../disk ../ext4"
    )
    land.sh("mkdir -m 700 ../ext4/cache; cp -a wheels ../ext4")
    there = Land(land.folder.parent / "ext4", land.holder)
    cache = {"ENVCTL_CACHE_DIR": f"{there.folder}/cache"}
    there.declare("other==1")
    there.do(*find_command(), "apply", "--yes", environ=cache)
    fill = f"""
import os
path = {there.venv!r} + "/lib/python{PYTHON}/site-packages/other/data.txt"
os.mkdir({str(there.folder / "many")!r})
try:
    for number in range(70000):
        os.link(path, {str(there.folder / "many")!r} + f"/{{number}}")
except OSError as error:
    print(error.errno, os.stat(path).st_nlink)
"""
    assert there.do(sys.executable, "-c", fill).out.split() == ["31", "65000"]

    there.do(*find_command(), "apply", "--yes", "--reinstall", "other", environ=cache)
    there.do(*find_command(), "apply", "--yes", "--reinstall", "other", environ=cache)

    data = f"{there.venv}/lib/python{PYTHON}/site-packages/other/data.txt"
    assert int(there.do("stat", "-c", "%h", data).out) < 10
    there.do(*find_command(), "status", "--check", "--verify", "hash", environ=cache)
