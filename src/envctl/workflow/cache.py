"""``envctl cache``: what the cache holds, and emptying it."""

from __future__ import annotations

from envctl.store.store import Store
from envctl.workflow.context import Context
from envctl.workflow.results import CacheInfo


def cache_info(context: Context) -> CacheInfo:
    """Count what the cache holds: bytes and entries by bucket."""
    store = Store(context.settings.cache_dir)
    return CacheInfo(path=store.folder, buckets=store.info())


def purge(context: Context) -> int:
    """Empty the cache and return the bytes that were freed; no environment needs it to run."""
    return Store(context.settings.cache_dir).purge()
