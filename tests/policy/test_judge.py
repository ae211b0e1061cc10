"""What policy says of a plan, rule by rule, with settings as the manifest's parser makes them."""

from __future__ import annotations

from datetime import date

import pytest

from envctl.manifest.parse import parse
from envctl.model.artifact import Archive, Artifact, Checkout, Directory, Sdist, Wheel
from envctl.model.change import Verdict
from envctl.model.selection import Selection
from envctl.model.tables import PolicySettings
from envctl.plan.change import Change
from envctl.plan.decide import decide
from envctl.policy.facts import Facts, HookFile
from envctl.policy.judge import diagnose, find_next_turn, judge
from envctl.policy.rules import RULES
from plan.builders import a_pin, a_selection, a_state, a_wheel, an_interpreter, installed

TODAY = date(2026, 3, 10)


def settings(policy: str) -> PolicySettings:
    text = f'python = ">=3.11"\n[policy]\n{policy}\n'
    return parse(text.encode(), path="/shop/env.toml").policy


def verdicts(
    policy: str,
    selection: Selection,
    *,
    facts: Facts | None = None,
    changes: tuple[Change, ...] = (),
    today: date = TODAY,
) -> tuple[Verdict, ...]:
    return judge(changes, selection, facts or Facts(), settings(policy), today)


def denied(policy: str, *artifacts: Artifact) -> list[str]:
    """Name the packages that a policy is against; they are called a, b, c …"""
    names = "abcdefgh"[: len(artifacts)]
    selection = a_selection(
        *(a_pin(name, artifact=artifact) for name, artifact in zip(names, artifacts, strict=True))
    )
    return [verdict.address.removeprefix("package.") for verdict in verdicts(policy, selection)]


def uploaded(moment: str | None, *, index: str | None = "main") -> Wheel:
    return Wheel(filename="a-1.0-py3-none-any.whl", hashes={"sha256": "1"}, upload_time=moment, index=index)


def test_a_verdict_says_rule_mode_address_and_why() -> None:
    (verdict,) = verdicts('packages = { mode = "enforce", deny = ["evil"] }', a_selection(a_pin("evil")))

    assert verdict == Verdict(
        rule="packages", mode="enforce", address="package.evil", message="evil is denied", waived=None
    )


def test_verdicts_are_sorted_whatever_the_order_of_pins() -> None:
    policy = 'packages = { mode = "warn", deny = ["*"] }'
    there, back = a_selection(a_pin("a"), a_pin("b")), a_selection(a_pin("b"), a_pin("a"))

    assert verdicts(policy, there) == verdicts(policy, back)
    assert [verdict.address for verdict in verdicts(policy, back)] == ["package.a", "package.b"]


def test_rules_that_are_off_say_nothing() -> None:
    policy = "\n".join(f'{rule} = "off"' for rule in RULES)
    selection = a_selection(a_pin("a", artifact=Sdist(filename="a.tar.gz", hashes={})))
    facts = Facts(yanked={"a": ""}, hooks={"a": (HookFile("a.pth", ("import a",)),)})

    assert verdicts(policy, selection, facts=facts) == ()


class TestPackages:
    def test_deny_goes_before_allow(self) -> None:
        selection = a_selection(a_pin("acme-core"), a_pin("acme-evil"), a_pin("other"))

        found = verdicts(
            'packages = { mode = "enforce", allow = ["Acme_*"], deny = ["acme-evil"] }', selection
        )

        assert [(verdict.address, verdict.message) for verdict in found] == [
            ("package.acme-evil", "acme-evil is denied"),
            ("package.other", "other is not among the packages that are allowed"),
        ]

    def test_an_empty_allow_allows_nothing(self) -> None:
        assert verdicts('packages = { mode = "enforce", allow = [] }', a_selection(a_pin("a")))


