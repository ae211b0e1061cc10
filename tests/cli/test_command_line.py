"""Options before and after the command, variables, wrong usage, help."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from envctl.cli.complete import completion_script
from envctl.cli.main import main
from envctl.cli.table import COMMANDS, GROUPS
from envctl.store.measure import Extent
from envctl.workflow.context import Context
from envctl.workflow.results import CacheInfo, Locked, PlanOptions
from support.plans import make_plan

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("ENVCTL_") or name in {"NO_COLOR", "FORCE_COLOR"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Context, PlanOptions]]:
    """What the workflow was asked to plan; it answers with an empty plan."""
    asked = []

    def answer(context: Context, options: PlanOptions) -> object:
        asked.append((context, options))
        return make_plan()

    monkeypatch.setattr("envctl.workflow.plan.make_plan", answer)
    return asked


Planned = list[tuple[Context, PlanOptions]]


@pytest.mark.parametrize(
    "argv",
    [["-e", "ci", "plan"], ["plan", "-e", "ci"], ["--env=ci", "plan"], ["-e", "x", "plan", "--env", "ci"]],
    ids=["before", "after", "equals", "after-wins"],
)
def test_global_options_stand_before_the_command_and_after_it(argv: list[str], planned: Planned) -> None:
    assert main(argv) == 0
    assert planned[0][0].environment == "ci"


def test_planning_options_reach_the_workflow(planned: Planned, tmp_path: Path) -> None:
    line = "plan --locked --from other/pylock.toml --adopt --verify hash --reinstall Foo.Bar --reinstall baz"

    main(line.split())

    assert planned[0][1] == PlanOptions(
        locked=True,
        from_lock=str(tmp_path / "other" / "pylock.toml"),
        adopt=True,
        verify="hash",
        reinstall=frozenset({"foo-bar", "baz"}),
    )


def test_paths_of_the_command_line_are_relative_to_the_folder_of_C(planned: Planned, tmp_path: Path) -> None:  # noqa: N802 - the option's name
    (tmp_path / "sub").mkdir()

    main(["-C", "sub", "plan", "--cache-dir", "cache", "--out", "plan.json"])

    context = planned[0][0]
    assert context.directory == str(tmp_path / "sub")
    assert context.settings.cache_dir == str(tmp_path / "sub" / "cache")
    assert (tmp_path / "sub" / "plan.json").exists()


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("ENVCTL_ENV", "ci", lambda context, _: context.environment == "ci"),
        ("ENVCTL_FILE", "other.toml", lambda context, _: context.manifest == "other.toml"),
        ("ENVCTL_OFFLINE", "1", lambda context, _: context.settings.offline),
        ("ENVCTL_OFFLINE", "0", lambda context, _: not context.settings.offline),
        ("ENVCTL_NO_CACHE", "true", lambda context, _: context.settings.no_cache),
        ("ENVCTL_CACHE_DIR", "/somewhere", lambda context, _: context.settings.cache_dir == "/somewhere"),
        ("ENVCTL_VERIFY", "hash", lambda _, options: options.verify == "hash"),
        ("ENVCTL_REINSTALL", "a, B", lambda _, options: options.reinstall == {"a", "b"}),
        ("ENVCTL_LOCKED", "yes", lambda _, options: options.locked),
    ],
)
def test_a_variable_stands_in_for_an_option(
    name: str,
    value: str,
    read: Callable[[Context, PlanOptions], bool],
    planned: Planned,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(name, value)

    assert main(["plan"]) == 0
    assert read(*planned[0])


def test_the_command_line_wins_over_a_variable(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVCTL_ENV", "ci")

    main(["-e", "dev", "plan"])

    assert planned[0][0].environment == "dev"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVCTL_OFFLINE", "perhaps"),
        ("ENVCTL_COLOR", "pink"),
        ("ENVCTL_VERIFY", "sight"),
        ("ENVCTL_LINK", "glue"),
    ],
)
def test_a_variable_with_a_senseless_value_is_wrong_usage(
    name: str, value: str, planned: Planned, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv(name, value)

    assert main(["plan"]) == 64
    assert f"`{name}`" in capsys.readouterr().err
    assert not planned


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        pytest.param([], "no command is given [no-command]", id="nothing"),
        pytest.param(["plna"], "did you mean `envctl plan`?", id="near-command"),
        pytest.param(["plan", "--lokced"], "did you mean `--locked`?", id="near-option"),
        pytest.param(["plan", "extra"], "`extra` is one argument too many", id="extra-argument"),
        pytest.param(
            ["plan", "--verify", "sight"],
            "`--verify` cannot be `sight`: it is one of stat, hash [",
            id="bad-choice",
        ),
        pytest.param(["plan", "--lock"], "unknown-option", id="no-abbreviations"),
        pytest.param(["--nonsense", "plan"], "unknown-option", id="unknown-before-the-command"),
        pytest.param(["lock", "-e", "ci"], "the lock is for all environments", id="lock-for-one-environment"),
        pytest.param(["lock", "--check", "--upgrade"], "nothing to upgrade", id="check-and-upgrade"),
        pytest.param(["plan", "-v", "-q"], "contradict", id="verbose-and-quiet"),
        pytest.param(["-C", "nowhere", "plan"], "no folder `nowhere` [no-directory]", id="no-directory"),
        pytest.param(["plan", "--all", "-e", "ci"], "`--all`", id="all-and-one"),
        pytest.param(["plan", "--all", "--out", "x"], "`--out`", id="all-and-out"),
        pytest.param(["plan", "--max-bytes", "9"], "--format markdown", id="max-bytes-without-markdown"),
        pytest.param(
            ["apply", "p.json", "--locked"], "a saved plan takes no `--locked`", id="saved-and-options"
        ),
        pytest.param(["apply", "p.json", "--all"], "a saved plan takes no `--all`", id="saved-and-all"),
        pytest.param(["apply", "--lock-timeout", "soon"], "`soon` is no number of seconds", id="timeout"),
        pytest.param(["rollback", "-1"], "`-1` is no whole number", id="negative-generation"),
        pytest.param(["plan", "--reinstall", "../x"], "`../x` is no name of a package", id="bad-name"),
        pytest.param(["destroy"], "[needs-yes]", id="destroy-off-a-terminal"),
        pytest.param(["completion", "csh"], "[bad-usage]", id="unknown-shell"),
        pytest.param(["run"], "missing: COMMAND", id="run-without-a-command"),
        pytest.param(["audit"], "[unknown-command]", id="not-built-yet"),
    ],
)
def test_wrong_usage_exits_with_64_and_says_what_is_wrong(
    argv: list[str], words: str, capsys: Output
) -> None:
    code = main(argv)

    printed = capsys.readouterr()
    assert code == 64
    assert printed.err.startswith("error: ")
    assert words in printed.err
    assert printed.out == ""


def test_the_variable_for_the_environment_is_nothing_to_lock(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("ENVCTL_ENV", "ci")
    answer = Locked(path="pylock.toml", fresh=True, written=False, packages=1)
    monkeypatch.setattr("envctl.workflow.lock.lock", lambda *_, **__: answer)

    assert main(["lock"]) == 0
    assert capsys.readouterr().out == "pylock.toml is up to date (1 package).\n"


def test_upgrades_reach_the_workflow_by_normalised_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def answer(_: Context, **options: object) -> Locked:
        asked.update(options)
        return Locked(path="pylock.toml", fresh=True, written=False, packages=1)

    monkeypatch.setattr("envctl.workflow.lock.lock", answer)

    main(["lock", "--upgrade-package", "Foo_Bar", "--upgrade-package", "x", "--upgrade-group", "Dev"])

    assert asked == {
        "check": False,
        "upgrade": False,
        "upgrade_packages": frozenset({"foo-bar", "x"}),
        "upgrade_groups": ("dev",),
    }


@pytest.mark.parametrize("option", ["--json", "--format=json", "--format json"])
def test_wrong_usage_is_a_document_where_json_is_wanted(option: str, capsys: Output) -> None:
    code = main(["plan", *option.split(), "--nonsense"])

    document = json.loads(capsys.readouterr().out)
    assert code == 64
    assert document["kind"] == "envctl.error"
    assert document["errors"][0]["code"] == "unknown-option"


def test_help_lists_every_command_in_its_group_in_one_line(capsys: Output) -> None:
    assert main(["--help"]) == 0

    lines = capsys.readouterr().out.splitlines()
    for command in COMMANDS:
        assert f"  {command.name:<10}  {command.summary}" in lines
    assert [line[:-1] for line in lines if line[:-1] in GROUPS] == list(GROUPS)


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_each_command_has_help_with_its_usage_and_examples(command: str, capsys: Output) -> None:
    assert main([command, "--help"]) == 0

    text = capsys.readouterr().out
    assert f"Usage: envctl {command} [OPTIONS]" in text
    assert "Examples:\n  " in text
    assert "--cache-dir DIR" in text


def test_help_and_version_win_over_the_rest_of_the_line(capsys: Output) -> None:
    assert main(["cache", "--version"]) == 0
    assert capsys.readouterr().out.startswith("envctl ")


def test_every_option_has_a_help_text_and_every_command_an_example() -> None:
    from importlib import import_module

    from envctl.cli.options import Parser

    for command in COMMANDS:
        parser = Parser(command.name)
        import_module(command.module).configure(parser)
        assert parser.examples, command.name
        assert all(action.help for action in [*parser.options, *parser.positionals]), command.name


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_every_command_and_its_options(shell: str) -> None:
    script = completion_script(shell)

    for word in ("rollback", "detailed-exitcode", "purge", "lock-timeout"):
        assert word in script


@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="needs bash")
def test_completion_in_bash_completes() -> None:
    import subprocess

    script = completion_script("bash") + (
        "COMP_WORDS=(envctl plan --det); COMP_CWORD=2; _envctl; echo ${COMPREPLY[@]}\n"
        "COMP_WORDS=(envctl -C x ro); COMP_CWORD=3; _envctl; echo ${COMPREPLY[@]}\n"
    )

    answer = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, check=True)

    assert answer.stdout.split() == ["--detailed-exitcode", "rollback"]


@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="needs bash")
def test_completion_in_bash_completes_generations() -> None:
    import subprocess

    script = completion_script("bash") + (
        'envctl() { [[ "$*" == "history --numbers" ]] && echo 4 && echo 51; }\n'
        "COMP_WORDS=(envctl rollback 5); COMP_CWORD=2; _envctl; echo ${COMPREPLY[@]}\n"
        "COMP_WORDS=(envctl run --generation ''); COMP_CWORD=3; _envctl; echo ${COMPREPLY[@]}\n"
    )

    answer = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, check=True)

    assert answer.stdout.split() == ["51", "4", "51"]


def test_run_leaves_everything_from_the_command_on_to_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Namespace] = []

    def remember(arguments: Namespace, _: object) -> int:
        seen.append(arguments)
        return 0

    monkeypatch.setattr("envctl.cli.commands.run.run", remember)

    main(
        ["-e", "ci", "run", "--apply", "pytest", "-v", "--cov=x", "--", "-e", "other", "--help", "--version"]
    )

    assert seen[0].words == ["pytest", "-v", "--cov=x", "--", "-e", "other", "--help", "--version"]
    assert (seen[0].env, seen[0].apply, seen[0].verbose) == ("ci", True, 0)


@pytest.mark.parametrize("what", ["dir", "info"])
def test_the_cache_is_shown_as_a_document(
    what: str, monkeypatch: pytest.MonkeyPatch, capsys: Output, tmp_path: Path
) -> None:
    folder = str(tmp_path / "cache")
    info = CacheInfo(path=folder, buckets={"wheels": Extent(61_200, 1_200, 3)})
    monkeypatch.setattr("envctl.workflow.cache.cache_info", lambda _: info)

    main(["cache", what, "--json", "--cache-dir", folder])

    document = json.loads(capsys.readouterr().out)
    expected = {"format_version": "1.0", "kind": "envctl.cache", "path": folder}
    if what == "info":
        expected["buckets"] = {"wheels": {"bytes": 61_200, "shared_bytes": 60_000, "entries": 3}}  # type: ignore[assignment]
    assert document == expected
