"""What a plan says of each difference, one by one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from envctl.errors import MachineError
from envctl.model.artifact import Archive, Artifact, Checkout, Directory, Sdist
from envctl.model.selection import Pin, Selection
from envctl.model.state import Drift, DriftKind, ForeignFile, Owner, State
from envctl.plan.change import Action, Change, ReasonKind
from envctl.plan.decide import decide
from plan.builders import (
    a_pin,
    a_selection,
    a_state,
    a_wheel,
    an_interpreter,
    foreign,
    installed,
    nothing,
)

ARTIFACTS: dict[str, Artifact] = {
    "archive": Archive(url="https://x.example/a.zip", hashes={"sha256": "1", "sha512": "2"}),
    "checkout": Checkout(vcs="git", url="https://x.example/a.git", commit="abc", subdirectory="py"),
    "editable": Directory(path="/p/a b", display_path="../a b", editable=True, metadata_digest="1"),
    "directory": Directory(path="/p/a b", display_path="../a b", editable=False, metadata_digest="1"),
    "drive": Directory(path="C:\\p\\a", display_path="../a", editable=False, metadata_digest="1"),
    "sdist": Sdist(filename="flask-1.0.tar.gz", hashes={"sha256": "1"}),
}
DOCUMENTS: dict[str, dict[str, object] | None] = {
    "archive": {"url": "https://y.example/a.zip", "archive_info": {"hashes": {"sha256": "1"}}},
    "checkout": {
        "url": "https://x.example/a.git",
        "subdirectory": "py",
        "vcs_info": {"vcs": "git", "commit_id": "abc"},
    },
    "editable": {"url": "file:///p/a%20b", "dir_info": {"editable": True}},
    "directory": {"url": "file:///p/a%20b/", "dir_info": {}},
    "drive": {"url": "file:///C:/p/a", "dir_info": {}},
    "sdist": None,
}


def plan(
    selection: Selection, state: State, *, prune: str = "all", **options: frozenset[str]
) -> dict[str, Change]:
    changes = decide(selection, state, interpreter=an_interpreter(), prune=prune, **options)
    return {change.address: change for change in changes}


def kinds(change: Change) -> list[ReasonKind]:
    return [reason.kind for reason in change.reasons]


def test_into_nothing_everything_is_created() -> None:
    changes = plan(a_selection(a_pin("idna")), nothing())

    assert {change.action for change in changes.values()} == {Action.CREATE}
    assert set(changes) == {"environment", "python", "package.idna"}


def test_what_is_right_is_a_no_op_that_says_who_wants_it() -> None:
    pin = a_pin("idna", required_by=("env.toml", "requests (<4,>=2.5)"), requested=True)

    change = plan(a_selection(pin), a_state(installed(pin)))["package.idna"]

    assert change.action is Action.NO_OP
    assert [(reason.kind, reason.text) for reason in change.reasons] == [
        (ReasonKind.MANIFEST, "asked for by env.toml"),
        (ReasonKind.REQUIRED, "required by requests (<4,>=2.5)"),
    ]
    assert change.direct


def test_another_version_is_an_update_because_the_lock_changed() -> None:
    pin = a_pin("idna", "3.10", required_by=("requests (<4,>=2.5)",))

    change = plan(a_selection(pin), a_state(installed(a_pin("idna", "3.6"))))["package.idna"]

    assert change.action is Action.UPDATE
    assert [(reason.kind, reason.text) for reason in change.reasons] == [
        (ReasonKind.LOCK_CHANGED, "required by requests (<4,>=2.5)")
    ]
    assert (change.before and change.before.version, change.after and change.after.version) == ("3.6", "3.10")


def test_the_after_side_tells_where_the_bytes_come_from() -> None:
    wheel = a_wheel("idna", "3.10", size=61200)

    side = plan(a_selection(a_pin("idna", "3.10", artifact=wheel)), nothing())["package.idna"].after

    assert side is not None
    assert (side.url, side.hashes, side.size) == (wheel.url, wheel.hashes, 61200)


@pytest.mark.parametrize(
    ("before", "after", "flags"),
    [
        ("1.9", "2.0", ("major",)),
        ("1.1", "1.2", ()),
        ("0.1", "0.2", ("major",)),
        ("0.1.1", "0.1.2", ()),
        ("1!1.0", "2!1.0", ("major",)),
        ("2.0", "1.0", ("downgrade", "major")),
        ("1.2", "1.1", ("downgrade",)),
        ("1.0", "1.1rc1", ("prerelease",)),
        ("unreadable", "1.1", ()),
    ],
)
def test_risky_steps_are_flagged(before: str, after: str, flags: tuple[str, ...]) -> None:
    change = plan(a_selection(a_pin("idna", after)), a_state(installed(a_pin("idna", before))))[
        "package.idna"
    ]

    assert change.flags == flags


def test_versions_that_are_written_differently_are_one() -> None:
    wheel = a_wheel("idna", "1.0")
    state = a_state(installed(a_pin("idna", "1.0.0", artifact=wheel)))

    assert (
        plan(a_selection(a_pin("idna", "1.0", artifact=wheel)), state)["package.idna"].action is Action.NO_OP
    )


def test_the_same_version_from_another_file_is_an_update_of_the_source() -> None:
    old = a_pin("idna", artifact=a_wheel("idna", "1.0", build="1"))
    new = a_pin("idna", artifact=a_wheel("idna", "1.0", build="2"))

    change = plan(a_selection(new), a_state(installed(old)))["package.idna"]

    assert change.action is Action.UPDATE
    assert kinds(change) == [ReasonKind.SOURCE_CHANGED]


def test_an_editable_project_is_flagged() -> None:
    folder = Directory(path="/p", display_path=".", editable=True, metadata_digest="sha256:1")

    change = plan(a_selection(a_pin("shop", None, artifact=folder)), nothing())["package.shop"]

    assert change.flags == ("editable",)


def test_a_plan_about_a_folder_is_the_same_in_every_checkout() -> None:
    def plan_in(checkout: str) -> dict[str, Change]:
        folder = Directory(path=checkout, display_path=".", editable=True, metadata_digest="sha256:1")
        old = Directory(path=checkout, display_path=".", editable=True, metadata_digest="sha256:0")
        state = a_state(
            replace(
                installed(a_pin("shop", "1.0", artifact=old)),
                direct_url=json.dumps({"url": f"file://{checkout}", "dir_info": {"editable": True}}),
            )
        )
        return plan(a_selection(a_pin("shop", None, artifact=folder)), state)

    assert plan_in("/home/one/shop") == plan_in("/home/two/my shop")


def test_a_folder_is_right_whatever_version_its_backend_gave_it() -> None:
    folder = Directory(path="/p", display_path=".", editable=True, metadata_digest="sha256:1")
    pin = a_pin("shop", None, artifact=folder)

    assert plan(a_selection(pin), a_state(installed(pin)))["package.shop"].action is Action.NO_OP


def test_new_metadata_of_a_folder_lays_it_anew() -> None:
    old = a_pin(
        "shop", None, artifact=Directory(path="/p", display_path=".", editable=True, metadata_digest="1")
    )
    new = a_pin(
        "shop", None, artifact=Directory(path="/p", display_path=".", editable=True, metadata_digest="2")
    )

    change = plan(a_selection(new), a_state(installed(old)))["package.shop"]

    assert (change.action, kinds(change)) == (Action.UPDATE, [ReasonKind.SOURCE_CHANGED])
    assert change.reasons[0].text == "its metadata files changed; asked for by env.toml"


@pytest.mark.parametrize(
    "before",
    [
        Directory(path="/q", display_path="../q", editable=True, metadata_digest="1"),
        Directory(path="/p", display_path=".", editable=False, metadata_digest="1"),
        a_wheel("shop", "1.0"),
    ],
)
def test_a_folder_that_was_another_or_was_laid_otherwise_is_named(before: Artifact) -> None:
    new = Directory(path="/p", display_path=".", editable=True, metadata_digest="2")

    change = plan(
        a_selection(a_pin("shop", None, artifact=new)), a_state(installed(a_pin("shop", artifact=before)))
    )["package.shop"]

    assert change.reasons[0].text == "now from . (editable); asked for by env.toml"


@pytest.mark.parametrize(
    ("subdirectory", "told"),
    [
        (None, "https://x.example/shop-1.0.zip changed"),
        ("py", "now from https://x.example/shop-1.0.zip"),
    ],
)
def test_an_archive_that_lies_where_it_did_has_changed(subdirectory: str | None, told: str) -> None:
    url = "https://x.example/shop-1.0.zip"
    new = Archive(url=url, hashes={"sha256": "2"}, subdirectory=subdirectory)
    old = a_pin("shop", artifact=Archive(url=url, hashes={"sha256": "1"}))
    there = replace(installed(old), direct_url=json.dumps({"url": url, "archive_info": {}}))

    change = plan(a_selection(a_pin("shop", artifact=new)), a_state(there))["package.shop"]

    assert change.reasons[0].text == f"{told}; asked for by env.toml"


def test_drifted_files_are_replaced_and_named() -> None:
    pin = a_pin("flask")
    drift = [
        Drift(address="package.flask", kind=DriftKind.MODIFIED, path="flask/app.py"),
        Drift(address="package.flask", kind=DriftKind.MISSING, path="flask/views.py"),
    ]

    change = plan(a_selection(pin), a_state(installed(pin), drift=drift))["package.flask"]

    assert change.action is Action.REPLACE
    assert [(reason.kind, reason.text) for reason in change.reasons] == [
        (ReasonKind.DRIFT, "flask/app.py was modified, and 1 more")
    ]


def test_a_distribution_that_is_not_intact_is_replaced_without_a_line_of_drift() -> None:
    pin = a_pin("flask")

    change = plan(a_selection(pin), a_state(installed(pin, intact=False)))["package.flask"]

    assert (change.action, kinds(change)) == (Action.REPLACE, [ReasonKind.DRIFT])


def test_a_version_that_somebody_swapped_is_drift_not_a_change_of_the_lock() -> None:
    drift = [
        Drift(
            address="package.flask",
            kind=DriftKind.VERSION,
            path="flask-3.0.dist-info",
            detail="3.0 instead of 2.0, installed by pip",
        )
    ]

    change = plan(a_selection(a_pin("flask", "2.0")), a_state(foreign("flask", "3.0"), drift=drift))[
        "package.flask"
    ]

    assert change.action is Action.UPDATE
    assert [(reason.kind, reason.text) for reason in change.reasons] == [
        (ReasonKind.DRIFT, "was replaced: 3.0 instead of 2.0, installed by pip")
    ]


def test_a_version_that_somebody_swapped_is_right_once_the_lock_wants_it() -> None:
    drift = [Drift(address="package.flask", kind=DriftKind.VERSION, path="flask-3.0.dist-info")]

    change = plan(a_selection(a_pin("flask", "3.0")), a_state(foreign("flask", "3.0"), drift=drift))

    assert change["package.flask"].action is Action.NO_OP


def test_a_distribution_that_somebody_removed_is_created_as_missing() -> None:
    drift = [Drift(address="package.flask", kind=DriftKind.MISSING, path="flask-1.0.dist-info")]

    change = plan(a_selection(a_pin("flask")), a_state(drift=drift))["package.flask"]

    assert change.action is Action.CREATE
    assert kinds(change) == [ReasonKind.MISSING, ReasonKind.MANIFEST]


@pytest.mark.parametrize("prune", ["all", "managed", "never"])
def test_what_is_left_of_a_removed_distribution_that_nobody_wants_goes(prune: str) -> None:
    drift = [Drift(address="package.flask", kind=DriftKind.MISSING, path="flask-1.0.dist-info")]

    change = plan(a_selection(), a_state(drift=drift), prune=prune)["package.flask"]

    assert change.action is Action.DELETE
    assert kinds(change) == [ReasonKind.NO_LONGER_REQUIRED, ReasonKind.DRIFT]


def test_reinstall_replaces_what_is_right() -> None:
    pin = a_pin("flask")

    change = plan(a_selection(pin), a_state(installed(pin)), reinstall=frozenset({"flask"}))["package.flask"]

    assert (change.action, kinds(change)) == (Action.REPLACE, [ReasonKind.REQUESTED])


class TestWhoeverInstalledIt:
    def test_the_right_version_from_some_index_is_right(self) -> None:
        change = plan(a_selection(a_pin("flask")), a_state(foreign("flask")))["package.flask"]

        assert change.action is Action.NO_OP

    def test_files_that_differ_from_its_record_are_replaced(self) -> None:
        change = plan(a_selection(a_pin("flask")), a_state(foreign("flask", intact=False)))["package.flask"]

        assert (change.action, kinds(change)) == (Action.REPLACE, [ReasonKind.DRIFT])

    @pytest.mark.parametrize("wanted", ARTIFACTS)
    @pytest.mark.parametrize("found", DOCUMENTS)
    def test_only_the_same_direct_url_is_the_same_origin(self, wanted: str, found: str) -> None:
        """PEP 610: an archive is known by its hashes, a checkout by its commit, a folder by its path."""
        document = DOCUMENTS[found]
        text = None if document is None else json.dumps(document)
        pin = a_pin("flask", artifact=ARTIFACTS[wanted])

        change = plan(a_selection(pin), a_state(foreign("flask", direct_url=text)))["package.flask"]

        expected = Action.NO_OP if wanted == found else Action.UPDATE
        assert change.action is expected

    @pytest.mark.parametrize(
        ("artifact", "text"),
        [
            (
                ARTIFACTS["archive"],
                '{"url": "https://x.example/a.zip", "archive_info": {"hash": "sha256=1"}}',
            ),
        ],
    )
    def test_the_old_form_of_an_archives_hash_is_read(self, artifact: Artifact, text: str) -> None:
        pin = a_pin("flask", artifact=artifact)

        change = plan(a_selection(pin), a_state(foreign("flask", direct_url=text)))["package.flask"]

        assert change.action is Action.NO_OP

    @pytest.mark.parametrize(
        "text",
        [
            "not json",
            "[]",
            '{"url": 1, "archive_info": {}}',
            '{"url": "https://x.example/a.zip"}',
            '{"url": "https://x.example/a.zip", "archive_info": {}}',
            '{"url": "https://x.example/a.zip", "archive_info": {"hashes": {"sha256": "1", "sha512": "3"}}}',
            '{"url": "https://x.example/a.zip", "archive_info": {"hashes": {"sha256": "1"}}, "subdirectory": "x"}',
        ],
    )
    def test_an_archive_that_cannot_be_told_is_another(self, text: str) -> None:
        pin = a_pin("flask", artifact=ARTIFACTS["archive"])

        change = plan(a_selection(pin), a_state(foreign("flask", direct_url=text)))["package.flask"]

        assert change.action is Action.UPDATE

    def test_another_commit_is_another_origin(self) -> None:
        text = json.dumps({"url": "https://x.example/a.git", "vcs_info": {"vcs": "git", "commit_id": "abd"}})
        pin = a_pin("flask", artifact=Checkout(vcs="git", url="https://x.example/a.git", commit="abc"))

        change = plan(a_selection(pin), a_state(foreign("flask", direct_url=text)))["package.flask"]

        assert kinds(change) == [ReasonKind.SOURCE_CHANGED]

    def test_a_bare_digest_names_a_wheel_too(self) -> None:
        wheel = a_wheel("flask", "1.0")
        distribution = installed(a_pin("flask"))
        state = a_state(
            type(distribution)(
                name="flask", version="1.0", info="", managed=True, origin=f"sha256:{wheel.hashes['sha256']}"
            )
        )

        assert (
            plan(a_selection(a_pin("flask", artifact=wheel)), state)["package.flask"].action is Action.NO_OP
        )


class TestWhatNobodyAskedFor:
    @pytest.mark.parametrize(
        ("prune", "action"), [("all", Action.DELETE), ("managed", Action.DELETE), ("never", Action.NO_OP)]
    )
    def test_what_envctl_installed(self, prune: str, action: Action) -> None:
        change = plan(a_selection(), a_state(installed(a_pin("idna", requested=True))), prune=prune)[
            "package.idna"
        ]

        assert (change.action, kinds(change)) == (action, [ReasonKind.NO_LONGER_REQUIRED])
        assert change.direct

    @pytest.mark.parametrize(
        ("prune", "action"), [("all", Action.DELETE), ("managed", Action.NO_OP), ("never", Action.NO_OP)]
    )
    def test_what_others_installed(self, prune: str, action: Action) -> None:
        change = plan(a_selection(), a_state(foreign("idna")), prune=prune)["package.idna"]

        assert (change.action, kinds(change)) == (action, [ReasonKind.FOREIGN])
        assert change.reasons[0].text.startswith("installed by pip")

    @pytest.mark.parametrize("prune", ["all", "managed", "never"])
    def test_a_pip_that_is_there_stays(self, prune: str) -> None:
        change = plan(a_selection(), a_state(foreign("pip")), prune=prune)["package.pip"]

        assert change.action is Action.NO_OP

    def test_a_pip_that_envctl_installed_goes(self) -> None:
        change = plan(a_selection(), a_state(installed(a_pin("pip"))))["package.pip"]

        assert change.action is Action.DELETE

    def test_setuptools_is_like_any_other(self) -> None:
        change = plan(a_selection(), a_state(foreign("setuptools")))["package.setuptools"]

        assert change.action is Action.DELETE

    def test_what_the_lock_still_has_is_deselected(self) -> None:
        state = a_state(installed(a_pin("idna")))

        change = plan(a_selection(), state, locked=frozenset({"idna"}))["package.idna"]

        assert kinds(change) == [ReasonKind.DESELECTED]


class TestFiles:
    @pytest.mark.parametrize(
        ("prune", "action"), [("all", Action.DELETE), ("managed", Action.NO_OP), ("never", Action.NO_OP)]
    )
    def test_foreign_scripts_and_modules(self, prune: str, action: Action) -> None:
        state = a_state(files=[ForeignFile(path="bin/tool", size=3, data=False)])

        change = plan(a_selection(), state, prune=prune)['file."bin/tool"']

        assert (change.action, kinds(change)) == (action, [ReasonKind.FOREIGN])

    @pytest.mark.parametrize("prune", ["all", "managed", "never"])
    def test_foreign_data_is_no_change(self, prune: str) -> None:
        state = a_state(files=[ForeignFile(path="share/models", size=3, data=True)])

        assert set(plan(a_selection(), state, prune=prune)) == {"environment", "python"}

    @pytest.mark.parametrize(
        ("prune", "action"), [("all", Action.DELETE), ("managed", Action.DELETE), ("never", Action.NO_OP)]
    )
    def test_what_runs_when_python_starts_is_drift(self, prune: str, action: Action) -> None:
        drift = [Drift(address='file."lib/evil.pth"', kind=DriftKind.ADDED, path="lib/evil.pth")]

        change = plan(a_selection(), a_state(drift=drift), prune=prune)['file."lib/evil.pth"']

        assert (change.action, kinds(change)) == (action, [ReasonKind.DRIFT])

    def test_a_quote_in_a_path_is_escaped_in_its_address(self) -> None:
        state = a_state(files=[ForeignFile(path='bin/a"b\\', size=3, data=False)])

        assert 'file."bin/a\\"b\\\\"' in plan(a_selection(), state)


class TestPython:
    def test_a_patch_release_is_an_update_that_leaves_packages_alone(self) -> None:
        pin = a_pin("idna")

        changes = plan(a_selection(pin), a_state(installed(pin), python="3.11.4"))

        assert (changes["python"].action, kinds(changes["python"])) == (
            Action.UPDATE,
            [ReasonKind.PYTHON_CHANGED],
        )
        assert changes["python"].flags == ()
        assert changes["package.idna"].action is Action.NO_OP

    def test_another_executable_of_the_same_version_is_replaced(self) -> None:
        change = plan(a_selection(), a_state(executable="/usr/bin/python3"))["python"]

        assert (change.action, kinds(change)) == (Action.REPLACE, [ReasonKind.PYTHON_CHANGED])

    def test_a_broken_link_is_drift(self) -> None:
        drift = [Drift(address="python", kind=DriftKind.INTERPRETER, path="bin/python")]

        change = plan(a_selection(), a_state(drift=drift))["python"]

        assert (change.action, kinds(change)) == (Action.REPLACE, [ReasonKind.DRIFT])

    @pytest.mark.parametrize("unknown", ["python", "executable"])
    def test_what_cannot_be_told_is_replaced(self, unknown: str) -> None:
        state = a_state(python=None) if unknown == "python" else a_state(executable=None)

        change = plan(a_selection(), state)["python"]

        assert (change.action, kinds(change)) == (Action.REPLACE, [ReasonKind.DRIFT])

    @pytest.mark.parametrize(
        ("before", "flags"),
        [("3.10.9", ("major",)), ("3.12.0", ("downgrade", "major")), ("3.11.9", ("downgrade",))],
    )
    def test_steps_of_python_are_flagged(self, before: str, flags: tuple[str, ...]) -> None:
        assert plan(a_selection(), a_state(python=before))["python"].flags == flags

    def test_another_minor_version_lays_every_package_anew(self) -> None:
        same, older = a_pin("idna"), a_pin("flask", "2.0")
        state = a_state(installed(same), installed(a_pin("flask", "1.0")), python="3.10.9")

        changes = plan(a_selection(same, older), state)

        assert (changes["package.idna"].action, kinds(changes["package.idna"])) == (
            Action.REPLACE,
            [ReasonKind.PYTHON_CHANGED],
        )
        assert (changes["package.flask"].action, kinds(changes["package.flask"])) == (
            Action.UPDATE,
            [ReasonKind.LOCK_CHANGED, ReasonKind.PYTHON_CHANGED],
        )

    @pytest.mark.parametrize("prune", ["all", "managed", "never"])
    def test_another_minor_version_deletes_all_that_is_foreign(self, prune: str) -> None:
        state = a_state(
            foreign("pip"),
            python="3.10.9",
            files=[
                ForeignFile(path="share/models", size=3, data=True),
                ForeignFile(path="bin/tool", size=3, data=False),
            ],
        )

        changes = plan(a_selection(), state, prune=prune)

        for address in ("package.pip", 'file."share/models"', 'file."bin/tool"'):
            assert changes[address].action is Action.DELETE
            assert ReasonKind.PYTHON_CHANGED in kinds(changes[address])


class TestEnvironment:
    def test_its_own_files_that_drifted_replace_it(self) -> None:
        drift = [Drift(address="environment", kind=DriftKind.MODIFIED, path="pyvenv.cfg")]

        change = plan(a_selection(), a_state(drift=drift))["environment"]

        assert (change.action, kinds(change)) == (Action.REPLACE, [ReasonKind.DRIFT])

    def test_one_of_others_is_taken_over(self) -> None:
        change = plan(a_selection(), a_state(owner=Owner.OTHERS))["environment"]

        assert (change.action, kinds(change)) == (Action.REPLACE, [ReasonKind.FOREIGN])

    def test_what_is_never_touched_is_refused(self) -> None:
        state = State(path="/x/.venv", owner=Owner.UNKNOWN, distributions={}, reason="it is a link")

        with pytest.raises(MachineError) as caught:
            plan(a_selection(), state)

        assert (caught.value.code, caught.value.message) == ("not-ours", "it is a link")

    def test_what_only_announces_something_foreign_is_not_drift_of_a_package(self) -> None:
        drift = [Drift(address="package.flask", kind=DriftKind.FOREIGN, path="flask-1.0.dist-info")]

        change = plan(a_selection(a_pin("flask")), a_state(foreign("flask"), drift=drift))["package.flask"]

        assert change.action is Action.NO_OP


def test_a_pin_that_names_nobody_is_wanted_by_the_lock() -> None:
    pin = Pin(name="idna", version="1.0", artifact=a_wheel("idna", "1.0"))

    assert plan(a_selection(pin), nothing())["package.idna"].reasons[0].text == "required by the lock"
