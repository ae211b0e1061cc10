"""Whether environment and lock are what the manifest wants, told by receipts alone, parsing nothing.

Planning is pure: equal inputs give an equal plan. The receipt of the last apply holds a digest of each of
them, so where none differs a plan has nothing to do and nothing to say. Whether a lock is up to date is
told in the same way, from a receipt in the cache.

Imports nothing but ``hashlib``, ``os``, ``stat``, ``time``, `envctl.receipt` and `envctl.trust`: every run
pays for start-up.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time

from envctl.receipt import FILE, RECEIPT, find_changed_file, find_difference, parse_receipt, read_receipt
from envctl.trust import read_kept
from envctl.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a manifest is called.
MANIFEST = "env.toml"

#: The folder of the cache with a receipt for each manifest whose lock was found up to date.
LOCK_RECEIPTS = "locks-v1"


def find_manifest(directory: str, file: str | None) -> str | None:
    """Find the manifest: ``file`` as ``-f`` gives it, else the first one from ``directory`` upwards."""
    folder = os.path.abspath(directory)
    if file is not None:
        return os.path.abspath(os.path.join(folder, file))
    while not os.path.isfile(os.path.join(folder, MANIFEST)):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return os.path.join(folder, MANIFEST)


def find_unchanged(manifest: str, name: str) -> str | None:
    """Find the environment ``name`` where it lies unless a manifest says otherwise, if nothing differs.

    None says only that the manifest has to be read to know.
    """
    suffix = "" if name == "default" else f"-{name}"
    environment = os.path.join(os.path.dirname(manifest), f".venv{suffix}")
    return environment if is_unchanged(environment, manifest, name) else None


def is_unchanged(environment: str, manifest: str, name: str) -> bool:
    """Whether a plan for the environment ``name`` of a manifest would say "No changes" and nothing more.

    False says only that nobody knows: there is no receipt, it is of something else, or an input differs.
    """
    receipt = read_receipt(os.path.join(environment, RECEIPT))
    return (
        receipt is not None
        and _speaks_of(receipt, manifest, name)
        and _is_settled(environment)
        and find_difference(receipt, environment) is None
    )


def _speaks_of(receipt: Mapping[str, str], manifest: str, name: str) -> bool:
    """Whether the receipt is of this manifest and environment, and its plan had nothing more to say."""
    until = receipt.get("until", "")
    return (
        receipt.get("version") == VERSION
        and receipt.get("environment") == name
        and receipt.get("options") == "-"
        and receipt.get("remarks") == "-"
        and f"{FILE}{manifest}" in receipt
        and (until == "-" or time.strftime("%Y-%m-%d", time.gmtime()) < until)
    )


def _is_settled(environment: str) -> bool:
    """Whether it is a real folder and no killed run left anything beside it, or in it (a mount point)."""
    try:
        if not stat.S_ISDIR(os.lstat(environment).st_mode):
            return False
        return all(_is_at_rest(state) for state in (f"{environment}.envctl", f"{environment}/.envctl"))
    except OSError:
        return False


def _is_at_rest(state: str) -> bool:
    if os.path.lexists(f"{state}/journal"):
        return False
    try:
        return not os.listdir(f"{state}/staging")
    except FileNotFoundError:
        return True


def lock_receipt_path(cache_dir: str, manifest: str) -> str:
    """Say where the receipt lies that vouches for the lock of ``manifest`` (absolute)."""
    key = hashlib.sha256(os.fsencode(manifest)).hexdigest()[:32]
    return os.path.join(cache_dir, LOCK_RECEIPTS, key)


def find_fresh_lock(manifest: str, cache_dir: str, config: str) -> tuple[str, int] | None:
    """Find the lock of a manifest, with its number of packages, if it still is what was up to date.

    ``config`` is where the user's settings lie. None says only that nobody knows: all has to be read.
    """
    data = read_kept(cache_dir, lock_receipt_path(cache_dir, manifest))
    receipt = None if data is None else parse_receipt(data)
    if receipt is None or receipt.get("version") != VERSION:
        return None
    lock, packages = receipt.get("lock", ""), receipt.get("packages", "")
    if not packages.isdecimal() or any(f"{FILE}{path}" not in receipt for path in (manifest, config, lock)):
        return None
    return (lock, int(packages)) if find_changed_file(receipt) is None else None


def describe_active(environ: Mapping[str, str], environment: str) -> str | None:
    """Say in one line that another environment is active than ``environment``; None when none is.

    Conda's base environment is active in every terminal of who uses it, and means nothing.
    """
    active = environ.get("VIRTUAL_ENV")
    if not active and environ.get("CONDA_DEFAULT_ENV") != "base":
        active = environ.get("CONDA_PREFIX")
    if not active or os.path.realpath(active) == os.path.realpath(environment):
        return None
    return f"`{active}` is active; the environment meant is `{environment}`"
