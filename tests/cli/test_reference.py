"""The reference pages say what the code does."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from envctl.cli.codes import explain_codes
from envctl.cli.reference import PAGES, TABLES

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "envctl"
KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

#: Where the code stands among the arguments of what is no error.
_OTHERS = {"refuse": 0, "Notice": 1, "Diagnostic": 1}


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(name):
            return name
        case ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _code_arguments(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = _called(node)
        is_ours = name.endswith("Error") and not hasattr(builtins, name)
        place = 0 if is_ours else _OTHERS.get(name)
        if place is None:
            continue
        yield from node.args[place : place + 1]
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")


def codes_in_source() -> dict[str, str]:
    """Find the codes that the source raises or tells, with a file that does."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for argument in _code_arguments(ast.parse(path.read_text(encoding="utf-8"))):
            for each in (argument.body, argument.orelse) if isinstance(argument, ast.IfExp) else (argument,):
                if (
                    isinstance(each, ast.Constant)
                    and isinstance(each.value, str)
                    and KEBAB.fullmatch(each.value)
                ):
                    found[each.value] = str(path.relative_to(ROOT))
    return found


def test_every_code_that_is_raised_is_explained() -> None:
    unexplained = {code: path for code, path in codes_in_source().items() if code not in explain_codes()}

    assert unexplained == {}


def test_nothing_is_explained_that_the_source_never_says() -> None:
    # Some are put together (`unknown-group`, `path-unusable`), so their parts are looked for.
    texts = [path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py") if path.name != "codes.py"]
    source = "\n".join(texts)

    def is_said(code: str) -> bool:
        first, _, last = code.partition("-")
        return (
            f'"{code}"' in source
            or f"[{code}]" in source
            or f'f"{first}-{{' in source
            or f'}}-{last}"' in source
        )

    assert [code for code in explain_codes() if not is_said(code)] == []


def test_each_explanation_is_whole_sentences() -> None:
    for code, text in explain_codes().items():
        assert text.endswith("."), code
        assert text[0].isupper() or text.startswith(("envctl", "`")), code


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_are_what_the_code_makes_of_them(page: str) -> None:
    """Run docs/generate.py when this fails."""
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == PAGES[page]()


@pytest.mark.parametrize("page", TABLES)
def test_the_tables_in_pages_are_what_the_code_makes_of_them(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")

    assert TABLES[page](text) == text
