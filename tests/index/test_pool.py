"""Work ahead of time: done once, by whoever comes first, and its failure kept."""

from __future__ import annotations

import threading

import pytest

from envctl.index.pool import Pool


def test_work_that_no_worker_has_begun_is_done_by_who_waits() -> None:
    pool = Pool(1)
    blocked = threading.Event()
    first = pool.submit(blocked.wait)
    second = pool.submit(threading.get_ident)

    assert second.wait() == threading.get_ident()

    blocked.set()
    assert first.wait() is True
    pool.close()


def test_work_is_done_once_however_many_wait() -> None:
    pool = Pool(4)
    calls: list[int] = []
    pending = pool.submit(lambda: calls.append(1))

    threads = [threading.Thread(target=pending.wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert calls == [1]
    pool.close()


def test_a_failure_is_raised_where_the_result_is_asked_for_each_time() -> None:
    pool = Pool(1)
    pending = pool.submit(lambda: 1 // 0)

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            pending.wait()
    pool.close()


def test_after_closing_nothing_is_begun_unless_it_is_waited_for() -> None:
    pool = Pool(2)
    pool.submit(lambda: None).wait()
    pool.close()
    calls: list[int] = []

    pending = pool.submit(lambda: calls.append(1))

    assert calls == []
    pending.wait()
    assert calls == [1]


def test_work_that_is_called_for_is_done_by_the_pool_and_by_the_caller_once_it_is_closed() -> None:
    pool = Pool(1)

    assert pool.call(threading.get_ident) != threading.get_ident()

    pool.close()
    assert pool.call(threading.get_ident) == threading.get_ident()


def test_closing_does_not_strand_who_waits_for_work_that_was_not_begun() -> None:
    pool = Pool(1)
    blocked = threading.Event()
    pool.submit(blocked.wait)
    answers: list[int] = []
    waiting = threading.Thread(target=lambda: answers.append(pool.call(lambda: 7)))
    waiting.start()

    pool.close()
    waiting.join(timeout=5)
    blocked.set()

    assert answers == [7]
