"""Which proxy a URL is fetched through, by the settings and the usual variables."""

from __future__ import annotations

import ipaddress

from envctl.index.location import find_origin
from envctl.model.settings import Settings


def choose_proxy(url: str, settings: Settings) -> str | None:
    """Return the URL of the proxy for ``url``, None for a direct connection.

    The settings' own proxy goes before ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``ALL_PROXY`` (lower case first);
    ``NO_PROXY`` exempts hosts from either. ``HTTP_PROXY`` in upper case is left out where ``REQUEST_METHOD``
    is set: there a client of a CGI program chooses it.
    """
    scheme, host, port = find_origin(url)
    environ = settings.environ
    exempt = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if _is_exempt(host, port, exempt):
        return None
    if settings.proxy:
        return _complete(settings.proxy)
    for name in (f"{scheme}_proxy", "all_proxy"):
        upper = "" if name == "http_proxy" and "REQUEST_METHOD" in environ else name.upper()
        value = environ.get(name) or environ.get(upper)
        if value:
            return _complete(value)
    return None


def _complete(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_exempt(host: str, port: int, exempt: str) -> bool:
    """Whether a ``NO_PROXY`` list names the host: ``*``, it or a domain above, an address, a network."""
    for entry in exempt.lower().replace(",", " ").split():
        name, _, wanted = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
        if wanted and wanted != str(port):
            continue
        name = name.removeprefix("*").lstrip(".").strip("[]")
        if entry == "*" or host == name or (name and host.endswith("." + name)):
            return True
        if "/" in name and _is_within(host, name):
            return True
    return False


def _is_within(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
