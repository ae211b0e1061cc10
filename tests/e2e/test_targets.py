"""One lock for many machines and Pythons, made on one of them."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from typing import Any, ClassVar

import pytest

from support.project import INTERPRETER, PYTHON, Project, installed_in

HERE = f"{'macos' if sys.platform == 'darwin' else sys.platform}-{os.uname().machine}"
THERE = "windows-x86_64"
OTHER_PYTHON = "3.12" if PYTHON != "3.12" else "3.13"


def name_lock(
    project: Project, *dependencies: str, targets: list[str] | None = None, python: list[str] | None = None
) -> None:
    rest = ["[lock]"]
    rest += [f"targets = {targets}"] if targets else []
    rest += [f"python = {python}"] if python else []
    project.write_manifest(*(dependencies or ("alpha",)), rest="\n".join(rest))


def read_lock(project: Project) -> Any:
    return tomllib.loads(project.read("pylock.toml"))


def covered(project: Project) -> tuple[list[str], list[str]]:
    table = read_lock(project)["tool"]["envctl"]
    return table["targets"], table["python"]


@pytest.fixture
def many(project: Project) -> Project:
    """A project locked for this machine and another, and two Pythons; each has a package of its own."""
    project.publish("here", "1.0", tag="py3-none-any")
    project.publish("there", "1.0", tag="py3-none-win_amd64")
    project.publish(
        "top", "1.0", requires=["here; sys_platform != 'win32'", "there; sys_platform == 'win32'", "alpha"]
    )
    name_lock(project, "top", targets=[THERE, HERE], python=[OTHER_PYTHON, PYTHON])
    project.succeed("lock")
    return project


def test_the_lock_covers_every_combination(many: Project) -> None:
    assert covered(many) == (sorted([HERE, THERE]), sorted([PYTHON, OTHER_PYTHON]))
    assert len(read_lock(many)["environments"]) == 2


def test_a_package_is_installed_where_its_marker_holds_only(many: Project) -> None:
    many.apply()

    assert many.locked().keys() == {"top", "here", "there", "alpha", "beta"}
    assert many.installed().keys() == {"top", "here", "alpha", "beta"}


def test_the_order_of_targets_keeps_the_lock_fresh_and_its_bytes(many: Project) -> None:
    before = many.read("pylock.toml")
    name_lock(many, "top", targets=[HERE, THERE], python=[PYTHON, OTHER_PYTHON])

    assert many.run("lock", "--check").code == 0
    os.unlink(many.path("pylock.toml"))
    many.succeed("lock")
    assert many.read("pylock.toml") == before


def test_another_target_makes_the_lock_stale_and_moves_nothing(many: Project) -> None:
    many.publish("beta", "2.0")
    name_lock(many, "top", targets=[HERE, THERE, "macos-arm64"], python=[PYTHON, OTHER_PYTHON])

    assert many.run("lock", "--check").code == 3
    changes = many.succeed("lock", "--json").json["changes"]
    assert {each["name"]: each["differs"] for each in changes} == {"here": ["markers"]}
    assert all(each["kind"] == "changed" and each["before"] == each["after"] for each in changes)
    assert many.run("lock", "--check").code == 0


def test_uv_installs_from_it_what_envctl_does(many: Project) -> None:
    many.apply()
    many.uv("venv", "--python", INTERPRETER, "fresh")

    many.uv("pip", "sync", "--python", "fresh", "--preview", "pylock.toml")

    assert installed_in(many.path("fresh")) == many.installed()


def test_pip_installs_from_it_what_envctl_does(many: Project) -> None:
    many.apply()
    many.execute([sys.executable, "-m", "venv", "--without-pip", "fresh"])

    many.pip("--python", "fresh", "install", "--no-index", "-r", "pylock.toml")

    assert installed_in(many.path("fresh")) == many.installed()


def test_uv_selects_for_the_other_machine_what_was_resolved_for_it(many: Project) -> None:
    err = many.uv(
        "pip", "sync", "--dry-run", "--preview", "--target", "t", "--python", sys.executable,
        "--python-platform", "windows", "--python-version", OTHER_PYTHON, "pylock.toml",
    ).err  # fmt: skip

    assert set(re.findall(r"^ \+ ([a-z]+)", err, re.MULTILINE)) == {"top", "there", "alpha", "beta"}


class TestThisMachineOutside:
    @pytest.mark.parametrize("command", ["plan", "apply"])
    @pytest.mark.parametrize(
        "named", [{"targets": [THERE]}, {"python": [OTHER_PYTHON]}], ids=["targets", "python"]
    )
    def test_it_is_refused_where_the_manifest_names_others(
        self, project: Project, command: str, named: Any
    ) -> None:
        name_lock(project, **named)
        before = project.snapshot()

        result = project.run(command)

        assert (result.code, result.codes) == (1, ["not-locked-for"])
        assert project.snapshot() == before

    def test_it_can_lock_for_the_others(self, project: Project) -> None:
        name_lock(project, targets=[THERE], python=[OTHER_PYTHON])

        project.succeed("lock")

        assert covered(project) == ([THERE], [OTHER_PYTHON])
        assert project.run("lock", "--check").code == 0

    def test_it_is_added_where_the_manifest_leaves_targets_out(self, project: Project) -> None:
        name_lock(project, targets=[THERE], python=[PYTHON])
        project.succeed("lock")
        name_lock(project)

        assert project.run("lock", "--check").code == 0
        locked = project.run("apply", "--locked")
        assert (locked.code, locked.codes) == (1, ["not-locked-for"])
        assert project.run("plan", "--detailed-exitcode").code == 2
        assert covered(project) == ([THERE], [PYTHON])
        project.apply()
        assert covered(project) == (sorted([HERE, THERE]), [PYTHON])
        assert project.run("lock", "--check").code == 0

    def test_lock_adds_it_too(self, project: Project) -> None:
        name_lock(project, targets=[THERE], python=[PYTHON])
        project.succeed("lock")
        name_lock(project)

        project.succeed("lock")

        assert covered(project) == (sorted([HERE, THERE]), [PYTHON])


class TestPythons:
    def test_one_that_no_environment_can_have_makes_the_lock_stale(self, project: Project) -> None:
        project.succeed("lock")
        project.write(
            "env.toml", project.read("env.toml").replace(f'python = "{PYTHON}"', 'python = ">=3.97"')
        )

        assert project.run("lock", "--check").codes == ["lock-stale"]

    def test_check_needs_no_interpreter(self, project: Project) -> None:
        name_lock(project, python=["3.97"], targets=[HERE])
        project.succeed("lock")
        project.write(
            "env.toml", project.read("env.toml").replace(f'python = "{PYTHON}"', 'python = ">=3.97"')
        )

        assert project.run("lock", "--check").code == 0

    def test_one_that_is_asked_for_exactly_is_locked_exactly(self, project: Project) -> None:
        """So that a release for newer patch versions only can be had."""
        exact = ".".join(map(str, sys.version_info[:3]))
        project.write(
            "env.toml", project.read("env.toml").replace(f'python = "{PYTHON}"', f'python = "{exact}"')
        )

        project.apply()

        assert covered(project)[1] == [exact]
        assert project.run("plan", "--detailed-exitcode").code == 0

    def test_otherwise_all_patch_versions_of_a_minor_one_are_locked_for(self, project: Project) -> None:
        project.publish("delta", "1.0", requires_python=f">={PYTHON}.1")
        project.publish("delta", "0.9")
        project.write_manifest("delta")

        project.apply()

        assert project.installed() == {"delta": "0.9"}


def test_a_package_without_a_file_for_a_named_target_is_told(project: Project) -> None:
    project.publish("there", "1.0", tag="py3-none-win_amd64")
    name_lock(project, "there", targets=[HERE, THERE])

    result = project.succeed("lock")

    assert f"no file of there 1.0 can be used on {HERE} with Python {PYTHON}" in result.err
    assert "hint: its files are `there-1.0-py3-none-win_amd64.whl`\n" in result.err
    assert project.run("apply").codes == ["no-usable-file"]


def test_a_package_without_a_file_for_this_machine_is_refused(project: Project) -> None:
    project.publish("there", "1.0", tag="py3-none-win_amd64")
    project.write_manifest("there")

    assert project.run("lock").codes == ["no-usable-file"]


class TestAlike:
    """No marker tells glibc from musl, so one choice must do for both."""

    GLIBC, MUSL = "py3-none-manylinux_2_17_x86_64", "py3-none-musllinux_1_1_x86_64"
    TARGETS: ClassVar[list[str]] = ["linux-x86_64", "linux-x86_64-musl1.2"]

    def test_a_release_needs_a_file_for_each(self, project: Project) -> None:
        for version, tags in {"1.0": (self.GLIBC, self.MUSL), "2.0": (self.GLIBC,)}.items():
            for tag in tags:
                project.publish("native", version, tag=tag)
        name_lock(project, "native", "alpha", targets=self.TARGETS)

        project.succeed("lock")

        (native,) = (each for each in read_lock(project)["packages"] if each["name"] == "native")
        assert (native["version"], len(native["wheels"])) == ("1.0", 2)
        assert "marker" not in native
        assert covered(project) == (self.TARGETS, [PYTHON])
        assert len(read_lock(project)["environments"]) == 1
        assert project.run("lock", "--check").code == 0
        assert "native 1.0" in project.succeed("why", "native").out

    @pytest.mark.skipif(HERE != "linux-x86_64", reason="installs on this machine")
    def test_each_gets_its_own_file(self, project: Project) -> None:
        for tag in (self.GLIBC, self.MUSL):
            project.publish("native", "1.0", tag=tag)
        name_lock(project, "native", targets=self.TARGETS)

        (change,) = [each for each in project.plan()["changes"] if each["address"] == "package.native"]
        project.apply()

        assert "manylinux" in change["after"]["url"]
        err = project.uv(
            "pip", "sync", "--dry-run", "--preview", "--target", "t", "--python", sys.executable,
            "--python-platform", "x86_64-unknown-linux-musl", "pylock.toml",
        ).err  # fmt: skip
        assert "+ native==1.0" in err

    def test_what_has_no_file_for_one_of_them_is_told_and_locked_for_the_other(
        self, project: Project
    ) -> None:
        project.publish("native", "1.0", tag=self.GLIBC)
        name_lock(project, "native", targets=self.TARGETS)

        err = project.succeed("lock").err

        assert f"no file of native 1.0 can be used on {self.TARGETS[1]} with Python {PYTHON} [" in err
        (native,) = read_lock(project)["packages"]
        assert len(native["wheels"]) == 1
