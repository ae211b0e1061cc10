"""Building from source: whose code may run, what it sees, how it ends, and what is kept of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from support.backends import BACKEND, allow, calls, publish_sdist
from support.project import TIMEOUT, Project
from support.wheels import make_wheel

# Permission.


def test_planning_runs_no_code_and_says_what_to_allow(fresh: Project) -> None:
    publish_sdist(fresh, dynamic=True)
    fresh.write_manifest("delta")

    result = fresh.run("plan")

    assert result.code == 1
    assert '[build] allow = ["delta"]' in result.err
    assert calls(fresh) == []


def test_static_metadata_is_read_without_a_build(fresh: Project) -> None:
    publish_sdist(fresh)
    allow(fresh, "delta")

    fresh.succeed("lock")

    assert calls(fresh) == []


def test_a_project_table_without_dynamic_is_read_where_pkg_info_is_old(fresh: Project) -> None:
    old = "Metadata-Version: 2.1\nName: delta\nVersion: 1.0\n"
    publish_sdist(fresh, files={"PKG-INFO": old})
    allow(fresh, "delta")

    fresh.succeed("lock")

    assert calls(fresh) == []


def test_what_an_sdist_states_is_not_fetched_again(fresh: Project) -> None:
    publish_sdist(fresh)
    allow(fresh, "delta")
    fresh.succeed("lock")
    os.unlink(fresh.path("pylock.toml"))

    fresh.succeed("lock", "--offline")


def test_dynamic_metadata_is_asked_of_the_backend_once(fresh: Project) -> None:
    publish_sdist(fresh, dynamic=True)
    allow(fresh, "delta")

    fresh.succeed("lock")
    os.unlink(fresh.path("pylock.toml"))
    fresh.succeed("lock")

    assert calls(fresh) == ["delta wheel"]


def test_deny_goes_before_allow(fresh: Project) -> None:
    publish_sdist(fresh)
    fresh.write_manifest("delta", rest='[build]\nallow = true\ndeny = ["delta"]')

    result = fresh.run("apply")

    assert result.code == 1
    assert "deny" in result.err
    assert calls(fresh) == []


def test_no_binary_builds_though_there_is_a_wheel(fresh: Project) -> None:
    publish_sdist(fresh)
    fresh.publish("delta", "1.0", files={"delta.py": "ANSWER = 0\n"})
    allow(fresh, "delta", rest='no-binary = ["delta"]')

    fresh.apply()

    assert fresh.python("import delta; print(delta.ANSWER)") == "4\n"


# What goes in.


def test_build_requirements_keep_to_the_constraints(fresh: Project) -> None:
    fresh.publish("tool", "1.0", files={"tool.py": "NUMBER = 1\n"})
    fresh.publish("tool", "2.0", files={"tool.py": "NUMBER = 2\n"})
    more = (
        "import tool\nwith open('src/delta.py', 'w') as file:\n    file.write(f'ANSWER = {tool.NUMBER}\\n')\n"
    )
    publish_sdist(fresh, requires='"tool"', more=more)
    allow(fresh, "delta", rest='constraints = ["tool<2"]')

    fresh.apply()
    first = fresh.python("import delta; print(delta.ANSWER)")
    allow(fresh, "delta")
    fresh.apply("--reinstall", "delta")

    assert (first, fresh.python("import delta; print(delta.ANSWER)")) == ("1\n", "2\n")


def test_what_a_backend_asks_for_is_there_when_it_builds(fresh: Project) -> None:
    fresh.publish("tool", "1.0", files={"tool.py": "NUMBER = 1\n"}, scripts={"tool": "tool:main"})
    more = (
        "def get_requires_for_build_wheel(config_settings=None):\n    return ['tool']\n"
        "_build = build_wheel\n"
        "def build_wheel(*arguments):\n    import shutil, tool\n    assert shutil.which('tool')\n"
        "    return _build(*arguments)\n"
    )
    publish_sdist(fresh, more=more)
    allow(fresh, "delta")

    fresh.apply()

    assert fresh.installed() == {"delta": "1.0"}


def test_a_build_requirement_without_a_wheel_is_built_if_that_is_allowed(fresh: Project) -> None:
    publish_sdist(fresh, "tool")
    publish_sdist(fresh, requires='"tool"', more="import tool\n")
    fresh.write_manifest("delta", rest='[build]\nallow = ["delta"]')
    refused = fresh.run("apply")
    fresh.write_manifest("delta", rest='[build]\nallow = ["delta", "tool"]')

    fresh.apply()

    assert refused.code == 1
    assert '"tool"' in refused.err
    assert calls(fresh) == ["tool wheel", "delta wheel"]


def test_what_is_needed_to_build_itself_is_refused(fresh: Project) -> None:
    publish_sdist(fresh, "tool", requires='"delta"')
    publish_sdist(fresh, requires='"tool"')
    allow(fresh, "delta", "tool")

    result = fresh.run("apply")

    assert (result.code, result.codes) == (1, ["build-cycle"])


def test_config_settings_reach_the_backend_of_their_project(fresh: Project) -> None:
    more = (
        "_build = build_wheel\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        "    with open('src/delta.py', 'w') as file:\n        file.write(f'ANSWER = {config_settings!r}')\n"
        "    return _build(folder)\n"
    )
    publish_sdist(fresh, more=more)
    allow(fresh, "delta", rest='config-settings = { delta = { mode = "fast" }, other = { mode = "slow" } }')

    fresh.apply()

    assert fresh.python("import delta; print(delta.ANSWER)") == "{'mode': 'fast'}\n"


def test_a_backend_sees_no_credentials_and_no_settings_of_installers(fresh: Project) -> None:
    more = f"import json, os\njson.dump(dict(os.environ), open({fresh.path('seen.json')!r}, 'w'))\n"
    publish_sdist(fresh, more=more)
    allow(fresh, "delta")
    secrets = {
        "ENVCTL_INDEX_LOOP_PASSWORD": "hunter2",
        "PIP_INDEX_URL": "http://user:hunter2@127.0.0.1:9/",
        "UV_INDEX": "hunter2",
        "GITHUB_TOKEN": "hunter2",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "https_proxy": "http://user:hunter2@127.0.0.1:9",
        "PYTHONPATH": "/hunter2",
        "CFLAGS": "-O1",
    }

    fresh.succeed("apply", environ={**secrets, "NO_PROXY": "127.0.0.1"})

    seen = fresh.read("seen.json")
    assert "hunter2" not in seen
    assert '"CFLAGS": "-O1"' in seen


def test_a_wheel_is_built_anew_for_other_flags_and_not_for_another_terminal(fresh: Project) -> None:
    publish_sdist(fresh)
    allow(fresh, "delta")

    fresh.succeed("apply", environ={"CFLAGS": "-O1"})
    fresh.succeed("apply", "--reinstall", "delta", environ={"CFLAGS": "-O1", "TERM": "dumb"})
    once = calls(fresh)
    fresh.succeed("apply", "--reinstall", "delta", environ={"CFLAGS": "-O2"})

    assert once == ["delta wheel"]
    assert calls(fresh) == ["delta wheel", "delta wheel"]


def test_a_wheel_that_was_built_is_not_taken_for_another_sdist_of_that_name(
    make_project: Callable[..., Project],
) -> None:
    first, second = make_project(fresh_cache=True), make_project()
    publish_sdist(first)
    allow(first, "delta")
    first.apply()
    second = Project(folder=second.folder, cache=first.cache, index=second.index)
    publish_sdist(second, files={"src/delta.py": "ANSWER = 5\n"})
    allow(second, "delta")

    second.apply()

    assert second.python("import delta; print(delta.ANSWER)") == "5\n"


def test_a_wheel_is_built_anew_for_a_backend_from_another_index(make_project: Callable[..., Project]) -> None:
    first, second = make_project(fresh_cache=True), make_project()
    second = Project(folder=second.folder, cache=first.cache, index=second.index)
    more = (
        "import tool\nwith open('src/delta.py', 'w') as file:\n    file.write(f'ANSWER = {tool.NUMBER}\\n')\n"
    )
    sdist = publish_sdist(first, requires='"tool"', more=more)
    os.link(sdist, os.path.join(second.index.folder, os.path.basename(sdist)))
    for number, project in enumerate((first, second)):
        project.publish("tool", "1.0", files={"tool.py": f"NUMBER = {number}\n"})
        allow(project, "delta")
        project.apply()

    assert second.python("import delta; print(delta.ANSWER)") == "1\n"


# How it ends.


_LINKED = """
_build = build_wheel
def build_wheel(folder, *a):
    name = _build(folder)
    path = os.path.join(folder, name)
    os.rename(path, "elsewhere.whl")
    os.symlink(os.path.abspath("elsewhere.whl"), path)
    return name
