"""The rules of docs/explanation/resolution.md, each as a table of cases."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, ClassVar

import pytest

from envctl.errors import ResolutionError
from envctl.model.artifact import Wheel
from envctl.model.events import Event, Notice
from envctl.model.targets import make_target as named_target
from envctl.resolve.files import Yardstick
from support.universes import DictProject, Notation, Release, make_target, request, resolve, versions

HOUR_OF_LIMIT = datetime(2025, 1, 1, tzinfo=UTC)


def universe_of(*texts: str) -> Notation:
    return {"a": {text: [] for text in texts}}


def picked(universe: Notation, *wanted: str, **more: Any) -> str | None:
    """Return the version of `a`, None where there is no solution."""
    try:
        return versions(resolve(universe, request(*wanted, **more)))["a"]
    except ResolutionError:
        return None


LOCAL = ("1.0", "1.0+cpu", "1.0+cu1", "1.1+cpu")
EPOCHS = ("1.0", "2025.1", "1!1.0", "1!1.1")
POSTS = ("1.0", "1.0.post1", "1.0.post2", "1.1.dev1", "1.1rc1")


@pytest.mark.parametrize(
    ("there", "wanted", "expected"),
    [
        # Local versions (PEP 440): a public specifier takes them, and they are newer than without.
        (LOCAL, "a==1.0", "1.0+cu1"),
        (LOCAL, "a==1.0+cpu", "1.0+cpu"),
        (LOCAL, "a==1.0+none", None),
        (LOCAL, "a<=1.0", "1.0+cu1"),
        (LOCAL, "a>1.0,<1.1", None),
        (LOCAL, "a!=1.0", "1.1+cpu"),
        (LOCAL, "a===1.0", "1.0"),
        (LOCAL, "a~=1.0", "1.1+cpu"),
        # Epochs go before all else.
        (EPOCHS, "a", "1!1.1"),
        (EPOCHS, "a<3000", "2025.1"),
        (EPOCHS, "a==1.*", "1.0"),
        (EPOCHS, "a>=1!1.0", "1!1.1"),
        # Post-releases are newer than what they follow, and no pre-releases.
        (POSTS, "a", "1.0.post2"),
        (POSTS, "a==1.0", "1.0"),
        (POSTS, "a==1.0.*", "1.0.post2"),
        (POSTS, "a>1.0", "1.1rc1"),
        (POSTS, "a>=1.0,<1.1", "1.0.post2"),
        (POSTS, "a>1.0.post1", "1.0.post2"),
        (POSTS, "a<=1.0", "1.0"),
        (POSTS, "a==1.0.post1", "1.0.post1"),
        # Versions are compared, not spelled.
        (("1.0", "1.0.1"), "a==1", "1.0"),
        (("1.0",), "a===1.0.0", None),
    ],
)  # fmt: skip
def test_a_specifier_takes_what_pep_440_says(there: Any, wanted: str, expected: str | None) -> None:
    assert picked(universe_of(*there), wanted) == expected


@pytest.mark.parametrize(
    ("requires_python", "expected"),
    [
        (">=3.11", "2.0"),
        (">=3.11.4", "1.0"),  # some patch versions only
        ("<3.12", "2.0"),
        ("<=3.11", "1.0"),  # 3.11.0 alone
        ("<3.11.5", "1.0"),
        ("<3.11", "1.0"),
        ("==3.11.*", "2.0"),
        ("~=3.11", "2.0"),
        ("~=3.11.0", "2.0"),
        ("~=3.10.2", "1.0"),
        ("==3.11", "1.0"),
        ("!=3.11.*", "1.0"),
        ("!=3.10.*,!=3.12.*", "2.0"),
        ("!=3.11", "2.0"),  # leaves 3.11.0 out, which the installer is told
        ("!=3.11.0,!=3.11.1,>=3.8", "2.0"),
        (">=3.8,<4", "2.0"),
    ],
)
def test_a_whole_minor_version_takes_what_admits_all_of_it(requires_python: str, expected: str) -> None:
    universe: Notation = {"a": {"1.0": [], "2.0": Release(python=requires_python)}}
    target = make_target("3.11.0", ceiling="3.11.99")

    assert versions(resolve(universe, request("a"), target)) == {"a": expected}


ANYWHERE = "py3-none-any"
LINUX = "linux-x86_64"


@pytest.mark.parametrize(
    ("target", "there", "best_first"),
    [
        pytest.param(
            (LINUX, "3.13"),
            [ANYWHERE, "cp313-cp313-manylinux_2_17_x86_64", "cp39-abi3-manylinux_2_28_x86_64"],
            [
                "cp313-cp313-manylinux_2_17_x86_64",
                "cp39-abi3-manylinux_2_28_x86_64",
                ANYWHERE,
            ],
            id="the Python's own ABI, then abi3, then any",
        ),
        pytest.param(
            (LINUX, "3.13"),
            ["cp313-cp313-manylinux_2_17_x86_64", "cp313-cp313-manylinux_2_28_x86_64", "cp313-cp313-manylinux_2_34_x86_64"],
            ["cp313-cp313-manylinux_2_28_x86_64", "cp313-cp313-manylinux_2_17_x86_64"],
            id="the newest C library that the target has",
        ),
        pytest.param(
            (LINUX, "3.13"),
            ["cp38-abi3-manylinux_2_17_x86_64", "cp311-abi3-manylinux_2_17_x86_64", "cp314-abi3-manylinux_2_17_x86_64"],
            ["cp311-abi3-manylinux_2_17_x86_64", "cp38-abi3-manylinux_2_17_x86_64"],
            id="abi3 of this Python or an older one, the newest first",
        ),
        pytest.param(
            (LINUX, "3.13t"),
            ["cp313-cp313-manylinux_2_17_x86_64", "cp313-cp313t-manylinux_2_17_x86_64", "cp39-abi3-manylinux_2_17_x86_64", ANYWHERE],
            ["cp313-cp313t-manylinux_2_17_x86_64", ANYWHERE],
            id="a free-threaded build takes its own ABI, never that of a build with the GIL or its abi3",
        ),
        pytest.param(
            (LINUX, "3.14t"),
            ["cp314-cp314-manylinux_2_17_x86_64", "cp314-abi3-manylinux_2_17_x86_64", "cp314-cp314t-manylinux_2_17_x86_64"],
            ["cp314-cp314t-manylinux_2_17_x86_64"],
            id="so does 3.14t",
        ),
        pytest.param(
            (LINUX, "3.14"),
            ["cp314-cp314-manylinux_2_17_x86_64", "cp314-cp314t-manylinux_2_17_x86_64"],
            ["cp314-cp314-manylinux_2_17_x86_64"],
            id="and a build with the GIL takes none of a free-threaded one",
        ),
        pytest.param(
            ("windows-arm64", "3.13"),
            ["cp313-cp313-win_amd64", "cp313-cp313-win_arm64", ANYWHERE],
            ["cp313-cp313-win_arm64", ANYWHERE],
            id="a platform's own wheel goes before one for any",
        ),
        pytest.param(
            ("macos-arm64", "3.13"),
            ["cp313-cp313-macosx_11_0_arm64", "cp313-cp313-macosx_10_13_universal2", "cp313-cp313-macosx_26_0_arm64"],
            ["cp313-cp313-macosx_11_0_arm64", "cp313-cp313-macosx_10_13_universal2"],
            id="macOS takes what is for it or older, and universal wheels",
        ),
        pytest.param(
            ("linux-x86_64-musl1.2", "3.13"),
            ["cp313-cp313-manylinux_2_17_x86_64", "cp313-cp313-musllinux_1_2_x86_64", "cp313-cp313-musllinux_1_1_x86_64"],
            ["cp313-cp313-musllinux_1_2_x86_64", "cp313-cp313-musllinux_1_1_x86_64"],
            id="musl takes none for glibc",
        ),
        pytest.param(
            (LINUX, "3.13"),
            ["2a-py3-none-any", "10-py3-none-any", "2b-py3-none-any", ANYWHERE],
            ["10-py3-none-any", "2b-py3-none-any", "2a-py3-none-any", ANYWHERE],
            id="the higher build tag, by its number and then its letters",
        ),
    ],
)  # fmt: skip
def test_wheels_count_in_the_order_of_the_targets_tags(
    target: tuple[str, str], there: list[str], best_first: list[str]
) -> None:
    """The best file is what metadata is read from; the lock lists all that fit."""
    universe: Notation = {"a": {"1.0": Release(wheels=there)}}
    made = named_target(*target)

    package = resolve(universe, request("a"), made).packages["a"]

    files = {f"a-1.0-{tag}.whl" for tag in best_first}
    assert {artifact.filename for artifact in package.artifacts if isinstance(artifact, Wheel)} == files
    for better, worse in pairwise(best_first):
        assert _best(made, better, worse) == _best(made, worse, better) == f"a-1.0-{better}.whl"


def _best(target: Any, *tags: str) -> str:
    (version,) = (project := DictProject("a", {"1.0": Release(wheels=tags)})).versions
    return Yardstick(request("a"), target).measure("a", project.files(version)).files[0].filename


class TestExcludeNewer:
    def universe(self, uploaded: str | None) -> Notation:
        return {"a": {"1.0": [], "2.0": Release(uploaded=uploaded)}}

    @pytest.mark.parametrize(
        ("uploaded", "expected"),
        [
            ("2025-01-01T00:00:00Z", "2.0"),
            ("2025-01-01T00:00:01Z", "1.0"),
            ("2025-01-01T01:00:00+01:00", "2.0"),
            ("2025-01-01T00:00:00.000001Z", "1.0"),
            ("2024-12-31T23:59:59", "2.0"),
            ("yesterday", "1.0"),
            (None, "1.0"),
        ],
        ids=[
            "just then",
            "a second later",
            "another zone",
            "a microsecond later",
            "no zone is UTC",
            "no time",
            "not told",
        ],
    )
    def test_an_upload_counts_up_to_the_limit(self, uploaded: str | None, expected: str) -> None:
        assert picked(self.universe(uploaded), "a", exclude_newer={"*": HOUR_OF_LIMIT}) == expected

    @pytest.mark.parametrize(
        ("limits", "expected"),
        [
            ({"*": HOUR_OF_LIMIT}, "1.0"),
            ({"a": HOUR_OF_LIMIT}, "1.0"),
            ({"b": HOUR_OF_LIMIT}, "2.0"),
            ({"*": HOUR_OF_LIMIT, "a": None}, "2.0"),
            ({"*": None, "a": HOUR_OF_LIMIT}, "1.0"),
        ],
        ids=["for all", "for it", "for another", "but not for it", "for it alone"],
    )
    def test_a_limit_of_a_project_replaces_that_of_all(self, limits: Any, expected: str) -> None:
        assert picked(self.universe("2026-01-01T00:00:00Z"), "a", exclude_newer=limits) == expected

    def test_a_server_that_gives_no_upload_times_is_told_of(self) -> None:
        events: list[Event] = []

        resolve(self.universe(None), request("a", exclude_newer={"*": HOUR_OF_LIMIT}), events=events)

        (notice,) = [event for event in events if isinstance(event, Notice)]
        assert (notice.level, notice.code) == ("warning", "no-upload-time")
        assert notice.message == (
            "`exclude-newer` passes a 2.0 over: its index does not say when it was uploaded"
        )
        assert "a = false" in notice.hints[0]

    def test_a_release_that_is_known_to_be_too_new_is_not(self) -> None:
        events: list[Event] = []
        universe = self.universe("2026-01-01T00:00:00Z")

        resolve(universe, request("a", exclude_newer={"*": HOUR_OF_LIMIT}), events=events)

        assert not [event for event in events if isinstance(event, Notice)]


class TestLowest:
    UNIVERSE: ClassVar[Notation] = {
        "a": {"1.0": ["b>=1"], "1.1b1": ["b>=1"], "2.0": ["b>=2"]},
        "b": {"0.9": [], "1.0": [], "2.0": []},
    }

    @pytest.mark.parametrize(
        ("resolution", "expected"),
        [
            ("highest", {"a": "2.0", "b": "2.0"}),
            ("lowest", {"a": "1.0", "b": "1.0"}),
            ("lowest-direct", {"a": "1.0", "b": "2.0"}),
        ],
    )
    def test_it_turns_the_order_of_versions(self, resolution: str, expected: Any) -> None:
        assert versions(resolve(self.UNIVERSE, request("a", resolution=resolution))) == expected

    @pytest.mark.parametrize("where", ["groups", "extras"])
    def test_what_groups_and_extras_name_is_direct_too(self, where: str) -> None:
        wanted = request("a", resolution="lowest-direct", **{where: {"x": ["b"]}})

        assert versions(resolve(self.UNIVERSE, wanted)) == {"a": "1.0", "b": "1.0"}

    def test_pre_releases_are_still_the_last_resort(self) -> None:
        universe = universe_of("1.0a1", "1.0", "2.0")

        assert picked(universe, "a", resolution="lowest") == "1.0"

    def test_a_locked_version_still_goes_first(self) -> None:
        wanted = request("a", resolution="lowest", preferences={"a": "2.0"})

        assert versions(resolve(self.UNIVERSE, wanted))["a"] == "2.0"
