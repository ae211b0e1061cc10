"""The isolated environment in which a backend runs, laid from the store as an apply lays one (PEP 518)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from envctl import atomic
from envctl.environment.bare import bare, write_bare
from envctl.environment.layout import choose_layout
from envctl.frozen import dataclass
from envctl.model.interpreter import Interpreter
from envctl.model.selection import Pin
from envctl.model.settings import Settings
from envctl.store.entry import Entry
from envctl.store.place import Placement, choose_linker, place, raise_marks
from envctl.store.store import Store
from envctl.transaction.arrange import SCRIPTS, Laid, arrange
from envctl.transaction.blueprint import Blueprint, Placed
from envctl.transaction.draft import own_paths
from envctl.transaction.install import make_scripts
from envctl.workflow.built import Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """An isolated environment, ready to run a backend: its interpreter and its folder of commands.

    ``tools`` says what is in it, by name.
    """

    python: str
    scripts: str
    tools: Sequence[Tool]


def lay_workshop(
    tools: Iterable[tuple[Pin, Entry]],
    folder: str,
    *,
    origins: Mapping[str, str],
    interpreter: Interpreter,
    store: Store,
    settings: Settings,
) -> Workshop:
    """Lay an environment with ``tools`` at ``folder``, which is not there yet.

    ``origins`` says of each where it comes from (see `Tool`), as it was before its wheel was obtained.

    Raises:
        MachineError: `file-conflict`, and what making a bare environment raises.
    """
    items = bare(
        interpreter, path=folder, prompt=None, cache_dir=settings.cache_dir, environ=settings.environ
    )
    blueprint = Blueprint(
        interpreter=interpreter,
        prompt=None,
        placed=tuple(Placed(pin=pin, wheel=entry) for pin, entry in tools),
    )
    layout = choose_layout(interpreter)
    laid = arrange(blueprint, layout, own_paths(items))
    write_bare(items, at=folder)
    python = os.path.join(folder, *layout.python.split("/"))
    linker = choose_linker(store.folder, folder, "auto")
    made: set[str] = {folder}
    placements: list[Placement] = []
    for each in laid:
        for subtree, target in each.folders.items():
            if subtree != SCRIPTS:
                destination = os.path.join(folder, *target.split("/")) if target else folder
                placements.append(
                    place(
                        each.placed.wheel,
                        subtree,
                        destination,
                        how=linker,
                        made=made,
                        skip=_skipped(each, target),
                    )
                )
        for script in make_scripts(each, python=python):
            path = os.path.join(folder, *script.path.split("/"))
            atomic.make_directories(os.path.dirname(path))
            atomic.write(path, script.content, mode=0o755)
    raise_marks(placements)
    return Workshop(
        python=python,
        scripts=os.path.join(folder, *layout.scripts.split("/")),
        tools=sorted((_describe(each, origins) for each in laid), key=lambda tool: tool.name),
    )


def _describe(laid: Laid, origins: Mapping[str, str]) -> Tool:
    name, wheel = laid.placed.pin.name, laid.placed.wheel
    # The key of what was built here is of what went in; what came out of that counts.
    digest = str(wheel.about.get("sha256", wheel.key))
    return Tool(name=name, version=laid.version, digest=digest, origin=origins[name])


def _skipped(laid: Laid, target: str) -> set[str]:
    prefix = f"{target}/" if target else ""
    return {path.removeprefix(prefix) for path in laid.lost if path.startswith(prefix)}
