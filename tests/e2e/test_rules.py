"""The rules by which releases and files are chosen, as a user meets them."""

from __future__ import annotations

import os
import tomllib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.project import PYTHON, Project


def lock(project: Project, *dependencies: str, settings: str = "", build: str = "") -> dict[str, str]:
    """Lock and give names and versions."""
    project.write_manifest(*dependencies, rest=f"[lock]\n{settings}\n{build}")
    project.succeed("lock")
    return project.locked()


def read_lock(project: Project) -> Any:
    return tomllib.loads(project.read("pylock.toml"))


def files_of(project: Project, name: str) -> list[str]:
    (package,) = (each for each in read_lock(project)["packages"] if each["name"] == name)
    return [wheel["name"] for wheel in package["wheels"]]


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat().replace("+00:00", "Z")


class TestVersions:
    @pytest.mark.parametrize(
        ("wanted", "settings", "expected"),
        [
            ("delta", "", "1.0"),
            ("delta>=2.0b1", "", "2.0b1"),
            ("delta>1", "", "2.0b1"),
            ("delta", 'prerelease = "allow"', "2.0b1"),
            ("delta", 'prerelease = { delta = "allow" }', "2.0b1"),
            ("delta", 'prerelease = { "*" = "allow", delta = "if-necessary" }', "1.0"),
            ("delta>=0.9b1", 'prerelease = "disallow"', "1.0"),
        ],
        ids=["finals first", "named", "no final left", "allowed", "allowed for it", "for all but it", "disallowed"],
    )  # fmt: skip
    def test_pre_releases(self, project: Project, wanted: str, settings: str, expected: str) -> None:
        project.publish("delta", "1.0")
        project.publish("delta", "2.0b1")

        assert lock(project, wanted, settings=settings) == {"delta": expected}

    def test_disallowed_pre_releases_are_the_reason_that_is_told(self, project: Project) -> None:
        project.publish("delta", "2.0b1")
        project.write_manifest("delta", rest='[lock]\nprerelease = "disallow"')

        result = project.run("lock")

        assert result.codes == ["no-matching-version"]
        assert "is a pre-release, and `[lock] prerelease` does not let it in" in result.err

    def test_a_yanked_release_is_taken_when_asked_for_exactly_and_told_of(self, project: Project) -> None:
        project.publish("beta", "2.0")
        project.index.yanked["beta-2.0-py3-none-any.whl"] = "it eats files"
        project.write_manifest("beta==2.0")

        result = project.succeed("apply")

        assert project.installed() == {"beta": "2.0"}
        assert "it eats files" in result.out + result.err

    def test_a_locked_release_that_was_yanked_since_stays(self, project: Project) -> None:
        lock(project, "beta")
        project.publish("beta", "0.9")
        project.index.yanked["beta-1.0-py3-none-any.whl"] = ""

        assert lock(project, "beta", "gamma")["beta"] == "1.0"

    @pytest.mark.parametrize(
        ("there", "wanted", "expected"),
        [
            (["1.0", "1.0+cpu"], "delta==1.0", "1.0+cpu"),
            (["2.0", "1!1.0"], "delta", "1!1.0"),
            (["1.0", "1.0.post1"], "delta", "1.0.post1"),
            (["1.0", "1.0.post1"], "delta==1.0", "1.0"),
        ],
        ids=["local version", "epoch", "post-release", "not a post-release"],
    )
    def test_unusual_versions_are_locked_and_installed(
        self, project: Project, there: list[str], wanted: str, expected: str
    ) -> None:
        for version in there:
            project.publish("delta", version)
        project.write_manifest(wanted)

        project.apply()

        assert project.installed() == {"delta": expected}
        assert project.is_settled()

    @pytest.mark.parametrize(
        ("resolution", "expected"),
        [
            ("lowest", {"top": "1.0", "base": "1.0"}),
            ("lowest-direct", {"top": "1.0", "base": "2.0"}),
            ("highest", {"top": "2.0", "base": "2.0"}),
        ],
    )
    def test_resolution_says_which_end_is_tried_first(
        self, project: Project, resolution: str, expected: Any
    ) -> None:
        for version in ("1.0", "2.0"):
            project.publish("base", version)
            project.publish("top", version, requires=["base"])

        assert lock(project, "top", settings=f'resolution = "{resolution}"') == expected

    def test_an_extra_that_a_release_does_not_have_is_a_warning(self, project: Project) -> None:
        project.write_manifest("beta[speed]")

        result = project.succeed("lock")

        assert "warning: beta 1.0 has no extra `speed` [no-such-extra]" in result.err
        assert project.locked() == {"beta": "1.0"}


