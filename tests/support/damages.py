"""What others do to an environment: each kind of damage, and the line that has to name it.

The environment is `furnish`'s: a dozen packages of every shape. A damage is done to one of them, or to the
environment itself, and says what a plan must tell: address, kind and path.
"""

from __future__ import annotations

import os
import random
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from support.backends import make_tree
from support.project import PYTHON, Project
from support.wheels import make_wheel

SITE = f"lib/python{PYTHON}/site-packages"

#: A line of a plan: address, kind, path in the environment.
Line = tuple[str, str, str]

#: Packages with modules, data, a native library and a script each.
#: Into the first three a caller may put data of tools, which no damage deletes.
WHOLE = tuple(f"part{number}" for number in range(7))
#: All packages: one is a single module, two share a namespace, one owns a hook, one has a data folder.
NAMES = (*WHOLE, "single", "space-a", "space-b", "hooked", "manual", "linked")


def furnish(project: Project, *, prune: str = "all") -> None:
    """Publish the packages, declare them all, and make the editable one's source tree."""
    for name in WHOLE:
        for version in ("1.0", "2.0"):
            project.publish(name, version, files=_whole(name, version), scripts={name: f"{name}.app:main"})
    project.publish("single", "1.0", files={"single.py": "X = 1\n"})
    for name in ("a", "b"):
        files = {f"space/{name}/__init__.py": f"NAME = {name!r}\n", f"space/{name}/table.csv": "1,2\n"}
        project.publish(f"space-{name}", "1.0", files=files)
    project.publish("hooked", "1.0", files={"hooked.pth": "import hooked\n", "hooked.py": "", "zz.txt": "z"})
    manual = {
        "manual/__init__.py": "",
        "manual-1.0.data/data/share/man/man1/manual.1": ".TH manual\n",
        "manual-1.0.data/scripts/manual.sh": "#!/bin/sh\necho manual\n",
    }
    project.publish("manual", "1.0", files=manual)
    make_tree(project.path("linked"), "linked")
    rest = f'[sources]\nlinked = {{ path = "linked", editable = true }}\n[install]\nprune = "{prune}"'
    project.write_manifest(*(f"{name}==1.0" for name in NAMES if name != "linked"), "linked", rest=rest)


def _whole(name: str, version: str) -> Mapping[str, str | bytes]:
    return {
        f"{name}/__init__.py": f"__version__ = {version!r}\n",
        f"{name}/app.py": f"def main():\n    print({name!r})\n",
        f"{name}/deep/er.py": "VALUE = 1\n",
        f"{name}/data/table.json": '{"a": 1}\n',
        f"{name}/_speed.cpython.so": b"\x7fELF" + name.encode() * 500,
    }


@dataclass(frozen=True, slots=True)
class Damage:
    """One kind: who may suffer it (nobody for the environment itself), and what does it and tells the line."""

    victims: tuple[str, ...]
    do: Callable[[Project, str, random.Random], Line]


def write(path: str, data: bytes, chance: random.Random) -> None:
    """Write as some tools do, into the file that is there, or as others do, a new one renamed."""
    if chance.random() < 0.5:
        with open(path, "wb") as file:
            file.write(data)
        return
    with open(f"{path}.part", "wb") as file:
        file.write(data)
    os.chmod(f"{path}.part", os.stat(path).st_mode & 0o7777 if os.path.exists(path) else 0o644)
    os.rename(f"{path}.part", path)


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _edit(
    below: str, kind: str, change: Callable[[bytes], bytes]
) -> Callable[[Project, str, random.Random], Line]:
    """Make a damage that changes the content of one file; ``below`` is its path, with the package's name."""

    def do(project: Project, name: str, chance: random.Random) -> Line:
        path = below.format(name=name)
        place = project.path(".venv", path)
        write(place, change(read(place)), chance)
        return f"package.{name}", kind, path

    return do


def _delete(below: str) -> Callable[[Project, str, random.Random], Line]:
    def do(project: Project, name: str, chance: random.Random) -> Line:
        path = below.format(name=name)
        os.unlink(project.path(".venv", path))
        return f"package.{name}", "missing", path

    return do


