"""What a command with nothing to do loads and says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from support.places import Place

_LIST = (
    "import sys; from envctl.cli.main import main; code = main(sys.argv[1:]);"
    "print(*sorted(name for name in sys.modules if name.startswith('envctl.')), file=sys.stderr); sys.exit(code)"
)


@pytest.fixture
def applied(place: Place) -> Place:
    place.write("alpha")
    place.apply()
    return place


def start(place: Place, *argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "ENVCTL_CACHE_DIR": place.cache,
    }
    return subprocess.run(
        [sys.executable, "-c", _LIST, *argv],
        capture_output=True,
        text=True,
        check=False,
        cwd=place.folder,
        env={**environ, **variables},
    )


def test_a_plan_with_nothing_to_do_loads_next_to_nothing(applied: Place) -> None:
    answer = start(applied, "plan")

    assert answer.stdout == "No changes.\n"
    assert answer.stderr.split() == [
        "envctl.cli",
        "envctl.cli.fast",
        "envctl.cli.main",
        "envctl.receipt",
        "envctl.treedigest",
        "envctl.trust",
        "envctl.twofold",
        "envctl.unchanged",
        "envctl.version",
    ]


def test_a_plan_with_nothing_to_do_names_another_environment_that_is_active(applied: Place) -> None:
    answer = start(applied, "plan", VIRTUAL_ENV="/else/where")
    quiet = start(applied, "plan", "-q", VIRTUAL_ENV="/else/where")

    line = f"`/else/where` is active; the environment meant is `{applied.venv}`"
    assert (answer.stdout, answer.stderr.splitlines()[0]) == ("No changes.\n", line)
    assert line not in quiet.stderr


def test_an_apply_of_what_the_store_has_loads_neither_the_network_nor_a_compiler(applied: Place) -> None:
    answer = start(applied, "apply", "--reinstall", "beta", CI="true")

    loaded = answer.stderr.split()
    assert answer.returncode == 0
    assert "envctl.transaction.stage" in loaded
    assert not {"envctl.workflow.remote", "envctl.workflow.compiling", "envctl.index.http"} & set(loaded)


def test_an_apply_of_what_was_planned_before_understands_neither_manifest_nor_lock(applied: Place) -> None:
    shutil.rmtree(applied.venv)
    start(applied, "plan")

    answer = start(applied, "apply", CI="true")

    loaded = answer.stderr.split()
    assert answer.returncode == 0
    assert "envctl.transaction.stage" in loaded
    assert [name for name in loaded if name.startswith(("envctl.manifest", "envctl.resolve"))] == [
        "envctl.manifest",
        "envctl.manifest.near",
    ]
    assert not {"envctl.workflow.reading", "envctl.lock.parse", "envctl.lock.choose"} & set(loaded)


def test_a_run_in_an_environment_that_is_right_parses_nothing(applied: Place) -> None:
    code = "import os, sys; print(os.environ['VIRTUAL_ENV'])"
    tell = f"import sys; sys.modules['envctl.manifest.parse'] = sys.modules['envctl.environment.scan'] = None;{_LIST}"

    answer = subprocess.run(
        [sys.executable, "-c", tell, "run", "python", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=applied.folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, f"{applied.venv}\n", "")
