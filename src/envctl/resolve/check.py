"""Check a solution before anybody sees it, without trusting what found it.

No masks, no tiers, no solver: only the picks, their metadata and packaging's own comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from envctl.resolve.universe import Universe
from envctl.resolve.want import Want


def check(
    universe: Universe,
    picks: Mapping[str, int],
    reached: Mapping[str, frozenset[str]],
    wants: Iterable[Want],
) -> None:
    """Raise RuntimeError, which is a bug of envctl, unless every requirement is satisfied.

    ``wants`` are those of the roots; ``reached`` the extras asked of each project.
    """
    asked = [("the manifest", want) for want in wants]
    for name, extras in reached.items():
        listing = universe.listing(name)
        if listing.artifact is None and not universe.offer(name, picks[name]).files:
            raise RuntimeError(f"{name} was picked without a file")
        asked += [("a constraint", want) for want in universe.constraints(name)]
        asked += [(name, want) for want in universe.depends(name, picks[name], extras)]
    urls: dict[str, set[str]] = {}
    for by, want in asked:
        if want.is_never or want.name not in picks:
            raise RuntimeError(f"{by} wants {want.text}, and nothing was picked")
        version = universe.listing(want.name).versions[picks[want.name]]
        if not want.specifier.contains(version, prereleases=True):
            raise RuntimeError(f"{by} wants {want.text}, and {version} was picked")
        if not want.extras <= reached[want.name] and by != "a constraint":
            raise RuntimeError(f"{by} wants {want.text}, and its extras were lost")
        if want.url is not None:
            urls.setdefault(want.name, set()).add(want.url)
    for name, several in urls.items():
        if len(several) > 1:
            raise RuntimeError(f"{name} was picked for two URLs")
