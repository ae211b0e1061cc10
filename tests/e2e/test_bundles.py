"""Bundles: made with the network, carried over, installed without one."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from support.backends import BACKEND, make_tree
from support.bundles import carry, contents_of, lose, members_of, rewrite
from support.documents import validate
from support.project import PYTHON, Project
from support.wheels import make_sdist, make_wheel

OTHER = "macos-arm64"


@pytest.fixture
def locked(project: Project) -> Project:
    project.succeed("lock")
    return project


@pytest.fixture
def away(locked: Project, tmp_path: object) -> Project:
    """A machine without a network that has the project and its bundle."""
    locked.succeed("bundle", "create", "-o", "shop.bundle")
    found = carry(locked, str(tmp_path))
    locked.index.stop()
    return found


def publish_delta(project: Project) -> Project:
    """Put an sdist on the index whose build requires `tool`, which needs `deeper`; its backend asks for `more`."""
    head = '[build-system]\nrequires = ["tool"]\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    backend = "import tool\n" + BACKEND.replace("../calls.txt", os.devnull)
    backend += "\ndef get_requires_for_build_wheel(config_settings=None):\n    return ['more']\n"
    make_sdist(
        project.index.folder,
        "delta",
        "1.0",
        pyproject=head + '[project]\nname = "delta"\nversion = "1.0"\n',
        files={"backend.py": backend, "src/delta.py": "import more\n".replace("import more", "ANSWER = 4")},
    )
    project.publish("tool", "1.0", requires=["deeper"])
    project.publish("deeper", "1.0")
    project.publish("more", "1.0")
    return project


def declare_delta(project: Project, *names: str) -> None:
    project.write_manifest("delta", *names, rest='[build]\nallow = ["delta"]')
    project.succeed("lock")


# Create.


def test_a_bundle_has_the_files_of_the_lock_and_the_lock_itself(locked: Project) -> None:
    document = locked.succeed("bundle", "create", "-o", "shop.bundle", "--json").json

    validate(document)
    names = members_of(locked.path("shop.bundle"))
    with tarfile.open(locked.path("shop.bundle")) as tar:
        contents = json.load(tar.extractfile("bundle.json"))  # type: ignore[arg-type]
        lock = tar.extractfile("pylock.toml").read().decode()  # type: ignore[union-attr]
    validate(contents)
    assert {name.rpartition("/")[2] for name in names} == {
        "bundle.json", "env.toml", "pylock.toml", "alpha-1.0-py3-none-any.whl", "beta-1.0-py3-none-any.whl",
    }  # fmt: skip
    assert lock == locked.read("pylock.toml")
    assert document["packages"] == 2


def test_a_bundle_that_is_made_twice_has_the_same_bytes(locked: Project, tmp_path: object) -> None:
    locked.succeed("bundle", "create", "-o", "one.bundle")
    other = carry(locked, str(tmp_path))
    other.succeed("bundle", "create", "-o", "two.bundle")

    with open(locked.path("one.bundle"), "rb") as one, open(other.path("two.bundle"), "rb") as two:
        assert one.read() == two.read()
    for member in members_of(locked.path("one.bundle")).values():
        assert (member.mode, member.uid, member.gid, member.uname, member.mtime) == (
            0o644,
            0,
            0,
            "",
            315532800,
        )


def test_making_one_changes_neither_manifest_nor_lock_nor_environment(locked: Project) -> None:
    before = locked.snapshot()

    locked.succeed("bundle", "create", "-o", "../shop.bundle")

    assert locked.snapshot() == before


def test_the_files_of_other_machines_are_gathered_too(project: Project) -> None:
    for platform in ("manylinux_2_28_x86_64", "macosx_14_0_arm64"):
        make_wheel(project.index.folder, "native", "1.0", tag=f"py3-none-{platform}")
    project.write_manifest(
        "native", rest=f'[lock]\ntargets = ["linux-x86_64", "{OTHER}"]\npython = ["{PYTHON}"]'
    )
    project.succeed("lock")

    project.succeed("bundle", "create", "-o", "both.bundle")
    project.succeed("bundle", "create", "--target", OTHER, "-o", "mac.bundle")

    both = {name.rpartition("/")[2] for name in members_of(project.path("both.bundle"))}
    mac = {name.rpartition("/")[2] for name in members_of(project.path("mac.bundle"))}
    assert {name for name in both if name.startswith("native")} == {
        "native-1.0-py3-none-manylinux_2_28_x86_64.whl",
        "native-1.0-py3-none-macosx_14_0_arm64.whl",
    }
    assert {name for name in mac if name.startswith("native")} == {
        "native-1.0-py3-none-macosx_14_0_arm64.whl"
    }


@pytest.mark.parametrize("option", [("--target", "windows-arm64"), ("--python", "3.99")])
def test_a_target_that_the_lock_does_not_cover_is_refused(locked: Project, option: tuple[str, str]) -> None:
    result = locked.run("bundle", "create", *option, "-o", "shop.bundle")

    assert result.codes == ["not-locked-for"]
    assert not os.path.exists(locked.path("shop.bundle"))


def test_a_python_that_no_environment_can_have_is_left_out(project: Project) -> None:
    """The lock may be for more, since other tools read it too."""
    project.write_manifest("alpha", rest=f'[lock]\npython = ["{PYTHON}", "3.98", "3.99"]')
    project.succeed("lock")

    document = project.succeed("bundle", "create", "-o", "shop.bundle", "--json").json
    refused = project.run("bundle", "create", "--python", "3.99", "-o", "other.bundle")

    assert document["pythons"] == [PYTHON]
    assert refused.codes == ["not-locked-for"]


def test_a_lock_that_is_missing_or_out_of_date_is_refused(project: Project) -> None:
    missing = project.run("bundle", "create", "-o", "shop.bundle")
    project.succeed("lock")
    project.write_manifest("alpha", "gamma")
    stale = project.run("bundle", "create", "-o", "shop.bundle")

    assert (missing.code, missing.codes) == (3, ["lock-missing"])
    assert (stale.code, stale.codes) == (3, ["lock-stale"])


def test_all_whose_build_tools_cannot_be_had_are_named_at_once(project: Project) -> None:
    for name, tool in (("one", "this"), ("two", "that")):
        head = f'[build-system]\nrequires = ["{tool}"]\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        pyproject = f'{head}[project]\nname = "{name}"\nversion = "1.0"\n'
        files = {"backend.py": BACKEND, f"src/{name}.py": ""}
        make_sdist(project.index.folder, name, "1.0", pyproject=pyproject, files=files)
        make_wheel(project.index.folder, tool, "1.0", tag="py3-none-win_arm64")
    project.write_manifest("one", "two", rest='[build]\nallow = ["one", "two"]')
    project.succeed("lock")

    result = project.run("bundle", "create", "-o", "shop.bundle")

    assert result.codes == ["no-usable-file", "no-usable-file"]
    assert "the build requirements of one" in result.err
    assert "the build requirements of two" in result.err
    assert not os.path.exists(project.path("shop.bundle"))


def test_wrong_usage_is_told(locked: Project) -> None:
    assert locked.run("bundle", "create").code == 64
    assert locked.run("bundle", "create", "shop.bundle").code == 64
    assert locked.run("bundle", "verify").code == 64
    assert locked.run("bundle", "verify", "shop.bundle", "--target", OTHER).code == 64
    assert locked.run("apply", "--bundle", "shop.bundle", "--from", "pylock.toml").code == 64


# Verify.


def test_a_whole_bundle_is_found_right_with_nothing_beside_it(away: Project) -> None:
    os.rename(away.path("shop.bundle"), os.path.join(away.cache, "alone.bundle"))

    document = away.succeed("bundle", "verify", os.path.join(away.cache, "alone.bundle"), "--json").json

    validate(document)
    assert document["packages"] == 2


def test_a_file_that_was_changed_is_found(away: Project) -> None:
    def change(members: dict[str, bytes]) -> None:
        name = next(each for each in members if each.endswith("beta-1.0-py3-none-any.whl"))
        members[name] = members[name][:-1] + b"x"

    rewrite(away.path("shop.bundle"), change)

    verified, applied = (
        away.run("bundle", "verify", "shop.bundle"),
        away.run("apply", "--bundle", "shop.bundle"),
    )

    assert (verified.code, verified.codes) == (65, ["bad-bundle"])
    assert (applied.code, applied.codes) == (65, ["bad-bundle"])
    assert "beta-1.0-py3-none-any.whl" in verified.err
    assert not os.path.exists(away.path(".venv"))


def test_a_file_that_is_missing_is_named_with_who_needs_it(away: Project) -> None:
    def is_beta(name: str) -> bool:
        return name.endswith("beta-1.0-py3-none-any.whl")

    def change(members: dict[str, bytes]) -> None:
        del members[next(filter(is_beta, members))]

    def unlist(contents: dict[str, Any]) -> None:
        contents["files"] = [each for each in contents["files"] if not is_beta(each["path"])]

    rewrite(away.path("shop.bundle"), change, unlist)

    verified, applied = (
        away.run("bundle", "verify", "shop.bundle"),
        away.run("apply", "--bundle", "shop.bundle"),
    )

    assert verified.codes == ["bundle-incomplete"]
    assert applied.codes == ["bundle-incomplete"]
    assert "beta" in applied.err
    assert not os.path.exists(away.path(".venv"))


@pytest.mark.parametrize("name", ["../evil", "/evil", "files/evil", "env.toml/../evil"])
def test_a_member_that_has_no_business_in_it_is_refused(away: Project, name: str) -> None:
    rewrite(away.path("shop.bundle"), lambda members: members.update({name: b"x"}))

    assert away.run("bundle", "verify", "shop.bundle").codes == ["bad-bundle"]
    assert away.run("apply", "--bundle", "shop.bundle").codes == ["bad-bundle"]


@pytest.mark.parametrize(
    "change",
    [
        lambda contents: contents.update(kind="other"),
        lambda contents: contents.update(format_version="2.0"),
        lambda contents: contents.update(files=None),
        lambda contents: contents.update(files=["env.toml"]),
        lambda contents: contents["files"][0].update(sha256=3),
        lambda contents: contents["files"][1].update(roles="tool"),
        lambda contents: contents.update(targets=[]),
        lambda contents: contents.update(lock="other.toml"),
        lambda contents: contents.update(manifest=None),
        lambda contents: contents.update(builds=3),
        lambda contents: contents.update(builds=["delta"]),
        lambda contents: contents.update(
            builds=[{"name": "delta", "target": "x", "python": "3", "tools": "y"}]
        ),
    ],
    ids=[
        "kind",
        "version",
        "no-files",
        "texts",
        "hash",
        "roles",
        "no-targets",
        "lock",
        "manifest",
        "builds",
        "names",
        "tools",
    ],
)
def test_a_list_that_is_none_is_refused(away: Project, change: Callable[[dict[str, Any]], None]) -> None:
    rewrite(away.path("shop.bundle"), lambda _: None, change)

    assert away.run("bundle", "verify", "shop.bundle").codes == ["bad-bundle"]


def test_what_is_no_bundle_is_refused(away: Project) -> None:
    away.write("text.bundle", "no bundle")

    assert away.run("bundle", "verify", "text.bundle").codes == ["bad-bundle"]
    assert away.run("bundle", "verify", "nowhere.bundle").codes == ["no-file"]


def test_a_build_tool_that_is_missing_is_named(make_project: Callable[..., Project]) -> None:
    project = publish_delta(make_project(fresh_cache=True))
    declare_delta(project)
    project.succeed("bundle", "create", "-o", "shop.bundle")
    lose(project.path("shop.bundle"), "deeper-1.0-py3-none-any.whl")

    result = project.run("bundle", "verify", "shop.bundle")

    assert (result.code, result.codes) == (65, ["bundle-incomplete"])
    assert (
        f"lacks `deeper-1.0-py3-none-any.whl`, which `delta` needs on linux-x86_64 with Python {PYTHON}"
        in result.err
    )


def test_build_tools_are_looked_for_on_each_target_that_is_built_on(
    make_project: Callable[..., Project],
) -> None:
    project = publish_delta(make_project(fresh_cache=True))
    for platform in ("manylinux_2_28_x86_64", "macosx_14_0_arm64"):
        make_wheel(project.index.folder, "deeper", "2.0", tag=f"py3-none-{platform}")
    rest = f'[build]\nallow = ["delta"]\n[lock]\ntargets = ["linux-x86_64", "{OTHER}"]\npython = ["{PYTHON}"]'
    project.write_manifest("delta", rest=rest)
    project.succeed("lock")
    project.succeed("bundle", "create", "-o", "shop.bundle")
    project.succeed("bundle", "verify", "shop.bundle")
    builds = contents_of(project.path("shop.bundle"))["builds"]
    lose(project.path("shop.bundle"), "deeper-2.0-py3-none-macosx_14_0_arm64.whl")

    result = project.run("bundle", "verify", "shop.bundle")

    tools = {each["target"]: {tool.rpartition("/")[2] for tool in each["tools"]} for each in builds}
    assert tools["linux-x86_64"] - tools[OTHER] == {"deeper-2.0-py3-none-manylinux_2_28_x86_64.whl"}
    assert result.codes == ["bundle-incomplete"]
    assert f"which `delta` needs on {OTHER}" in result.err


@pytest.mark.parametrize("builds", [None, []], ids=["an-older-bundle", "none"])
def test_a_bundle_that_does_not_say_what_builds_take_is_incomplete(
    make_project: Callable[..., Project], builds: object
) -> None:
    project = publish_delta(make_project(fresh_cache=True))
    declare_delta(project)
    project.succeed("bundle", "create", "-o", "shop.bundle")

    def change(contents: dict[str, Any]) -> None:
        del contents["builds"]
        contents.update({} if builds is None else {"builds": builds})

    rewrite(project.path("shop.bundle"), lambda _: None, change)
    result = project.run("bundle", "verify", "shop.bundle")

    assert result.codes == ["bundle-incomplete"]
    assert "what the build of `delta` requires" in result.err


def test_a_list_with_another_hash_does_not_let_another_file_in(away: Project) -> None:
    """The lock says what a file is; the list in the bundle is of whoever made that."""

    def change(members: dict[str, bytes]) -> None:
        name = next(each for each in members if each.endswith("beta-1.0-py3-none-any.whl"))
        members[name] = b"PK evil"

    def relist(contents: dict[str, Any]) -> None:
        import hashlib

        for each in contents["files"]:
            if each["path"].endswith("beta-1.0-py3-none-any.whl"):
                each["sha256"] = hashlib.sha256(b"PK evil").hexdigest()

    rewrite(away.path("shop.bundle"), change, relist)

    assert away.run("bundle", "verify", "shop.bundle").codes == ["bundle-incomplete"]
    assert away.run("apply", "--bundle", "shop.bundle").codes == ["bundle-incomplete"]


# Apply.


def test_a_bundle_is_installed_without_a_network_manifest_and_lock_unchanged(away: Project) -> None:
    before = away.read("env.toml"), away.read("pylock.toml")

    told = away.succeed("apply", "--bundle", "shop.bundle").err

    assert "Copied 2 packages" in told
    assert "Downloaded" not in told
    assert away.installed() == {"alpha": "1.0", "beta": "1.0"}
    assert (away.read("env.toml"), away.read("pylock.toml")) == before
    assert away.is_settled("--offline")


def test_the_project_in_a_bundle_is_enough_to_install_it(away: Project) -> None:
    folder = os.path.join(away.cache, "fresh")
    with tarfile.open(away.path("shop.bundle")) as tar:
        tar.extract("env.toml", folder, filter="data")
        tar.extract("pylock.toml", folder, filter="data")
    fresh = Project(folder=folder, cache=away.cache, index=away.index)

    fresh.apply("--bundle", away.path("shop.bundle"))

    assert fresh.installed() == {"alpha": "1.0", "beta": "1.0"}


def test_a_bundle_of_another_lock_is_refused(locked: Project) -> None:
    locked.succeed("bundle", "create", "-o", "shop.bundle")
    locked.write_manifest("alpha", "gamma")
    locked.succeed("lock")

    result = locked.run("apply", "--bundle", "shop.bundle")

    assert (result.code, result.codes) == (65, ["bundle-of-another-lock"])
    assert not os.path.exists(locked.path(".venv"))


def test_a_manifest_that_moved_on_is_refused_as_under_locked(away: Project) -> None:
    away.write_manifest("alpha", "gamma")

    result = away.run("apply", "--bundle", "shop.bundle")

    assert (result.code, result.codes) == (3, ["lock-stale"])


def test_a_bundle_for_other_machines_is_refused_here(project: Project) -> None:
    for platform in ("manylinux_2_28_x86_64", "macosx_14_0_arm64"):
        make_wheel(project.index.folder, "native", "1.0", tag=f"py3-none-{platform}")
    project.write_manifest(
        "native", rest=f'[lock]\ntargets = ["linux-x86_64", "{OTHER}"]\npython = ["{PYTHON}"]'
    )
    project.succeed("lock")
    project.succeed("bundle", "create", "--target", OTHER, "-o", "mac.bundle")

    result = project.run("apply", "--bundle", "mac.bundle")

    assert result.codes == ["bundle-incomplete"]
    assert OTHER in result.err


def test_a_lock_for_other_machines_alone_cannot_be_applied_here(project: Project) -> None:
    project.write_manifest("alpha", rest=f'[lock]\ntargets = ["{OTHER}"]\npython = ["{PYTHON}"]')
    project.succeed("lock")

    result = project.run("apply")

    assert (result.code, result.codes) == (1, ["not-locked-for"])
    assert not os.path.exists(project.path(".venv"))


def test_what_has_to_be_built_is_built_from_the_bundle(
    make_project: Callable[..., Project], tmp_path: object
) -> None:
    project = publish_delta(make_project(fresh_cache=True))
    make_tree(project.path("core"), "core")
    make_tree(project.path("kept"), "kept")
    sources = '[sources]\ncore = { path = "core", editable = true }\nkept = { path = "kept" }\n'
    project.write_manifest("delta", "core", "kept", rest=f'[build]\nallow = ["delta"]\n{sources}')
    project.succeed("lock")
    project.succeed("bundle", "create", "-o", "shop.bundle")
    project.succeed("bundle", "verify", "shop.bundle")
    away = carry(project, str(tmp_path))
    project.index.stop()

    away.apply("--bundle", "shop.bundle")

    names = {name.rpartition("/")[2] for name in members_of(away.path("shop.bundle"))}
    assert {"delta-1.0.tar.gz", "tool-1.0-py3-none-any.whl", "deeper-1.0-py3-none-any.whl"} <= names
    assert "more-1.0-py3-none-any.whl" in names
    assert away.installed() == {"delta": "1.0", "core": "1.0", "kept": "1.0"}
    assert away.python("import delta, core; print(delta.ANSWER, core.ANSWER)") == "4 1\n"
    assert away.is_settled("--offline")


def test_a_wheel_at_a_path_and_every_environment_are_in_it(project: Project, tmp_path: object) -> None:
    make_wheel(project.path("wheels"), "omega", "1.0")
    rest = (
        '[dependency-groups]\ntest = ["gamma"]\n[env.default]\n[env.ci]\ngroups = ["test"]\n'
        '[sources]\nomega = { path = "wheels/omega-1.0-py3-none-any.whl" }\n'
    )
    project.write_manifest("alpha", "omega", rest=rest)
    project.succeed("lock")
    project.succeed("bundle", "create", "-o", "shop.bundle")
    away = carry(project, str(tmp_path))
    project.index.stop()

    away.apply("--all", "--bundle", "shop.bundle")

    assert away.installed() == {"alpha": "1.0", "beta": "1.0", "omega": "1.0"}
    assert away.installed(".venv-ci") == {"alpha": "1.0", "beta": "1.0", "omega": "1.0", "gamma": "1.0"}
