"""Goals that were read before, kept in the cache under their manifest's path, with all that they depend on.

A goal is a pure function of the files that were read, of the interpreter that was found, and of what was
looked at to find it. Equal inputs, equal goal: then neither manifest nor lock has to be understood again, and
a command that changes an environment loads a third of what it would.

Labels, whose files `envctl.receipt` looks at again::

    version               of envctl
    environment           the path of the environment
    manifest              the path of the manifest
    file PATH             sha256 of a file that was read, or ``absent``
    stat PATH             size and mtime of the interpreter's file, and of those that the manifest names
    present               the base interpreter of the environment that was there, or ``-``
    pythons               a digest of the interpreters to choose from, ``-`` where there was no choice
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping

from envctl.environment.discover import list_candidates
from envctl.frozen import dataclass
from envctl.model.state import State
from envctl.plan.goal import SHAPE, Goal, format_goal, parse_goal
from envctl.receipt import ABSENT, FILE, STAT, describe_file, find_changed_file
from envctl.unchanged import find_manifest
from envctl.version import VERSION
from envctl.workflow.context import Context, Place, open_memo

_GOALS = "goals-v1"
_NONE = "-"
_LABELS = frozenset({"version", "environment", "manifest", "present", "pythons"})


@dataclass(frozen=True, slots=True)
class Kept:
    """A goal of an earlier run whose files are as they were; ``present`` is what it also depends on."""

    goal: Goal
    present: str

    def fits(self, state: State) -> bool:
        """Whether the environment has the interpreter that it had, or none, as then."""
        return self.present == (state.executable or _NONE)


def find_place(context: Context) -> Place:
    """Say which environment is meant, and by which manifest.

    Raises:
        InputError: anything wrong with the manifest; `unknown-environment`.
    """
    found = _recall(context)
    if found is None:
        return context.reader.find_place(context)
    labels, _ = found
    return Place(environment=labels["environment"], manifest=labels["manifest"])


def recall_goal(context: Context) -> Kept | None:
    """Return the goal of the environment that is meant, if all that it was read from is as it was."""
    found = _recall(context)
    if found is None:
        return None
    labels, text = found
    if labels["pythons"] not in {_NONE, _digest_pythons(context.settings.environ)}:
        return None
    return Kept(parse_goal(text), labels["present"])


def _recall(context: Context) -> tuple[dict[str, str], str] | None:
    """Return the labels of what is kept, and its text, if the files are as they were."""
    manifest = find_manifest(context.directory, context.manifest)
    if manifest is None:
        return None
    data = open_memo(context.settings).find(_GOALS, _key(context, manifest))
    if data is None:
        return None
    head, _, text = data.decode("ascii").partition("\n")
    labels: dict[str, str] = json.loads(head)
    if not labels.keys() >= _LABELS or labels["version"] != VERSION or find_changed_file(labels) is not None:
        return None
    return labels, text


def keep_goal(context: Context, goal: Goal, state: State, named: Iterable[str]) -> None:
    """Keep a goal whose lock fits; ``named`` are the interpreters that the manifest names by path."""
    if goal.lock.text is not None or goal.lock.digest is None:
        return
    named = tuple(named)
    is_free = state.executable != goal.interpreter.executable and not named
    labels = {
        "version": VERSION,
        "environment": goal.path,
        "manifest": goal.manifest,
        "present": state.executable or _NONE,
        "pythons": _digest_pythons(context.settings.environ) if is_free else _NONE,
        f"{FILE}{goal.lock.path}": f"sha256:{goal.lock.digest}",
        **{f"{FILE}{path}": digest for path, digest in goal.files.items()},
        **{f"{STAT}{path}": describe_file(path) for path in (goal.interpreter.executable, *named)},
    }
    if ABSENT in (labels[f"{STAT}{path}"] for path in named):
        return
    data = f"{json.dumps(labels)}\n{format_goal(goal)}".encode("ascii")
    open_memo(context.settings).keep(_GOALS, _key(context, goal.manifest), data)


def _key(context: Context, manifest: str) -> str:
    about = f"{SHAPE}\0{manifest}\0{context.environment or ''}"
    return hashlib.sha256(about.encode("utf-8", "surrogateescape")).hexdigest()


def _digest_pythons(environ: Mapping[str, str]) -> str:
    """Digest which interpreters there are to choose from: their paths, sizes and times. None is started."""
    paths = [candidate.path for candidate in list_candidates(environ)]
    lines = [f"{path}\0{os.path.realpath(path)}\0{describe_file(path)}" for path in paths]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
