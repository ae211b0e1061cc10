"""Check a solution before anybody sees it, without trusting what found it.

No masks, no tiers, no solver: only the picks, their metadata and packaging's own comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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
        if universe.refusal(name, picks[name]) is not None:
            raise RuntimeError(f"{name} was picked although its metadata refuses")
        asked += [("a constraint", want) for want in universe.constraints(name)]
        asked += [(name, want) for want in universe.depends(name, picks[name], extras)]
    about: dict[str, list[Want]] = {}
    urls: dict[str, set[str]] = {}
    for by, want in asked:
        if want.is_never or want.name not in picks:
            raise RuntimeError(f"{by} wants {want.text}, and nothing was picked")
        version = universe.listing(want.name).versions[picks[want.name]]
        if not want.specifier.contains(version, prereleases=True):
            raise RuntimeError(f"{by} wants {want.text}, and {version} was picked")
        if not want.extras <= reached[want.name] and by != "a constraint":
            raise RuntimeError(f"{by} wants {want.text}, and its extras were lost")
        about.setdefault(want.name, []).append(want)
        if want.url is not None:
            urls.setdefault(want.name, set()).add(want.url)
    for name, several in urls.items():
        if len(several) > 1:
            raise RuntimeError(f"{name} was picked for two URLs")
    for name in reached:
        _check_admission(universe, name, picks[name], about[name])


def _check_admission(universe: Universe, name: str, position: int, wants: Sequence[Want]) -> None:
    """Raise unless a pre-release or a yanked release has reason to be picked (PEP 440, PEP 592)."""
    listing = universe.listing(name)
    version = listing.versions[position]
    is_fresh = bool(universe.offer(name, position).fresh)
    if listing.artifact is not None or universe.kept(name) == position:
        return
    if is_fresh and not version.is_prerelease:
        return
    mode = universe.request.prerelease_mode(name)
    fit = [
        candidate
        for other, candidate in enumerate(listing.versions)
        if not (candidate.is_prerelease and mode == "disallow")
        and all(want.specifier.contains(candidate, prereleases=True) for want in wants)
        and universe.offer(name, other).fresh
    ]
    mentioned = mode == "allow" or any(want.specifier.prereleases for want in wants)
    has_final = any(not candidate.is_prerelease for candidate in fit)
    if version.is_prerelease and (mode == "disallow" or (has_final and not mentioned)):
        raise RuntimeError(f"{name} {version} was picked, a pre-release that nothing lets in")
    if not is_fresh and (fit or not any(want.is_exact for want in wants)):
        raise RuntimeError(f"{name} {version} was picked without a file that counts")
