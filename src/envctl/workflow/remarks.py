"""What a command remarks about where it runs: which manifest counts, and which environment is meant."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.environment.processes import Process, find_processes
from envctl.made import list_notices
from envctl.model.events import Emit, Ended, Notice, Phase, Started
from envctl.model.state import State
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


def tell_times(context: Context, state: State) -> None:
    """Say in one line that files had to be read because a copy of the environment gave them other times."""
    times = state.times
    if times.are_of_a_copy:
        message = (
            f"timestamps changed of {times.moved:,} of {times.total:,} files (copied?); "
            "their content was compared instead"
        )
        context.emit(Notice("info", "timestamps-changed", message))


def tell_running(environment: str, emit: Emit) -> tuple[Process, ...]:
    """Name the processes that still have what an environment held before; returns them."""
    found = find_processes(environment)
    if found:
        names = ", ".join(f"{process.pid} ({process.name})" for process in found)
        emit(Notice("info", "processes-running", f"restart running processes: pid {names}"))
    return found


def repeat_words(labels: Mapping[str, str], emit: Emit) -> None:
    """Say of a lock that was kept what was said when it was made (see `envctl.made`)."""
    emit(Started(Phase.RESOLVE))
    for level, code, message, hints in list_notices(labels):
        emit(Notice(level, code, message, hints))
    emit(Ended(Phase.RESOLVE, labels["summary"]))
