"""The lock, ``pylock.toml`` (PEP 751): text to value and back, choosing from it, freshness, differences."""
