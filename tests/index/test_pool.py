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
