"""What an installer writes itself for a distribution: its scripts, and a RECORD that lists all.

Source: PyPA, "Recording installed projects"; "Entry points specification", "Use for scripts"; "Binary
distribution format", "Recommended installer features".
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Sequence

from envctl.frozen import dataclass
from envctl.transaction.arrange import Laid
from envctl.wheel.record import Row, installed_record, installed_row
from envctl.wheel.scripts import console_script, rewrite_shebang


@dataclass(frozen=True, slots=True)
class Made:
    """A file that does not come from the store as it is; ``path`` is relative to the environment, POSIX."""

    path: str
    content: bytes
    executable: bool = False


def make_scripts(laid: Laid, *, python: str) -> Iterator[Made]:
    """Make the scripts of a distribution, which name the interpreter ``python`` (absolute). Reads the store.

    Raises `OSError`.
    """
    for path, reference in laid.entry_points.items():
        yield Made(path, console_script(reference, python=python), executable=True)
    wheel = laid.placed.wheel
    for path, file in laid.scripts.items():
        with open(f"{wheel.tree}/{file.path}", "rb") as stored:
            content = stored.read()
        yield Made(path, rewrite_shebang(content, python=python), executable=True)


def make_record(laid: Laid, made: Sequence[Made], *, site_packages: str) -> Made:
    """Make the RECORD of a distribution: that of its unpacked wheel, and a row for all else it has.

    Raises `OSError`.
    """
    inside = f"{site_packages}/"
    rows = [
        installed_row(_relative(each.path, site_packages), _digest(each.content), len(each.content))
        for each in made
    ]
    start = "" if laid.lost else _read_ready(laid)
    for path, file in laid.linked.items():
        if (not start or not path.startswith(inside)) and path != laid.record:
            rows.append(installed_row(_relative(path, site_packages), file.sha256, file.size))
    if not start:
        rows.append(Row(_relative(laid.record, site_packages)))
    return Made(laid.record, start.encode() + installed_record(rows))


def _read_ready(laid: Laid) -> str:
    stored = laid.linked[laid.record]
    with open(f"{laid.placed.wheel.tree}/{stored.path}", encoding="utf-8", newline="") as file:
        return file.read()


def _relative(path: str, site_packages: str) -> str:
    inside = f"{site_packages}/"
    return path[len(inside) :] if path.startswith(inside) else posixpath.relpath(path, site_packages)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
