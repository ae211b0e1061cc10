"""pip's requirement files: what they ask for, limit, and leave to options. Pure but for ``read``.

Source: pip, "Requirements File Format". Variables (``${NAME}``) are not replaced: they stand for credentials.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator

from packaging.requirements import InvalidRequirement, Requirement

from envctl.errors import EnvctlError, InputError, raise_together
from envctl.frozen import dataclass, field

#: Options that name another file, and what its lines are then.
_INCLUDES = {"-r": False, "--requirement": False, "-c": True, "--constraint": True}
_EDITABLE = ("-e", "--editable")

_COMMENT = re.compile(r"(^|\s+)#.*$")
_PER_REQUIREMENT = re.compile(r"\s+--(?:hash|config-settings?|global-option)\b.*$", re.DOTALL)
_TREE = re.compile(r"(?P<path>[^\[\]]+?)(?:\[(?P<extras>[^\]]*)\])?")
_EGG = re.compile(r"[#&]egg=(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?")


@dataclass(frozen=True, slots=True)
class LocalPath:
    """A folder or file of this machine, absolute, that stands for a requirement; ``where`` it is written."""

    path: str
    editable: bool
    extras: str
    where: str


@dataclass(frozen=True, slots=True)
class RequirementsFile:
    """What files ask for, in order: texts of requirements, limits, local paths, and options left out."""

    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    paths: list[LocalPath] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def parse_requirements(path: str, read: Callable[[str], bytes]) -> RequirementsFile:
    """Parse the file at ``path`` (absolute) with all that it includes; ``read`` gives their content.

    Raises:
        InputError: `bad-requirement`, all together; what ``read`` raises.
    """
    found = RequirementsFile()
    errors: list[EnvctlError] = []
    _take_file(path, read, found, errors, is_limit=False, above=())
    raise_together(errors)
    return found


def _take_file(
    path: str,
    read: Callable[[str], bytes],
    found: RequirementsFile,
    errors: list[EnvctlError],
    *,
    is_limit: bool,
    above: tuple[str, ...],
) -> None:
    if path in above:
        return  # a circle adds nothing, as with pip
    for number, line in _read_lines(read(path).decode("utf-8-sig", "replace")):
        where = f"{path}:{number}"
        option, value = _split_option(line)
        if option in _INCLUDES:
            included = os.path.normpath(os.path.join(os.path.dirname(path), value))
            limits = is_limit or _INCLUDES[option]
            _take_file(included, read, found, errors, is_limit=limits, above=(*above, path))
        elif option and option not in _EDITABLE:
            # Its value may hold credentials.
            found.left_out.append(option)
        else:
            try:
                _take_requirement(value or line, found, where, is_limit=is_limit, editable=bool(option))
            except InvalidRequirement as error:
                message = f"`{line}` is no requirement that can be imported: {str(error).splitlines()[0]}"
                errors.append(InputError("bad-requirement", message, where=where))


def _read_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines without comments, those that go on joined, each with the number of its first."""
    start, whole = 1, ""
    for number, line in enumerate(text.splitlines(), 1):
        start = start if whole else number
        goes_on = line.endswith("\\") and not line.lstrip().startswith("#")
        whole += _COMMENT.sub("", line[:-1] if goes_on else line)
        if goes_on:
            whole += " "
            continue
        if whole.strip():
            yield start, whole.strip()
        whole = ""
    if whole.strip():
        yield start, whole.strip()


def _split_option(line: str) -> tuple[str, str]:
    """Split a line that is an option into its name and its value; both empty for a requirement."""
    if not line.startswith("-"):
        return "", ""
    name, _, value = line.partition("=") if line.startswith("--") else (line[:2], "", line[2:])
    if not value or " " in name:
        words = shlex.split(line)
        return words[0], " ".join(words[1:])
    return name.strip(), value.strip()


def _take_requirement(
    text: str, found: RequirementsFile, where: str, *, is_limit: bool, editable: bool
) -> None:
    text = _PER_REQUIREMENT.sub("", text).strip()
    if _is_path(text):
        stated = _TREE.fullmatch(text.removeprefix("file://"))
        if stated is None:
            raise InvalidRequirement(text)
        path = os.path.normpath(os.path.join(os.path.dirname(where.rpartition(":")[0]), stated["path"]))
        found.paths.append(LocalPath(path, editable, stated["extras"] or "", where))
        return
    if "://" in text and "@" not in text.partition("://")[0]:
        named = _EGG.search(text)
        if named is None:
            raise InvalidRequirement("a URL needs its name before it: `name @ URL`")
        text = f"{named['name']} @ {_EGG.sub('', text)}"
    Requirement(text)
    (found.constraints if is_limit else found.requirements).append(text)


def _is_path(text: str) -> bool:
    if text.startswith("file://"):
        return True
    head = re.split(r"[\s;@<>=!~\[]", text, maxsplit=1)[0]
    looks_like_one = head.startswith((".", "/", "~")) or os.sep in head or head.endswith((".whl", ".tar.gz"))
    return looks_like_one and "://" not in text
