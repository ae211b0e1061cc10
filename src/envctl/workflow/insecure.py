"""Hosts that need not prove who they are: recorded in every plan that takes something from the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from envctl.model.change import Diagnostic
from envctl.model.settings import Settings

CODE = "insecure-host"


def find_insecure(settings: Settings, *, asks: bool) -> tuple[Diagnostic, ...]:
    """Say which certificates go unchecked on this machine; nothing where a plan ``asks`` nobody."""
    if not asks or settings.offline:
        return ()
    return tuple(
        Diagnostic(
            level="warning",
            code=CODE,
            message=f"the certificate of `{host}` is not checked, as the settings of this machine say",
        )
        for host in settings.insecure_hosts
    )


def keep_insecure(before: Iterable[Diagnostic], now: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Take over what a plan recorded of such hosts into what is known of it now."""
    return (*(each for each in before if each.code == CODE), *now)
