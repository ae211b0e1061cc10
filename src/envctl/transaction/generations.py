"""The generations of an environment: which there are, which are kept, what became live when."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Mapping

from envctl import atomic
from envctl.environment.identity import GENERATION, GenerationRecord, parse_generation
from envctl.environment.mounts import is_vacant
from envctl.errors import MachineError
from envctl.frozen import dataclass
from envctl.transaction.history import Event, PackageChanges, read_history
from envctl.transaction.site import ADOPTED, Site, read_number
from envctl.transaction.trash import discard

# Source: PyPA, "Names and normalization"; `packaging.utils` would bring wheel tags along, 15 ms of imports.
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One switch. ``live`` is told at its latest line only, ``kept`` (one can roll back to it) at every line.

    ``time`` is RFC 3339 in UTC; ``packages`` counts distributions, ``changes`` are those since what was live
    before, None where nobody knows.
    """

    number: int
    time: str
    command: str
    python: str
    packages: int
    changes: PackageChanges | None = None
    live: bool = False
    kept: bool = False


def history(site: Site) -> tuple[HistoryLine, ...]:
    """Read what became live when, newest first; empty for an environment without a history."""
    live = live_number(site)
    kept = frozenset(kept_numbers(site))
    seen: set[int] = set()
    lines = []
    for event in reversed(read_history(site)):
        lines.append(
            HistoryLine(
                number=event.number,
                time=event.time,
                command=event.command,
                python=event.python,
                packages=event.packages,
                changes=event.changes,
                live=event.number == live and event.number not in seen,
                kept=event.number in kept,
            )
        )
        seen.add(event.number)
    return tuple(lines)


def live_number(site: Site) -> int | None:
    """Tell which generation is live; None when there is no environment, `ADOPTED` for one of others."""
    number = read_number(site.path)
    return None if number == ADOPTED and is_vacant(site.path) else number


def kept_numbers(site: Site) -> tuple[int, ...]:
    """List the earlier generations that are there, ascending."""
    try:
        names = os.listdir(site.generations)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(sorted(int(name) for name in names if name.isdecimal()))


def next_number(site: Site) -> int:
    """Choose a number that no generation of this environment has had."""
    known = [event.number for event in read_history(site)]
    return max([ADOPTED, live_number(site) or 0, *kept_numbers(site), *known]) + 1


def read_record(tree: str) -> GenerationRecord | None:
    """Read what a tree says of itself; None when it says nothing that can be read."""
    try:
        with open(os.path.join(tree, GENERATION), "rb", buffering=0) as file:
            return parse_generation(file.read())
    except (OSError, MachineError):
        return None


def choose_rollback(site: Site, number: int | None) -> int:
    """Choose the generation to go back to: ``number``, or the one that was live before.

    Raises:
        MachineError: `no-such-generation`.
    """
    live, kept = live_number(site), kept_numbers(site)
    if number is None:
        record = read_record(site.path)
        previous = record.previous if record is not None else None
        older = [each for each in kept if live is None or each < live]
        number = previous if previous in kept else max(older, default=None)
        if number is None:
            raise no_such("there is no earlier generation to go back to", site)
    elif number == live:
        raise no_such(f"generation {number} is the live one", site)
    elif number not in kept:
        raise no_such(f"there is no generation {number}", site)
    return number


def refuse_damaged(site: Site, number: int) -> None:
    """Refuse a kept generation that could not be lived in: it is only looked at, in a millisecond.

    Raises:
        MachineError: `generation-damaged`.
    """
    tree = site.generation(number)
    what = ""
    if read_number(tree) != number:
        what = "does not say any more which generation it is"
    elif number == ADOPTED and not os.path.isfile(f"{tree}/pyvenv.cfg"):
        what = "has no `pyvenv.cfg` any more"
    elif not any(os.access(f"{tree}/{python}", os.X_OK) for python in ("bin/python", "Scripts/python.exe")):
        what = f"has no interpreter any more (Python {read_python(tree) or 'unknown'})"
    if what:
        raise MachineError(
            "generation-damaged",
            f"generation {number} {what}; nothing was changed",
            where=tree,
            hints=("`envctl history` lists the others", "`envctl apply` makes what the lock wants"),
        )


def describe_edits(site: Site, number: int) -> str:
    """Say which packages of a kept generation are not those that envctl laid; empty for none."""
    record = read_record(site.generation(number))
    if record is None:
        return ""
    laid = {name: split_info(os.path.basename(each.info)) for name, each in record.distributions.items()}
    edits = compare_packages(dict(laid.values()), read_distributions(site.generation(number)))
    return ", ".join(
        f"{name} is {f'{after} instead of {before}' if before and after else 'gone' if before else 'new'}"
        for name, (before, after) in edits.items()
    )


