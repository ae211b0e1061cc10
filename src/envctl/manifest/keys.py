"""Every key of ``env.toml``, and those of ``pyproject.toml`` that are read: the one table of them.

The parser checks files against it, suggestions are made from it, and a test walks it to see that the
reference page names every key.
"""

from __future__ import annotations

from collections.abc import Mapping

from envctl.manifest.shape import (
    COUNT,
    DAY,
    FLAG,
    MOMENT,
    TEXT,
    TEXTS,
    Either,
    ListOf,
    MapOf,
    Scalar,
    Shape,
    Table,
    choice,
    walk,
)

MODES = ("enforce", "warn", "off")
PRERELEASES = ("if-necessary", "allow", "disallow")
SEVERITIES = ("low", "medium", "high", "critical")

_INCLUDE = Table({"include-group": TEXT}, required=("include-group",))

GROUPS = MapOf("GROUP", ListOf("requirements and `{include-group = …}`", Either((TEXT, _INCLUDE))))
EXTRAS = MapOf("EXTRA", TEXTS)

PROJECT = Table({"path": TEXT, "editable": FLAG, "install": FLAG})

SOURCE = Table(
    {
        "path": TEXT,
        "editable": FLAG,
        "index": TEXT,
        "git": TEXT,
        "branch": TEXT,
        "tag": TEXT,
        "rev": TEXT,
        "url": TEXT,
        "subdirectory": TEXT,
    }
)

_EXCLUDE_NEWER: tuple[Shape, ...] = (
    Scalar("a span such as `3 days`", (str,)),
    MOMENT,
    Scalar("false", (bool,)),
)

INDEX = Table(
    {"name": TEXT, "url": TEXT, "flat": FLAG, "packages": TEXTS, "exclude-newer": Either(_EXCLUDE_NEWER)},
    required=("name", "url"),
    hints=dict.fromkeys(
        ("username", "password", "user", "token", "auth"),
        "credentials are in no file: `ENVCTL_INDEX_<NAME>_USERNAME` and `ENVCTL_INDEX_<NAME>_PASSWORD`",
    ),
)

_MEMBER = Table({"group": TEXT, "extra": TEXT})

LOCK = Table(
    {
        "path": TEXT,
        "targets": TEXTS,
        "python": TEXTS,
        "resolution": choice("highest", "lowest", "lowest-direct"),
        "prerelease": Either((choice(*PRERELEASES), MapOf("NAME", choice(*PRERELEASES)))),
        "exclude-newer": Either((*_EXCLUDE_NEWER, MapOf("NAME", Either(_EXCLUDE_NEWER)))),
        "constraints": TEXTS,
        "overrides": TEXTS,
        "excludes": TEXTS,
        "conflicts": ListOf("lists of groups and extras", ListOf("groups and extras", _MEMBER)),
    }
)

BUILD = Table(
    {
        "allow": Either((FLAG, ListOf("names", TEXT))),
        "deny": TEXTS,
        "no-binary": TEXTS,
        "constraints": TEXTS,
        "config-settings": MapOf("NAME", MapOf("SETTING", TEXT)),
        "timeout": COUNT,
    }
)

INSTALL = Table(
    {
        "link": choice("auto", "reflink", "hardlink", "copy"),
        "switch": choice("auto", "exchange", "merge"),
        "compile": Either((choice("auto"), FLAG)),
        "prune": choice("all", "managed", "never"),
        "keep-generations": COUNT,
        "accept-bad-record": TEXTS,
        "allow-overwrite": TEXTS,
    }
)


def _rule(settings: Mapping[str, Shape]) -> Either:
    return Either((choice(*MODES), Table({"mode": choice(*MODES), **settings})))


#: The rules of `[policy]`, each with the settings it knows.
RULES: Mapping[str, Either] = {
    "packages": _rule({"allow": TEXTS, "deny": TEXTS}),
    "licenses": _rule({"allow": TEXTS, "deny": TEXTS}),
    "indexes": _rule({"allow": TEXTS, "deny": TEXTS}),
    "min-age": _rule({"age": TEXT, "allow": TEXTS}),
    "max-age": _rule({"age": TEXT, "allow": TEXTS}),
    "sdists": _rule({"allow": TEXTS}),
    "yanked": _rule({"allow": TEXTS}),
    "archived": _rule({"allow": TEXTS}),
    "vulnerabilities": _rule({"severity": choice(*SEVERITIES), "ignore": TEXTS}),
    "startup-hooks": _rule({"allow": TEXTS}),
    "attestations": _rule({"allow": TEXTS}),
    "size": _rule({"max": Either((TEXT, COUNT)), "allow": TEXTS}),
    "downgrades": _rule({"allow": TEXTS}),
}

_WAIVER = Table(
    {"rule": TEXT, "package": TEXT, "reason": TEXT, "until": DAY}, required=("rule", "package", "reason")
)
POLICY = Table({**RULES, "waive": ListOf("tables", _WAIVER)})

ENVIRONMENT = Table({"path": TEXT, "groups": TEXTS, "extras": TEXTS, "python": TEXT})

#: `env.toml` itself.
MANIFEST = Table(
    {
        "name": TEXT,
        "python": TEXT,
        "requires-envctl": TEXT,
        "project": Either((TEXT, PROJECT)),
        "dependencies": TEXTS,
        "optional-dependencies": EXTRAS,
        "dependency-groups": GROUPS,
        "sources": MapOf("NAME", SOURCE),
        "index": ListOf("tables, each written `[[index]]`", INDEX),
        "lock": LOCK,
        "build": BUILD,
        "install": INSTALL,
        "policy": POLICY,
        "env": MapOf("NAME", ENVIRONMENT),
    },
    hints={
        "requires-python": "did you mean `python`?",
        "extras": "did you mean `[optional-dependencies]`?",
        "groups": "did you mean `[dependency-groups]`?",
        "dev-dependencies": "write them as `[dependency-groups] dev = […]`",
        "environments": "environments are written `[env.NAME]`",
        "tool": "no other tool's table is read; `envctl import` takes over what others wrote",
    },
)

#: What is read of `pyproject.toml`; all else in it is for others.
PYPROJECT = Table(
    {
        "project": Table(
            {
                "name": TEXT,
                "requires-python": TEXT,
                "dependencies": TEXTS,
                "optional-dependencies": EXTRAS,
                "dynamic": TEXTS,
            },
            closed=False,
        ),
        "dependency-groups": GROUPS,
        "build-system": Table({}, closed=False),
    },
    closed=False,
)


def find_home(key: str) -> str | None:
    """Name the one table of the manifest that has ``key``, when a key stands where it is not known."""
    homes = {
        dotted.rpartition(".")[0] for dotted in walk(MANIFEST) if "." in dotted and dotted.endswith("." + key)
    }
    return homes.pop() if len(homes) == 1 else None
