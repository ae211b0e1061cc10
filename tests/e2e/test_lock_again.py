"""A lock with nothing to do costs little more than starting Python, and sees whatever could change its answer."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest

from support.project import Project, Result

_LIST = (
    "import sys; before = set(sys.modules); from envctl.cli.main import main; code = main(sys.argv[1:]);"
    "print('\\n'.join(sorted(set(sys.modules) - before)), file=sys.stderr); sys.exit(code)"
)
#: Tells every file that is opened, and every interpreter whose file is looked at by the rule for Python.
_WATCH = (
    "import sys; opened = set();"
    "sys.addaudithook(lambda event, about: opened.add(str(about[0])) if event == 'open' else None);"
    "from envctl.cli.main import main; code = main(['lock']);"
    "print('\\n'.join(sorted(opened)), file=sys.stderr); sys.exit(code)"
)

OURS = {
    "envctl",
    "envctl.cli",
    "envctl.cli.console",
    "envctl.cli.fast",
    "envctl.cli.folders",
    "envctl.cli.main",
    "envctl.cli.show",
    "envctl.cli.show.locked",
    "envctl.cli.show.words",
    "envctl.receipt",
    "envctl.treedigest",
    "envctl.trust",
    "envctl.twofold",
    "envctl.unchanged",
    "envctl.version",
}
STANDARD = {"__future__", "_blake2", "_hashlib", "gc", "hashlib", "time"}

PYPROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["alpha", "core"]\n'
CORE = '[project]\nname = "core"\nversion = "1"\n[build-system]\nrequires = []\n'
REST = '[sources]\ncore = { path = "core" }\n[env.ci]\ngroups = []\n'


@pytest.fixture
def locked(project: Project) -> Project:
    """A project with each kind of input, whose lock was found up to date."""
    project.write("core/pyproject.toml", CORE)
    project.write("pyproject.toml", PYPROJECT)
    project.write_manifest(head='project = { path = ".", install = false }', lists=False, rest=REST)
    project.succeed("lock")
    project.succeed("lock")
    return project


def start(project: Project, script: str, *argv: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, "-c", script, *argv],
        cwd=project.folder,
        env={**project.variables(), "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )


def is_fast(project: Project, *argv: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether the answer comes before the command line is even parsed."""
    forbid = "import sys; sys.modules['envctl.cli.options'] = None;" + _LIST
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", forbid, "lock", *argv],
        cwd=project.folder,
        env={**project.variables(), "PYTHONPATH": paths, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0


def slow(project: Project, *argv: str) -> Result:
    """Answer as if there were no receipt."""
    remove_receipts(project)
    return project.succeed("lock", *argv)


def remove_receipts(project: Project) -> None:
    folder = os.path.join(project.cache, "envctl", "locks-v1")
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))


def receipt_of(project: Project) -> dict[str, str]:
    """Read the receipt of the project's lock: labels and digests."""
    folder = os.path.join(project.cache, "envctl", "locks-v1")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            lines = [line.rstrip("\n").partition("\t") for line in file]
        labels = {label: digest for label, tab, digest in lines if tab}
        if labels["lock"] == project.path("pylock.toml"):
            return labels
    raise AssertionError("there is no receipt")


def test_a_lock_with_nothing_to_do_loads_the_fast_path_alone(locked: Project) -> None:
    done = start(locked, _LIST, "lock")

    loaded = set(done.stderr.split())
    assert done.stdout == "pylock.toml is up to date (3 packages).\n"
    assert {name for name in loaded if name.startswith("envctl")} <= OURS
    assert {name for name in loaded if not name.startswith("envctl")} <= STANDARD


@pytest.mark.parametrize(
    "options", [(), ("-q",), ("--check",), ("--json",), ("-C", ".."), ("--offline",)], ids=str
)
def test_the_fast_answer_is_the_slow_one(locked: Project, options: tuple[str, ...]) -> None:
    if "-C" in options:
        options = (*options, "-f", "shop/env.toml")
    fast = locked.succeed("lock", *options)

    assert is_fast(locked, *options)
    assert fast == slow(locked, *options)


def test_every_file_that_the_answer_was_read_from_is_in_the_receipt(locked: Project) -> None:
    remove_receipts(locked)

    done = start(locked, _WATCH)

    own = {path for path in done.stderr.split() if path.startswith(locked.folder + os.sep)}
    files = {label.partition(" ")[2] for label in receipt_of(locked) if label.startswith("file ")}
    assert locked.path("env.toml") in own
    assert own <= files