def _become_link(project: Project, name: str, chance: random.Random) -> Line:
    path = f"{SITE}/{name}/app.py"
    outside = os.path.join(os.path.dirname(project.folder), f"{name}-app.py")
    write(outside, read(project.path(".venv", path)), chance)
    os.unlink(project.path(".venv", path))
    os.symlink(outside, project.path(".venv", path))
    return f"package.{name}", "link", path


def _become_folder(project: Project, name: str, chance: random.Random) -> Line:
    path = f"{SITE}/{name}/app.py"
    os.unlink(project.path(".venv", path))
    os.mkdir(project.path(".venv", path))
    return f"package.{name}", "missing", path


def _change_mode(below: str, mode: int) -> Callable[[Project, str, random.Random], Line]:
    def do(project: Project, name: str, chance: random.Random) -> Line:
        path = below.format(name=name)
        os.chmod(project.path(".venv", path), mode)
        return f"package.{name}", "mode", path

    return do


def _delete_info(project: Project, name: str, chance: random.Random) -> Line:
    info = f"{SITE}/{name.replace('-', '_')}-1.0.dist-info"
    shutil.rmtree(project.path(".venv", info))
    return f"package.{name}", "missing", f"{info}/METADATA"


def _delete_package(project: Project, name: str, chance: random.Random) -> Line:
    shutil.rmtree(project.path(".venv", SITE, name))
    return f"package.{name}", "missing", f"{SITE}/{name}/__init__.py"


def _add_file(project: Project, name: str, chance: random.Random) -> Line:
    path = f"{SITE}/{name}/{chance.choice(['more.py', 'deep/more.py', 'new/__init__.py', '_more.so'])}"
    os.makedirs(os.path.dirname(project.path(".venv", path)), exist_ok=True)
    write(project.path(".venv", path), b"# more\n", chance)
    return f"package.{name}", "added", path


def put_by_hand(project: Project, name: str, version: str, installer: str = "pip", **details: object) -> str:
    """Unpack a wheel into site-packages as pip does; gives its ``.dist-info``, relative to the environment."""
    folder = os.path.join(os.path.dirname(project.folder), "by-hand")
    wheel = make_wheel(folder, name, version, **details)  # type: ignore[arg-type] # as `make_wheel` has them
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(project.site())
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    for added, text in (("INSTALLER", f"{installer}\n"), ("REQUESTED", "")):
        with open(project.site(info, added), "w", encoding="utf-8") as file:
            file.write(text)
    with open(project.site(info, "RECORD"), "a", encoding="utf-8") as file:
        file.write(f"{info}/INSTALLER,,\n{info}/REQUESTED,,\n")
    return f"{SITE}/{info}"


def _install_unknown(project: Project, name: str, chance: random.Random) -> Line:
    info = put_by_hand(project, "stranger", "3.0", files={"stranger/__init__.py": "", "stranger.pth": "\n"})
    return "package.stranger", "foreign", info


def _replace_version(project: Project, name: str, chance: random.Random) -> Line:
    for path in _whole(name, "1.0"):
        os.unlink(project.site(path))  # what pip did not put there it leaves
    shutil.rmtree(project.site(f"{name}-1.0.dist-info"))
    return f"package.{name}", "version", put_by_hand(project, name, "2.0", files=_whole(name, "2.0"))


def _edit_own(path: str) -> Callable[[Project, str, random.Random], Line]:
    def do(project: Project, name: str, chance: random.Random) -> Line:
        place = project.path(".venv", path)
        write(place, read(place) + b"# more\n", chance)
        return "environment", "modified", path

    return do


def _break_interpreter(project: Project, name: str, chance: random.Random) -> Line:
    link = project.path(".venv/bin/python")
    os.unlink(link)
    if chance.random() < 0.7:
        os.symlink("/nowhere/python", link)
    return "python", "interpreter", "bin/python"


def _lead_elsewhere(project: Project, name: str, chance: random.Random) -> Line:
    os.unlink(project.path(".venv/lib64"))
    os.symlink("bin", project.path(".venv/lib64"))
    return "environment", "link", "lib64"


