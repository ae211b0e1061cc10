"""A lock that was made is made again from what is kept of it, until anything has moved that it was made from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from support.project import PYTHON, Project, Result

_RUN = "from envctl.cli.main import main; code = main(sys.argv[1:]);"
_LIST = (
    f"import sys; before = set(sys.modules); {_RUN}"
    "print('\\n'.join(sorted(set(sys.modules) - before)), file=sys.stderr); sys.exit(code)"
)
_WATCH = (
    "import sys; opened = set();"
    "sys.addaudithook(lambda event, about: opened.add(str(about[0])) if event == 'open' else None);"
    f"{_RUN} print('\\n'.join(sorted(opened)), file=sys.stderr); sys.exit(code)"
)
#: Nothing that is parsed or resolved is there: only an early answer comes.
_EARLY = f"import sys; sys.modules['envctl.cli.options'] = None; {_RUN} sys.exit(code)"
#: Whatever resolves fails.
_UNRESOLVED = (
    f"import sys, envctl.workflow.resolving as module; module.resolve_targets = None; {_RUN} sys.exit(code)"
)
_LATER = f"import sys, time; now = time.time; time.time = lambda: now() + 601; {_RUN} sys.exit(code)"

OURS = {
    "envctl",
    "envctl.atomic",
    "envctl.cli",
    "envctl.cli.again",
    "envctl.cli.console",
    "envctl.cli.exit",
    "envctl.cli.fast",
    "envctl.cli.folders",
    "envctl.cli.interruption",
    "envctl.cli.main",
    "envctl.cli.show",
    "envctl.cli.show.locked",
    "envctl.cli.show.words",
    "envctl.errors",
    "envctl.frozen",
    "envctl.made",
    "envctl.memo",
    "envctl.model",
    "envctl.model.events",
    "envctl.receipt",
    "envctl.transaction",
    "envctl.transaction.leftovers",
    "envctl.transaction.lock",
    "envctl.treedigest",
    "envctl.trust",
    "envctl.twofold",
    "envctl.unchanged",
    "envctl.version",
    "envctl.workflow",
    "envctl.workflow.again",
    "envctl.workflow.writing",
}
HEAVY = {"argparse", "dataclasses", "json", "logging", "packaging", "re", "threading", "typing"}

PYPROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["alpha", "core"]\n'
CORE = '[project]\nname = "core"\nversion = "1"\n[build-system]\nrequires = []\n'
#: Tells metadata, and builds nothing.
BACKEND = """\
import os

def prepare_metadata_for_build_wheel(folder, settings=None):
    os.mkdir(os.path.join(folder, "core-1.dist-info"))
    with open(os.path.join(folder, "core-1.dist-info", "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: core\\nVersion: 1\\n")
    return "core-1.dist-info"

def build_wheel(*about):
    raise NotImplementedError
"""
REST = '[sources]\ncore = { path = "core" }\n[env.ci]\ngroups = []\n'


@pytest.fixture
def remote(make_project: Callable[..., Project]) -> Project:
    """A project with a cache of its own, and an index whose pages are fresh for ten minutes."""
    project = make_project(fresh_cache=True)
    project.index.max_age = 600
    project.publish("alpha", "1.0", requires=["beta>=1"])
    project.publish("beta", "1.0")
    project.write_manifest("alpha")
    return project


@pytest.fixture
def made(remote: Project) -> Project:
    """A project with each kind of input, whose lock was made and then deleted; the interpreter is chosen."""
    remote.write("core/pyproject.toml", CORE)
    remote.write("pyproject.toml", PYPROJECT)
    remote.write_manifest(head='project = { path = ".", install = false }', lists=False, rest=REST)
    remote.succeed("lock")
    os.unlink(remote.path("pylock.toml"))
    return remote


def start(
    project: Project, script: str, *argv: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, "-c", script, *argv],
        cwd=project.folder,
        env={**project.variables(environ), "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


def is_early(project: Project, *argv: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether the lock is written before the command line is even parsed; it is deleted again."""
    done = start(project, _EARLY, "lock", *argv, environ=environ)
    if done.returncode == 0:
        os.unlink(project.path("pylock.toml"))
    return done.returncode == 0


def forget(project: Project) -> None:
    shutil.rmtree(os.path.join(project.cache, "envctl", "locks-made-v1"), ignore_errors=True)


def labels_of(project: Project) -> dict[str, str]:
    (path,) = Path(project.cache, "envctl", "locks-made-v1").rglob("*/*")
    head = path.read_bytes().partition(b"\n\n")[0].decode()
    return {
        label: digest for label, tab, digest in (line.partition("\t") for line in head.split("\n")) if tab
    }


def answer(project: Project, *argv: str) -> tuple[Result, str]:
    result = project.succeed("lock", *argv)
    return result, project.read("pylock.toml")


def pages(project: Project) -> list[Path]:
    return sorted(Path(project.cache, "envctl", "pages-v2").rglob("*.page"))


def touch(path: Path) -> None:
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))


