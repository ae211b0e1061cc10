"""The table of commands: what exists, in which group, in one line each. Names modules, imports none."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """One command. ``module`` has ``configure(parser)`` and ``run(arguments, console)``."""

    name: str
    group: str
    summary: str
    module: str


THE_FLOW = "The flow"
EDIT = "Edit the manifest"
LOOK = "Look"
HAND_OVER = "Hand over"
MACHINE = "Machine"

#: In the order of help.
GROUPS = (THE_FLOW, EDIT, LOOK, HAND_OVER, MACHINE)

_PLACE = "envctl.cli.commands"

COMMANDS = (
    Command("init", THE_FLOW, "Write a manifest into the working folder", f"{_PLACE}.init"),
    Command("lock", THE_FLOW, "Bring the lock up to date", f"{_PLACE}.lock"),
    Command("plan", THE_FLOW, "Show what would be done, and why; change nothing", f"{_PLACE}.plan"),
    Command("apply", THE_FLOW, "Plan, and do exactly that as one transaction", f"{_PLACE}.apply"),
    Command("status", THE_FLOW, "Say whether manifest, lock and environment agree", f"{_PLACE}.status"),
    Command("rollback", THE_FLOW, "Put an earlier generation of the environment back", f"{_PLACE}.rollback"),
    Command("history", THE_FLOW, "List the generations of the environment", f"{_PLACE}.history"),
    Command("destroy", THE_FLOW, "Delete the environment and all its generations", f"{_PLACE}.destroy"),
    Command("add", EDIT, "Write requirements into the manifest, and apply", f"{_PLACE}.add"),
    Command("remove", EDIT, "Take packages out of the manifest, and apply", f"{_PLACE}.remove"),
    Command("upgrade", EDIT, "Move locked versions, and bounds with them", f"{_PLACE}.upgrade"),
    Command("import", EDIT, "Take over what an environment of others holds", f"{_PLACE}.import_"),
    Command("list", LOOK, "List what is installed", f"{_PLACE}.list"),
    Command("why", LOOK, "Show which lists and packages ask for a package", f"{_PLACE}.why"),
    Command("why-not", LOOK, "Show what keeps a package from a version", f"{_PLACE}.why_not"),
    Command("outdated", LOOK, "List locked packages that have newer releases", f"{_PLACE}.outdated"),
    Command("diff", LOOK, "Show two locks beside each other", f"{_PLACE}.diff"),
    Command("bundle", HAND_OVER, "Gather all that a lock needs into one file", f"{_PLACE}.bundle"),
    Command("run", HAND_OVER, "Run a command in the environment", f"{_PLACE}.run"),
    Command("completion", HAND_OVER, "Print a completion script for a shell", f"{_PLACE}.completion"),
    Command("python", MACHINE, "List, find or install Pythons", f"{_PLACE}.python"),
    Command("cache", MACHINE, "Show, prune or empty the cache", f"{_PLACE}.cache"),
)


def find_command(name: str) -> Command | None:
    """Find a command by its name."""
    return next((command for command in COMMANDS if command.name == name), None)
