"""What an environment asks for: one declaration of the manifest, and the statements about its Python."""

from __future__ import annotations

from envctl.errors import InputError
from envctl.manifest.manifest import DEFAULT, Declaration, Manifest, PythonRequest
from envctl.manifest.near import suggest


def select_environment(manifest: Manifest, name: str | None) -> Declaration:
    """Return the environment of that name, ``default`` for None.

    Raises:
        InputError: `unknown-environment`, with the nearest name.
    """
    found = manifest.environments.get(DEFAULT if name is None else name)
    if found is not None:
        return found
    known = ", ".join(f"`{one}`" for one in manifest.environments)
    raise InputError(
        "unknown-environment",
        f"there is no environment `{name}` in the manifest",
        where=manifest.path,
        hints=[*suggest(name or "", manifest.environments), f"declared: {known}"],
    )


def python_requests(manifest: Manifest, declaration: Declaration) -> tuple[PythonRequest, ...]:
    """Return the statements about Python that must all hold for an environment."""
    return (*manifest.pythons, declaration.python) if declaration.python is not None else manifest.pythons
