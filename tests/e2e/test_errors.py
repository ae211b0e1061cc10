"""What goes wrong is said in words, with a code and an exit code, and changes nothing."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from support.project import PYTHON, Project, Result


def _fail(
    project: Project, *arguments: str, code: int = 1, prepare: Callable[[], None] | None = None
) -> Result:
    """Run what must fail with ``code``, and leave the folder as it was."""
    before = project.snapshot()
    result = project.run(*arguments, prepare=prepare)
    assert result.code == code, result
    assert project.snapshot() == before
    return result


# The index.


def test_an_index_that_cannot_be_reached(project: Project) -> None:
    project.index.stop()

    result = _fail(project, "apply")

    assert result.codes == ["index-unreachable"]
    assert project.index.url in result.err
    assert "hint: " in result.err


def test_an_index_that_answers_500(project: Project) -> None:
    project.index.fail["/simple/*"] = 500

    result = _fail(project, "apply")

    assert result.codes == ["index-error"]
    assert "index `loop` answers 500" in result.err
    assert "hint: " in result.err


def test_an_index_that_recovers_is_asked_again(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta")
    project.index.fail["/simple/*"] = (503, 1)
    project.index.truncate_once.add("beta-1.0-py3-none-any.whl")

    project.apply()

    assert project.installed() == {"beta": "1.0"}
    assert len(project.index.paths()) > len(set(project.index.paths()))


def test_a_download_that_always_breaks_off(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta")
    project.index.truncate.add("beta-1.0-py3-none-any.whl")

    result = _fail(project, "apply")

    assert result.codes == ["truncated"]
    assert "beta-1.0-py3-none-any.whl" in result.err
    assert "hint: " in result.err


def test_a_package_that_no_index_has_with_the_near_name(project: Project) -> None:
    project.write_manifest("alpah")

    result = _fail(project, "apply")

    assert result.codes == ["no-such-package"]
    assert "hint: Did you mean `alpha`?" in result.err
    assert "env.toml:3" in result.err


def test_a_version_that_does_not_exist(project: Project) -> None:
    project.write_manifest("alpha>=7")

    result = _fail(project, "apply")

    assert result.codes == ["no-matching-version"]
    assert "env.toml asks for `alpha>=7`" in result.err
    assert "the newest is 1.0" in result.err
    assert "hint: There is 1.0 only" in result.err


def test_versions_that_contradict_each_other_name_who_asks_for_what(project: Project) -> None:
    project.publish("beta", "0.5")
    project.write_manifest("alpha", "beta<1")

    result = _fail(project, "apply")

    assert result.codes == ["no-solution"]
    assert "env.toml asks for `beta<1`, but alpha 1.0 requires `beta>=1`" in result.err


def test_a_constraint_that_is_in_the_way_is_named_with_its_line(project: Project) -> None:
    project.publish("beta", "2.0")
    project.write_manifest("beta>=2", rest='[lock]\nconstraints = [\n  "alpha<9",\n  "beta<2",\n]')
    line = project.read("env.toml").split("\n").index('  "beta<2",') + 1

    result = _fail(project, "lock")

    assert result.codes == ["no-solution"]
    assert f"hint: Take `beta<2` out of `[lock] constraints` (env.toml:{line})" in result.err


def test_a_wheel_for_other_platforms_only(project: Project) -> None:
    project.publish("delta", "1.0", tag="py3-none-win_arm64")
    project.write_manifest("delta")

    result = _fail(project, "apply")

    assert result.codes == ["no-usable-file"]
    assert "py3-none-win_arm64" in result.err


def test_a_package_for_another_python(project: Project) -> None:
    project.publish("delta", "1.0", requires_python=">=3.99")
    project.write_manifest("delta")

    result = _fail(project, "apply")

    assert result.codes == ["python-too-old"]
    assert ">=3.99" in result.err
    assert "hint: `python` in the manifest can ask for a newer Python" in result.err


def test_an_index_that_is_not_where_the_manifest_says(project: Project) -> None:
    text = project.read("env.toml").replace(project.index.url, f"{project.index.url}nowhere/")
    project.write("env.toml", text)

    result = _fail(project, "apply")
    project.write("env.toml", f"{text}flat = true\n")
    flat = _fail(project, "apply")

    assert (result.codes, flat.codes) == (["no-such-package"], ["index-error"])
    assert "hint: Look at its spelling, and at the `url` of each `[[index]]`" in result.err
    assert "hint: look at the `url` of the index `loop`" in flat.err


def test_a_file_with_another_hash_than_the_index_says(project: Project) -> None:
    project.publish("delta", "1.0")
    project.index.wrong_hash.add("delta-1.0-py3-none-any.whl")
    project.write_manifest("delta")

    result = _fail(project, "apply")

    assert result.codes == ["hash-mismatch"]
    assert "hint: " in result.err


def test_a_file_that_changed_since_it_was_locked(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.publish("beta", "1.0")
    project.write_manifest("beta")
    project.succeed("lock")
    project.publish("beta", "1.0", files={"beta/__init__.py": "raise SystemExit('other code')\n"})

    assert _fail(project, "apply").codes[0] in {"hash-mismatch", "size-mismatch"}


def test_a_file_that_is_gone_since_it_was_locked(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    wheel = project.publish("beta", "1.0")
    project.write_manifest("beta")
    project.succeed("lock")
    os.unlink(wheel)

    result = _fail(project, "apply")

    assert result.codes == ["index-error"]
    assert "404" in result.err


def test_without_a_network_and_without_a_cache(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.write_manifest("beta")

    result = _fail(project, "apply", "--offline")

    assert result.codes == ["offline"]
    assert project.index.requests == []


def test_a_failed_upgrade_leaves_the_environment_and_the_lock(applied: Project) -> None:
    applied.publish("delta", "1.0", files={"delta.py": f"# {os.urandom(8).hex()}, in no cache\n"})
    applied.index.fail["/files/delta*.whl"] = 403
    applied.write_manifest("alpha", "delta")

    _fail(applied, "apply")

    assert applied.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_a_wheel_that_writes_outside_is_refused(project: Project) -> None:
    project.publish("delta", "1.0", files={"../../../../evil.py": "evil = True\n"})
    project.write_manifest("delta")

    _fail(project, "apply")


# The manifest and the command line.

MISTAKES = f'pyton = "{PYTHON}"\ndependencies = ["alpha =>1"]\n[lock]\nresolution = "newest"\n'


def test_every_mistake_of_a_manifest_is_named_at_once(project: Project) -> None:
    project.write("env.toml", MISTAKES)

    result = _fail(project, "apply", code=65)

    assert result.codes == ["unknown-key", "bad-requirement", "bad-value"]
    assert [line for line in result.err.splitlines() if line.startswith("  --> ")] == [
        "  --> env.toml:1",
        "  --> env.toml:2",
        "  --> env.toml:4",
    ]
    assert "hint: did you mean `python`?" in result.err
    assert "hint: did you mean `alpha>=1`?" in result.err


def test_every_mistake_of_a_manifest_is_in_the_document(project: Project) -> None:
    project.write("env.toml", MISTAKES)

    errors = _fail(project, "plan", "--json", code=65).json["errors"]

    assert [(each["code"], each["where"]) for each in errors] == [
        ("unknown-key", "env.toml:1"),
        ("bad-requirement", "env.toml:2"),
        ("bad-value", "env.toml:4"),
    ]


def test_a_manifest_that_is_no_toml(project: Project) -> None:
    project.write("env.toml", 'python = "3.11\n')

    result = _fail(project, "plan", code=65)

    assert "env.toml:1" in result.err


def test_no_manifest(bare: Project) -> None:
    result = _fail(bare, "plan", code=65)

    assert result.codes == ["no-manifest"]
    assert "envctl init" in result.err


def test_a_manifest_for_a_later_envctl(project: Project) -> None:
    project.write("env.toml", 'requires-envctl = ">=99"\nsomething-new = true\n')

    assert _fail(project, "plan", code=65).codes == ["requires-envctl"]


def test_a_python_that_is_not_there(project: Project) -> None:
    project.write("env.toml", 'python = "3.99"\ndependencies = []\n')

    result = _fail(project, "plan")

    assert result.codes == ["no-python"]
    assert "hint: " in result.err


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["aply"], "unknown-command", "envctl apply"),
        (["apply", "--lokced"], "unknown-option", "--locked"),
        (["apply", "one", "two"], "bad-usage", "--help"),
        (["plan", "--format", "morse"], "bad-usage", "--help"),
        (["plan", "--verify"], "bad-usage", "--help"),
        ([], "no-command", "--help"),
        (["-C", "nowhere", "plan"], "no-directory", ""),
    ],
    ids=["command", "option", "argument", "choice", "value", "nothing", "folder"],
)
def test_wrong_usage(project: Project, arguments: list[str], code: str, hint: str) -> None:
    result = _fail(project, *arguments, code=64)

    assert result.codes == [code]
    assert hint in result.err
    assert result.out == ""


def test_a_policy_denies_a_plan(project: Project) -> None:
    project.write_manifest("alpha", rest='[policy]\npackages = { mode = "enforce", deny = ["beta"] }')

    result = _fail(project, "plan", "--json", code=3)

    assert result.json["applyable"] is False
    assert [each["rule"] for each in result.json["policy"]] == ["packages"]


def test_the_error_of_a_denied_plan_names_rule_and_package(project: Project) -> None:
    project.write_manifest("alpha", rest='[policy]\npackages = { mode = "enforce", deny = ["beta"] }')

    result = _fail(project, "apply", "--json", code=3)

    (error,) = result.json["errors"]
    assert [(each["rule"], each["address"], each["mode"]) for each in error["policy"]] == [
        ("packages", "package.beta", "enforce")
    ]
    assert "packages: beta" in error["message"]


def test_a_plan_that_policy_denies_is_shown_and_not_applied(project: Project) -> None:
    project.write_manifest("alpha", rest='[policy]\npackages = { mode = "enforce", deny = ["beta"] }')

    result = _fail(project, "apply", code=3)

    assert result.codes == ["policy-denied"]
    assert "+ create  beta 1.0" in result.out


# The machine.


@pytest.fixture
def small(project: Project) -> Iterator[Project]:
    """The project on a file system of its own, of one megabyte; only where one may be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", project.folder]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no file system can be mounted here")
    project.write_manifest("alpha")
    yield project
    subprocess.run(["umount", project.folder], check=True)


