"""The manifest that ``envctl init`` writes."""

from __future__ import annotations

import json


def initial_manifest(*, python: str, has_pyproject: bool, name: str) -> str:
    """Return the text of a first manifest: valid, commented, and short enough to be read.

    ``python`` is a statement about Python (``>=3.11``), ``name`` what the prompt shall show, left out when
    it is not a plain line. Beside a ``pyproject.toml`` the lists are taken from there, and so is
    ``requires-python``.
    """
    lines = [
        "# What this environment holds. `envctl plan` shows what would change, `envctl apply` makes it so.",
        "",
    ]
    if _is_plain(name):
        lines += [f'name = "{name}"', ""]
    lines += _list_project(python) if has_pyproject else _list_own(python)
    return "\n".join([*lines, *_MORE]) + "\n"


def imported_manifest(*, python: str, name: str, path: str | None) -> str:
    """Return the text of a manifest that entries are to be added to; ``path`` is that of its environment."""
    lines = ["# Taken over by `envctl import`. `envctl plan` shows what would change.", ""]
    if _is_plain(name):
        lines += [f'name = "{name}"']
    lines += [f'python = "{python}"', "", "dependencies = [", "]"]
    if path is not None:
        lines += ["", "[env.default]", f"path = {json.dumps(path, ensure_ascii=False)}"]
    return "\n".join(lines) + "\n"


def _is_plain(name: str) -> bool:
    return bool(name.strip()) and name.isprintable() and len(name) <= 100 and not _is_escaped(name)


def _is_escaped(text: str) -> bool:
    """Whether ``text`` needs escapes in a TOML string."""
    return json.dumps(text, ensure_ascii=False) != f'"{text}"'


def _list_project(python: str) -> list[str]:
    return [
        "# The dependencies, extras, groups and requires-python of ./pyproject.toml; the project itself",
        "# is installed too, editable, when it can be built.",
        'project = "."',
        "",
        "# Narrower than requires-python, if need be:",
        f'# python = "{python}"',
    ]


def _list_own(python: str) -> list[str]:
    return [
        f'python = "{python}"',
        "",
        "dependencies = [",
        '    # "flask>=3",',
        "]",
        "",
        "# Groups are for work on the project. `dev` is in the default environment, if there is one.",
        "[dependency-groups]",
        "dev = [",
        '    # "pytest>=8",',
        "]",
    ]


_MORE = (
    "",
    "# Where a name comes from, when not from an index:",
    "# [sources]",
    '# our-library = { path = "../our-library", editable = true }',
    "",
    "# Indexes, asked in this order. None at all is the public index.",
    "# [[index]]",
    '# name = "company"',
    '# url = "https://pkgs.example/simple/"',
    '# packages = ["our-*"]',
    "",
    "# More environments, each in a folder of its own (.venv-ci):",
    "# [env.ci]",
    '# python = "3.12"',
    '# groups = ["test"]',
)
