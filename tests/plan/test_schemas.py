"""The JSON Schemas that ship with the package, and the documents that are made here."""

from __future__ import annotations

import json
from dataclasses import fields
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from envctl.cli.show.difference import diff_document
from envctl.cli.show.documents import to_plain
from envctl.lock.difference import LockChange
from envctl.model.change import Action, ReasonKind
from envctl.model.state import Drift, DriftKind, Owner
from envctl.plan.change import Plan
from envctl.plan.document import dump_plan, format_plan
from envctl.workflow.results import (
    CacheInfo,
    ComparedLock,
    Difference,
    Generation,
    Listed,
    Locked,
    ManifestChange,
    Report,
    RolledBack,
    Status,
)
from plan.builders import plans
from support.plans import lock_change

SCHEMAS: dict[str, dict[str, Any]] = {
    file.name.removesuffix(".json"): json.loads(file.read_text(encoding="utf-8"))
    for file in (files("envctl") / "schemas").iterdir()
    if file.name.endswith(".json")
}
PLAN = Draft202012Validator(SCHEMAS["plan"])


def is_valid(kind: str, **content: object) -> bool:
    document = {"format_version": "1.0", "kind": f"envctl.{kind}", **content}
    return bool(Draft202012Validator(SCHEMAS[kind]).is_valid(document))


def test_there_is_a_schema_for_every_kind_of_document() -> None:
    core = {
        "plan",
        "report",
        "error",
        "status",
        "history",
        "list",
        "lock",
        "diff",
        "why",
        "why-not",
        "outdated",
        "cache",
        "rollback",
        "init",
        "destroy",
        "python-list",
        "python-find",
        "python-install",
        "bundle",
        "bundle-create",
        "bundle-verify",
    }

    assert set(SCHEMAS) == core | {"plans", "reports", "statuses"}


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_a_schema_is_one_and_asks_for_version_and_kind(kind: str) -> None:
    schema = SCHEMAS[kind]

    Draft202012Validator.check_schema(schema)
    assert {"format_version", "kind"} <= set(schema["required"])
    assert schema["properties"]["kind"] == {"const": f"envctl.{kind}"}
    assert schema["$id"] == f"urn:envctl:schema:{kind}:1"


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_minor_versions_may_add_keys(kind: str) -> None:
    def check(part: object) -> None:
        if isinstance(part, dict):
            assert part.get("additionalProperties") is not False
            for inner in part.values():
                check(inner)
        if isinstance(part, list):
            for inner in part:
                check(inner)

    check(SCHEMAS[kind])


@pytest.mark.parametrize(
    ("outer", "inner"), [("report", "plan"), ("plans", "plan"), ("reports", "report"), ("statuses", "status")]
)
def test_a_schema_within_another_is_the_same_one(outer: str, inner: str) -> None:
    """Each file stands alone, so that one file is enough to check a document with."""
    alone = {key: value for key, value in SCHEMAS[inner].items() if key != "$schema"}

    assert SCHEMAS[outer]["$defs"][inner] == alone


@pytest.mark.parametrize("kind", ["plan", "diff"])
def test_a_change_of_the_lock_is_the_same_in_every_document(kind: str) -> None:
    assert SCHEMAS[kind]["$defs"]["lock_change"] == SCHEMAS["lock"]["$defs"]["lock_change"]


@given(plans)
def test_every_plan_fits_its_schema(plan: Plan) -> None:
    PLAN.validate(json.loads(dump_plan(plan)))


@given(plans)
def test_a_report_with_any_plan_fits_its_schema(plan: Plan) -> None:
    assert is_valid("report", plan=format_plan(plan), outcome="applied", generation=8, lock_written=True)


