"""A plan as JSON, and back: ``parse_plan(dump_plan(plan)) == plan``.

::

    {"format_version": "1.0", "kind": "envctl.plan", "plan_id": "sha256:…", "applyable": true,
     "inputs": {"digest", "digests": {label: digest}, "manifest": {"path", "digest"},
                "lock": {"path", "digest"}, "options": {…}},
     "environment": {"name", "path", "adopt", "switch",
                     "python": {"version", "executable", "implementation"}, "platform": {"name"}},
     "observed": {"exists", "digest", "generation", "owner"},
     "planned": {"digest", "lock"},
     "summary": {"create", "update", "replace", "delete", "no_op", "drift", "lock_changes",
                 "download_bytes"},
     "changes": […], "lock_changes": […], "drift": […], "policy": […], "diagnostics": […],
     "carried": [{"path", "size"}]}

``plan_id`` is the sha256 of all the rest in canonical form (ASCII, keys sorted, no blanks). A later
minor version only adds keys, which are covered by it and ignored here. Nothing says when or where a plan
was made. What the document says twice is read once and has to agree.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from envctl.lock.difference import LockChange
from envctl.model.change import Change, Diagnostic, Reason, Side, Verdict
from envctl.model.state import Drift
from envctl.plan.change import Inputs, Plan
from envctl.plan.summary import summarise

FORMAT_VERSION = "1.0"
KIND = "envctl.plan"


def format_plan(plan: Plan) -> dict[str, Any]:
    """Turn a plan into the contract's document, of plain JSON values."""
    environment, observed = plan.environment, plan.observed
    summary = summarise(plan)
    document: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "kind": KIND,
        "applyable": plan.applyable,
        "inputs": _format_inputs(plan.inputs),
        "environment": {
            "name": environment.name,
            "path": environment.path,
            "python": {
                "version": environment.python,
                "executable": environment.executable,
                "implementation": environment.implementation,
            },
            "platform": {"name": environment.platform},
            "switch": environment.switch,
            "adopt": plan.adopt,
        },
        "observed": {
            "exists": observed.exists,
            "digest": observed.digest,
            "generation": observed.generation,
            "owner": observed.owner,
        },
        "planned": {"digest": plan.planned_digest, "lock": plan.lock_text},
        "summary": {
            "create": summary.create,
            "update": summary.update,
            "replace": summary.replace,
            "delete": summary.delete,
            "no_op": summary.no_op,
            "drift": summary.drift,
            "lock_changes": summary.lock_changes,
            "download_bytes": summary.download_bytes,
        },
        "changes": [_format_change(change) for change in plan.changes],
        "lock_changes": [_format_lock_change(change) for change in plan.lock_changes],
        "drift": [format_drift(line) for line in plan.drift],
        "policy": [format_verdict(verdict) for verdict in plan.policy],
        "diagnostics": [_format_diagnostic(diagnostic) for diagnostic in plan.diagnostics],
        "carried": [{"path": file.path, "size": file.size} for file in plan.carried],
    }
    return {"format_version": FORMAT_VERSION, "kind": KIND, "plan_id": identify_plan(document), **document}


def dump_plan(plan: Plan) -> bytes:
    """Write a plan as the text of a file: indented, ASCII, the same for the same plan."""
    return (json.dumps(format_plan(plan), indent=1, allow_nan=False) + "\n").encode("ascii")


def identify_plan(document: Mapping[str, Any]) -> str:
    """Name a plan's document by its content, without regard to a ``plan_id`` that it may have.

    Raises ValueError for a number that JSON does not know.
    """
    rest = {key: value for key, value in document.items() if key != "plan_id"}
    return _digest(rest)


def format_drift(drift: Drift) -> dict[str, Any]:
    """Turn a line of drift into plain JSON values; other documents than a plan's have them too."""
    document = {"address": drift.address, "kind": drift.kind.value, "path": drift.path}
    return {**document, "detail": drift.detail} if drift.detail else document


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return "sha256:" + hashlib.sha256(text.encode("ascii")).hexdigest()


def _format_inputs(inputs: Inputs) -> dict[str, Any]:
    digests = dict(sorted(inputs.digests.items()))
    return {
        "digest": _digest(digests),
        "digests": digests,
        "manifest": {"path": inputs.manifest_path, "digest": digests.get("manifest")},
        "lock": {"path": inputs.lock_path, "digest": digests.get("lock")},
        "options": {name: _plain(value) for name, value in sorted(inputs.options.items())},
    }


def _plain(value: object) -> object:
    """Turn an option into JSON values: a set becomes a sorted list."""
    match value:
        case frozenset() | set():
            return sorted(value)
        case tuple() | list():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case _:
            return value


def _format_change(change: Change) -> dict[str, Any]:
    return {
        "address": change.address,
        "action": change.action.value,
        "before": _format_side(change.before),
        "after": _format_side(change.after),
        "reasons": [_format_reason(reason) for reason in change.reasons],
        "direct": change.direct,
        "flags": list(change.flags),
    }


def _format_side(side: Side | None) -> dict[str, Any] | None:
    """Write what a side states; what it leaves out is absent, so that a file of XL stays readable."""
    if side is None:
        return None
    document: dict[str, Any] = {"version": side.version, "source": side.source or None, "origin": side.origin}
    document |= {"url": side.url, "hashes": dict(sorted(side.hashes.items())) or None, "size": side.size}
    return {key: value for key, value in document.items() if value is not None}


def _format_reason(reason: Reason) -> dict[str, Any]:
    return {"kind": reason.kind.value, "text": reason.text}


def _format_lock_change(change: LockChange) -> dict[str, Any]:
    return {
        "name": change.name,
        "before": change.before,
        "after": change.after,
        "reason": change.reason,
        "kind": change.kind,
        "step": change.step,
        "differs": list(change.differs),
        "direct": change.direct,
        "required_by": list(change.required_by),
        "uploaded_before": change.uploaded_before,
        "uploaded_after": change.uploaded_after,
        "size_before": change.size_before,
        "size_after": change.size_after,
    }


def format_verdict(verdict: Verdict) -> dict[str, Any]:
    """Turn a verdict into plain JSON values; other documents than a plan's have them too."""
    return {
        "rule": verdict.rule,
        "mode": verdict.mode,
        "address": verdict.address,
        "message": verdict.message,
        "waived": verdict.waived,
    }


def _format_diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    return {"level": diagnostic.level, "code": diagnostic.code, "message": diagnostic.message}