"""

_RENAMED = """
_build = build_wheel
def build_wheel(folder, *a):
    name = _build(folder)
    other = name.replace("py3-none-any", "cp27-cp27m-win32")
    os.rename(os.path.join(folder, name), os.path.join(folder, other))
    return other
"""

_UNLISTED = """
_build = build_wheel
def build_wheel(folder, *a):
    name = _build(folder)
    with zipfile.ZipFile(os.path.join(folder, name), "a") as archive:
        archive.writestr("unlisted.py", "x")
    return name
"""


def run_failing(project: Project, more: str, *, rest: str = "", **details: object) -> tuple[str, list[str]]:
    publish_sdist(project, more=more, **details)  # type: ignore[arg-type]
    allow(project, "delta", rest=rest)
    result = project.run("apply")
    assert result.code == 1, result.err
    assert not os.path.exists(project.path(".venv"))
    assert not os.path.exists(project.path("pylock.toml"))
    return result.err, result.codes


def test_a_failing_backend_is_shown_by_its_end_and_the_log_has_all_of_it(fresh: Project) -> None:
    more = "def build_wheel(*a):\n    print('\\n'.join(f'line {n}' for n in range(99)))\n    raise OSError('no gcc')\n"

    err, codes = run_failing(fresh, more)

    assert codes == ["build-failed"]
    assert "| line 98" in err
    assert "| line 1\n" not in err
    assert "no gcc" in err
    path = err.partition("log: ")[2].splitlines()[0]
    assert path.startswith(fresh.cache)
    with open(path, encoding="utf-8") as file:
        log = file.read()
    assert "line 0\n" in log
    assert "no gcc" in log


def test_the_log_is_named_in_json_too(fresh: Project) -> None:
    publish_sdist(fresh, more="def build_wheel(*a):\n    raise OSError('no gcc')\n")
    allow(fresh, "delta")

    (error,) = fresh.run("apply", "--json").json["errors"]

    assert error["code"] == "build-failed"
    assert "no gcc" in "\n".join(error["output"])
    assert os.path.isfile(error["log"])


def test_escapes_in_what_a_backend_prints_are_shown_harmless(fresh: Project) -> None:
    err, _ = run_failing(fresh, "def build_wheel(*a):\n    raise OSError('\\x1b[2J' + 'gone')\n")

    assert "\x1b" not in err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("def build_wheel(*a):\n    return None\n", "NoneType"),
        ("def build_wheel(*a):\n    return '/etc/passwd'\n", "/etc/passwd"),
        ("def build_wheel(*a):\n    return '../delta-1.0-py3-none-any.whl'\n", "../delta"),
        ("def build_wheel(*a):\n    return 'delta-1.0-py3-none-any.whl'\n", "delta-1.0"),
        ("def build_wheel(*a):\n    return ['delta-1.0-py3-none-any.whl']\n", "list"),
        ("def build_wheel(*a):\n    import os; os._exit(0)\n", "without an answer"),
        ("def build_wheel(*a):\n    import os; os._exit(3)\n", "exited with 3"),
        ("def build_wheel(*a):\n    import os; os.kill(os.getpid(), 9)\n", "was killed"),
        ("del build_wheel\n", "no attribute 'build_wheel'"),
        ("raise ImportError('lost')\n", "cannot be imported"),
        ("def get_requires_for_build_wheel(*a):\n    return 'tool'\n", "list of requirements"),
        (_LINKED, "delta-1.0"),
    ],
    ids=[
        "none", "absolute", "parent", "not-there", "list", "exits-0", "exits-3", "killed", "no-hook",
        "not-importable", "requires-text", "link",
    ],
)  # fmt: skip
def test_a_backend_that_answers_wrongly_is_refused(fresh: Project, more: str, words: str) -> None:
    err, codes = run_failing(fresh, more)

    assert codes == ["build-failed"]
    assert words in err


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("PROJECT['name'] = 'other'\nNAME = 'other'\n", "wheel-mismatch"),
        ("PROJECT['version'] = '2.0'\n", "wheel-mismatch"),
        (_RENAMED, "build-failed"),
        (_UNLISTED, "bad-record"),
    ],
    ids=["other-name", "other-version", "other-machine", "bad-record"],
)
def test_what_is_built_is_checked_as_any_wheel(fresh: Project, change: str, code: str) -> None:
    _, codes = run_failing(fresh, change)

    assert codes == [code]


@pytest.mark.parametrize("path", ["..", "/", "a/../..", "\\\\server", "C:/"])
def test_a_backend_path_out_of_the_tree_is_refused_before_anything_runs(fresh: Project, path: str) -> None:
    pyproject = (
        '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
        f"backend-path = ['{path}']\n" + '[project]\nname = "delta"\nversion = "1.0"\n'
    )
    publish_sdist(fresh, files={"pyproject.toml": pyproject})
    allow(fresh, "delta")

    result = fresh.run("apply")

    assert result.codes == ["backend-path-escapes"]
    assert calls(fresh) == []


def test_a_backend_path_that_leaves_the_tree_by_a_link_is_refused(project: Project) -> None:
    project.write("outside/backend.py", BACKEND)
    project.write(
        "core/pyproject.toml",
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["tools"]\n'
        '[project]\nname = "core"\nversion = "1.0"\n',
    )
    os.symlink("../outside", project.path("core", "tools"))
    project.write_manifest("core", rest='[sources]\ncore = { path = "core" }')

    result = project.run("apply")

    assert result.codes == ["backend-path-escapes"]
    assert calls(project) == []


# Time.

#: Starts a process that would live on, and waits for ever. Both write their numbers first.
_HANG = """
def build_wheel(*a):
    import signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code])
    with open({path!r}, "w") as file:
        file.write(f"{{os.getpid()}} {{child.pid}}\\n")
    print("waiting", flush=True)
    time.sleep(600)
