"""What a command begins with: the `Context` of the workflow, made of the options that were given."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import TYPE_CHECKING

from envctl.cli.console import Console
from envctl.cli.report.choose import choose_reporter
from envctl.cli.settings import make_settings
from envctl.workflow.context import Context, Place, Remote, Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envctl.index.client import IndexClient
    from envctl.manifest.manifest import Manifest
    from envctl.model.artifact import Artifact
    from envctl.model.interpreter import Interpreter
    from envctl.model.state import State
    from envctl.plan.goal import Goal
    from envctl.store.store import Store
    from envctl.workflow.remote import Adapters
    from envctl.workflow.results import PlanOptions


def begin(arguments: Namespace, console: Console) -> Context:
    """Make the context of one command, and the reporter that shows its events.

    Raises:
        UsageError: `bad-variable`.
        InputError: what is wrong with the user's settings.
    """
    settings = make_settings(
        directory=arguments.directory,
        environ=os.environ,
        cache_dir=arguments.cache_dir,
        offline=arguments.offline,
        no_cache=arguments.no_cache,
    )
    if arguments.color is None and not ("NO_COLOR" in os.environ or "FORCE_COLOR" in os.environ):
        console.choose_color(settings.color)
    if settings.no_cache:
        from envctl.cli.scratch import with_scratch_cache

        settings = with_scratch_cache(settings, console)
    return Context(
        directory=arguments.directory,
        manifest=arguments.file,
        environment=getattr(arguments, "env", None),
        settings=settings,
        emit=choose_reporter(console),
        make_remote=_make_remote,
        reader=_LateReader(),
    )


class _LateReader:
    """Loads what reads manifest and lock, when it is needed."""

    def read_manifest(self, context: Context) -> Manifest:
        from envctl.workflow.reading import read_manifest

        return read_manifest(context)

    def find_place(self, context: Context) -> Place:
        from envctl.workflow.reading import find_place

        return find_place(context)

    def read_goal(self, run: Run, options: PlanOptions) -> tuple[Goal, State]:
        from envctl.workflow.reading import read_goal

        return read_goal(run, options)


def _make_remote(context: Context, manifest: Manifest, interpreter: Interpreter, store: Store) -> Remote:
    """Load the resolver, now that it is needed."""
    from envctl.workflow.resolver import Resolver

    return Resolver(context, manifest, interpreter, store, _make_adapters)


def _make_adapters(
    context: Context,
    manifest: Manifest,
    interpreter: Interpreter,
    store: Store,
    client: IndexClient,
    *,
    known: Mapping[str, Artifact],
) -> Adapters:
    """Load what fetches and builds, now that it is needed."""
    from envctl.workflow.remote import make_adapters

    return make_adapters(context, manifest, interpreter, store, client, known=known)


def resolve_path(arguments: Namespace, path: str) -> str:
    """Make a path of the command line absolute: it is relative to the working folder, after ``-C``."""
    return os.path.normpath(os.path.join(arguments.directory, path))