class TestIndexes:
    def test_only_what_comes_from_an_allowed_index_is_let_in(self) -> None:
        assert denied(
            'indexes = { mode = "enforce", allow = ["acme*"] }',
            uploaded(None, index="acme-main"),
            uploaded(None, index="other"),
        ) == ["b"]

    def test_a_denied_index_is_not_let_in(self) -> None:
        assert denied(
            'indexes = { mode = "enforce", deny = ["bad"] }',
            uploaded(None, index="good"),
            uploaded(None, index="bad"),
        ) == ["b"]

    def test_a_direct_url_does_not_slip_past(self) -> None:
        assert denied(
            'indexes = { mode = "enforce", allow = ["main", "https://git.acme.example/*"] }',
            Archive(url="https://elsewhere.example/a.whl", hashes={}),
            Checkout(vcs="git", url="https://git.acme.example/b.git", commit="1"),
            Checkout(vcs="git", url="https://elsewhere.example/c.git", commit="1"),
        ) == ["a", "c"]

    def test_an_index_that_nobody_names_is_not_an_allowed_one(self) -> None:
        wheel = Wheel(filename="a-1.0-py3-none-any.whl", url="https://x.example/a.whl", hashes={})

        assert denied('indexes = { mode = "enforce", allow = ["main"] }', wheel) == ["a"]

    def test_what_lies_on_this_machine_is_the_authors_own(self) -> None:
        folder = Directory(path="/p", display_path=".", editable=True, metadata_digest="1")

        assert (
            denied('indexes = { mode = "enforce", allow = [] }', folder, Archive(path="/a.whl", hashes={}))
            == []
        )


class TestAges:
    @pytest.mark.parametrize(
        ("moment", "is_denied"),
        [
            ("2026-03-03T00:00:00Z", False),
            ("2026-03-04T00:00:00Z", True),
            ("2026-03-04T01:00:00+05:00", False),
            ("2026-03-04T00:00:00", True),
            ("nonsense", True),
            (None, True),
        ],
    )
    def test_a_release_must_have_been_there_for_so_long(self, *, moment: str | None, is_denied: bool) -> None:
        policy = 'min-age = { mode = "enforce", age = "7 days" }'

        assert bool(denied(policy, uploaded(moment))) is is_denied

    @pytest.mark.parametrize(
        ("moment", "is_denied"),
        [("2026-03-03T00:00:00Z", False), ("2026-03-02T00:00:00Z", True), (None, True)],
    )
    def test_a_release_must_not_be_older(self, *, moment: str | None, is_denied: bool) -> None:
        policy = 'max-age = { mode = "enforce", age = "1 week" }'

        assert bool(denied(policy, uploaded(moment))) is is_denied

    def test_hours_count_as_whole_days(self) -> None:
        policy = 'min-age = { mode = "enforce", age = "25 hours" }'

        assert denied(policy, uploaded("2026-03-09T00:00:00Z"), uploaded("2026-03-08T00:00:00Z")) == ["a"]

    def test_what_comes_from_no_index_has_no_age(self) -> None:
        policy = 'min-age = { mode = "enforce", age = "7 days" }'

        assert denied(policy, Checkout(vcs="git", url="https://x.example", commit="1")) == []

    def test_names_can_be_let_in_earlier(self) -> None:
        policy = 'min-age = { mode = "enforce", age = "7 days", allow = ["A"] }'

        assert denied(policy, uploaded(None), uploaded(None)) == ["b"]


