"""Do something again when it failed for a reason that may pass.

At most four tries, and no try begins later than sixty seconds after the first, whatever the server asks
for: a person waits, and a hundred pages are fetched side by side. A try that brought something on, as half of
a large file, does not count, and gives the next one sixty seconds from its own end. It has to be worth its
time, though: a server that sends a byte and hangs up would else be asked for ever.
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
    """How often, and how long (seconds): ``first_wait`` doubles with every try.

    A try that brings on ``least_rate`` (a second, the wait before it included) does not count; for bytes it
    is what a body that does not break off has to arrive with (`Timeouts.slow_rate`).
    """

    tries: int = 4
    first_wait: float = 0.25
    budget: float = 60.0
    least_rate: float = 1024.0


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
    later is too late. ``progress`` counts what the tries have achieved together, in bytes. The last error is
    raised as it is.
    """
    since = clock()
    failed, achieved = 0, progress()
    while True:
        try:
            return operation()
        except TransientError as error:
            gained = progress() - achieved
            if gained > 0 and gained >= policy.least_rate * (clock() - since):
                failed, since, achieved = 0, clock(), progress()
            else:
                failed += 1
            wait = max(policy.first_wait * 2 ** max(failed - 1, 0), error.retry_after or 0.0)
            if failed >= policy.tries or clock() - since + wait > policy.budget:
                raise
            sleep(wait)
