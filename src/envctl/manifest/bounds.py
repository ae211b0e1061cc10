"""The bounds of a requirement, raised to versions that were chosen; its text stays otherwise as it is.

Upper limits and exclusions are the author's and stay. A pin (``==1.2``, ``===1.2``) is a bound like any
other: while versions are chosen it is let go of, or nothing could ever move.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from envctl.frozen import dataclass, replace

LOWER, EXACT, NONE = "lower", "exact", "none"

#: How bounds are rewritten.
MODES = (LOWER, EXACT, NONE)

_HEAD = re.compile(r"\s*[A-Za-z0-9._-]+(?:\s*\[[^\]]*\])?")
_CLAUSE = re.compile(r"(\s*)(~=|===|==|!=|<=|>=|<|>)(\s*)(.*?)(\s*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Clause:
    """One clause with the blanks around its parts: ``" >= 1.2"``."""

    before: str
    operator: str
    between: str
    version: str
    after: str

    @property
    def text(self) -> str:
        return f"{self.before}{self.operator}{self.between}{self.version}{self.after}"

    @property
    def is_pin(self) -> bool:
        return self.operator == "===" or (self.operator == "==" and not self.version.endswith(".*"))

    def says(self, operator: str, version: str) -> bool:
        """Whether it is this bound already, in whatever spelling."""
        try:
            return self.operator == operator and Version(self.version) == Version(version)
        except InvalidVersion:
            return False


@dataclass(frozen=True, slots=True)
class _Parts:
    """A requirement's text around its clauses."""

    head: str
    clauses: tuple[_Clause, ...]
    tail: str

    @property
    def text(self) -> str:
        return f"{self.head}{','.join(clause.text for clause in self.clauses)}{self.tail}"


def loosen(text: str) -> str:
    """Take the pins out of a requirement, so that its project may move within its other limits.

    >>> loosen("flask[async]==3.0.1, !=3.0.2")
    'flask[async] !=3.0.2'
    """
    parts = _split(text)
    if parts is None or not any(clause.is_pin for clause in parts.clauses):
        return text
    return replace(parts, clauses=tuple(clause for clause in parts.clauses if not clause.is_pin)).text


def bind(text: str, versions: Iterable[Version], *, mode: str) -> str | None:
    """Rewrite the bounds of a requirement to the versions that were chosen for its project.

    ``lower`` makes the lowest of those that it admits its lower bound (``~=`` stays a ``~=`` of the same
    length), ``exact`` pins the one that it admits. It stays as it is where it admits none or has a URL;
    None says that ``exact`` would have to name several.

    >>> bind("flask>=2,<4", [Version("3.1.2")], mode="lower")
    'flask>=3.1.2,<4'
    >>> bind("flask", [Version("3.1.2")], mode="exact")
    'flask==3.1.2'
    """
    parts = _split(text)
    if parts is None:
        return text
    limits = Requirement(loosen(text)).specifier
    admitted = sorted(version for version in versions if limits.contains(version, prereleases=True))
    if not admitted:
        return text
    if mode == EXACT:
        return None if len(admitted) > 1 else _pin(parts, str(admitted[0])).text
    return _raise(parts, admitted[0]).text


def _split(text: str) -> _Parts | None:
    """Take a requirement apart; None for one with a URL. Source: PyPA, "Dependency specifiers"."""
    head = _HEAD.match(text)
    if Requirement(text).url is not None or head is None:
        return None
    middle, semicolon, marker = text[head.end() :].partition(";")
    inner = middle.strip()
    start = middle.index(inner) if inner else 0
    opening, closing = middle[:start], middle[start + len(inner) :]
    if inner.startswith("("):
        inner, opening, closing = inner[1:-1], f"{opening}(", f"){closing}"
    matches = [_CLAUSE.fullmatch(each) for each in inner.split(",") if each.strip()]
    clauses = tuple(_Clause(*found.groups()) for found in matches if found is not None)
    if not clauses and not inner:
        # The blank before a marker stays behind the bounds that come in.
        opening, closing = "", middle
    return _Parts(f"{text[: head.end()]}{opening}", clauses, f"{closing}{semicolon}{marker}")


def _pin(parts: _Parts, version: str) -> _Parts:
    if len(parts.clauses) == 1 and parts.clauses[0].says("==", version):
        return parts
    return replace(parts, clauses=(_like(parts.clauses, "==", version),))


def _like(clauses: Sequence[_Clause], operator: str, version: str) -> _Clause:
    """Make a clause with the blanks of the first one."""
    if not clauses:
        return _Clause("", operator, "", version, "")
    return replace(clauses[0], operator=operator, version=version, after=clauses[-1].after)


def _raise(parts: _Parts, version: Version) -> _Parts:
    bound = version.public  # no lower bound may have a local version (PEP 440)
    clauses: list[_Clause] = []
    placed = False
    for clause in parts.clauses:
        if clause.operator == "~=":
            clauses.append(replace(clause, version=_shorten(clause.version, version)))
            placed = True
        elif clause.is_pin or clause.operator in {">=", ">"}:
            if not placed and not clause.says(">=", bound):
                clause = replace(clause, operator=">=", version=bound)  # noqa: PLW2901 - the same clause
            if not placed:
                clauses.append(clause)
            placed = True
        else:
            clauses.append(clause)
    if not placed:
        first = _like(clauses[:1], ">=", bound)
        clauses[:1] = [replace(clause, before=clause.before or clause.between) for clause in clauses[:1]]
        clauses.insert(0, replace(first, after=""))
    return replace(parts, clauses=tuple(clauses))


def _shorten(written: str, version: Version) -> str:
    """Give what ``~=`` has to name: as many numbers as before, so that its upper limit stays one of them."""
    length = len(Version(written).release)
    numbers = (*version.release, *([0] * length))[:length]
    epoch = f"{version.epoch}!" if version.epoch else ""
    short = f"{epoch}{'.'.join(map(str, numbers))}"
    # `~=3.1` does not admit 3.1rc1: then it stays as it was.
    fits = SpecifierSet(f"~={short}").contains(version, prereleases=True)
    return short if fits and Version(short) != Version(written) else written
