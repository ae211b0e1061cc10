"""What each key of the manifest becomes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from packaging.requirements import Requirement

from envctl.manifest.manifest import (
    Declaration,
    GitSource,
    Index,
    IndexSource,
    LockSettings,
    Manifest,
    PathSource,
    Source,
    UrlSource,
)
from envctl.manifest.parse import parse
from envctl.model.tables import Rule, Waiver
from envctl.model.times import format_limit

FOLDER = "/srv/shop"


def manifest(text: str, *, name: str = "env.toml") -> Manifest:
    return parse(text.encode(), path=f"{FOLDER}/{name}")


def test_an_empty_file_is_a_manifest_with_every_default() -> None:
    empty = manifest("")

    assert empty.path == "/srv/shop/env.toml"
    assert empty.folder == "/srv/shop"
    assert empty.lists_in == "/srv/shop/env.toml"
    assert (empty.name, empty.pythons, empty.project, empty.dependencies) == (None, (), None, ())
    assert empty.lock == LockSettings(path="/srv/shop/pylock.toml")
    assert empty.environments == {"default": Declaration(name="default", path="/srv/shop/.venv")}


def test_without_an_index_it_is_the_public_one_under_the_name_pypi() -> None:
    (index,) = manifest("").indexes

    assert index.name == "pypi"
    assert index.url.startswith("https://")


def test_some_rules_warn_by_default_and_all_others_are_off() -> None:
    rules = manifest("").policy.rules

    assert {name for name, rule in rules.items() if rule.mode == "warn"} == {
        "yanked",
        "archived",
        "startup-hooks",
    }
    assert {rule.mode for rule in rules.values()} == {"warn", "off"}
    assert set(rules) == {
        "packages", "licenses", "indexes", "min-age", "max-age", "sdists", "yanked", "archived",
        "vulnerabilities", "startup-hooks", "attestations", "size", "downgrades",
    }  # fmt: skip


def test_requirements_are_normalised_and_know_their_list_and_line() -> None:
    (first, second) = manifest(
        "dependencies = [\n 'Flask_Login>=1',\n 'a[B_c]; python_version<\"4\"']"
    ).dependencies

    assert (str(first.requirement), first.by, first.where) == ("flask-login>=1", "env.toml", "env.toml:2")
    assert (second.requirement.extras, second.where) == ({"b-c"}, "env.toml:3")


def test_a_list_is_named_after_the_file_it_stands_in() -> None:
    (asked,) = manifest("dependencies = ['a']", name="gpu.toml").dependencies

    assert (asked.by, asked.where) == ("gpu.toml", "gpu.toml:1")


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/a-1-py3-none-any.whl",
        "http://127.0.0.1:8000/a.tar.gz#sha256=" + "00" * 32,
        "file:///srv/a.whl",
        "git+https://a.example/a.git@v1",
        "git+ssh://git@a.example/a.git",
    ],
)
def test_a_direct_url_may_stand_in_the_lists(url: str) -> None:
    (asked,) = manifest(f"dependencies = ['a @ {url}']").dependencies

    assert asked.requirement.url == url


def test_extras_are_lists_under_normalised_names() -> None:
    extras = manifest("[optional-dependencies]\nMy_Postgres = ['psycopg']\nnone = []").extras

    assert {name: [str(one.requirement) for one in asked] for name, asked in extras.items()} == {
        "my-postgres": ["psycopg"],
        "none": [],
    }
    assert extras["my-postgres"][0].by == "extra my-postgres"


def test_groups_hold_what_they_include_with_the_place_it_is_written_at() -> None:
    groups = manifest(
        "[dependency-groups]\nTest = ['pytest']\nlint = ['ruff']\n"
        "dev = [\n'a',\n{include-group = 'test'},\n'b',\n{include-group = 'LINT'}]\n"
    ).groups

    assert [(str(one.requirement), one.by, one.where) for one in groups["dev"]] == [
        ("a", "group dev", "env.toml:5"),
        ("pytest", "group test", "env.toml:2"),
        ("b", "group dev", "env.toml:7"),
        ("ruff", "group lint", "env.toml:3"),
    ]


def test_two_groups_may_include_the_same_third() -> None:
    groups = manifest(
        "[dependency-groups]\nd = [{include-group='b'}, {include-group='c'}]\n"
        "b = [{include-group='a'}]\nc = [{include-group='a'}]\na = ['x']"
    ).groups

    assert [str(one.requirement) for one in groups["d"]] == ["x", "x"]


SOURCES: dict[str, tuple[str, Source]] = {
    "path": ("path = '../core'", PathSource(path="/srv/core", written="../core")),
    "editable path": (
        "path = 'core/', editable = true, subdirectory = 'py'",
        PathSource(path="/srv/shop/core", written="core/", editable=True, subdirectory="py"),
    ),
    "absolute path": ("path = '/opt/core'", PathSource(path="/opt/core", written="/opt/core")),
    "index": ("index = 'Acme'", IndexSource(index="acme")),
    "git": ("git = 'https://a.example/a.git'", GitSource(url="https://a.example/a.git")),
    "git tag": (
        "git = 'ssh://git@a.example/a', tag = 'v1.2', subdirectory = 'py/x'",
        GitSource(url="ssh://git@a.example/a", tag="v1.2", subdirectory="py/x"),
    ),
    "git branch": (
        "git = 'file:///srv/a', branch = 'feature/x'",
        GitSource(url="file:///srv/a", branch="feature/x"),
    ),
    "git rev": ("git = 'https://a.example/a', rev = 'abc'", GitSource(url="https://a.example/a", rev="abc")),
    "url": (
        "url = 'https://a.example/a.tar.gz', subdirectory = 'x'",
        UrlSource(url="https://a.example/a.tar.gz", subdirectory="x"),
    ),
}


@pytest.mark.parametrize(("text", "source"), SOURCES.values(), ids=SOURCES.keys())
def test_a_source_is(text: str, source: Source) -> None:
    parsed = manifest(f"[sources]\nMy_Name = {{{text}}}\n[[index]]\nname='acme'\nurl='https://a.example/'")

    assert parsed.sources == {"my-name": source}


def test_a_source_may_name_the_public_index() -> None:
    assert manifest("[sources]\na = {index = 'pypi'}").sources == {"a": IndexSource(index="pypi")}


INDEXES = {
    "simple": ("url = 'https://a.example/simple/'", "https://a.example/simple/", False),
    "simple without a slash": ("url = 'https://a.example/simple'", "https://a.example/simple/", False),
    "with a query": ("url = 'https://a.example/?x=y'", "https://a.example/?x=y", False),
    "flat page": ("url = 'https://a.example/files', flat = true", "https://a.example/files", True),
    "flat folder": ("url = '../whe els', flat = true", "file:///srv/whe%20els", True),
    "flat folder with marks": ("url = './a#b%é', flat = true", "file:///srv/shop/a%23b%25%C3%A9", True),
    "flat file url": ("url = 'file:///srv/wheels', flat = true", "file:///srv/wheels", True),
    "of this machine": ("url = 'http://127.0.0.1:3141/root/'", "http://127.0.0.1:3141/root/", False),
    "of an IPv6 address": ("url = 'http://[::1]:3141/root/'", "http://[::1]:3141/root/", False),
}


@pytest.mark.parametrize(("text", "url", "flat"), INDEXES.values(), ids=INDEXES.keys())
def test_an_index_is(text: str, url: str, *, flat: bool) -> None:
    table = "\n".join(text.split(", "))

    assert manifest(f"[[index]]\nname = 'a'\n{table}").indexes == (Index(name="a", url=url, flat=flat),)


def test_indexes_keep_their_order_and_packages_are_patterns_of_normalised_names() -> None:
    text = """
