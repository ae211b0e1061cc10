"""Links lead somewhere, and no file names what is nobody else's business."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])

#: ``[text](target)`` and ``[label]: target``, outside of code.
_INLINE = re.compile(r"\]\(([^()\s]+)\)")
_REFERENCE = re.compile(r"^\[[^\]]+\]: (\S+)$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

#: Written in two parts, so that this file names them no more than others do.
REGISTRY = re.compile("py" + r"pi\.org|python" + "hosted", re.IGNORECASE)
#: Folders of people: examples are about these.
HOME = re.compile(r"(?<![\w.:/\]])/(?:root|home|Users)/(?!(?:me|someone|one|two)\b)[\w.~-]+")

#: The one place that knows the public index.
DEFAULT = "src/envctl/manifest/sources.py"


def links_of(page: Path) -> Iterator[str]:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    yield from _INLINE.findall(text)
    yield from _REFERENCE.findall(text)


def anchors_of(page: Path) -> set[str]:
    """Give the anchors that its headings have where Markdown is shown."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(text)}


def find_broken(page: Path) -> list[str]:
    """Find relative links of a page that lead to no file, or to no heading of one."""
    broken = []
    for link in links_of(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = Path(os.path.normpath(page.parent / path)) if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    return broken


def files_of_the_repository() -> list[str]:
    """List what git knows; in a copy without its history there is nothing to check."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not in a checkout")
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def find_lines(pattern: re.Pattern[str], *, leave_out: str = "") -> list[str]:
    """Find lines of the repository's text files that match."""
    found = []
    for name in files_of_the_repository():
        path = ROOT / name
        if name == leave_out or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{name}:{number}: {line.strip()[:100]}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert find_broken(page) == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached = {ROOT / "README.md"}
    waiting = [*reached]
    while waiting:
        page = waiting.pop()
        for link in links_of(page):
            target = Path(os.path.normpath(page.parent / link.partition("#")[0]))
            if "://" not in link and target.suffix == ".md" and target not in reached:
                reached.add(target)
                waiting.append(target)

    assert sorted(set(PAGES) - reached) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Here\n\n[a](#here) [b](#there) [c](none.md) `[d](code.md)` [e](https://x.example)\n")

    assert find_broken(page) == ["#there", "none.md"]


def test_no_file_names_the_host_of_a_public_registry_but_the_default_index() -> None:
    assert find_lines(REGISTRY, leave_out=DEFAULT) == []


def test_the_default_index_is_named_where_it_is_looked_for() -> None:
    assert REGISTRY.search((ROOT / DEFAULT).read_text(encoding="utf-8"))


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    assert find_lines(HOME) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("see /ro" + "ot/notes", True),
        ('"/ho' + 'me/jane/shop"', True),
        ("/home/me/shop", False),
        ("http://127.0.0.1:3141/root/x", False),
        ("docs/home/page", False),
    ],
)
def test_a_folder_of_somebodys_machine_is_recognised(line: str, *, found: bool) -> None:
    assert bool(HOME.search(line)) is found
