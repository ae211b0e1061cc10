"""What a command prints and how it exits, given what the workflow answered or raised."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from envctl.cli.main import main
from envctl.errors import (
    BrokenError,
    BuildError,
    BusyError,
    CancelledError,
    CheckError,
    InputError,
    MachineError,
    Problems,
    ResolutionError,
    StaleError,
    SwitchError,
    UpstreamError,
    UsageError,
)
from envctl.plan.change import Plan
from envctl.plan.parse import parse_plan
from envctl.resolve.conflict import Ask, Conflict, Demand
from envctl.workflow.context import Context
from envctl.workflow.results import PlanOptions, Report, Status
from support.plans import change, denied, make_plan

Output = pytest.CaptureFixture[str]
Answer = Callable[[object], None]

CHANGED = make_plan(change("update", "idna", "3.6", "3.10"))


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("ENVCTL_") or name in {"NO_COLOR", "FORCE_COLOR", "GITHUB_STEP_SUMMARY"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Let ``plan``, ``status`` and ``apply`` answer with this, or raise it."""

    def settle(result: object) -> None:
        def give(*_: object, **__: object) -> object:
            if isinstance(result, BaseException):
                raise result
            return result

        def carry_out(*_: object, confirm: Callable[[Plan], bool], **__: object) -> object:
            given = give()
            assert isinstance(given, Report)
            if not given.plan.is_empty and not confirm(given.plan):
                raise CancelledError("cancelled", "nothing was changed")
            return given

        monkeypatch.setattr("envctl.workflow.plan.make_plan", give)
        monkeypatch.setattr("envctl.workflow.status.status", give)
        monkeypatch.setattr("envctl.workflow.apply.apply", carry_out)

    return settle


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UpstreamError("index-down", "x"), 1),
        (ResolutionError("no-solution", "x"), 1),
        (BuildError("build-failed", "x"), 1),
        (MachineError("not-ours", "x"), 1),
        (CancelledError("cancelled", "x"), 1),
        (CheckError("lock-stale", "x"), 3),
        (StaleError("stale-plan", "x"), 4),
        (BusyError("locked", "x"), 5),
        (SwitchError("switch-failed", "x"), 6),
        (BrokenError("broken", "x"), 7),
        (UsageError("bad-usage", "x"), 64),
        (InputError("no-manifest", "x"), 65),
        (Problems([InputError("a", "x"), InputError("b", "y")]), 65),
        (KeyboardInterrupt(), 130),
        (OSError(28, "No space left on device"), 1),
        (MemoryError(), 1),
        (ValueError("impossible"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_what_ended_the_run_decides_the_exit_code(error: BaseException, code: int, answer: Answer) -> None:
    answer(error)

    assert main(["plan"]) == code


def test_a_request_to_end_is_143(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr("envctl.workflow.plan.make_plan", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)

    assert main(["plan"]) == 143
    assert capsys.readouterr().err == "interrupted\n"
    assert signal.getsignal(signal.SIGTERM) is before


def test_each_problem_is_told_in_turn_with_place_and_hint(
    answer: Answer, capsys: Output, tmp_path: Path
) -> None:
    answer(
        Problems(
            [
                InputError(
                    "unknown-key",
                    "unknown key `dependancies`",
                    where=f"{tmp_path}/env.toml:3",
                    hints=["did you mean `dependencies`?"],
                ),
                InputError("bad-specifier", "`>=x` is no specifier", where="env.toml:9"),
            ]
        )
    )

    main(["plan"])

    assert capsys.readouterr().err.splitlines() == [
        "error: unknown key `dependancies` [unknown-key]",
        "  --> env.toml:3",
        "hint: did you mean `dependencies`?",
        "error: `>=x` is no specifier [bad-specifier]",
        "  --> env.toml:9",
    ]


def test_a_conflict_is_explained_once(answer: Answer, capsys: Output) -> None:
    facts = (
        Ask(by="env.toml", requirement="a>=2", where="env.toml:4"),
        Ask(by="env.toml", requirement="b", where="env.toml:5"),
        Demand(name="b", versions=("1.0",), requirement="a<2"),
    )
    answer(
        ResolutionError(
            "no-solution",
            "they disagree",
            hints=["b 1.0 requires `a<2`", "loosen one of them"],
            conflict=Conflict(target="linux-x86_64", python="3.11.7", facts=facts),
        )
    )

    main(["plan"])

    assert capsys.readouterr().err.splitlines() == [
        "error: they disagree [no-solution]",
        "  env.toml asks for `a>=2` (env.toml:4)",
        "  env.toml asks for `b` (env.toml:5)",
        "  b 1.0 requires `a<2`",
        "hint: loosen one of them",
    ]


def test_a_failed_build_shows_the_end_of_what_it_printed(answer: Answer, capsys: Output) -> None:
    output = "\n".join(f"line {number}" for number in range(60)) + "\x1b[31m!"
    answer(BuildError("build-failed", "the build of foo failed", output=output))

    main(["plan"])

    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "  | (20 lines before these)"
    assert lines[-1] == r"  | line 59\x1b[31m!"


def test_what_moved_since_a_plan_was_saved_is_listed(answer: Answer, capsys: Output) -> None:
    answer(StaleError("stale-plan", "the plan no longer fits", moved=["lock", "interpreter"]))

    main(["plan", "--json"])

    printed = capsys.readouterr()
    assert "  moved: lock\n  moved: interpreter\n" in printed.err
    assert json.loads(printed.out)["errors"][0]["moved"] == ["lock", "interpreter"]


def test_a_bug_shows_its_traceback_and_says_that_it_is_one(answer: Answer, capsys: Output) -> None:
    answer(ValueError("impossible"))

    main(["plan"])

    text = capsys.readouterr().err
    assert "Traceback (most recent call last):" in text
    assert text.endswith("this is a bug in envctl; please report it with the lines above [bug]\n")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (28, "disk-full"),
        (13, "not-writable"),
        (30, "not-writable"),
        (24, "too-many-files"),
        (5, "input-output"),
    ],
)
def test_an_error_of_the_system_has_no_traceback(
    number: int, code: str, answer: Answer, capsys: Output
) -> None:
    answer(OSError(number, os.strerror(number), "/x/y"))

    assert main(["plan"]) == 1
    assert capsys.readouterr().err.startswith(f"error: `/x/y`: {os.strerror(number)} [{code}]\n")


def test_hostile_text_in_an_error_cannot_reach_the_terminal(answer: Answer, capsys: Output) -> None:
    answer(UpstreamError("bad-page", "the index says `\x1b]0;pwned\x07\nerror: forged`"))

    main(["plan", "--json"])

    printed = capsys.readouterr()
    assert printed.err == "error: the index says `\\x1b]0;pwned\\x07\\x0aerror: forged` [bad-page]\n"
    assert "\x1b" not in printed.out


@pytest.mark.parametrize("output_format", ["json", "yaml", "markdown", "github", "html"])
def test_a_failure_is_told_in_the_format_that_was_asked_for(
    output_format: str, answer: Answer, capsys: Output
) -> None:
    answer(InputError("bad-lock", "the lock is <b>broken</b>", where="pylock.toml:3", hints=["make it anew"]))

    assert main(["plan", "--format", output_format]) == 65
    text = capsys.readouterr().out
    assert "bad-lock" in text
    assert output_format in {"json", "yaml", "github"} or "<b>" not in text


@pytest.mark.parametrize(
    ("plan", "options", "code"),
    [
        pytest.param(make_plan(), "", 0, id="nothing"),
        pytest.param(CHANGED, "", 0, id="changes"),
        pytest.param(make_plan(), "--detailed-exitcode", 0, id="nothing-detailed"),
        pytest.param(CHANGED, "--detailed-exitcode", 2, id="changes-detailed"),
        pytest.param(make_plan(lock_text="x"), "--detailed-exitcode", 2, id="lock-detailed"),
        pytest.param(make_plan(policy=(denied(),)), "--detailed-exitcode", 3, id="denied"),
        pytest.param(make_plan(policy=(denied(mode="warn"),)), "", 0, id="warned"),
        pytest.param(make_plan(policy=(denied(waived="ours"),)), "", 0, id="waived"),
    ],
)
def test_the_exit_code_of_a_plan(plan: Plan, options: str, code: int, answer: Answer) -> None:
    answer(plan)

    assert main(["plan", *options.split()]) == code


def test_a_denied_plan_is_written_and_says_so(answer: Answer, tmp_path: Path) -> None:
    answer(make_plan(policy=(denied(),)))

    assert main(["plan", "--out", "plan.json"]) == 3
    assert json.loads((tmp_path / "plan.json").read_text())["applyable"] is False


@pytest.mark.parametrize("output_format", ["text", "json", "yaml", "markdown", "github", "html"])
def test_out_writes_the_same_json_beside_any_format(
    output_format: str, answer: Answer, tmp_path: Path
) -> None:
    answer(CHANGED)

    main(["plan", "--format", output_format, "--out", "plan.json"])

    assert parse_plan((tmp_path / "plan.json").read_bytes(), path="plan.json") == CHANGED


def test_json_and_yaml_hold_the_same_document(answer: Answer, capsys: Output) -> None:
    answer(CHANGED)

    main(["plan", "--json"])
    as_json = json.loads(capsys.readouterr().out)
    main(["plan", "--format", "yaml"])
    as_yaml = yaml.safe_load(capsys.readouterr().out)

    assert as_json == as_yaml
    assert as_json["kind"] == "envctl.plan"


def report(plan: Plan, outcome: str = "applied", generation: int | None = 8) -> Report:
    return Report(plan=plan, outcome=outcome, generation=generation)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (report(CHANGED), 2),
        (report(make_plan(), "nothing-to-do", 7), 0),
        (report(CHANGED, "already-applied", 7), 0),
    ],
    ids=["applied", "nothing-to-do", "already-applied"],
)
def test_the_detailed_exit_code_of_an_apply(given: Report, code: int, answer: Answer) -> None:
    answer(given)

    assert main(["apply", "--detailed-exitcode"]) == code


