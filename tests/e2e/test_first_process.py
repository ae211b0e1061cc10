"""As the first process of a container: the kernel hands it no signal that it does not handle, and its orphans."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from support.project import TIMEOUT, Project, find_command

NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def cannot() -> bool:
    if sys.platform != "linux" or not shutil.which("unshare"):
        return True
    return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode != 0


pytestmark = pytest.mark.skipif(cannot(), reason="needs the right to make a process namespace")


def begin(shop: Project, *arguments: str) -> tuple[subprocess.Popen[str], int]:
    """Start a command as the first process; its number here."""
    process = subprocess.Popen(
        [*NAMESPACE, *find_command(), *arguments],
        cwd=shop.folder,
        env=shop.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    return process, int(wait_for(lambda: read(children)).split()[0])


def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def wait_for(tell: Callable[[], str]) -> str:
    deadline = time.monotonic() + TIMEOUT
    while not (told := tell()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return told


def end(process: subprocess.Popen[str], pid: int, number: signal.Signals) -> str:
    os.kill(pid, number)
    out, _ = process.communicate(timeout=TIMEOUT)
    return out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("command", [["apply", "--locked"], ["run", "--apply", "python", "-c", ""]])
def test_an_apply_that_is_told_to_end_undoes_what_it_began(
    fresh: Project, number: signal.Signals, code: int, command: list[str]
) -> None:
    fresh.publish("alpha", "1.0")
    fresh.write_manifest("alpha")
    fresh.succeed("lock")
    shutil.rmtree(fresh.variables()["ENVCTL_CACHE_DIR"])
    before = fresh.snapshot()
    fresh.index.requests.clear()
    fresh.index.delay = 30

    process, pid = begin(fresh, *command)
    wait_for(lambda: "asked" if fresh.index.requests else "")
    out = end(process, pid, number)

    assert (process.returncode, out.splitlines()[-1]) == (code, "interrupted")
    assert fresh.snapshot() == before


def test_run_becomes_the_command_which_gets_the_signal_and_its_own_children(bare: Project) -> None:
    bare.write_manifest()
    bare.succeed("apply")
    bare.write(
        "serve.py",
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "open('ready', 'w').write(str(os.getpid()))\n"
        "time.sleep(60)\n",
    )

    process, pid = begin(bare, "run", "python", "serve.py")
    own = wait_for(lambda: read(bare.path("ready")) if os.path.exists(bare.path("ready")) else "")
    words = read(f"/proc/{pid}/cmdline").split("\0")
    end(process, pid, signal.SIGTERM)

    assert own == "1"
    assert words[1] == "serve.py"
    assert process.returncode == 7


def test_nothing_is_left_behind_that_ends_with_the_container(bare: Project) -> None:
    bare.publish("alpha", "1.0")
    bare.publish("alpha", "2.0")
    for version in ("1.0", "2.0"):
        bare.write_manifest(f"alpha=={version}", rest="[install]\nkeep-generations = 0")
        process, _ = begin(bare, "apply")
        out, _ = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, out

    assert bare.installed() == {"alpha": "2.0"}
    assert os.listdir(bare.path(".venv.envctl/trash")) == []
