"""Bundles with packages out of repositories of git: carried over, and built where there is no network."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.backends import BACKEND, make_tree
from support.bundles import carry, contents_of, lose, members_of, read_member, rewrite
from support.documents import validate
from support.packs import make_pack, name_of, read_objects
from support.project import Project
from support.repositories import GitServer, Repository, needs_git

pytestmark = needs_git

ALLOW = '[build]\nallow = ["core"]\n'

#: Asks git which version it is, as setuptools-scm and its kin do.
ASKING = BACKEND.replace(
    'with open("version.txt") as file:\n        return file.read().strip()',
    'import subprocess\n    command = ["git", "describe", "--tags", "--long"]\n'
    "    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout\n"
    '    tag, distance, _ = said.strip().rsplit("-", 2)\n'
    '    return f"{tag.removeprefix(chr(118))}.post{distance}"',
)
assert ASKING != BACKEND


@pytest.fixture
def repositories(tmp_path: Path) -> Path:
    return tmp_path / "repositories"


@pytest.fixture
def repository(repositories: Path) -> Repository:
    """A repository of the project `core`, which needs `beta`; its first commit is tagged `v1`."""
    made = Repository(repositories / "core")
    make_tree(made.folder, "core", dependencies=("beta",))
    made.commit()
    made.git("tag", "--annotate", "--message", "The first", "v1")
    return made


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    made = make_project(fresh_cache=True)
    made.publish("beta", "1.0")
    return made


@pytest.fixture
def leave(project: Project, repositories: Path, tmp_path: Path) -> Callable[..., Project]:
    """Lock, make a bundle, and go where there is neither index nor repository nor cache."""

    def leave(*arguments: str) -> Project:
        project.succeed("lock")
        project.succeed("bundle", "create", "-o", "shop.bundle", *arguments)
        away = carry(project, str(tmp_path))
        project.index.stop()
        repositories.rename(tmp_path / "gone")
        return away

    return leave


def declare(project: Project, repository: Repository, *more: str, rest: str = ALLOW) -> Project:
    """Take `core` from a repository; ``more`` are keys of the source."""
    keys = ", ".join([f'git = "{repository.url}"', *more])
    project.write_manifest("core", rest=f"[sources]\ncore = {{ {keys} }}\n{rest}")
    return project


def move(repository: Repository, answer: int = 2) -> str:
    """Commit another answer."""
    repository.write("src/core.py", f"ANSWER = {answer}\n")
    return repository.commit()


def ask_git(repository: Repository, name: str = "") -> None:
    """Let a project, of the folder of its name if one is given, learn its version from git."""
    repository.write(os.path.join(name, "backend.py"), ASKING.replace("../calls.txt", os.devnull))
    repository.write(
        os.path.join(name, "pyproject.toml"),
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name or "core"}"\ndynamic = ["version"]\n',
    )


def make_plain(repositories: Path) -> str:
    """Make two repositories of projects that state their metadata; return their sources."""
    lines = ["[sources]"]
    for name in ("core", "side"):
        made = Repository(repositories / name)
        make_tree(made.folder, name)
        made.commit()
        lines.append(f'{name} = {{ git = "{made.url}" }}')
    return "\n".join(lines)


def make_both(repositories: Path) -> str:
    """Make a repository of two projects, of which `side` asks git for its version; return their sources."""
    both = Repository(repositories / "both")
    make_tree(os.path.join(both.folder, "core"), "core")
    make_tree(os.path.join(both.folder, "side"), "side")
    ask_git(both, "side")
    both.commit()
    both.git("tag", "v4")
    lines = [f'{name} = {{ git = "{both.url}", subdirectory = "{name}" }}' for name in ("core", "side")]
    return "\n".join(["[sources]", *lines, '[build]\nallow = ["core", "side"]'])


def answer(project: Project) -> str:
    return project.python("import core; print(core.ANSWER)").strip()


def pack_in(path: str) -> str:
    """Name the one pack of a bundle."""
    (name,) = [each for each in members_of(path) if each.endswith(".pack")]
    return name


def repack(
    path: str, change: Callable[[bytes], bytes], contents: Callable[[dict[str, Any]], None] = lambda _: None
) -> None:
    """Change the pack of a bundle, and what its list says of it."""
    name = pack_in(path)
    made = change(read_member(path, name))

    def relist(listed: dict[str, Any]) -> None:
        for each in listed["files"]:
            if each["path"] == name:
                each.update(sha256=hashlib.sha256(made).hexdigest(), size=len(made))
        contents(listed)

    rewrite(path, lambda members: members.update({name: made}), relist)


# What is carried.


@pytest.mark.parametrize(
    "reference", ["", 'branch = "main"', 'tag = "v1"', 'rev = "v1"', 'rev = "SHORT"', 'rev = "OBJECT"']
)
def test_a_commit_is_installed_without_a_network_manifest_and_lock_unchanged(
    project: Project, repository: Repository, leave: Callable[..., Project], reference: str
) -> None:
    commit = repository.git("rev-parse", "HEAD")
    tag = repository.git("rev-parse", "v1")
    named = reference.replace("SHORT", commit[:9]).replace("OBJECT", tag)
    declare(project, repository, *filter(None, [named]))
    away = leave()
    before = away.read("env.toml"), away.read("pylock.toml")

    away.succeed("bundle", "verify", "shop.bundle")
    away.apply("--bundle", "shop.bundle")

    assert away.installed() == {"core": "1.0", "beta": "1.0"}
    assert (away.read("env.toml"), away.read("pylock.toml")) == before
    with open(away.site("core-1.0.dist-info", "direct_url.json"), encoding="utf-8") as file:
        assert json.load(file)["vcs_info"]["commit_id"] == (tag if tag in named else commit)
    assert away.is_settled("--offline")
    shutil.rmtree(away.path(".venv"))
    away.apply("--locked", "--offline", "--reinstall", "core")


def test_a_reference_in_a_list_is_carried_like_a_source(
    project: Project, repository: Repository, leave: Callable[..., Project]
) -> None:
    project.write_manifest(f"core @ git+{repository.url}@main", rest=ALLOW)
    away = leave()

    away.succeed("bundle", "verify", "shop.bundle")
    away.apply("--bundle", "shop.bundle")

    assert away.installed() == {"core": "1.0", "beta": "1.0"}


def test_a_bundle_says_which_commits_are_in_it(project: Project, repository: Repository) -> None:
    declare(project, repository).succeed("lock")
    project.succeed("bundle", "create", "-o", "shop.bundle")

    contents = contents_of(project.path("shop.bundle"))

    validate(contents)
    commit = repository.git("rev-parse", "HEAD")
    (listed,) = contents["repositories"]
    assert (listed["url"], listed["commit"]) == (repository.url, commit)
    assert listed["path"].endswith(f"/{commit}.pack")
    assert "tags" not in listed


def test_the_trees_of_a_commit_alone_are_carried_where_no_build_asks_for_more(
    project: Project, repository: Repository
) -> None:
    move(repository)
    declare(project, repository).succeed("lock")
    project.succeed("bundle", "create", "-o", "shop.bundle")

    path = project.path("shop.bundle")
    objects = read_objects(read_member(path, pack_in(path)))

    listed = repository.git("ls-tree", "-r", "-t", "HEAD").splitlines()
    expected = {line.split()[2] for line in listed}
    expected |= {repository.git("rev-parse", "HEAD"), repository.git("rev-parse", "HEAD^{tree}")}
    assert [name_of(each) for each in objects] == sorted(expected)


def test_git_itself_reads_the_pack(project: Project, repository: Repository, tmp_path: Path) -> None:
    declare(project, repository).succeed("lock")
    project.succeed("bundle", "create", "-o", "shop.bundle")
    path = project.path("shop.bundle")
    other = Repository(tmp_path / "other")
    pack = os.path.join(other.folder, "carried.pack")
    with open(pack, "wb") as file:
        file.write(read_member(path, pack_in(path)))

    other.git("index-pack", "--strict", pack)
    other.git("verify-pack", pack)


def test_a_folder_of_a_repository_is_built(
    project: Project, repository: Repository, leave: Callable[..., Project]
) -> None:
    make_tree(os.path.join(repository.folder, "py"), "core", "3.0", code="ANSWER = 3\n")
    repository.commit()
    declare(project, repository, 'subdirectory = "py"')
    away = leave()

    away.apply("--bundle", "shop.bundle")

    assert (away.installed(), answer(away)) == ({"core": "3.0"}, "3")


def test_submodules_and_theirs_come_along(
    project: Project, repository: Repository, repositories: Path, leave: Callable[..., Project]
) -> None:
    inner, module = Repository(repositories / "inner"), Repository(repositories / "module")
    inner.write("deep.py", "ANSWER = 8\n")
    inner.commit()
    module.write("within.py", "ANSWER = 7\n")
    for outer, name in ((module, "inner"), (repository, "module")):
        place = "inner" if outer is module else "src/part"
        outer.git("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", f"../{name}", place)
        outer.git("config", "--file", ".gitmodules", f"submodule.{place}.url", f"../{name}")
        outer.commit()
    declare(project, repository)
    away = leave()

    away.succeed("bundle", "verify", "shop.bundle")
    away.apply("--bundle", "shop.bundle")

    urls = [each["url"] for each in contents_of(away.path("shop.bundle"))["repositories"]]
    assert urls == [repository.url, inner.url, module.url]
    shown = away.python(
        "from part import within; from part.inner import deep; print(within.ANSWER, deep.ANSWER)"
    )
    assert shown == "7 8\n"


def test_a_submodule_that_is_missing_is_named(
    project: Project, repository: Repository, repositories: Path, leave: Callable[..., Project]
) -> None:
    module = Repository(repositories / "module")
    module.write("within.py", "ANSWER = 7\n")
    module.commit()
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", "../module", "src/part")
    repository.git("config", "--file", ".gitmodules", "submodule.src/part.url", "../module")
    repository.commit()
    declare(project, repository)
    away = leave()

    def forget(contents: dict[str, Any]) -> None:
        contents["repositories"] = [
            each for each in contents["repositories"] if each["url"] == repository.url
        ]

    rewrite(away.path("shop.bundle"), lambda _: None, forget)
    verified = away.run("bundle", "verify", "shop.bundle")
    applied = away.run("apply", "--bundle", "shop.bundle")

    assert (verified.code, verified.codes) == (65, ["bundle-incomplete"])
    assert (applied.code, applied.codes) == (65, ["bundle-incomplete"])
    assert f"of `{module.url}`, which `core` needs" in verified.err
    assert not os.path.exists(away.path(".venv"))


def test_a_version_that_git_tells_is_the_same_where_it_is_built(
    project: Project, repository: Repository, leave: Callable[..., Project]
) -> None:
    ask_git(repository)
    repository.commit()
    repository.git("tag", "v2")
    move(repository)
    repository.git("checkout", "--quiet", "-b", "aside")
    move(repository, 3)
    repository.git("tag", "v9")
    declare(project, repository, 'branch = "main"')
    away = leave()

    away.succeed("bundle", "verify", "shop.bundle")
    away.apply("--bundle", "shop.bundle")

    (listed,) = contents_of(away.path("shop.bundle"))["repositories"]
    assert away.installed() == {"core": "2.post1"}
    assert set(listed["tags"]) == {"v1", "v2"}


def test_of_history_the_commits_and_folders_are_carried_and_no_old_files(
    project: Project, repository: Repository, leave: Callable[..., Project]
) -> None:
    """A version may count the commits that changed a folder."""
    ask_git(repository)
    path = os.path.join(repository.folder, "backend.py")
    with open(path, encoding="utf-8") as file:
        asking = file.read()
    repository.write(
        "backend.py",
        asking.replace('"describe", "--tags", "--long"]', '"rev-list", "--count", "HEAD", "--", "src"]')
        .replace('    tag, distance, _ = said.strip().rsplit("-", 2)\n', "")
        .replace('f"{tag.removeprefix(chr(118))}.post{distance}"', "said.strip()"),
    )
    repository.commit()
    old = repository.git("rev-parse", "v1:src/core.py")
    move(repository)
    move(repository, 3)
    declare(project, repository)
    away = leave()

    away.apply("--bundle", "shop.bundle")

    assert away.installed() == {"core": "3"}
    carried = [
        name_of(each)
        for each in read_objects(read_member(away.path("shop.bundle"), pack_in(away.path("shop.bundle"))))
    ]
    assert old not in carried


def test_a_bundle_without_the_history_that_a_build_needs_is_incomplete(
    project: Project, repository: Repository, leave: Callable[..., Project]
) -> None:
    ask_git(repository)
    repository.commit()
    declare(project, repository)
    away = leave()

    gone = Repository(repository.folder.replace("repositories", "gone"))
    listed = gone.git("rev-list", "--objects", "--no-object-names", "--max-count=1", "HEAD").split()

    def cut_off(pack: bytes) -> bytes:
        return make_pack(each for each in read_objects(pack) if name_of(each) in listed)

    repack(away.path("shop.bundle"), cut_off, lambda contents: contents["repositories"][0].pop("tags"))
    verified = away.run("bundle", "verify", "shop.bundle")

    assert verified.codes == ["bundle-incomplete"]
    assert "the history of commit" in verified.err
    assert away.run("apply", "--bundle", "shop.bundle").codes == ["bundle-incomplete"]


def test_a_monorepo_beside_it_stays_editable(
    project: Project, repository: Repository, leave: Callable[..., Project]
) -> None:
    make_tree(project.path("packages", "shop"), "shop", dependencies=("core",), code="import core\n")
    project.write_manifest(
        "shop",
        rest='[sources]\nshop = { path = "packages/shop", editable = true }\n'
        f'core = {{ git = "{repository.url}", branch = "main" }}\n{ALLOW}',
    )
    away = leave()

    away.succeed("bundle", "verify", "shop.bundle")
    away.apply("--bundle", "shop.bundle")

    assert away.installed() == {"shop": "1.0", "core": "1.0", "beta": "1.0"}
    assert away.python("import shop; print(shop.__file__)").strip() == away.path(
        "packages", "shop", "src", "shop.py"
    )


def test_packages_of_one_repository_share_what_is_carried(
    project: Project, repositories: Path, leave: Callable[..., Project]
) -> None:
    """One of them needs the history, which serves the other, too."""
    project.write_manifest("core", "side", rest=make_both(repositories))
    away = leave()

    away.apply("--bundle", "shop.bundle")

    assert pack_in(away.path("shop.bundle"))
    assert away.installed() == {"core": "1.0", "side": "4.post0"}


def test_files_of_every_size_and_kind_arrive(
    project: Project, repository: Repository, leave: Callable[..., Project]
) -> None:
    repository.write("src/empty.py", "")
    repository.write("src/large.py", "TEXT = '" + "é" * 200_000 + "'\n")
    for size in (65_535, 65_536, 131_070):
        repository.write(f"src/exact{size}.py", "#" * size)
    repository.write("tools/run.sh", "#!/bin/sh\n")
    os.chmod(os.path.join(repository.folder, "tools", "run.sh"), 0o755)
    os.symlink("core.py", os.path.join(repository.folder, "src", "also.py"))
    repository.commit()
    declare(project, repository)
    away = leave()

    away.succeed("bundle", "verify", "shop.bundle")
    away.apply("--bundle", "shop.bundle")

    assert away.python("import also, large; print(also.ANSWER, len(large.TEXT))") == "1 200000\n"
    for size in (0, 65_535, 65_536, 131_070):
        assert os.path.getsize(away.site(f"exact{size}.py" if size else "empty.py")) == size


def test_a_repository_of_longer_names_is_carried_too(
    project: Project, repositories: Path, leave: Callable[..., Project]
) -> None:
    os.makedirs(repositories / "core")
    made = Repository(repositories / "core")
    shutil.rmtree(os.path.join(made.folder, ".git"))
    made.git("init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    make_tree(made.folder, "core")
    assert len(made.commit()) == 64
    declare(project, made)
    away = leave()

    away.succeed("bundle", "verify", "shop.bundle")
    away.apply("--bundle", "shop.bundle")

    assert answer(away) == "1"


# The same bytes.


@pytest.mark.parametrize("kind", ["alone", "with-history"])
def test_bundles_from_different_caches_have_the_same_bytes(
    project: Project, repository: Repository, repositories: Path, tmp_path: Path, kind: str
) -> None:
    if kind == "with-history":
        ask_git(repository)
        repository.commit()
    for number in range(5):
        repository.write("data.txt", "\n".join(map(str, range(1000 + number))))
        repository.commit()
    with GitServer(repositories) as server:
        source = f'[sources]\ncore = {{ git = "{server.url}/core/.git", branch = "main" }}\n'
        project.write_manifest("core", rest=source + ALLOW)
        project.succeed("lock")
        project.succeed("bundle", "create", "-o", "one.bundle")
        # Other packs, other objects beside those that are meant, and another way to get them.
        repository.git("repack", "-a", "-d", "-f", "--depth=50", "--window=50")
        repository.git("checkout", "--quiet", "-b", "aside")
        move(repository, 5)
        repository.git("tag", "v7")
        repository.git("config", "uploadpack.allowAnySHA1InWant", "false")
        other = carry(project, str(tmp_path))
        other.succeed("bundle", "create", "-o", "two.bundle")

    with open(project.path("one.bundle"), "rb") as one, open(other.path("two.bundle"), "rb") as two:
        assert one.read() == two.read()


def test_a_cache_that_has_more_of_a_repository_makes_no_difference(
    project: Project, repositories: Path, tmp_path: Path
) -> None:
    both = make_both(repositories)
    project.write_manifest("side", rest=both)
    project.succeed("lock")
    project.succeed("bundle", "create", "-o", "both.bundle")
    project.write_manifest("core", rest=both)
    project.succeed("lock")
    project.succeed("bundle", "create", "-o", "one.bundle")
    other = carry(project, str(tmp_path))
    other.succeed("bundle", "create", "-o", "two.bundle")

    assert ["tags" in each for each in contents_of(project.path("both.bundle"))["repositories"]] == [True]
    assert ["tags" in each for each in contents_of(project.path("one.bundle"))["repositories"]] == [False]
    with open(project.path("one.bundle"), "rb") as one, open(other.path("two.bundle"), "rb") as two:
        assert one.read() == two.read()


def test_all_that_may_not_be_built_is_named_at_once(project: Project, repositories: Path) -> None:
    project.write_manifest("core", "side", rest=make_plain(repositories))
    project.succeed("lock")

    result = project.run("bundle", "create", "-o", "shop.bundle")

    assert (result.code, result.codes) == (1, ["build-not-allowed", "build-not-allowed"])
    assert not os.path.exists(project.path("shop.bundle"))


# What was changed on the way.


def change_blob(pack: bytes) -> bytes:
    objects = [
        (kind, data.replace(b"ANSWER = 1", b"ANSWER = 6")) if kind == "blob" else (kind, data)
        for kind, data in read_objects(pack)
    ]
    return make_pack(objects)


def drop(kind: str) -> Callable[[bytes], bytes]:
    def change(pack: bytes) -> bytes:
        objects = read_objects(pack)
        objects.remove(next(each for each in objects if each[0] == kind))
        return make_pack(objects)

    return change


TAMPERED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "changed-blob": (change_blob, "is not whole"),
    "missing-blob": (drop("blob"), "is not whole"),
    "missing-tree": (drop("tree"), "is not whole"),
    "missing-commit": (drop("commit"), "is of another commit"),
    "extra-object": (
        lambda pack: make_pack([*read_objects(pack), ("blob", b"more")]),
        "holds more than the commit",
    ),
    "twice-an-object": (lambda pack: make_pack([*read_objects(pack), read_objects(pack)[0]]), ""),
    "compressed": (lambda pack: make_pack(read_objects(pack), level=9), "is compressed"),
    "cut-off": (lambda pack: pack[: len(pack) // 2], ""),
    "longer": (lambda pack: pack + b"x", "has another length than its objects"),
    "nothing": (lambda _: b"", "is none"),
    "wrong-count": (lambda pack: pack[:8] + b"\xff\xff\xff\xff" + pack[12:], ""),
    "wrong-sum": (lambda pack: pack[:-1] + bytes([pack[-1] ^ 1]), "is not whole"),
    "wrong-kind": (lambda pack: pack[:12] + bytes([pack[12] | 0x70]) + pack[13:], "no whole object"),
    "wrong-size": (lambda pack: pack[:12] + b"\xb0" + b"\xff" * 8 + b"\x01" + pack[22:], ""),
}


@pytest.mark.parametrize("change", TAMPERED)
def test_a_pack_that_was_changed_is_refused_and_changes_nothing(
    project: Project, repository: Repository, leave: Callable[..., Project], change: str
) -> None:
    declare(project, repository)
    away = leave()
    alter, told = TAMPERED[change]
    repack(away.path("shop.bundle"), alter)
    before = away.snapshot()

    verified = away.run("bundle", "verify", "shop.bundle")
    applied = away.run("apply", "--bundle", "shop.bundle")

    assert (verified.code, verified.codes) == (65, ["bad-bundle"])
    assert (applied.code, applied.codes) == (65, ["bad-bundle"])
    assert f"of `{repository.url}`" in verified.err
    assert told in verified.err
    assert told in applied.err
    after = away.snapshot()
    assert {path: after[path] for path in before} == before
    assert not {".venv", ".venv.envctl/live"} & after.keys()


def test_a_commit_swapped_for_another_is_refused(
    project: Project, repository: Repository, leave: Callable[..., Project]
) -> None:
    declare(project, repository)
    project.succeed("lock")
    project.succeed("bundle", "create", "-o", "first.bundle")
    move(repository)
    project.succeed("lock", "--upgrade")
    away = leave()
    first = away.path("first.bundle")

    repack(away.path("shop.bundle"), lambda _: read_member(first, pack_in(first)))

    for command in (["bundle", "verify"], ["apply", "--bundle"]):
        result = away.run(*command, "shop.bundle")
        assert (result.code, result.codes) == (65, ["bad-bundle"])
        assert "is of another commit" in result.err


@pytest.mark.parametrize(
    "change",
    [
        lambda tags, head: tags.update(v8="0" * 40),
        lambda tags, head: tags.update(v8="no object"),
        lambda tags, head: tags.update({"v8\n" + head + " refs/heads/x": head}),
        lambda tags, head: tags.update({"../../config": head}),
        lambda tags, head: tags.update({"v8.lock": head}),
        lambda tags, head: tags.update({"v8\ud800": head}),
        lambda tags, head: tags.pop("v1"),
    ],
    ids=["absent", "none", "two-lines", "path", "lock", "surrogate", "left-out"],
)
def test_tags_that_are_none_are_refused(
    project: Project,
    repository: Repository,
    leave: Callable[..., Project],
    change: Callable[[dict[str, str], str], None],
) -> None:
    ask_git(repository)
    repository.commit()
    declare(project, repository)
    away = leave()

    def retag(contents: dict[str, Any]) -> None:
        (listed,) = contents["repositories"]
        change(listed["tags"], listed["commit"])

    rewrite(away.path("shop.bundle"), lambda _: None, retag)

    for command in (["bundle", "verify"], ["apply", "--bundle"]):
        result = away.run(*command, "shop.bundle")
        assert (result.code, result.codes) == (65, ["bad-bundle"])


@pytest.mark.parametrize("commits", [3, ["tool"], {"tool": 1}])
def test_a_list_of_the_commits_of_tools_that_is_none_is_refused(
    project: Project, repository: Repository, leave: Callable[..., Project], commits: object
) -> None:
    declare(project, repository)
    away = leave()

    rewrite(away.path("shop.bundle"), lambda _: None, lambda listed: listed.update(tool_commits=commits))

    assert away.run("bundle", "verify", "shop.bundle").codes == ["bad-bundle"]
    assert away.run("apply", "--bundle", "shop.bundle").codes == ["bad-bundle"]


@pytest.mark.parametrize(
    "listed",
    [
        3,
        ["x"],
        [{}],
        [{"url": 1, "commit": "x", "path": "env.toml"}],
        [{"url": "u", "commit": "c", "path": "x"}],
    ],
)
def test_a_list_of_repositories_that_is_none_is_refused(
    project: Project, repository: Repository, leave: Callable[..., Project], listed: object
) -> None:
    declare(project, repository)
    away = leave()

    rewrite(away.path("shop.bundle"), lambda _: None, lambda contents: contents.update(repositories=listed))

    assert away.run("bundle", "verify", "shop.bundle").codes == ["bad-bundle"]
    assert away.run("apply", "--bundle", "shop.bundle").codes == ["bad-bundle"]


def test_a_lock_that_was_changed_with_its_commit_is_not_the_projects(
    project: Project, repository: Repository, leave: Callable[..., Project]
) -> None:
    """Who changes commit and lock in the bundle has made a bundle of another lock."""
    declare(project, repository)
    away = leave()

    def change(members: dict[str, bytes]) -> None:
        members["pylock.toml"] = members["pylock.toml"].replace(b"commit-id", b"commit-id ")

    def relist(contents: dict[str, Any]) -> None:
        for each in contents["files"]:
            if each["path"] == "pylock.toml":
                each["sha256"] = "0" * 64

    rewrite(away.path("shop.bundle"), change, relist)

    assert away.run("apply", "--bundle", "shop.bundle").codes == ["bundle-of-another-lock"]


def test_a_machine_without_git_is_told_so(
    project: Project, repository: Repository, leave: Callable[..., Project], tmp_path: Path
) -> None:
    declare(project, repository)
    away = leave()

    for command in (["bundle", "verify"], ["apply", "--bundle"]):
        result = away.run(*command, "shop.bundle", environ={"PATH": os.fspath(tmp_path)})
        assert (result.code, result.codes) == (1, ["git-missing"])


# What builds take.


def test_build_tools_of_a_commit_are_carried_and_missed(
    project: Project, repository: Repository, leave: Callable[..., Project]
) -> None:
    path = os.path.join(repository.folder, "pyproject.toml")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    repository.write("pyproject.toml", text.replace("requires = []", 'requires = ["tool"]'))
    repository.commit()
    project.publish("tool", "1.0", requires=["deeper"])
    project.publish("deeper", "1.0")
    declare(project, repository)
    away = leave()
    whole, without = away.path("shop.bundle"), away.path("without.bundle")
    shutil.copyfile(whole, without)
    lose(without, "deeper-1.0-py3-none-any.whl")

    verified, applied = away.run("bundle", "verify", without), away.run("apply", "--bundle", without)
    away.succeed("bundle", "verify", whole)
    away.apply("--bundle", whole)

    assert (verified.code, verified.codes) == (65, ["bundle-incomplete"])
    assert "lacks `deeper-1.0-py3-none-any.whl`, which `core` needs" in verified.err
    assert (applied.code, applied.codes) == (65, ["bundle-incomplete"])
    assert away.installed() == {"core": "1.0", "beta": "1.0"}


def test_a_build_tool_out_of_a_repository_is_carried(
    project: Project, repositories: Path, leave: Callable[..., Project]
) -> None:
    """Its own build requires something, too."""
    tool, core = Repository(repositories / "tool"), Repository(repositories / "core")
    for made, name, requires in ((tool, "tool", "deeper"), (core, "core", "tool")):
        make_tree(made.folder, name)
        path = os.path.join(made.folder, "pyproject.toml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        made.write("pyproject.toml", text.replace("requires = []", f'requires = ["{requires}"]'))
        made.write("backend.py", f"import {requires}\n{BACKEND}".replace("../calls.txt", os.devnull))
        made.commit()
    project.publish("deeper", "1.0")
    project.publish("tool", "9.0")
    project.write_manifest(
        "core",
        rest=f'[sources]\ncore = {{ git = "{core.url}" }}\ntool = {{ git = "{tool.url}", branch = "main" }}\n'
        '[build]\nallow = ["core", "tool"]\n',
    )
    away = leave()
    contents = contents_of(away.path("shop.bundle"))
    without = away.path("without.bundle")
    shutil.copyfile(away.path("shop.bundle"), without)
    lose(without, "deeper-1.0-py3-none-any.whl")
    rewrite(without, lambda _: None, lambda listed: listed["repositories"].pop())

    verified, applied = away.run("bundle", "verify", without), away.run("apply", "--bundle", without)
    away.succeed("bundle", "verify", "shop.bundle")
    away.apply("--bundle", "shop.bundle")

    validate(contents)
    assert contents["tool_commits"] == {"tool": contents["repositories"][1]["commit"]}
    assert verified.codes == applied.codes == ["bundle-incomplete", "bundle-incomplete"]
    assert f"of `{tool.url}`, which `tool` needs" in applied.err
    assert away.installed() == {"core": "1.0"}
    assert away.is_settled("--offline")


def test_a_bundle_is_a_plain_archive_with_the_project_in_it(
    project: Project, repository: Repository, leave: Callable[..., Project]
) -> None:
    declare(project, repository)
    away = leave()
    folder = os.path.join(away.cache, "fresh")
    with tarfile.open(away.path("shop.bundle")) as tar:
        for name in ("env.toml", "pylock.toml"):
            tar.extract(name, folder, filter="data")
    fresh = Project(folder=folder, cache=away.cache, index=away.index)

    fresh.apply("--bundle", away.path("shop.bundle"))

    assert fresh.installed() == {"core": "1.0", "beta": "1.0"}
