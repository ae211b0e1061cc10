"""What ended a run, put into words on stderr and, where a format is wanted, into a document on stdout."""

from __future__ import annotations

from typing import Any

from envctl.cli.console import Console, Line, Styled
from envctl.cli.exit import Terminated, choose_exit_code, translate
from envctl.errors import EnvctlError

_BUG = "this is a bug in envctl; please report it with the lines above"


class UnfinishedError(Exception):
    """A command over several environments failed: ``error`` is why, ``documents`` what was finished."""

    def __init__(self, error: Exception, documents: tuple[dict[str, Any], ...]) -> None:
        super().__init__(str(error))
        self.error = error
        self.documents = documents


def report_failure(error: BaseException, console: Console, *, output_format: str, directory: str) -> int:
    """Report what ended a run and return the exit code. ``where`` is shown relative to ``directory``."""
    from envctl.cli.show.failure import failure_document, failure_lines

    console.finish()
    done: tuple[dict[str, Any], ...] = ()
    if isinstance(error, UnfinishedError):
        done = error.documents
        error = error.error
    lines, known = _describe(error)
    if known is not None:
        lines = failure_lines(known, directory)
    console.say(lines)
    if output_format != "text":
        from envctl.cli.show.deliver import deliver_failure

        shown = known if known is not None else EnvctlError(*_name(error))
        deliver_failure(failure_document(shown, directory, done=done), console, output_format)
    return choose_exit_code(known if known is not None else error)


def _describe(error: BaseException) -> tuple[list[Line], EnvctlError | None]:
    match error:
        case EnvctlError():
            return [], error
        case KeyboardInterrupt() | Terminated():
            return [(Styled("interrupted", "yellow"),)], None
        case OSError():
            return [], translate(error)
        case MemoryError():
            return [], EnvctlError("out-of-memory", "there is not enough memory")
        case _:
            return [*_traceback(error), (Styled("error:", "red"), f" {_BUG} [bug]")], None


def _name(error: BaseException) -> tuple[str, str]:
    if isinstance(error, KeyboardInterrupt | Terminated):
        return "interrupted", "interrupted"
    return "bug", f"{type(error).__name__}: {error}"


def _traceback(error: BaseException) -> list[Line]:
    import traceback

    return [line for text in traceback.format_exception(error) for line in text.rstrip("\n").split("\n")]