class TestPython:
    @pytest.mark.parametrize(
        "requires_python", [f"<{PYTHON}", f"<={PYTHON}", f"!={PYTHON}.*", f">={PYTHON}.1", "<3"]
    )
    def test_a_release_that_refuses_some_of_the_locked_python_is_passed_over(
        self, project: Project, requires_python: str
    ) -> None:
        project.publish("delta", "1.0")
        project.publish("delta", "2.0", requires_python=requires_python)

        assert lock(project, "delta") == {"delta": "1.0"}

    def test_a_marker_about_patch_versions_is_locked_as_one(self, project: Project) -> None:
        project.publish("delta", "1.0", requires=[f"gamma; python_full_version < '{PYTHON}.2'"])

        lock(project, "delta", settings='targets = ["linux-x86_64"]')

        markers = {each["name"]: each.get("marker") for each in read_lock(project)["packages"]}
        assert markers == {"delta": None, "gamma": f'python_full_version < "{PYTHON}.2"'}

    @pytest.mark.parametrize(
        ("python", "own"),
        [
            ("3.13t", "cp313-cp313t"),
            ("3.14t", "cp314-cp314t"),
            ("3.13", "cp313-cp313"),
            ("pypy3.11", "pp311-pypy311_pp73"),
        ],
    )
    def test_a_kind_of_python_takes_its_own_wheels(self, project: Project, python: str, own: str) -> None:
        tags = ["cp313-cp313", "cp313-cp313t", "cp314-cp314", "cp314-cp314t", "pp311-pypy311_pp73"]
        for tag in tags:
            project.publish("delta", "1.0", tag=f"{tag}-manylinux_2_17_x86_64")
        project.publish("delta", "1.0", tag="py3-none-any")
        project.publish("epsilon", "1.0")
        project.publish("epsilon", "2.0", tag="cp39-abi3-manylinux_2_17_x86_64")

        locked = lock(
            project, "delta", "epsilon", settings=f'targets = ["linux-x86_64"]\npython = ["{python}"]'
        )

        assert files_of(project, "delta") == [
            f"delta-1.0-{own}-manylinux_2_17_x86_64.whl",
            "delta-1.0-py3-none-any.whl",
        ]
        assert locked["epsilon"] == ("2.0" if python == "3.13" else "1.0")
        assert project.run("lock", "--check").code == 0

    def test_a_wheel_for_the_platform_goes_before_one_for_any(self, project: Project) -> None:
        here = f"cp{PYTHON.replace('.', '')}-abi3-linux_{os.uname().machine}"
        for tag, build in (("py3-none-any", "9"), (here, ""), (here, "2"), (here, "10")):
            project.publish(
                "delta", "1.0", tag=tag, build=build, files={"delta/__init__.py": f"X = {tag + build!r}"}
            )
        project.write_manifest("delta")

        project.apply()

        assert project.python("import delta; print(delta.X)").strip() == f"{here}10"


