"""``--all``: one environment after the other, in the manifest's order, until one fails."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from envctl.cli.console import Console, Styled
from envctl.cli.failure import UnfinishedError
from envctl.errors import EnvctlError, UsageError
from envctl.frozen import replace
from envctl.workflow.context import Context


def each_environment(context: Context, arguments: Namespace, console: Console) -> Iterator[Context]:
    """Give a context for each environment that is meant, under its name in text."""
    if not arguments.all:
        yield context
        return
    from envctl.workflow.environments import environment_names

    for name in environment_names(context):
        if arguments.format == "text":
            console.show([(Styled(f"{name}:", "bold"),)])
        yield replace(context, environment=name)


@contextmanager
def keep_finished(arguments: Namespace, documents: Callable[[], list[dict[str, Any]]]) -> Iterator[None]:
    """Let a failure carry the documents of the environments that were finished before it."""
    try:
        yield
    except (EnvctlError, OSError) as error:
        if not arguments.all or arguments.format not in {"json", "yaml"}:
            raise
        raise UnfinishedError(error, tuple(documents())) from error


def refuse_all_with_one(arguments: Namespace) -> None:
    """Refuse ``--all`` together with the name of one environment.

    Raises:
        UsageError: `bad-usage`.
    """
    if not arguments.all:
        return
    if arguments.env_typed:
        raise UsageError("bad-usage", "`--all` is every environment, `--env` is one")
