"""The plan that has nothing to do, answered from the receipt."""

from __future__ import annotations


def try_fast(argv: list[str]) -> int | None:
    """Answer a plain ``plan`` when every input equals what the receipt of the last apply holds.

    It will find the manifest, read the receipt inside the environment, digest each input that the
    receipt names (files, interpreter, settings, the tree on disk), and when all are equal print "No
    changes." and return 0. Whatever else it meets (another command, an option it does not know, no
    receipt, one digest that differs) it returns None, having printed nothing: the whole command runs then.
    Nothing but ``os``, ``sys``, ``hashlib`` and `envctl.receipt` may be loaded for it.
    """
    del argv
    return None
