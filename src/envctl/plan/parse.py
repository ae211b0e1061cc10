"""A saved plan, read: every type checked, every derived value made again and compared.

The file may come from anybody. Its paths are names to compare, never to open: what is changed is found
from the manifest and from a scan.
"""

from __future__ import annotations

import re
from typing import Any

from envctl.errors import InputError
from envctl.lock.difference import LockChange
from envctl.model.change import Action, Change, Diagnostic, Reason, ReasonKind, Side, Verdict
from envctl.model.state import Drift, DriftKind, ForeignFile
from envctl.plan.address import ENVIRONMENT, PYTHON, parse_file, parse_package
from envctl.plan.change import Inputs, Observed, Plan, PlannedEnvironment
from envctl.plan.document import KIND, format_plan, identify_plan
from envctl.plan.node import Node, load

#: Bytes; ten times what a plan for the largest environments known takes.
_LIMIT = 64 * 1024 * 1024

_VERSION = re.compile(r"1\.(0|[1-9][0-9]*)\Z", re.ASCII)
_NAME = re.compile(r"[a-z0-9-]{1,255}\Z")


def parse_plan(data: bytes, *, path: str) -> Plan:
    """Read the document of a plan; ``path`` is the file's name, for errors.

    Raises:
        InputError: `bad-plan` for what is no plan, or one of a format that this envctl does not know;
            `plan-damaged` when its content is not what its ``plan_id`` says.
    """
    document = load(data, path=path, limit=_LIMIT)
    document.field("kind").word(KIND)
    version = document.field("format_version")
    if _VERSION.match(version.text()) is None:
        raise version.refuse(f"is `{version.text()}`, and this envctl reads 1.x")
    _check_id(document)
    plan = _parse_plan(document)
    different = _find_difference(document.value, format_plan(plan), "")
    if different is not None:
        raise Node(None, different, path).refuse("does not agree with the rest of it")
    return plan


def _check_id(document: Node) -> None:
    plan_id = document.field("plan_id").text()
    try:
        found = identify_plan(document.value)
    except (ValueError, RecursionError) as error:
        raise document.refuse("holds a value that JSON does not know") from error
    if found != plan_id:
        raise InputError(
            "plan-damaged",
            "the plan was changed after it was made: its content does not fit its `plan_id`",
            where=document.path,
            hints=["make it anew with `envctl plan --out FILE`"],
        )


def _parse_plan(document: Node) -> Plan:
    planned = document.field("planned")
    changes = tuple(_parse_change(node) for node in document.field("changes").items())
    addresses = [change.address for change in changes]
    if len(set(addresses)) != len(addresses):
        raise document.field("changes").refuse("has an address twice")
    return Plan(
        inputs=_parse_inputs(document.field("inputs")),
        environment=_parse_environment(document.field("environment")),
        observed=_parse_observed(document.field("observed")),
        changes=changes,
        drift=tuple(_parse_drift(node) for node in document.field("drift").items()),
        lock_changes=tuple(_parse_lock_change(node) for node in document.field("lock_changes").items()),
        lock_text=planned.field("lock").optional_text(),
        planned_digest=planned.field("digest").text(),
        policy=tuple(_parse_verdict(node) for node in document.field("policy").items()),
        diagnostics=tuple(_parse_diagnostic(node) for node in document.field("diagnostics").items()),
        adopt=document.field("environment").field("adopt").flag(),
        download_bytes=document.field("summary").field("download_bytes").count(),
        carried=tuple(_parse_carried(node) for node in document.field("carried").items()),
    )


def _parse_inputs(node: Node) -> Inputs:
    lock_path = node.field("lock").field("path")
    return Inputs(
        digests=node.field("digests").texts(),
        manifest_path=_name(node.field("manifest").field("path")),
        lock_path=None if lock_path.value is None else _name(lock_path),
        options={name: _freeze(option.value) for name, option in node.field("options").table().items()},
    )


def _freeze(value: Any) -> object:
    if isinstance(value, list):
        return tuple(_freeze(item) for item in value)
    if isinstance(value, dict):
        return {key: _freeze(item) for key, item in value.items()}
    return value


def _parse_environment(node: Node) -> PlannedEnvironment:
    python = node.field("python")
    return PlannedEnvironment(
        name=node.field("name").text(),
        path=_name(node.field("path")),
        python=python.field("version").text(),
        executable=python.field("executable").text(),
        implementation=python.field("implementation").text(),
        platform=node.field("platform").field("name").text(),
        switch=node.field("switch").text(),
    )


