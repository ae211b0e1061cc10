"""What is installed in an environment, whoever made it: read to be imported."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator
from pathlib import Path

from envctl.environment.configuration import choose_executable, read_configuration
from envctl.environment.probe import probe
from envctl.environment.scan import scan
from envctl.errors import InputError, MachineError, UpstreamError
from envctl.frozen import dataclass
from envctl.index.metadata import parse_metadata
from envctl.manifest.imported import Installed
from envctl.model.dependency import Dependency
from envctl.model.events import Emit, Notice
from envctl.model.interpreter import Interpreter
from envctl.model.names import normalise
from envctl.model.settings import Settings
from envctl.model.state import Distribution, Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An environment: its interpreter and its distributions, sorted by name."""

    path: str
    interpreter: Interpreter
    installed: tuple[Installed, ...]

    @property
    def python(self) -> str:
        """What a manifest says to get an interpreter like this one."""
        name = "pypy" if self.interpreter.implementation == "pypy" else ""
        return f"{name}{self.interpreter.minor}{'t' if self.interpreter.free_threaded else ''}"


def read_environment(path: str, settings: Settings, emit: Emit) -> Found:
    """Read what is installed at ``path`` (absolute); nothing there is run but its base interpreter.

    Raises:
        MachineError: `not-an-environment`; `no-python` when its interpreter is gone.
    """
    if os.path.isdir(os.path.join(path, "conda-meta")):
        raise InputError(
            "import-not-supported",
            f"`{path}` is an environment of conda, whose packages are not those of an index",
            where=path,
            hints=["`conda env export` says what is in it; write what is Python's into the manifest"],
        )
    state = scan(path)
    if state.owner in {Owner.UNKNOWN, Owner.NOBODY}:
        reason = state.reason or "it is not there"
        raise MachineError("not-an-environment", f"`{path}` is no virtual environment: {reason}", where=path)
    executable = choose_executable(read_configuration(path) or {})
    if executable is None:
        raise MachineError(
            "no-python",
            f"the interpreter of `{path}` is gone, so nobody can tell what its packages need",
            where=path,
        )
    interpreter = probe(executable, cache_dir=settings.cache_dir, environ=settings.environ)
    found = {each.name: _read(path, each, emit) for each in state.distributions.values()}
    for linked in _find_linked(path):
        found.setdefault(linked.name, linked)
    return Found(
        path=path, interpreter=interpreter, installed=tuple(each for _, each in sorted(found.items()))
    )


def _read(root: str, distribution: Distribution, emit: Emit) -> Installed:
    requirements: tuple[Dependency, ...] = ()
    extras = frozenset[str]()
    try:
        metadata = parse_metadata(_read_metadata(f"{root}/{distribution.info}"), where=distribution.info)
        requirements, extras = metadata.requirements, metadata.extras
    except (UpstreamError, OSError) as error:
        message = error.message if isinstance(error, UpstreamError) else str(error.strerror)
        emit(
            Notice("warning", "bad-metadata", f"what `{distribution.name}` requires is not known: {message}")
        )
    return Installed(
        name=distribution.name,
        version=distribution.version,
        installer=distribution.installer,
        requested=distribution.requested,
        requirements=requirements,
        extras=extras,
        direct_url=_parse_direct_url(distribution.direct_url),
    )


def _read_metadata(info: str) -> bytes:
    if os.path.isfile(info):  # a lone .egg-info
        return Path(info).read_bytes()
    name = "PKG-INFO" if info.endswith(".egg-info") else "METADATA"
    return Path(info, name).read_bytes()


def _parse_direct_url(text: str | None) -> dict[str, object] | None:
    try:
        document = json.loads(text or "null")
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and isinstance(document.get("url"), str) else None


def _find_linked(root: str) -> Iterator[Installed]:
    """Find what ``setup.py develop`` linked: a file that names the source tree, no ``.dist-info``."""
    places = (f"{glob.escape(root)}/lib/*/site-packages", f"{glob.escape(root)}/Lib/site-packages")
    for place in places:
        for link in sorted(glob.glob(f"{place}/*.egg-link")):
            folder = Path(link).read_text("utf-8", "replace").partition("\n")[0].strip()
            name = normalise(os.path.basename(link).removesuffix(".egg-link"))
            if os.path.isabs(folder):
                url = Path(folder).as_uri()
                document = {"url": url, "dir_info": {"editable": True}}
                yield Installed(name=name, version="", requested=True, direct_url=document)