def append(path: str, text: str = "\n") -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def test_a_lock_that_was_made_is_written_without_a_parser_or_a_resolver(made: Project) -> None:
    made.write(
        "env.toml", made.read("env.toml").replace(f'"{PYTHON}"', f'"{os.path.realpath(sys.executable)}"')
    )
    made.succeed("lock")
    before = made.read("pylock.toml")
    os.unlink(made.path("pylock.toml"))

    done = start(made, _LIST, "lock")

    loaded = set(done.stderr.split()) - {"Resolved", "3", "packages"}
    assert done.returncode == 0
    assert made.read("pylock.toml") == before
    assert {name for name in loaded if name.startswith("envctl")} <= OURS
    assert HEAVY & loaded == set()


@pytest.mark.parametrize(
    "options", [(), ("-q",), ("--json",), ("--upgrade",), ("--offline",), ("-C", "..")], ids=str
)
def test_the_early_answer_is_the_slow_one(made: Project, options: tuple[str, ...]) -> None:
    if "-C" in options:
        options = (*options, "-f", "shop/env.toml")
    forget(made)
    slow = answer(made, *options)
    os.unlink(made.path("pylock.toml"))

    assert is_early(made, *options)
    assert answer(made, *options) == slow


def test_the_early_answer_has_the_colours_of_the_slow_one(made: Project) -> None:
    forget(made)
    environ = {"ENVCTL_COLOR": "always"}
    slow = made.succeed("lock", environ=environ)
    os.unlink(made.path("pylock.toml"))

    assert is_early(made, environ=environ)
    assert made.succeed("lock", environ=environ) == slow
    assert "\x1b[" in slow.out
    assert not is_early(made, environ={"ENVCTL_COLOR": "sometimes"})


@pytest.mark.parametrize(
    "options", [("--format", "yaml"), ("--upgrade-package", "alpha"), ("--cache-dir", "")], ids=str
)
def test_an_answer_that_is_asked_for_otherwise_is_recalled_too(
    made: Project, options: tuple[str, ...]
) -> None:
    if "--cache-dir" in options:
        options = ("--cache-dir", os.path.join(made.cache, "envctl"))
    forget(made)
    slow = answer(made, *options)
    os.unlink(made.path("pylock.toml"))

    done = start(made, _UNRESOLVED, "lock", *options)

    assert (Result(done.returncode, done.stdout, done.stderr), made.read("pylock.toml")) == slow


def test_what_was_said_of_a_lock_is_said_again(remote: Project) -> None:
    remote.publish("alpha", "2.0", tag="py3-none-manylinux_2_17_x86_64")
    remote.write_manifest(
        "alpha>=2", "beta[none]", rest='[lock]\ntargets = ["linux-x86_64", "macos-arm64"]\npython = ["3.12"]'
    )
    slow = answer(remote)
    os.unlink(remote.path("pylock.toml"))

    assert "warning: " in slow[0].err
    assert is_early(remote)
    assert answer(remote) == slow


def test_an_upgrade_with_nothing_new_leaves_the_lock_as_it_is(made: Project) -> None:
    made.succeed("lock")
    first = answer(made, "--upgrade")
    status = os.stat(made.path("pylock.toml"))

    done = start(made, _EARLY, "lock", "--upgrade")

    assert first[0].out == done.stdout == "pylock.toml is up to date (3 packages).\n"
    assert done.returncode == 0
    assert os.stat(made.path("pylock.toml")).st_mtime_ns == status.st_mtime_ns