[[index]]
name = "b"
url = "https://b.example/"
packages = ["Acme_*", "x.y?"]
[[index]]
name = "a"
url = "https://a.example/"
"""

    indexes = manifest(text).indexes

    assert [(index.name, index.packages) for index in indexes] == [("b", ("acme-*", "x-y?")), ("a", ())]


def test_the_lock_table_is_read() -> None:
    lock = manifest(
        """
[dependency-groups]
cpu = []
gpu = []
[optional-dependencies]
fast = []
[lock]
path = "pylock.gpu.toml"
targets = ["linux-x86_64", "linux-aarch64-glibc2.17", "linux-x86_64-musl1.2", "macos-arm64", "windows-x86_64"]
python = ["3.11", "3.12.4"]
resolution = "lowest-direct"
constraints = ["URLlib3<3"]
overrides = ["idna==3.10"]
excludes = ["Typing"]
conflicts = [[{group = "CPU"}, {group = "gpu"}], [{extra = "fast"}, {group = "gpu"}]]
"""
    ).lock

    assert lock.path == "/srv/shop/pylock.gpu.toml"
    assert lock.targets[1:3] == ("linux-aarch64-glibc2.17", "linux-x86_64-musl1.2")
    assert lock.python == ("3.11", "3.12.4")
    assert lock.resolution == "lowest-direct"
    assert (lock.constraints, lock.overrides) == ((Requirement("urllib3<3"),), (Requirement("idna==3.10"),))
    assert lock.excludes == frozenset({"typing"})
    assert lock.conflicts == (
        (("group", "cpu"), ("group", "gpu")),
        (("extra", "fast"), ("group", "gpu")),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'allow'", {"*": "allow"}),
        ("{ rich = 'allow' }", {"*": "if-necessary", "rich": "allow"}),
        ("{ '*' = 'disallow', 'Rich.X' = 'allow' }", {"*": "disallow", "rich-x": "allow"}),
    ],
)
def test_prerelease_is_for_all_or_by_package(text: str, expected: dict[str, str]) -> None:
    assert manifest(f"[lock]\nprerelease = {text}").lock.prerelease == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'3 days'", timedelta(days=3)),
        ("'1 day'", timedelta(days=1)),
        ("'36 hours'", timedelta(hours=36)),
        ("'2 weeks'", timedelta(weeks=2)),
        ("2026-01-31", date(2026, 1, 31)),
        ("'2026-01-31'", date(2026, 1, 31)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("'2026-01-31T12:00:00+02:00'", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("'2026-01-31 12:00'", datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_exclude_newer_is_a_span_a_date_or_a_time(text: str, expected: object) -> None:
    assert manifest(f"[lock]\nexclude-newer = {text}").lock.exclude_newer == {"*": expected}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("'1 day'", "1 days"),
        ("'2 weeks'", "14 days"),
        ("'36 h'", "36 hours"),
        ("'48 hours'", "2 days"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T12:00:00+02:00", "2026-01-31T12:00:00+02:00"),
        ("'2026-01-31T12:00:00'", "2026-01-31T12:00:00+00:00"),
    ],
)
def test_exclude_newer_is_written_so_that_it_can_be_read_again(text: str, written: str) -> None:
    (limit,) = manifest(f"[lock]\nexclude-newer = {text}").lock.exclude_newer.values()

    assert format_limit(limit) == written
    assert manifest(f"[lock]\nexclude-newer = '{written}'").lock.exclude_newer == {"*": limit}


def test_exclude_newer_false_is_none() -> None:
    assert manifest("[lock]\nexclude-newer = false").lock.exclude_newer == {}


def test_exclude_newer_by_package_can_lift_the_limit() -> None:
    text = "[lock]\nexclude-newer = { '*' = '3 days', Acme_Sdk = false }"

    assert manifest(text).lock.exclude_newer == {"*": timedelta(days=3), "acme-sdk": None}


def test_the_build_table_is_read() -> None:
    build = manifest(
        """