"""


def _are_gone(project: Project) -> bool:
    """Whether they are; who was killed a moment ago may need another one to be gone, on a busy machine a long one."""
    numbers = project.read("pids.txt").split()
    deadline = time.monotonic() + TIMEOUT
    while any(map(_runs, numbers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(_runs, numbers))


def _runs(number: str) -> bool:
    """Whether a process runs; what is dead and only waits to be noticed by its parent does not."""
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks for processes in /proc")
def test_a_backend_that_hangs_is_ended_with_all_that_it_started(fresh: Project) -> None:
    err, codes = "", [""]

    # The limit counts from the beginning of a build: on a busy machine a backend may not get to hang in it.
    for limit in (5, 20, 80):
        err, codes = run_failing(fresh, _HANG.format(path=fresh.path("pids.txt")), rest=f"timeout = {limit}")
        if "| waiting" in err:
            break

    assert codes == ["build-timeout"]
    assert "| waiting" in err
    assert "[build] timeout" in err
    assert _are_gone(fresh)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("names", [("delta",), ("delta", "epsilon")], ids=["alone", "beside-another"])
def test_an_interrupted_build_leaves_no_process_and_no_folder(
    fresh: Project, number: int, names: tuple[str, ...], tmp_path: object
) -> None:
    scratch = os.path.join(str(tmp_path), "scratch")
    os.mkdir(scratch)
    fresh.environ["TMPDIR"] = scratch
    for name in names:
        publish_sdist(fresh, name, more=_HANG.format(path=fresh.path("pids.txt")))
    allow(fresh, *names)
    fresh.succeed("lock")
    path = fresh.path("pids.txt")

    result = fresh.interrupt(
        "apply", number=number, when=lambda: os.path.exists(path) and fresh.read("pids.txt").endswith("\n")
    )

    assert result.code == 128 + number
    assert _are_gone(fresh)
    assert os.listdir(scratch) == []
    assert not os.path.exists(fresh.path(".venv"))


def test_a_process_left_behind_by_a_backend_that_is_done_is_ended(fresh: Project) -> None:
    more = (
        "_build = build_wheel\ndef build_wheel(folder, *a):\n    import subprocess, sys\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"    open({fresh.path('pids.txt')!r}, 'w').write(str(child.pid))\n    return _build(folder)\n"
    )
    publish_sdist(fresh, more=more)
    allow(fresh, "delta")

    fresh.apply()

    assert _are_gone(fresh)


def test_a_time_limit_that_is_none_is_refused(project: Project) -> None:
    project.write_manifest("alpha", rest="[build]\ntimeout = 0")

    assert project.run("plan").codes == ["bad-value"]


# Several at once.

#: Waits till the other one has begun: built one after the other, neither would end.
_MEET = """
_build = build_wheel
def build_wheel(folder, *a):
    import time
    open({mine!r}, "w").close()
    while not os.path.exists({other!r}):
        time.sleep(0.01)
    return _build(folder)
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="as many are built at a time as there are cores")
def test_two_builds_run_at_once(fresh: Project) -> None:
    one, two = fresh.path("one"), fresh.path("two")
    publish_sdist(fresh, "delta", more=_MEET.format(mine=one, other=two))
    publish_sdist(fresh, "epsilon", more=_MEET.format(mine=two, other=one))
    allow(fresh, "delta", "epsilon", rest="timeout = 60")

    told = fresh.succeed("apply").err

    assert fresh.installed() == {"delta": "1.0", "epsilon": "1.0"}
    assert "Built delta\n" in told
    assert "Built epsilon\n" in told


