"""What a path of an environment counts as, by what ``stat`` says and where it lies: the table. Pure.

Each row of the table is a member of `Rule`, and every judgement here is one of them; who knows the row
knows what becomes of the path. ``docs/explanation/drift.md`` shows the same table, made from this one.
"""

from __future__ import annotations

import re
from enum import Enum

from envctl.environment.inventory import stamp_link
from envctl.environment.tree import BYTECODE, Seen
from envctl.frozen import dataclass
from envctl.model.state import DriftKind

_SECOND = 1_000_000_000
_LINK_STAMP = stamp_link("")
_READABLE_FILE_MASK = 0o170400
_READABLE_FILE = 0o100400
_PYTHONS = ("bin/python", "Scripts/python.exe")

_LITTER = re.compile(
    r"\.lock|\.gitignore|CACHEDIR\.TAG"
    r"|\.DS_Store|\._.*|\.directory|Thumbs\.db|ehthumbs\.db|desktop\.ini|\.nfs.*|\.fuse_hidden.*"
    r"|lost\+found|\..*\.sw[a-p]|.*\.swp|.*~|\.#.*|#.*#"
)
_LITTER_FOLDERS = frozenset({".ipynb_checkpoints", ".pytest_cache", ".mypy_cache", ".ruff_cache"})
_COMPILED = (".pyo", ".nbi", ".nbc")
_CODE = (".py", ".so", ".pyd", ".pth", ".pyc")
_INFOS = (".dist-info", ".egg-info")
_HOOKS = (".pth", ".egg-link")
_CUSTOMIZE = {"sitecustomize", "usercustomize"}
_SITES = re.compile(r"(lib(?:64)?/[^/]+/site-packages|Lib/site-packages)/")
_SCRIPTS = ("bin/", "Scripts/")


