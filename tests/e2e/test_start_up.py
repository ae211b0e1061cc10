"""A plan with nothing to do costs little more than starting Python: it loads what follows and no more."""

from __future__ import annotations

import os
import subprocess
import sys

from support.project import Project

SCRIPT = (
    "import sys; before = set(sys.modules); from envctl.cli.main import main; code = main(['plan']);"
    "print('\\n'.join(sorted(set(sys.modules) - before)), file=sys.stderr); sys.exit(code)"
)

OURS = {
    "envctl",
    "envctl.cli",
    "envctl.cli.console",
    "envctl.cli.fast",
    "envctl.cli.main",
    "envctl.receipt",
    "envctl.treedigest",
    "envctl.trust",
    "envctl.twofold",
    "envctl.unchanged",
    "envctl.version",
}

#: What ours load of the standard library, with what that loads.
STANDARD = {"__future__", "_blake2", "_hashlib", "gc", "hashlib", "time"}


def test_a_plan_with_nothing_to_do_loads_the_fast_path_alone(applied: Project) -> None:
    paths = os.pathsep.join(path for path in sys.path if path)
    environ = {"PATH": os.defpath, "PYTHONPATH": paths, "ENVCTL_CACHE_DIR": applied.cache}

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=applied.folder,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )

    loaded = set(done.stderr.split())
    assert done.stdout == "No changes.\n"
    assert {name for name in loaded if name.startswith("envctl")} <= OURS
    assert {name for name in loaded if not name.startswith("envctl")} <= STANDARD
