"""Decide where every file of the next generation goes, and whose it is, before one is written.

An unpacked wheel has four folders: ``site`` goes to site-packages, ``data`` to the environment itself,
``headers`` to a folder of the distribution's own, ``scripts`` to the scripts folder. Console scripts, RECORD
and the other files that an installer writes are made, not linked.

Two distributions that write one path with different content are refused, unless one of them may
overwrite; the environment's own files nobody may write.

Source: PyPA, "Binary distribution format", "Installing a wheel"; "Recording installed projects".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from envctl.environment.layout import Layout
from envctl.errors import MachineError
from envctl.frozen import dataclass
from envctl.store.entry import Entry, StoredFile
from envctl.transaction.blueprint import Blueprint, Placed

#: The folders of an unpacked wheel whose files are linked.
SITE, DATA, HEADERS, SCRIPTS = "site", "data", "headers", "scripts"

# Written by us at the end; a wheel has no business there.
_RESERVED = ".envctl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """One distribution with its place in the environment; all paths are relative to that, POSIX.

    ``linked`` maps the final path of each file that comes from the store as it is to the stored file;
    ``lost`` holds those among them that another distribution overwrites. ``folders`` maps the
    folders of the wheel that it has to where they go. ``scripts`` are stored files to be copied with a new
    first line, ``entry_points`` script names with their object references; ``info`` is its ``.dist-info``.
    """

    placed: Placed
    name: str
    version: str
    info: str
    folders: Mapping[str, str]
    linked: Mapping[str, StoredFile]
    scripts: Mapping[str, StoredFile]
    entry_points: Mapping[str, str]
    lost: frozenset[str] = frozenset()

    @property
    def needs_record(self) -> bool:
        """Whether the RECORD in the store does not say all that is laid."""
        return bool(
            self.scripts
            or self.entry_points
            or self.lost
            or self.placed.pin.requested
            or self.placed.direct_url is not None
            or len(self.folders) > 1
        )

    @property
    def record(self) -> str:
        """Its RECORD."""
        return f"{self.info}/RECORD"


def arrange(blueprint: Blueprint, layout: Layout, own: Iterable[str]) -> tuple[Laid, ...]:
    """Arrange all distributions of a blueprint; ``own`` are the paths of the bare environment.

    Raises:
        MachineError: `file-conflict`.
    """
    laid = [_lay(placed, layout) for placed in blueprint.placed]
    lost = _find_losers(laid, frozenset(own), blueprint.allow_overwrite)
    return tuple(_with_losses(each, lost.get(index)) for index, each in enumerate(laid))


def _lay(placed: Placed, layout: Layout) -> Laid:
    about = placed.wheel.about
    name = str(about["name"])
    folders = {
        SITE: layout.site_packages,
        DATA: layout.data,
        HEADERS: f"{layout.headers}/{name}",
        SCRIPTS: layout.scripts,
    }
    linked: dict[str, StoredFile] = {}
    scripts: dict[str, StoredFile] = {}
    present: dict[str, str] = {}
    for folder, files in _split(placed.wheel):
        target = folders[folder]
        present[folder] = target
        prefix = f"{target}/" if target else ""
        start = len(folder) + 1
        into = scripts if folder == SCRIPTS else linked
        into.update({prefix + file[0][start:]: file for file in files})
    return Laid(
        placed=placed,
        name=name,
        version=placed.pin.version or str(about["version"]),
        info=f"{layout.site_packages}/{about['info']}",
        folders=present,
        linked=linked,
        scripts=scripts,
        entry_points={
            f"{layout.scripts}/{script}": reference
            for kind in ("console_scripts", "gui_scripts")
            for script, reference in _texts(about.get(kind)).items()
        },
    )


def _split(entry: Entry) -> list[tuple[str, tuple[StoredFile, ...]]]:
    runs = []
    for folder in (SITE, DATA, HEADERS, SCRIPTS):
        files = entry.below(folder)
        if files:
            runs.append((folder, files))
    return runs


def _texts(value: object) -> Mapping[str, str]:
    return value if isinstance(value, dict) else {}


def _find_losers(
    laid: Sequence[Laid], own: frozenset[str], allowed: frozenset[str]
) -> Mapping[int, frozenset[str]]:
    """Find who loses which paths to whom, as sets of paths by position."""
    owners: dict[str, int] = {}
    lost: dict[int, set[str]] = {}
    for index, each in enumerate(laid):
        paths = each.linked.keys() | each.scripts.keys() | each.entry_points.keys()
        _refuse_own(each, paths & own or _under_reserved(each))
        for path in paths & owners.keys():
            loser = _settle(laid, owners[path], index, path, allowed)
            lost.setdefault(loser, set()).add(path)
        for path in lost.get(index, ()):
            paths.discard(path)
        owners.update(dict.fromkeys(paths, index))
    return {index: frozenset(paths) for index, paths in lost.items()}


def _settle(laid: Sequence[Laid], first: int, second: int, path: str, allowed: frozenset[str]) -> int:
    """Say which of two distributions gives way at ``path``."""
    if laid[second].placed.pin.name in allowed:
        return first
    if laid[first].placed.pin.name in allowed or _is_same(laid[first], laid[second], path):
        return second
    names = f"`{laid[first].placed.pin.name}` and `{laid[second].placed.pin.name}`"
    raise MachineError(
        "file-conflict",
        f"{names} both hold `{path}`, with different content",
        where=path,
        hints=(
            f'`[install] allow-overwrite = ["{laid[second].placed.pin.name}"]` lets the latter win',
            "or leave one of them out",
        ),
    )


def _is_same(first: Laid, second: Laid, path: str) -> bool:
    if path in first.linked and path in second.linked:
        return first.linked[path].sha256 == second.linked[path].sha256
    if path in first.scripts and path in second.scripts:
        return first.scripts[path].sha256 == second.scripts[path].sha256
    reference = first.entry_points.get(path)
    return reference is not None and reference == second.entry_points.get(path)


def _under_reserved(laid: Laid) -> set[str]:
    if DATA not in laid.folders:
        return set()
    # A link of the bare environment (`lib64`) leads elsewhere: what lies behind it is some other path.
    return {path for path in laid.linked if path.split("/", 1)[0] in {_RESERVED, "lib64"}}


def _refuse_own(laid: Laid, paths: set[str]) -> None:
    if paths:
        path = min(paths)
        raise MachineError(
            "file-conflict",
            f"`{laid.placed.pin.name}` holds `{path}`, which is the environment's own",
            where=path,
            hints=("no distribution may replace the environment's own files; leave it out",),
        )


def _with_losses(laid: Laid, lost: frozenset[str] | None) -> Laid:
    if lost is None:
        return laid
    return Laid(
        placed=laid.placed,
        name=laid.name,
        version=laid.version,
        info=laid.info,
        folders=laid.folders,
        linked={path: file for path, file in laid.linked.items() if path not in lost},
        scripts={path: file for path, file in laid.scripts.items() if path not in lost},
        entry_points={path: text for path, text in laid.entry_points.items() if path not in lost},
        lost=lost,
    )
