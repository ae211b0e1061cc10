"""What is done after a command by a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from envctl.model.interpreter import Interpreter
from envctl.store import examine
from envctl.store.entry import Entry
from envctl.store.store import HASH_BUDGET, Store
from envctl.workflow.compiling import compile_entries
from envctl.workflow.keys import BYTECODE, WHEELS, bytecode_key
from envctl.workflow.later import compile_later
from support.places import Place


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "cache"))


@pytest.fixture
def entry(store: Store) -> Entry:
    def fill(tree: str) -> dict[str, object]:
        os.mkdir(f"{tree}/site")
        Path(tree, "site/demo.py").write_text("VALUE = 1\n")
        return {"name": "demo"}

    return store.add(WHEELS, "ab" * 32, fill)


@pytest.fixture
def interpreter() -> Interpreter:
    return Interpreter(
        executable=sys.executable,
        implementation="cpython",
        version="",
        platform="",
        free_threaded=False,
        debug=False,
        markers={},
        tags=(),
        cache_tag=sys.implementation.cache_tag,
        magic="00",
        identity="",
    )


def make_suspects(entry: Entry) -> None:
    """Move the ctime of every file, as links of others do."""
    for file in entry.files:
        path = os.path.join(entry.tree, file.path)
        os.link(path, f"{path}.linked")
        os.unlink(f"{path}.linked")


def is_clean(entry: Entry) -> bool:
    found = examine.check(entry)
    return found is not None and found.clean


def test_a_process_of_its_own_fills_the_store_for_who_sits_at_a_terminal(
    store: Store, entry: Entry, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envctl.workflow.later._is_watched", lambda: True)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    make_suspects(entry)

    compile_later(store, [entry], interpreter, {}, unsettled=[entry])

    os.wait()
    assert store.has(BYTECODE, bytecode_key(entry, interpreter))
    assert is_clean(entry)


def test_in_continuous_integration_doubtful_files_are_hashed_before_the_end(
    store: Store, entry: Entry, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process may be left behind there."""
    monkeypatch.setattr("envctl.workflow.later._is_watched", lambda: True)
    monkeypatch.setattr("envctl.workflow.later._start", lambda *_: pytest.fail("it was started"))
    make_suspects(entry)

    wrong = compile_later(store, [entry], interpreter, {"CI": "true"}, unsettled=[entry])

    assert list(wrong) == []
    assert is_clean(entry)


def test_what_is_found_wrong_before_the_end_is_told(
    store: Store, entry: Entry, interpreter: Interpreter
) -> None:
    path = Path(entry.tree, "site/demo.py")
    seen = path.stat()
    path.write_text("VALUE = 2\n")
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))

    assert list(compile_later(store, [], interpreter, {"CI": "true"}, unsettled=[entry])) == [entry]


def test_off_a_terminal_doubtful_files_are_hashed_and_nothing_is_compiled(
    store: Store, entry: Entry, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envctl.workflow.later._is_watched", lambda: False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    make_suspects(entry)

    compile_later(store, [entry], interpreter, {}, unsettled=[entry])

    os.wait()
    assert not store.has(BYTECODE, bytecode_key(entry, interpreter))
    assert is_clean(entry)


def test_an_entry_that_a_run_could_not_afford_to_hash_is_settled(store: Store) -> None:
    def fill(tree: str) -> dict[str, object]:
        Path(tree, "large").write_bytes(bytes(2 * HASH_BUDGET))
        return {}

    entry = store.add(WHEELS, "cd" * 32, fill)
    make_suspects(entry)
    found = Store(store.folder).get(WHEELS, entry.key)
    assert found is not None
    assert not found.settled
    request = [store.folder, sys.executable, "", "", [], [[WHEELS, entry.key]]]

    subprocess.run(
        [sys.executable, "-P", "-m", "envctl.workflow.compiling"],
        input=json.dumps(request).encode(),
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )

    assert is_clean(entry)


def test_what_the_process_made_is_what_waiting_makes(
    store: Store, entry: Entry, interpreter: Interpreter
) -> None:
    events: list[object] = []

    made = compile_entries(store, [entry], interpreter, events.append)

    assert made[entry.key] == store.get(BYTECODE, bytecode_key(entry, interpreter))


def test_apply_waits_for_bytecode_where_the_manifest_says_so(place: Place) -> None:
    place.write("alpha", rest="[install]\ncompile = true")

    place.apply()

    assert list(place.venv.glob("lib/*/site-packages/alpha*/__pycache__/*.pyc"))
