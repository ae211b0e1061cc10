"""The files that envctl put into an environment, held against what is there now.

What each of them counts as is told by `envctl.environment.classes`; read is what that cannot tell without.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence

from envctl.environment.classes import Rule, Verdict, is_interpreter, is_untouched, judge_owned
from envctl.environment.inventory import ENVIRONMENT
from envctl.environment.tree import Seen
from envctl.frozen import dataclass
from envctl.model.state import Drift, DriftKind
from envctl.plan.address import ENVIRONMENT as ENVIRONMENT_ADDRESS
from envctl.plan.address import PYTHON, format_package
from envctl.receipt import RACY_NS
from envctl.twofold import do_all

# With fewer files to read a second process costs more than it spares.
_WORTH_SHARING = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrutiny:
    """How closely to look: ``every`` file by hash, or those whose mtime is as young as ``receipt_ns``.

    Within a tick of the kernel's clock a second write gets the mtime of the first: what was written as
    the receipt was (ns, 0 for none) is not proven by its mtime.
    """

    every: bool = False
    receipt_ns: int = 0


#: The files of each owner: path, and how its line goes on (`Inventory.stamps`).
Listed = Mapping[str, Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of a look: drift; and of files found right, the mtimes (ns) that are not the recorded ones.

    ``moved`` counts the files whose mtime proved nothing, right or not; ``total`` all that are listed.
    """

    drift: tuple[Drift, ...]
    retimed: Mapping[str, int]
    moved: int
    total: int


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A file that only its content can clear."""

    owner: str
    path: str
    sha256: str


def examine(
    root: str,
    listed: Listed,
    found: Mapping[str, Seen],
    *,
    scrutiny: Scrutiny,
    infos: Mapping[str, str],
) -> Examined:
    """Look for listed files that are not as they were put: one line for each.

    ``infos`` are the ``.dist-info`` folders of the distributions, by name: what changes in them is
    `metadata`.

    Raises:
        ValueError: for a line that no inventory has.
    """
    drift: list[Drift] = []
    suspects: list[_Suspect] = []
    retimed: dict[str, int] = {}
    moved = 0
    every, first, last = scrutiny.every, scrutiny.receipt_ns - RACY_NS, scrutiny.receipt_ns + RACY_NS
    for owner, files in listed.items():
        for path, expected in files:
            seen = found.get(path)
            young = seen is not None and first <= seen[2] <= last
            if seen is not None and not young and not every and is_untouched(expected, seen):
                continue
            text = _read_link(f"{root}/{path}") if seen is not None and seen.is_link else ""
            rule, detail = judge_owned(expected, seen, text=text, young=young)
            if rule.value.kind is not None:
                drift.append(_tell(owner, path, rule.value.kind, detail, infos.get(owner)))
            elif seen is not None and seen.is_file:
                moved += rule is Rule.MOVED
                if rule in {Rule.MOVED, Rule.WHOLE_SECOND}:
                    retimed[path] = seen.mtime_ns
                if every or rule.value.verdict is Verdict.READ:
                    suspects.append(_Suspect(owner, path, expected.rpartition("\t")[2]))
    for suspect, (kind, detail) in _read_suspects(root, suspects):
        retimed.pop(suspect.path, None)
        drift.append(_tell(suspect.owner, suspect.path, kind, detail, infos.get(suspect.owner)))
    return Examined(tuple(drift), retimed, moved, sum(map(len, listed.values())))


def _read_link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""  # gone between the two looks


def _tell(owner: str, path: str, kind: DriftKind, detail: str, info: str | None) -> Drift:
    if owner != ENVIRONMENT:
        address = format_package(owner)
        if kind is DriftKind.MODIFIED and info is not None and path.startswith(f"{info}/"):
            kind = DriftKind.METADATA
    elif is_interpreter(path):
        if kind is DriftKind.MISSING:
            detail = "is missing"
        address, kind = PYTHON, DriftKind.INTERPRETER
    else:
        address = ENVIRONMENT_ADDRESS
    return Drift(address=address, kind=kind, path=path, detail=detail)


_Problem = tuple[DriftKind, str]


def _read_suspects(root: str, suspects: Sequence[_Suspect]) -> Iterator[tuple[_Suspect, _Problem]]:
    """Read files, in two processes where there are many; give those that are not what they should be."""

    def work(number: int) -> bytes:
        problem = _examine_content(f"{root}/{suspects[number].path}", suspects[number].sha256)
        return b"" if problem is None else "\t".join(problem).encode("utf-8", "surrogateescape")

    if len(suspects) < _WORTH_SHARING:
        told = [work(number) for number in range(len(suspects))]
    else:
        told = do_all(work, len(suspects))
    for suspect, text in zip(suspects, told, strict=True):
        if text:
            kind, _, detail = text.decode("utf-8", "surrogateescape").partition("\t")
            yield suspect, (DriftKind(kind), detail)


def _examine_content(path: str, sha256: str) -> _Problem | None:
    try:
        with open(path, "rb", buffering=0) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except PermissionError:
        return DriftKind.MODE, "cannot be read"
    except OSError as error:
        return DriftKind.MODIFIED, error.strerror or "cannot be read"
    return None if digest == sha256 else (DriftKind.MODIFIED, "")
