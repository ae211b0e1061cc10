"""What a merge has to do, from two trees as values."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from envctl.transaction.mergesteps import (
    FILE,
    LINK,
    Act,
    Node,
    Step,
    Tree,
    compare,
    find_changed,
    plan_merge,
    plan_undo,
)

SITE = "lib/python3.12/site-packages"


def tree(files: Mapping[str, str]) -> Tree:
    """A tree of files: the content names the file itself, and a link is written ``-> text``."""
    folders = set()
    nodes = {}
    for path, content in files.items():
        folder = posixpath.dirname(path)
        while folder:
            folders.add(folder)
            folder = posixpath.dirname(folder)
        if content.startswith("-> "):
            nodes[path] = Node(LINK, 0, 0, 0, (1, hash((path, content))), content[3:])
        else:
            nodes[path] = Node(FILE, len(content), 1, 0o400, (1, hash((path, content))))
    return Tree(nodes, frozenset(folders))


def merge(live: Mapping[str, str], source: Mapping[str, str], *gone: str) -> list[str]:
    """The steps as text. Files of one path whose content differs are different, also if of equal size."""
    before, after = tree(live), tree(source)
    found = compare(before, after)
    steps = plan_merge(before, after, found.different | found.doubtful, gone.__contains__)
    return [f"{act} {path}" for act, path in steps]


def test_equal_trees_need_no_step() -> None:
    files = {"bin/tool": "x", f"{SITE}/tool.py": "1", "lib64": "-> lib"}

    assert merge(files, files) == []


def test_only_what_differs_is_put() -> None:
    assert merge({"a.py": "old", "b.py": "same"}, {"a.py": "new!", "b.py": "same"}) == ["put a.py"]


def test_equal_stat_of_two_files_is_doubtful() -> None:
    found = compare(tree({"a.py": "old"}), tree({"a.py": "new"}))

    assert found.different == frozenset()
    assert found.doubtful == {"a.py"}


def test_a_link_is_compared_by_its_text() -> None:
    assert merge({"bin/python": "-> /old"}, {"bin/python": "-> /new"}) == ["put bin/python"]
    assert merge({"bin/python": "-> /old"}, {"bin/python": "-> /old"}) == []


def test_bytecode_goes_before_its_module_is_replaced() -> None:
    live = {
        "p/a.py": "old",
        "p/__pycache__/a.cpython-312.pyc": "1",
        "p/__pycache__/a.cpython-312.opt-1.pyc": "1",
        "p/__pycache__/ab.cpython-312.pyc": "1",
        "p/ab.py": "same",
    }

    assert merge(live, {"p/a.py": "new!", "p/ab.py": "same"}) == [
        "delete p/__pycache__/a.cpython-312.opt-1.pyc",
        "delete p/__pycache__/a.cpython-312.pyc",
        "put p/a.py",
        "clear p/__pycache__",
    ]


def test_stale_bytecode_of_a_module_that_comes_back_goes() -> None:
    live = {"p/__pycache__/a.cpython-312.pyc": "1"}

    assert merge(live, {"p/a.py": "new"})[:2] == ["delete p/__pycache__/a.cpython-312.pyc", "put p/a.py"]


def test_new_bytecode_is_put_after_the_old_is_deleted() -> None:
    live = {"p/a.py": "old", "p/__pycache__/a.cpython-312.pyc": "old"}
    source = {"p/a.py": "new!", "p/__pycache__/a.cpython-312.pyc": "new"}

    steps = merge(live, source)

    assert steps[0] == "delete p/__pycache__/a.cpython-312.pyc"
    assert sorted(steps[1:]) == ["put p/__pycache__/a.cpython-312.pyc", "put p/a.py"]


def test_what_is_gone_is_deleted_with_its_bytecode_and_empty_folders() -> None:
    live = {"p/q/a.py": "1", "p/q/__pycache__/a.cpython-312.pyc": "1", "b.py": "1"}

    assert merge(live, {"b.py": "1"}, "p/q/a.py") == [
        "delete p/q/__pycache__/a.cpython-312.pyc",
        "delete p/q/a.py",
        "clear p/q/__pycache__",
        "clear p/q",
        "clear p",
    ]


def test_what_is_not_said_to_be_gone_stays() -> None:
    live = {"share/model.bin": "gigabytes", "p/a.py": "1", "p/__pycache__/a.pyc": "1"}

    assert merge(live, {}) == []


def test_all_bytecode_of_a_folder_without_modules_goes() -> None:
    live = {"p/a.py": "1", "p/__pycache__/a.pyc": "1", "p/__pycache__/stray-of-a-tool.nbi": "1"}

    assert "delete p/__pycache__/stray-of-a-tool.nbi" in merge(live, {}, "p/a.py")


def test_the_order_keeps_the_identity_for_the_end() -> None:
    source = {
        ".envctl/generation.json": "2",
        ".envctl/receipt": "2",
        ".envctl/inventory": "2",
        "pyvenv.cfg": "2",
        f"{SITE}/tool-2.dist-info/RECORD": "2",
        "bin/tool": "2",
        f"{SITE}/top.py": "2",
        f"{SITE}/tool/deep/a.py": "2",
    }
    live = {f"{SITE}/tool-1.dist-info/RECORD": "1", f"{SITE}/gone.py": "1"}

    steps = merge(live, source, *live)

    assert [step for step in steps if not step.startswith("folder")] == [
        f"put {SITE}/tool/deep/a.py",
        f"put {SITE}/top.py",
        "put bin/tool",
        f"put {SITE}/tool-2.dist-info/RECORD",
        "put pyvenv.cfg",
        f"delete {SITE}/tool-1.dist-info/RECORD",
        f"delete {SITE}/gone.py",
        f"clear {SITE}/tool-1.dist-info",
        "put .envctl/inventory",
        "put .envctl/receipt",
        "put .envctl/generation.json",
    ]


def test_folders_are_made_parents_first() -> None:
    steps = merge({}, {"a/b/c.py": "1"})

    assert steps == ["folder a", "folder a/b", "put a/b/c.py"]


def test_a_link_that_leads_out_is_removed_and_never_written_through() -> None:
    """Somebody linked a package to his checkout: the checkout must not be written to."""
    assert merge({"p": "-> /home/me/checkout/p"}, {"p/a.py": "1"}) == ["delete p", "folder p", "put p/a.py"]


def test_a_folder_makes_way_for_a_file() -> None:
    live = {"p/a.py": "1", "p/q/b.py": "1"}

    assert merge(live, {"p": "now a file"}) == [
        "delete p/a.py",
        "delete p/q/b.py",
        "clear p/q",
        "clear p",
        "put p",
    ]


def test_what_a_merge_changes_is_told() -> None:
    live = tree({"a": "1", "b": "1", "c": "1"})
    steps = (Step(Act.PUT, "a"), Step(Act.PUT, "new"), Step(Act.DELETE, "b"), Step(Act.CLEAR, "d"))

    assert find_changed(steps, live) == {"a", "b"}


def test_a_merge_is_taken_back_from_what_was_laid_aside_however_far_it_got() -> None:
    """Only what changes need be laid aside."""
    live = {"p/a.py": "old", "p/gone.py": "1", "p/same.py": "same", "share/data": "mine"}
    source = {"p/a.py": "new!", "p/same.py": "same", "q/b.py": "1"}
    steps = plan_merge(tree(live), tree(source), {"p/a.py", "q/b.py"}, {"p/gone.py"}.__contains__)
    before = tree({"p/a.py": "old", "p/gone.py": "1"})

    halfway = tree({**live, "q/b.py": "1"})
    done = tree({"p/a.py": "new!", "p/same.py": "same", "q/b.py": "1", "share/data": "mine"})

    assert [f"{act} {path}" for act, path in plan_undo(halfway, before, steps)] == [
        "delete q/b.py",
        "clear q",
        "clear q",
    ]
    assert [f"{act} {path}" for act, path in plan_undo(done, before, steps)] == [
        "put p/a.py",
        "put p/gone.py",
        "delete q/b.py",
        "clear q",
        "clear q",
    ]