def _publish_big(project: Project) -> None:
    project.publish("delta", "1.0", files={"delta.py": f"# {os.urandom(1_000_000).hex()}\n"})
    project.write_manifest("delta")


def test_a_disk_that_is_too_small(small: Project) -> None:
    _publish_big(small)

    result = _fail(small, "apply")

    assert result.codes == ["no-space"]
    assert "hint: " in result.err


def test_a_file_system_that_is_read_only(small: Project) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small.folder], check=True)

    assert _fail(small, "apply").codes == ["read-only"]
    assert small.run("plan").code == 0


def _limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))


def test_a_disk_that_refuses_a_download(project: Project) -> None:
    _publish_big(project)

    result = _fail(project, "apply", prepare=_limit_file_size)

    assert result.codes == ["cannot-write"]
    assert "hint: " in result.err
    assert "/new/" not in result.err


def test_a_disk_that_refuses_while_the_environment_is_made(applied: Project) -> None:
    _publish_big(applied)
    applied.apply()
    applied.succeed("rollback")
    applied.write_manifest("delta", rest='[install]\nlink = "copy"')

    result = _fail(applied, "apply", code=6, prepare=_limit_file_size)

    assert result.codes == ["stage-failed"]
    assert applied.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_a_file_where_a_folder_is_needed(project: Project) -> None:
    project.write(".venv.envctl", "mine\n")

    assert _fail(project, "apply").codes == ["not-an-environment"]


