"""What keeps releases away, in words: for one version, and for all that is outdated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from envctl.cli.console import Line, Styled
from envctl.cli.show.plan import lock_change_lines
from envctl.cli.show.results import columns
from envctl.cli.show.why import join_some, label, way_lines
from envctl.cli.show.words import count, days
from envctl.resolve.obstacles import Judged, Obstacle, ObstacleKind
from envctl.workflow.followed import OutdatedSource
from envctl.workflow.judging import Attempt
from envctl.workflow.outdated import Outdated, OutdatedPackages
from envctl.workflow.why_not import WhyNot

#: Groups of releases that are shown of one package.
_SHOWN = 10

#: Characters that are shown of what a maintainer says.
_LONGEST = 120

_HELD = "nothing but the lock holds it"


def why_not_lines(found: WhyNot) -> list[Line]:
    """Say what keeps a package from a version, and what would get it there."""
    locked = " and ".join(_locked(each.version, each.marker) for each in found.locked)
    is_locked = "is locked" if len(found.locked) == 1 else "are locked"
    what = f"{found.name} {locked} {is_locked}" if locked else f"Nothing asks for {found.name}"
    wanted = f"`{found.requirement}`"
    match found.outcome:
        case "locked":
            return [f"{what}, and that is {wanted}."]
        case "free" | "untried":
            return _free_lines(found, what)
        case "conflict":
            lines: list[Line] = [f"{what}; {wanted} cannot be locked together with the rest:"]
            return [*lines, *(_clash_lines(found.clashes) or _attempt_lines(found.attempt))]
        case "moves":
            lines = [f"{what}; {wanted} does not go together with the rest as it is:"]
            return [*lines, *_clash_lines(found.clashes), *_together_lines(found)]
        case _:
            lines = [f"{what}; this keeps it from {wanted}:", *_judged_lines(found.releases)]
            if found.attempt is None:
                return lines
            if found.attempt.works:
                return [*lines, *_together_lines(found)]
            return [
                *lines,
                "Another release of what requires it does not help:",
                *_attempt_lines(found.attempt),
            ]


def _locked(version: str | None, marker: str | None) -> str:
    return f"{version or ''}{f' (where {marker})' if marker else ''}".strip()


def _free_lines(found: WhyNot, what: str) -> list[Line]:
    lines: list[Line] = []
    if found.outcome == "untried":
        lines.append(f"{what}; {_HELD}, as far as it looks. Offline it could not be tried.")
    elif not found.locked:
        lines.append(f"{what}, and nothing stands against `{found.tried}`: add it to a list.")
    elif found.upgrade:
        lines.append(f"Nothing but the lock holds it: {_upgrade_command(found)}")
    else:
        lines.append(
            f"Nothing but the lock holds it, and newer ones fit too: write `{found.tried}` into a list."
        )
    free = [judged for judged in found.releases if judged.is_free]
    if all(judged.obstacles for judged in free):
        lines += ["But not everywhere:", *_judged_lines(free[:1])]
    changes = found.attempt.changes if found.attempt is not None else ()
    if changes:
        lines += ["This would change:", *lock_change_lines(changes)[1:]]
    return lines


def _together_lines(found: WhyNot) -> list[Line]:
    changes = found.attempt.changes if found.attempt is not None else ()
    get = f"{_upgrade_command(found)} does that." if found.upgrade else ""
    return [
        "It could be locked if others moved too:",
        *lock_change_lines(changes)[1:],
        get or f"To have that, write `{found.tried}` into a list.",
    ]


def _upgrade_command(found: WhyNot) -> str:
    return f"`envctl lock {' '.join(f'--upgrade-package {name}' for name in found.upgrade)}`"


def _clash_lines(clashes: Sequence[Obstacle]) -> list[Line]:
    lines: list[Line] = []
    for clash in clashes[:_SHOWN]:
        where = f" where {clash.marker}" if clash.marker else ""
        lines.append(f"  it requires `{clash.detail}`{where}, but")
        lines += [f"    {line}" for line in (() if clash.way is None else way_lines(clash.way))]
    return lines


def _attempt_lines(result: Attempt | None) -> list[Line]:
    return [f"  {line}" for line in (() if result is None else result.explanation)]


def _judged_lines(releases: Sequence[Judged]) -> list[Line]:
    """Tell what keeps all releases away, then what else keeps some of them."""
    shared = [
        obstacle
        for obstacle in releases[0].obstacles
        if all(obstacle in judged.obstacles for judged in releases)
    ]
    lines: list[Line] = [f"  {line}" for obstacle in shared for line in obstacle_lines(obstacle)]
    for judged in releases[:_SHOWN]:
        own = [obstacle for obstacle in judged.obstacles if obstacle not in shared]
        if own:
            lines.append((Styled(f"  {_versions(judged)}", "bold"),))
            lines += [f"    {line}" for obstacle in own for line in obstacle_lines(obstacle)]
        elif not shared:
            lines.append((Styled(f"  {_versions(judged)}", "bold"), f": {_HELD}"))
    rest = sum(len(judged.versions) for judged in releases[_SHOWN:])
    return [*lines, f"  and {count(rest, 'more release')}"] if rest else lines


def obstacle_lines(obstacle: Obstacle) -> list[str]:
    """Tell one obstacle; of a requirement the whole path, one step a line."""
    if obstacle.way is None:
        return [tell_obstacle(obstacle)]
    return way_lines(obstacle.way)


def tell_obstacle(obstacle: Obstacle) -> str:
    """Tell one obstacle in one line."""
    where = f", where {obstacle.marker}" if obstacle.marker else ""
    return f"{_say(obstacle)}{where}"


def _say(obstacle: Obstacle) -> str:
    detail = obstacle.detail
    match obstacle.kind:
        case ObstacleKind.REQUIREMENT:
            return _say_requirement(obstacle)
        case ObstacleKind.CONSTRAINT:
            return f"a constraint of `[lock]` says `{detail}`"
        case ObstacleKind.OVERRIDE:
            return f"an override of `[lock]` says `{detail}`"
        case ObstacleKind.EXCLUDE:
            return f"`[lock] excludes` drops `{detail}`"
        case ObstacleKind.SOURCE:
            return f"its source gives {detail}, and no index is asked"
        case ObstacleKind.PYTHON:
            return f"needs Python `{detail}`"
        case ObstacleKind.TAGS:
            return "has no wheel for this platform and Python"
        case ObstacleKind.BUILD:
            return "would have to be built, and `[build] allow` does not name it"
        case ObstacleKind.NO_BINARY:
            return "has wheels only that `[build] no-binary` rules out"
        case ObstacleKind.YANKED:
            return "is yanked" + (f": {_cut(detail)}" if detail else "")
        case ObstacleKind.COOLDOWN:
            return _say_cooldown(obstacle)
        case ObstacleKind.POLICY:
            return f"the policy forbids it: {detail}"
        case ObstacleKind.PRERELEASE:
            return f"is a pre-release, and `[lock] prerelease` is `{detail}`"
        case ObstacleKind.INDEX:
            return f"is on the index `{obstacle.index}`, and `{detail}`, asked before it, has the package"
        case ObstacleKind.DEPENDENCY:
            return f"requires `{detail}`, but {_say_requirement(obstacle)}"
        case ObstacleKind.CONFLICT:
            return f"cannot be locked together with the rest: {detail}"
        case _:
            assert_never(obstacle.kind)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _say_requirement(obstacle: Obstacle) -> str:
    way = obstacle.way
    if way is None:
        return f"`{obstacle.detail}` is asked for"
    if not way.steps:
        return f"{way.by} asks for `{way.requirement}` ({way.where})"
    *above, last = way.steps
    through = f"through {', '.join(step.name for step in above)}; " if above else ""
    return f"{label(last.name, last.version)} requires `{last.requirement}` ({through}{way.where})"


def _say_cooldown(obstacle: Obstacle) -> str:
    uploaded = f"uploaded {obstacle.detail}" if obstacle.detail else "its index does not say when it came"
    until = f", so it counts from {obstacle.until}" if obstacle.until else ""
    return f"is too new for `exclude-newer`: {uploaded}{until}"


def _versions(judged: Judged) -> str:
    if len(judged.spans) == 1:
        return judged.spans[0]
    return f"{judged.versions[0]} and {count(len(judged.versions) - 1, 'other')}"


def outdated_lines(found: OutdatedPackages) -> list[Line]:
    """List what is outdated: a row for each package, or with reasons a block; then sources."""
    if not found.amount:
        return [f"Nothing is outdated ({count(found.checked, 'package')})."]
    lines: list[Line] = []
    if any(package.releases is not None for package in found.packages):
        for package in found.packages:
            lines += _explained_lines(package)
    elif found.packages:
        lines += columns([_HEADER, *map(_row, found.packages)])
    if found.sources:
        lines += [*([""] if lines else []), *columns([_SOURCES_HEADER, *map(_source_row, found.sources)])]
    return [*lines, _summary(found)]


_HEADER = ("package", "locked", "fits", "newest", "released", "asked for by")
_SOURCES_HEADER = ("package", "follows", "locked", "now", "asked for by")


def _source_row(source: OutdatedSource) -> tuple[str, ...]:
    follows = "the default branch" if source.revision is None else f"{source.kind} {source.revision}"
    now = "is gone" if source.now is None else source.now[:12]
    return source.name, follows, source.locked[:12], now, join_some(source.asked_by)


def _row(package: Outdated) -> tuple[str, ...]:
    where = f" where {package.marker}" if package.marker else ""
    age = "" if package.age is None else f"{days(package.age)} ago"
    asked_by = join_some(package.asked_by) + where
    fits = "" if package.fits == package.locked else package.fits
    return package.name, package.locked, fits or "-", package.newest, age, asked_by


def _explained_lines(package: Outdated) -> list[Line]:
    *_, age, asked_by = _row(package)
    moves = f"can move to {package.fits}" if package.fits != package.locked else "cannot move"
    newest = f", newest is {package.newest}" if package.newest != package.fits else ""
    about = f" {moves}{newest} ({f'released {age}, ' if age else ''}asked for by {asked_by})"
    lines: list[Line] = [(Styled(f"{package.name} {package.locked}", "bold"), about)]
    releases = package.releases or ()
    for judged in releases[:_SHOWN]:
        reasons = [tell_obstacle(obstacle) for obstacle in judged.obstacles]
        if judged.is_free:
            reasons.append(f"else {_HELD}" if reasons else _HELD)
        lines.append(f"  {_versions(judged)}: {'; '.join(reasons)}")
    rest = sum(len(judged.versions) for judged in releases[_SHOWN:])
    return [*lines, f"  and {count(rest, 'more release')}"] if rest else lines


def _summary(found: OutdatedPackages) -> str:
    amount = f"{found.amount} of {count(found.checked, 'package')} outdated"
    if not found.movable:
        return f"{amount}; none can move now."
    return f"{amount}; {found.movable} can move now: `envctl lock --upgrade`"
