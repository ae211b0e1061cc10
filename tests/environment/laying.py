"""Lay real environments: a bare one written at its place, and wheels in it with an inventory."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from envctl import atomic
from envctl.environment.bare import bare, write_bare
from envctl.environment.identity import GENERATION, GenerationRecord, RecordedDistribution, format_generation
from envctl.environment.inventory import INVENTORY, OwnedFile, format_inventory, make_inventory
from envctl.environment.layout import choose_layout
from envctl.environment.scan import scan
from envctl.model.interpreter import Interpreter
from envctl.model.state import State
from envctl.receipt import RECEIPT, format_receipt, settle
from envctl.treedigest import measure_tree
from support.wheels import make_wheel


@dataclass
class Layer:
    """Lays generations of an environment the way a transaction would, in place."""

    root: Path
    interpreter: Interpreter
    cache: str
    laid: dict[str, RecordedDistribution] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)

    @property
    def site(self) -> Path:
        return self.root / choose_layout(self.interpreter).site_packages

    def make_bare(self) -> None:
        items = bare(
            self.interpreter, path=str(self.root), prompt=None, cache_dir=self.cache, environ=os.environ
        )
        write_bare(items, str(self.root))
        self.files["-"] = [item.path for item in items if item.kind != "directory"]

    def lay(
        self,
        name: str,
        version: str = "1.0",
        *,
        files: Mapping[str, str | bytes] | None = None,
        scripts: Mapping[str, str] | None = None,
    ) -> None:
        wheel = make_wheel(self.root.parent / "wheels", name, version, files=files)
        site = choose_layout(self.interpreter).site_packages
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.site)
            paths = [f"{site}/{member}" for member in archive.namelist()]
        info = f"{name.replace('-', '_')}-{version}.dist-info"
        (self.site / info / "INSTALLER").write_text("envctl")
        with (self.site / info / "RECORD").open("a") as file:
            file.write(f"{info}/INSTALLER,,\n")
        paths.append(f"{site}/{info}/INSTALLER")
        for script, text in (scripts or {}).items():
            (self.root / "bin" / script).write_text(text)
            (self.root / "bin" / script).chmod(0o755)
            paths.append(f"bin/{script}")
        self.files[name] = paths
        self.laid[name] = RecordedDistribution(
            version=version,
            origin="wheel sha256:" + hashlib.sha256(Path(wheel).read_bytes()).hexdigest(),
            direct_url=None,
            requested=False,
            info=f"{site}/{info}",
        )

    def pip_install(self, wheel: str, *options: str) -> None:
        """Install a wheel as somebody would by hand, with the pip that runs the tests."""
        environment = ["--python", str(self.root / "bin/python"), "--isolated", "--quiet"]
        offline = ["--no-index", "--no-deps", "--disable-pip-version-check", "--root-user-action=ignore"]
        command = [sys.executable, "-m", "pip", *environment, "install", *offline, *options, wheel]
        subprocess.run(command, check=True)

    def seal(self, *, number: int = 1, wait: bool = True) -> None:
        """Write what a generation says of itself, and let the clock tick past its files."""
        atomic.make_directories(str(self.root / ".envctl"))
        inventory = make_inventory({owner: map(self._own, paths) for owner, paths in self.files.items()})
        (self.root / INVENTORY).write_bytes(format_inventory(inventory))
        record = GenerationRecord(
            number=number,
            path=str(self.root),
            python=self.interpreter.version,
            executable=self.interpreter.executable,
            interpreter=self.interpreter.identity,
            time="2026-11-23T06:00:00Z",
            command="apply",
            distributions=self.laid,
        )
        (self.root / GENERATION).write_bytes(format_generation(record))
        tree, newest, _ = measure_tree(str(self.root))
        if wait:
            settle(newest)
            settle(newest)
        (self.root / RECEIPT).write_bytes(format_receipt({"tree": tree}))

    def _own(self, path: str) -> OwnedFile:
        place = self.root / path
        status = place.lstat()
        if stat.S_ISLNK(status.st_mode):
            return OwnedFile(path, 0, 0, False, "", os.readlink(place))
        digest = hashlib.sha256(place.read_bytes()).hexdigest()
        executable = bool(status.st_mode & 0o100)
        return OwnedFile(path, status.st_size, status.st_mtime_ns, executable, digest)

    def scan(self, *, verify: str = "stat") -> State:
        return scan(str(self.root), verify=verify)
