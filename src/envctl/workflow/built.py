"""Where what was built lies: what a build states leads to its tools, and both together to what they made.

A build's tools are known once its requirements have been resolved and its backend was asked for more. What
leads to them is known before that: texts, constraints, indexes. So there are two names::

    <cache>/built-with-v1/…/<stated>     a record: tools as they were resolved, the last first, and keys
    <cache>/built-v2/…/<key>             the wheel, by what made it: those tools among it, by their digests
    <cache>/built-metadata-v2/…/<key>    what a backend said of metadata, likewise

With a record neither an index nor a backend is asked. Without one, or with a damaged one, the tools are
chosen anew; if they are those of an earlier build, what it made is found under its key.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from envctl.build.digest import digest_code
from envctl.build.environ import choose_shaping
from envctl.frozen import dataclass
from envctl.memo import Memo
from envctl.model.artifact import Directory, identify
from envctl.model.interpreter import Interpreter
from envctl.model.selection import Pin
from envctl.model.tables import BuildInputs
from envctl.receipt import describe_file
from envctl.store.store import Store
from envctl.workflow.keys import BUILT, BUILT_WITH, WHEELS, as_wheel, wheel_key

#: How many sets of tools are remembered of what is stated: projects of one cache may have it from elsewhere.
_MOST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A project in the environment of a build: ``digest`` is of its wheel.

    ``origin`` says where it comes from, as `describe_origin` does; empty for an index.
    """

    name: str
    version: str
    digest: str
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What is known of a build before its tools are, as hexadecimal sha256.

    ``own`` is of what goes into it beside them, ``digest`` of that and of what leads to them.
    """

    own: str
    digest: str


def state_build(
    name: str, subject: str, inputs: BuildInputs, interpreter: Interpreter, environ: Mapping[str, str]
) -> Stated:
    """Digest what a build states; ``subject`` says what is built into what."""
    own = _digest(
        {
            "name": name,
            "subject": subject,
            "settings": dict(inputs.config_settings.get(name, {})),
            "interpreter": [interpreter.executable, interpreter.version, interpreter.identity],
            "platform": interpreter.platform,
            "environ": choose_shaping(environ),
        }
    )
    return Stated(own=own, digest=_digest([own, list(inputs.constraints), list(inputs.indexes)]))


def state_wheel(
    pin: Pin, inputs: BuildInputs, interpreter: Interpreter, environ: Mapping[str, str]
) -> Stated:
    """Digest what the build of a pin's wheel states.

    The code of a directory that is not editable goes in, too: when it was edited, laying the next
    generation builds it anew.
    """
    subject = identify(pin.artifact)
    if isinstance(pin.artifact, Directory) and not pin.artifact.editable:
        subject += f" {digest_code(os.path.join(pin.artifact.path, pin.artifact.subdirectory or ''))}"
    return state_build(pin.name, subject, inputs, interpreter, environ)


def make_key(stated: Stated, tools: Sequence[Tool]) -> str:
    """Name what these tools make of what is stated. How they were found, and where, does not count."""
    return _digest([stated.own, sorted([tool.name, tool.version, tool.digest] for tool in tools)])


def keep_record(memo: Memo, stated: Stated, tools: Sequence[Tool], key: str) -> None:
    """Remember which tools a build has led to, and the key of what they made; what it led to before, too."""
    listed = sorted([tool.name, tool.version, tool.digest, tool.origin] for tool in tools)
    before = [each for each in _read_record(memo, stated) if each["key"] != key]
    record = [{"key": key, "tools": listed}, *before[: _MOST - 1]]
    memo.keep(BUILT_WITH, stated.digest, json.dumps(record).encode())


def find_keys(memo: Memo, stated: Stated, sources: Mapping[str, tuple[str, ...]]) -> Sequence[str]:
    """Return the keys of what was made, that of the last time first; none where that is not known.

    Of what was made by a tool that comes from somewhere else now, or from a folder that was edited, there is
    none.
    """
    origins: dict[str, str] = {}

    def is_from_there(name: str, origin: str) -> bool:
        if name not in origins:
            origins[name] = describe_origin(sources.get(name))
        return origins[name] == origin

    return [
        each["key"]
        for each in _read_record(memo, stated)
        if all(is_from_there(name, origin) for name, _, _, origin in each["tools"])
    ]


def _read_record(memo: Memo, stated: Stated) -> list[Any]:
    data = memo.find(BUILT_WITH, stated.digest)
    return [] if data is None else list(json.loads(data))


def read_keys(answer: bytes) -> Sequence[str]:
    """Read the keys out of a record."""
    return [str(each["key"]) for each in json.loads(answer)]


def describe_origin(source: tuple[str, ...] | None) -> str:
    """Say where a tool comes from: what its source states, and of a folder or file what `stat` says of it."""
    if source is None:
        return ""
    text = " ".join(source)
    kind, path, subdirectory = source[0], source[1], source[-1]
    if kind == "url" and path[:5].lower() == "file:":
        from envctl.manifest.references import find_path, locate  # noqa: PLC0415 - few tools come so

        kind, path = "path", find_path(locate(path).url)
    if kind != "path":
        return text
    if os.path.isdir(path):
        return f"{text} {digest_code(os.path.join(path, subdirectory))}"
    return f"{text} {describe_file(path)}"


def find_places(
    store: Store,
    pins: Sequence[Pin],
    inputs: BuildInputs,
    interpreter: Interpreter,
    environ: Mapping[str, str],
    *,
    laid: Mapping[str, str] | None = None,
) -> Mapping[str, tuple[str, str]]:
    """Say in which bucket and under which key the wheels of pins lie, by project name.

    What has to be built and was not, as far as is known, has none. ``laid`` are the keys of what an
    environment was laid from: as long as nothing speaks against one of them, it goes before what others in
    the same cache have built since.
    """
    memo = Memo(store.folder)
    places: dict[str, tuple[str, str]] = {}
    for pin in pins:
        wheel = as_wheel(pin.artifact)
        if wheel is not None:
            places[pin.name] = WHEELS, wheel_key(wheel)
            continue
        keys = find_keys(memo, state_wheel(pin, inputs, interpreter, environ), inputs.sources)
        if keys:
            own = (laid or {}).get(pin.name, "")
            places[pin.name] = BUILT, own if own in keys else keys[0]
    return places


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
