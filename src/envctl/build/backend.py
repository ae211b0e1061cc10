"""A build backend, called in another interpreter: PEP 517 and PEP 660 through pyproject-hooks.

The backend sees a scrubbed environment: no credentials, no settings of installers, nothing of
envctl's own. What it prints is kept, and shown only when it fails.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyproject_hooks import BackendUnavailable, BuildBackendHookCaller, HookMissing

from envctl.build.source import BuildSystem
from envctl.errors import BuildError

if TYPE_CHECKING:
    from pyproject_hooks import SubprocessRunner

#: Variables that a compiler or a proxy needs; everything else stays here.
ALLOWED_VARIABLES = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR", "TMP", "TEMP",
        "CC", "CXX", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "AR", "RANLIB", "PKG_CONFIG_PATH",
        "MAKEFLAGS",
        "SOURCE_DATE_EPOCH",
        "MACOSX_DEPLOYMENT_TARGET", "ARCHFLAGS", "SDKROOT", "CMAKE_PREFIX_PATH",
        "LD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH", "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "APPDATA",
        "LOCALAPPDATA", "PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMDATA", "USERPROFILE", "INCLUDE", "LIB",
    }
)  # fmt: skip


@dataclass(slots=True)
class Log:
    """What the backend printed, whole, in order."""

    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return all of it."""
        return "".join(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The backend of one source tree, ready to be called.

    ``python`` is the interpreter of the isolated environment, ``scripts`` its folder of commands.
    ``timeout`` is seconds for one hook.
    """

    source: str
    system: BuildSystem
    python: str
    scripts: str
    environ: Mapping[str, str]
    project: str
    timeout: float = 1800.0

    def requires(self, kind: str, settings: Mapping[str, str]) -> tuple[str, ...]:
        """Ask what more a build of ``kind`` (``wheel``, ``editable``) requires.

        Raises:
            BuildError: `build-failed`.
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
            raise self._failed("its backend did not answer with a list of requirements", "")
        return tuple(answer)

    def build(self, kind: str, target: str, settings: Mapping[str, str]) -> str:
        """Build a wheel into the folder ``target`` and return its file name.

        Raises:
            BuildError: `build-failed`, also when the answer is not a file in ``target``;
                `no-editable` when the backend cannot (PEP 660).
        """

        def ask(hooks: BuildBackendHookCaller) -> object:
            hook = hooks.build_editable if kind == "editable" else hooks.build_wheel
            return hook(target, dict(settings))

        return self._file_of(self._call(ask, f"build_{kind}"), target, ".whl")

    def prepare_metadata(self, kind: str, target: str, settings: Mapping[str, str]) -> str:
        """Have ``METADATA`` made below ``target`` and return the path of that file.

        A backend without that hook builds a wheel, from which pyproject-hooks takes the metadata.

        Raises:
            BuildError: `build-failed`.
        """

        def ask(hooks: BuildBackendHookCaller) -> object:
            hook = (
                hooks.prepare_metadata_for_build_editable
                if kind == "editable"
                else hooks.prepare_metadata_for_build_wheel
            )
            return hook(target, dict(settings))

        folder = self._file_of(self._call(ask, f"prepare_metadata_for_build_{kind}"), target, ".dist-info")
        return os.path.join(target, folder, "METADATA")

    def _file_of(self, answer: object, target: str, suffix: str) -> str:
        # A backend that answers with a path could point anywhere: only a bare name in the folder counts.
        if (
            not isinstance(answer, str)
            or os.path.basename(answer) != answer
            or not answer.endswith(suffix)
            or not os.path.exists(os.path.join(target, answer))
        ):
            raise self._failed(f"its backend answered with `{answer}`, which is not what it should make", "")
        return answer

    def _call(self, ask: Callable[[BuildBackendHookCaller], object], hook: str) -> object:
        log = Log()
        hooks = BuildBackendHookCaller(
            self.source,
            self.system.backend,
            backend_path=list(self.system.backend_path) or None,
            runner=self._runner(log),
            python_executable=self.python,
        )
        try:
            return ask(hooks)
        except subprocess.TimeoutExpired as error:
            raise self._failed(f"`{hook}` took more than {self.timeout:.0f} s", log.text) from error
        except BackendUnavailable as error:
            raise self._failed(f"its backend `{self.system.backend}` cannot be imported", log.text) from error
        except HookMissing as error:
            raise BuildError(
                "no-editable",
                f"the backend of `{self.project}` has no hook `{hook}`",
                where=self.source,
                hints=["write `editable = false` for this source"],
                output=log.text,
            ) from error
        except (subprocess.CalledProcessError, OSError) as error:
            raise self._failed(f"`{hook}` failed", log.text) from error

    def _failed(self, reason: str, output: str) -> BuildError:
        return BuildError(
            "build-failed",
            f"`{self.project}` could not be built: {reason}",
            where=self.source,
            hints=["what the backend printed stands above"] if output else [],
            output=output,
        )

    def _runner(self, log: Log) -> SubprocessRunner:
        def run(
            cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
        ) -> None:
            environ = scrub(self.environ, scripts=self.scripts)
            environ.update(extra_environ or {})
            finished = subprocess.run(
                list(cmd),
                cwd=cwd,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=self.timeout,
                check=False,
            )
            log.parts.append(finished.stdout.decode(errors="replace"))
            if finished.returncode:
                raise subprocess.CalledProcessError(finished.returncode, list(cmd))

        return run


def scrub(environ: Mapping[str, str], *, scripts: str) -> dict[str, str]:
    """Keep of ``environ`` what a build may see, with the isolated environment's commands first in PATH."""
    kept = {
        name: value
        for name, value in environ.items()
        if name.upper() in ALLOWED_VARIABLES or name.startswith("LC_") or name.lower().endswith("_proxy")
    }
    # A proxy's URL may carry a password; a build that is allowed to run needs no network of ours.
    kept = {
        name: value for name, value in kept.items() if not (name.lower().endswith("_proxy") and "@" in value)
    }
    kept["PATH"] = os.pathsep.join(part for part in (scripts, kept.get("PATH", os.defpath)) if part)
    kept["PYTHONNOUSERSITE"] = "1"
    kept["PYTHONIOENCODING"] = "utf-8"
    # A backend that lies in the source tree would leave its bytecode there.
    kept["PYTHONDONTWRITEBYTECODE"] = "1"
    return kept