def _add_at_top(name: str, kind: str) -> Callable[[Project, str, random.Random], Line]:
    def do(project: Project, _: str, chance: random.Random) -> Line:
        write(project.site(name), b"import sys\n", chance)
        return f'file."{SITE}/{name}"', kind, f"{SITE}/{name}"

    return do


def _edit_space(project: Project, name: str, chance: random.Random) -> Line:
    path = f"{SITE}/space/b/table.csv"
    write(project.path(".venv", path), b"1,3\n", chance)
    return f"package.{name}", "modified", path


def _flip(data: bytes) -> bytes:
    return data[:-2] + bytes([data[-2] ^ 1]) + data[-1:]


#: The 20 kinds of the design, by its words.
TWENTY: dict[str, Damage] = {
    "a module deleted": Damage((*WHOLE, "manual"), _delete(SITE + "/{name}/__init__.py")),
    "a module emptied": Damage(WHOLE, _edit(SITE + "/{name}/app.py", "modified", lambda _: b"")),
    "a module edited with the size kept": Damage(WHOLE, _edit(SITE + "/{name}/app.py", "modified", _flip)),
    "a module edited with the size changed": Damage(
        WHOLE, _edit(SITE + "/{name}/deep/er.py", "modified", lambda data: data + b"# more\n")
    ),
    "a module replaced by a link": Damage(WHOLE, _become_link),
    "a module made unreadable": Damage(WHOLE, _change_mode(SITE + "/{name}/app.py", 0)),
    "a native library truncated": Damage(
        WHOLE, _edit(SITE + "/{name}/_speed.cpython.so", "modified", lambda data: data[:100])
    ),
    "a data file deleted": Damage(WHOLE, _delete(SITE + "/{name}/data/table.json")),
    "a script deleted": Damage(WHOLE, _delete("bin/{name}")),
    "a script edited": Damage(WHOLE, _edit("bin/{name}", "modified", lambda data: data + b"\n")),
    "a script's mode lost": Damage(WHOLE, _change_mode("bin/{name}", 0o644)),
    "dist-info deleted whole": Damage((*WHOLE, "single", "space-a", "linked"), _delete_info),
    "RECORD deleted": Damage((*WHOLE, "single", "linked"), _delete(SITE + "/{name}-1.0.dist-info/RECORD")),
    "METADATA edited": Damage(
        (*WHOLE, "single", "hooked"),
        _edit(SITE + "/{name}-1.0.dist-info/METADATA", "metadata", lambda data: data + b"more\n"),
    ),
    "a file added to a package": Damage(WHOLE, _add_file),
    "an unknown distribution": Damage((), _install_unknown),
    "a distribution replaced by another version": Damage(WHOLE, _replace_version),
    "pyvenv.cfg edited": Damage((), _edit_own("pyvenv.cfg")),
    "the interpreter link broken": Damage((), _break_interpreter),
    "a .pth file added": Damage((), _add_at_top("evil.pth", "added")),
}

#: More that has been seen.
MORE: dict[str, Damage] = {
    "a single module edited": Damage(("single",), _edit(SITE + "/{name}.py", "modified", _flip)),
    "a whole package deleted": Damage((*WHOLE[3:], "manual"), _delete_package),
    "a module become a folder": Damage(WHOLE, _become_folder),
    "a module made executable": Damage(WHOLE, _change_mode(SITE + "/{name}/app.py", 0o755)),
    "a hook of a package edited": Damage(
        ("hooked",), _edit(SITE + "/{name}.pth", "modified", lambda data: data + b"import os\n")
    ),
    "the hook of an editable edited": Damage(
        ("linked",), _edit(SITE + "/_{name}.pth", "modified", lambda data: b"/elsewhere\n")
    ),
    "a manual page deleted": Damage(("manual",), _delete("share/man/man1/{name}.1")),
    "a script of a wheel edited": Damage(
        ("manual",), _edit("bin/{name}.sh", "modified", lambda data: data + b"\n")
    ),
    "data of a namespace edited": Damage(("space-b",), _edit_space),
    "activate edited": Damage((), _edit_own("bin/activate")),
    "lib64 leads elsewhere": Damage((), _lead_elsewhere),
    "sitecustomize added": Damage((), _add_at_top("sitecustomize.py", "added")),
}


ALL: dict[str, Damage] = TWENTY | MORE