class Verdict(Enum):
    """What becomes of a path."""

    CLEAN = "untouched"
    READ = "read"
    DRIFT = "drift"
    FOREIGN = "foreign"
    DATA = "data of tools"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the path and its condition in words, the verdict, what follows from it, the kind of drift."""

    what: str
    verdict: Verdict
    follows: str
    kind: DriftKind | None = None


class Rule(Enum):
    """The rows of the table: first the files that envctl put there, then what it did not."""

    UNTOUCHED = Row("type, size, time and executability as recorded", Verdict.CLEAN, "")
    WHOLE_SECOND = Row(
        "the same, but the time is the recorded one in whole seconds",
        Verdict.CLEAN,
        "an archive or an image layer keeps no more",
    )
    MOVED = Row(
        "the same size, another time",
        Verdict.READ,
        "equal is untouched, and remembered by the next `apply`; else drift `modified`",
    )
    YOUNG = Row(
        "as recorded, but written within 10 ms of envctl's own last file",
        Verdict.READ,
        "its time proves nothing; not equal is drift `modified`",
    )
    GONE = Row("not there", Verdict.DRIFT, "laid anew", DriftKind.MISSING)
    OTHER_SIZE = Row("another size", Verdict.DRIFT, "laid anew", DriftKind.MODIFIED)
    OTHER_TYPE = Row("a pipe, a socket or a device now", Verdict.DRIFT, "laid anew", DriftKind.MODIFIED)
    BECAME_LINK = Row("a link now", Verdict.DRIFT, "laid anew", DriftKind.LINK)
    OTHER_LINK = Row(
        "a link that leads elsewhere, or is none any more", Verdict.DRIFT, "laid anew", DriftKind.LINK
    )
    UNREADABLE = Row("not readable by its owner", Verdict.DRIFT, "laid anew", DriftKind.MODE)
    OTHER_MODE = Row("executable no longer, or only now", Verdict.DRIFT, "laid anew", DriftKind.MODE)

    BYTECODE = Row(
        "`__pycache__`, `*.pyc` beside its source, `*.pyo`, `*.nbi`, `*.nbc`", Verdict.IGNORED, "made anew"
    )
    LITTER = Row(
        "litter of tools, editors and systems: `.lock`, `.DS_Store`, `Thumbs.db`, `.nfs…`, `*.swp`, `*~`",
        Verdict.IGNORED,
        "stays behind",
    )
    HOOK = Row(
        "`*.pth`, `*.egg-link`, `sitecustomize`, `usercustomize` at the top of site-packages",
        Verdict.DRIFT,
        "removed unless `prune` is `never`: it runs whenever Python starts",
        DriftKind.ADDED,
    )
    DISTRIBUTION = Row(
        "a distribution that others installed, with all that its RECORD lists, `*.pth` included",
        Verdict.FOREIGN,
        "one line; as `prune` says",
        DriftKind.FOREIGN,
    )
    REPLACED = Row(
        "another version in the place of one of ours",
        Verdict.DRIFT,
        "the locked one is laid, unless it is that and its files equal its RECORD",
        DriftKind.VERSION,
    )
    SECOND = Row("a second `.dist-info` of one of ours", Verdict.DRIFT, "laid anew", DriftKind.ADDED)
    LEFTOVER = Row(
        "`~…` at the top of site-packages",
        Verdict.FOREIGN,
        "left by an interrupted pip; as `prune` says",
        DriftKind.FOREIGN,
    )
    ADDED = Row(
        "in a package's folder: what Python can import; in a `.dist-info`: anything",
        Verdict.DRIFT,
        "the package is laid anew, without it",
        DriftKind.ADDED,
    )
    PACKAGE_DATA = Row(
        "in a package's folder: anything else, such as downloads, models, caches",
        Verdict.DATA,
        "carried along",
    )
    LOOSE = Row(
        "elsewhere in site-packages: what Python can import, with the folder it lies in",
        Verdict.FOREIGN,
        "as `prune` says",
        DriftKind.FOREIGN,
    )
    SITE_DATA = Row("elsewhere in site-packages: anything else", Verdict.DATA, "carried along")
    SCRIPT = Row("in `bin` or `Scripts`", Verdict.FOREIGN, "as `prune` says", DriftKind.FOREIGN)
    DATA = Row("anywhere else: `share`, `etc`, `var`, `nltk_data`, …", Verdict.DATA, "carried along")


#: The rows about files that envctl put there.
OWNED = tuple(Rule)[: tuple(Rule).index(Rule.OTHER_MODE) + 1]

_Judgement = tuple[Rule, str]


def is_untouched(expected: str, seen: Seen) -> bool:
    """Whether a regular file is as its line in the inventory says, after its path (`Inventory.stamps`)."""
    # All but a few files end here: no property, no call, for there are 30,000 of them.
    mode, size, mtime_ns = seen
    return mode & _READABLE_FILE_MASK == _READABLE_FILE and expected.startswith(
        f"{size}\t{mtime_ns}\t{'x' if mode & 0o100 else '-'}\t"
    )


def judge_owned(expected: str, seen: Seen | None, *, text: str = "", young: bool = False) -> _Judgement:
    """Judge a file that envctl put there: the row, and what is wrong in words, often none.

    ``expected`` is its line in the inventory after the path, ``text`` that of the link, where it is one.
    ``young`` says that it was written as envctl wrote its last file. Permissions for others than the owner,
    the owner, and how many links there are, count for nothing; nothing is compared with the clock.

    Raises:
        ValueError: for a line that no inventory has.
    """
    if seen is None:
        return Rule.GONE, ""
    if expected.startswith(_LINK_STAMP):
        if not seen.is_link:
            return Rule.OTHER_LINK, "was a symbolic link"
        return (
            (Rule.UNTOUCHED, "") if stamp_link(text) == expected else (Rule.OTHER_LINK, f"leads to `{text}`")
        )
    if is_untouched(expected, seen):
        return (Rule.YOUNG if young else Rule.UNTOUCHED), ""
    size, mtime_ns, kind, _ = expected.split("\t")
    if seen.is_link:
        return Rule.BECAME_LINK, "was a file"
    if not seen.is_file:
        return Rule.OTHER_TYPE, "was a file"
    if not seen.readable:
        return Rule.UNREADABLE, "cannot be read"
    if seen.size != int(size):
        return Rule.OTHER_SIZE, f"{seen.size} bytes instead of {size}"
    if (kind == "x") != seen.executable:
        return Rule.OTHER_MODE, "is no longer executable" if kind == "x" else "has become executable"
    return (Rule.WHOLE_SECOND if _is_floored(int(mtime_ns), seen.mtime_ns) else Rule.MOVED), ""


def _is_floored(recorded: int, seen: int) -> bool:
    return seen % _SECOND == 0 and seen == recorded // _SECOND * _SECOND


def is_interpreter(path: str) -> bool:
    """Whether a path is that of the interpreter's link: what is wrong with it, is with the interpreter."""
    return path in _PYTHONS


