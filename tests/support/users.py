"""Commands run as a user who is not root, whoever runs the tests."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

# In a user namespace root is nobody special: it still owns its files, and has to obey their modes.
_UNSHARE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


def as_plain_user() -> list[str]:
    """Give what to put before a command; skips the test where there is no way.

    The user it runs as owns what the tests' user owns.
    """
    if os.geteuid() != 0:
        return []
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare, to be somebody else than root")
    if subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespaces here, to be somebody else than root")
    return list(_UNSHARE)
