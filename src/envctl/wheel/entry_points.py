"""``entry_points.txt``: the scripts that a distribution asks for.

Only the two groups that become files are looked at closely: their names become paths and their
references become code, so both are held to a grammar before anything is written.

Source: "Entry points specification", "File format" and "Use for scripts".
"""

from __future__ import annotations

import configparser
import keyword
import re
from collections.abc import Mapping

from envctl.frozen import dataclass, field

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_LONGEST_NAME = 128
#: What an environment itself puts beside the scripts; ``pip`` may be owned by the project pip alone.
_OF_THE_ENVIRONMENT = re.compile(
    r"(python|pythonw|pypy|graalpy|pyvenv|pydoc)[0-9.]*t?(-config|w)?(\.exe|\.bat|\.cfg)?"
    r"|(de)?activate([._].*)?",
)
_OF_PIP = re.compile(r"pip[0-9.]*(\.exe)?")
_EXTRAS = re.compile(r"\s*\[[A-Za-z0-9._,\s-]*\]\s*$")


@dataclass(frozen=True, slots=True)
class EntryPoints:
    """Script names and their object references (``module:attribute``); ``faults`` says what is refused."""

    console: Mapping[str, str] = field(default_factory=dict)
    gui: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


def parse_entry_points(text: str, *, project: str) -> EntryPoints:
    """Parse ``entry_points.txt``; ``project`` is the normalised name of who brings it."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=True, empty_lines_in_values=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error as error:
        return EntryPoints(faults=(f"`entry_points.txt` cannot be read: {error.message.splitlines()[0]}",))
    groups: list[dict[str, str]] = []
    faults: list[str] = []
    for group in ("console_scripts", "gui_scripts"):
        found: dict[str, str] = {}
        for name, value in parser.items(group) if parser.has_section(group) else ():
            reference = parse_reference(value)
            fault = find_fault_of_script(name, project=project)
            if fault:
                faults.append(f"the script `{name}` {fault}")
            elif reference is None:
                faults.append(f"the script `{name}` refers to `{value}`, which names no function")
            else:
                found[name] = reference
        groups.append(found)
    folded = [name.casefold() for group in groups for name in group]
    faults += [
        f"the script `{name}` is there twice" for name in sorted(set(folded)) if folded.count(name) > 1
    ]
    return EntryPoints(groups[0], groups[1], tuple(faults))


def find_fault_of_script(name: str, *, project: str) -> str | None:
    """Say why no script may have this name (the end of a sentence); None when it may."""
    folded = name.casefold()
    if not _NAME.fullmatch(name) or not name.strip("."):
        return "has a name that is not made of letters, digits, `.`, `_` and `-`"
    if len(name) > _LONGEST_NAME:
        return "has a name that is too long"
    if is_of_the_environment(folded):
        return "has the name of a file that belongs to the environment"
    if _OF_PIP.fullmatch(folded) and project != "pip":
        return "has the name of a script of pip"
    return None


def is_of_the_environment(name: str) -> bool:
    """Whether a file of this name in the folder of scripts is the environment's own, on some system."""
    return bool(_OF_THE_ENVIRONMENT.fullmatch(name.casefold()))


def parse_reference(value: str) -> str | None:
    """Normalise an object reference to a function, ``module.path:object.path``; None for anything else.

    Nothing else may pass: the text becomes code. Extras after it are obsolete, and dropped.
    """
    module, separator, attribute = _EXTRAS.sub("", value).strip().partition(":")
    module, attribute = module.strip(), attribute.strip()
    if not separator or not _is_dotted(module) or not _is_dotted(attribute):
        return None
    return f"{module}:{attribute}"


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in text.split("."))