[build]
allow = ["DocOpt", "patched"]
deny = ["evil"]
no-binary = ["numpy"]
constraints = ["setuptools<81"]
config-settings = { Patched = { "--global-option" = "x" } }
"""
    ).build

    assert build.allow == frozenset({"docopt", "patched"})
    assert (build.deny, build.no_binary) == (frozenset({"evil"}), frozenset({"numpy"}))
    assert build.constraints == (Requirement("setuptools<81"),)
    assert build.config_settings == {"patched": {"--global-option": "x"}}


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("false", frozenset()), ("[]", frozenset())])
def test_builds_are_allowed_for_all_or_for_none(text: str, expected: object) -> None:
    assert manifest(f"[build]\nallow = {text}").build.allow == expected


@pytest.mark.parametrize(("text", "expected"), [("'auto'", "auto"), ("true", "true"), ("false", "false")])
def test_compile_is_a_word(text: str, expected: str) -> None:
    assert manifest(f"[install]\ncompile = {text}").install.compile == expected


def test_the_install_table_is_read() -> None:
    install = manifest(
        """
[install]
link = "copy"
switch = "merge"
prune = "managed"
keep-generations = 1
accept-bad-record = ["Old_Wheel"]
allow-overwrite = ["ns.pkg"]
"""
    ).install

    assert (install.link, install.switch, install.prune, install.keep_generations) == (
        "copy",
        "merge",
        "managed",
        1,
    )
    assert install.accept_bad_record == frozenset({"old-wheel"})
    assert install.allow_overwrite == frozenset({"ns-pkg"})


def test_the_policy_table_is_read() -> None:
    policy = manifest(
        """
