"""A build backend, called in another interpreter: PEP 517 and PEP 660 through pyproject-hooks.

The backend sees a scrubbed environment: no credentials, no settings of installers, nothing of
envctl's own. What it prints is kept, and shown only when it fails. Its answers are not believed: of a file
that it names only the base name counts, and the file must be there.
"""

from __future__ import annotations

import os
import stat
import subprocess
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyproject_hooks import (
    BackendUnavailable,
    BuildBackendHookCaller,
    BuildBackendWarning,
    HookMissing,
    UnsupportedOperation,
)

from envctl.build.environ import scrub
from envctl.build.log import Log
from envctl.build.process import Processes
from envctl.build.source import BuildSystem
from envctl.errors import BuildError

if TYPE_CHECKING:
    from pyproject_hooks import SubprocessRunner

# What a backend warns of is said again on our stderr by pyproject-hooks; nobody there can do anything about
# it.
warnings.filterwarnings("ignore", category=BuildBackendWarning)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The backend of one source tree, ready to be called.

    ``python`` is the interpreter of the isolated environment, ``scripts`` its folder of commands, ``scratch``
    a folder for what is not to be kept. ``project`` and ``where`` (a file name, or the tree) are for errors.
    All hooks together may take ``timeout`` seconds, till ``deadline``, a moment of `time.monotonic`.
    """

    source: str
    system: BuildSystem
    python: str
    scripts: str
    scratch: str
    environ: Mapping[str, str]
    project: str
    where: str
    log: Log
    processes: Processes
    timeout: float
    deadline: float

    def requires(self, kind: str, settings: Mapping[str, str]) -> tuple[str, ...]:
        """Ask what more a build of ``kind`` (``wheel``, ``editable``) requires.

        Raises:
            BuildError: `build-failed`, `build-timeout`.
        """

        def ask(hooks: BuildBackendHookCaller) -> object:
            hook = (
                hooks.get_requires_for_build_editable
                if kind == "editable"
                else hooks.get_requires_for_build_wheel
            )
            return hook(dict(settings))

        answer = self._call(ask, f"get_requires_for_build_{kind}")
        if not isinstance(answer, list) or not all(isinstance(item, str) for item in answer):
            raise self._failed("its backend did not answer with a list of requirements")
        return tuple(answer)

    def build(self, kind: str, target: str, settings: Mapping[str, str]) -> str:
        """Build a wheel into the folder ``target`` and return its file name.

        Raises:
            BuildError: `build-failed`, also when the answer is not a file in ``target``; `build-timeout`;
                `no-editable` when the backend cannot (PEP 660).
        """

        def ask(hooks: BuildBackendHookCaller) -> object:
            hook = hooks.build_editable if kind == "editable" else hooks.build_wheel
            return hook(target, dict(settings))

        return self._file_of(self._call(ask, f"build_{kind}"), target, ".whl", stat.S_ISREG)

    def prepare_metadata(self, kind: str, target: str, settings: Mapping[str, str]) -> str:
        """Have ``METADATA`` made below ``target`` and return the path of that file.

        A backend without that hook builds a wheel, from which pyproject-hooks takes the metadata.

        Raises:
            BuildError: `build-failed`, `build-timeout`.
        """

        def ask(hooks: BuildBackendHookCaller) -> object:
            hook = (
                hooks.prepare_metadata_for_build_editable
                if kind == "editable"
                else hooks.prepare_metadata_for_build_wheel
            )
            return hook(target, dict(settings))

        answer = self._call(ask, f"prepare_metadata_for_build_{kind}")
        folder = os.path.join(target, self._file_of(answer, target, ".dist-info", stat.S_ISDIR))
        return os.path.join(folder, self._file_of("METADATA", folder, "", stat.S_ISREG))

    def _file_of(self, answer: object, folder: str, suffix: str, is_right: Callable[[int], bool]) -> str:
        # A backend that answers with a path, or leaves a link, could point anywhere.
        if (
            isinstance(answer, str)
            and os.path.basename(answer) == answer
            and "\\" not in answer
            and answer.endswith(suffix)
        ):
            try:
                if is_right(os.lstat(os.path.join(folder, answer)).st_mode):
                    return answer
            except (OSError, ValueError):
                pass
        shown = f"`{answer}`" if isinstance(answer, str) else f"a value of type `{type(answer).__name__}`"
        raise self._failed(f"its backend answered with {shown}, which is no `*{suffix}` that it made")

    def _call(self, ask: Callable[[BuildBackendHookCaller], object], hook: str) -> object:
        self.log.note(f"--- {self.system.backend}: {hook}")
        hooks = BuildBackendHookCaller(
            self.source,
            self.system.backend,
            backend_path=list(self.system.backend_path) or None,
            runner=self._run,
            python_executable=self.python,
        )
        try:
            return ask(hooks)
        except subprocess.TimeoutExpired as error:
            raise self._timed_out(hook) from error
        except BackendUnavailable as error:
            self.log.note(str(error.traceback or ""))
            raise self._failed(f"its backend `{self.system.backend}` cannot be imported") from error
        except UnsupportedOperation as error:
            self.log.note(str(error))
            raise self._failed(f"its backend does not support `{hook}`") from error
        except HookMissing as error:
            if hook != "build_editable":
                raise self._failed(f"its backend has no hook `{hook}`") from error
            raise BuildError(
                "no-editable",
                f"the backend of `{self.project}` has no hook `{hook}`",
                where=self.where,
                hints=["write `editable = false` for this source"],
            ) from error
        except subprocess.CalledProcessError as error:
            how = f"exited with {error.returncode}" if error.returncode > 0 else "was killed"
            raise self._failed(f"`{hook}` {how}") from error
        except FileNotFoundError as error:
            if error.filename is None or os.path.basename(str(error.filename)) != "output.json":
                raise self._failed(f"`{hook}` could not be run: {error}") from error
            raise self._failed(f"`{hook}` ended without an answer") from error
        except OSError as error:
            raise self._failed(f"`{hook}` could not be run: {error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._failed(f"`{hook}` gave an answer that is none") from error

    def _timed_out(self, hook: str) -> BuildError:
        return BuildError(
            "build-timeout",
            f"`{self.project}` was not built in {self.timeout:g} s, and `{hook}` was ended",
            where=self.where,
            hints=["`[build] timeout` in the manifest gives it more seconds"],
            output=self.log.read_end(),
        )

    def _failed(self, reason: str) -> BuildError:
        return BuildError(
            "build-failed",
            f"`{self.project}` could not be built: {reason}",
            where=self.where,
            output=self.log.read_end(),
        )

    @property
    def _run(self) -> SubprocessRunner:
        def run(
            cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
        ) -> None:
            environ = scrub(
                self.environ, scripts=self.scripts, bytecode=os.path.join(self.scratch, "bytecode")
            )
            environ.update(extra_environ or {})
            code = self.processes.run(
                cmd, cwd=cwd, environ=environ, output=self.log.descriptor, deadline=self.deadline
            )
            if code:
                raise subprocess.CalledProcessError(code, list(cmd))

        return run


def moment_in(seconds: float) -> float:
    """Return the moment of `time.monotonic` in so many seconds."""
    return time.monotonic() + seconds
