"""Images of containers, built without a registry: a base image of the Python that runs the tests, and Buildah.

The base image answers to the name that the pages use. It holds Python under ``/usr/local``, a shell, the libraries of
both, pip, and wheels of envctl and of what it needs: made from what is installed, so nothing is downloaded.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import envctl

#: Where the base image has the wheels that its pip installs from.
WHEELS = "/opt/wheels"

#: More than all images of the tests take.
_ROOM = 1 << 30

#: No build takes longer, even on a busy machine.
TIMEOUT = 300.0

_LEFT_OUT = (
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "ensurepip",
    "site-packages",
    "config-*",
    "*.a",
)


def reason_against() -> str | None:
    """Say why no image can be built here, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux"
    if not shutil.which("buildah"):
        return "needs buildah"
    if "posix_local" in sysconfig.get_scheme_names():  # Debian's own
        return "needs a Python with the usual layout"
    return None


def choose_folder() -> str | None:
    """Name a folder in memory for the storage, where it has room; None for the usual one."""
    try:
        room = shutil.disk_usage("/dev/shm").free
    except OSError:
        return None
    return "/dev/shm" if room > _ROOM else None


# --- wheels of what is installed ---------------------------------------------


def pack(name: str, folder: Path) -> str:
    """Make a wheel again from what is installed; the path of the wheel."""
    found = importlib.metadata.distribution(name)
    (info,) = {path.parts[0] for path in found.files or () if path.match("*.dist-info/METADATA")}
    tags = re.findall("^Tag: (.*)$", found.read_text("WHEEL") or "", re.MULTILINE)
    members = {}
    for path in found.files or ():
        where = Path(str(path.locate()))
        inside = path.parts[0] != ".." and "__pycache__" not in path.parts and path.suffix != ".pth"
        if inside and path.parts[0] != info:
            members[str(path)] = where.read_bytes()
    if name == "envctl":
        package = Path(envctl.__file__).parent
        for where in package.rglob("*"):
            if where.is_file() and "__pycache__" not in where.parts:
                members[str(where.relative_to(package.parent))] = where.read_bytes()
    for file in ("METADATA", "WHEEL", "entry_points.txt"):
        if (text := found.read_text(file)) is not None:
            members[f"{info}/{file}"] = text.encode()
    lines = []
    for path_in, data in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path_in},sha256={digest},{len(data)}")
    members[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    tag = "-".join(
        ".".join(dict.fromkeys(part)) for part in zip(*(tag.split("-") for tag in tags), strict=True)
    )
    wheel = folder / f"{info.removesuffix('.dist-info')}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path_in, data in members.items():
            archive.writestr(path_in, data)
    return str(wheel)


def needed(name: str, seen: set[str]) -> set[str]:
    """Add to what was seen the project and all that it needs, extras left out."""
    if (name := canonicalize_name(name)) not in seen:
        seen.add(name)
        for line in importlib.metadata.requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needed(requirement.name, seen)
    return seen


# --- a root file system ------------------------------------------------------


def libraries(paths: list[Path]) -> Iterator[Path]:
    """Find the shared libraries that programs and modules load."""
    done = subprocess.run(["ldd", *map(str, paths)], capture_output=True, text=True, check=False)
    found = {Path(path) for path in re.findall(r"(/\S+) \(0x", done.stdout)}
    # glibc loads it when a thread ends otherwise than by returning, as a daemon's may at exit, and else aborts.
    beside = {path.parent / "libgcc_s.so.1" for path in found if path.name == "libc.so.6"}
    yield from found | {path for path in beside if path.exists()}


def make_root(root: Path) -> None:
    """Lay out a root file system with Python, a shell, pip and the wheels."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    stdlib = root / "usr/local/lib" / version
    shutil.copytree(
        sysconfig.get_path("stdlib"), stdlib, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True
    )
    programs = root / "usr/local/bin"
    programs.mkdir()
    shutil.copy2(os.path.realpath(sys.executable), programs / version)
    for name in ("python3", "python"):
        os.symlink(version, programs / name)
    (root / "bin").mkdir()
    shutil.copy2(os.path.realpath("/bin/sh"), root / "bin/sh")
    for library in libraries([programs / version, root / "bin/sh", *stdlib.glob("lib-dynload/*.so")]):
        (root / library.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library, root / library.relative_to("/"))
    for name in ("dev", "etc", "proc", "root", "sys", "tmp", "var/cache"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    wheels = root / WHEELS.lstrip("/")
    wheels.mkdir(parents=True)
    for name in needed("envctl", set()):
        pack(name, wheels)
    with zipfile.ZipFile(pack("pip", wheels)) as archive:
        archive.extractall(stdlib / "site-packages")
    (programs / "pip").write_text(
        "#!/usr/local/bin/python3\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n"
    )
    (programs / "pip").chmod(0o755)


# --- builds ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What a build ended with: its exit code, and stdout and stderr together."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Buildah:
    """Builds images in a storage of its own below ``folder``."""

    folder: Path

    @property
    def version(self) -> tuple[int, ...]:
        """Its version, as numbers."""
        said = re.search(r"version (\d+)\.(\d+)", self.succeed("--version"))
        assert said is not None
        return int(said[1]), int(said[2])

    def do(self, *arguments: str) -> Answer:
        """Run a command of Buildah; the variables of who runs the tests stay outside."""
        storage = ("--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run"))
        done = subprocess.run(
            ["buildah", *storage, "--storage-driver", "overlay", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "TMPDIR": str(self.folder / "tmp"),
                "CONTAINERS_REGISTRIES_CONF": str(self.folder / "registries.conf"),
            },
        )
        return Answer(done.returncode, done.stdout)

    def succeed(self, *arguments: str) -> str:
        """Run a command of Buildah that does not fail."""
        done = self.do(*arguments)
        assert done.code == 0, done.text
        return done.text

    def find_obstacle(self) -> str | None:
        """Say why nothing can be built in this folder, or None: a container may not mount, or not there."""
        (self.folder / "tmp").mkdir(parents=True)
        (self.folder / "registries.conf").write_text("unqualified-search-registries = []\n")
        made = self.do("from", "--name", "trial", "scratch")
        done = self.do("mount", "trial") if made.code == 0 else made
        self.do("rm", "trial")
        return done.text if done.code else None

    def prepare(self, name: str) -> None:
        """Make the base image under a short name, which is looked up here before anywhere else."""
        make_root(self.folder / "base/root")
        lines = ["FROM scratch", "COPY root /", "ENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8"]
        lines.append(f"ENV PIP_NO_INDEX=1 PIP_FIND_LINKS={WHEELS} PIP_ROOT_USER_ACTION=ignore")
        (self.folder / "base/Dockerfile").write_text("\n".join(lines) + "\n")
        self.succeed("bud", "--isolation", "chroot", "-t", name, str(self.folder / "base"))
        shutil.rmtree(self.folder / "base")

    def build(self, context: Path, tag: str, *options: str) -> Answer:
        """Build a folder with a ``Dockerfile``; layers of earlier builds are used again."""
        fixed = ("bud", "--isolation", "chroot", "--layers", "--pull-never", "--format", "docker")
        return self.do(*fixed, "-t", tag, *options, str(context))
