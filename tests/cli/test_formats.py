"""A plan as Markdown, annotations, HTML; documents of every kind."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from envctl.cli.show.deliver import dump
from envctl.cli.show.documents import document, result_document
from envctl.cli.show.github import plan_annotations, write_step_summary
from envctl.cli.show.html import plans_page
from envctl.cli.show.markdown import escape, plan_markdown, plans_markdown
from envctl.model.state import DriftKind
from envctl.workflow.results import Generation, Listed, Locked, Status
from support.plans import change, denied, drifted, lock_change, make_plan, remark

BIG = make_plan(
    *(change("create", f"package-{number:03}", None, "1.0") for number in range(300)),
    lock_changes=tuple(lock_change(f"package-{number:03}", None, "1.0") for number in range(300)),
    lock_text="…",
)
FULL = make_plan(
    change("update", "idna", "3.6", "3.10", flags=("major",)),
    change("no-op", "click", "8.1", "8.1"),
    drift=(drifted("flask", "lib/flask/app.py"),),
    lock_changes=(lock_change("idna", "3.6", "3.10"),),
    lock_text="…",
    policy=(denied(), denied(mode="warn", message="is yanked"), denied(waived="ours")),
    diagnostics=(remark("said", "info"),),
)


def test_markdown_is_a_table_of_what_changes() -> None:
    lines = plan_markdown(FULL).splitlines()

    assert lines[0] == "### Plan for default (.venv)"
    assert lines[2].startswith("**Plan: 1 to update; 1 change to the lock.")
    assert "| ~ | update **idna** (major) | 3.6 | 3.10 | required by requests (&#60;4,&#62;=2.5) |" in lines
    assert "- **error**: licenses: foo: GPL-3.0-only is denied" in lines
    assert "- flask: modified lib/flask/app.py" in lines
    assert not any("click" in line for line in lines)


def test_pages_and_annotations_leave_out_what_the_text_leaves_out() -> None:
    assert "said" not in plan_markdown(FULL)
    assert "said" not in plan_annotations(FULL)
    assert "said" not in plans_page([(FULL, "")])
    assert "heard" in plan_markdown(make_plan(diagnostics=(remark("heard"),)))


@pytest.mark.parametrize("limit", [0, 1, 50, 100, 200, 300, 500, 1000, 5000, 65000])
def test_markdown_never_takes_more_bytes_than_it_may(limit: int) -> None:
    assert len(plan_markdown(BIG, max_bytes=limit).encode()) <= limit
    assert len(plans_markdown([(BIG, "done"), (FULL, "")], max_bytes=limit).encode()) <= limit


def test_markdown_that_is_cut_keeps_the_summary_and_counts_what_is_left_out() -> None:
    text = plan_markdown(BIG, max_bytes=4000)

    rows = sum(line.startswith("| +") for line in text.splitlines())
    assert "**Plan: 300 to create" in text
    assert f"*{600 - rows} lines more; `--json` has all.*" in text


def test_markdown_that_fits_is_whole() -> None:
    assert plan_markdown(BIG, max_bytes=10**6) == plan_markdown(BIG)


@pytest.mark.parametrize(
    "hostile",
    [
        "a | b",
        "**bold**",
        "[x](http://evil)",
        "<img src=x>",
        "@everyone",
        "#1",
        "`code`",
        "www.evil",
        "~~x~~",
        "\x1b[1m",
    ],
)
def test_nothing_in_a_reason_is_markup_in_markdown(hostile: str) -> None:
    shown = escape(hostile)

    assert not set(shown) & set("|*`<>[]@~\\\x1b") or "\x1b" in hostile
    assert "\x1b" not in shown
    assert "://" not in shown
    assert "www." not in shown


def test_annotations_say_the_plan_in_short_and_each_finding() -> None:
    lines = plan_annotations(FULL, "Applied.").splitlines()

    assert lines[0].startswith("::notice title=Plan for default::Plan: 1 to update; 1 change to the lock.")
    assert lines[0].endswith("update idna, up idna")
    assert "::warning title=Drift::flask: 1 not as they were put" in lines
    assert "::error title=Plan for default::licenses: foo: GPL-3.0-only is denied" in lines
    assert lines[-1] == "::notice title=Plan for default::Applied."


def test_an_annotation_cannot_begin_another_command() -> None:
    text = plan_annotations(make_plan(diagnostics=(remark("50% done\n::error::forged"),)))

    assert r"50%25 done\x0a::error::forged" in text
    assert not any(line.startswith("::error") for line in text.splitlines())


def test_the_page_of_the_step_is_added_to(tmp_path: Path) -> None:
    page = tmp_path / "summary.md"
    page.write_text("before\n")

    write_step_summary([(FULL, "")], {"GITHUB_STEP_SUMMARY": str(page)})

    assert page.read_text().startswith("before\n### Plan for default")


def test_without_a_step_nothing_is_written() -> None:
    write_step_summary([(FULL, "")], {})


class Page(HTMLParser):
    """What a browser would run or fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(text: str) -> Page:
    page = Page()
    page.feed(text)
    return page