def _name(node: Node) -> str:
    """Return a path that is only ever compared."""
    text = node.text()
    if not text or "\0" in text:
        raise node.refuse("is not a path")
    return text


def _parse_observed(node: Node) -> Observed:
    return Observed(
        exists=node.field("exists").flag(),
        digest=node.field("digest").text(),
        generation=node.field("generation").optional_count(),
        owner=node.field("owner").text(),
    )


def _parse_change(node: Node) -> Change:
    reasons = tuple(_parse_reason(reason) for reason in node.field("reasons").items())
    if not reasons:
        raise node.field("reasons").refuse("is empty")
    return Change(
        address=_parse_address(node.field("address")),
        action=node.field("action").choice(Action),
        before=_parse_side(node.field("before")),
        after=_parse_side(node.field("after")),
        reasons=reasons,
        direct=node.field("direct").flag(),
        flags=tuple(flag.text() for flag in node.field("flags").items()),
    )


def _parse_address(node: Node) -> str:
    text = node.text()
    name, path = parse_package(text), parse_file(text)
    if text in {ENVIRONMENT, PYTHON} or (name is not None and _NAME.match(name)):
        return text
    if path is not None and _is_inside(path):
        return text
    raise node.refuse("is not the address of anything in an environment")


def _is_inside(path: str) -> bool:
    """Tell whether a path stays in the environment that it is relative to."""
    return "\0" not in path and all(part not in {"", ".", ".."} for part in path.split("/"))


def _parse_side(node: Node) -> Side | None:
    if node.value is None:
        return None
    hashes = node.option("hashes")
    return Side(
        version=node.option("version").optional_text(),
        origin=node.option("origin").optional_text(),
        source=node.option("source").optional_text() or "",
        url=node.option("url").optional_text(),
        hashes={} if hashes.value is None else hashes.texts(),
        size=node.option("size").optional_count(),
    )


def _parse_reason(node: Node) -> Reason:
    return Reason(node.field("kind").choice(ReasonKind), node.field("text").text())


def _parse_drift(node: Node) -> Drift:
    return Drift(
        address=_parse_address(node.field("address")),
        kind=node.field("kind").choice(DriftKind),
        path=node.field("path").text(),
        detail=node.option("detail").optional_text() or "",
    )


def _parse_carried(node: Node) -> ForeignFile:
    return ForeignFile(path=_name(node.field("path")), size=node.field("size").count(), data=True)


def _parse_lock_change(node: Node) -> LockChange:
    return LockChange(
        name=node.field("name").text(),
        before=node.field("before").optional_text(),
        after=node.field("after").optional_text(),
        reason=node.field("reason").text(),
        kind=node.field("kind").text(),
        step=node.field("step").text(),
        differs=tuple(part.text() for part in node.field("differs").items()),
        direct=node.field("direct").flag(),
        required_by=tuple(each.text() for each in node.field("required_by").items()),
        uploaded_before=node.field("uploaded_before").optional_text(),
        uploaded_after=node.field("uploaded_after").optional_text(),
        size_before=node.field("size_before").optional_count(),
        size_after=node.field("size_after").optional_count(),
    )


def _parse_verdict(node: Node) -> Verdict:
    return Verdict(
        rule=node.field("rule").text(),
        mode=node.field("mode").word("enforce", "warn"),
        address=node.field("address").text(),
        message=node.field("message").text(),
        waived=node.field("waived").optional_text(),
    )


def _parse_diagnostic(node: Node) -> Diagnostic:
    return Diagnostic(
        level=node.field("level").word("info", "warning"),
        code=node.field("code").text(),
        message=node.field("message").text(),
    )


def _find_difference(document: Any, derived: Any, place: str) -> str | None:
    """Return the first place where the document does not hold what was made from its parsed value.

    ``format_version`` and ``plan_id`` are checked elsewhere: a later minor version has others. Keys that
    a later version added are no difference.
    """
    if isinstance(derived, dict) and isinstance(document, dict):
        for key, value in derived.items():
            if not place and key in {"format_version", "plan_id"}:
                continue
            found = _find_difference(document.get(key), value, f"{place}.{key}".lstrip("."))
            if found is not None:
                return found
        return None
    if isinstance(derived, list) and isinstance(document, list) and len(derived) == len(document):
        for number, (left, right) in enumerate(zip(document, derived, strict=True)):
            found = _find_difference(left, right, f"{place}[{number}]")
            if found is not None:
                return found
        return None
    return None if document == derived and type(document) is type(derived) else place
