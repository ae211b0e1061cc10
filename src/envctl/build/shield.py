"""Keep what envctl logs in with from programs of others that run as the same user, as far as that goes.

The variables that a process was started with can be read by every other of its user, whatever it hands on to
those that it starts: in ``/proc/PID/environ``, or from its memory. They are wiped there; envctl has its copy.
Who started envctl may show them all the same.
"""

from __future__ import annotations

import os
import sys

from envctl.children import hide_passwords

#: Nobody of the same user may look into its memory (prctl(2)); a program that it starts is as any other.
_PR_SET_DUMPABLE = 4


def shield() -> None:
    """Wipe, and close; may be called again. Does nothing where the system has no such thing."""
    if os.name != "posix":
        return
    names = os.environ.keys() - hide_passwords(os.environ).keys()
    if not names:
        return
    try:
        import ctypes  # noqa: PLC0415 - few runs build, and fewer of them know passwords
    except ImportError:
        return
    library = ctypes.CDLL(None)
    library.getenv.restype = ctypes.c_void_p
    for name in names:
        place = library.getenv(os.fsencode(name))
        if place:
            ctypes.memset(place, ord("*"), len(ctypes.string_at(place)))
    if sys.platform == "linux":
        library.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
