"""A build's backend made ready: its isolated environment, which holds all that it asks for, and its log."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from packaging.requirements import Requirement

from envctl import atomic
from envctl.build.backend import Backend, moment_in
from envctl.build.log import LogFile
from envctl.build.process import Processes
from envctl.build.source import parse_build_system, parse_requirement, read_pyproject, refuse_outside, shorten
from envctl.errors import BuildError, InputError, MachineError
from envctl.frozen import dataclass
from envctl.manifest.manifest import BuildSettings
from envctl.model.events import Emit, Notice
from envctl.scratch import scratch_folder
from envctl.store.store import Store
from envctl.workflow.built import Stated, Tool
from envctl.workflow.keys import BUILD_LOGS
from envctl.workflow.workbench import Workshop

#: Makes, for building a project, an isolated environment with these requirements in it, at a folder; may be
#: called again with more.
Furnish = Callable[[str, Sequence[Requirement], str], Workshop]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be asked of a backend.

    ``folder`` is the source tree, ``where`` what people know it by; ``kind`` is ``wheel`` or ``editable``;
    ``stated`` is what goes in; None where nothing is to be kept of it.
    """

    name: str
    folder: str
    kind: str
    where: str
    stated: Stated | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A backend whose environment holds all it asks for, for a while; ``target`` is for what it makes."""

    backend: Backend
    target: str
    tools: Sequence[Tool]
    requires: Sequence[Requirement]
    log: LogFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """Makes backends ready, in one run. May be used from several threads.

    ``keeps_logs`` is False when the cache does not outlive the run.
    """

    store: Store
    settings: BuildSettings
    environ: Mapping[str, str]
    furnish: Furnish
    emit: Emit
    processes: Processes
    keeps_logs: bool = True

    @contextmanager
    def begin(self, task: Task, what: str) -> Iterator[Job]:
        """Give a backend that is ready; whatever fails meanwhile names the log."""
        with scratch_folder("build") as place:
            name = f"{task.name}-{what}-{task.stated.digest[:12] if task.stated else ''}.log"
            path = os.path.join(self.store.open_bucket(BUILD_LOGS), name)
            log = _open_log(path)
            try:
                yield self._prepare(task, place, log)
            except BuildError as error:
                if self.keeps_logs and error.output:
                    error.log = error.log or path  # of builds that need each other, the one that failed
                raise
            finally:
                log.close()
        self.emit(Notice("debug", "build-log", f"what the build of {task.name} printed is in `{path}`"))

    def _prepare(self, task: Task, place: str, log: LogFile) -> Job:
        pyproject = os.path.join(task.folder, "pyproject.toml")
        system = parse_build_system(read_pyproject(task.folder), where=pyproject)
        refuse_outside(task.folder, system, where=pyproject)
        deadline = moment_in(self.settings.timeout)

        def make_backend(workshop: Workshop) -> Backend:
            return Backend(
                source=task.folder,
                system=system,
                python=workshop.python,
                scripts=workshop.scripts,
                scratch=place,
                environ=self.environ,
                project=task.name,
                where=task.where,
                log=log,
                processes=self.processes,
                timeout=self.settings.timeout,
                deadline=deadline,
            )

        requires = wanted = _parse_requirements(system.requires, pyproject)
        workshop = self.furnish(task.name, requires, os.path.join(place, "environment"))
        more = make_backend(workshop).requires(task.kind, self.settings.config_settings.get(task.name, {}))
        if more:
            wanted = [*requires, *_parse_requirements(more, pyproject)]
            workshop = self.furnish(task.name, wanted, os.path.join(place, "environment-with-more"))
        for tool in workshop.tools:
            log.note(f"--- built with {tool.name} {tool.version} {tool.digest}")
        target = os.path.join(place, "made")
        atomic.make_directory(target)
        return Job(
            backend=make_backend(workshop), target=target, tools=workshop.tools, requires=wanted, log=log
        )


def _open_log(path: str) -> LogFile:
    try:
        return LogFile(path)
    except OSError as error:
        raise MachineError(
            "cache-failed", f"the log of a build cannot be written: {error.strerror}", where=path
        ) from error


def _parse_requirements(texts: Sequence[str], where: str) -> list[Requirement]:
    try:
        return [parse_requirement(text) for text in texts]
    except (ValueError, RecursionError) as error:
        message = f"a build requirement is invalid: {shorten(error)}"
        raise InputError("bad-pyproject", message, where=where) from error
