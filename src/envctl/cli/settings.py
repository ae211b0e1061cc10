"""Machine matters: from the command line, ``ENVCTL_*`` variables and the user's ``config.toml``.

The file is read only when it is there, and what reads it is loaded only then. It lies in the
platform's folder for settings, or where ``ENVCTL_CONFIG`` says::

    cache-dir = "~/big-disk/envctl"
    link = "hardlink"                  # auto, reflink, hardlink, copy
    compile = "auto"                   # auto, true, false
    color = "auto"                     # auto, always, never
    proxy = "http://proxy.example:3128"
    ca-bundle = "company.pem"          # paths are relative to this file
    client-certificate = "me.pem"
    client-key = "me.key"              # where it is not in the same file
    insecure-hosts = ["old.example"]
    keyring = "auto"                   # auto, always, never
    timeout = 600                      # seconds for one page or file in all
    python-mirror = "https://mirror.example/pythons"   # where `envctl python install` gets its files

    [mirrors]                          # names of indexes: where their bytes are fetched instead
    pypi = "https://mirror.example/simple/"

    [client-certificates]              # for one host each, or HOST:PORT
    "pkgs.example" = { certificate = "robot.pem", key = "robot.key" }

It never decides what is installed: that stands in the manifest alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from envctl.cli.folders import config_path, default_cache_dir
from envctl.errors import EnvctlError, InputError, MachineError, UsageError, raise_together
from envctl.model.settings import Identity, Settings

_CHOICES = {
    "link": ("auto", "reflink", "hardlink", "copy"),
    "compile": ("auto", "true", "false"),
    "color": ("auto", "always", "never"),
    "keyring": ("auto", "always", "never"),
}
_TEXTS = ("cache-dir", "proxy", "ca-bundle", "client-certificate", "client-key", "python-mirror")
#: Every key of the file.
KEYS = (*_CHOICES, *_TEXTS, "mirrors", "client-certificates", "insecure-hosts", "timeout")
_PATHS = {"cache-dir", "ca-bundle", "client-certificate", "client-key"}


def make_settings(
    *,
    directory: str,
    environ: Mapping[str, str],
    cache_dir: str | None = None,
    offline: bool = False,
    no_cache: bool = False,
) -> Settings:
    """Join the three places into one value. ``directory`` is what a relative ``cache_dir`` is relative to.

    Raises:
        UsageError: `bad-variable`.
        InputError: `no-file`, `bad-settings`, `unknown-key`, `bad-value`, about ``config.toml``.
    """
    config = read_config(environ)
    folder = cache_dir or config.get("cache-dir") or default_cache_dir(environ)
    return Settings(
        cache_dir=os.path.normpath(os.path.join(directory, os.path.expanduser(folder))),
        offline=offline,
        no_cache=no_cache,
        link=_choose_variable(environ, "link"),
        compile=_choose_variable(environ, "compile"),
        fallback_link=config.get("link"),
        fallback_compile=config.get("compile"),
        mirrors=config.get("mirrors", {}),
        ca_bundle=_variable_path(environ, "ENVCTL_CA_BUNDLE", directory) or config.get("ca-bundle"),
        client_certificates=_client_certificates(environ, config, directory),
        proxy=environ.get("ENVCTL_PROXY") or config.get("proxy"),
        insecure_hosts=_insecure_hosts(environ, config),
        keyring=_choose_variable(environ, "keyring") or config.get("keyring", "auto"),
        timeout=_timeout(environ, config),
        color=config.get("color"),
        python_mirror=environ.get("ENVCTL_PYTHON_MIRROR") or config.get("python-mirror"),
        environ=dict(environ),
        file=config_path(environ),
    )


def read_config(environ: Mapping[str, str]) -> dict[str, Any]:
    """Read the user's settings; nothing where there is no file and none was named.

    Raises:
        InputError: `no-file` when ``ENVCTL_CONFIG`` names none; `bad-settings`, `unknown-key`, `bad-value`.
        MachineError: `not-readable`.
    """
    path = config_path(environ)
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        if environ.get("ENVCTL_CONFIG"):
            raise InputError("no-file", "there is no file where `ENVCTL_CONFIG` points", where=path) from None
        return {}
    except OSError as error:
        raise MachineError(
            "not-readable", f"the settings cannot be read: {error.strerror}", where=path
        ) from error
    return parse_config(data, path=path)


def parse_config(data: bytes, *, path: str) -> dict[str, Any]:
    """Parse ``config.toml``; all that is wrong with it is raised together. Paths become absolute.

    Raises:
        InputError: `bad-settings`, `unknown-key`, `bad-value`.
    """
    import tomllib

    try:
        text = data.decode("utf-8")
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("bad-settings", f"the settings are not TOML: {error}", where=path) from error
    problems: list[EnvctlError] = []
    config = {}
    for key, value in table.items():
        problem = _find_problem(key, value)
        if problem is None:
            config[key] = _resolve(key, value, os.path.dirname(path))
        else:
            code, message, hint = problem
            where = f"{path}:{_find_line(text, key)}"
            problems.append(InputError(code, message, where=where, hints=[hint] if hint else []))
    raise_together(problems)
    return config


def _find_problem(key: str, value: object) -> tuple[str, str, str] | None:
    """Find what is wrong with one key: code, sentence, hint."""
    if key not in KEYS:
        return "unknown-key", f"`{key}` is no key of the settings", _suggest(key)
    if key in _CHOICES and str(value).lower() not in _CHOICES[key]:
        return "bad-value", f"`{key}` cannot be `{value}`", f"it is one of {', '.join(_CHOICES[key])}"
    if key in _TEXTS and not (isinstance(value, str) and value):
        return "bad-value", f"`{key}` is a text", ""
    if key == "mirrors" and not (
        isinstance(value, dict) and all(isinstance(url, str) for url in value.values())
    ):
        return "bad-value", "`mirrors` is a table of index names and URLs", ""
    if key == "client-certificates" and not (
        isinstance(value, dict) and all(map(_is_identity, value.values()))
    ):
        hint = '"HOST" = "FILE", or "HOST" = { certificate = "FILE", key = "FILE" }'
        return "bad-value", "`client-certificates` is a table of host names and files", hint
    if key == "insecure-hosts" and not (
        isinstance(value, list) and all(isinstance(each, str) for each in value)
    ):
        return "bad-value", "`insecure-hosts` is a list of host names", ""
    if key == "timeout" and not (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")
    ):
        return "bad-value", "`timeout` is a number of seconds", ""
    return None


def _is_identity(value: object) -> bool:
    if isinstance(value, dict):
        files = value.values()
        return "certificate" in value and value.keys() <= {"certificate", "key"} and all(map(_is_text, files))
    return _is_text(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _suggest(key: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, KEYS, n=1)
    return f"did you mean `{near[0]}`?" if near else f"there are {', '.join(KEYS)}"


def _resolve(key: str, value: Any, folder: str) -> Any:
    if key in _PATHS:
        return os.path.normpath(os.path.join(folder, os.path.expanduser(value)))
    if key == "client-certificates":
        named = {
            host: each if isinstance(each, dict) else {"certificate": each} for host, each in value.items()
        }
        return {
            host.lower(): tuple(
                _resolve("client-key", each[part], folder) if part in each else None
                for part in ("certificate", "key")
            )
            for host, each in named.items()
        }
    if key in _CHOICES:
        return str(value).lower()
    return tuple(each.lower() for each in value) if key == "insecure-hosts" else value


def _find_line(text: str, key: str) -> int:
    """Find the line of a top-level key, for people: the first that begins with it or opens its table."""
    for number, line in enumerate(text.splitlines(), 1):
        word = line.strip().lstrip("[").lstrip().lstrip("\"'")
        if word.startswith(key) and not word[len(key) : len(key) + 1].isalnum():
            return number
    return 1


def _choose_variable(environ: Mapping[str, str], key: str) -> str | None:
    name = f"ENVCTL_{key.upper()}"
    value = environ.get(name, "").lower()
    if not value:
        return None
    if value not in _CHOICES[key]:
        raise UsageError(
            "bad-variable",
            f"the variable `{name}` cannot be `{environ[name]}`",
            hints=[f"it is one of {', '.join(_CHOICES[key])}"],
        )
    return value


def _variable_path(environ: Mapping[str, str], name: str, directory: str) -> str | None:
    value = environ.get(name)
    return os.path.normpath(os.path.join(directory, os.path.expanduser(value))) if value else None


def _client_certificates(
    environ: Mapping[str, str], config: Mapping[str, Any], directory: str
) -> dict[str, Identity]:
    """Join the certificates for single hosts and the one for all others."""
    found: dict[str, Identity] = dict(config.get("client-certificates", {}))
    certificate = _variable_path(environ, "ENVCTL_CLIENT_CERTIFICATE", directory)
    key = _variable_path(environ, "ENVCTL_CLIENT_KEY", directory)
    if certificate is None:
        certificate, key = config.get("client-certificate"), key or config.get("client-key")
    return found if certificate is None else {**found, "*": (certificate, key)}


def _insecure_hosts(environ: Mapping[str, str], config: Mapping[str, Any]) -> tuple[str, ...]:
    named = environ.get("ENVCTL_INSECURE_HOSTS")
    if named is not None:
        return tuple(named.lower().replace(",", " ").split())
    hosts: tuple[str, ...] = config.get("insecure-hosts", ())
    return hosts


def _timeout(environ: Mapping[str, str], config: Mapping[str, Any]) -> float | None:
    named = environ.get("ENVCTL_TIMEOUT")
    if not named:
        seconds: float | None = config.get("timeout")
        return seconds
    try:
        value = float(named)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UsageError(
            "bad-variable",
            f"the variable `ENVCTL_TIMEOUT` cannot be `{named}`",
            hints=["it is a number of seconds"],
        )
    return value
