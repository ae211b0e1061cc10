"""What is told is of one moment: a look that another run's switch falls into is taken again.

Readers take no lock. What they read is of one moment when, after the last read, the files are as they were
read, the environment is the generation that was looked at, and nobody is between the two.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from envctl.frozen import replace
from envctl.model.events import Ended, Event, Notice
from envctl.receipt import ABSENT, digest_file
from envctl.transaction.lock import find_holder
from envctl.transaction.site import Site, locate, read_number
from envctl.workflow.context import Context

_Answer = TypeVar("_Answer")

#: How often a look is taken at most; the last one counts, whatever happens meanwhile.
_MOST_LOOKS = 5
#: Seconds to wait for another run's switch, and between two looks whether it is over.
_LONGEST_WAIT, _PAUSE = 5.0, 0.01


def look_steadily(look: Callable[[], _Answer], is_steady: Callable[[_Answer], bool]) -> _Answer:
    """Take a look until it is of one moment."""
    answer = look()
    for _ in range(_MOST_LOOKS - 1):
        if is_steady(answer):
            break
        answer = look()
    return answer


def is_as_read(environment: str, number: int | None, files: Mapping[str, str]) -> bool:
    """Whether the environment still is generation ``number`` and the files are as they were read.

    ``files`` are digests (``sha256:…`` or ``absent``) by path. Waits for a switch that is under way, so that
    the next look is after it.
    """
    site = locate(environment)
    if _wait_for_switch(site) or (read_number(environment) or None) != number:
        return False
    return all((digest_file(path) or ABSENT) == digest for path, digest in files.items())


def _wait_for_switch(site: Site) -> bool:
    """Wait while another run switches; False where none does, and where a killed one left its journal."""
    deadline = time.monotonic() + _LONGEST_WAIT
    waited = False
    while os.path.lexists(site.journal) and find_holder(site.lock) is not None:
        if time.monotonic() > deadline:
            return False
        waited = True
        time.sleep(_PAUSE)
    return waited


def say_once(context: Context) -> Context:
    """Pass on only what was not said before: who looks or resolves twice has everything told twice."""
    said: set[Event] = set()

    def pass_on(event: Event) -> None:
        match event:
            case Notice() if event in said:
                return
            case Ended() if event in said:
                event = Ended(event.phase)  # a display must know that it is over
            case Notice() | Ended():
                said.add(event)
            case _:
                pass
        context.emit(event)

    return replace(context, emit=pass_on)