class TestExcludeNewer:
    @pytest.fixture
    def aging(self, project: Project) -> Project:
        """A project whose index has `delta` 1.0 of last month and 2.0 of the day before yesterday."""
        project.publish("delta", "1.0")
        project.publish("delta", "2.0")
        project.index.upload_times["delta-1.0-py3-none-any.whl"] = ago(days=30)
        project.index.upload_times["delta-2.0-py3-none-any.whl"] = ago(days=2)
        return project

    @pytest.mark.parametrize(
        ("limit", "expected"),
        [
            ('"3 days"', "1.0"),
            ('"36 hours"', "2.0"),
            ('"1 week"', "1.0"),
            ('{ "*" = "3 days", delta = false }', "2.0"),
            ('{ "*" = "3 days", delta = "1 day" }', "2.0"),
            ('{ delta = "3 days" }', "1.0"),
            ('{ gamma = "3 days" }', "2.0"),
            ("false", "2.0"),
        ],
    )
    def test_a_span_counts_back_from_now(self, aging: Project, limit: str, expected: str) -> None:
        assert lock(aging, "delta", settings=f"exclude-newer = {limit}") == {"delta": expected}

    def test_a_date_counts_whole(self, aging: Project) -> None:
        aging.index.upload_times["delta-2.0-py3-none-any.whl"] = "2024-03-01T23:59:59Z"
        aging.index.upload_times["delta-1.0-py3-none-any.whl"] = "2024-01-01T00:00:00Z"

        assert lock(aging, "delta", settings="exclude-newer = 2024-03-01") == {"delta": "2.0"}
        os.unlink(aging.path("pylock.toml"))
        assert lock(aging, "delta", settings="exclude-newer = 2024-02-29") == {"delta": "1.0"}

    def test_the_lock_holds_the_span_and_time_does_not_move_it(self, aging: Project) -> None:
        limit = '{ "*" = "3 days", gamma = false, beta = 2024-03-01, alpha = "36 hours" }'
        lock(aging, "delta", settings=f"exclude-newer = {limit}")
        before = aging.read("pylock.toml")
        assert read_lock(aging)["tool"]["envctl"]["exclude-newer"] == {
            "*": "3 days",
            "alpha": "36 hours",
            "beta": "2024-03-01",
            "gamma": False,
        }
        aging.index.upload_times["delta-2.0-py3-none-any.whl"] = ago(days=4)

        assert aging.run("lock", "--check").code == 0
        aging.succeed("lock")
        assert aging.read("pylock.toml") == before

    def test_a_locked_release_stays_under_a_limit_that_was_set_since(self, aging: Project) -> None:
        lock(aging, "delta")

        assert lock(aging, "delta", settings='exclude-newer = "3 days"') == {"delta": "2.0"}

    def test_a_release_too_new_that_alone_would_do_is_told_with_its_moment(self, aging: Project) -> None:
        aging.write_manifest("delta>1", rest='[lock]\nexclude-newer = "3 days"')

        result = aging.run("lock")

        assert (result.code, result.codes) == (1, ["no-matching-version"])
        assert "because of `exclude-newer`: uploaded 20" in result.err
        assert "lets it in, which gives delta 2.0" in result.err

    def test_a_server_that_gives_no_upload_times_is_told_of(self, aging: Project) -> None:
        aging.index.sizes = False
        aging.write_manifest("delta", rest='[lock]\nexclude-newer = "3 days"')

        result = aging.run("lock")

        assert (result.code, result.codes) == (1, ["no-matching-version"])
        assert "its index does not say when it was uploaded" in result.err
        assert 'exclude-newer = { "*" = "3 days", delta = false }' in result.err

    def test_one_release_of_unknown_age_is_told_of(self, aging: Project) -> None:
        describe = aging.index.describe

        def say(filename: str) -> dict[str, Any]:
            entry = describe(filename)
            if filename.startswith("delta-2.0"):
                del entry["upload-time"]
            return entry

        aging.index.describe = say  # type: ignore[method-assign]
        aging.write_manifest("delta", rest='[lock]\nexclude-newer = "3 days"')

        result = aging.succeed("lock")

        assert aging.locked() == {"delta": "1.0"}
        assert "warning: `exclude-newer` passes delta 2.0 over" in result.err