def test_the_page_shows_the_plan() -> None:
    page = _read(plans_page([(FULL, "Applied.")]))

    for words in (
        "Plan for default",
        "idna (major)",
        "3.6",
        "3.10",
        "GPL-3.0-only is denied",
        "app.py",
        "Applied.",
    ):
        assert words in page.text


def test_the_page_needs_nothing_else() -> None:
    page = _read(plans_page([(FULL, "")]))

    assert not {"script", "img", "link", "iframe", "object"} & set(page.tags)
    assert not {"src", "href", "onload", "onerror", "action"} & set(page.attributes)


def test_nothing_in_a_plan_is_markup_in_the_page() -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=y>\" 'z' \x1b"
    plan = make_plan(change("create", "x", None, "1", why=hostile), diagnostics=(remark(hostile),))

    page = _read(plans_page([(plan, hostile)]))

    assert not {"script", "img"} & set(page.tags)
    assert page.text.count("<script>alert(1)</script>") == 3
    assert "\x1b" not in page.text


def test_a_document_holds_the_fields_of_its_value() -> None:
    locked = Locked(
        path="pylock.toml", fresh=False, written=True, packages=1, changes=(lock_change("a", None, "1"),)
    )

    assert result_document("lock", locked) == {
        "format_version": "1.0",
        "kind": "envctl.lock",
        "path": "pylock.toml",
        "fresh": False,
        "written": True,
        "packages": 1,
        "changes": [
            {
                "name": "a",
                "before": None,
                "after": "1",
                "kind": "added",
                "reason": "",
                "step": "",
                "differs": [],
                "direct": False,
                "required_by": [],
                "uploaded_before": None,
                "uploaded_after": None,
                "size_before": None,
                "size_after": None,
            }
        ],
        "manifest_changes": [],
    }


def test_enumerations_and_nested_values_become_plain_json() -> None:
    status = Status(
        name="default", path=".venv", python=None, generation=None, lock="fits", environment="differs",
        drift=(drifted("a", "a.py"),),
    )  # fmt: skip

    made = result_document("status", status, fits=status.fits)

    assert made["drift"] == [
        {"address": "package.a", "kind": DriftKind.MODIFIED.value, "path": "a.py", "detail": ""}
    ]
    assert made["fits"] is False
    assert json.loads(json.dumps(made)) == made


def test_several_values_stand_in_a_list_of_the_document() -> None:
    generation = Generation(
        number=1, time="t", command="apply", python="3.11", packages=0, live=True, kept=True
    )
    listed = Listed(name="a", version="1", direct=True, foreign=False, source="index")

    made = document("history", generations=(generation,), packages=(listed,), names=frozenset({"b", "a"}))

    assert made["generations"][0]["live"] is True
    assert made["packages"][0]["source"] == "index"
    assert made["names"] == ["a", "b"]


@pytest.mark.parametrize("output_format", ["json", "yaml"])
def test_documents_are_ascii_whatever_they_hold(output_format: str) -> None:
    text = dump(document("list", name="\u202e\x1b[1mé\x85"), output_format)

    assert text.isascii()
    assert "\x1b" not in text
