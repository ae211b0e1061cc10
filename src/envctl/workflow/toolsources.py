"""What ``[sources]`` names, as builds require it: looked at, or settled, when it is asked for first.

Few builds require what has a source. So no repository is asked, and no folder looked at, that none of them
does.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy

from packaging.requirements import Requirement

from envctl.errors import ResolutionError
from envctl.frozen import replace
from envctl.index.location import format_url
from envctl.manifest.manifest import GitSource, IndexSource, Manifest, Source, UrlSource
from envctl.model.artifact import Artifact
from envctl.model.names import normalise
from envctl.model.target import Target
from envctl.workflow.origins import Origins
from envctl.workflow.sources import as_local, look_at


class ToolSources(Mapping[str, Artifact]):
    """By project name, the one artifact that a build requirement comes from; for several threads.

    ``known`` is what this run has settled for its lock, by name. ``make_origins`` makes what settles the
    rest; without it there is nothing but that, and what lies on this machine.
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        known: Mapping[str, Artifact],
        make_origins: Callable[[], Origins] | None,
    ) -> None:
        self._manifest = manifest
        self._known = known
        self._make_origins = make_origins
        self._names = frozenset(
            name
            for name, source in manifest.sources.items()
            if not isinstance(source, IndexSource) and (make_origins or name in known or as_local(source))
        )
        self._found: dict[str, Artifact] = {}
        self._lock = threading.Lock()

    def __contains__(self, name: object) -> bool:
        """Whether a project comes from no index; nothing is looked at for that."""
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        """Name the projects that come from no index."""
        return iter(self._names)

    def __len__(self) -> int:
        """Count them."""
        return len(self._names)

    def __getitem__(self, name: str) -> Artifact:
        """Return what a project comes from.

        Raises:
            KeyError: it comes from an index.
            InputError, UpstreamError: as `look_at` and `Origins.settle_one` do.
        """
        if name not in self._names:
            raise KeyError(name)
        with self._lock:
            if name not in self._found:
                self._found[name] = self._find(name, self._manifest.sources[name])
            return self._found[name]

    def _find(self, name: str, source: Source) -> Artifact:
        where = f"{os.path.basename(self._manifest.path)}: sources.{name}"
        local = as_local(source)
        if local is not None:
            # A build gets what others would get. Else an edit of its code would be in what was made by it,
            # and in no digest.
            return look_at(self._manifest, name, replace(local, editable=False), where=where)
        known = self._known.get(name)
        if known is not None:
            return known
        assert isinstance(source, GitSource | UrlSource)  # noqa: S101 - nothing else has a name here
        assert self._make_origins is not None  # noqa: S101 - likewise
        return self._make_origins().settle_one(name, source, where=where)


def take_out_urls(
    requirements: Iterable[Requirement], sources: Mapping[str, Artifact], target: Target, *, where: str | None
) -> tuple[Requirement, ...]:
    """Return the requirements of a build without URLs: what has one comes from where ``[sources]`` says.

    A stranger's build could otherwise make an installer fetch from anywhere, or read ``file:`` URLs.

    Raises:
        ResolutionError: `direct-url-refused` where ``[sources]`` does not say it.
    """
    found = []
    for requirement in requirements:
        if requirement.url is not None:
            name, marker = normalise(requirement.name), requirement.marker
            if name not in sources and (marker is None or marker.evaluate({**target.markers, "extra": ""})):
                raise ResolutionError(
                    "direct-url-refused",
                    f"a build requires `{name} @ {format_url(requirement.url)}`, and may require no URL",
                    where=where,
                    hints=(f"say under `[sources]` where `{name}` comes from: builds take it from there",),
                )
            requirement = copy(requirement)  # noqa: PLW2901 - the same one, but for its URL
            requirement.url = None
        found.append(requirement)
    return tuple(found)