def test_each_file_of_the_receipt_is_looked_at_again(locked: Project) -> None:
    named = [label.partition(" ")[2] for label in receipt_of(locked) if label.startswith("file ")]

    for path in named:
        assert is_fast(locked)
        before = None
        if os.path.exists(path):
            with open(path, "rb") as file:
                before = file.read()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "ab") as file:
            file.write(b"\n")
        assert not is_fast(locked), path
        os.unlink(path)
        if before is not None:
            with open(path, "wb") as file:
                file.write(before)


@pytest.mark.parametrize(
    "file",
    ["env.toml", "pyproject.toml", "pylock.toml", "core/pyproject.toml", "core/setup.cfg", ".venv/pyvenv.cfg",
     ".venv-ci/pyvenv.cfg"],
)  # fmt: skip
def test_what_decides_the_answer_is_in_the_receipt(locked: Project, file: str) -> None:
    assert f"file {locked.path(*file.split('/'))}" in receipt_of(locked)


def test_the_interpreter_that_was_found_is_in_the_receipt(locked: Project) -> None:
    assert any(label.startswith("stat ") for label in receipt_of(locked))


def test_a_receipt_of_another_version_does_not_count(locked: Project) -> None:
    folder = os.path.join(locked.cache, "envctl", "locks-v1")
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as file:
            header, _, text = file.read().partition("\n")
        lines = text.splitlines(True)
        text = "".join("version\t0\n" if line.startswith("version\t") else line for line in lines)
        # It is whole, so that it is the version alone that speaks against it.
        words = header.split()[:2]
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"{' '.join(words)} {hashlib.sha256(text.encode()).hexdigest()[:32]}\n{text}")

    assert not is_fast(locked)


@pytest.mark.parametrize(
    "options", [("--upgrade",), ("--upgrade-package", "alpha"), ("-v",), ("--format", "yaml")], ids=str
)
def test_what_asks_for_more_takes_the_long_way(locked: Project, options: tuple[str, ...]) -> None:
    assert not is_fast(locked, *options)


def test_settings_that_appear_are_read(locked: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = tmp_path_factory.mktemp("settings") / "config.toml"
    settings.write_text("colour = true\n")

    assert not is_fast(locked, environ={"ENVCTL_CONFIG": str(settings)})


def test_an_environment_with_another_python_is_looked_at(locked: Project) -> None:
    locked.write(".venv-ci/pyvenv.cfg", "home = /nowhere\nversion = 3.1.4\n")

    assert not is_fast(locked)
    locked.succeed("lock")
    assert not is_fast(locked)


def test_a_lock_under_no_cache_leaves_no_receipt(project: Project) -> None:
    project.succeed("lock")
    project.succeed("lock", "--no-cache")

    assert not is_fast(project)


#: What a lock whose pages and metadata are in the cache has no use for.
HEAVY = {
    "dataclasses",
    "difflib",
    "email",
    "httpcore",
    "httpx",
    "logging",
    "packaging.markers",
    "packaging.pylock",
    "packaging.requirements",
    "packaging.tags",
    "resolvelib",
    "rich",
    "subprocess",
    "tempfile",
    "tomllib",
    "virtualenv",
    "zipfile",
}


@pytest.fixture
def warm(make_project: Callable[..., Project]) -> Project:
    """A project that was locked before, for two targets; its lock is gone, its pages are fresh."""
    project = make_project(fresh_cache=True)
    project.index.max_age = 600
    project.publish("alpha", "1.0", requires=["beta>=1; python_version >= '3.8'", "gamma; extra == 'x'"])
    project.publish("beta", "1.0")
    project.publish("gamma", "1.0")
    project.write_manifest(
        "alpha[x]", rest='[lock]\ntargets = ["linux-x86_64", "macos-arm64"]\npython = ["3.11", "3.12"]'
    )
    project.succeed("lock")
    return project


def test_a_lock_with_warm_caches_loads_no_parser_and_no_network(warm: Project) -> None:
    before = warm.read("pylock.toml")
    os.unlink(warm.path("pylock.toml"))
    shutil.rmtree(os.path.join(warm.cache, "envctl", "locks-made-v1"))  # or nothing would be resolved

    done = start(warm, _LIST, "lock")

    assert HEAVY & set(done.stderr.split()) == set()
    assert warm.read("pylock.toml") == before


def test_a_lock_that_is_there_is_read_without_a_parser_the_second_time(warm: Project) -> None:
    text = warm.read("env.toml")
    edited = text.replace('"alpha[x]"', '"alpha[x]>=1"')
    for each in (edited, text):
        warm.write("env.toml", each)
        warm.succeed("lock")
    warm.write("env.toml", edited)

    done = start(warm, _LIST, "lock")

    assert HEAVY & set(done.stderr.split()) == set()
