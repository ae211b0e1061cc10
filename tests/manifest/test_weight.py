"""Parsing a manifest imports little: it stands on the way of every command."""

from __future__ import annotations

import os
import subprocess
import sys

HEAVY = {
    "asyncio",
    "httpcore",
    "httpx",
    "pathlib",
    "rich",
    "subprocess",
    "tempfile",
    "tomlkit",
    "typing_extensions",
    "urllib.parse",
}

SCRIPT = """
import sys, tomllib, packaging.requirements, dataclasses
before = set(sys.modules)
from envctl.manifest import parse, select
text = b"dependencies = ['flask']\\n[[index]]\\nname = 'a'\\nurl = './x'\\nflat = true"
select.select_environment(parse.parse(text, path="/srv/env.toml"), None)
print(*sorted(set(sys.modules) - before))
"""


def test_nothing_heavy_is_imported_on_the_good_path() -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=environ
    )

    assert HEAVY.isdisjoint(done.stdout.split())
    assert {name.partition(".")[0] for name in done.stdout.split()} <= {
        "envctl", "packaging", "hashlib", "_hashlib", "_blake2", "json", "_json", "difflib", "heapq", "_heapq",
    }  # fmt: skip
