"""What can be imported, read: an environment, pip's requirement files, a lock of any tool."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from packaging.requirements import Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from envctl.build.source import read_pyproject
from envctl.errors import InputError
from envctl.frozen import dataclass, field
from envctl.lock.freshness import preferences
from envctl.lock.lock import required_names
from envctl.lock.parse import parse as parse_lock
from envctl.manifest.imported import describe_installed, relate, write_entry
from envctl.manifest.requirement_files import LocalPath, parse_requirements
from envctl.model.events import Notice
from envctl.model.names import normalise
from envctl.workflow.context import Context
from envctl.workflow.inputs import read_file
from envctl.workflow.installed import read_environment

_Sources = Mapping[str, Mapping[str, str | bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What is taken over: entries with their names, sources as tables, limits, versions to keep.

    ``python`` is what the manifest says of it, None for nothing. ``environment`` is the path of one, if that
    is what all was taken from. ``notices`` say what was left out.
    """

    entries: tuple[tuple[str, str], ...]
    sources: _Sources = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    constraints: tuple[str, ...] = ()
    python: str | None = None
    environment: str | None = None
    notices: tuple[Notice, ...] = ()


def take(path: str, context: Context, *, folder: str, bounds: str) -> Taken:
    """Read what lies at ``path`` (absolute); ``folder`` is that of the manifest.

    ``bounds`` are for what has none of its own: installed distributions, locked packages.

    Raises:
        InputError: `no-file`, `import-not-supported`, `bad-requirement`, `bad-lock`.
        MachineError: `not-an-environment`, `no-python`.
    """
    name = os.path.basename(path)
    if os.path.isdir(path):
        return _take_environment(path, context, folder=folder, bounds=bounds)
    if not os.path.lexists(path):
        raise InputError("no-file", f"there is no `{path}`", where=path)
    if re.fullmatch(r"pylock(\.[^.]+)?\.toml", name):
        return _take_lock(path, bounds=bounds)
    if name.endswith((".txt", ".in")):
        return _take_requirements(path, folder=folder)
    raise _refuse(path)


