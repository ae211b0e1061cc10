"""How much lies in the cache, counted while others add to it and delete from it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from envctl.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Extent:
    """Bytes in all; those of them that are in no environment too, and so are free when deleted; things.

    ``count`` is of entries where there are any, else of kept answers.
    """

    size: int = 0
    own: int = 0
    count: int = 0


def walk(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Give the path and status of everything below a folder that is no folder; nothing for what is gone.

    Links are not followed. A file in place of the folder is given itself.
    """
    pending = [folder]
    while pending:
        place = pending.pop()
        try:
            with os.scandir(place) as children:
                for child in children:
                    if child.is_dir(follow_symlinks=False):
                        pending.append(child.path)
                    else:
                        yield child.path, os.lstat(child.path)
        except NotADirectoryError:
            yield place, os.lstat(place)
        except FileNotFoundError:
            pass


def measure(folder: str) -> Extent:
    """Measure what lies below a folder."""
    size = own = entries = answers = 0
    for path, seen in walk(folder):
        size += seen.st_size
        own += seen.st_size if is_own(seen) else 0
        name = path.rpartition("/")[2]
        entries += name == "manifest"
        answers += not name.endswith((".tmp", ".lock"))
    return Extent(size, own, entries or answers)


def is_own(seen: os.stat_result) -> bool:
    """Whether deleting the file frees its bytes: no environment has a link to it."""
    return seen.st_nlink == 1 or not stat.S_ISREG(seen.st_mode)