def test_every_file_that_a_lock_was_made_from_is_among_its_labels(made: Project) -> None:
    forget(made)

    done = start(made, _WATCH, "lock")

    own = {
        path
        for path in done.stderr.split("\n")
        if path.startswith(made.folder + os.sep) and ".tmp" not in path
    }
    files = {label.partition(" ")[2] for label in labels_of(made) if label.startswith("file ")}
    assert made.path("core", "pyproject.toml") in own
    assert own <= files


def test_each_label_is_looked_at_again(made: Project) -> None:
    labels = labels_of(made)
    stats = {label.partition(" ")[2] for label in labels if label.startswith("stat ")}

    assert {str(path) for path in pages(made)} <= stats
    assert os.path.realpath(sys.executable) in {os.path.realpath(path) for path in stats}
    assert any(path.endswith("site-packages") for path in stats)
    assert labels["pythons"] != "-"


MOVES: dict[str, Callable[[Project], object]] = {
    "manifest": lambda project: append(project.path("env.toml"), "# more\n"),
    "pyproject": lambda project: append(project.path("pyproject.toml")),
    "metadata of a path source": lambda project: append(project.path("core", "pyproject.toml")),
    "metadata that appears": lambda project: project.write("core/setup.cfg", "[metadata]\n"),
    "settings": lambda project: append(
        os.path.join(project.cache, "home", ".config", "envctl", "config.toml"), 'color = "never"\n'
    ),
    "environment": lambda project: project.write(".venv/pyvenv.cfg", "home = /nowhere\nversion = 3.1.4\n"),
    "another environment": lambda project: project.write(".venv-ci/pyvenv.cfg", "home = /nowhere\n"),
    "page": lambda project: touch(pages(project)[0]),
    "no page": lambda project: pages(project)[-1].unlink(),
    "what is kept": lambda project: [
        path.write_bytes(path.read_bytes() + b"x")
        for path in Path(project.cache, "envctl", "locks-made-v1").rglob("*/*")
    ],
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
def test_a_lock_is_made_anew_after_a_change_of(made: Project, move: Callable[[Project], object]) -> None:
    assert is_early(made)

    move(made)

    assert not is_early(made)
    assert start(made, _UNRESOLVED, "lock").returncode != 0
    made.succeed("lock")


def test_a_lock_that_is_there_is_another_question(made: Project) -> None:
    made.succeed("lock")
    made.write("pylock.toml", made.read("pylock.toml").replace("1.0", "1.0.0", 1))

    assert start(made, _UNRESOLVED, "lock", "--upgrade").returncode != 0


def test_a_new_python_is_seen_where_there_is_a_choice(made: Project, tmp_path: Path) -> None:
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    assert is_early(made, environ={"PATH": path})
    python = tmp_path / "python3.99"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)

    assert not is_early(made, environ={"PATH": path})


@pytest.mark.parametrize(
    "environ", [{"ENVCTL_CONFIG": "other.toml"}, {"ENVCTL_ENV": "ci"}, {"ENVCTL_CACHE_DIR": "other"}], ids=str
)
def test_another_setting_is_another_question(made: Project, environ: dict[str, str]) -> None:
    made.write("other.toml", "")
    values = {name: value if value == "ci" else made.path(value) for name, value in environ.items()}

    assert not is_early(made, environ=values)


def test_a_lock_of_another_version_of_envctl_does_not_count(made: Project) -> None:
    script = _EARLY.replace("import sys;", "import sys, envctl.version; envctl.version.VERSION = '0';")

    assert start(made, script, "lock").returncode != 0


def test_a_lock_of_another_kernel_does_not_count(made: Project) -> None:
    script = _EARLY.replace(
        "import sys;", "import sys, envctl.receipt; envctl.receipt.describe_kernel = lambda: 'other';"
    )

    assert start(made, script, "lock").returncode != 0


def test_an_upgrade_is_not_answered_by_a_plain_lock(made: Project) -> None:
    assert not is_early(made, "--upgrade")