class TestNextTurn:
    SELECTION = a_selection(a_pin("a", artifact=uploaded("2026-03-08T12:00:00Z")))

    def turn(self, policy: str, today: date) -> date | None:
        return find_next_turn(self.SELECTION, settings(policy), today)

    def test_nothing_turns_without_a_rule_that_looks_at_the_day(self) -> None:
        assert self.turn('yanked = "enforce"', TODAY) is None

    @pytest.mark.parametrize(
        ("policy", "today", "turn"),
        [
            ('min-age = { mode = "enforce", age = "7 days" }', date(2026, 3, 10), date(2026, 3, 15)),
            ('min-age = { mode = "enforce", age = "7 days" }', date(2026, 3, 15), None),
            ('max-age = { mode = "enforce", age = "7 days" }', date(2026, 3, 10), date(2026, 3, 16)),
            ('max-age = { mode = "enforce", age = "7 days" }', date(2026, 3, 16), None),
        ],
    )
    def test_a_verdict_is_the_same_until_that_day_and_another_on_it(
        self, policy: str, today: date, turn: date | None
    ) -> None:
        assert self.turn(policy, today) == turn
        if turn is not None:
            eve = date.fromordinal(turn.toordinal() - 1)
            before = verdicts(policy, self.SELECTION, today=today)
            assert verdicts(policy, self.SELECTION, today=eve) == before
            assert verdicts(policy, self.SELECTION, today=turn) != before

    def test_a_waiver_turns_on_the_day_after_its_last(self) -> None:
        policy = 'waive = [{ rule = "yanked", package = "a", reason = "ours", until = 2026-03-12 }]'

        assert self.turn(policy, TODAY) == date(2026, 3, 13)
        assert self.turn(policy, date(2026, 3, 13)) is None


class TestOtherRules:
    def test_source_archives_are_named(self) -> None:
        assert denied(
            'sdists = "enforce"',
            Sdist(filename="a-1.0.tar.gz", hashes={}),
            a_wheel("b", "1.0"),
            Archive(url="https://x.example/c-1.0.zip", hashes={}),
            Archive(url="https://x.example/d-1.0-py3-none-any.whl", hashes={}),
            Directory(path="/e", display_path="e", editable=False, metadata_digest="1"),
        ) == ["a", "c"]

    def test_a_yanked_file_is_told_with_its_reason(self) -> None:
        found = verdicts(
            "", a_selection(a_pin("a"), a_pin("b")), facts=Facts(yanked={"a": "broken", "b": ""})
        )

        assert [(verdict.mode, verdict.message) for verdict in found] == [
            ("warn", "a 1.0 was yanked: broken"),
            ("warn", "b 1.0 was yanked"),
        ]

    def test_a_startup_hook_is_shown_with_its_lines(self) -> None:
        hooks = {"a": (HookFile("a.pth", ("import os", "os.system('x')")),), "b": ()}

        (verdict,) = verdicts("", a_selection(a_pin("a"), a_pin("b")), facts=Facts(hooks=hooks))

        assert verdict.message == "a runs a.pth whenever Python starts: import os; os.system('x')"

    def test_a_startup_hook_may_be_allowed_by_name(self) -> None:
        hooks = {"setuptools": (HookFile("distutils-precedence.pth", ("import os",)),)}
        policy = 'startup-hooks = { mode = "enforce", allow = ["setuptools"] }'

        assert verdicts(policy, a_selection(a_pin("setuptools")), facts=Facts(hooks=hooks)) == ()

    def test_the_hook_of_a_path_source_is_the_authors_own(self) -> None:
        folder = Directory(path="/p", display_path=".", editable=True, metadata_digest="1")
        hooks = {"shop": (HookFile("__editable__.shop.pth", ("import x",)),)}

        assert verdicts("", a_selection(a_pin("shop", artifact=folder)), facts=Facts(hooks=hooks)) == ()

    def test_a_large_download_is_told(self) -> None:
        assert denied(
            'size = { mode = "enforce", max = "1 kB" }',
            a_wheel("a", "1.0", size=1000),
            a_wheel("b", "1.0", size=1001),
            a_wheel("c", "1.0", size=None),
        ) == ["b"]

    def test_a_step_back_is_told(self) -> None:
        state = a_state(installed(a_pin("a", "2.0")), installed(a_pin("b", "2.0")), python="3.11.9")
        selection = a_selection(a_pin("a", "1.0"), a_pin("b", "2.1"))
        changes = decide(selection, state, interpreter=an_interpreter(), prune="all")

        found = verdicts('downgrades = "enforce"', selection, changes=changes)

        assert [(verdict.address, verdict.message) for verdict in found] == [
            ("package.a", "a goes from 2.0 back to 1.0"),
            ("python", "python goes from 3.11.9 back to 3.11.7"),
        ]


