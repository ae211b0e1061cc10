"""The releases and their requirements as one target sees them under one request.

Everything that a solver asks is answered here and remembered: which versions a name's wants allow,
what a release offers, and what it requires once markers are evaluated, overrides and excludes
applied, and requirements of a project on its own extras closed over. Any solver can stand on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from envctl.errors import BuildError, InputError, ResolutionError, UpstreamError
from envctl.model.artifact import Archive, Artifact, Directory, format_origin
from envctl.model.dependency import AnyRequirement, Dependency, marker_of, parse_marker
from envctl.model.names import normalise
from envctl.model.target import Target
from envctl.resolve.direct import Undiscovered, find_direct, is_same
from envctl.resolve.files import UNDATED, Offer, Refusal, RefusalKind, Yardstick, wheel_tags
from envctl.resolve.listing import Listing, Shelf, newest_first
from envctl.resolve.port import ListedFile, Metadata
from envctl.resolve.request import Reference, Request
from envctl.resolve.want import Clause, Want, never, want_from

# Codes with which a catalog says that one release is unusable, as opposed to an index that fails.
_UNUSABLE = frozenset({"build-not-allowed", "bad-metadata", "bad-sdist", "no-metadata", "wrong-metadata"})


class Universe:
    """One target's view; not to be shared between targets, its `Shelf` may be."""

    def __init__(self, request: Request, target: Target, shelf: Shelf) -> None:
        self.request = request
        self.target = target
        self.shelf = shelf
        self.yardstick = Yardstick(request, target, shelf.fits(*(each.tags for each in target.all)))
        self._environment = dict(target.markers)
        self._marked = shelf.answers(target)
        self._overrides = _by_name(request.overrides)
        self._constraints = {
            name: tuple(clause.want for clause in map(shelf.clause, several) if self._is_active(clause, ""))
            for name, several in _by_name(request.constraints).items()
        }
        self._direct = find_direct(request, target)
        self._listings: dict[str, Listing] = {}
        self._interned: dict[str, Want] = {}
        self._masks: dict[str, int] = {}
        self._offers: dict[tuple[str, int], Offer] = {}
        self._has_fresh: dict[tuple[str, int, bool], bool] = {}
        self._refused: dict[tuple[str, int], Refusal | None] = {}
        self._active: dict[tuple[str, int, str], tuple[Want, ...]] = {}
        self._depends: dict[tuple[str, int, frozenset[str]], tuple[Want, ...]] = {}

    # What is asked -------------------------------------------------------------------------------

    def wants(self, requirement: AnyRequirement, extra: str = "") -> tuple[Want, ...]:
        """Return what a requirement amounts to on this target: nothing, itself, or its overrides.

        An override replaces specifier and URL; the extras that were asked for stay asked for.
        """
        clause = self.shelf.clause(requirement)
        if not self._is_active(clause, extra):
            return ()
        name = clause.want.name
        if name in self.request.excludes:
            return ()
        if name not in self._overrides:
            return (clause.want,)
        return tuple(
            self._intern(want_from(override, extras=clause.want.extras))
            for override in self._overrides[name]
            if self._is_active(self.shelf.clause(override), "")
        )

    def constraints(self, name: str) -> tuple[Want, ...]:
        """Return the constraints of a project that are active here."""
        return self._constraints.get(name, ())

    def mask(self, want: Want) -> int:
        """Return the versions that one want contains."""
        mask = self._masks.get(want.text)
        if mask is None:
            mask = self._masks[want.text] = self.listing(want.name).mask(want.specifier)
        return mask

    def allowed(self, name: str, wants: Iterable[Want]) -> int:
        """Return the versions that all wants and constraints of a project contain, as a mask.

        Two wants with different URLs have none in common (PEP 508 allows one origin).
        """
        listing = self.listing(name)
        mask = listing.all
        urls = set()
        for want in (*wants, *self.constraints(name)):
            mask &= self.mask(want)
            if want.url is not None:
                urls.add(want.url)
        return mask if len(urls) < 2 else 0

    # What there is -------------------------------------------------------------------------------

    def listing(self, name: str) -> Listing:
        """Return the listing of a project; blocks when it is not known yet."""
        listing = self._listings.get(name)
        if listing is None:
            listing = self._listings[name] = self.shelf.listing(name, self._direct.get(name))
        return listing

    def prefetch(self, names: Iterable[str]) -> None:
        """Hint at pages that will be wanted: not of projects that come from somewhere else."""
        self.shelf.prefetch(name for name in names if name not in self._direct)

    def offer(self, name: str, position: int) -> Offer:
        """Return the files that a version of an index offers here."""
        key = (name, position)
        offer = self._offers.get(key)
        if offer is None:
            listing = self.listing(name)
            offer = self.yardstick.measure(name, listing.files(position), listing.index)
            self._offers[key] = offer
        return offer

    def kept(self, name: str) -> int | None:
        """Return the position of the version that was locked before, if it can still be had here."""
        text = self.request.preferences.get(name)
        if text is None or self.listing(name).artifact is not None:
            return None
        position = self._position(name, text)
        return position if position is not None and self.offer(name, position).files else None

    def elsewhere(self, name: str) -> tuple[int, ...]:
        """Return the positions of the versions that others have, those that they like best first."""
        texts = self.request.elsewhere.get(name, ())
        return tuple(found for text in texts if (found := self._position(name, text)) is not None)

    def has_fresh(self, name: str, mask: int, *, finals: bool = False) -> bool:
        """Whether any version of a mask has a file that counts; of its ``finals`` only, if asked."""
        key = (name, mask, finals)
        known = self._has_fresh.get(key)
        if known is None:
            is_final = self.listing(name).is_final
            known = any(
                (not finals or is_final(position)) and self.offer(name, position).fresh
                for position in newest_first(mask)
            )
            self._has_fresh[key] = known
        return known

    def metadata(self, name: str, position: int) -> Metadata:
        """Return the metadata of a release: of its one artifact, else of its best file here."""
        listing = self.listing(name)
        return self.shelf.metadata(name, listing.versions[position], self._source(listing, position))

    def refusal(self, name: str, position: int) -> Refusal | None:
        """Return why a release is no candidate although it has a file that counts, None if it is one.

        Looks into its metadata: Requires-Python that an index did not tell, or metadata that only a
        forbidden build could tell. A direct artifact has no alternative, so its errors are raised.
        """
        key = (name, position)
        if key not in self._refused:
            self._refused[key] = self._judge(name, position)
        return self._refused[key]

    def wrong(self) -> dict[tuple[str, int], Refusal]:
        """Return the releases that were looked at and whose metadata is wrong, by name and position."""
        return {
            key: refusal
            for key, refusal in self._refused.items()
            if refusal is not None and refusal.kind is RefusalKind.METADATA
        }

    def undated(self) -> list[tuple[str, int]]:
        """Return the releases that were looked at and do not count because nobody knows their age."""
        if not self.request.exclude_newer:
            return []
        return [
            key
            for key, offer in self._offers.items()
            if not offer.fresh and any(refusal.detail == UNDATED for refusal in offer.refusals)
        ]

    def tried(self) -> frozenset[tuple[str, int]]:
        """Return the releases, by name and position, whose requirements were looked at so far."""
        return frozenset((name, position) for name, position, _ in self._active)

    def overrides(self, name: str) -> Sequence[AnyRequirement]:
        """Return what stands for whatever anybody asks of a project; nothing where it is not overridden."""
        return self._overrides.get(name, ())

    # What a release requires ---------------------------------------------------------------------

    def depends(self, name: str, position: int, extras: frozenset[str]) -> tuple[Want, ...]:
        """Return what a release with extras requires of other projects, in the order of its metadata.

        Requirements on itself are closed over and never appear. A release that cannot be used, or
        that contradicts itself, requires one thing that nothing satisfies.
        """
        key = (name, position, extras)
        found = self._depends.get(key)
        if found is None:
            found = self._depends[key] = self._close(name, position, extras)
        return found

    def missing_extras(self, name: str, position: int, extras: frozenset[str]) -> tuple[str, ...]:
        """Return those of ``extras`` that a release does not have, sorted."""
        return tuple(sorted(extras - self.metadata(name, position).extras))

    def _close(self, name: str, position: int, extras: frozenset[str]) -> tuple[Want, ...]:
        refusal = self.refusal(name, position)
        if refusal is not None:
            return (never(name, refusal.detail),)
        version = self.listing(name).versions[position]
        found: dict[Want, None] = {}
        queue = ["", *sorted(extras)]
        seen = set(queue)
        for extra in queue:  # grows while it is walked
            for want in self._requires(name, position, extra):
                if want.name != name:
                    found[want] = None
                    continue
                if not want.specifier.contains(version, prereleases=True):
                    return (never(name, f"it requires {want.text} of itself"),)
                more = sorted(want.extras - seen)
                seen.update(more)
                queue.extend(more)
        return tuple(found)

    def _requires(self, name: str, position: int, extra: str) -> tuple[Want, ...]:
        key = (name, position, extra)
        found = self._active.get(key)
        if found is None:
            wants: list[Want] = []
            for requirement in self.metadata(name, position).requirements:
                active = self.wants(requirement, extra)
                if active and requirement.url and active[0].url is not None:
                    self._admit_url(name, position, requirement, extra)
                wants += active
            found = self._active[key] = tuple(wants)
        return found

    def _admit_url(self, name: str, position: int, requirement: Dependency, extra: str) -> None:
        """Refuse a direct URL below the lists of source trees of this machine.

        An index could otherwise make an installer fetch from anywhere, or read ``file:`` URLs.
        """
        listing, other, url = self.listing(name), normalise(requirement.name), requirement.url or ""
        if not isinstance(listing.artifact, Directory):
            raise ResolutionError(
                "direct-url-refused",
                f"`{name}` {listing.versions[position]} requires `{other} @ {url}`, and a direct URL may "
                "stand only in the lists of the manifest, of the project and of path sources",
                hints=(
                    f'`[lock] overrides = ["{other}"]` replaces what is required',
                    f"`[sources]` says where {other} comes from then, if not from an index",
                ),
            )
        meant, source = self.request.direct.get(url), self.request.direct.get(other)
        if meant is None or other not in self._direct:
            raise Undiscovered(Reference(other, url, marker_of(requirement), extra), name)
        if source is not None and not is_same(source, meant):
            raise InputError(
                "two-origins",
                f"`{name}` requires `{other} @ {url}`, and `[sources]` says that {other} comes from "
                f"`{format_origin(source)}`",
                where=listing.artifact.display_path,
                hints=("leave one of the two",),
            )

    def _position(self, name: str, text: str) -> int | None:
        return self.listing(name).find(text)

    def _source(self, listing: Listing, position: int) -> ListedFile | Artifact:
        if listing.artifact is not None:
            return listing.artifact
        return self.offer(listing.name, position).files[0]

    def _judge(self, name: str, position: int) -> Refusal | None:
        listing = self.listing(name)
        try:
            metadata = self.metadata(name, position)
        except (BuildError, UpstreamError) as error:
            if listing.artifact is not None or error.code not in _UNUSABLE:
                raise
            kind = RefusalKind.BUILD if isinstance(error, BuildError) else RefusalKind.METADATA
            return Refusal(kind, error.message)
        requires_python = None if metadata.requires_python is None else str(metadata.requires_python)
        if not self.yardstick.holds(requires_python):
            return Refusal(RefusalKind.PYTHON, requires_python or "")
        return self._judge_archive(listing.artifact)

    def _judge_archive(self, artifact: Artifact | None) -> Refusal | None:
        """Refuse a wheel of a direct source whose tags do not fit."""
        if not isinstance(artifact, Archive):
            return None
        place = (artifact.url or artifact.path or "").partition("#")[0].partition("?")[0]
        filename = place.rsplit("/", 1)[-1]
        if filename.endswith(".whl") and self.yardstick.fit(filename) is None:
            return Refusal(RefusalKind.TAGS, wheel_tags(filename))
        return None

    def _is_active(self, clause: Clause, extra: str) -> bool:
        if not clause.marker:
            return True
        # Most markers do not mention the extra: those are evaluated once for all of them.
        key = f"{extra if clause.mentions_extra else ''};{clause.marker}"
        known = self._marked.get(key)
        if known is None:
            environment = {**self._environment, "extra": extra}
            known = self._marked[key] = parse_marker(clause.marker).evaluate(environment)
        return known

    def _intern(self, want: Want) -> Want:
        return self._interned.setdefault(want.text, want)


def _by_name(requirements: Sequence[AnyRequirement]) -> dict[str, list[AnyRequirement]]:
    result: dict[str, list[AnyRequirement]] = {}
    for requirement in requirements:
        result.setdefault(normalise(requirement.name), []).append(requirement)
    return result