def no_such(message: str, site: Site) -> MachineError:
    """Say that a generation is not there, and which are."""
    kept = kept_numbers(site)
    if kept:
        hint = f"kept are: {', '.join(map(str, kept))}; `envctl history` lists what there was"
    else:
        hint = "no earlier generation is kept; `envctl apply` makes what the lock wants"
    return MachineError("no-such-generation", message, where=site.path, hints=(hint,))


def make_room(site: Site, number: int) -> None:
    """Make sure that a generation's place is free for it. Raises `OSError`.

    What bears its number is of another life of this environment, as when the folder was copied. An
    environment that others made is never given up for that: it gets a name beside.
    """
    place = site.generation(number)
    if not os.path.lexists(place):
        return
    if number != ADOPTED:
        discard(site, place)
        return
    count = 1
    while os.path.lexists(f"{place}.{count}"):
        count += 1
    atomic.rename_new(place, f"{place}.{count}")


def trim(site: Site, keep: int) -> tuple[int, ...]:
    """Give up all but the ``keep`` latest live generations; returns their numbers.

    They go to the trash, but for the latest of them: the next environment is made of it. An environment that
    others made stays until it is destroyed. Raises `OSError`.
    """
    latest = {event.number: index for index, event in enumerate(read_history(site))}
    kept = [number for number in kept_numbers(site) if number != ADOPTED]
    kept.sort(key=lambda number: (latest.get(number, -1), number), reverse=True)
    surplus = tuple(kept[max(keep, 0) :])
    if keep <= 0 or surplus:
        discard(site, site.spare)
    for number in surplus:
        if keep > 0 and number == surplus[0]:
            _spare(site, number)
        else:
            discard(site, site.generation(number))
    return surplus


def _spare(site: Site, number: int) -> None:
    try:
        atomic.rename_new(site.generation(number), site.spare)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # A lower layer of an overlay: what cannot be renamed there now cannot be taken later, either.
        discard(site, site.generation(number))


def describe(site: Site, number: int, *, command: str) -> Event:
    """Make the history's line for a tree of this number that becomes live now."""
    tree = site.generation(number)
    record, there = read_record(tree), read_distributions(tree)
    return Event(
        number=number,
        time=now(),
        command=command,
        python=record.python if record else read_python(tree),
        packages=len(record.distributions) if record else len(there),
        changes=compare_packages(read_distributions(site.path), there),
    )


def describe_adopted(site: Site) -> Event:
    """Make the history's line for the environment of others that is live."""
    return Event(
        number=ADOPTED,
        time=now(),
        command="adopt",
        python=read_python(site.path),
        packages=len(read_distributions(site.path)),
    )


def now() -> str:
    """The present, RFC 3339 in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def read_python(tree: str) -> str:
    """Read the version of an environment's Python from its ``pyvenv.cfg``; empty where it does not say."""
    try:
        with open(f"{tree}/pyvenv.cfg", encoding="utf-8", errors="replace") as file:
            pairs = dict(line.partition("=")[::2] for line in file)
    except OSError:
        return ""
    values = {key.strip(): value.strip() for key, value in pairs.items()}
    return ".".join((values.get("version_info") or values.get("version") or "").split(".")[:3])


def read_distributions(tree: str) -> Mapping[str, str]:
    """Read names (normalised) and versions off the ``.dist-info`` folders of an environment, whoever made it.

    Source: PyPA, "Recording installed projects", "The .dist-info directory".
    """
    found: dict[str, str] = {}
    for lib in ("lib", "Lib"):
        for root, folders, _ in os.walk(os.path.join(tree, lib)):
            if os.path.basename(root) == "site-packages":
                found.update(split_info(name) for name in folders if name.endswith(".dist-info"))
                folders.clear()
            elif root.count(os.sep) - tree.count(os.sep) > 2:
                folders.clear()
    return found


def compare_packages(before: Mapping[str, str], after: Mapping[str, str]) -> PackageChanges:
    """Name the packages whose version is another one, with both versions."""
    return {
        name: (before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


def measure(tree: str) -> tuple[int, int]:
    """Add up the bytes of a tree's files: of all, and of those that no other link leads to.

    The second is what is free again once the tree is deleted: the rest lies in the store, too.
    """
    whole = own = 0
    pending = [tree]
    while pending:
        try:
            with os.scandir(pending.pop()) as found:
                for each in found:
                    if each.is_dir(follow_symlinks=False):
                        pending.append(each.path)
                        continue
                    status = each.stat(follow_symlinks=False)
                    whole += status.st_size
                    own += status.st_size if status.st_nlink == 1 else 0
        except OSError:
            continue
    return whole, own


def split_info(info: str) -> tuple[str, str]:
    """Read name (normalised) and version off the name of a ``.dist-info`` folder."""
    name, _, version = info.removesuffix(".dist-info").rpartition("-")
    return _SEPARATORS.sub("-", name).lower(), version
