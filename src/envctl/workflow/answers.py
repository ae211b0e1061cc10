"""What packaging answered about targets, kept in the cache: no marker is parsed twice on a machine.

An answer depends on the target and on packaging alone, and both are in the key it is kept under.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

import packaging

from envctl.memo import Memo
from envctl.model.target import Target
from envctl.resolve.answers import Answers
from envctl.version import VERSION

ANSWERS = "answers-v2"


class AnswerBook:
    """The answers of one run, by target: read from the cache when a target is met, kept at the end."""

    def __init__(self, memo: Memo) -> None:
        self._memo = memo
        self._known: dict[str, tuple[Answers, int]] = {}

    def recall(self, target: Target) -> Answers:
        """Return what is known of a target, to be added to."""
        key = _key(target)
        if key not in self._known:
            data = self._memo.find(ANSWERS, key)
            answers = {} if data is None else json.loads(data)
            self._known[key] = answers, len(answers)
        return self._known[key][0]

    def recall_tags(self, name: str, python: str, make: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """Return the tags of a platform and a Python, made at the first time."""
        key = _digest(["tags", name, python])
        known = self._memo.find(ANSWERS, key)
        if known is not None:
            return tuple(known.decode("ascii").split())
        tags = make()
        self._memo.keep(ANSWERS, key, " ".join(tags).encode("ascii"))
        return tags

    def keep(self) -> None:
        """Keep what is known by now, of the targets of which that is more."""
        for key, (answers, before) in self._known.items():
            if len(answers) > before:
                self._memo.keep(ANSWERS, key, json.dumps(answers, sort_keys=True).encode())


def _key(target: Target) -> str:
    return _digest([sorted(target.markers.items()), target.floor, target.ceiling])


def _digest(about: Sequence[object]) -> str:
    text = json.dumps([VERSION, packaging.__version__, *about])
    return hashlib.sha256(text.encode()).hexdigest()
