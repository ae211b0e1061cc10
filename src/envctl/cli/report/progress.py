"""How far each phase is: the state that both reporters keep, without any display."""

from __future__ import annotations

import time

from envctl.cli.show.words import count, duration, size
from envctl.model.events import Advanced, Ended, Event, Grew, Phase, Started

#: What a phase is called while it runs.
TITLES = {
    Phase.RESOLVE: "Resolving",
    Phase.DOWNLOAD: "Downloading",
    Phase.UNPACK: "Unpacking",
    Phase.BUILD: "Building",
    Phase.COMPILE: "Compiling",
    Phase.LINK: "Linking",
    Phase.VERIFY: "Verifying",
    Phase.SWITCH: "Switching",
    Phase.RECOVER: "Recovering",
}

# Not resolving: that it ended does not say that a solution was found.
_PAST = {
    Phase.DOWNLOAD: "Downloaded",
    Phase.UNPACK: "Unpacked",
    Phase.BUILD: "Built",
    Phase.COMPILE: "Compiled",
}


class PhaseProgress:
    """One phase: units done and expected, the subject at hand, and how often it runs at the same time."""

    __slots__ = ("done", "running", "since", "subject", "total", "unit")

    def __init__(self, unit: str = "packages") -> None:
        self.unit = unit
        self.total: int | None = None
        self.done = 0
        self.subject = ""
        self.running = 0
        self.since = time.monotonic()

    def summary(self, phase: Phase) -> str:
        """Say what was done, for a phase that ended without a summary of its own; nothing if nothing was."""
        if phase not in _PAST or not self.done:
            return ""
        amount = size(self.done) if self.unit == "bytes" else count(self.done, self.unit.removesuffix("s"))
        return f"{_PAST[phase]} {amount} in {duration(time.monotonic() - self.since)}"


class Progress:
    """The phases that run now. Not safe for threads: a reporter calls it under its own lock."""

    def __init__(self) -> None:
        self.phases: dict[Phase, PhaseProgress] = {}

    def follow(self, event: Event) -> str:
        """Take in an event; when it ends a phase, give the line that says so, else nothing."""
        match event:
            case Started(phase, total, unit):
                state = self.phases.setdefault(phase, PhaseProgress(unit=unit))
                state.running += 1
                if total is not None:
                    state.total = (state.total or 0) + total
            case Grew(phase, amount):
                state = self.phases.setdefault(phase, PhaseProgress())
                state.total = (state.total or 0) + amount
            case Advanced(phase, amount, subject):
                state = self.phases.setdefault(phase, PhaseProgress())
                state.done += amount
                state.subject = subject or state.subject
            case Ended(phase, summary):
                ended = self.phases.get(phase)
                if ended is None:
                    return summary
                ended.running -= 1
                if ended.running > 0:
                    return summary
                del self.phases[phase]
                return summary or ended.summary(phase)
            case _:
                pass
        return ""
