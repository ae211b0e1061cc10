"""The recipe that solves recorded cases of other resolvers tells right answers from wrong ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RECIPE = Path(__file__).parents[2] / "benchmarks" / "resolver.py"
INDEX = {
    "top": {"1.0": {"dependencies": ["x (<2)"]}, "2.0": {"dependencies": ["x>=2", "gone; extra == 'all'"]}},
    "x": {"1.0": {"dependencies": []}, "2.0": {"dependencies": []}},
}


def solve(folder: Path, **case: Any) -> subprocess.CompletedProcess[str]:
    for kind, content in (("index", INDEX), ("case", {"index": "made", **case})):
        path = folder / "python" / "inputs" / kind
        path.mkdir(parents=True)
        (path / "made.json").write_text(json.dumps(content))
    return subprocess.run(
        [sys.executable, str(RECIPE), str(folder)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )


@pytest.mark.parametrize(
    ("case", "verdict", "code"),
    [
        (
            {"requested": ["top", "x<2"], "resolved": {"top": "1.0", "x": {"version": "1.0"}}},
            "as expected",
            0,
        ),
        ({"requested": ["top"], "resolved": {"top": "1.0", "x": "1.0"}}, "solved otherwise: top, x", 1),
        ({"requested": ["top>1", "x<2"], "conflicted": ["x"]}, "impossible, as expected", 0),
        ({"requested": ["top"], "conflicted": ["x"]}, "solved, and a conflict is expected", 1),
        ({"requested": ["top>1", "x<2"], "resolved": {"top": "2.0"}}, "impossible", 1),
    ],
)
def test_an_answer_is_compared_with_what_is_recorded(
    tmp_path: Path, case: Any, verdict: str, code: int
) -> None:
    result = solve(tmp_path, **case)

    assert f"| python/made | {verdict} |" in result.stdout
    assert result.returncode == code
