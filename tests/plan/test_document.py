"""A plan as JSON, and back; and what is refused on the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from envctl.errors import InputError
from envctl.model.state import Drift, DriftKind
from envctl.plan.address import format_file, parse_file
from envctl.plan.change import Plan, Verdict
from envctl.plan.decide import decide
from envctl.plan.document import dump_plan, format_plan, identify_plan
from envctl.plan.parse import parse_plan
from plan.builders import a_pin, a_plan, a_selection, addresses, an_interpreter, nothing, plans


@given(plans)
def test_a_plan_that_is_written_and_read_is_the_same(plan: Plan) -> None:
    assert parse_plan(dump_plan(plan), path="plan.json") == plan


@given(addresses)
def test_an_address_of_a_file_gives_its_path_back(address: str) -> None:
    path = parse_file(address)

    assert path is None or format_file(path) == address


@given(plans)
def test_a_document_holds_plain_json_only(plan: Plan) -> None:
    def check(value: object) -> None:
        assert type(value) in {dict, list, str, int, bool, type(None)}
        if isinstance(value, dict):
            for key, item in value.items():
                assert type(key) is str
                check(item)
        if isinstance(value, list):
            for item in value:
                check(item)

    check(format_plan(plan))


def a_document(**parts: object) -> dict[str, Any]:
    changes = decide(a_selection(a_pin("idna", "3.10")), nothing(), interpreter=an_interpreter(), prune="all")
    drift = (Drift(address="package.flask", kind=DriftKind.MODIFIED, path="flask/app.py"),)
    return format_plan(a_plan(*changes, drift=drift, planned_digest="sha256:p", **parts))


def dump(document: dict[str, Any]) -> bytes:
    """Write a document with the plan_id that its content has, as a forger would."""
    return json.dumps({**document, "plan_id": identify_plan(document)}).encode()


def refusal(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        parse_plan(data, path="saved.json")
    return caught.value


def test_the_document_begins_with_what_it_is() -> None:
    assert list(a_document())[:4] == ["format_version", "kind", "plan_id", "applyable"]


def test_counts_are_of_all_lines() -> None:
    summary = a_document(download_bytes=61200)["summary"]

    assert summary == {
        "create": 3,
        "update": 0,
        "replace": 0,
        "delete": 0,
        "no_op": 0,
        "drift": 1,
        "lock_changes": 0,
        "download_bytes": 61200,
    }


def test_a_set_among_the_options_is_a_sorted_list() -> None:
    plan = a_plan()
    inputs = type(plan.inputs)(
        digests={}, manifest_path="env.toml", lock_path=None, options={"reinstall": frozenset({"b", "a"})}
    )

    assert format_plan(a_plan(inputs=inputs))["inputs"]["options"] == {"reinstall": ["a", "b"]}


def test_what_policy_denies_is_not_applyable() -> None:
    verdict = Verdict(rule="yanked", mode="enforce", address="package.idna", message="idna was yanked")

    assert a_document(policy=(verdict,))["applyable"] is False


def test_the_same_plan_is_the_same_text() -> None:
    assert dump_plan(a_plan()) == dump_plan(a_plan())


def test_a_changed_plan_is_damaged() -> None:
    document = a_document()
    document["planned"]["digest"] = "sha256:other"

    assert refusal(json.dumps(document).encode()).code == "plan-damaged"


def test_a_reformatted_plan_is_the_same() -> None:
    document = a_document()

    text = json.dumps(document, indent=8, sort_keys=True, ensure_ascii=False).encode()

    assert parse_plan(text, path="x") == parse_plan(json.dumps(document).encode(), path="x")


def test_what_a_later_minor_version_adds_is_ignored() -> None:
    document = {**a_document(), "format_version": "1.7", "mood": "good"}
    document["changes"][0]["colour"] = "green"

    assert parse_plan(dump(document), path="x").changes


@pytest.mark.parametrize("version", ["2.0", "1", "1.x", "01.0", "1.00", "", 1.0, None])
def test_another_major_version_is_refused(version: object) -> None:
    assert refusal(dump({**a_document(), "format_version": version})).code == "bad-plan"


def test_a_document_of_another_kind_is_refused() -> None:
    assert refusal(dump({**a_document(), "kind": "envctl.status"})).code == "bad-plan"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe{\x00}\x00",
        b"[" * 100_000,
        b'{"kind": "envctl.plan", "format_version": "1.0", "plan_id": "x", "mood": NaN}',
        b'{"kind": "envctl.plan", "format_version": "1.0", "plan_id": "x", "mood": 1e999}',
        b'{"kind": "envctl.plan", "format_version": "1.0", "plan_id": "x", "mood": ' + b"9" * 5000 + b"}",
        b'{"kind": "envctl.plan", "format_version": "1.0"}',
    ],
    ids=["empty", "cut", "array", "null", "utf-16", "deep", "nan", "infinity", "long", "no-id"],
)
def test_what_is_no_document_is_refused(data: bytes) -> None:
    assert refusal(data).code == "bad-plan"


def test_a_key_that_is_there_twice_is_refused() -> None:
    """Two readers may take either: a reviewer would not read what `apply` does."""
    text = json.dumps(a_document())
    parse_plan(text.encode(), path="x")

    error = refusal(text.replace('"applyable": true', '"applyable": false, "applyable": true').encode())

    assert "key twice" in error.message


def test_a_file_that_is_too_large_is_not_read() -> None:
    assert "larger" in refusal(b" " * (64 * 1024 * 1024 + 1)).message


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("changes.0.address", "package.Not_Normal"),
        ("changes.0.address", 'file."../../etc/passwd"'),
        ("changes.0.address", 'file."/etc/passwd"'),
        ("changes.0.address", 'file."a//b"'),
        ("changes.0.address", 'file."'),
        ("changes.0.address", "folder"),
        ("changes.0.action", "frobnicate"),
        ("changes.0.reasons", []),
        ("changes.0.reasons.0.kind", "mood"),
        ("changes.0.direct", 0),
        ("changes.0.before", []),
        ("changes.0.flags", "major"),
        ("changes.1.after.hashes", {"sha256": 1}),
        ("changes.1.after.size", -1),
        ("changes.1.after.size", True),
        ("changes.1.address", "environment"),
        ("changes", {}),
        ("drift.0.kind", "mood"),
        ("drift.0.address", 'file."../x"'),
        ("environment.path", ""),
        ("environment.path", "a\0b"),
        ("environment.python", "3.11"),
        ("inputs.digests", []),
        ("inputs.options", []),
        ("observed.exists", "yes"),
        ("observed.generation", 1.5),
        ("planned.lock", 3),
        ("summary.download_bytes", "many"),
        ("policy", [{"rule": "x", "mode": "off", "address": "a", "message": "m", "waived": None}]),
        ("diagnostics", [{"level": "error", "code": "c", "message": "m"}]),
        ("carried", [{"path": "share/x", "size": -1}]),
        ("carried", [{"path": "", "size": 1}]),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_and_named(place: str, value: object) -> None:
    document = a_document()
    *parents, last = parts = place.split(".")
    inner: Any = document
    for part in parents:
        inner = inner[int(part)] if part.isdigit() else inner[part]
    inner[int(last) if last.isdigit() else last] = value

    error = refusal(dump(document))

    assert error.code == "bad-plan"
    assert error.where == "saved.json"
    assert parts[0] in error.message


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("applyable", False),
        ("summary.create", 0),
        ("summary.delete", 7),
        ("inputs.digest", "sha256:other"),
        ("inputs.manifest.digest", "sha256:other"),
        ("inputs.lock.digest", None),
    ],
)
def test_a_plan_that_says_two_things_is_refused(place: str, value: object) -> None:
    """A reviewer reads the summary, `apply` the lines: a forged plan must not tell them different things."""
    document = a_document()
    *parents, last = place.split(".")
    inner: Any = document
    for part in parents:
        inner = inner[part]
    inner[last] = value

    error = refusal(dump(document))

    assert (error.code, f"`{place}`" in error.message) == ("bad-plan", True)


def test_a_missing_key_is_named() -> None:
    document = a_document()
    del document["observed"]

    assert "`observed`" in refusal(dump(document)).message
