"""What programs that envctl starts get to see of its variables."""

from __future__ import annotations

from collections.abc import Mapping

#: How the variables begin that hold what envctl logs in with.
_SECRET = ("ENVCTL_INDEX_", "ENVCTL_CLIENT_KEY_PASSWORD")


def hide_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out what envctl logs in with."""
    return {name: value for name, value in environ.items() if not name.upper().startswith(_SECRET)}


def hide_passwords(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out the passwords of proxies as well: for programs that have nothing to ask of a network."""
    return {
        name: value
        for name, value in hide_secrets(environ).items()
        if not (name.upper().endswith("_PROXY") and "@" in value)
    }
