"""Trials spread over forked processes, each with benches of its own."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

_Trial = TypeVar("_Trial")
_Bench = TypeVar("_Bench")

_work: tuple[Any, Callable[[Any, Any], str]] | None = None


def spread(
    trials: Sequence[_Trial],
    begin: Callable[[], _Bench],
    attempt: Callable[[_Bench, _Trial], str],
    *,
    jobs: int,
) -> Iterator[tuple[_Trial, str, str]]:
    """Do every trial in one of ``jobs`` processes; gives each with its outcome, or its failure.

    ``begin`` makes what a process works with, once. The caller has no threads, for the processes are forks.
    """
    with multiprocessing.get_context("fork").Pool(jobs, _begin, (begin, attempt)) as pool:
        yield from pool.imap_unordered(_attempt, trials)


def _begin(begin: Callable[[], Any], attempt: Callable[[Any, Any], str]) -> None:
    global _work  # noqa: PLW0603 - what a process of the pool works with
    try:
        _work = begin(), attempt
    except Exception:  # noqa: BLE001 - else the pool would start another process, again and again
        traceback.print_exc()


def _attempt(trial: Any) -> tuple[Any, str, str]:
    if _work is None:
        return trial, "", "nothing could be prepared"
    bench, attempt = _work
    try:
        return trial, attempt(bench, trial), ""
    except Exception as error:  # noqa: BLE001 - a trial that cannot be judged is a failure as well
        return trial, "", f"{type(error).__name__}: {error}"
