"""A folder with a manifest and a folder of wheels as its index; the workflow is called as a function.

Nothing here leaves the machine: the index is a folder. Machine matters (the interpreter, the bare
environment) are asked for once a session, through a cache that the tests share.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from envctl.model.events import Event, Notice
from envctl.model.settings import Settings
from envctl.plan.change import Plan
from envctl.workflow import reading
from envctl.workflow.apply import apply
from envctl.workflow.context import Context
from envctl.workflow.plan import make_plan
from envctl.workflow.remote import make_remote
from envctl.workflow.results import PlanOptions, Report
from support.wheels import make_wheel


@dataclass
class Place:
    """A project; ``events`` is what its commands told."""

    folder: Path
    cache: str
    settings: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def write(self, *dependencies: str, rest: str = "") -> None:
        lines = [f"python = {json.dumps(sys.executable)}", f"dependencies = {json.dumps(dependencies)}"]
        lines += ["[[index]]", 'name = "here"', 'url = "wheels"', "flat = true", rest]
        (self.folder / "env.toml").write_text("\n".join(lines) + "\n")

    def publish(self, name: str, version: str = "1.0", **details: Any) -> None:
        make_wheel(self.folder / "wheels", name, version, **details)

    @property
    def venv(self) -> Path:
        return self.folder / ".venv"

    @property
    def context(self) -> Context:
        settings = Settings(cache_dir=self.cache, environ={"PATH": os.environ["PATH"], "CI": "true"})
        return Context(
            directory=str(self.folder),
            manifest=None,
            environment=None,
            settings=replace(settings, **self.settings),
            emit=self.events.append,
            make_remote=make_remote,
            reader=reading,
        )

    def plan(self, **options: Any) -> Plan:
        return make_plan(self.context, PlanOptions(**options))

    def apply(self, confirm: Callable[[Plan], bool] = lambda plan: True, **options: Any) -> Report:
        return apply(self.context, PlanOptions(**options), confirm=confirm, lock_timeout=5)

    def notices(self, level: str) -> dict[str, str]:
        """Give the messages of a level by their codes."""
        return {
            event.code: event.message
            for event in self.events
            if isinstance(event, Notice) and event.level == level
        }
