"""What the status of an answer means, and how long its server wants to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from envctl.errors import UpstreamError
from envctl.index.location import format_url
from envctl.index.transport import Response, TransientError

#: Statuses that may pass: time-outs, too many requests, and (with 501 left out) trouble of the server.
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524})


def raise_for_status(response: Response, *, index: str = "") -> None:
    """Raise for a status that is not a success; ``index`` is the name of the index, where one is known.

    Raises:
        UpstreamError: `index-error`; as a TransientError where asking again may help.
    """
    if 200 <= response.status < 300:
        return
    shown = format_url(response.url)
    of = f"index `{index}`" if index else "the server"
    message = f"{of} answers {response.status} for `{shown}`"
    if response.status in _TRANSIENT:
        wait = read_retry_after(response.headers.get("retry-after"))
        raise TransientError("index-error", message, where=shown, retry_after=wait)
    hints: tuple[str, ...] = ()
    if response.status in {401, 403}:
        variable = "".join(c if c.isascii() and c.isalnum() else "_" for c in (index or "NAME").upper())
        names = f"ENVCTL_INDEX_{variable}_USERNAME and ENVCTL_INDEX_{variable}_PASSWORD"
        hints = (f"set {names}, or use netrc or the keyring",)
    elif response.status == 400 and shown.startswith("https:"):
        hints = ("a server that wants a client certificate may say so: `client-certificate` in config.toml",)
    elif response.status in {404, 410}:
        hints = (_missing(index),)
    raise UpstreamError("index-error", message, where=shown, hints=hints)


def _missing(index: str) -> str:
    if index:
        return f"look at the `url` of the index `{index}`: it leads to no page of an index"
    return "the server no longer has it; `envctl lock --upgrade-package NAME` locks another release"


def read_retry_after(text: str | None) -> float | None:
    """Return the seconds a Retry-After header asks for, None where it says nothing usable.

    Source: RFC 9110, 10.2.3.
    """
    if not text:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text.strip()[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
