"""What the branches and tags name now that sources follow, beside the commits that the lock has of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from envctl.errors import UpstreamError
from envctl.frozen import dataclass, replace
from envctl.index.pool import Pending, Pool
from envctl.lock.choose import artifact_of
from envctl.lock.graph import Entry
from envctl.manifest.manifest import GitSource
from envctl.model.artifact import Checkout
from envctl.model.events import Notice
from envctl.vcs.repository import Reference, Repository, Revision
from envctl.workflow.checkouts import make_git
from envctl.workflow.judging import Bench

#: Repositories that are asked at a time, and seconds for the answer of one.
_WORKERS, _PATIENCE = 8, 60.0

#: What a repository has for each revision that is wanted of it.
Answers = Mapping[Revision, Reference | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutdatedSource:
    """A locked commit where what it was asked for by names another one now.

    ``kind`` is ``branch``, ``tag`` or ``rev`` (any other reference), ``revision`` its name, None for the
    default branch. ``locked`` and ``now`` are full names of commits; ``now`` is None where the repository has
    no such branch or tag any more. ``direct`` and ``asked_by`` are as in `Outdated`.
    """

    name: str
    url: str
    kind: str
    revision: str | None
    locked: str
    now: str | None
    direct: bool
    asked_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A locked commit; ``wanted`` is what the manifest says now, ``is_same`` that the lock says so, too."""

    entry: Entry
    checkout: Checkout
    wanted: Revision
    is_same: bool


def list_followed(bench: Bench, entries: Sequence[Entry]) -> tuple[Followed, ...]:
    """List the packages that come out of repositories."""
    packages = bench.lock.pylock.packages
    return tuple(
        _follow(bench, entry, artifact)
        for entry in entries
        if isinstance(artifact := artifact_of(bench.lock, packages[entry.number]), Checkout)
    )


def _follow(bench: Bench, entry: Entry, checkout: Checkout) -> Followed:
    # A lock that does not say of which kind a name is means what `name @ git+https://…@name` does.
    kind = checkout.revision_kind or ("rev" if checkout.requested_revision else "")
    locked = Revision(kind, checkout.requested_revision or "")
    source = bench.manifest.sources.get(entry.name)
    if not isinstance(source, GitSource) or source.url != checkout.url:
        return Followed(entry=entry, checkout=checkout, wanted=locked, is_same=True)
    wanted = Revision(*source.revision)
    is_same = locked.name == wanted.name and checkout.revision_kind in {None, wanted.kind or None}
    return Followed(entry=entry, checkout=checkout, wanted=wanted, is_same=is_same)


@contextmanager
def ask_repositories(
    bench: Bench, followed: Collection[Followed]
) -> Iterator[Mapping[str, Pending[Answers]]]:
    """Ask each repository once, all at a time; yields the answers to come, by URL.

    Waited for, one raises UpstreamError: `git-failed`, `bad-url`, `timeout`, `offline`; MachineError:
    `git-missing`.
    """
    settings = bench.run.context.settings
    git = replace(make_git(settings, bench.run.context.emit), timeout=settings.timeout or _PATIENCE)
    wanted: dict[str, set[Revision]] = {}
    for each in followed:
        if not each.wanted.is_commit:
            wanted.setdefault(each.checkout.url, set()).add(each.wanted)
    pool = Pool(_WORKERS)
    try:
        yield {
            url: pool.submit(partial(Repository(git, url).look_up, frozenset(revisions)))
            for url, revisions in wanted.items()
        }
    finally:
        git.running.stop()
        pool.close()


def compare_followed(
    bench: Bench, followed: Sequence[Followed], answers: Mapping[str, Pending[Answers]]
) -> tuple[tuple[OutdatedSource, ...], tuple[str, ...]]:
    """Return what names another commit now, and the names of those that could not be asked about, offline.

    Raises:
        UpstreamError, MachineError: as `ask_repositories` says.
    """
    outdated, not_asked = [], []
    for each in followed:
        if each.wanted.is_commit:
            continue
        try:
            found = answers[each.checkout.url].wait()[each.wanted]
        except UpstreamError as error:
            if error.code != "offline":
                raise
            not_asked.append(each.entry.name)
            continue
        one = _compare(bench, each, found)
        if one is not None:
            outdated.append(one)
            _warn_of_tag(bench, each, one)
    if not_asked:
        names = ", ".join(f"`{name}`" for name in not_asked)
        message = f"offline no repository could be asked for newer commits of {names}"
        bench.run.context.emit(Notice("warning", "offline", message))
    return tuple(outdated), tuple(not_asked)


def _compare(bench: Bench, followed: Followed, found: Reference | None) -> OutdatedSource | None:
    """Compare a commit with what it was asked for by; None where that names it."""
    wanted, locked = followed.wanted, followed.checkout.commit
    now = None if found is None else found.commit
    if now == locked or (now is None and wanted.may_abbreviate(locked)):
        return None
    direct, asked_by = bench.graph.askers_of(followed.entry)
    return OutdatedSource(
        name=followed.entry.name,
        url=followed.checkout.url,
        kind=found.kind if found is not None else wanted.kind or "branch",
        revision=wanted.name or None,
        locked=locked,
        now=now,
        direct=direct,
        asked_by=asked_by,
    )


def _warn_of_tag(bench: Bench, followed: Followed, one: OutdatedSource) -> None:
    """Warn of a tag that was moved: most people take it for granted that none ever is."""
    if one.kind == "tag" and one.now is not None and followed.is_same:
        message = (
            f"the tag `{one.revision}` of `{one.url}` was moved: `{one.name}` is locked to "
            f"{one.locked[:12]}, and it names {one.now[:12]} now"
        )
        bench.run.context.emit(Notice("warning", "tag-moved", message))
