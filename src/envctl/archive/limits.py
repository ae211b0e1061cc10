"""What an archive may hold before it is taken for a bomb."""

from __future__ import annotations

from envctl.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an archive may hold. Sizes are bytes; ``ratio`` counts once it unpacks to more than ``free``."""

    unpacked: int = 2 << 30
    ratio: int = 200
    free: int = 64 << 20
    members: int = 200_000
    directory: int = 64 << 20

    def find_excess(self, total: int, packed: int) -> str | None:
        """Say why ``total`` bytes are too many for an archive of ``packed``; None when they are not."""
        if total > self.unpacked:
            return f"it unpacks to {total} bytes, more than {self.unpacked}"
        if total > self.free and total > self.ratio * packed:
            return f"it unpacks to {total} bytes, more than {self.ratio} times its size"
        return None
