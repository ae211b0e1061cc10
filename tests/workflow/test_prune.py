"""What ``cache prune`` knows of the cache."""

from __future__ import annotations

import re
from pathlib import Path

import envctl
from envctl.cli.show.results import describe_bucket
from envctl.environment.bare import VIRTUALENV
from envctl.workflow.prune import BUCKETS


def test_every_bucket_that_the_source_names_is_known_and_described() -> None:
    """One that is not would never be pruned, or be taken for one of an older version."""
    source = Path(envctl.__file__ or "").parent
    pattern = re.compile(r'^[A-Z_]+ = "([a-z-]+-v[0-9]+)"$', re.MULTILINE)
    named = {name for path in source.rglob("*.py") for name in pattern.findall(path.read_text("utf-8"))}

    assert named == BUCKETS | {VIRTUALENV}
    assert [name for name in named if not describe_bucket(name)] == []
