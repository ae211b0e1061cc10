"""The policy rules, one function each: what a case holds that the rule is against.

A rule judges what the environment will hold, be it new or not; `downgrades` alone judges the step. Its
settings, beside ``mode``:

=============== ==============================================================================
packages        ``allow``, ``deny``: globs of names; deny goes first, an absent allow allows all
indexes         the same of index names; a direct URL or checkout is matched by its URL
min-age         ``age``: a release is let in so long after its upload; ``allow``: names let in earlier
max-age         ``age``: and no later than that; ``allow``
sdists          ``allow``: names that may come as source archives, or as commits of repositories
yanked          ``allow``
archived        ``allow``
startup-hooks   ``allow``
size            ``max`` of one download; ``allow``
downgrades      ``allow``
=============== ==============================================================================

A rule that cannot be shown to hold, as its index does not say when a file was uploaded, is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from envctl.frozen import dataclass
from envctl.model.artifact import Archive, Checkout, Directory, Sdist, Wheel, format_origin
from envctl.model.change import Change
from envctl.model.selection import Pin, Selection
from envctl.model.tables import Rule
from envctl.policy.facts import Facts
from envctl.policy.settings import matches, read_age, read_patterns, read_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is judged."""

    changes: tuple[Change, ...]
    selection: Selection
    facts: Facts
    today: date


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule is against.

    ``name`` is a project's, for waivers; ``address`` is given where the finding is of something else.
    """

    name: str
    message: str
    address: str | None = None


_Judge = Callable[[Case, Rule], Iterator[Finding]]


def _pins(case: Case, rule: Rule) -> Iterator[Pin]:
    """Return the pins that a rule is about: not those that its ``allow`` lets in."""
    allow = read_patterns(rule, "allow")
    return (pin for pin in case.selection.pins.values() if not matches(pin.name, allow))


def judge_packages(case: Case, rule: Rule) -> Iterator[Finding]:
    """Judge by name."""
    allow, deny = read_patterns(rule, "allow"), read_patterns(rule, "deny")
    for name in case.selection.pins:
        if matches(name, deny):
            yield Finding(name, f"{name} is denied")
        elif allow is not None and not matches(name, allow):
            yield Finding(name, f"{name} is not among the packages that are allowed")


def judge_indexes(case: Case, rule: Rule) -> Iterator[Finding]:
    """Judge where a package comes from; files and folders of this machine are the author's own."""
    allow, deny = read_patterns(rule, "allow"), read_patterns(rule, "deny")
    for name, pin in case.selection.pins.items():
        match pin.artifact:
            case Wheel(index=str(index)) | Sdist(index=str(index)):
                key, source = index, f"the index `{index}`"
            case Wheel(url=str(url)) | Sdist(url=str(url)):
                key, source = url, "an index that the lock does not name"
            case Archive(url=str(url)) | Checkout(url=str(url)):
                key, source = url, format_origin(pin.artifact)
            case _:
                continue
        if matches(key, deny):
            yield Finding(name, f"{name} comes from {source}, which is denied")
        elif allow is not None and not matches(key, allow):
            yield Finding(name, f"{name} comes from {source}, which is not allowed")


def judge_min_age(case: Case, rule: Rule) -> Iterator[Finding]:
    """Judge releases that are too new to be trusted."""
    for pin, uploaded, age in _dated(case, rule):
        if uploaded is None:
            yield Finding(pin.name, f"{pin.name} {pin.version}: its index does not say when it was uploaded")
        elif uploaded + timedelta(days=age) > case.today:
            yield Finding(
                pin.name, f"{pin.name} {pin.version} was uploaded on {uploaded}, not {age} days ago"
            )


def judge_max_age(case: Case, rule: Rule) -> Iterator[Finding]:
    """Judge releases that are too old."""
    for pin, uploaded, age in _dated(case, rule):
        if uploaded is None:
            yield Finding(pin.name, f"{pin.name} {pin.version}: its index does not say when it was uploaded")
        elif uploaded + timedelta(days=age) < case.today:
            yield Finding(
                pin.name, f"{pin.name} {pin.version} was uploaded on {uploaded}, more than {age} days ago"
            )


