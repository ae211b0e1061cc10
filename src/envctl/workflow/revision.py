"""Files as git has them: what a revision holds, read with plumbing that runs nothing of the repository.

git is asked in the folder of the file, which says what repository is meant; variables by which a hook
passes its own on are left out.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping

from envctl.children import hide_secrets
from envctl.errors import InputError, MachineError
from envctl.frozen import dataclass
from envctl.model.settings import Settings

#: What git sets for its hooks, relative to folders of their own ("git rev-parse --local-env-vars").
_OF_A_HOOK = frozenset(
    {
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
    }
)

_OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a commit (its full name) holds of a file."""

    commit: str
    data: bytes


def read_revision(path: str, revision: str, settings: Settings) -> Recorded:
    """Read the file at ``path`` (absolute) as it is in ``revision``, anything that git takes for a commit.

    Raises:
        MachineError: `git-missing`, `git-failed`, `no-repository`.
        InputError: `no-such-revision`, `not-in-revision`.
    """
    folder, name = os.path.split(path)
    environ = _make_environ(settings)
    inside = _ask(folder, environ, "rev-parse", "--is-inside-work-tree")
    if inside.returncode or inside.stdout.strip() != b"true":
        said = _last_line(inside.stderr)
        raise MachineError(
            "no-repository",
            f"`{folder}` is in no git repository that can be read" + (f": {said}" if said else ""),
            where=folder,
            hints=["`envctl diff FILE FILE` takes two files"],
        )
    commit = _find(folder, environ, f"{revision}^{{commit}}")
    if commit is None:
        raise InputError(
            "no-such-revision",
            f"`{revision}` is neither a file nor a revision of the git repository",
            where=folder,
        )
    blob = _find(folder, environ, f"{commit}:./{name}")
    if blob is None:
        raise InputError(
            "not-in-revision",
            f"`{revision}` ({commit[:12]}) holds no `{name}` in this folder",
            where=path,
            hints=[f"`git log -- {name}` lists the commits that touched it"],
        )
    content = _ask(folder, environ, "cat-file", "blob", blob)
    if content.returncode:
        raise MachineError(
            "git-failed", f"git cannot read `{name}`: {_last_line(content.stderr)}", where=path
        )
    return Recorded(commit, content.stdout)


def _find(folder: str, environ: Mapping[str, str], expression: str) -> str | None:
    """Return the name of the object that an expression means, whatever it begins with."""
    answer = _ask(folder, environ, "rev-parse", "--verify", "--quiet", "--end-of-options", expression)
    found = answer.stdout.decode("ascii", "replace").strip()
    return found if answer.returncode == 0 and _OBJECT.fullmatch(found) else None


def _ask(folder: str, environ: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", "-C", folder, *words],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise MachineError(
            "git-missing",
            "there is no `git` on the path, which reads what a revision holds",
            hints=["`envctl diff FILE FILE` does without"],
        ) from error
    except OSError as error:
        raise MachineError("git-failed", f"`git` cannot be run: {error.strerror or error}") from error


def _make_environ(settings: Settings) -> Mapping[str, str]:
    environ = {
        name: value for name, value in hide_secrets(settings.environ).items() if name not in _OF_A_HOOK
    }
    environ |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    if settings.offline:
        environ["GIT_NO_LAZY_FETCH"] = "1"  # of a partial clone git would fetch what is not there
    return environ


def _last_line(text: bytes) -> str:
    return text.decode(errors="replace").strip().rpartition("\n")[2].removeprefix("fatal: ")