class TestWaivers:
    POLICY = 'packages = {{ mode = "enforce", deny = ["a", "b"] }}\nwaive = [{{ {} }}]'

    def waived(self, waiver: str) -> list[str | None]:
        selection = a_selection(a_pin("a"), a_pin("b"))
        return [verdict.waived for verdict in verdicts(self.POLICY.format(waiver), selection)]

    def test_a_waiver_covers_one_package_and_one_rule(self) -> None:
        assert self.waived('rule = "packages", package = "A", reason = "ours"') == ["ours", None]
        assert self.waived('rule = "size", package = "a", reason = "ours"') == [None, None]

    @pytest.mark.parametrize(("until", "waived"), [("2026-03-10", "ours"), ("2026-03-09", None)])
    def test_a_waiver_holds_on_its_last_day_and_no_longer(self, until: str, waived: str | None) -> None:
        waiver = f'rule = "packages", package = "a", reason = "ours", until = {until}'

        assert self.waived(waiver) == [waived, None]

    def test_a_waiver_that_is_over_is_told(self) -> None:
        waiver = 'rule = "packages", package = "a", reason = "ours", until = 2026-03-09'

        found = diagnose(settings(self.POLICY.format(waiver)), today=TODAY)

        assert ("warning", "waiver-expired") in [(each.level, each.code) for each in found]


class TestNotChecked:
    KNOWN = Facts(yanked={}, hooks={"a": ()})

    def told(self, policy: str, facts: Facts, names: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        found = diagnose(settings(policy), facts=facts, names=names)
        assert {each.code for each in found} <= {"policy-not-checked"}
        return [(each.level, each.message.split("`")[1]) for each in found]

    @pytest.mark.parametrize("rule", ["licenses", "vulnerabilities", "attestations", "archived"])
    def test_a_rule_without_facts_is_a_warning_when_it_is_enforced(self, rule: str) -> None:
        assert ("warning", rule) in self.told(f'{rule} = "enforce"', self.KNOWN)

    @pytest.mark.parametrize("rule", ["licenses", "vulnerabilities", "attestations"])
    def test_a_rule_without_facts_is_a_warning_when_it_warns(self, rule: str) -> None:
        assert ("warning", rule) in self.told(f'{rule} = "warn"', self.KNOWN)

    def test_what_is_on_by_default_is_only_mentioned(self) -> None:
        assert self.told("", Facts()) == [("info", "archived"), ("info", "startup-hooks"), ("info", "yanked")]

    def test_what_the_manifest_configures_is_more_than_mentioned(self) -> None:
        assert ("warning", "archived") in self.told('archived = { mode = "warn", allow = ["a"] }', self.KNOWN)

    def test_what_was_checked_is_not_mentioned(self) -> None:
        assert self.told('archived = "off"', self.KNOWN, ("a",)) == []

    def test_a_wheel_that_nobody_looked_into_is_named(self) -> None:
        found = diagnose(settings('startup-hooks = "enforce"'), facts=self.KNOWN, names=("a", "b"))

        (message,) = [each.message for each in found if "startup-hooks" in each.message]
        assert "of b are not here yet" in message

    def test_enforcing_a_rule_that_nobody_gathers_facts_for_is_a_warning(self) -> None:
        assert ("warning", "yanked") in self.told('yanked = "enforce"', Facts())

    @pytest.mark.parametrize("rule", ["packages", "indexes", "min-age", "max-age", "size"])
    def test_a_rule_that_has_nothing_to_judge_by_is_a_warning(self, rule: str) -> None:
        assert ("warning", rule) in self.told(f'{rule} = "enforce"', self.KNOWN)