def find_site(path: str) -> str | None:
    """Tell which site-packages a path lies in; None for none."""
    match = _SITES.match(path)
    return match[1] if match else None


def is_site(folder: str) -> bool:
    """Whether a folder is a site-packages."""
    return _SITES.fullmatch(f"{folder}/") is not None


def find_info(path: str) -> str | None:
    """Tell which ``.dist-info`` or ``.egg-info`` a path is, or lies in; None for none, or what pip left."""
    site = find_site(path)
    if site is None:
        return None
    top = path[len(site) + 1 :].partition("/")[0]
    return f"{site}/{top}" if top.endswith(_INFOS) and not top.startswith("~") else None


def judge_distribution(*, ours: bool, metadata: bool) -> Rule:
    """Judge a ``.dist-info`` that envctl did not lay, of a project of which it laid one (``ours``) or not.

    ``metadata`` says that the METADATA of ours is still there.
    """
    if not ours:
        return Rule.DISTRIBUTION
    return Rule.SECOND if metadata else Rule.REPLACED


def judge_stray(path: str, *, package: str | None = None, has_source: bool = False) -> Rule:
    """Judge a path that nobody's list names, nor the RECORD of a distribution of others.

    ``package`` is the innermost folder around it that holds files of a distribution, None where that is not
    below site-packages. ``has_source`` says that the module lies beside its bytecode.
    """
    *folders, name = path.split("/")
    if BYTECODE in folders or name.endswith(_COMPILED) or (name.endswith(".pyc") and has_source):
        return Rule.BYTECODE
    if _LITTER.fullmatch(name) or not _LITTER_FOLDERS.isdisjoint(folders):
        return Rule.LITTER
    site = find_site(path)
    if site is None:
        return Rule.SCRIPT if path.startswith(_SCRIPTS) else Rule.DATA
    top, _, below = path[len(site) + 1 :].partition("/")
    if top.startswith("~"):
        return Rule.LEFTOVER
    if top.partition(".")[0] in _CUSTOMIZE or (not below and top.endswith(_HOOKS)):
        return Rule.HOOK
    if package is None:
        is_code = top.endswith(_INFOS) or _is_importable(path[len(site) + 1 :])
        return Rule.LOOSE if is_code else Rule.SITE_DATA
    # In a `.dist-info` there is nothing to carry along: what lies there says something about a distribution.
    if top.endswith(".dist-info") or _is_importable(path[len(package) + 1 :]):
        return Rule.ADDED
    return Rule.PACKAGE_DATA


def _is_importable(path: str) -> bool:
    """Tell whether Python could import ``path`` from the folder it is relative to."""
    *packages, name = path.split("/")
    stem = name.partition(".")[0]
    return name.endswith(_CODE) and stem.isidentifier() and all(part.isidentifier() for part in packages)
