"""Everything that can be wrong in a manifest: refused with its code, its line, and what was meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from envctl.errors import EnvctlError, InputError, Problems
from envctl.manifest.parse import parse

FOLDER = "/srv/shop"


def problems(text: str, pyproject: str | None = None) -> Sequence[EnvctlError]:
    try:
        parse(
            text.encode(),
            path=f"{FOLDER}/env.toml",
            pyproject=None if pyproject is None else pyproject.encode(),
        )
    except Problems as together:
        return together.errors
    except InputError as error:
        return [error]
    return []


@dataclass(frozen=True)
class Mistake:
    """The first line of each text is line 1; ``key`` begins the message, ``hint`` is in a hint."""

    text: str
    code: str
    line: int
    key: str
    hint: str = ""


MISTAKES = {
    "key misspelt": Mistake('\npyhton = "3.12"', "unknown-key", 2, "pyhton", "did you mean `python`?"),
    "key of pyproject": Mistake('requires-python = "3"', "unknown-key", 1, "requires-python", "`python`"),
    "key of another table": Mistake(
        'targets = ["linux-x86_64"]', "unknown-key", 1, "targets", "`targets` belongs in `[lock]`"
    ),
    "key of nothing": Mistake("zzz = 1", "unknown-key", 1, "zzz"),
    "key of an environment": Mistake(
        "[env.dev]\ngroup = []", "unknown-key", 2, "env.dev.group", "did you mean `groups`?"
    ),
    "key of an index": Mistake(
        '[[index]]\nname = "a"\nurl = "https://a.example/"\npassword = "x"',
        "unknown-key",
        4,
        "index[0].password",
        "ENVCTL_INDEX_<NAME>_PASSWORD",
    ),
    "key of a source": Mistake(
        '[sources.a]\npath = "a"\neditible = true', "unknown-key", 3, "sources.a.editible", "`editable`"
    ),
    "key of a rule": Mistake(
        '[policy]\nyanked = {mode = "warn", alow = []}', "unknown-key", 2, "policy.yanked.alow", "`allow`"
    ),
    "rule": Mistake('[policy]\nlicences = "off"', "unknown-key", 2, "policy.licences", "`licenses`"),
    "tool table": Mistake("[tool.uv]\nx = 1", "unknown-key", 1, "tool", "envctl import"),
    "name not text": Mistake("name = 3", "wrong-type", 1, "name"),
    "name of two lines": Mistake('name = "a\\nb"', "bad-name", 1, "name"),
    "name with an escape code": Mistake('name = "a\\u001b[0m"', "bad-name", 1, "name"),
    "dependencies as text": Mistake(
        'dependencies = "flask"', "wrong-type", 1, "dependencies", 'write `["flask"]`'
    ),
    "dependency as number": Mistake('dependencies = ["a",\n3]', "wrong-type", 2, "dependencies[1]"),
    "dependency with one equals": Mistake(
        'dependencies = [\n"flask = 3"]', "bad-requirement", 2, "dependencies[0]", "did you mean `flask==3`?"
    ),
    "dependency with a caret": Mistake(
        'dependencies = ["flask^3.0"]', "bad-requirement", 1, "dependencies[0]", "`flask>=3.0`"
    ),
    "dependency as path": Mistake(
        'dependencies = ["./core"]', "bad-requirement", 1, "dependencies[0]", "[sources]"
    ),
    "option as dependency": Mistake(
        'dependencies = ["--index-url=x"]', "bad-requirement", 1, "dependencies[0]", "keys of their own"
    ),
    "bad specifier in a dependency": Mistake(
        'dependencies = ["a>=x"]', "bad-requirement", 1, "dependencies[0]"
    ),
    "bad marker": Mistake("dependencies = [\"a; pyton < '3'\"]", "bad-requirement", 1, "dependencies[0]"),
    "endless requirement": Mistake(
        f'dependencies = ["a; {"(" * 9000}"]', "bad-requirement", 1, "dependencies[0]"
    ),
    "credentials in a requirement": Mistake(
        'dependencies = ["a @ https://me:secret@h.example/a.whl"]',
        "credentials-in-url",
        1,
        "dependencies[0]",
        "belong in no file",
    ),
    "strange scheme in a requirement": Mistake(
        'dependencies = ["a @ ext::sh"]', "bad-url", 1, "dependencies[0]"
    ),
    "extra with a bad requirement": Mistake(
        "[optional-dependencies]\nx = [\n  'a',\n  '?'\n]", "bad-requirement", 4, "optional-dependencies.x[1]"
    ),
    "extras that are one": Mistake(
        "[optional-dependencies]\na-b = []\nA_b = []", "duplicate-name", 3, "optional-dependencies.A_b", ""
    ),
    "extra without a name": Mistake(
        '[optional-dependencies]\n"a b" = []', "bad-name", 2, 'optional-dependencies."a b"'
    ),
    "group with a bad requirement": Mistake(
        "[dependency-groups]\ng = ['==']", "bad-requirement", 2, "dependency-groups.g[0]"
    ),
    "group of a number": Mistake("[dependency-groups]\ng = [1]", "wrong-type", 2, "dependency-groups.g[0]"),
    "include with more": Mistake(
        "[dependency-groups]\na = []\ng = [{include-group = 'a', x = 1}]",
        "unknown-key",
        3,
        "dependency-groups.g[0].x",
    ),
    "include misspelt": Mistake(
        "[dependency-groups]\ntest = []\ng = [\n{include-group = 'tset'}]",
        "unknown-group",
        4,
        "dependency-groups.g[0]",
        "did you mean `test`?",
    ),
    "include of itself": Mistake(
        "[dependency-groups]\ng = [{include-group = 'G'}]", "group-cycle", 2, "dependency-groups.g[0]"
    ),
    "groups in a circle": Mistake(
        "[dependency-groups]\na = [{include-group = 'b'}]\nb = [{include-group = 'c'}]\n"
        "c = [\n'x',\n{include-group = 'a'}]",
        "group-cycle",
        6,
        "dependency-groups.c[1]",
    ),
    "groups that are one": Mistake(
        "[dependency-groups]\na_b = []\n'a.b' = []", "duplicate-name", 3, 'dependency-groups."a.b"'
    ),
    "group called default": Mistake(
        "[dependency-groups]\nDefault = []", "reserved-name", 2, "dependency-groups.Default"
    ),
    "python of no kind": Mistake('python = "three"', "bad-python", 1, "python", "a specifier"),
    "python with a star": Mistake('python = "3.12.*"', "bad-python", 1, "python", "did you mean `3.12`?"),
    "python with a caret": Mistake('python = "^3.9"', "bad-python", 1, "python", "`>=3.9,<4`"),
    "python specifier": Mistake('python = ">=3.x"', "bad-specifier", 1, "python"),
    "python empty": Mistake('python = ""', "bad-python", 1, "python"),
    "python in the home folder": Mistake('python = "~/bin/python"', "bad-path", 1, "python"),
    "python of an environment": Mistake('[env.ci]\npython = "x"', "bad-python", 2, "env.ci.python"),
    "requires-envctl of no kind": Mistake('requires-envctl = "1.0"', "bad-specifier", 1, "requires-envctl"),
    "source of no kind": Mistake("[sources]\na = {}", "bad-source", 2, "sources.a", "one of"),
    "source of two kinds": Mistake(
        "[sources]\na = {path = 'a', url = 'https://a.example/a.whl'}", "bad-source", 2, "sources.a"
    ),
    "editable index": Mistake(
        "[sources]\na = {index = 'pypi', editable = true}", "bad-source", 2, "sources.a.editable"
    ),
    "tag of a path": Mistake("[sources]\na = {path = 'a', tag = 'v1'}", "bad-source", 2, "sources.a.tag"),
    "branch and tag": Mistake(
        "[sources]\na = {git = 'https://a.example/a', branch = 'b', tag = 't'}", "bad-source", 2, "sources.a"
    ),
    "tag that is an option": Mistake(
        "[sources]\na = {git = 'https://a.example/a', tag = '--upload-pack=x'}",
        "bad-source",
        2,
        "sources.a.tag",
    ),
    "git with another transport": Mistake(
        "[sources]\na = {git = 'ext::sh -c x'}", "bad-url", 2, "sources.a.git"
    ),
    "git url with an option for host": Mistake(
        "[sources]\na = {git = 'ssh://-oProxyCommand=x/a'}", "bad-url", 2, "sources.a.git"
    ),
    "git in pip's spelling": Mistake(
        "[sources]\na = {git = 'git+https://a.example/a'}",
        "bad-url",
        2,
        "sources.a.git",
        "`https://a.example/a`",
    ),
    "git in the spelling of ssh": Mistake(
        "[sources]\na = {git = 'git@a.example:b/c.git'}",
        "bad-url",
        2,
        "sources.a.git",
        "`ssh://git@a.example/b/c.git`",
    ),
    "git with a password": Mistake(
        "[sources]\na = {git = 'https://me:secret@a.example/a'}", "credentials-in-url", 2, "sources.a.git"
    ),
    "url that is a path": Mistake("[sources]\na = {url = './a.whl'}", "bad-url", 2, "sources.a.url"),
    "subdirectory outside": Mistake(
        "[sources]\na = {path = 'a', subdirectory = '../b'}", "bad-path", 2, "sources.a.subdirectory"
    ),
    "empty path": Mistake("[sources]\na = {path = ''}", "bad-path", 2, "sources.a.path"),
    "source of an unknown index": Mistake(
        "[sources]\na = {index = 'acne'}\n[[index]]\nname = 'acme'\nurl = 'https://a.example/'",
        "unknown-index",
        2,
        "sources.a.index",
        "did you mean `acme`?",
    ),
    "sources that are one": Mistake(
        "[sources]\na-b = {path = 'a'}\na_b = {path = 'b'}", "duplicate-name", 3, "sources.a_b"
    ),
    "source of a url that a list has too": Mistake(
        "dependencies = [\n'A @ https://a.example/a.whl']\n[sources]\na = {path = 'a'}",
        "two-origins",
        2,
        "a",
    ),
    "one index as a table": Mistake(
        "[index]\nname = 'a'\nurl = 'https://a.example/'", "wrong-type", 1, "index", "`[[index]]`"
    ),
    "index without a url": Mistake("[[index]]\nname = 'a'", "missing-key", 1, "index[0]"),
    "indexes that are one": Mistake(
        "[[index]]\nname = 'a.b'\nurl = 'https://a.example/'\n"
        "[[index]]\nname = 'A-B'\nurl = 'https://b.example/'",
        "duplicate-name",
        5,
        "index[1].name",
    ),
    "index with a bad name": Mistake(
        "[[index]]\nname = 'a b'\nurl = 'https://a.example/'", "bad-name", 2, "index[0].name"
    ),
    "index with credentials": Mistake(
        "[[index]]\nname = 'my-co'\nurl = 'https://me:secret@a.example/'",
        "credentials-in-url",
        3,
        "index[0].url",
        "`ENVCTL_INDEX_MY_CO_USERNAME`",
    ),
    "index of files that is not said to be flat": Mistake(
        "[[index]]\nname = 'a'\nurl = './wheels'", "bad-url", 3, "index[0].url", "`flat = true`"
    ),
    "index with another scheme": Mistake(
        "[[index]]\nname = 'a'\nurl = 'ftp://a.example/'", "bad-url", 3, "index[0].url"
    ),
    "index without a host": Mistake(
        "[[index]]\nname = 'a'\nurl = 'https:///simple/'", "bad-url", 3, "index[0].url"
    ),
    "index with bad patterns": Mistake(
        "[[index]]\nname = 'a'\nurl = 'https://a.example/'\npackages = ['a b']",
        "bad-name",
        4,
        "index[0].packages[0]",
    ),
    "lock with another name": Mistake("[lock]\npath = 'my.lock'", "bad-lock-path", 2, "lock.path", "PEP 751"),
    "lock in another folder": Mistake("[lock]\npath = '../pylock.toml'", "bad-lock-path", 2, "lock.path"),
    "target misspelt": Mistake(
        "[lock]\ntargets = [\n'linux-x86-64']", "unknown-target", 3, "lock.targets[0]", "`linux-x86_64`"
    ),
    "target twice": Mistake(
        "[lock]\ntargets = ['macos-arm64', 'macos-arm64']", "duplicate-name", 2, "lock.targets[1]"
    ),
    "locked python": Mistake("[lock]\npython = ['>=3.11']", "bad-python", 2, "lock.python[0]"),
    "locked python twice": Mistake(
        "[lock]\npython = ['3.11', '3.11']", "duplicate-name", 2, "lock.python[1]"
    ),
    "resolution": Mistake(
        "[lock]\nresolution = 'hihgest'", "bad-value", 2, "lock.resolution", "did you mean `highest`?"
    ),
    "prerelease": Mistake("[lock]\nprerelease = true", "wrong-type", 2, "lock.prerelease"),
    "prerelease of a package": Mistake(
        "[lock]\nprerelease = {rich = 'allowed'}", "bad-value", 2, "lock.prerelease.rich", "`allow`"
    ),
    "exclude-newer": Mistake("[lock]\nexclude-newer = '3 dys'", "bad-time", 2, "lock.exclude-newer"),
    "exclude-newer true": Mistake("[lock]\nexclude-newer = true", "bad-time", 2, "lock.exclude-newer"),
    "exclude-newer of a package": Mistake(
        "[lock]\nexclude-newer = {a = '2026-13-01'}", "bad-time", 2, "lock.exclude-newer.a"
    ),
    "constraint": Mistake("[lock]\nconstraints = ['<3']", "bad-requirement", 2, "lock.constraints[0]"),
    "constraint with a url": Mistake(
        "[lock]\nconstraints = ['a @ https://a.example/a.whl']",
        "url-not-allowed",
        2,
        "lock.constraints[0]",
        "[sources]",
    ),
    "exclude": Mistake("[lock]\nexcludes = ['a>1']", "bad-name", 2, "lock.excludes[0]"),
    "exclude twice": Mistake("[lock]\nexcludes = ['a.b', 'A-B']", "duplicate-name", 2, "lock.excludes[1]"),
    "conflict of nobody": Mistake(
        "[dependency-groups]\ncpu = []\n[lock]\nconflicts = [[{group = 'cpu'},\n{group = 'gpu'}]]",
        "unknown-group",
        5,
        "lock.conflicts[0][1]",
        "did you mean `cpu`?",
    ),
    "conflict of one": Mistake(
        "[dependency-groups]\ncpu = []\n[lock]\nconflicts = [[{group = 'cpu'}]]",
        "bad-value",
        4,
        "lock.conflicts[0]",
    ),
    "conflict within an environment": Mistake(
        "[dependency-groups]\ncpu = []\n[optional-dependencies]\ngpu = []\n"
        "[lock]\nconflicts = [[{group = 'cpu'}, {extra = 'gpu'}]]\n"
        "[env.both]\ngroups = ['cpu']\nextras = ['gpu']",
        "conflicting-lists",
        7,
        "env.both",
    ),
    "build allow": Mistake("[build]\nallow = 'all'", "wrong-type", 2, "build.allow"),
    "build deny": Mistake("[build]\ndeny = ['a/b']", "bad-name", 2, "build.deny[0]"),
    "build setting": Mistake(
        "[build]\nconfig-settings = {a = {x = 1}}", "wrong-type", 2, "build.config-settings.a.x"
    ),
    "link": Mistake("[install]\nlink = 'symlink'", "bad-value", 2, "install.link"),
    "compile": Mistake("[install]\ncompile = 'true'", "bad-value", 2, "install.compile"),
    "generations": Mistake("[install]\nkeep-generations = -1", "bad-value", 2, "install.keep-generations"),
    "generations as truth": Mistake(
        "[install]\nkeep-generations = true", "wrong-type", 2, "install.keep-generations"
    ),
    "mode of a rule": Mistake("[policy]\nsdists = 'wran'", "bad-value", 2, "policy.sdists", "`warn`"),
    "age": Mistake("[policy]\nmin-age = {age = 'soon'}", "bad-time", 2, "policy.min-age.age"),
    "age left out": Mistake("[policy]\nmin-age = {mode = 'warn'}", "missing-key", 2, "policy.min-age"),
    "size": Mistake("[policy]\nsize = {max = 'big'}", "bad-size", 2, "policy.size.max"),
    "waiver of no rule": Mistake(
        "[policy]\nwaive = [{rule = 'license', package = 'a', reason = 'b'}]",
        "unknown-rule",
        2,
        "policy.waive[0].rule",
        "`licenses`",
    ),
    "waiver without a reason": Mistake(
        "[policy]\nwaive = [{rule = 'licenses', package = 'a'}]", "missing-key", 2, "policy.waive[0]"
    ),
    "waiver until text": Mistake(
        "[policy]\nwaive = [{rule = 'licenses', package = 'a', reason = 'b', until = '2027-01-31'}]",
        "wrong-type",
        2,
        "policy.waive[0].until",
    ),
    "environment's unknown group": Mistake(
        "[dependency-groups]\ntest = []\n[env.ci]\ngroups = [\n'tests']",
        "unknown-group",
        5,
        "env.ci.groups[0]",
        "did you mean `test`?",
    ),
    "environment's unknown extra": Mistake(
        "[optional-dependencies]\npostgres = []\n[env.ci]\nextras = ['postgre']",
        "unknown-extra",
        4,
        "env.ci.extras[0]",
        "did you mean `postgres`?",
    ),
    "group twice in an environment": Mistake(
        "[dependency-groups]\na = []\n[env.ci]\ngroups = ['a', 'A']", "duplicate-name", 4, "env.ci.groups[1]"
    ),
    "environments of one path": Mistake(
        "[env.a]\npath = 'x'\n[env.b]\npath = './x/'", "duplicate-path", 4, "env.b.path"
    ),
    "path of the default environment that is not written": Mistake(
        "[env.ci]\npath = '.venv'", "duplicate-path", 2, "env.ci.path"
    ),
    "environment in another": Mistake("[env.a]\npath = '.venv/a'", "duplicate-path", 2, "env.a.path"),
    "environment in the folder of generations": Mistake(
        "[env.a]\npath = '.venv.envctl'", "duplicate-path", 2, "env.a.path"
    ),
    "environment around the manifest": Mistake("[env.a]\npath = '..'", "bad-path", 2, "env.a.path"),
    "environments that are one": Mistake("[env.a-b]\n[env.A_b]", "duplicate-name", 2, "env.A_b"),
    "environment in the home folder": Mistake("[env.a]\npath = '~/a'", "bad-path", 2, "env.a.path"),
    "conflict of a member that is two": Mistake(
        "dependency-groups = {a = []}\noptional-dependencies = {b = []}\n[lock]\n"
        "conflicts = [[{group = 'a', extra = 'b'}, {group = 'a'}]]",
        "bad-value",
        4,
        "lock.conflicts[0][0]",
    ),
    "endless name": Mistake(f"dependencies = ['{'a' * 300}']", "bad-requirement", 1, "dependencies[0]"),
    "pattern that is no text": Mistake(
        "[[index]]\nname = 'a'\nurl = 'https://a.example/'\npackages = [1]",
        "wrong-type",
        4,
        "index[0].packages[0]",
    ),
    "index that is no table": Mistake("index = [3]", "wrong-type", 1, "index[0]"),
    "index name that is no text": Mistake(
        "[[index]]\nname = 1\nurl = 'https://a.example/'", "wrong-type", 2, "index[0].name"
    ),
    "source path that is no text": Mistake("[sources]\na = {path = 3}", "wrong-type", 2, "sources.a.path"),
    "target that is no text": Mistake("[lock]\ntargets = [1]", "wrong-type", 2, "lock.targets[0]"),
    "negative size": Mistake("[policy]\nsize = {max = -1}", "bad-size", 2, "policy.size.max"),
    "waiver with an empty reason": Mistake(
        "[policy]\nwaive = [{rule = 'licenses', package = 'a', reason = ' '}]",
        "bad-value",
        2,
        "policy.waive[0].reason",
    ),
    "waiver of no package": Mistake(
        "[policy]\nwaive = [{rule = 'licenses', package = '*', reason = 'a'}]",
        "bad-name",
        2,
        "policy.waive[0].package",
    ),
    "project that is no text": Mistake("project = 3", "wrong-type", 1, "project"),
    "project that is no path": Mistake("project = ''", "bad-path", 1, "project"),
    "environment without a name": Mistake('[env."a/b"]', "bad-name", 1, 'env."a/b"'),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_refused_with_code_line_key_and_hint(mistake: Mistake) -> None:
    found = problems(mistake.text)

    assert [(error.code, error.where) for error in found] == [(mistake.code, f"env.toml:{mistake.line}")]
    assert found[0].message.startswith(f"`{mistake.key}` ")
    assert mistake.hint in "\n".join(found[0].hints)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_message_is_one_line_without_a_full_stop(mistake: Mistake) -> None:
    (error,) = problems(mistake.text)

    assert error.message.isprintable() or "\x1b" in error.message
    assert not error.message.endswith(".")


@pytest.mark.parametrize(
    "mistake", [one for one in MISTAKES.values() if "secret" in one.text], ids=lambda one: one.key
)
def test_credentials_are_never_shown(mistake: Mistake) -> None:
    (error,) = problems(mistake.text)

    assert "secret" not in "\n".join([error.message, *error.hints])


@pytest.mark.parametrize(
    "text",
    [
        'dependencies = ["a @ https://me:secret@h.example/a.whl ; nonsense"]',
        'dependencies = ["a = https://me:secret@h.example/a.whl"]',
        'dependencies = "a @ https://me:secret@h.example/a.whl"',
        'name = ["x"]\npython = "https://me:secret@h.example/"',
        "[[index]]\nname = 'a'\nurl = 'https://me:sec/ret@h.example/secret'",
        'dependencies = "a @ https://me:sec/ret@h.example/a.whl"',
        "[sources]\na = {git = 'git+ssh://me:secret@h.example/a'}",
    ],
)
def test_credentials_are_not_shown_by_way_of_other_mistakes(text: str) -> None:
    found = problems(text)

    assert found
    assert not [error for error in found if "me:sec" in "\n".join([error.message, *error.hints])]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("3", "an integer `3`"),
        ("1.5", "a float `1.5`"),
        ("true", "a boolean `true`"),
        ("[]", "a list"),
        ("{}", "a table"),
        ("2026-01-31", "a date `2026-01-31`"),
        ("2026-01-31T10:00:00", "a time `2026-01-31 10:00:00`"),
        ("10:00:00", "a time of day `10:00:00`"),
    ],
)
def test_a_wrong_type_is_called_by_its_name(value: str, words: str) -> None:
    (error,) = problems(f"name = {value}")

    assert error.message == f"`name` is {words}, not a string"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("project = 3", "a string or a table"),
        ("[build]\nallow = 'x'", "true or false or a list of names"),
        ("env = []", "a table"),
        ("dependencies = {}", "a list of strings"),
    ],
)
def test_what_was_expected_is_said(text: str, words: str) -> None:
    (error,) = problems(text)

    assert error.message.endswith(f", not {words}")


def test_three_mistakes_are_three_problems_in_the_order_of_lines() -> None:
    text = """\
