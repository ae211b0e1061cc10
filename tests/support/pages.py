"""Pages of the documentation, followed word for word."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from support.project import TIMEOUT, Project, find_command

#: What differs from machine to machine, and what stands in its place when lines are compared.
VARIES = (
    (re.compile(r"\b(python) ?3\.\d+(\.\d+\w*)?", re.IGNORECASE), r"\1 3"),
    (re.compile(r"\b\d+ files\b"), "N files"),
    (re.compile(r"\s+"), " "),
)


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


def read_blocks(page: str) -> tuple[Block, ...]:
    """Find the fenced blocks of a page, in order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return tuple(Block(language, tuple(text.splitlines())) for language, text in found)


def level(line: str) -> str:
    """Take out of a line what is allowed to differ."""
    for pattern, replacement in VARIES:
        line = pattern.sub(replacement, line)
    return line.strip()


def is_shown(line: str, output: Sequence[str]) -> bool:
    """Whether a line of the page is a line of the output; ``…`` stands for anything."""
    pattern = ".*".join(re.escape(level(part)) for part in line.split("…"))
    return any(re.fullmatch(pattern.replace(".*", " ?.* ?"), level(each)) for each in output)


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


def follow(project: Project, page: str) -> list[str]:
    """Follow a page: write its files, set its variables, run its commands. What is not as it says is returned.

    A block of TOML is the manifest, or the file that its first line names as a comment: ``config.toml`` is the
    user's settings. A command that fails ends it, unless the page shows its error: what would follow is not
    what the page talks about.
    """
    wrong = []
    for block in read_blocks(page):
        if block.language in {"toml", "python"}:
            named = re.fullmatch(r"# ([\w./-]+\.\w+)", block.lines[0])
            path = project.path(named[1] if named else "env.toml")
            if block.lines[0] == "# config.toml":
                path = project.environ["ENVCTL_CONFIG"]
            project.write(path, "\n".join(block.lines) + "\n")
        elif block.language == "sh":
            for line in block.lines:
                name, is_set, value = line.removeprefix("export ").partition("=")
                if is_set and line.startswith("export "):
                    project.environ[name] = value
        elif block.language == "console":
            for command, shown in block.steps():
                code, output = run_line(project, command)
                missing = [line for line in shown if line.strip(" …") and not is_shown(line, output)]
                wrong += [f"`{command}` does not print {line!r}" for line in missing]
                if code != 0 and not any(line.startswith("error: ") for line in shown):
                    return [*wrong, f"`{command}` exits with {code}:", *output]
    return wrong
