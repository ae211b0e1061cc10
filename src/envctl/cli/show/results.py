"""Every other result as lines of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from envctl.cli.console import Line, Styled, plain
from envctl.cli.show.plan import drift_lines
from envctl.cli.show.words import count, shorten, size
from envctl.model.change import Action
from envctl.plan.change import Plan
from envctl.plan.summary import summarise
from envctl.workflow.results import CacheInfo, Listed, Pruned, Report, Status


def init_lines(paths: Sequence[str], directory: str) -> list[Line]:
    """Say what ``init`` wrote, and what comes next."""
    lines: list[Line] = [f"Wrote {shorten(path, directory)}" for path in paths]
    return [*lines, "Next: edit it, look at `envctl plan`, then `envctl apply`."]


def outcome_lines(report: Report) -> list[Line]:
    """Say in the last lines what became of a plan."""
    plan = report.plan
    lock = f" {plan.inputs.lock_path or 'pylock.toml'} was written." if report.lock_written else ""
    match report.outcome:
        case "already-applied":
            return ["Already applied: the environment is what this plan makes of it."]
        case "nothing-to-do":
            return [f"Nothing was to be done.{lock}"] if lock else []
        case _:
            return [(Styled("Applied:", "green"), f" {_done(plan)}{_where(report)}.{lock}")]


def _done(plan: Plan) -> str:
    summary = summarise(plan)
    parts = [
        f"{number} {word}"
        for number, word in (
            (summary.create, "created"),
            (summary.update, "updated"),
            (summary.replace, "replaced"),
            (summary.delete, "deleted"),
        )
        if number
    ]
    return ", ".join(parts) or "no change of the environment"


def _where(report: Report) -> str:
    return (
        ""
        if report.generation is None
        else f"; {report.plan.environment.path} is generation {report.generation}"
    )


_LOCK_WORDS = {
    "fits": "fits the manifest",
    "missing": "is missing",
    "stale": "is out of date",
    "not-locked-for": "does not cover this machine or Python",
}


def status_lines(status: Status, directory: str) -> list[Line]:
    """Say how manifest, lock and environment stand to each other, and what to type next."""
    python = f", Python {status.python}" if status.python else ""
    generation = f", generation {status.generation}" if status.generation is not None else ""
    lines: list[Line] = [
        (Styled(status.name, "bold"), f" ({shorten(status.path, directory)}){python}{generation}"),
        ("  lock         ", _judge(_LOCK_WORDS.get(status.lock, status.lock), good=status.lock == "fits")),
        ("  environment  ", _judge(_describe_environment(status), good=status.environment == "fits")),
    ]
    if status.pending:
        lines.append(("  pending      ", Styled(status.pending, "yellow")))
    lines += drift_lines(status.drift)
    hint = _next_step(status)
    return [*lines, hint] if hint else lines


def _judge(text: str, *, good: bool) -> Styled:
    return Styled(text, "green" if good else "yellow")


def _describe_environment(status: Status) -> str:
    match status.environment:
        case "fits":
            return "fits the lock"
        case "missing":
            return "is missing"
        case "not-ours":
            return "was made by others"
        case "differs":
            return (
                f"differs from the lock: {count(status.changes, 'change')}" if status.changes else "differs"
            )
        case "unknown":
            return "cannot be judged without a lock that is for it"
        case other:
            return other


def _next_step(status: Status) -> str:
    if status.fits:
        return ""
    if status.environment == "not-ours":
        return "`envctl plan --adopt` shows what taking it over would do."
    if status.pending and status.environment == "fits" and status.lock == "fits":
        return "`envctl apply` finishes or undoes what was begun."
    return "`envctl plan` shows what `envctl apply` would do."


def listed_lines(packages: Sequence[Listed]) -> list[Line]:
    """List what is installed: name, version, source, and what is remarkable."""
    if not packages:
        return ["Nothing is installed."]
    rows = []
    for each in packages:
        marks = [
            word
            for word, holds in (
                ("direct", each.direct),
                ("editable", each.editable),
                ("foreign", each.foreign),
            )
            if holds
        ]
        rows.append(
            (each.name, each.version, "" if each.source == "index" else each.source, ", ".join(marks))
        )
    return columns(rows)


def cache_lines(info: CacheInfo) -> list[Line]:
    """Say where the cache is and what it holds."""
    rows = [
        (f"  {name}", size(extent.size), count(extent.count, "entry", "entries"), describe_bucket(name))
        for name, extent in sorted(info.buckets.items())
    ]
    total = sum(extent.size for extent in info.buckets.values())
    shared = total - sum(extent.own for extent in info.buckets.values())
    note = f", of which {size(shared)} are shared with environments" if shared else ""
    return [f"{info.path}: {size(total)}{note}", *columns(rows)]


_REASONS = {
    "litter": "left by runs that are over",
    "outdated": "of an older envctl",
    "damaged": "damaged",
    "orphaned": "of wheels, interpreters or projects that are gone",
    "size": "longest not used",
}


def pruned_lines(pruned: Pruned) -> list[Line]:
    """Say what was deleted from the cache and why, and what is left."""
    rows = [
        (
            f"  {each.bucket or 'litter'}",
            size(each.size),
            count(each.count, "file") if each.bucket is None else count(each.count, "entry", "entries"),
            _REASONS[each.reason],
        )
        for each in pruned.removed
    ]
    lines = [
        (Styled("damaged", "yellow"), f"  {each.name or each.bucket} ({each.key[:16]}…): {each.fault}")
        for each in pruned.damaged
    ]
    shared = f", and {size(pruned.shared_bytes)} shared with environments" if pruned.shared_bytes else ""
    done = f"Pruned {pruned.path}: {size(pruned.freed)} freed, {size(pruned.own_bytes)} left{shared}."
    return [*lines, *columns(rows), done]


#: What the buckets of the cache hold, by their names without the number of the schema.
_BUCKETS = {
    "archives": "wheels and source archives of sources, as they came",
    "answers": "what targets make of markers and tags",
    "bare": "environments without packages",
    "build-logs": "what builds printed",
    "built": "wheels built here, unpacked",
    "built-metadata": "metadata that only a build can tell",
    "built-with": "the tools of builds",
    "bytecode": "modules compiled",
    "checked-out": "what commits state",
    "goals": "what manifests want",
    "interpreters": "what interpreters are",
    "locks": "locks that are up to date",
    "locks-made": "locks as they were made",
    "locks-read": "locks as they were read",
    "manifests": "manifests as they were read",
    "metadata": "metadata of releases",
    "pages": "pages of indexes",
    "repositories": "commits of repositories",
    "sdist-metadata": "metadata that sources state",
    "stated": "metadata as it was read",
    "virtualenv": "what virtualenv knows of interpreters",
    "wheels": "wheels, unpacked",
}


def describe_bucket(name: str) -> str:
    """Say in a few words what a bucket of the cache holds; nothing of one that is not known."""
    return _BUCKETS.get(name.rpartition("-v")[0], "")


def columns(rows: Sequence[tuple[str, ...]], join: Callable[[Sequence[str]], str] = "  ".join) -> list[Line]:
    """Align rows of cells, all of one length, below each other."""
    if not rows:
        return []
    shown = [[plain(cell) for cell in row] for row in rows]
    wide = [max(len(row[index]) for row in shown) for index in range(len(rows[0]))]
    return [join([cell.ljust(wide[index]) for index, cell in enumerate(row)]).rstrip() for row in shown]


def asks_first(plan: Plan) -> bool:
    """Decide whether a plan is worth a question: it removes, replaces or downgrades something."""
    return any(
        change.action in {Action.DELETE, Action.REPLACE} or "downgrade" in change.flags
        for change in plan.changes
    )
