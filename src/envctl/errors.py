"""The error tree: one class per party that is to blame, each instance one refusal.

::

    EnvctlError
    ├── InputError            the user's files or arguments
    │   └── UsageError        the command line
    ├── ResolutionError       no set of releases satisfies what is asked; carries the conflict
    ├── UpstreamError         an index, an sdist or a wheel is wrong, or does not answer
    ├── BuildError            a build backend failed, or was not allowed to run
    ├── MachineError          disk, permissions, interpreter, ownership
    │   ├── BusyError         another run holds the environment
    │   ├── SwitchError       failed while staging or switching; the environment is as it was
    │   └── BrokenError       what was begun could not be undone
    ├── StaleError            a saved plan no longer fits; carries what moved
    ├── CheckError            a check said no
    ├── CancelledError        the user said no
    └── Problems              several of the above about one input, reported together

A contradiction inside envctl is a bug and is none of these. Exit codes are mapped in
``cli`` only. Nothing here is imported but the language, so that the fast path can load it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class EnvctlError(Exception):
    """One refusal: a stable kebab-case code, a sentence, a place and what to do next.

    ``message`` is one sentence without a full stop, the offending literal in backticks.
    ``where`` is a place such as ``env.toml:12`` or a URL. ``hints`` are sentences.
    """

    def __init__(
        self, code: str, message: str, *, where: str | None = None, hints: Iterable[str] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.where = where
        self.hints = tuple(hints)

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class InputError(EnvctlError):
    """A manifest, lock, plan or requirements file is invalid."""


class UsageError(InputError):
    """The command line is wrong."""


class ResolutionError(EnvctlError):
    """No set of releases satisfies what is asked; ``conflict`` says why, as a value."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        where: str | None = None,
        hints: Iterable[str] = (),
        conflict: object = None,
    ) -> None:
        super().__init__(code, message, where=where, hints=hints)
        self.conflict = conflict


class UpstreamError(EnvctlError):
    """An index, an sdist or a wheel is wrong, or does not answer."""


class BuildError(EnvctlError):
    """A build backend failed, or was not allowed to run.

    ``output`` is the end of what it printed, ``log`` the file that has all of it, where there is one.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        where: str | None = None,
        hints: Iterable[str] = (),
        output: str = "",
    ) -> None:
        super().__init__(code, message, where=where, hints=hints)
        self.output = output
        self.log: str | None = None


class MachineError(EnvctlError):
    """The machine refuses: disk, permissions, interpreter, ownership. Nothing was changed."""


class BusyError(MachineError):
    """Another run holds the environment, and waiting for it has timed out."""


class SwitchError(MachineError):
    """Failed while staging or switching; the environment is as it was."""


class BrokenError(MachineError):
    """What was begun could not be undone."""


class StaleError(EnvctlError):
    """A saved plan no longer fits; ``moved`` names what changed since it was made."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        where: str | None = None,
        hints: Iterable[str] = (),
        moved: Iterable[str] = (),
    ) -> None:
        super().__init__(code, message, where=where, hints=hints)
        self.moved = tuple(moved)


class CheckError(EnvctlError):
    """A check said no; nothing was changed."""


class PolicyError(CheckError):
    """Enforced rules forbid a plan; ``denied`` are their verdicts, as values."""

    def __init__(
        self, code: str, message: str, *, denied: Iterable[object], hints: Iterable[str] = ()
    ) -> None:
        super().__init__(code, message, hints=hints)
        self.denied = tuple(denied)


class CancelledError(EnvctlError):
    """The user said no; nothing was changed."""


class Problems(EnvctlError):
    """Several refusals about one input, to be reported together."""

    def __init__(self, errors: Sequence[EnvctlError]) -> None:
        super().__init__(errors[0].code, errors[0].message, where=errors[0].where, hints=errors[0].hints)
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


def raise_together(errors: Sequence[EnvctlError]) -> None:
    """Raise what was collected: nothing, the one error, or all of them as `Problems`."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise Problems(errors)
