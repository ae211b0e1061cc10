"""The environments a manifest declares, for ``--all``."""

from __future__ import annotations

from envctl.workflow.context import Context
from envctl.workflow.inputs import load_manifest


def environment_names(context: Context) -> tuple[str, ...]:
    """Give the names of all environments, in the manifest's order.

    Raises:
        InputError: anything wrong with the manifest.
    """
    return tuple(load_manifest(context).manifest.environments)
