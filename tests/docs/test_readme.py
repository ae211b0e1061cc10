"""The README's commands are those that CI runs in a fresh clone."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_both_commands_of_the_readme_stand_word_for_word_in_what_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()

    blocks = re.findall(r"^```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]

    assert len(commands) == 2
    assert [command for command in commands if command not in run] == []
