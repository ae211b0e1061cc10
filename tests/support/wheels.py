"""Real wheels and sdists, made in the test."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import tarfile
import zipfile
from collections.abc import Mapping, Sequence


def _digest(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def metadata_text(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] | None = None,
    requires_python: str | None = None,
) -> str:
    lines = ["Metadata-Version: 2.2", f"Name: {name}", f"Version: {version}", "Summary: Made in a test"]
    if requires_python:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    for extra, wanted in (extras or {}).items():
        lines.append(f"Provides-Extra: {extra}")
        for requirement in wanted:
            base, _, marker = requirement.partition(";")
            condition = f"({marker.strip()}) and " if marker else ""
            lines.append(f'Requires-Dist: {base.strip()} ; {condition}extra == "{extra}"')
    return "\n".join(lines) + "\n"


def make_wheel(
    folder: str | os.PathLike[str],
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] | None = None,
    requires_python: str | None = None,
    files: Mapping[str, str | bytes] | None = None,
    scripts: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
    build: str = "",
    record: bool = True,
) -> str:
    """Write a wheel into ``folder`` and return its path.

    Without ``files`` it holds one package, named as the project, with ``__version__``. ``scripts`` maps
    console script names to object references. Paths in ``files`` are as in the archive, so
    ``{name}-{version}.data/…`` can be given.
    """
    distribution = name.replace("-", "_")
    members: dict[str, bytes] = {}
    if files is None:
        files = {f"{distribution}/__init__.py": f"__version__ = {version!r}\n"}
    for path, content in files.items():
        members[path] = content.encode() if isinstance(content, str) else content
    info = f"{distribution}-{version}.dist-info"
    members[f"{info}/METADATA"] = metadata_text(
        name, version, requires=requires, extras=extras, requires_python=requires_python
    ).encode()
    purelib = "true" if tag.endswith("none-any") else "false"
    members[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {purelib}\nTag: {tag}\n".encode()
    )
    if scripts:
        lines = ["[console_scripts]", *(f"{key} = {value}" for key, value in scripts.items())]
        members[f"{info}/entry_points.txt"] = ("\n".join(lines) + "\n").encode()
    if record:
        rows = io.StringIO()
        writer = csv.writer(rows, lineterminator="\n")
        for path, content in members.items():
            writer.writerow((path, _digest(content), len(content)))
        writer.writerow((f"{info}/RECORD", "", ""))
        members[f"{info}/RECORD"] = rows.getvalue().encode()
    os.makedirs(folder, exist_ok=True)
    middle = f"-{build}" if build else ""
    target = os.path.join(folder, f"{distribution}-{version}{middle}-{tag}.whl")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in members.items():
            entry = zipfile.ZipInfo(path, date_time=(2024, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return target


def make_sdist(
    folder: str | os.PathLike[str],
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    files: Mapping[str, str | bytes] | None = None,
    pyproject: str | None = None,
) -> str:
    """Write a ``.tar.gz`` source distribution with static metadata into ``folder``; return its path."""
    distribution = name.replace("-", "_")
    top = f"{distribution}-{version}"
    members: dict[str, bytes] = {
        f"{top}/PKG-INFO": metadata_text(name, version, requires=requires).encode(),
        f"{top}/pyproject.toml": (
            pyproject
            or '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            f'[project]\nname = "{name}"\nversion = "{version}"\n'
        ).encode(),
        f"{top}/{distribution}/__init__.py": f"__version__ = {version!r}\n".encode(),
    }
    for path, content in (files or {}).items():
        members[f"{top}/{path}"] = content.encode() if isinstance(content, str) else content
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, f"{top}.tar.gz")
    with tarfile.open(target, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for path, content in members.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target
