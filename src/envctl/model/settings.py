"""Machine matters: where the cache is, how to reach the network. Never what is installed."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.frozen import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """From the command line, ``ENVCTL_*`` variables and the user's ``config.toml``, in that order.

    ``environ`` is a copy of the process environment: rooms read it from here, never from ``os``.
    ``mirrors`` maps an index name to the URL to fetch it from. ``link`` is ``auto``, ``reflink``,
    ``hardlink`` or ``copy``; ``compile`` ``auto``, ``true`` or ``false``; None leaves it to the manifest.
    ``python_mirror`` is a URL below which builds of Python lie under their own names.
    ``fallback_link`` and ``fallback_compile`` are the user's own, for a manifest that says ``auto``. With
    ``no_cache`` the ``cache_dir`` is this run's alone, and ``lock_dir`` the folder where runs keep each other
    from writing one file; None for the cache. ``client_key`` is None where the key stands in the file of the
    ``client_certificate``. ``keyring`` is ``auto`` (asked when an index refuses), ``always`` (before it
    does) or ``never``. ``color`` is what the user's file says. ``timeout`` is seconds for one page or file
    in all; None leaves it to whoever fetches. ``file`` is where the user's settings lie, also when nothing
    lies there.
    """

    cache_dir: str
    offline: bool = False
    no_cache: bool = False
    lock_dir: str | None = None
    link: str | None = None
    compile: str | None = None
    fallback_link: str | None = None
    fallback_compile: str | None = None
    mirrors: Mapping[str, str] = field(default_factory=dict)
    ca_bundle: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    proxy: str | None = None
    insecure_hosts: tuple[str, ...] = ()
    keyring: str = "auto"
    timeout: float | None = None
    color: str | None = None
    python_mirror: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    file: str = ""