python = "3.12.x"
dependencies = [
    "flask>=3",
    "requests=2",
]

[env.default]
groups = ["test"]
"""

    found = problems(text)

    assert [(error.code, error.where) for error in found] == [
        ("bad-python", "env.toml:1"),
        ("bad-requirement", "env.toml:4"),
        ("unknown-group", "env.toml:8"),
    ]


def test_a_table_that_is_refused_whole_causes_no_further_problems() -> None:
    text = "dependency-groups = 3\n[env.default]\ngroups = ['dev']\n[lock]\nconflicts = [[{group='a'}, {group='b'}]]"

    found = problems(text)

    assert [error.code for error in found] == ["wrong-type"]


def test_an_index_with_a_bad_url_is_known_to_sources_all_the_same() -> None:
    text = "[sources]\na = {index = 'x'}\n[[index]]\nname = 'x'\nurl = 'nonsense'"

    found = problems(text)

    assert [error.code for error in found] == ["bad-url"]


def test_two_circles_are_two_problems() -> None:
    text = """\
[dependency-groups]
a = [{include-group = "b"}]
b = [{include-group = "a"}]
c = [{include-group = "d"}]
d = [{include-group = "c"}, {include-group = "a"}]
"""

    found = problems(text)

    assert [(error.code, error.where) for error in found] == [
        ("group-cycle", "env.toml:3"),
        ("group-cycle", "env.toml:5"),
    ]
    assert "`b` → `a` → `b`" in found[0].message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = \n", 2),
        ("a = 1\na = 2\n", 2),
        ('\n\nx = "\n', 3),
        ("x = [1,\n2,\n", 2),
        ("\ufeffa = 1\n", 1),
        ("x = " + "9" * 5000, 1),
    ],
)
def test_what_is_not_toml_is_one_problem_with_its_line(text: str, line: int) -> None:
    found = problems(text)

    assert [(error.code, error.where) for error in found] == [("bad-toml", f"env.toml:{line}")]


def test_what_is_not_text_is_refused_with_its_line() -> None:
    with pytest.raises(InputError) as caught:
        parse(b"a = 1\nb = '\xff'\n", path="/srv/env.toml")

    assert (caught.value.code, caught.value.where) == ("bad-toml", "env.toml:2")


def test_nesting_without_end_is_refused() -> None:
    found = problems("a = " + "[" * 10_000)

    assert [error.code for error in found] == ["bad-toml"]


def test_another_version_of_envctl_is_asked_for_before_anything_else_is_looked_at() -> None:
    found = problems('unheard-of = 1\nrequires-envctl = ">=99"\npython = []')

    assert [(error.code, error.where) for error in found] == [("requires-envctl", "env.toml:2")]


def test_groups_that_multiply_are_refused_before_they_fill_the_memory() -> None:
    levels = [
        f"g{n} = [{{include-group = 'g{n - 1}'}}, {{include-group = 'g{n - 1}'}}]" for n in range(1, 60)
    ]

    found = problems("\n".join(["[dependency-groups]", "g0 = ['a']", *levels]))

    assert [error.code for error in found] == ["group-too-large"]


def test_a_chain_of_includes_without_end_is_refused() -> None:
    levels = [f"g{n} = [{{include-group = 'g{n + 1}'}}]" for n in range(3000)]

    found = problems("\n".join(["[dependency-groups]", *levels, "g3000 = []"]))

    assert [error.code for error in found] == ["group-too-large"]