def is_version(text: str) -> bool:
    """Whether this is a version (PEP 440)."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _take_environment(path: str, context: Context, *, folder: str, bounds: str) -> Taken:
    found = read_environment(path, context.settings, context.emit)
    imported = describe_installed(found.installed, found.interpreter.markers, folder=folder, bounds=bounds)
    notices = []
    if imported.seeds:
        message = f"not taken over, because every environment is made with it: {', '.join(imported.seeds)}"
        hint = f"`envctl add {imported.seeds[-1]}` asks for it"
        notices.append(Notice("info", "seeds-left-out", message, (hint,)))
    return Taken(
        entries=tuple(imported.entries.items()),
        sources=imported.sources,
        versions={each.name: each.version for each in found.installed if each.direct_url is None},
        python=found.python,
        environment=path,
        notices=tuple(notices),
    )


def _take_lock(path: str, *, bounds: str) -> Taken:
    """Take what a lock has that no package of it requires. Raises InputError: `import-not-supported`."""
    lock = parse_lock(read_file(path), path=path, allowed_paths=None)
    names = dict.fromkeys(str(each.name) for each in lock.packages)
    direct = {
        str(each.name)
        for each in lock.packages
        if each.directory is not None or each.vcs is not None or each.archive is not None
    }
    if direct:
        names_of_them = ", ".join(sorted(direct))
        raise InputError(
            "import-not-supported",
            f"`{os.path.basename(path)}` takes {names_of_them} from a folder, a repository or a URL",
            where=path,
            hints=[
                "write `[sources]` for them by hand",
                "`envctl apply --from FILE` installs a lock as it is",
            ],
        )
    required = {name for each in lock.packages for name in required_names(each)}
    notices = []
    if not required and len(names) > 1:
        message = "the lock does not say who requires what, so all that it holds is asked for"
        notices.append(Notice("info", "all-asked-for", message))
    versions = preferences(lock)
    return Taken(
        entries=tuple(
            (name, write_entry(name, versions.get(name, ""), bounds))
            for name in names
            if name not in required
        ),
        versions=versions,
        notices=tuple(notices),
    )


def _take_requirements(path: str, *, folder: str) -> Taken:
    """Take requirements as they are written; what options say about indexes is told, not guessed."""
    found = parse_requirements(path, read_file)
    sources = {}
    entries = [(normalise(Requirement(text).name), text) for text in found.requirements]
    for each in found.paths:
        name = _name_of(each)
        sources[name] = _describe_path(each, folder)
        entries.append((name, f"{name}[{each.extras}]" if each.extras else name))
    return Taken(
        entries=tuple(entries),
        sources=sources,
        constraints=tuple(found.constraints),
        notices=tuple(_tell_options(found.left_out)),
    )


def _tell_options(options: Sequence[str]) -> list[Notice]:
    left = list(dict.fromkeys(options))
    if not left:
        return []
    hints = []
    if any("index" in option or option == "-i" for option in left):
        hints.append("indexes are written as `[[index]]` in the manifest")
    message = f"options of the requirements file are left out: {', '.join(f'`{each}`' for each in left)}"
    return [Notice("warning", "options-left-out", message, tuple(hints))]


def _describe_path(local: LocalPath, folder: str) -> Mapping[str, str | bool]:
    source: dict[str, str | bool] = {"path": relate(local.path, folder)}
    return {**source, "editable": True} if local.editable else source


def _name_of(local: LocalPath) -> str:
    """Tell the project that lies at a path, which pip would ask a backend for."""
    try:
        if local.path.endswith(".whl"):
            return str(parse_wheel_filename(os.path.basename(local.path))[0])
        if os.path.isfile(local.path):
            return str(parse_sdist_filename(os.path.basename(local.path))[0])
    except (InvalidWheelFilename, InvalidSdistFilename):
        pass
    project = read_pyproject(local.path).get("project") if os.path.isdir(local.path) else None
    name = project.get("name") if isinstance(project, dict) else None
    if isinstance(name, str):
        return normalise(name)
    raise InputError(
        "import-not-supported",
        f"`{local.path}` does not say in a pyproject.toml what it is called",
        where=local.where,
        hints=["write it into `[sources]` under its name, and take the line out"],
    )


#: What this version cannot take over, and whose it is.
_OTHERS = {
    "Pipfile": "Pipenv",
    "Pipfile.lock": "Pipenv",
    "conda-lock.yml": "conda",
    "environment.yaml": "conda",
    "environment.yml": "conda",
    "pdm.lock": "PDM",
    "poetry.lock": "Poetry",
    "pyproject.toml": "other tools",
    "setup.cfg": "setuptools",
    "setup.py": "setuptools",
    "uv.lock": "uv",
}

#: How other tools write what can be imported.
_EXPORTS = {
    "Pipfile.lock": "pipenv requirements > requirements.txt",
    "pdm.lock": "pdm export --format pylock -o pylock.pdm.toml",
    "poetry.lock": "poetry export --without-hashes -o requirements.txt",
    "uv.lock": "uv export --format pylock.toml -o pylock.uv.toml",
}


def _refuse(path: str) -> InputError:
    name = os.path.basename(path)
    of = f", a file of {_OTHERS[name]}," if name in _OTHERS else ""
    hints = []
    if name in _EXPORTS:
        hints.append(f"`{_EXPORTS[name]}` writes what can be imported")
    if name == "pyproject.toml":
        hints.append('`project = "."` in the manifest takes the lists of its `[project]`')
    hints.append("a virtual environment, a requirements.txt and a pylock.toml can be imported")
    return InputError(
        "import-not-supported", f"`{name}`{of} cannot be imported by this version", where=path, hints=hints
    )