def test_a_cache_that_cannot_be_made(project: Project) -> None:
    project.environ["ENVCTL_CACHE_DIR"] = project.path("env.toml")

    for command in ("apply", "plan", "lock"):
        result = _fail(project, command)

        assert result.codes == ["cache-failed"]
        assert "env.toml` is not a folder" in result.err
        assert "--cache-dir" in result.err


def test_a_plan_that_cannot_be_written(project: Project) -> None:
    result = _fail(project, "plan", "--out", "nowhere/plan.json")

    assert result.codes == ["not-writable"]
    assert "nowhere/plan.json" in result.err


def test_another_run_holds_the_environment(applied: Project) -> None:
    with open(applied.path(".venv.envctl", "lock"), "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        result = _fail(applied, "apply", "--lock-timeout", "0", code=5)

    assert result.codes == ["locked"]
    assert "--lock-timeout" in result.err


def test_a_plan_does_not_wait_for_another_run(applied: Project) -> None:
    with open(applied.path(".venv.envctl", "lock"), "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        assert applied.run("plan", "--json").code == 0


# Interrupts.


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_an_interrupt_while_the_index_is_asked(project: Project, number: int, code: int) -> None:
    before = project.snapshot()
    project.index.delay = 20

    began = time.monotonic()
    result = project.interrupt("apply", number=number, when=lambda: bool(project.index.requests))

    assert (result.code, result.err) == (code, "interrupted\n")
    assert time.monotonic() - began < 15
    assert project.snapshot() == before


def test_an_interrupt_during_a_download(project: Project) -> None:
    project.publish("delta", "1.0", files={"delta.py": f"# {os.urandom(8).hex()}\n"})
    project.write_manifest("delta")
    project.succeed("lock")
    before = project.snapshot()
    project.index.requests.clear()
    project.index.delay = 20

    began = time.monotonic()
    result = project.interrupt("apply", when=lambda: bool(project.index.requests))

    assert result.code == 130
    assert time.monotonic() - began < 15
    assert project.snapshot() == before
