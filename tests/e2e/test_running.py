"""Processes that run from an environment while another takes its place: what they see, and that they are named."""

from __future__ import annotations

import glob
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from support.documents import validate
from support.project import TIMEOUT, Project, find_command

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc to be looked at")

#: Has loaded a module and an extension, says so, waits for a line, and imports one more.
SERVER = """\
import sys, alpha, alpha._bisect
print("ready", flush=True)
sys.stdin.readline()
import alpha.lazy
print(alpha.VERSION, alpha._bisect.bisect_right([1, 2], 1), alpha.lazy.VERSION)
"""


def _find_extension() -> str:
    found = glob.glob(f"{sysconfig.get_config_var('DESTSHARED')}/_bisect.*so")
    if not found:
        pytest.skip("this Python has no extension module that could be copied")
    return found[0]


@pytest.fixture
def shop(project: Project) -> Project:
    """Applied: `alpha` 1.0, which has an extension module and scripts; there is a 2.0 by now."""
    path = _find_extension()
    with open(path, "rb") as file:
        extension = file.read()
    for version in ("1.0", "2.0"):
        project.publish(
            "alpha",
            version,
            scripts={"serve": "alpha:main"},
            files={
                "alpha/__init__.py": f"VERSION = '{version}'\n\n\ndef main():\n    exec({SERVER!r})\n",
                "alpha/lazy.py": f"VERSION = '{version}'\n",
                f"alpha/{os.path.basename(path)}": extension,
            },
        )
    project.write_manifest("alpha<2")
    project.apply()
    project.write_manifest("alpha")
    return project


@contextmanager
def running(
    project: Project, *command: str, directory: str | None = None, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """Start a process that says when it is ready, and end it."""
    process = subprocess.Popen(
        command,
        cwd=directory or project.folder,
        env=project.variables({"PYTHONDONTWRITEBYTECODE": "1", **variables}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=TIMEOUT)


def upgrade(project: Project, *words: str) -> tuple[str, list[int]]:
    """Upgrade to 2.0; returns stderr, and whom the report names."""
    result = project.succeed("upgrade", "--json", *words)
    validate(result.json)
    return result.err, [each["pid"] for each in result.json["running"]]


def test_a_process_keeps_what_it_has_loaded_and_imports_what_is_new(shop: Project) -> None:
    with running(shop, shop.path(".venv", "bin", "python"), "-c", SERVER) as process:
        err, pids = upgrade(shop)
        out, _ = process.communicate("go on\n", timeout=TIMEOUT)

    assert out == "1.0 1 2.0\n"
    assert pids == [process.pid]
    assert f"restart running processes: pid {process.pid} (python)" in err


def test_what_a_process_runs_from_stays_until_the_next_apply(shop: Project) -> None:
    with running(shop, shop.path(".venv", "bin", "python"), "-c", SERVER) as process:
        upgrade(shop)
        with open(f"/proc/{process.pid}/maps", encoding="utf-8", errors="replace") as file:
            mapped = {line.split()[-1] for line in file if "_bisect" in line}

    assert mapped
    assert all(f"{os.sep}.venv.envctl{os.sep}generations{os.sep}1{os.sep}" in path for path in mapped)
    assert all(os.path.exists(path) for path in mapped)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("{bin}/serve",), "serve"),
        (("{bin}/python", "-X", "utf8", "{bin}/serve"), "serve"),
        ((".venv/bin/python", "-c", SERVER), "python"),
        (("{bin}/python3", "-c", SERVER), "python3"),
    ],
    ids=["script", "script-and-options", "relative", "another-name"],
)
def test_it_is_named_by_its_program(shop: Project, command: Sequence[str], name: str) -> None:
    words = [word.replace("{bin}", shop.path(".venv", "bin")) for word in command]

    with running(shop, *words) as process:
        err, _ = upgrade(shop)

    assert f"pid {process.pid} ({name})" in err


def test_one_that_was_started_by_its_bare_name_is_found(shop: Project) -> None:
    code = "print('ready', flush=True); input()"
    folder = shop.path(".venv", "bin")
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"

    with running(
        shop, "sh", "-c", f'exec python -c "{code}"', PATH=path, VIRTUAL_ENV=shop.path(".venv")
    ) as process:
        _, pids = upgrade(shop)

    assert pids == [process.pid]


def test_one_that_calls_itself_otherwise_is_found_by_what_it_has_mapped(shop: Project) -> None:
    python = shop.path(".venv", "bin", "python")
    code = f"import sys; sys.path.insert(0, {shop.site()!r})\n{SERVER}"
    title = ["bash", "-c", 'exec -a "server: master" "$0" -c "$1"', python, code]

    with running(shop, *title) as process:
        _, pids = upgrade(shop)

    assert pids == [process.pid]


def test_one_whose_working_folder_lies_in_the_environment_is_found(shop: Project) -> None:
    with running(shop, "sh", "-c", "echo ready; read line", directory=shop.path(".venv", "lib")) as process:
        _, pids = upgrade(shop)

    assert pids == [process.pid]


def test_others_are_not_named_nor_those_that_started_the_run(shop: Project) -> None:
    code = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"

    with running(shop, sys.executable, "-c", "print('ready', flush=True); input()"):
        parent = [shop.path(".venv", "bin", "python"), "-c", code, *find_command()]
        result = shop.execute([*parent, "upgrade", "--json"])

    assert "restart running processes" not in result.err
    assert result.json["running"] == []


def test_what_is_only_added_makes_nobody_restart(shop: Project) -> None:
    shop.write_manifest("alpha<2", "gamma")

    with running(shop, shop.path(".venv", "bin", "python"), "-c", SERVER):
        report = shop.apply()

    assert report["running"] == []


def test_one_that_runs_in_a_kept_generation_is_not_to_be_restarted(shop: Project) -> None:
    upgrade(shop)
    shop.write_manifest("alpha", "gamma")

    with running(shop, *find_command(), "run", "--generation", "1", "python", "-c", SERVER):
        report = shop.apply("--reinstall", "alpha")

    assert report["running"] == []


def test_a_rollback_names_them_too(shop: Project) -> None:
    upgrade(shop)

    with running(shop, shop.path(".venv", "bin", "python"), "-c", SERVER) as process:
        result = shop.succeed("rollback", "--json")
        out, _ = process.communicate("go on\n", timeout=TIMEOUT)

    validate(result.json)
    assert out == "2.0 1 1.0\n"
    assert [each["pid"] for each in result.json["running"]] == [process.pid]
    assert f"restart running processes: pid {process.pid} (python)" in result.err
