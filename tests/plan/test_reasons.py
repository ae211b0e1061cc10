"""What a plan says of drift, in words."""

from __future__ import annotations

import pytest

from envctl.model.state import Drift, DriftKind
from envctl.plan.reasons import describe_drift


@pytest.mark.parametrize(
    ("kind", "path", "detail", "words"),
    [
        ("missing", "app.py", "", "app.py is missing"),
        ("modified", "app.py", "", "app.py was modified"),
        (
            "modified",
            "pyvenv.cfg",
            "376 bytes instead of 375",
            "pyvenv.cfg was modified (376 bytes instead of 375)",
        ),
        ("metadata", "x/METADATA", "9 bytes instead of 8", "x/METADATA was modified (9 bytes instead of 8)"),
        ("metadata", "x.dist-info", "has no RECORD", "x.dist-info has no RECORD"),
        ("mode", "bin/tool", "is no longer executable", "bin/tool is no longer executable"),
        ("interpreter", "bin/python", "is missing", "bin/python is missing"),
        ("interpreter", "bin/python", "leads to `/x`", "bin/python leads to `/x`"),
        (
            "version",
            "six-1.16.0.dist-info",
            "1.16.0 instead of 1.17.0, installed by pip",
            "was replaced: 1.16.0 instead of 1.17.0, installed by pip",
        ),
    ],
)
def test_drift_reads_as_a_clause(kind: str, path: str, detail: str, words: str) -> None:
    drift = Drift(address="package.x", kind=DriftKind(kind), path=path, detail=detail)

    assert describe_drift((drift,)) == words
    assert describe_drift((drift, drift, drift)) == f"{words}, and 2 more"
