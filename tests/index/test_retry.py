"""How often something is tried again, and how long that takes at most."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from envctl.index.retry import RetryPolicy, retry
from envctl.index.status import read_retry_after
from envctl.index.transport import TransientError


class Flaky:
    """Fails for ever, on a clock of its own."""

    def __init__(self, *, retry_after: float | None = None, takes: float = 0.0) -> None:
        self.now = 0.0
        self.tries = 0
        self.retry_after = retry_after
        self.takes = takes

    def __call__(self) -> None:
        self.tries += 1
        self.now += self.takes
        raise TransientError("timeout", "too late", retry_after=self.retry_after)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock(self) -> float:
        return self.now

    def run(self) -> None:
        with pytest.raises(TransientError):
            retry(self, RetryPolicy(), sleep=self.sleep, clock=self.clock)


def test_four_tries_with_growing_pauses() -> None:
    flaky = Flaky()

    flaky.run()

    assert (flaky.tries, flaky.now) == (4, 0.25 + 0.5 + 1.0)


def test_the_server_may_ask_for_more_time() -> None:
    flaky = Flaky(retry_after=10)

    flaky.run()

    assert (flaky.tries, flaky.now) == (4, 30)


@pytest.mark.parametrize(
    ("retry_after", "takes", "tries"), [(30, 0, 3), (61, 0, 1), (None, 25, 3), (None, 61, 1)]
)
def test_no_try_begins_later_than_a_minute_after_the_first(
    retry_after: float | None, takes: float, tries: int
) -> None:
    flaky = Flaky(retry_after=retry_after, takes=takes)

    flaky.run()

    assert flaky.tries == tries


@pytest.mark.parametrize("takes", [0.0, 600.0])
def test_tries_that_bring_something_on_do_not_count(takes: float) -> None:
    """A large file that breaks off every ten minutes is worth to be resumed, however often it does."""
    flaky = Flaky(takes=takes)
    ten_parts = 2**30

    with pytest.raises(TransientError):
        retry(
            flaky,
            RetryPolicy(),
            progress=lambda: min(flaky.tries, 10) * ten_parts,
            sleep=flaky.sleep,
            clock=flaky.clock,
        )

    assert flaky.tries == 10 + (4 if takes == 0 else 1)


def test_tries_that_count_are_forgotten_when_one_brings_something_on() -> None:
    flaky = Flaky()
    arrived = [0, 0, 0, 0, 10**6, 10**6, 10**6, 10**6, 10**6]

    with pytest.raises(TransientError):
        retry(
            flaky, RetryPolicy(), progress=lambda: arrived[flaky.tries], sleep=flaky.sleep, clock=flaky.clock
        )

    assert flaky.tries == 8


@pytest.mark.parametrize(("size", "tries"), [(1, 4), (250, 5), (600, 20)])
def test_a_server_that_sends_a_little_and_hangs_up_is_given_up(size: int, tries: int) -> None:
    """Less than a kilobyte a second, the waits between the tries included."""
    flaky = Flaky(takes=0.1)

    with pytest.raises(TransientError):
        retry(
            flaky,
            RetryPolicy(),
            progress=lambda: min(flaky.tries, 16) * size,
            sleep=flaky.sleep,
            clock=flaky.clock,
        )

    assert flaky.tries == tries


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7),
        (" 7 ", 7),
        ("-7", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
    ],
)
def test_retry_after_is_read(text: str | None, seconds: float | None) -> None:
    assert read_retry_after(text) == seconds


def test_retry_after_may_be_a_date() -> None:
    seconds = read_retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True))

    assert seconds is not None
    assert 90 < seconds <= 100


@pytest.mark.parametrize(
    "text", ["9" * 400, "²", "Wed, 99 Oct 2015 07:28:00 GMT", "Mon, 1 Jan 99999 00:00:00 GMT"]
)
def test_a_hostile_retry_after_is_harmless(text: str) -> None:
    assert read_retry_after(text) is None or isinstance(read_retry_after(text), float)