[policy]
yanked = "off"
licenses = { mode = "enforce", deny = ["AGPL-3.0-only"] }
startup-hooks = { allow = ["Setuptools"] }
min-age = { mode = "warn", age = "3 days", allow = ["acme-*"] }
size = { mode = "warn", max = "200 MB" }
waive = [{ rule = "licenses", package = "Foo", reason = "ours", until = 2027-01-31 }]
"""
    ).policy

    assert policy.rules["yanked"] == Rule(name="yanked", mode="off")
    assert policy.rules["licenses"] == Rule(
        name="licenses", mode="enforce", settings={"deny": ("AGPL-3.0-only",)}
    )
    assert policy.rules["startup-hooks"] == Rule(
        name="startup-hooks", mode="enforce", settings={"allow": ("setuptools",)}
    )
    assert policy.rules["min-age"].settings == {"age": timedelta(days=3), "allow": ("acme-*",)}
    assert policy.rules["size"].settings == {"max": 200_000_000}
    assert policy.waivers == (Waiver(rule="licenses", package="foo", reason="ours", until=date(2027, 1, 31)),)


def test_a_size_is_a_number_of_bytes_too_and_severities_are_words() -> None:
    rules = manifest(
        "[policy]\nsize = { max = 5 }\nvulnerabilities = { severity = 'high', ignore = ['GHSA-1'] }"
    ).policy.rules

    assert rules["size"].settings == {"max": 5}
    assert rules["vulnerabilities"].settings == {"severity": "high", "ignore": ("GHSA-1",)}


def test_environments_keep_the_order_of_the_file_and_the_unwritten_default_is_first() -> None:
    assert list(manifest("[env.b]\n[env.a]").environments) == ["default", "b", "a"]
    assert list(manifest("[env.b]\n[env.default]\n[env.a]").environments) == ["b", "default", "a"]


def test_an_environment_lies_where_it_says_or_in_a_folder_of_its_name() -> None:
    environments = manifest("[env.ci]\n[env.x]\npath = '../x'\n[env.y]\npath = '/opt/y/'").environments

    assert {name: one.path for name, one in environments.items()} == {
        "default": "/srv/shop/.venv",
        "ci": "/srv/shop/.venv-ci",
        "x": "/srv/x",
        "y": "/opt/y",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("dev",)),
        ("[env.default]\npath = 'x'", ("dev",)),
        ("[env.default]\ngroups = []", ()),
        ("[env.default]\ngroups = ['test']", ("test",)),
    ],
    ids=["not written", "without groups", "with no groups", "with others"],
)
def test_only_the_default_environment_without_groups_takes_the_group_dev(
    text: str, expected: tuple[str, ...]
) -> None:
    environments = manifest(f"[dependency-groups]\ndev = []\ntest = []\n[env.ci]\n{text}").environments

    assert environments["default"].groups == expected
    assert environments["ci"].groups == ()


def test_an_environment_has_groups_extras_and_a_python() -> None:
    text = (
        "[dependency-groups]\nMy_Test = []\n[optional-dependencies]\npg = []\n"
        "[env.ci]\ngroups = ['my.test']\nextras = ['PG']\npython = '3.12'"
    )

    declared = manifest(text).environments["ci"]

    assert (declared.groups, declared.extras) == (("my-test",), ("pg",))
    assert declared.python is not None
    assert (declared.python.text, declared.python.where) == ("3.12", "env.toml:8")


def test_a_version_of_envctl_that_fits_changes_nothing() -> None:
    assert manifest('requires-envctl = ">=0.1"').environments == manifest("").environments
