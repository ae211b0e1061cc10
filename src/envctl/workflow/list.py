"""``envctl list``: what is installed, and whose it is."""

from __future__ import annotations

import json

from envctl.environment.scan import scan
from envctl.errors import MachineError
from envctl.manifest.select import select_environment
from envctl.model.state import Distribution, Owner
from envctl.workflow.context import Context
from envctl.workflow.inputs import load_manifest
from envctl.workflow.remarks import tell_active
from envctl.workflow.results import Listed


def list_installed(context: Context) -> tuple[Listed, ...]:
    """List the distributions of the environment by name, as they are on disk.

    Raises:
        InputError: anything wrong with the manifest.
        MachineError: `no-environment`.
    """
    declaration = select_environment(load_manifest(context).manifest, context.environment)
    tell_active(context, declaration.path)
    state = scan(declaration.path)
    if state.owner in {Owner.NOBODY, Owner.UNKNOWN}:
        raise no_environment(declaration.path)
    return tuple(_list(state.distributions[name]) for name in sorted(state.distributions))


def no_environment(path: str) -> MachineError:
    """Say that there is no environment to look at."""
    return MachineError(
        "no-environment",
        f"there is no environment at `{path}`",
        where=path,
        hints=["`envctl apply` makes it"],
    )


def _list(distribution: Distribution) -> Listed:
    source, editable = _describe(distribution.direct_url)
    return Listed(
        name=distribution.name,
        version=distribution.version,
        # pip says of what it was asked for that it was requested; no list of the manifest did.
        direct=distribution.managed and distribution.requested,
        foreign=not distribution.managed,
        source=source,
        editable=editable,
    )


def _describe(direct_url: str | None) -> tuple[str, bool]:
    if direct_url is None:
        return "index", False
    try:
        document = json.loads(direct_url)
        return str(document["url"]), bool(document.get("dir_info", {}).get("editable", False))
    except (ValueError, KeyError, TypeError, AttributeError):
        return "unknown", False
