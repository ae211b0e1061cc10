"""What packaging answered about targets, kept in the cache: no marker is parsed twice on a machine.

An answer depends on the target and on packaging alone, and both are in the key it is kept under.
"""

from __future__ import annotations

import hashlib
import json

import packaging

from envctl.index.cache import Cache
from envctl.model.target import Target
from envctl.resolve.answers import Answers
from envctl.version import VERSION


class AnswerBook:
    """The answers of one run, by target: read from the cache when a target is met, kept at the end."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._known: dict[str, tuple[Answers, int]] = {}

    def recall(self, target: Target) -> Answers:
        """Return what is known of a target, to be added to."""
        key = _key(target)
        if key not in self._known:
            answers = _decode(self._cache.find_answers(key))
            self._known[key] = answers, _count(answers)
        return self._known[key][0]

    def keep(self) -> None:
        """Keep what is known by now, of the targets of which that is more."""
        for key, (answers, before) in self._known.items():
            if _count(answers) > before:
                fields = {"markers": answers.markers, "pythons": answers.pythons}
                self._cache.keep_answers(key, json.dumps(fields, sort_keys=True).encode())


def _key(target: Target) -> str:
    about = [VERSION, packaging.__version__, sorted(target.markers.items()), target.floor, target.ceiling]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def _count(answers: Answers) -> int:
    return len(answers.markers) + len(answers.pythons)


def _decode(data: bytes | None) -> Answers:
    if data is None:
        return Answers()
    fields = json.loads(data)
    return Answers(fields["markers"], fields["pythons"])