def test_a_report_with_a_plan_that_is_none_does_not_fit() -> None:
    assert not is_valid("report", plan={}, outcome="applied", generation=8, lock_written=True)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (SCHEMAS["plan"]["$defs"]["change"]["properties"]["action"], Action),
        (SCHEMAS["plan"]["$defs"]["reason"]["properties"]["kind"], ReasonKind),
        (SCHEMAS["plan"]["$defs"]["drift"]["properties"]["kind"], DriftKind),
        (SCHEMAS["status"]["$defs"]["drift"]["properties"]["kind"], DriftKind),
        (SCHEMAS["plan"]["properties"]["observed"]["properties"]["owner"], Owner),
    ],
    ids=["action", "reason", "drift", "drift of a status", "owner"],
)
def test_a_closed_set_is_the_same_in_schema_and_code(place: dict[str, Any], words: type[Action]) -> None:
    assert place["enum"] == [word.value for word in words]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (SCHEMAS["status"], Status),
        (SCHEMAS["report"], Report),
        (SCHEMAS["lock"], Locked),
        (SCHEMAS["lock"]["$defs"]["manifest_change"], ManifestChange),
        (SCHEMAS["report"]["$defs"]["manifest_change"], ManifestChange),
        (SCHEMAS["diff"], Difference),
        (SCHEMAS["diff"]["$defs"]["compared_lock"], ComparedLock),
        (SCHEMAS["rollback"], RolledBack),
        (SCHEMAS["cache"], CacheInfo),
        (SCHEMAS["history"]["properties"]["generations"]["items"], Generation),
        (SCHEMAS["list"]["properties"]["packages"]["items"], Listed),
        (SCHEMAS["lock"]["$defs"]["lock_change"], LockChange),
        (SCHEMAS["status"]["$defs"]["drift"], Drift),
    ],
    ids=lambda case: case.__name__ if isinstance(case, type) else "",
)
def test_every_field_of_a_result_is_in_its_schema(schema: dict[str, Any], value: Any) -> None:
    assert {field.name for field in fields(value)} <= set(schema["properties"])


DRIFT = {"address": "package.a", "kind": "modified", "path": "a.py", "detail": ""}
STATUS = {
    "name": "default",
    "path": "/p/.venv",
    "python": None,
    "generation": None,
    "lock": "missing",
    "environment": "missing",
    "changes": 0,
    "drift": [DRIFT],
    "pending": None,
    "fits": False,
}


DIFFERENCE = Difference(
    before=ComparedLock(path="/p/pylock.toml", packages=3, revision="HEAD", commit="1a2b"),
    after=ComparedLock(path="/p/pylock.toml", packages=4),
    changes=(lock_change("a", "1.2", "1.1"),),
    covered=("Python 3.13",),
)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("status", STATUS),
        ("statuses", {"statuses": [{"format_version": "1.0", "kind": "envctl.status", **STATUS}]}),
        ("error", {"errors": [{"code": "bad-plan", "message": "m", "where": None, "hints": []}]}),
        (
            "history",
            {
                "generations": [
                    {
                        "number": 3,
                        "time": "2026-01-31T12:00:00Z",
                        "command": "apply",
                        "python": "3.11.7",
                        "packages": 4,
                        "live": True,
                        "kept": True,
                    }
                ]
            },
        ),
        (
            "list",
            {
                "packages": [
                    {
                        "name": "a",
                        "version": "1",
                        "direct": True,
                        "foreign": False,
                        "source": "",
                        "editable": False,
                    }
                ]
            },
        ),
        (
            "lock",
            {
                "path": "/p/pylock.toml",
                "fresh": False,
                "written": True,
                "packages": 4,
                "changes": [to_plain(lock_change("a", None, "1"))],
            },
        ),
        (
            "diff",
            {
                key: value
                for key, value in diff_document(DIFFERENCE).items()
                if key not in {"kind", "format_version"}
            },
        ),
        ("cache", {"path": "/c", "buckets": {"wheels": {"bytes": 4, "entries": 1}}}),
        ("cache", {"path": "/c", "freed_bytes": 4}),
        (
            "rollback",
            {"path": "/p/.venv", "before": 3, "after": 2, "packages": {"a": {"before": "1", "after": None}}},
        ),
        ("init", {"written": ["/p/env.toml"]}),
        ("destroy", {"path": "/p/.venv"}),
    ],
)
def test_a_document_fits_and_does_not_without_one_of_its_keys(kind: str, content: dict[str, object]) -> None:
    assert is_valid(kind, **content)
    for key in set(content) & set(SCHEMAS[kind]["required"]):
        assert not is_valid(kind, **{name: value for name, value in content.items() if name != key})
