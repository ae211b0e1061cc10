"""What a command remarks about where it runs: which manifest counts, and which environment is meant."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.made import list_notices
from envctl.model.events import Emit, Ended, Notice, Phase, Started
from envctl.unchanged import describe_active
from envctl.workflow.context import Context


def tell_manifest(context: Context, path: str) -> None:
    """Say which manifest counts, to who asks for more words."""
    context.emit(Notice("debug", "manifest-found", f"the manifest is `{path}`"))


def tell_active(context: Context, environment: str) -> None:
    """Say in one line that another environment is active than the one at ``environment`` (absolute)."""
    remark = describe_active(context.settings.environ, environment)
    if remark is not None:
        context.emit(Notice("info", "other-environment-active", remark))


def repeat_words(labels: Mapping[str, str], emit: Emit) -> None:
    """Say of a lock that was kept what was said when it was made (see `envctl.made`)."""
    emit(Started(Phase.RESOLVE))
    for level, code, message, hints in list_notices(labels):
        emit(Notice(level, code, message, hints))
    emit(Ended(Phase.RESOLVE, labels["summary"]))
