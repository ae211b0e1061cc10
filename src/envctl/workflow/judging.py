"""What `why_not` and `outdated` share: a judge of releases, made of the files and of what the indexes say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from packaging.requirements import Requirement
from packaging.version import Version

from envctl.errors import BuildError, ResolutionError, UpstreamError
from envctl.frozen import dataclass, replace
from envctl.lock.difference import LockChange, compare
from envctl.lock.graph import Entry, LockGraph
from envctl.lock.lock import Lock
from envctl.manifest.conflicts import Member
from envctl.manifest.manifest import Asked, Manifest
from envctl.model.events import Emit, Ended, Event, Notice
from envctl.model.selection import Pin, Selection
from envctl.policy.facts import NOTHING_KNOWN
from envctl.policy.judge import judge as judge_policy
from envctl.resolve.conflict import Conflict, explain
from envctl.resolve.listing import Listing, Shelf
from envctl.resolve.obstacles import Judge, Rules
from envctl.resolve.port import ListedFile, Project
from envctl.resolve.request import request_from
from envctl.resolve.solve import artifact_from
from envctl.resolve.universe import Universe
from envctl.workflow.context import Context, Released, Remote, Run
from envctl.workflow.coverage import Coverage, make_cells
from envctl.workflow.inputs import declared
from envctl.workflow.plan import open_run
from envctl.workflow.prepare import Situation, survey
from envctl.workflow.why import read_graph, require_lock, tell_stale


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One lock and all that is asked about it. ``fits`` says that it is up to date.

    ``graph`` is of all lists: any of them may keep a release away. ``chosen`` are the packages that the
    environment holds which was named, or all.
    """

    run: Run
    situation: Situation
    lock: Lock
    fits: bool
    graph: LockGraph
    chosen: tuple[Entry, ...]
    judge: Judge
    shelf: Shelf
    now: datetime

    @property
    def manifest(self) -> Manifest:
        """The manifest."""
        return self.situation.manifest

    @property
    def remote(self) -> Remote:
        """The remote side of the run."""
        return self.run.remote(self.situation.interpreter, self.manifest)

    def tell_untried(self) -> None:
        """Say that what seems to be free was not tried."""
        self.run.context.emit(
            Notice(
                "warning",
                "offline",
                "offline it could not be tried to lock what nothing seems to keep away",
            )
        )

    def listing(self, name: str) -> Listing:
        """Return the releases of a project."""
        return self.shelf.listing(name)

    def later_indexes(self, name: str) -> Sequence[Project]:
        """Return a project as the indexes list it that come after the one it is served by."""
        return self.remote.projects(name)[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of locking with something else than now.

    ``changes`` are those of the lock, when it ``works``; else ``error`` says why not, in one sentence, and
    ``explanation`` line by line.
    """

    works: bool
    changes: tuple[LockChange, ...] = ()
    error: str = ""
    explanation: tuple[str, ...] = ()

    def versions_of(self, name: str) -> tuple[Version, ...]:
        """Return the versions that a package got that was locked at others, newest first."""
        after = next((change.after for change in self.changes if change.name == name), None)
        return tuple(sorted(map(Version, after.split(", ")), reverse=True)) if after else ()

    def moved(self, name: str) -> tuple[LockChange, ...]:
        """Return what other packages than one got another version."""
        return tuple(
            change for change in self.changes if change.before and change.after and change.name != name
        )


@contextmanager
def open_bench(context: Context) -> Iterator[Bench]:
    """Read manifest and lock, and make ready to ask the indexes.

    Raises:
        EnvctlError: `lock-missing`.
        InputError: anything wrong with the files.
        MachineError: `no-python`.
    """
    loaded, declaration = declared(context)
    situation = survey(context, loaded, declaration, present=None)
    manifest = situation.manifest
    lock = require_lock(situation.lock)
    fits = tell_stale(context, manifest, situation.lock)
    run = open_run(replace(context, emit=_without_summaries(context.emit)))
    try:
        yield _make_bench(run, situation, lock, fits=fits)
    finally:
        run.close()


def _without_summaries(emit: Emit) -> Emit:
    """Pass events on without what was resolved in the end: what is tried here is no result."""

    def tell(event: Event) -> None:
        emit(Ended(event.phase, "") if isinstance(event, Ended) else event)

    return tell


def _make_bench(run: Run, situation: Situation, lock: Lock, *, fits: bool) -> Bench:
    manifest, now = situation.manifest, datetime.now(UTC)
    graph = read_graph(lock, manifest, None, here=situation.target)
    chosen = graph
    if run.context.environment is not None:
        chosen = read_graph(lock, manifest, situation.declaration, here=situation.target)
    remote = run.remote(situation.interpreter, manifest)
    direct = remote.settle(manifest, situation.direct, lock)
    request = request_from(manifest, direct=direct, preferences={}, now=now)
    shelf = Shelf(remote.catalog(), direct)
    judge = Judge(
        graph,
        [Universe(request, target, shelf) for target in graph.grid.targets],
        rules=_rules(manifest, now),
    )
    return Bench(
        run=run,
        situation=situation,
        lock=lock,
        fits=fits,
        graph=graph,
        chosen=tuple(entry for entry in chosen.entries if chosen.cells_of(entry)),
        judge=judge,
        shelf=shelf,
        now=now,
    )


def attempt(
    bench: Bench, released: Released, *, wanted: str | None = None, by: str = "", cells: int | None = None
) -> Attempt | None:
    """Lock in memory: with some versions let go, and with one requirement more, which ``by`` asks for.

    Of lists that conflict it is added to those alone that are meant by ``cells`` (of the graph), if given.
    None where that takes more than the cache has, offline.

    Raises:
        UpstreamError: an index does not answer, or is wrong.
    """
    try:
        made = relock(bench, released, wanted=wanted, by=by, cells=cells)
    except ResolutionError as error:
        lines = explain(error.conflict) if isinstance(error.conflict, Conflict) else ()
        return Attempt(works=False, error=error.message, explanation=lines or (error.message, *error.hints))
    except UpstreamError as error:
        if error.code != "offline":
            raise
        return None
    except BuildError as error:
        return Attempt(works=False, error=error.message, explanation=(error.message, *error.hints))
    return Attempt(works=True, changes=compare(bench.lock, made))


def relock(
    bench: Bench, released: Released, *, wanted: str | None = None, by: str = "", cells: int | None = None
) -> Lock:
    """Make the lock that would be if some versions were let go and one requirement more were asked for.

    Raises:
        ResolutionError, UpstreamError, BuildError: when there is none.
    """
    manifest = bench.manifest
    if wanted is not None:
        more = Asked(requirement=Requirement(wanted), by=by, where="")
        members = () if cells is None else bench.graph.grid.members_of(cells)
        manifest = _ask_more(manifest, more, members)
    targets = make_cells(Coverage(bench.lock.targets, bench.lock.pythons), bench.situation.target)
    return bench.remote.resolve(
        manifest,
        targets or bench.graph.grid.targets,
        direct=bench.situation.direct,
        digest="",
        old=bench.lock,
        released=released,
    )


def _ask_more(manifest: Manifest, more: Asked, members: Collection[Member]) -> Manifest:
    """Add a requirement to some groups and extras, to the dependencies where there are none."""
    if not members:
        return replace(manifest, dependencies=(*manifest.dependencies, more))

    def add(kind: str, lists: Mapping[str, tuple[Asked, ...]]) -> Mapping[str, tuple[Asked, ...]]:
        return {name: (*asked, more) if (kind, name) in members else asked for name, asked in lists.items()}

    return replace(manifest, groups=add("group", manifest.groups), extras=add("extra", manifest.extras))


def _rules(manifest: Manifest, now: datetime) -> Rules:
    """Ask the enforced rules of the policy about one release, as if nothing else were installed."""
    enforced = {name: rule for name, rule in manifest.policy.rules.items() if rule.mode == "enforce"}
    policy = replace(manifest.policy, rules=enforced)

    def ask(name: str, version: str, file: ListedFile, index: str | None) -> Sequence[str]:
        if not enforced:
            return ()
        pin = Pin(name=name, version=version, artifact=artifact_from(file, index))
        selection = Selection(pins={name: pin}, python="")
        verdicts = judge_policy((), selection, NOTHING_KNOWN, policy, now.date())
        return [f"{verdict.rule}: {verdict.message}" for verdict in verdicts if not verdict.waived]

    return ask