def test_apply_prints_the_plan_and_then_what_was_done(answer: Answer, capsys: Output) -> None:
    answer(report(CHANGED))

    assert main(["apply"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Plan: 1 to update." in lines
    assert lines[-1] == "Applied: 1 updated; .venv is generation 8."


def test_apply_with_nothing_to_do_says_only_that(answer: Answer, capsys: Output) -> None:
    answer(report(make_plan(), "nothing-to-do", 7))

    assert main(["apply"]) == 0
    assert capsys.readouterr().out == "No changes.\n"


def test_apply_as_json_is_one_report_with_the_plan_in_it(answer: Answer, capsys: Output) -> None:
    answer(report(CHANGED))

    main(["apply", "--json"])

    document = json.loads(capsys.readouterr().out)
    assert {key: document[key] for key in ("kind", "outcome", "generation", "lock_written")} == {
        "kind": "envctl.report",
        "outcome": "applied",
        "generation": 8,
        "lock_written": False,
    }
    assert document["plan"]["kind"] == "envctl.plan"


REMOVAL = make_plan(change("delete", "six", "1.16"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Questions that a person on a terminal was asked; the answer is no."""
    questions: list[str] = []

    def refuse(_: object, question: str) -> bool:
        questions.append(question)
        return False

    monkeypatch.setattr("envctl.cli.console.Console.interactive", property(lambda _: True))
    monkeypatch.setattr("envctl.cli.console.Console.ask", refuse)
    return questions


@pytest.mark.parametrize(
    ("plan", "options", "is_asked"),
    [
        pytest.param(REMOVAL, "", True, id="removal"),
        pytest.param(make_plan(change("replace", "x", "1", "1")), "", True, id="replacement"),
        pytest.param(
            make_plan(change("update", "x", "2", "1", flags=("downgrade",))), "", True, id="downgrade"
        ),
        pytest.param(CHANGED, "", False, id="upgrade"),
        pytest.param(REMOVAL, "--yes", False, id="yes"),
        pytest.param(REMOVAL, "--json", False, id="json"),
        pytest.param(REMOVAL, "--format yaml", True, id="yaml"),
    ],
)
def test_apply_asks_when_something_would_be_lost(
    *, plan: Plan, options: str, is_asked: bool, answer: Answer, asked: list[str]
) -> None:
    answer(report(plan))

    code = main(["apply", *options.split()])

    assert bool(asked) is is_asked
    assert code == (1 if is_asked else 0)


def test_off_a_terminal_apply_never_asks(answer: Answer) -> None:
    answer(report(REMOVAL))

    assert main(["apply"]) == 0


def test_a_saved_plan_is_applied_without_a_question(
    monkeypatch: pytest.MonkeyPatch, asked: list[str], tmp_path: Path, capsys: Output
) -> None:
    paths: list[str] = []
    shown: list[str] = []

    def apply_saved(_: Context, path: str, *, confirm: Callable[[Plan], bool], lock_timeout: float) -> Report:
        assert lock_timeout == 5
        assert confirm(REMOVAL)
        shown.append(capsys.readouterr().out)
        paths.append(path)
        return report(REMOVAL)

    monkeypatch.setattr("envctl.workflow.saved.apply_saved", apply_saved)

    assert main(["apply", "plan.json", "--lock-timeout", "5"]) == 0
    assert paths == [str(tmp_path / "plan.json")]
    assert not asked
    assert "- delete  six 1.16" in shown[0]
    assert "- delete  six 1.16" not in capsys.readouterr().out


def status(name: str = "default", **rest: Any) -> Status:
    fields = {
        "path": f"/x/.venv-{name}",
        "python": "3.11.7",
        "generation": 7,
        "lock": "fits",
        "environment": "fits",
    }
    return Status(name=name, **{**fields, **rest})


@pytest.mark.parametrize(
    ("found", "options", "code"),
    [
        (status(), "--check", 0),
        (status(environment="differs", changes=2), "--check", 3),
        (status(lock="stale"), "--check", 3),
        (status(pending="a killed apply"), "--check", 3),
        (status(lock="stale"), "", 0),
    ],
    ids=["fits", "differs", "stale", "pending", "without-check"],
)
def test_the_exit_code_of_status(found: Status, options: str, code: int, answer: Answer) -> None:
    answer(found)

    assert main(["status", *options.split()]) == code


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envctl.workflow.environments.environment_names", lambda _: ("default", "ci", "docs"))


@pytest.mark.usefixtures("three")
def test_all_takes_every_environment_in_order(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(
        "envctl.workflow.status.status", lambda context, verify: status(context.environment or verify)
    )

    assert main(["status", "--all", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "envctl.statuses"
    assert [each["name"] for each in document["statuses"]] == ["default", "ci", "docs"]


@pytest.mark.usefixtures("three")
def test_all_stops_at_the_first_failure_and_tells_what_was_finished(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def plan(context: Context, _: PlanOptions) -> Plan:
        if context.environment == "docs":
            raise AssertionError
        if context.environment == "ci":
            raise CheckError("lock-stale", "the lock is out of date")
        return CHANGED

    monkeypatch.setattr("envctl.workflow.plan.make_plan", plan)

    assert main(["plan", "--all", "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert document["errors"][0]["code"] == "lock-stale"
    assert [each["kind"] for each in document["done"]] == ["envctl.plan"]


@pytest.mark.usefixtures("three")
def test_all_in_text_puts_each_environment_under_its_name(answer: Answer, capsys: Output) -> None:
    answer(make_plan())

    main(["plan", "--all"])

    assert capsys.readouterr().out == "default:\nNo changes.\nci:\nNo changes.\ndocs:\nNo changes.\n"
