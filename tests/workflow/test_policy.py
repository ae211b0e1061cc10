"""Policy judges a plan by what is known, and again when every wheel is at hand."""

from __future__ import annotations

import hashlib
import os

import pytest

from envctl.errors import CheckError
from envctl.model.change import Verdict
from envctl.plan.change import Plan
from support.places import Place

HOOK = "import os; os.environ.setdefault('HOOKED', '1')\n"


@pytest.fixture
def hooked(place: Place) -> Place:
    """An index with `hook`, which runs code whenever Python starts; nothing of it is in the cache."""
    place.cache = str(place.folder.parent / "cache")
    place.publish("hook", files={"hook.pth": HOOK, "hook/__init__.py": ""})
    place.publish("paths", files={"paths.pth": "../elsewhere\n", "paths.py": ""})
    return place


def found(plan: Plan) -> list[tuple[str, str, str]]:
    return [(each.rule, each.mode, each.address) for each in plan.policy]


def not_checked(plan: Plan) -> set[str]:
    return {each.message.split("`")[1] for each in plan.diagnostics if each.code == "policy-not-checked"}


def test_a_startup_hook_of_a_wheel_that_is_not_here_yet_is_told_when_it_comes(hooked: Place) -> None:
    hooked.write("hook")

    before = hooked.plan()
    hooked.apply()

    assert found(before) == []
    assert not_checked(before) == {"startup-hooks"}
    assert hooked.notices("warning") == {
        "policy-warning": f"startup-hooks: hook runs hook.pth whenever Python starts: {HOOK.strip()}"
    }


def test_a_startup_hook_of_a_wheel_in_the_store_is_part_of_the_plan(hooked: Place) -> None:
    hooked.write("hook")
    hooked.apply()

    plan = hooked.plan()

    message = f"hook runs hook.pth whenever Python starts: {HOOK.strip()}"
    assert plan.policy == (
        Verdict(rule="startup-hooks", mode="warn", address="package.hook", message=message),
    )
    assert not_checked(plan) == set()


def test_a_denied_hook_that_comes_to_light_at_apply_changes_nothing(hooked: Place) -> None:
    hooked.write("hook", rest='[policy]\nstartup-hooks = "enforce"')

    with pytest.raises(CheckError) as caught:
        hooked.apply()

    assert caught.value.code == "policy-denied"
    assert sorted(os.listdir(hooked.folder)) == ["env.toml", "wheels"]


def test_a_denied_hook_that_is_known_is_denied_in_the_plan(hooked: Place) -> None:
    hooked.write("hook")
    hooked.apply()
    hooked.write("hook", "alpha", rest='[policy]\nstartup-hooks = "enforce"')
    shown: list[list[tuple[str, str, str]]] = []

    def confirm(plan: Plan) -> bool:
        shown.append(found(plan))
        return True

    with pytest.raises(CheckError):
        hooked.apply(confirm)

    assert shown == [[("startup-hooks", "enforce", "package.hook")]]


def test_a_hook_that_is_allowed_is_let_in(hooked: Place) -> None:
    hooked.write("hook", rest='[policy]\nstartup-hooks = { mode = "enforce", allow = ["hook"] }')

    assert hooked.apply().outcome == "applied"


def test_a_pth_that_only_adds_folders_runs_nothing(hooked: Place) -> None:
    hooked.write("paths", rest='[policy]\nstartup-hooks = "enforce"')

    hooked.apply()

    assert found(hooked.plan()) == []


def test_of_a_long_hook_only_the_beginning_is_told(hooked: Place) -> None:
    body = "# a comment\n\n" + "".join(f"line_{number} = 1\n" for number in range(9))
    hooked.publish("custom", files={"sitecustomize.py": body})
    hooked.write("custom")
    hooked.apply()

    (verdict,) = hooked.plan().policy

    assert verdict.message.endswith("line_0 = 1; line_1 = 1; line_2 = 1; and 6 more lines")


def test_nobody_looks_for_hooks_when_the_rule_is_off(hooked: Place) -> None:
    hooked.write("hook", rest='[policy]\nstartup-hooks = "off"')
    hooked.apply()

    plan = hooked.plan()

    assert (plan.policy, hooked.notices("warning")) == ((), {})


def test_a_release_that_was_yanked_when_it_was_locked_is_told(place: Place) -> None:
    place.write("alpha")
    place.apply()
    lock = place.folder / "pylock.toml"
    text = lock.read_text()
    at = text.index("[packages.tool.envctl]\n", text.rindex('name = "beta"')) + len(
        "[packages.tool.envctl]\n"
    )
    lock.write_text(f'{text[:at]}yanked = "lost data"\n{text[at:]}')

    plan = place.plan()

    assert [(each.rule, each.message) for each in plan.policy] == [
        ("yanked", "beta 1.0 was yanked: lost data")
    ]


def test_that_a_release_is_yanked_is_locked_with_it(place: Place) -> None:
    wheel = place.folder / "wheels" / "beta-1.0-py3-none-any.whl"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    anchor = f'<a href="wheels/{wheel.name}#sha256={digest}" data-yanked="lost data">{wheel.name}</a>'
    (place.folder / "page.html").write_text(f"<!DOCTYPE html><html><body>{anchor}</body></html>")
    place.write("beta==1.0")
    manifest = place.folder / "env.toml"
    manifest.write_text(manifest.read_text().replace('url = "wheels"', 'url = "page.html"'))

    plan = place.plan()

    assert [each.message for each in plan.policy] == ["beta 1.0 was yanked: lost data"]


def test_what_was_yanked_is_not_known_of_a_lock_of_another_tool(place: Place) -> None:
    place.write("alpha")
    place.apply()
    lock = (place.folder / "pylock.toml").read_text()
    (place.folder / "pylock.other.toml").write_text(lock[: lock.rindex("[tool.envctl]")])

    plan = place.plan(from_lock="pylock.other.toml")

    assert "yanked" in not_checked(plan)
