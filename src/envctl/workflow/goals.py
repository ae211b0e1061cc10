"""Goals that were read before, kept in the cache under their manifest's path, with all that they depend on.

A goal is a pure function of the files that were read, of the interpreter that was found, and of what was
looked at to find it. Equal inputs, equal goal: then neither manifest nor lock has to be understood again, and
a command that changes an environment loads a third of what it would.

Labels, whose files `envctl.receipt` looks at again::

    version               of envctl
    environment           the path of the environment
    manifest              the path of the manifest
    switch                what the manifest says of how to switch
    lock                  the path of its lock
    file PATH             sha256 of a file that was read, or ``absent``
    stat PATH             size and mtime of the interpreter's file, and of those that the manifest names
    present               the base interpreter of the environment that was there, or ``-``
    kernel                the system and its version
    pythons               a digest of the interpreters to choose from, ``-`` where there was no choice

The goal of a lock that is still to be written depends on all that this lock was made from: it has the labels
of `envctl.made`, too. So what a plan has resolved need not be resolved by the apply that follows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from envctl.environment.discover import digest_candidates
from envctl.frozen import dataclass
from envctl.made import NONE, holds
from envctl.model.state import State
from envctl.plan.goal import SHAPE, Goal, format_goal, parse_goal
from envctl.receipt import ABSENT, FILE, STAT, describe_file, describe_kernel
from envctl.unchanged import find_manifest
from envctl.version import VERSION
from envctl.workflow.context import Context, Place, open_memo

GOALS = "goals-v1"
_LABELS = frozenset({"version", "environment", "lock", "manifest", "present", "pythons", "switch", "until"})


@dataclass(frozen=True, slots=True)
class Kept:
    """A goal of an earlier run whose files are as they were; ``present`` is what it also depends on."""

    goal: Goal
    present: str
    labels: Mapping[str, str]

    def fits(self, state: State) -> bool:
        """Whether the environment has the interpreter that it had, or none, as then."""
        return self.present == (state.executable or NONE)


def find_place(context: Context) -> Place:
    """Say which environment is meant, and by which manifest.

    Raises:
        InputError: anything wrong with the manifest; `unknown-environment`.
    """
    found = _recall(context)
    if found is None:
        return context.reader.find_place(context)
    labels, _ = found
    return Place(
        environment=labels["environment"],
        manifest=labels["manifest"],
        switch=labels["switch"],
        lock=labels["lock"],
    )


def recall_goal(context: Context) -> Kept | None:
    """Return the goal of the environment that is meant, if all that it was read from is as it was."""
    found = _recall(context)
    if found is None:
        return None
    labels, text = found
    if labels["pythons"] not in {NONE, digest_candidates(context.settings.environ)}:
        return None
    return Kept(parse_goal(text), labels["present"], labels)


def _recall(context: Context) -> tuple[dict[str, str], str] | None:
    """Return the labels of what is kept, and its text, if the files are as they were."""
    manifest = find_manifest(context.directory, context.manifest)
    if manifest is None:
        return None
    data = open_memo(context.settings).find(GOALS, _key(context, manifest))
    if data is None:
        return None
    head, _, text = data.decode("ascii").partition("\n")
    labels: dict[str, str] = json.loads(head)
    return (labels, text) if labels.keys() >= _LABELS and holds(labels, context.settings.file) else None


def keep_goal(
    context: Context, goal: Goal, state: State, named: Iterable[str], made: Mapping[str, str] | None
) -> None:
    """Keep a goal whose lock fits, or was ``made`` and kept: its labels.

    ``named`` are the interpreters that the manifest names by path.
    """
    if made is None and (goal.lock.text is not None or goal.lock.digest is None):
        return
    named = tuple(named)
    is_free = state.executable != goal.interpreter.executable and not named
    labels = {
        "version": VERSION,
        "environment": goal.path,
        "manifest": goal.manifest,
        "switch": goal.install.switch,
        "lock": goal.lock.path,
        "present": state.executable or NONE,
        "pythons": digest_candidates(context.settings.environ) if is_free else NONE,
        "until": NONE,
        "kernel": describe_kernel(),
        f"{FILE}{goal.lock.path}": f"sha256:{goal.lock.digest}",
        **{f"{FILE}{path}": digest for path, digest in goal.files.items()},
        **{f"{STAT}{path}": describe_file(path) for path in (goal.interpreter.executable, *named)},
        **(made or {}),
    }
    if ABSENT in (labels[f"{STAT}{path}"] for path in named):
        return
    data = f"{json.dumps(labels)}\n{format_goal(goal)}".encode("ascii")
    open_memo(context.settings).keep(GOALS, _key(context, goal.manifest), data)


def _key(context: Context, manifest: str) -> str:
    about = f"{SHAPE}\0{manifest}\0{context.environment or ''}"
    return hashlib.sha256(about.encode("utf-8", "surrogateescape")).hexdigest()
