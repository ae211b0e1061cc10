"""The bare environment: interpreter links, ``pyvenv.cfg``, activation scripts, no distributions.

It is the same for every generation of an environment, so it is made once for an interpreter, a path
and a prompt, and kept as a value (`envctl.memo`). Writing it costs a few milliseconds; making it, with
virtualenv, 200.

The environment names its final path only in its activation scripts; it names no time, no command and
no folder that it was made in.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from envctl import atomic
from envctl.environment.configuration import parse_configuration
from envctl.errors import EnvctlError, InputError, MachineError
from envctl.frozen import dataclass
from envctl.memo import Memo
from envctl.model.interpreter import Interpreter
from envctl.scratch import scratch_folder
from envctl.trust import is_trusted

#: The kind of what is kept.
BARE = "bare-v2"
#: The folder of the cache that virtualenv keeps what it learns of interpreters in.
VIRTUALENV = "virtualenv-v1"

DIRECTORY, FILE, LINK = "directory", "file", "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class BareItem:
    """One path of a bare environment, relative, POSIX.

    ``kind`` is `DIRECTORY`, `FILE` or `LINK`; ``mode`` permission bits; ``content`` a file's bytes;
    ``link`` a link's text.
    """

    path: str
    kind: str
    mode: int = 0o755
    content: bytes = b""
    link: str = ""


def bare(
    interpreter: Interpreter,
    *,
    path: str,
    prompt: str | None,
    cache_dir: str,
    environ: Mapping[str, str],
) -> tuple[BareItem, ...]:
    """Give the bare environment of ``interpreter`` that is to live at ``path`` (absolute); parents first.

    Raises:
        InputError: `path-unusable` or `prompt-unusable` for what no activation script can express.
        MachineError: `bare-environment-failed` when it cannot be made.
    """
    _check(path, prompt)
    memo, key = Memo(cache_dir), _make_key(interpreter, path, prompt)
    data = memo.find(BARE, key)
    if data is not None:
        return _parse(data)
    app_data = os.path.join(cache_dir, VIRTUALENV) if is_trusted(cache_dir) else None
    try:
        items = _make(interpreter, path=path, prompt=prompt, app_data=app_data, environ=environ)
    except MachineError:
        # Perhaps the cache was purged under virtualenv's hands.
        items = _make(interpreter, path=path, prompt=prompt, app_data=None, environ=environ)
    memo.keep(BARE, key, _format(items))
    return items


def write_bare(items: Sequence[BareItem], at: str) -> None:
    """Write a bare environment into the folder ``at``, which is made if it is not there.

    Folders may be there already, files must not.

    Raises OSError as the file system does; whoever stages knows what to make of it.
    """
    atomic.make_directories(at)
    for item in items:
        place = os.path.join(at, *item.path.split("/"))
        if item.kind == DIRECTORY:
            _make_folder(place, item.mode)
        elif item.kind == LINK:
            atomic.symlink(item.link, place)
        else:
            atomic.write(place, item.content, mode=item.mode)


def _make_folder(place: str, mode: int) -> None:
    try:
        atomic.make_directory(place, mode=mode)
    except FileExistsError:
        if os.path.islink(place) or not os.path.isdir(place):
            raise
        atomic.set_mode(place, mode)


def _check(path: str, prompt: str | None) -> None:
    for label, text in (("path", path), ("prompt", prompt or "")):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise _unusable(label, text, "it holds bytes that are no UTF-8") from error
        if any(character in text for character in "\n\r\0"):
            raise _unusable(label, text, "it holds a line break")
    if os.pathsep in path[2 if os.name == "nt" else 0 :]:
        raise _unusable("path", path, f"`{os.pathsep}` separates the folders of PATH")


def _unusable(label: str, text: str, reason: str) -> EnvctlError:
    return InputError(
        f"{label}-unusable",
        f"the {label} `{text}` cannot be used for an environment: {reason}",
        hints=(f"choose another {'path' if label == 'path' else 'name'} in the manifest",),
    )


def _make_key(interpreter: Interpreter, path: str, prompt: str | None) -> str:
    parts = [interpreter.executable, interpreter.identity, interpreter.platform, path, prompt]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _make(
    interpreter: Interpreter,
    *,
    path: str,
    prompt: str | None,
    app_data: str | None,
    environ: Mapping[str, str],
) -> tuple[BareItem, ...]:
    # Importing virtualenv takes 100 ms, and this is reached once a path.
    from envctl.environment.create import create  # noqa: PLC0415

    try:
        # Not in the cache: that may be purged meanwhile.
        with scratch_folder("bare") as folder:
            made = os.path.join(folder, "environment")
            create(
                interpreter.executable,
                at=made,
                path=path,
                prompt=prompt,
                app_data=app_data or os.path.join(folder, "virtualenv"),
                environ=environ,
            )
            items = _read_back(made)
    except OSError as error:
        raise MachineError(
            "bare-environment-failed",
            f"a bare environment cannot be made in the folder for temporary files: {error.strerror or error}",
            where=error.filename or path,
            hints=("TMPDIR names another folder for them",),
        ) from error
    return _normalise(items, interpreter, prompt)


def _raise(error: OSError) -> NoReturn:
    """Let no folder be passed over: `os.walk` does, where it cannot be read."""
    raise error


def _read_back(root: str) -> list[BareItem]:
    items = []
    for folder, directories, files in os.walk(root, onerror=_raise):
        directories.sort()
        relative = os.path.relpath(folder, root).replace(os.sep, "/")
        prefix = "" if relative == "." else f"{relative}/"
        for name in sorted([*directories, *files]):
            place = os.path.join(folder, name)
            status = os.lstat(place)
            if stat.S_ISLNK(status.st_mode):
                items.append(BareItem(path=prefix + name, kind=LINK, link=os.readlink(place)))
            elif stat.S_ISDIR(status.st_mode):
                items.append(BareItem(path=prefix + name, kind=DIRECTORY))
            else:
                mode = 0o755 if status.st_mode & 0o111 else 0o644
                with open(place, "rb") as file:
                    items.append(BareItem(path=prefix + name, kind=FILE, mode=mode, content=file.read()))
    return items


# Left out: virtualenv's own marks, and its start-up hook for Pythons before 3.10, which guards pip and
# distutils against settings that nothing here uses; a hook that no distribution owns would be drift.
_LEFT_OUT = ("CACHEDIR.TAG", ".gitignore", "pyvenv.cfg", "_virtualenv.pth", "_virtualenv.py")


def _normalise(
    items: Sequence[BareItem], interpreter: Interpreter, prompt: str | None
) -> tuple[BareItem, ...]:
    configuration = next(item.content for item in items if item.path == "pyvenv.cfg")
    kept = {item.path: item for item in items if item.path.rpartition("/")[2] not in _LEFT_OUT}
    if "bin/python" in kept:
        kept["bin/python"] = BareItem(path="bin/python", kind=LINK, link=interpreter.executable)
        for name in ("python3", f"python{interpreter.minor}"):
            kept[f"bin/{name}"] = BareItem(path=f"bin/{name}", kind=LINK, link="python")
    # As `python -m venv` does: some packages and build systems write to lib64.
    if interpreter.markers["sys_platform"] == "linux" and sys.maxsize > 2**32 and "lib" in kept:
        kept["lib64"] = BareItem(path="lib64", kind=LINK, link="lib")
    kept[".gitignore"] = BareItem(path=".gitignore", kind=FILE, mode=0o644, content=b"*\n")
    kept["pyvenv.cfg"] = BareItem(
        path="pyvenv.cfg",
        kind=FILE,
        mode=0o644,
        content=_format_configuration(parse_configuration(configuration), interpreter, prompt),
    )
    # Sorted, a folder comes before what is in it.
    return tuple(kept[path] for path in sorted(kept))


def _format_configuration(found: Mapping[str, str], interpreter: Interpreter, prompt: str | None) -> bytes:
    values = {
        "home": os.path.dirname(interpreter.executable),
        "implementation": found.get("implementation", interpreter.implementation),
        "version": interpreter.version,
        "version_info": found.get("version_info", interpreter.version),
        "include-system-site-packages": "false",
        "base-prefix": found.get("base-prefix"),
        "base-exec-prefix": found.get("base-exec-prefix"),
        "base-executable": interpreter.executable,
        "executable": interpreter.executable,
        # Quoted as `python -m venv` does it.
        "prompt": None if prompt is None else repr(prompt),
    }
    lines = [f"{key} = {value}\n" for key, value in values.items() if value is not None]
    return "".join(lines).encode("utf-8", "surrogateescape")


def _parse(data: bytes) -> tuple[BareItem, ...]:
    return tuple(
        BareItem(path=path, kind=kind, mode=mode, content=binascii.a2b_base64(content), link=link)
        for path, kind, mode, content, link in json.loads(data)
    )


def _format(items: Sequence[BareItem]) -> bytes:
    rows = [
        [
            item.path,
            item.kind,
            item.mode,
            binascii.b2a_base64(item.content, newline=False).decode(),
            item.link,
        ]
        for item in items
    ]
    return json.dumps(rows).encode()
