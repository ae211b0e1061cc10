"""Pages of the documentation, followed word for word."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from support.project import TIMEOUT, Project, find_command
from support.wheels import make_wheel

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"

#: What differs from machine to machine, and what stands in its place when lines are compared.
VARIES = (
    (re.compile(r"\b(python) ?3\.\d+(\.\d+\w*)?", re.IGNORECASE), r"\1 3"),
    (re.compile(r"(-> |from |to )3\.1\d\.\d+\b"), r"\1 3"),
    (re.compile(r"\b\d+ files?\b"), "N files"),
    (re.compile(r"\b\d+ entr(y|ies)\b"), "N entries"),
    (re.compile(r"\b[\d,]+ bytes instead of [\d,]+"), "N bytes instead"),
    (re.compile(r"-?\b[\d.,]+ [kMGT]?B\b"), "SIZE"),
    (re.compile(r"\b\d{4}-\d{2}-\d{2}(T[\d:.]+Z)?"), "TIME"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "COMMIT"),
    (re.compile(r"\b\d+ (second|minute|hour|day|month|year)s?\b"), "AGE"),
    (re.compile(r"\b[\d.]+ (ms|s)\b"), "AGE"),
    (re.compile(r"\s+"), " "),
)

#: What stands in a log, and on a terminal has been told by a bar: pages need not show it.
UNSEEN = re.compile(r"Unpacked \d+ packages?")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of the page: what it is written in, and its lines."""

    language: str
    lines: tuple[str, ...]

    def steps(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Give each command of a console block with the output that the page shows for it."""
        starts = [number for number, line in enumerate(self.lines) if line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(self.lines)], strict=True):
            yield self.lines[start][2:], self.lines[start + 1 : end]


def read_page(name: str) -> str:
    """Read one of the how-to pages."""
    return (HOW_TO / f"{name}.md").read_text(encoding="utf-8")


def offer(project: Project, *releases: str, requires: Sequence[str] = (), **details: Any) -> None:
    """Put wheels on the index: ``name version``, all of them alike."""
    for release in releases:
        name, version = release.split()
        make_wheel(project.index.folder, name, version, requires=requires, **details)


def declare(project: Project, *dependencies: str, rest: str = "") -> None:
    """Write a manifest."""
    quoted = ", ".join(f'"{each}"' for each in dependencies)
    project.write("env.toml", f'python = ">=3.11"\ndependencies = [{quoted}]\n{rest}')


def read_blocks(page: str) -> tuple[Block, ...]:
    """Find the fenced blocks of a page, in order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return tuple(Block(language, tuple(text.splitlines())) for language, text in found)


def level(line: str) -> str:
    """Take out of a line what is allowed to differ."""
    for pattern, replacement in VARIES:
        line = pattern.sub(replacement, line)
    return line.strip()


def is_left_out(line: str) -> bool:
    """Whether a line of the page stands for any number of lines."""
    return line.strip() == "…"


def is_same(shown: str, printed: str) -> bool:
    """Whether a line of the page is one of the output; ``…`` within it stands for anything."""
    pattern = " ?.* ?".join(re.escape(level(part)) for part in shown.split("…"))
    return re.fullmatch(pattern, level(printed)) is not None


def find_difference(shown: Sequence[str], printed: Sequence[str]) -> str | None:
    """Hold what a page shows against what was printed, line by line and in order; None where it is the same.

    Else it tells the line of the page up to which it is, or the one of the output that the page lacks.
    """
    # For each number of lines of the page, after how many of the output these can end.
    ends = {0}
    for number, line in enumerate(shown):
        if is_left_out(line):
            following = set(range(min(ends), len(printed) + 1))
        else:
            following = {end + 1 for end in ends if end < len(printed) and is_same(line, printed[end])}
        if not following:
            there = printed[max(ends)] if max(ends) < len(printed) else "its end"
            return f"line {number + 1} is shown as {line!r}, where {there!r} stands"
        ends = following
    if len(printed) not in ends:
        return f"{printed[max(ends)]!r} is printed, and not shown"
    return None


def run_line(project: Project, command: str) -> tuple[int, list[str]]:
    """Run one line as a person's shell would; the lines of stdout and stderr together."""
    environ = project.variables()
    [envctl, *more] = find_command()
    line = re.sub(r"(^|\s)envctl ", rf"\1{' '.join([envctl, *more])} ", command)
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=project.folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def follow(
    project: Project, page: str, prepare: Mapping[str, Callable[[], object]] | None = None
) -> list[str]:
    """Follow a page: write its files, set its variables, run its commands. What is not as it says is returned.

    A block of TOML is the manifest, or the file that its first line names as a comment: ``config.toml`` is the
    user's settings. One that says neither which Python nor which project is added to the manifest that is
    there. A command that fails ends it, unless the page shows its error: what would follow is not what the page
    talks about. ``prepare`` maps texts of the page, in order, to what is done before the first block behind each
    of them.
    """
    wrong: list[str] = []
    rest = page
    for text, work in (prepare or {}).items():
        before, found, rest = rest.partition(text)
        assert found, f"the page does not say {text!r} there"
        wrong += _follow_blocks(project, before)
        work()
    return wrong + _follow_blocks(project, rest)


def hold(project: Project, page: str, prepare: Mapping[str, Callable[[], object]] | None = None) -> None:
    """Follow a page, and raise AssertionError with all that is not as it says."""
    wrong = follow(project, page, prepare)
    if wrong:
        raise AssertionError("\n".join(["the page shows something else than is printed:", *wrong]))


def _follow_blocks(project: Project, page: str) -> list[str]:
    wrong: list[str] = []
    code = 0
    for block in read_blocks(page):
        if block.language in {"toml", "python"}:
            _write(project, block)
        elif block.language == "sh":
            for line in block.lines:
                name, is_set, value = line.removeprefix("export ").partition("=")
                if is_set and line.startswith("export "):
                    project.environ[name] = value
        elif block.language == "console":
            for command, shown in block.steps():
                if command == "echo $?":
                    code, output = 0, [str(code)]
                else:
                    code, output = run_line(project, command)
                output = [line for line in output if not UNSEEN.match(line)]
                difference = find_difference(shown, output) if shown else None
                if difference is not None:
                    wrong += [f"`{command}`: {difference}", *(f"    {line}" for line in output)]
                if code != 0 and not any("error: " in line or '"envctl.error"' in line for line in shown):
                    return [*wrong, f"`{command}` exits with {code}:", *output]
    return wrong


def _write(project: Project, block: Block) -> None:
    named = re.fullmatch(r"# ([\w./-]+\.\w+)", block.lines[0])
    path = project.path(named[1] if named else "env.toml")
    if block.lines[0] == "# config.toml":
        path = project.environ["ENVCTL_CONFIG"]
    text = "\n".join(block.lines) + "\n"
    if named is None and block.language == "toml":
        stated = tomllib.loads(text)
        if stated.keys().isdisjoint({"python", "project"}):
            text = tomli_w.dumps(_add(tomllib.loads(project.read("env.toml")), stated))
    project.write(path, text)


def _add(there: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    added = {
        key: _add(there.get(key, {}), value) if isinstance(value, dict) else value
        for key, value in more.items()
    }
    return {**there, **added}
