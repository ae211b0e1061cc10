"""Do something again when it failed for a reason that may pass.

At most four tries, and no try begins later than sixty seconds after the first, whatever the server asks
for: a person waits, and a hundred pages are fetched side by side. Only a try that brought something on, as
half of a large file, gives the next one sixty seconds from its own end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from envctl.frozen import dataclass
from envctl.index.transport import TransientError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, and how long (seconds): ``first_wait`` doubles with every try."""

    tries: int = 4
    first_wait: float = 0.25
    budget: float = 60.0


def retry(
    operation: Callable[[], T],
    policy: RetryPolicy,
    *,
    progress: Callable[[], int] = int,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Call ``operation`` until it returns; only TransientError leads to another try.

    A ``Retry-After`` that does not fit into the budget ends it at once: asking earlier would be rude, and
    later is too late. ``progress`` counts what the tries have achieved together. The last error is raised as
    it is.
    """
    began = clock()
    failed, achieved = 0, progress()
    while True:
        try:
            return operation()
        except TransientError as error:
            failed += 1
            if progress() > achieved:
                began, achieved = clock(), progress()
            wait = max(policy.first_wait * 2 ** (failed - 1), error.retry_after or 0.0)
            if failed >= policy.tries or clock() - began + wait > policy.budget:
                raise
            sleep(wait)