def test_a_build_shows_on_a_terminal_that_it_goes_on(fresh: Project) -> None:
    publish_sdist(fresh, more="import time\ntime.sleep(1)\n")
    allow(fresh, "delta")

    shown = fresh.converse("apply").out

    assert "Building" in shown
    assert "Built delta" in shown


def test_the_isolated_environment_sees_nothing_of_the_project(fresh: Project) -> None:
    """Not even its own site-packages: what is not asked for is not there."""
    more = (
        "try:\n    import beta\nexcept ImportError:\n    pass\nelse:\n    raise SystemExit('beta is there')\n"
    )
    fresh.publish("beta", "1.0")
    publish_sdist(fresh, more=more)
    fresh.write_manifest("beta", "delta", rest='[build]\nallow = ["delta"]')

    fresh.apply()

    assert fresh.installed() == {"beta": "1.0", "delta": "1.0"}


def test_all_of_a_build_tool_is_laid_its_data_and_headers_too(fresh: Project) -> None:
    make_wheel(
        fresh.index.folder,
        "tool",
        "1.0",
        files={
            "tool.py": "",
            "tool-1.0.data/data/share/tool.txt": "text\n",
            "tool-1.0.data/headers/tool.h": "int x;\n",
            "tool-1.0.data/scripts/do-it": "#!python\nprint('done')\n",
        },
    )
    more = (
        "import subprocess, sys\n"
        "assert open(os.path.join(sys.prefix, 'share', 'tool.txt')).read() == 'text\\n'\n"
        "assert [f for _, _, files in os.walk(os.path.join(sys.prefix, 'include')) for f in files] == ['tool.h']\n"
        "assert subprocess.check_output(['do-it']) == b'done\\n'\n"
    )
    publish_sdist(fresh, requires='"tool"', more=more)
    allow(fresh, "delta")

    fresh.apply()
