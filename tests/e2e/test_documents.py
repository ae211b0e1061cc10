"""What scripts read: documents that keep to their schemas, and no escape codes unasked."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import pytest
import yaml

from support.documents import validate
from support.project import Project, Result

#: Each command once, in an order in which each has something to say; those of two environments last.
STORY: Mapping[str, tuple[str, ...]] = {
    "first-plan": ("plan",),
    "lock": ("lock",),
    "apply": ("apply",),
    "plan-without-changes": ("plan",),
    "apply-without-changes": ("apply",),
    "status": ("status",),
    "list": ("list",),
    "why": ("why", "beta"),
    "why-not": ("why-not", "beta"),
    "outdated": ("outdated",),
    "outdated-explained": ("outdated", "--explain"),
    "reinstall": ("apply", "--reinstall", "beta"),
    "rollback": ("rollback",),
    "history": ("history",),
    "cache-dir": ("cache", "dir"),
    "cache-info": ("cache", "info"),
    "plans": ("plan", "--all"),
    "reports": ("apply", "--all"),
    "statuses": ("status", "--all"),
    "destroy": ("destroy", "--yes"),
    "purge": ("cache", "purge"),
}


def test_the_documents_of_a_whole_story_keep_to_their_schemas(make_project: Callable[..., Project]) -> None:
    project = make_project(fresh_cache=True)
    project.publish("alpha", "1.0", requires=["beta"])
    project.publish("beta", "1.0")
    project.write_manifest("alpha", rest="[env.default]\n[env.ci]\n")

    for name, command in STORY.items():
        result = project.run(*command, "--json")
        assert result.code == 0, (name, result)
        validate(result.json)


def test_init_prints_its_document(bare: Project) -> None:
    validate(bare.succeed("init", "--json").json)


def test_a_plan_with_drift_policy_and_foreign_files_keeps_to_its_schema(applied: Project) -> None:
    os.unlink(applied.site("alpha", "part.py"))
    applied.write(applied.site("loose.py"), "")
    applied.write_manifest("alpha", "gamma", rest='[policy]\npackages = { mode = "warn", deny = ["beta"] }')

    plan = applied.plan()

    validate(plan)
    assert plan["drift"]
    assert plan["policy"]
    assert plan["lock_changes"]


FAILING = {
    "lock": ("lock",),
    "plan": ("plan",),
    "apply": ("apply",),
    "status": ("status",),
    "rollback": ("rollback",),
    "history": ("history",),
    "destroy": ("destroy", "--yes"),
    "list": ("list",),
    "why": ("why", "beta"),
    "why-not": ("why-not", "beta"),
    "outdated": ("outdated",),
    "init": ("init",),
}


@pytest.mark.parametrize("command", FAILING.values(), ids=list(FAILING))
def test_a_failure_is_a_document_alone(project: Project, command: tuple[str, ...]) -> None:
    project.write("env.toml", "nonsense = true\n")

    result = project.run(*command, "--json")

    assert result.code == 65
    assert result.json["kind"] == "envctl.error"
    validate(result.json)


def test_wrong_usage_is_a_document_too(project: Project) -> None:
    result = project.run("plan", "--json", "--nope")

    assert result.code == 64
    validate(result.json)


def test_a_conflict_is_a_document_with_its_explanation(project: Project) -> None:
    project.publish("beta", "0.5")
    project.write_manifest("alpha", "beta<1")

    document = project.run("plan", "--json").json

    validate(document)
    assert len(document["errors"][0]["explanation"]) == 3


def test_a_conflict_is_told_as_values_with_what_would_make_it_work(project: Project) -> None:
    project.publish("beta", "0.5")
    project.write_manifest("alpha", "beta<1", rest='[lock]\nconstraints = ["beta<2"]')

    document = project.run("lock", "--json").json

    validate(document)
    conflict = document["errors"][0]["conflict"]
    assert [fact["kind"] for fact in conflict["facts"]] == ["ask", "ask", "demand"]
    assert conflict["facts"][1]["where"].startswith("env.toml:")
    assert [remedy["picks"]["beta"] for remedy in conflict["remedies"] if remedy["verified"]] == ["1.0"]
    assert document["errors"][0]["hints"] == [remedy["text"] for remedy in conflict["remedies"]]


def test_a_stale_plan_is_a_document_that_lists_what_moved(project: Project) -> None:
    project.succeed("plan", "--out", "plan.json")
    project.write_manifest("gamma")

    document = project.run("apply", "plan.json", "--json").json

    validate(document)
    assert document["errors"][0]["moved"]


def test_a_failure_among_several_environments_tells_what_was_done(project: Project) -> None:
    project.publish("gone", "1.0")
    project.write_manifest(
        "beta",
        rest='[dependency-groups]\nbad = ["gone"]\n[env.default]\ngroups = []\n[env.ci]\ngroups = ["bad"]',
    )
    project.index.fail["/files/gone*.whl"] = 403

    result = project.run("apply", "--all", "--json")

    assert result.code == 1
    validate(result.json)
    assert [each["plan"]["environment"]["name"] for each in result.json["done"]] == ["default"]


def test_yaml_says_what_json_says(project: Project) -> None:
    plan = project.plan()

    assert yaml.safe_load(project.succeed("plan", "--format", "yaml").out) == plan


@pytest.mark.parametrize("name", ["markdown", "github", "html"])
def test_other_formats_name_what_changes(project: Project, name: str) -> None:
    out = project.succeed("plan", "--format", name).out

    assert "alpha" in out
    assert "\x1b" not in out


def test_markdown_keeps_to_the_size_that_was_asked_for(project: Project) -> None:
    out = project.succeed("plan", "--format", "markdown", "--max-bytes", "400").out

    assert len(out.encode()) <= 400


def _is_colored(result: Result) -> bool:
    return "\x1b[" in result.out + result.err


def test_no_escape_code_reaches_a_pipe(project: Project) -> None:
    assert not _is_colored(project.run("apply"))
    assert not _is_colored(project.run("nonsense"))


def test_no_escape_code_reaches_a_terminal_that_wants_none(project: Project) -> None:
    shown = project.converse("plan", environ={"NO_COLOR": "1", "TERM": "dumb"})

    assert "alpha" in shown.out
    assert not _is_colored(shown)


def test_a_terminal_gets_colours(project: Project) -> None:
    assert _is_colored(project.converse("plan"))


def test_colours_reach_a_pipe_when_asked_for(project: Project) -> None:
    assert _is_colored(project.run("plan", environ={"FORCE_COLOR": "1"}))


def test_a_saved_plan_and_a_document_hold_no_escape_codes(project: Project) -> None:
    project.succeed("plan", "--json", "--color", "always", "--out", "plan.json")

    assert "\x1b" not in project.read("plan.json")


def test_on_a_terminal_a_removal_is_asked_about_and_no_is_no(applied: Project) -> None:
    applied.write_manifest("gamma")
    before = applied.snapshot()

    shown = applied.converse("apply", answer="n\n", environ={"NO_COLOR": "1"})

    assert shown.code == 1
    assert "[cancelled]" in shown.out
    assert applied.snapshot() == before


def test_on_a_terminal_yes_is_yes(applied: Project) -> None:
    applied.write_manifest("gamma")

    assert applied.converse("apply", answer="y\n").code == 0

    assert applied.installed() == {"gamma": "1.0"}


def test_on_a_terminal_nothing_is_asked_where_nothing_is_removed(project: Project) -> None:
    assert project.converse("apply").code == 0

    assert project.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_on_a_terminal_destroy_asks(applied: Project) -> None:
    assert applied.converse("destroy", answer="y\n").code == 0

    assert set(applied.snapshot()) == {".", "env.toml", "pylock.toml"}


def test_quiet_prints_results_and_errors_only(project: Project) -> None:
    assert project.succeed("plan", "-q").err == ""


def test_quiet_an_apply_prints_what_it_did_and_no_plan(project: Project) -> None:
    made = project.succeed("apply", "-q")
    again = project.succeed("apply", "-q", "--verify", "hash")
    added = project.succeed("add", "-q", "gamma")
    project.succeed("plan", "--reinstall", "alpha", "--out", "plan.json")
    saved = project.succeed("apply", "-q", "plan.json")

    assert (made.out, made.err) == (
        "Applied: 4 created; .venv is generation 1. pylock.toml was written.\n",
        "",
    )
    assert (again.out, again.err) == ("No changes.\n", "")
    assert (added.out, added.err) == (
        "Applied: 1 created; .venv is generation 2. pylock.toml was written.\n",
        "",
    )
    assert (saved.out, saved.err) == ("Applied: 1 replaced; .venv is generation 3.\n", "")


def test_quiet_who_is_asked_sees_what_about(applied: Project) -> None:
    shown = applied.converse("remove", "-q", "alpha", answer="n\n", environ={"NO_COLOR": "1"}).out

    assert "Manifest: 1 change in env.toml" in shown
    assert "- delete  alpha 1.0" in shown
    assert "Apply this to .venv?" in shown


def test_quiet_a_plan_that_is_refused_is_shown(applied: Project) -> None:
    applied.write_manifest(
        "alpha", "gamma", rest='[policy]\npackages = { mode = "enforce", deny = ["gamma"] }'
    )

    refused = applied.run("apply", "-q")

    assert refused.code == 3
    assert "+ create  gamma 1.0" in refused.out
