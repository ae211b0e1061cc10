"""Whom a connection trusts, and with which certificate it says who it is.

The system decides whom to trust, unless a bundle is named. Where the system keeps its certificates in files
OpenSSL reads them, once for a run; on macOS and Windows, where it does not, truststore asks the system about
each server. (It would do for all platforms, but reads the files again for every connection: 18 ms each.)
"""

from __future__ import annotations

import os
import ssl
import sys

from envctl.errors import MachineError
from envctl.index.authorities import choose_authorities
from envctl.model.settings import Identity, Settings

#: Where distributions keep all certificates in one file. Interpreters that were built elsewhere may look in
#: other places than the system they run on has.
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def make_context(
    settings: Settings, identity: Identity | None = None, *, platform: str = sys.platform
) -> ssl.SSLContext:
    """Make the context of connections whose server has to prove who it is, and may ask for ``identity``.

    With authorities that somebody names the system is not asked.

    Raises:
        MachineError: `bad-ca-bundle`, `bad-client-certificate`.
    """
    context = _trust_named(settings) or _trust_system(platform)
    _identify(context, identity, settings)
    return context


def make_insecure_context(settings: Settings, identity: Identity | None) -> ssl.SSLContext:
    """Make the context of connections to hosts that need not prove who they are.

    Raises:
        MachineError: `bad-client-certificate`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _identify(context, identity, settings)
    return context


def choose_identity(settings: Settings, host: str, port: int) -> Identity | None:
    """Return who to be for a server that asks, None for nobody."""
    known = settings.client_certificates
    return known.get(f"{host}:{port}") or known.get(host) or known.get("*")


def _trust_named(settings: Settings) -> ssl.SSLContext | None:
    bundle, folder = choose_authorities(settings)
    if bundle is None and folder is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        for path in (folder or "").split(os.pathsep):
            if path:
                context.load_verify_locations(capath=path)
        if bundle is not None:
            context.load_verify_locations(cafile=bundle)
    except (OSError, ssl.SSLError) as error:
        shown = bundle or folder
        message = f"the certificates in `{shown}` cannot be read: {_reason(error)}"
        hints = ("`ca-bundle` in config.toml, or SSL_CERT_FILE, is a file of PEM certificates",)
        raise MachineError("bad-ca-bundle", message, where=shown, hints=hints) from error
    return context


def _trust_system(platform: str) -> ssl.SSLContext:
    if platform in {"darwin", "win32"}:
        import truststore  # noqa: PLC0415 - what it needs of the system, other platforms do not have

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    if not context.cert_store_stats()["x509_ca"] and not _holds_certificates():
        import certifi  # noqa: PLC0415 - only where the system has no certificates at all

        known = (path for path in _SYSTEM_BUNDLES if os.path.isfile(path))
        context.load_verify_locations(cafile=next(known, certifi.where()))
    return context


def _holds_certificates() -> bool:
    """Whether OpenSSL's own folder of certificates has any; they are read when they are needed."""
    paths = ssl.get_default_verify_paths()  # None, whatever typeshed says, for a folder that is not there
    try:
        return bool(os.listdir(paths.capath or paths.openssl_capath))
    except OSError:
        return False


def _identify(context: ssl.SSLContext, identity: Identity | None, settings: Settings) -> None:
    """Load the client's certificate and its key, which may stand in one file."""
    if identity is None:
        return
    path, key = identity

    def password() -> str:
        # Without it OpenSSL would ask on the terminal, in the middle of a progress bar.
        return settings.environ.get("ENVCTL_CLIENT_KEY_PASSWORD", "")

    try:
        context.load_cert_chain(path, key, password)
    except (OSError, ssl.SSLError, ValueError) as error:
        message = f"the client certificate `{path}` cannot be used: {_reason(error)}"
        hints = (
            "it is a PEM file with the certificate and its key; `client-key` names the key where it is apart",
            "ENVCTL_CLIENT_KEY_PASSWORD is the password of an encrypted key",
        )
        raise MachineError("bad-client-certificate", message, where=path, hints=hints) from error


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        known = {"NO_START_LINE": "it holds none", "KEY_VALUES_MISMATCH": "the key is of another one"}
        return known.get(error.reason or "", "it cannot be parsed or decrypted")
    return error.strerror or str(error) if isinstance(error, OSError) else "its password is too long"
