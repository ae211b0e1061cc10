"""The table of path classes, row by row: each of its rows, and what falls under it."""

from __future__ import annotations

import pytest

from envctl.environment.classes import (
    OWNED,
    Rule,
    Verdict,
    find_info,
    judge_distribution,
    judge_owned,
    judge_stray,
)
from envctl.environment.inventory import stamp, stamp_link
from envctl.environment.tree import Seen

FILE, LINK, PIPE = 0o100000, 0o120000, 0o010000
SITE = "lib/python3.11/site-packages"
THEN = 1_700_000_000_123_456_789

PLAIN = stamp(7, THEN, executable=False) + "digest"
SCRIPT = stamp(7, THEN, executable=True) + "digest"
AWAY = stamp_link("/usr/bin/python3.11")


def seen(mode: int = FILE | 0o644, size: int = 7, mtime_ns: int = THEN) -> Seen:
    return Seen(mode, size, mtime_ns)


# What the inventory says of a file, what is there, the text of the link that is there.
OF_OURS = [
    (Rule.UNTOUCHED, "as it was put", PLAIN, seen(), ""),
    (Rule.UNTOUCHED, "a script as it was put", SCRIPT, seen(FILE | 0o755), ""),
    (Rule.UNTOUCHED, "umask 002", PLAIN, seen(FILE | 0o664), ""),
    (Rule.UNTOUCHED, "umask 077", PLAIN, seen(FILE | 0o600), ""),
    (Rule.UNTOUCHED, "a script under umask 077", SCRIPT, seen(FILE | 0o700), ""),
    (Rule.UNTOUCHED, "read-only for its owner", PLAIN, seen(FILE | 0o444), ""),
    (Rule.UNTOUCHED, "a link with its text", AWAY, seen(LINK | 0o777, 19, 5), "/usr/bin/python3.11"),
    (Rule.WHOLE_SECOND, "out of a tar", PLAIN, seen(mtime_ns=THEN // 10**9 * 10**9), ""),
    (Rule.MOVED, "touched", PLAIN, seen(mtime_ns=THEN + 1), ""),
    (Rule.MOVED, "out of an archive that rounds up", PLAIN, seen(mtime_ns=(THEN // 10**9 + 1) * 10**9), ""),
    (Rule.MOVED, "without a time", PLAIN, seen(mtime_ns=0), ""),
    (Rule.GONE, "deleted", PLAIN, None, ""),
    (Rule.GONE, "a link deleted", AWAY, None, ""),
    (Rule.OTHER_SIZE, "emptied", PLAIN, seen(size=0), ""),
    (Rule.OTHER_SIZE, "appended to, its time restored", PLAIN, seen(size=8), ""),
    (Rule.OTHER_TYPE, "a pipe", PLAIN, seen(PIPE | 0o644), ""),
    (Rule.BECAME_LINK, "a link to another file", PLAIN, seen(LINK | 0o777), "elsewhere"),
    (Rule.OTHER_LINK, "led elsewhere", AWAY, seen(LINK | 0o777), "/usr/bin/python3.12"),
    (Rule.OTHER_LINK, "a copy of what it led to", AWAY, seen(FILE | 0o755), ""),
    (Rule.UNREADABLE, "chmod 000", PLAIN, seen(FILE), ""),
    (Rule.OTHER_MODE, "a script that lost its bit", SCRIPT, seen(FILE | 0o644), ""),
    (Rule.OTHER_MODE, "a module that got one", PLAIN, seen(FILE | 0o755), ""),
]

# Where a path lies, and the innermost folder around it that holds files of a distribution.
STRAYS = [
    (Rule.BYTECODE, f"{SITE}/shop/__pycache__/app.cpython-311.pyc", f"{SITE}/shop"),
    (Rule.BYTECODE, f"{SITE}/shop/__pycache__/app.cpython-311-pytest-9.2.0.pyc", f"{SITE}/shop"),
    (Rule.BYTECODE, "bin/__pycache__/tool.cpython-311.pyc", None),
    (Rule.BYTECODE, f"{SITE}/shop/app.pyo", f"{SITE}/shop"),
    (Rule.BYTECODE, f"{SITE}/shop/app.f-12.py311.nbi", f"{SITE}/shop"),
    (Rule.BYTECODE, f"{SITE}/shop/app.f-12.py311.1.nbc", f"{SITE}/shop"),
    *(
        (Rule.LITTER, f"{SITE}/shop/{name}", f"{SITE}/shop")
        for name in (
            ".lock",
            ".gitignore",
            "CACHEDIR.TAG",
            ".DS_Store",
            "._app.py",
            ".directory",
            "Thumbs.db",
            "desktop.ini",
            ".nfs000000000000abcd00000001",
            ".fuse_hidden0000000100000001",
            ".app.py.swp",
            ".app.py.swo",
            "app.py~",
            ".#app.py",
            "#app.py#",
            ".ipynb_checkpoints/app-checkpoint.py",
            ".pytest_cache/v/cache/lastfailed",
        )
    ),
    (Rule.LITTER, ".gitignore", None),
    (Rule.LITTER, "lost+found", None),
    (Rule.LITTER, f"{SITE}/.DS_Store", None),
    (Rule.LITTER, "bin/.fuse_hidden1", None),
    (Rule.HOOK, f"{SITE}/hook.pth", None),
    (Rule.HOOK, f"{SITE}/easy-install.pth", None),
    (Rule.HOOK, f"{SITE}/tool.egg-link", None),
    (Rule.HOOK, f"{SITE}/sitecustomize.py", None),
    (Rule.HOOK, f"{SITE}/usercustomize/__init__.py", None),
    (Rule.LEFTOVER, f"{SITE}/~hop/__init__.py", None),
    (Rule.LEFTOVER, f"{SITE}/~hop-1.0.dist-info/RECORD", None),
    (Rule.ADDED, f"{SITE}/shop/new.py", f"{SITE}/shop"),
    (Rule.ADDED, f"{SITE}/shop/new.pyc", f"{SITE}/shop"),
    (Rule.ADDED, f"{SITE}/shop/_x.cpython-311-x86_64-linux-gnu.so", f"{SITE}/shop"),
    (Rule.ADDED, f"{SITE}/shop/_x.pyd", f"{SITE}/shop"),
    (Rule.ADDED, f"{SITE}/shop/x.pth", f"{SITE}/shop"),
    (Rule.ADDED, f"{SITE}/shop/sub/new.py", f"{SITE}/shop"),
    (Rule.ADDED, f"{SITE}/shop-1.0.dist-info/direct_url.json", f"{SITE}/shop-1.0.dist-info"),
    (Rule.PACKAGE_DATA, f"{SITE}/shop/cache.bin", f"{SITE}/shop"),
    (Rule.PACKAGE_DATA, f"{SITE}/shop/not-a-module.py", f"{SITE}/shop"),
    (Rule.PACKAGE_DATA, f"{SITE}/shop/.local-browsers/c/libGLESv2.so", f"{SITE}/shop"),
    (Rule.PACKAGE_DATA, f"{SITE}/shop/share/cacert.pem", f"{SITE}/shop"),
    (Rule.LOOSE, f"{SITE}/single.py", None),
    (Rule.LOOSE, f"{SITE}/single.pyc", None),
    (Rule.LOOSE, f"{SITE}/alien/__init__.py", None),
    (Rule.LOOSE, f"{SITE}/what-others-left-1.0.dist-info/direct_url.json", None),
    (Rule.SITE_DATA, f"{SITE}/notes.txt", None),
    (Rule.SITE_DATA, f"{SITE}/alien/model.bin", None),
    (Rule.SITE_DATA, f"{SITE}/gone/.local-browsers/c/tool.py", None),
    (Rule.SCRIPT, "bin/tool", None),
    (Rule.SCRIPT, "Scripts/tool.exe", None),
    (Rule.DATA, "share/jupyter/kernels/python3/kernel.json", None),
    (Rule.DATA, "etc/jupyter/labconfig/page_config.json", None),
    (Rule.DATA, "var/db", None),
    (Rule.DATA, "include/site/python3.11/x/x.h", None),
    (Rule.DATA, "nltk_data/corpora/a.zip", None),
    (Rule.DATA, "file-at-the-top", None),
]


@pytest.mark.parametrize(("rule", "what", "line", "there", "text"), OF_OURS)
def test_a_file_of_ours_falls_under_one_row(
    rule: Rule, what: str, line: str, there: Seen | None, text: str
) -> None:
    assert judge_owned(line, there, text=text)[0] is rule, what


def test_what_was_written_with_the_receipt_is_to_be_read() -> None:
    assert judge_owned(PLAIN, seen(), young=True) == (Rule.YOUNG, "")


@pytest.mark.parametrize(("rule", "path", "package"), STRAYS)
def test_a_path_that_nobody_lists_falls_under_one_row(rule: Rule, path: str, package: str | None) -> None:
    assert judge_stray(path, package=package) is rule


def test_bytecode_beside_its_source_is_bytecode() -> None:
    path = f"{SITE}/shop/app.pyc"

    assert judge_stray(path, package=f"{SITE}/shop", has_source=True) is Rule.BYTECODE


@pytest.mark.parametrize(
    ("ours", "metadata", "rule"),
    [
        (False, False, Rule.DISTRIBUTION),
        (True, False, Rule.REPLACED),
        (True, True, Rule.SECOND),
    ],
)
def test_a_distribution_of_others_is_one_line(*, ours: bool, metadata: bool, rule: Rule) -> None:
    assert judge_distribution(ours=ours, metadata=metadata) is rule


def test_every_row_of_the_table_is_tried_here() -> None:
    tried = {example[0] for example in (*OF_OURS, *STRAYS)}
    told = {Rule.YOUNG, Rule.DISTRIBUTION, Rule.REPLACED, Rule.SECOND}

    assert tried | told == set(Rule)


@pytest.mark.parametrize("rule", Rule)
def test_what_is_told_is_drift_or_foreign_and_nothing_else_is(rule: Rule) -> None:
    assert (rule.value.kind is not None) == (rule.value.verdict in {Verdict.DRIFT, Verdict.FOREIGN})


def test_the_rows_about_files_of_ours_come_first() -> None:
    assert {example[0] for example in OF_OURS} | {Rule.YOUNG} == set(OWNED)


@pytest.mark.parametrize(
    ("path", "info"),
    [
        (f"{SITE}/shop-1.0.dist-info/RECORD", f"{SITE}/shop-1.0.dist-info"),
        (f"{SITE}/shop.egg-info", f"{SITE}/shop.egg-info"),
        (f"{SITE}/shop/app.py", None),
        (f"{SITE}/~hop-1.0.dist-info/RECORD", None),
        ("share/x.dist-info/RECORD", None),
    ],
)
def test_a_path_tells_which_dist_info_it_is_in(path: str, info: str | None) -> None:
    assert find_info(path) == info