def test_a_release_that_came_out_is_seen_when_its_page_is_no_longer_fresh(made: Project) -> None:
    made.publish("alpha", "1.1", requires=["beta>=1"])
    made.succeed("lock")
    fresh = made.locked()["alpha"]
    os.unlink(made.path("pylock.toml"))

    done = start(made, _LATER, "lock")

    assert done.returncode == 0
    assert (fresh, made.locked()["alpha"]) == ("1.0", "1.1")


def _span(project: Project) -> None:
    project.write_manifest("beta", rest='[lock]\nexclude-newer = "1 hour"')


def _flat(project: Project) -> None:
    shutil.copytree(project.index.folder, project.path("wheels"))
    project.write_manifest(
        "alpha", rest='[[index]]\nname = "here"\nurl = "wheels"\nflat = true\npackages = ["beta"]'
    )


def _missing(project: Project) -> None:
    project.write_manifest("alpha", head="", rest="")
    text = project.read("env.toml").replace(
        "[[index]]", f'[[index]]\nname = "first"\nurl = "{project.index.origin}/none/"\n[[index]]'
    )
    project.write("env.toml", text)


def _built(project: Project) -> None:
    project.write("core/backend.py", BACKEND)
    project.write(
        "core/pyproject.toml",
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "core"\ndynamic = ["version"]\n',
    )
    project.write_manifest("core", rest='[sources]\ncore = { path = "core" }')


@pytest.mark.parametrize("write", [_span, _flat, _missing, _built], ids=lambda each: each.__name__)
def test_nothing_is_kept_that_depends_on_more_than_can_be_looked_at(
    remote: Project, write: Callable[[Project], None]
) -> None:
    write(remote)
    remote.succeed("lock")

    assert not os.path.exists(os.path.join(remote.cache, "envctl", "locks-made-v1"))


def test_a_lock_with_pages_that_are_never_fresh_is_made_anew(remote: Project) -> None:
    remote.index.max_age = 0
    remote.succeed("lock")
    os.unlink(remote.path("pylock.toml"))

    assert not is_early(remote)


def test_what_a_plan_has_resolved_is_not_resolved_by_the_apply_that_follows(remote: Project) -> None:
    planned = remote.succeed("plan")

    done = start(remote, _UNRESOLVED, "apply")

    assert done.returncode == 0, done.stderr
    assert remote.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert "Resolved 2 packages\n" in planned.err
    assert "Resolved 2 packages\n" in done.stderr
    text = remote.read("pylock.toml")
    os.unlink(remote.path("pylock.toml"))
    forget(remote)
    remote.succeed("lock")
    assert remote.read("pylock.toml") == text


def test_an_apply_with_other_settings_than_the_plan_resolves_again(remote: Project) -> None:
    remote.write("other.toml", "")
    remote.succeed("plan")

    done = start(remote, _UNRESOLVED, "apply", environ={"ENVCTL_CONFIG": remote.path("other.toml")})

    assert done.returncode != 0
    assert not os.path.exists(remote.path("pylock.toml"))


def test_an_apply_after_a_plan_sees_what_has_changed_in_between(remote: Project) -> None:
    remote.succeed("plan")
    remote.write_manifest("beta")

    remote.succeed("apply")

    assert remote.installed() == {"beta": "1.0"}


def test_a_plan_that_may_not_resolve_is_refused_though_its_lock_is_known(made: Project) -> None:
    made.succeed("plan")

    result = made.run("plan", "--locked")

    assert (result.code, result.codes) == (3, ["lock-missing"])


def test_what_a_plan_has_resolved_is_written_by_lock(made: Project) -> None:
    forget(made)
    made.succeed("plan")

    assert is_early(made)


def test_a_lock_that_somebody_else_writes_meanwhile_is_left_to_the_whole_command(made: Project) -> None:
    folder = os.path.join(made.cache, "envctl", "locks")
    held = next(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".lock"))
    script = (
        f"import fcntl, os, sys; file = open({held!r}); fcntl.flock(file, fcntl.LOCK_EX); os.set_inheritable(file.fileno(), False);"
        "import subprocess; print(subprocess.call([sys.executable, '-c', sys.argv[1], 'lock']))"
    )

    done = start(made, script, _EARLY)

    assert done.stdout.strip() not in {"", "0"}
    assert not os.path.exists(made.path("pylock.toml"))