def find_turns(case: Case, rule: Rule) -> Iterator[date]:
    """Return the days after today from which an age is judged otherwise."""
    later = 0 if rule.name == "min-age" else 1
    for _, uploaded, age in _dated(case, rule):
        if uploaded is not None and (turn := uploaded + timedelta(days=age + later)) > case.today:
            yield turn


def _dated(case: Case, rule: Rule) -> Iterator[tuple[Pin, date | None, int]]:
    age = read_age(rule)
    if age is None:
        return
    for pin in _pins(case, rule):
        if isinstance(pin.artifact, Wheel | Sdist):
            yield pin, _read_day(pin.artifact.upload_time), age


def _read_day(text: str | None) -> date | None:
    """Read the day of a time as RFC 3339 has it, in UTC; None for what is none."""
    try:
        moment = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)).date()


def judge_sdists(case: Case, rule: Rule) -> Iterator[Finding]:
    """Judge source archives and commits, whose build runs code of others."""
    for pin in _pins(case, rule):
        match pin.artifact:
            case Sdist() | Checkout():
                yield Finding(pin.name, f"{pin.name} is built from {format_origin(pin.artifact)}")
            case Archive() if not pin.artifact.is_wheel:
                yield Finding(pin.name, f"{pin.name} is built from {format_origin(pin.artifact)}")
            case _:
                pass


def judge_yanked(case: Case, rule: Rule) -> Iterator[Finding]:
    """Judge files that their maintainers took back (PEP 592)."""
    yanked = case.facts.yanked or {}
    for pin in _pins(case, rule):
        if pin.name in yanked:
            reason = f": {yanked[pin.name]}" if yanked[pin.name] else ""
            yield Finding(pin.name, f"{pin.name} {pin.version} was yanked{reason}")


def judge_archived(case: Case, rule: Rule) -> Iterator[Finding]:
    """Judge projects that get no releases any more, or that their maintainers advise against (PEP 792)."""
    status = case.facts.status or {}
    for pin in _pins(case, rule):
        if pin.name in status:
            word, colon, reason = status[pin.name].partition(": ")
            yield Finding(pin.name, f"{pin.name} is {word}{colon}{reason}")


def judge_startup_hooks(case: Case, rule: Rule) -> Iterator[Finding]:
    """Judge files that run whenever Python starts; those of path sources are the author's own."""
    hooks = case.facts.hooks or {}
    for pin in _pins(case, rule):
        if isinstance(pin.artifact, Directory):
            continue
        for hook in hooks.get(pin.name, ()):
            lines = "; ".join(hook.lines)
            yield Finding(pin.name, f"{pin.name} runs {hook.path} whenever Python starts: {lines}")


def judge_size(case: Case, rule: Rule) -> Iterator[Finding]:
    """Judge the bytes of a download, where they are known."""
    most = read_size(rule)
    for pin in _pins(case, rule):
        if most is None or not isinstance(pin.artifact, Wheel | Sdist | Archive):
            continue
        size = pin.artifact.size
        if size is not None and size > most:
            yield Finding(pin.name, f"{pin.name} has {size} bytes, more than {most}")


def judge_downgrades(case: Case, rule: Rule) -> Iterator[Finding]:
    """Judge steps to a lower version."""
    allow = read_patterns(rule, "allow")
    for change in case.changes:
        name = change.address.removeprefix("package.")
        if "downgrade" in change.flags and not matches(name, allow) and change.before and change.after:
            message = f"{name} goes from {change.before.version} back to {change.after.version}"
            yield Finding(name, message, change.address)


#: The rules that are judged, by the name that the manifest has for them.
RULES: Mapping[str, _Judge] = {
    "packages": judge_packages,
    "indexes": judge_indexes,
    "min-age": judge_min_age,
    "max-age": judge_max_age,
    "sdists": judge_sdists,
    "yanked": judge_yanked,
    "archived": judge_archived,
    "startup-hooks": judge_startup_hooks,
    "size": judge_size,
    "downgrades": judge_downgrades,
}

#: What has to be set for a rule to have something to judge by: one of these.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "packages": ("allow", "deny"),
    "indexes": ("allow", "deny"),
    "min-age": ("age",),
    "max-age": ("age",),
    "size": ("max",),
}
