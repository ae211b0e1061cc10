"""Who may sign the certificates of servers, where somebody says so: for envctl's connections and git's."""

from __future__ import annotations

import os

from envctl.model.settings import Settings

_BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def choose_authorities(settings: Settings) -> tuple[str | None, str | None]:
    """Return the file, and the folders (as in PATH), of certificates to trust; neither for the system's.

    A bundle of the settings goes before ``SSL_CERT_FILE``, ``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE``,
    each a file or a folder; ``SSL_CERT_DIR`` is a folder beside them.
    """
    bundle, folder = settings.ca_bundle, None
    if bundle is None:
        environ = settings.environ
        bundle = next((environ[key] for key in _BUNDLE_VARIABLES if environ.get(key)), None)
        folder = environ.get("SSL_CERT_DIR") or None
    if bundle is not None and os.path.isdir(bundle):
        return None, bundle
    return bundle, folder
